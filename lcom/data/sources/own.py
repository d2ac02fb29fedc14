"""A user's own crystals: a table of CIFs, an extended XYZ file, an ASE database, or a folder of CIFs with their energies.

Energies are formation energies. Total energies are taken for a set of one composition only, as Carbon-24 is: within a
composition only differences count, between compositions total energies say nothing about stability.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from lcom.base.messages import one_line
from lcom.base.parallel import ordered_map
from lcom.crystal import Crystal
from lcom.data.sources.cifs import MAX_TEXT, crystal_of
from lcom.data.sources.entries import (
    DISORDERED,
    NO_ENERGY,
    REPEATED,
    UNREADABLE,
    Entry,
    Rejected,
    Unusable,
    checked,
)
from lcom.data.sources.frames import frames
from lcom.data.sources.judge import judged
from lcom.data.sources.tables import cif_column, id_column, known, read_table

UNITS = {"eV/atom": 1.0, "meV/atom": 1e-3, "kJ/mol": 1 / 96.48533212, "eV": None}  # to eV/atom; eV is of the whole cell
ID_COLUMNS = ("material_id", "id")
COMPRESSIONS = ("", ".gz", ".bz2", ".xz", ".zip", ".zst")
ENERGIES = "energies.csv"  # the table beside a folder's CIFs
UNDERSTOOD = (
    "a table .csv (or .csv.gz, .bz2, .xz, .zip, .zst) with a column of CIFs, an .extxyz or .xyz file, "
    f"an ASE database .db, or a folder of .cif files with a table {ENERGIES}"
)
CHUNK = 100  # rows handed to a worker at once


def read(
    path: Path, energy: str, id: str | None = None, unit: str = "eV/atom", workers: int = 1
) -> Iterator[Entry | Rejected]:
    """The rows of what is at `path`, as a stream, in the order of the file (a folder: of the names).

    energy   column, key of atoms.info, or key-value pair of the energies; "energy" also is a calculator's energy
    id       the same for the ids; by default material_id or id, then a first column without name, then the row's number
    unit     one of UNITS; kJ/mol is of atoms, eV of the whole cell
    workers  processes that parse

    A ValueError or FileNotFoundError says which file or name is wrong; so it does if the energies of the first rows are
    all 0, or too large for formation energies (more than 15 eV/atom in the median; for a set of one composition, from
    their median). An energy of the whole cell that is given out as one of an atom can pass where cells are small.
    """
    path = Path(path)
    if unit not in UNITS:
        raise ValueError(f"unknown unit '{unit}': it is one of {', '.join(UNITS)}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    name = path.name.lower()
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: give {UNDERSTOOD}")
    if not (path.is_dir() or path.is_file()):  # a pipe would never end
        raise ValueError(f"{path} is no file: give {UNDERSTOOD}")
    if path.is_dir():
        chunks, parse = _folder(path, energy, id), _from_cif
    elif name.endswith(tuple(".csv" + end for end in COMPRESSIONS)):
        chunks, parse = _table(path, energy, id), _from_cif
    elif name.endswith((".extxyz", ".xyz")):
        chunks, parse = frames(path), partial(_from_frame, energy=energy, id=id)
    elif name.endswith(".db"):
        return judged(_database(path, energy, id, unit), path, energy, unit)
    else:
        raise ValueError(f"{path} is not understood: give {UNDERSTOOD}")
    return judged(_parsed(partial(parse, unit=unit), chunks, workers), path, energy, unit)


# ---- formats: chunks of rows to be parsed, or that are rejected already


def _table(path: Path, energy: str, id: str | None) -> Iterator[list]:
    """(id, CIF, energy), all text."""
    number, columns = 0, None
    for frame, skipped in read_table(path, energy):
        if columns is None:
            ids = id_column(path, frame, id, ID_COLUMNS)
            columns = cif_column(path, frame), known(path, frame, energy, "energy")
        rows: list = list(skipped)
        for text, value, key in zip(
            *(frame[name] for name in columns), frame[ids] if ids else frame.index, strict=True
        ):
            number += 1
            rows.append(((str(key) if ids else str(number)) or f"row {number}", text, value))
        yield rows


def _folder(path: Path, energy: str, id: str | None) -> Iterator[list]:
    """The same for the CIFs of a folder. Only what the folder lists is opened: an id of the table is compared, no more."""
    table = path / ENERGIES
    if not table.is_file():
        raise FileNotFoundError(
            f"{path} has no {ENERGIES}: write one with columns 'id' (the CIFs' names) and '{energy}'"
        )
    energies: dict[str, str] = {}
    ids = None
    for frame, skipped in read_table(table, energy):
        value = known(table, frame, energy, "energy")
        others = [name for name in frame.columns if name != energy]
        ids = ids or id_column(table, frame, id, (*ID_COLUMNS, "file", "filename", "name")) or (others or [None])[0]
        if ids is None:
            raise ValueError(f"{table}: no column of ids beside '{energy}': add one, 'id', with the names of the CIFs")
        yield skipped
        for key, text in zip(frame[ids], frame[value], strict=True):
            stem = key[:-4] if key.lower().endswith(".cif") else key
            if stem in energies:
                yield [Rejected(stem, REPEATED, f"in more than one row of {ENERGIES}: the first is taken")]
            energies.setdefault(stem, text)
    rows: list = []
    for file in sorted(file for file in path.iterdir() if file.suffix.lower() == ".cif"):
        name = os.fsencode(file.stem).decode(errors="replace")  # as the table was read
        value = energies.pop(name, None)
        if value is None:
            why = f"no row of {ENERGIES} (column '{ids}') has this name, or another file took it"
            rows.append(Rejected(name, NO_ENERGY, why))
        elif not file.is_file():
            rows.append(Rejected(name, UNREADABLE, "this is no file"))
        else:
            try:
                with file.open(encoding="utf-8", errors="replace") as opened:
                    rows.append((name, opened.read(MAX_TEXT + 1), value))
            except OSError as error:
                rows.append(Rejected(name, UNREADABLE, one_line(error, 200)))
        if len(rows) == CHUNK:
            yield rows
            rows = []
    yield rows + [Rejected(stem, UNREADABLE, f"in {ENERGIES}, but the folder has no such .cif") for stem in energies]


def _database(path: Path, energy: str, id: str | None, unit: str) -> Iterator[Entry | Rejected]:
    """The rows of an ASE database, one by one: its own select holds all in memory, and would write to an empty file."""
    from ase.db import connect

    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise ValueError(f"{path} is no ASE database (SQLite): {UNDERSTOOD}")
    database = connect(path, type="db", use_lock_file=False)
    # ASE has no option for it: without, sqlite may write to the file
    database._connect = lambda: sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=20)
    try:
        with database:
            for (number,) in database.connection.execute("SELECT id FROM systems ORDER BY id"):
                try:
                    row = database.get(id=number)
                    atoms, known = row.toatoms(), {"id": row.id, "unique_id": row.unique_id}
                    known |= {key: row[key] for key in ("energy", "free_energy") if key in row}
                    known |= {**row.data, **row.key_value_pairs}
                except Exception as error:  # a damaged row fails in whatever decodes it
                    yield Rejected(str(number), UNREADABLE, one_line(error, 200))
                else:
                    yield _from_atoms(atoms, known, number, energy, id, unit)
    except (sqlite3.Error, OSError) as error:
        raise ValueError(f"{path} cannot be read as an ASE database ({one_line(error, 200)})") from error


# ---- a row


def _from_cif(row: tuple[str, str, str], unit: str) -> Entry | Rejected:
    key, text, value = row
    return _entry(key, lambda: crystal_of(text), value, unit)


def _from_frame(row: tuple[int, str], unit: str, energy: str, id: str | None) -> Entry | Rejected:
    from ase.io.extxyz import read_xyz

    try:
        atoms = next(read_xyz(StringIO(row[1]), index=0))
    except Exception as error:  # as for CIFs
        return Rejected(str(row[0]), UNREADABLE, one_line(error, 200))
    results = atoms.calc.results if atoms.calc else {}
    return _from_atoms(atoms, {**results, **atoms.info}, row[0], energy, id, unit)


def _from_atoms(atoms: Any, known: dict, number: int, energy: str, id: str | None, unit: str) -> Entry | Rejected:
    """known: all that the file says of the atoms, by name."""
    key = next((str(known[name]) for name in ((id,) if id else ID_COLUMNS) if name in known), None)
    if id and key is None:
        return Rejected(str(number), UNREADABLE, f"no '{id}' for the id (there are: {', '.join(known) or 'none'})")
    key = key or str(number)
    if energy not in known:
        return Rejected(key, NO_ENERGY, f"no '{energy}' (there are: {', '.join(known) or 'none'})")

    def build() -> Crystal:
        if not atoms.pbc.all():
            raise Unusable(UNREADABLE, "not periodic in all three directions")
        occupancy = known.get("occupancy")  # as ASE's reader of CIFs leaves it: {kind of site: {symbol: share}}
        if isinstance(occupancy, dict) and any(list(site.values()) != [1.0] for site in occupancy.values()):
            raise Unusable(DISORDERED, "partial occupancies")
        return Crystal.from_atoms(atoms)

    return _entry(key, build, known[energy], unit)


def _entry(key: str, build: Callable[[], Crystal], value: Any, unit: str) -> Entry | Rejected:
    try:
        energy = _number(value)
        crystal = checked(build())
    except Unusable as fault:
        return Rejected(key, *fault.args)
    except Exception as error:  # foreign text breaks the parsers in more ways than can be listed
        return Rejected(key, UNREADABLE, one_line(error, 200))
    factor = UNITS[unit]
    return Entry(key, crystal, energy / len(crystal) if factor is None else energy * factor, "own")


def _number(value: Any) -> float:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Unusable(NO_ENERGY, "the energy is missing")
    if np.ndim(value) and np.size(value) == 1:  # an array, as some writers of extended XYZ make of one number
        value = np.ravel(value)[0]
    try:
        number = float("" if isinstance(value, bool | np.bool_) or np.ndim(value) else value)
    except (TypeError, ValueError):
        raise Unusable(NO_ENERGY, f"the energy {str(value)[:40]!r} is not a number") from None
    if not np.isfinite(number):
        raise Unusable(NO_ENERGY, f"the energy is {number}")
    return number


# ---- the stream


def _parsed(parse: Callable, parts: Iterable[list], workers: int) -> Iterator[Entry | Rejected]:
    """Each row parsed, in order."""
    for part in ordered_map(partial(_parse_chunk, parse), parts, workers):
        yield from part


def _parse_chunk(parse: Callable, chunk: list) -> list[Entry | Rejected]:
    return [row if isinstance(row, Rejected) else parse(row) for row in chunk]
