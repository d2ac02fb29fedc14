"""Crystals with energies as a file: rows of JSON, gzipped.

A JSON object with the keys `KEYS` a line.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal
from lcom.data.sources.entries import Entry

KEYS = ("id", "formula", "prototype", "numbers", "frac_coords", "lattice", "energy", "formation_energy")


class DamagedData(ValueError):
    """A data file that is not what it should be; the message names the file, the row and the fault."""


def composition_elements(formula: str) -> list[str]:
    """Symbols of the elements of a formula."""
    from pymatgen.core import Composition

    return [element.symbol for element in Composition(formula).elements]


def read(path: Path) -> Iterator[Entry]:
    """The entries of a file. Any fault of it is an error: its sha256 was right."""
    for row in read_rows(path):
        yield Entry(row["id"], row["crystal"], float(row["formation_energy"]), row["prototype"])


def read_rows(path: Path) -> list[dict]:
    """The rows of a file, each with its `Crystal` under the key `crystal`. Raises `DamagedData`."""
    if not path.exists():
        raise DamagedData(f"{path} does not exist: is `file` right under `data:` of the config?")
    data = path.read_bytes()
    try:
        lines = gzip.decompress(data).decode().splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DamagedData(f"{path} is no gzipped text ({error}): restore the file") from error
    rows = [_parse(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]
    if not rows:
        raise DamagedData(f"{path} has no rows")
    repeated = [key for key, count in Counter(row["id"] for row in rows).items() if count > 1]
    if repeated:
        raise DamagedData(f"{path}: the id {repeated[0]} stands in more than one row")
    return rows


def _parse(line: str, where: str) -> dict:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DamagedData(f"{where}: no valid JSON ({error})") from error
    missing = [key for key in KEYS if key not in row] if isinstance(row, dict) else list(KEYS)
    if missing:
        raise DamagedData(f"{where}: no {', '.join(missing)}")
    if odd := [key for key in ("id", "formula", "prototype") if not isinstance(row[key], str)]:
        raise DamagedData(f"{where}: no text as {', '.join(odd)}")
    where = f"{where} (id {row['id']})"
    try:
        crystal = Crystal(row["numbers"], row["frac_coords"], row["lattice"])
        energies = np.array([row["energy"], row["formation_energy"]], dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DamagedData(f"{where}: {error}") from error
    if not np.isfinite(energies).all():
        raise DamagedData(f"{where}: energies {energies.tolist()} are not finite")
    if crystal.numbers.min() < 1 or crystal.numbers.max() > 118:
        raise DamagedData(f"{where}: {crystal.numbers.tolist()} are not all atomic numbers")
    if crystal.volume < 1e-3:
        raise DamagedData(f"{where}: the lattice has no volume")
    if crystal.formula != row["formula"]:
        raise DamagedData(f"{where}: the atoms are {crystal.formula}, the row says {row['formula']}")
    return {**row, "crystal": crystal}
