"""MatBench's formation energies, `matbench_mp_e_form.json.gz`, as a stream of entries.

The file is a gzipped JSON object in pandas' "split" layout, `{"index": [...], "columns": ["structure", "e_form"], "data":
[[structure, eV/atom], ...]}`. A structure is the dict of pymatgen's `Structure.as_dict`, of which `lattice.matrix` and each
site's `species` and `abc` are read, without making the pymatgen object. One row at a time is held, never the file.
"""

from __future__ import annotations

import codecs
import gzip
import json
import math
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lcom.crystal import Crystal
from lcom.elements import symbol_to_number
from lcom.sources.entries import DISORDERED, NO_ENERGY, REPEATED, UNREADABLE, Entry, Rejected

TASK = "matbench_mp_e_form"
SOURCE = "matbench"
ID = "mb-mp-e-form-{:06d}"  # matbench's own ids: of row 0 of the index 000001
CHUNK = 1 << 20  # bytes of text decoded at a time
LONGEST = 1 << 26  # characters of one value: more is no crystal but a file that is broken
SMALLEST = 1e-3  # Å³, a cell's volume

_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Disordered(ValueError):
    """A structure with a site that is shared or partly empty."""


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
    seen: set[str] = set()
    count = 0
    for row in (value for key, value in _parts(path, chunk) if key == "row"):
        if index is not None and count == len(index):
            raise ValueError(
                f"{path} is damaged: its index has {count} names, its data have more rows. Download it again"
            )
        id = _id(count if index is None else index[count])
        count += 1
        if id is None:
            yield Rejected(f"row {count}", UNREADABLE, f"{index[count - 1]!r} is no id")
        elif id in seen:
            yield Rejected(id, REPEATED, f"row {count} has the id of an earlier row")
        else:
            seen.add(id)
            yield _entry(id, row, place, len(columns))
    if index is not None and count < len(index):
        raise ValueError(f"{path} is damaged: {count} rows for {len(index)} names of its index. Download it again")
    if count == 0:
        raise ValueError(f"{path} has no rows: is it {TASK}.json.gz?")


def crystal_of(structure: dict) -> Crystal:
    """The crystal of pymatgen's `Structure.as_dict`; oxidation states and site properties are left out.

    Raises `Disordered` for a partial occupancy, and ValueError for what is no structure of known elements.
    """
    numbers, frac_coords = [], []
    try:
        for site in structure["sites"]:
            species = site["species"]
            if len(species) != 1 or abs(species[0]["occu"] - 1) > 1e-8:
                raise Disordered(f"site {len(numbers) + 1} holds {_occupancies(species)}")
            numbers.append(symbol_to_number(species[0]["element"]))
            frac_coords.append(site["abc"])
        crystal = Crystal(numbers, frac_coords, structure["lattice"]["matrix"])
    except KeyError as error:
        raise ValueError(f"no structure of pymatgen: no {error}") from error
    except (TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"no structure of pymatgen: {error}") from error
    if not crystal.volume > SMALLEST:
        raise ValueError("the lattice has no volume")
    return crystal


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
    except Disordered as error:
        return Rejected(id, DISORDERED, str(error))
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
            text = _Text(file, chunk)
            text.take("{")
            ending = ","
            while ending == ",":
                key = text.value()
                text.take(":")
                if key != "data":
                    yield key, text.value()
                else:
                    text.take("[")
                    ending = text.take("]") if text.peek() == "]" else ","
                    while ending == ",":
                        row = text.value()
                        rows += 1
                        yield "row", row
                        ending = text.take(",]")
                ending = text.take(",}")
            text.end()  # the checksum of gzip stands at the end
    except (EOFError, gzip.BadGzipFile, zlib.error, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged or cut off: {rows} rows could be read, then: {error}. Download it again, or compare its sha256"
        ) from error


class _Text:
    """The decoded text of a JSON file, of which one value at a time is parsed and then forgotten."""

    def __init__(self, file: BinaryIO, chunk: int) -> None:
        self._file, self._chunk = file, chunk
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at, self._ended = "", 0, False

    def _more(self, fault: str = "nothing but blanks") -> None:
        """Add as much text as is waiting, a chunk at least: so a long value is begun again a few times, not at every chunk."""
        waiting = len(self._text) - self._at
        if waiting > LONGEST:
            raise ValueError(f"no valid JSON ({fault})")
        data = self._file.read(max(self._chunk, waiting))
        self._ended = not data
        self._text = self._text[self._at :] + self._decode(data, self._ended)
        self._at = 0

    def peek(self) -> str:
        """The next character that is not blank."""
        while True:
            self._at = _BLANKS.match(self._text, self._at).end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                raise EOFError("the text ends too early")
            self._more()

    def take(self, characters: str) -> str:
        """The next character, which must be one of these."""
        found = self.peek()
        if found not in characters:
            raise ValueError(f"{found!r} stands in place of {' or '.join(characters)}")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value. What cannot be parsed may only be cut by the chunk: it is tried again with more."""
        self.peek()
        while True:
            fault = "a number without end"
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                fault = error.msg
                if self._ended:
                    raise ValueError(f"no valid JSON ({fault})") from error
            else:
                if end < len(self._text) or self._ended:  # else a number may go on in the next chunk
                    self._at = end
                    return value
            self._more(fault)

    def end(self) -> None:
        """Nothing may follow."""
        try:
            found = self.peek()
        except EOFError:
            if self._ended:
                return
            raise
        raise ValueError(f"{found!r} follows the end")
