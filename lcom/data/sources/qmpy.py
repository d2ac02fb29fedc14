"""The dump of OQMD's own database, the MySQL tables of its program qmpy."""

from __future__ import annotations

import gzip
import os
import re
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal
from lcom.data.sources.entries import DISORDERED, NOT_CONVERGED, Entry, Rejected, Unusable, there
from lcom.data.sources.marker import anew
from lcom.data.sources.oqmd import crystal_of, entry, entry_id

LONGEST = 1 << 24  # characters of one row: more is damage, not data
# what is read of each table, in a first pass and a second one; the rest of the dump is skipped
ENERGIES = {
    "formation_energies": ("entry_id INTEGER", "calculation_id INTEGER", "fit_id TEXT", "delta_e REAL"),
    "calculations": ("id INTEGER PRIMARY KEY", "output_id INTEGER", "converged INTEGER"),
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


def read_sql(path: Path) -> Iterator[Entry | Rejected]:
    """The entries of the dump (qmdb__v1_*.sql.gz, or unpacked), which is read twice: the energies and the ids of their
    structures first, as `atoms` comes before them in the dump and has the atoms of all steps of all calculations. What is
    needed of it goes into an SQLite file beside the dump that is deleted in the end."""
    path = there(path)
    beside = path.parent if os.access(path.parent, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=beside) as folder, closing(sqlite3.connect(Path(folder, "qmpy"))) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        _load(db, path, ENERGIES, lambda table, row: table != "formation_energies" or row[2] == "standard")
        joined = "formation_energies AS e LEFT JOIN calculations AS c ON c.id = e.calculation_id"
        wanted = {str(row[0]) for row in db.execute(f"SELECT DISTINCT output_id FROM {joined}")}
        _load(db, path, STRUCTURES, lambda table, row: row[0] in wanted)
        db.execute("CREATE INDEX of_structure ON atoms (structure_id)")
        unconverged = "coalesce(c.converged = 0, 0)"  # only where the dump says so
        query = (
            f"SELECT entry_id, delta_e, output_id, {unconverged} FROM {joined} "
            f"ORDER BY entry_id, {unconverged}, delta_e IS NULL, delta_e"
        )
        taken = None  # the rows after the lowest usable one are of other calculations of the same entry
        for number, energy, structure, failed in db.execute(query):
            if number is not None and number == taken:
                continue
            if failed:
                yield Rejected(f"oqmd-{number}", NOT_CONVERGED, "the calculation ended before its energy stood still")
                continue
            row = {"id": number, "_oqmd_delta_e": energy, "structure": structure}
            item = entry(
                entry_id(row, "id"), "formation_energies: a row", row, lambda row: _stored(db, row["structure"])
            )
            taken = number if isinstance(item, Entry) else taken
            yield item


def _stored(db: sqlite3.Connection, structure: int | None) -> Crystal:
    row = db.execute("SELECT * FROM structures WHERE id = ?", (structure,)).fetchone()
    atoms = db.execute("SELECT * FROM atoms WHERE structure_id = ? ORDER BY rowid", (structure,)).fetchall()
    if row is None or not atoms or row[1] not in (None, len(atoms)):
        raise ValueError(f"structure {structure} has {len(atoms)} atoms of {row[1] if row else 'none'}")
    frac = np.array([atom[2:5] for atom in atoms], dtype=np.float64)  # qmpy keeps fractions
    if any(atom[5] != 1 for atom in atoms) or len({tuple(x) for x in (frac.round(4) % 1).tolist()}) < len(atoms):
        raise Unusable(DISORDERED, f"structure {structure} has sites with less, or more, than one atom")
    return crystal_of([atom[1] or "" for atom in atoms], frac, np.reshape(row[2:], (3, 3)), cartesian=False)


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
        raise ValueError(f"{path} is damaged or cut off ({error}): {anew(path)}") from error
    if table is not None:
        raise ValueError(f"{path} is cut off in the rows of {table}: {anew(path)}")


def _values(row: str) -> list[str | None]:
    """The values of a row as text: 1,'it\\'s',NULL -> ["1", "it's", None]."""
    return [
        (None if value[2] == "NULL" else value[2])
        if value[1] is None
        else _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), value[1])
        for value in _VALUE.finditer(row)
    ]


def _gzipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"
