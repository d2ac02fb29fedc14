"""The Open Quantum Materials Database (oqmd.org): pages of its OPTIMADE interface, the JARVIS mirror, the dump of qmpy's tables.

An entry is a formation energy of OQMD's fit "standard" with the structure its calculation ended in, as on oqmd.org. Ids are
OQMD's entry ids, oqmd-12345. One entry may have several such energies: the first counts (of the dump, the lowest, as
`Entry.energy` in qmpy), the others are repeated ids.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from lcom.crystal import Crystal
from lcom.elements import SYMBOLS, symbol_to_number
from lcom.sources.entries import DISORDERED, NO_ENERGY, REPEATED, UNREADABLE, Entry, Rejected
from lcom.sources.optimade import read_kept

LONGEST = 1 << 24  # characters of one entry, or of one row of a dump: more is damage, not data


class _Disordered(ValueError):
    """A site with several elements, or with less than one atom."""


def read_pages(folder: Path) -> Iterator[Entry | Rejected]:
    """The entries of the pages that `optimade.fetch_pages` kept in this folder."""
    return _once(_on_pages(folder))


def read_jarvis(path: Path) -> Iterator[Entry | Rejected]:
    """The entries of JARVIS-tools' data set oqmd_3d_no_cfid: a zip with one JSON file, a list with an object an entry."""
    return _once(
        _entry(_id(row, "_oqmd_entry_id", "id", "jid"), f"entry {k}", row, lambda row: _jarvis(row["atoms"]))
        for k, row in enumerate(_zipped(_there(path)), 1)
    )


def read_sql(path: Path) -> Iterator[Entry | Rejected]:
    """The entries of qmpy's MySQL dump (qmdb__v1_*.sql.gz, or unpacked), read twice. What is needed of it goes into an
    SQLite file beside the dump that is deleted in the end."""
    return _once(_from_dump(_there(path)))


# ---- what all have in common


def _once(items: Iterable[Entry | Rejected]) -> Iterator[Entry | Rejected]:
    seen: set[str] = set()
    for item in items:
        if isinstance(item, Entry):
            if item.id in seen:
                item = Rejected(item.id, REPEATED, f"{item.formation_energy} eV/atom: an earlier entry has this id")
            seen.add(item.id)
        yield item


def _id(row: Any, *keys: str) -> str | None:
    """oqmd- and the first id that the row has."""
    for key in keys if isinstance(row, dict) else ():
        value = row.get(key)
        value = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(value, (int, str)) and str(value).strip():
            return f"oqmd-{str(value).strip().removeprefix('oqmd-')}"
    return None


def _entry(id: str | None, place: str, row: Any, crystal: Callable[[Any], Crystal]) -> Entry | Rejected:
    """The entry of a row with the key `_oqmd_delta_e`; `crystal` makes its crystal."""
    if id is None or not isinstance(row, dict):
        return Rejected(id or place, UNREADABLE, f"{place} has no id" if id is None else f"{place} has no attributes")
    energy = row.get("_oqmd_delta_e")
    if energy in (None, "", "na", "None") or (isinstance(energy, float) and math.isnan(energy)):
        return Rejected(id, NO_ENERGY, f"_oqmd_delta_e is {energy!r}")
    try:
        if not math.isfinite(energy := float(energy)):
            raise ValueError(f"_oqmd_delta_e is {energy}")
        return Entry(id, crystal(row), energy, "oqmd")
    except _Disordered as error:
        return Rejected(id, DISORDERED, str(error))
    except KeyError as error:
        return Rejected(id, UNREADABLE, f"no {error}")
    except (ValueError, TypeError, AttributeError, OverflowError, np.linalg.LinAlgError) as error:
        return Rejected(id, UNREADABLE, str(error))


def _crystal(labels: Sequence[str], coords: Any, lattice: Any, cartesian: bool) -> Crystal:
    """labels: what is on each site, an element's symbol if all is well. coords [n, 3]: Å if cartesian, else fractions."""
    numbers = [_number(label.strip()) for label in labels]
    lattice, coords = np.array(lattice, dtype=np.float64), np.array(coords, dtype=np.float64)
    if lattice.shape != (3, 3) or coords.shape != (len(numbers), 3):
        raise ValueError(
            f"lattice {lattice.shape}, positions {coords.shape} and {len(numbers)} species do not fit together"
        )
    if not np.isfinite(lattice).all() or abs(np.linalg.det(lattice)) < 1e-3:
        raise ValueError("the lattice is not finite or has no volume")
    return Crystal(numbers, coords @ np.linalg.inv(lattice) if cartesian else coords, lattice)


def _number(label: str) -> int:
    """OQMD writes a site with several elements as (Cs,Os) or Cs0.5Os0.5."""
    try:
        return symbol_to_number(label)
    except ValueError:
        if len(set(re.findall("[A-Z][a-z]?", label)) & set(SYMBOLS)) > 1:
            raise _Disordered(f"several elements on a site: {label}") from None
        raise


