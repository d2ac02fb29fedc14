"""MatBench's formation energies, `matbench_mp_e_form.json.gz`, as a stream of entries.

The file is a gzipped JSON object in pandas' "split" layout, `{"index": [...], "columns": ["structure", "e_form"], "data":
[[structure, eV/atom], ...]}`. A structure is the dict of pymatgen's `Structure.as_dict`, of which `lattice.matrix` and each
site's `species` and `abc` are read, without making the pymatgen object. One row at a time is held, never the file.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lcom.crystal import Crystal
from lcom.data.sources.entries import DISORDERED, NO_ENERGY, UNREADABLE, Entry, Rejected, Unusable, checked
from lcom.data.sources.json_text import CHUNK, JsonText
from lcom.data.sources.marker import anew
from lcom.elements import symbol_to_number

TASK = "matbench_mp_e_form"
SOURCE = "matbench"
ID = "mb-mp-e-form-{:06d}"  # matbench's own ids: of row 0 of the index 000001


# ---- entries


def read(path: str | os.PathLike, energy: str = "e_form", chunk: int = CHUNK) -> Iterator[Entry | Rejected]:
    """The rows of the file in its order, `energy` being the column of eV/atom.

    An index of integers, as pandas makes it and MatBench's file has it, becomes MatBench's ids, which count from 1;
    strings are ids as they are. The index and the columns may stand behind the data; the file is then read twice.
    A file that is damaged or cut off is a ValueError, raised after the rows before the damage have been yielded.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: download it, or name your copy of {TASK}.json.gz in the config"
        )
    index, columns = _heading(path, chunk)
    if not isinstance(columns, list) or "structure" not in columns or energy not in columns:
        raise ValueError(f"{path} has the columns {columns}, not 'structure' and '{energy}': is it {TASK}.json.gz?")
    place = columns.index("structure"), columns.index(energy)
    count = 0
    for row in (value for key, value in _parts(path, chunk) if key == "row"):
        if index is not None and count == len(index):
            raise ValueError(f"{path} is damaged: its index has {count} names, its data have more rows: {anew(path)}")
        name = count if index is None else index[count]
        id = _id(name)
        count += 1
        if id is None:
            yield Rejected(f"row {count}", UNREADABLE, f"{name!r} is no id")
        else:
            yield _entry(id, row, place, len(columns))
    if index is not None and count < len(index):
        raise ValueError(f"{path} is damaged: {count} rows for {len(index)} names of its index: {anew(path)}")
    if count == 0:
        raise ValueError(f"{path} has no rows: is it {TASK}.json.gz?")


def crystal_of(structure: dict) -> Crystal:
    """The crystal of pymatgen's `Structure.as_dict`; oxidation states and site properties are left out.

    Raises `Unusable` for a partial occupancy or a cell without volume, and ValueError for what is no structure of known
    elements.
    """
    numbers, frac_coords = [], []
    try:
        for site in structure["sites"]:
            species = site["species"]
            if len(species) != 1 or abs(species[0]["occu"] - 1) > 1e-8:
                raise Unusable(DISORDERED, f"site {len(numbers) + 1} holds {_occupancies(species)}")
            numbers.append(symbol_to_number(species[0]["element"]))
            frac_coords.append(site["abc"])
        frac = np.array(frac_coords, dtype=np.float64)
        crystal = Crystal(np.array(numbers), frac, structure["lattice"]["matrix"])
    except KeyError as error:
        raise ValueError(f"no structure of pymatgen: no {error}") from error
    except (TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"no structure of pymatgen: {error}") from error
    return checked(crystal)


def _occupancies(species: list[dict]) -> str:
    return " ".join(f"{part['element']}:{part['occu']:g}" for part in species) or "nothing"


def _id(name: Any) -> str | None:
    if isinstance(name, int) and not isinstance(name, bool):
        return ID.format(name + 1)
    return name if isinstance(name, str) and name else None


def _entry(id: str, row: Any, place: tuple[int, int], n_columns: int) -> Entry | Rejected:
    if not isinstance(row, list) or len(row) != n_columns:
        return Rejected(id, UNREADABLE, f"the row has not {n_columns} columns")
    structure, energy = row[place[0]], row[place[1]]
    try:
        known = isinstance(energy, int | float) and not isinstance(energy, bool) and math.isfinite(energy)
    except OverflowError:  # an integer beyond all floats
        known = False
    if not known:
        return Rejected(id, NO_ENERGY, f"the formation energy is {str(energy)[:50]}")
    try:
        return Entry(id, crystal_of(structure), float(energy), SOURCE)
    except Unusable as fault:
        return Rejected(id, *fault.args)
    except ValueError as error:
        return Rejected(id, UNREADABLE, str(error))


# ---- the file


def _heading(path: Path, chunk: int) -> tuple[list | None, Any]:
    """The index (None if there is none) and the columns: what stands before the data, else what stands anywhere."""
    found: dict[str, Any] = {}
    for key, value in _parts(path, chunk):
        if key == "row" and {"index", "columns"} <= found.keys():
            break
        if key in ("index", "columns"):
            found[key] = value
    index = found.get("index")
    if index is not None and not isinstance(index, list):
        raise ValueError(f"{path} has no list under 'index': is it {TASK}.json.gz?")
    return index, found.get("columns")


def _parts(path: Path, chunk: int) -> Iterator[tuple[str, Any]]:
    """(key, value) of the JSON object in the file's order, but of `data` ("row", value) for each of its rows."""
    rows = 0
    try:
        with gzip.open(path) as file:
            text = JsonText(file, chunk)
            text.take("{")
            ending = ","
            while ending == ",":
                key = text.value()
                text.take(":")
                if key != "data":
                    yield key, text.value()
                else:
                    for row in text.items():
                        rows += 1
                        yield "row", row
                ending = text.take(",}")
            text.end()
    except (EOFError, gzip.BadGzipFile, zlib.error, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged or cut off: {rows} rows could be read, then: {error}: {anew(path)}"
        ) from error
