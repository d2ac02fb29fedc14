"""The Open Quantum Materials Database (oqmd.org): pages of its OPTIMADE interface, the JARVIS mirror; its dump: qmpy.py.

An entry is a formation energy of OQMD's fit "standard" with the structure its calculation ended in, as on oqmd.org. Ids are
OQMD's entry ids, oqmd-12345. One entry may have several such energies: the first counts (of the dump, the lowest, as
`Entry.energy` in qmpy). Pages and JARVIS may repeat an entry: `clean` drops repeated ids.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lcom.crystal import Crystal
from lcom.data.sources.entries import (
    ABSURD_ENERGY,
    DISORDERED,
    NO_ENERGY,
    NOT_SERVED,
    UNREADABLE,
    Entry,
    Rejected,
    Unusable,
    checked,
    possible,
    there,
)
from lcom.data.sources.json_text import CHUNK, JsonText
from lcom.data.sources.marker import anew
from lcom.data.sources.optimade import read_kept
from lcom.data.sources.optimade_folder import SKIPPED
from lcom.elements import SYMBOLS, symbol_to_number


def read_pages(folder: Path) -> Iterator[Entry | Rejected]:
    """The entries of the pages that `optimade.fetch_pages` kept in this folder."""
    for path, data in read_kept(folder):
        for k, row in enumerate(data, 1):
            if SKIPPED in row:
                yield Rejected(row["id"], NOT_SERVED, row[SKIPPED])
                continue
            attributes = row.get("attributes")
            id = entry_id(attributes, "_oqmd_entry_id") or entry_id(row, "id")
            yield entry(id, f"{path.name}, entry {k}", attributes, _optimade)


def read_jarvis(path: Path, chunk: int = CHUNK) -> Iterator[Entry | Rejected]:
    """The entries of JARVIS-tools' data set oqmd_3d_no_cfid: a zip with one JSON file, a list with an object an entry."""
    for k, row in enumerate(_zipped(there(path), chunk), 1):
        yield entry(entry_id(row, "_oqmd_entry_id", "id", "jid"), f"entry {k}", row, lambda row: _jarvis(row["atoms"]))


# ---- what all have in common


def entry_id(row: Any, *keys: str) -> str | None:
    """oqmd- and the first id that the row has."""
    for key in keys if isinstance(row, dict) else ():
        value = row.get(key)
        value = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(value, (int, str)) and str(value).strip():
            return f"oqmd-{str(value).strip().removeprefix('oqmd-')}"
    return None


def entry(id: str | None, place: str, row: Any, crystal: Callable[[Any], Crystal]) -> Entry | Rejected:
    """The entry of a row with the key `_oqmd_delta_e`; `crystal` makes its crystal."""
    if id is None or not isinstance(row, dict):
        return Rejected(id or place, UNREADABLE, f"{place} has no id" if id is None else f"{place} has no attributes")
    energy = row.get("_oqmd_delta_e")
    if energy in (None, "", "na", "None") or (isinstance(energy, float) and math.isnan(energy)):
        return Rejected(id, NO_ENERGY, f"_oqmd_delta_e is {energy!r}")
    try:
        if not math.isfinite(energy := float(energy)):
            raise ValueError(f"_oqmd_delta_e is {energy}")
        if fault := possible(energy):
            raise Unusable(ABSURD_ENERGY, fault)
        return Entry(id, crystal(row), energy, "oqmd")
    except Unusable as fault:
        return Rejected(id, *fault.args)
    except KeyError as error:
        return Rejected(id, UNREADABLE, f"no {error}")
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        return Rejected(id, UNREADABLE, str(error))


def crystal_of(labels: Sequence[str], coords: Any, lattice: Any, cartesian: bool) -> Crystal:
    """labels: what is on each site, an element's symbol if all is well. coords [n, 3]: Å if cartesian, else fractions."""
    numbers = np.array([_atomic_number(label.strip()) for label in labels])
    lattice, coords = np.array(lattice, dtype=np.float64), np.array(coords, dtype=np.float64)
    if lattice.shape != (3, 3) or coords.shape != (len(numbers), 3):
        raise ValueError(
            f"lattice {lattice.shape}, positions {coords.shape} and {len(numbers)} species do not fit together"
        )
    try:
        return checked(Crystal(numbers, coords @ np.linalg.inv(lattice) if cartesian else coords, lattice))
    except np.linalg.LinAlgError:
        raise Unusable(UNREADABLE, "the cell has no volume") from None


def _atomic_number(label: str) -> int:
    """OQMD writes a site with several elements as (Cs,Os) or Cs0.5Os0.5."""
    try:
        return symbol_to_number(label)
    except ValueError:
        if len(set(re.findall("[A-Z][a-z]?", label)) & set(SYMBOLS)) > 1:
            raise Unusable(DISORDERED, f"several elements on a site: {label}") from None
        raise


# ---- OPTIMADE and JARVIS


def _optimade(row: dict) -> Crystal:
    features = row.get("structure_features") or []
    if {"disorder", "assemblies"} & set(features):
        raise Unusable(DISORDERED, f"structure_features: {', '.join(features)}")
    if features:
        raise ValueError(f"structure_features: {', '.join(features)}: the positions are not those of all atoms")
    species = {one["name"]: _symbol(one) for one in row.get("species") or []}
    labels = row["species_at_sites"] or []
    # OQMD lists no species, its sites have the symbols themselves
    labels = [species[label] for label in labels] if species else labels
    return crystal_of(labels, row["cartesian_site_positions"], row["lattice_vectors"], cartesian=True)


def _symbol(species: dict) -> str:
    symbols, shares = species["chemical_symbols"], species.get("concentration") or [1.0]
    if len(symbols) != 1 or abs(shares[0] - 1) > 1e-6:
        raise Unusable(DISORDERED, f"species {species['name']}: {symbols}, concentration {shares}")
    return symbols[0]


def _jarvis(atoms: dict) -> Crystal:
    return crystal_of(atoms["elements"], atoms["coords"], atoms["lattice_mat"], cartesian=bool(atoms["cartesian"]))


def _zipped(path: Path, chunk: int) -> Iterator[Any]:
    """The values of the list that the JSON file in a zip holds; the file is never in memory as a whole."""
    count = 0
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".json") and not name.startswith("__MACOSX")]
            if len(names) != 1:
                raise ValueError(f"it holds {names or 'no JSON file'}")
            with archive.open(names[0]) as file:
                text = JsonText(file, chunk)
                for row in text.items():
                    count += 1
                    yield row
                text.end()
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged after entry {count}, or it is not JARVIS' oqmd_3d_no_cfid ({error}): {anew(path)}"
        ) from error