# ---- OPTIMADE and JARVIS


def _on_pages(folder: Path) -> Iterator[Entry | Rejected]:
    for path, data in read_kept(folder):
        for k, row in enumerate(data, 1):
            attributes = row.get("attributes")
            id = _id(attributes, "_oqmd_entry_id") or _id(row, "id")
            yield _entry(id, f"{path.name}, entry {k}", attributes, _optimade)


def _optimade(row: dict) -> Crystal:
    features = row.get("structure_features") or []
    if {"disorder", "assemblies"} & set(features):
        raise _Disordered(f"structure_features: {', '.join(features)}")
    if features:
        raise ValueError(f"structure_features: {', '.join(features)}: the positions are not those of all atoms")
    species = {one["name"]: _symbol(one) for one in row.get("species") or []}
    labels = row["species_at_sites"] or []
    # OQMD lists no species, its sites have the symbols themselves
    labels = [species[label] for label in labels] if species else labels
    return _crystal(labels, row["cartesian_site_positions"], row["lattice_vectors"], cartesian=True)


def _symbol(species: dict) -> str:
    symbols, shares = species["chemical_symbols"], species.get("concentration") or [1.0]
    if len(symbols) != 1 or abs(shares[0] - 1) > 1e-6:
        raise _Disordered(f"species {species['name']}: {symbols}, concentration {shares}")
    return symbols[0]


def _jarvis(atoms: dict) -> Crystal:
    return _crystal(atoms["elements"], atoms["coords"], atoms["lattice_mat"], cartesian=bool(atoms["cartesian"]))


def _zipped(path: Path) -> Iterator[dict]:
    """The objects of the list that the JSON file in a zip holds; the file is never in memory as a whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".json") and not name.startswith("__MACOSX")]
            if len(names) != 1:
                raise ValueError(f"{path} holds {names or 'no JSON file'}: it is not JARVIS' oqmd_3d_no_cfid")
            with archive.open(names[0]) as file:
                yield from _objects(io.TextIOWrapper(file, encoding="utf-8"), path)
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): download it again") from error


def _objects(text: TextIO, path: Path, chunk: int = 1 << 20) -> Iterator[dict]:
    """The objects of a JSON list, read `chunk` characters at a time."""
    decoder, between = json.JSONDecoder(), re.compile(r"[\s,]*")
    buffer, at, started, count = "", 0, False, 0
    while True:
        at = between.match(buffer, at).end()
        head = buffer[at : at + 1]
        if head == "]" and started:
            return
        if head and head != ("{" if started else "["):
            raise ValueError(
                f"{path} is damaged after entry {count}: {buffer[at : at + 20]!r} is no JSON object of a list"
            )
        try:
            if head == "[":
                at, started = at + 1, True
                continue
            row, at = decoder.raw_decode(buffer, at)
        except json.JSONDecodeError as error:  # not all of it is here, or it is damaged
            piece = text.read(chunk)
            if not piece or len(buffer) - at > LONGEST:
                raise ValueError(f"{path} is damaged after entry {count} ({error}): download it again") from error
            buffer, at = buffer[at:] + piece, 0
            continue
        count += 1
        yield row


# ---- the dump of qmpy's tables

# what is read of each table, in a first pass and a second one; the rest of the dump is skipped
ENERGIES = {
    "formation_energies": ("entry_id INTEGER", "calculation_id INTEGER", "fit_id TEXT", "delta_e REAL"),
    "calculations": ("id INTEGER PRIMARY KEY", "output_id INTEGER"),
}
STRUCTURES = {
    "structures": ("id INTEGER PRIMARY KEY", "natoms INTEGER", *(f"{a}{k} REAL" for a in "xyz" for k in (1, 2, 3))),
    "atoms": ("structure_id INTEGER", "element_id TEXT", "x REAL", "y REAL", "z REAL", "occupancy REAL"),
}
# a parenthesis with values; nothing in a string ends it. Possessive, so that a torn row fails at once
_ROW = re.compile(r"[\s,]*\(((?:[^'()]++|'(?:[^'\\]++|\\.|'')*+')*+)\)", re.DOTALL)
_VALUE = re.compile(r"(?:_\w+\s+)?'((?:[^'\\]++|\\.|'')*+)'|([^,'\s]+)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a", None: "'"}
_INSERT = re.compile(r"INSERT (?:IGNORE )?INTO `(\w+)`\s*(?:\(([^)]*)\)\s*)?VALUES", re.IGNORECASE)


def _from_dump(path: Path) -> Iterator[Entry | Rejected]:
    """Reads the energies and the ids of their structures first, as `atoms` comes before them in the dump and has the
    atoms of all steps of all calculations."""
    beside = path.parent if os.access(path.parent, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=beside) as folder, closing(sqlite3.connect(Path(folder, "qmpy"))) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        _load(db, path, ENERGIES, lambda table, row: table != "formation_energies" or row[2] == "standard")
        joined = "formation_energies AS e LEFT JOIN calculations AS c ON c.id = e.calculation_id"
        wanted = {str(row[0]) for row in db.execute(f"SELECT DISTINCT output_id FROM {joined}")}
        _load(db, path, STRUCTURES, lambda table, row: row[0] in wanted)
        db.execute("CREATE INDEX of_structure ON atoms (structure_id)")
        query = f"SELECT entry_id, delta_e, output_id FROM {joined} ORDER BY entry_id, delta_e IS NULL, delta_e"
        for entry, energy, structure in db.execute(query):
            row = {"id": entry, "_oqmd_delta_e": energy, "structure": structure}
            yield _entry(_id(row, "id"), "formation_energies: a row", row, lambda row: _stored(db, row["structure"]))


def _stored(db: sqlite3.Connection, structure: int | None) -> Crystal:
    row = db.execute("SELECT * FROM structures WHERE id = ?", (structure,)).fetchone()
    atoms = db.execute("SELECT * FROM atoms WHERE structure_id = ? ORDER BY rowid", (structure,)).fetchall()
    if row is None or not atoms or row[1] not in (None, len(atoms)):
        raise ValueError(f"structure {structure} has {len(atoms)} atoms of {row[1] if row else 'none'}")
    frac = np.array([atom[2:5] for atom in atoms], dtype=np.float64)  # qmpy keeps fractions
    if any(atom[5] != 1 for atom in atoms) or len({tuple(x) for x in (frac.round(4) % 1).tolist()}) < len(atoms):
        raise _Disordered(f"structure {structure} has sites with less, or more, than one atom")
    return _crystal([atom[1] or "" for atom in atoms], frac, np.reshape(row[2:], (3, 3)), cartesian=False)


def _load(db: sqlite3.Connection, path: Path, tables: dict, keep: Callable[[str, list], bool]) -> None:
    """Copy the columns `tables` from the dump, of the rows that `keep` is true for."""
    wanted = {table: [column.split()[0] for column in columns] for table, columns in tables.items()}
    for table, columns in tables.items():
        db.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    found = set()
    for table, rows in groupby(_rows(path, wanted), key=lambda item: item[0]):
        found.add(table)
        marks = ", ".join("?" * len(wanted[table]))
        try:
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", (row for _, row in rows if keep(table, row)))
        except sqlite3.Error as error:  # an id twice, or one that is no number
            raise ValueError(f"{path} is damaged: table {table}: {error}") from error
    if missing := sorted(set(tables) - found):
        raise ValueError(
            f"{path} has no rows of the table {', '.join(missing)}: it is no dump of qmpy's database, or cut off"
        )
    db.commit()


def _rows(path: Path, wanted: dict[str, list[str]]) -> Iterator[tuple[str, list[str | None]]]:
    """(table, values of the wanted columns) of each row that the dump inserts into a wanted table. NULL is None."""
    columns: dict[str, list[str]] = {}
    created = table = None
    text, picked = "", []
    try:
        with (gzip.open if _gzipped(path) else open)(
            path, "rt", encoding="utf-8", errors="replace", newline="\n"
        ) as file:
            for line in file:
                if table is None:
                    if create := re.match(r"CREATE TABLE (?:IF NOT EXISTS )?`(\w+)`", line):
                        created = columns[create[1]] = []
                    elif created is not None and (column := re.match(r"\s+`(\w+)`\s", line)):
                        created.append(column[1])
                    elif line.startswith(")"):
                        created = None
                    if not (insert := _INSERT.match(line)):
                        continue
                    table, line = insert[1], line[insert.end() :]
                    if table in wanted:
                        names = re.findall(r"`(\w+)`", insert[2] or "") or columns.get(table, [])
                        if missing := [name for name in wanted[table] if name not in names]:
                            raise ValueError(f"{path}: the table {table} has no column {', '.join(missing)}")
                        picked = [names.index(name) for name in wanted[table]]
                if table not in wanted:
                    table = None if line.rstrip().endswith(";") else table
                    continue
                text, at = text + line, 0
                while row := _ROW.match(text, at):
                    at = row.end()
                    values = _values(row[1])
                    if len(values) != len(names):
                        raise ValueError(
                            f"{path} is damaged: {len(values)} values for the {len(names)} columns of {table}"
                        )
                    yield table, [values[k] for k in picked]
                text = text[at:].lstrip(", \r\n\t")
                if text.startswith(";"):
                    table, text = None, ""
                elif len(text) > LONGEST:
                    break
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged or cut off ({error}): download it again") from error
    if table is not None:
        raise ValueError(f"{path} is cut off in the rows of {table}: download it again")


def _values(row: str) -> list[str | None]:
    """The values of a row as text: 1,'it\\'s',NULL -> ["1", "it's", None]."""
    return [
        (None if value[2] == "NULL" else value[2])
        if value[1] is None
        else _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), value[1])
        for value in _VALUE.finditer(row)
    ]


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: is `file` right under `data:` of the config?")
    return path


def _gzipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"
