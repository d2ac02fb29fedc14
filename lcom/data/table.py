"""crystals.parquet, the one format that every source ends in: written in a stream, read as packed arrays.

Read without pandas, which pyarrow would import for most of its ways to numpy: that takes as long as a short prediction.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lcom.crystal import Crystal

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("formula", pa.string()),  # reduced
        ("numbers", pa.list_(pa.int16())),
        ("frac_coords", pa.list_(pa.float64())),  # n * 3
        ("lattice", pa.list_(pa.float64())),  # 9, rows are the vectors, Å
        ("formation_energy", pa.float64()),  # eV/atom
        ("source", pa.string()),  # where it is from, in a word
        ("level", pa.string()),  # of theory: energies of different levels are not compared
    ]
)


def row(id: str, crystal: Crystal, formation_energy: float, source: str, level: str = "") -> dict:
    return {
        "id": id,
        "formula": crystal.formula,
        "numbers": crystal.numbers.tolist(),
        "frac_coords": crystal.frac_coords.ravel().tolist(),
        "lattice": crystal.lattice.ravel().tolist(),
        "formation_energy": formation_energy,
        "source": source,
        "level": level,
    }


def to_arrow(rows: Sequence[dict]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


@dataclass(frozen=True)
class Crystals:
    """All crystals of a table, packed along the atoms.

    ids, formulas [B] object · n_atoms [B] · numbers [N] int16 · frac_coords [N, 3] · lattice [B, 3, 3] Å, float64 ·
    formation_energy [B] eV/atom · levels [B] object: of theory
    """

    ids: np.ndarray
    formulas: np.ndarray
    n_atoms: np.ndarray
    numbers: np.ndarray
    frac_coords: np.ndarray
    lattice: np.ndarray
    formation_energy: np.ndarray
    levels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def starts(self) -> np.ndarray:
        """[B] the first atom of each crystal."""
        return np.cumsum(self.n_atoms) - self.n_atoms

    @cached_property
    def comparable(self) -> np.ndarray:
        """[B] int: crystals of the same number have one formula and one level of theory, so that their energies compare."""
        formula, level = numbered(self.formulas), numbered(self.levels)
        return formula * (level.max(initial=0) + 1) + level

    def atoms_of(self, rows: np.ndarray) -> np.ndarray:
        """Indices of the atoms of the crystals ``rows`` [M], one crystal after the other."""
        sizes = self.n_atoms[rows]
        first = self.starts[rows] - (np.cumsum(sizes) - sizes)
        return np.repeat(first, sizes) + np.arange(sizes.sum())

    def crystal(self, i: int) -> Crystal:
        atoms = slice(self.starts[i], self.starts[i] + self.n_atoms[i])
        return Crystal(self.numbers[atoms], self.frac_coords[atoms], self.lattice[i])


def numbered(texts: Iterable[str]) -> np.ndarray:
    """Each text's number in the order in which they first come, [B] int64."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(text, len(seen)) for text in texts], dtype=np.int64)


def read_crystals(path: str | os.PathLike) -> Crystals:
    """ValueError if the file is unreadable."""
    try:
        return from_arrow(read_table(path))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{path} is not readable ({error}): delete it to have it made again") from error


def read_table(path: str | os.PathLike) -> pa.Table:
    """One file of Parquet, its checksums checked."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read()


def from_arrow(table: pa.Table) -> Crystals:
    def flat(name: str) -> np.ndarray:
        values = np.from_dlpack(table[name].combine_chunks().flatten())
        return values.astype(SCHEMA.field(name).type.value_type.to_pandas_dtype(), copy=False)

    numbers = table["numbers"].combine_chunks()
    return Crystals(
        texts(table["id"]),
        texts(table["formula"]),
        np.diff(np.from_dlpack(numbers.offsets)).astype(np.int64),
        flat("numbers"),
        flat("frac_coords").reshape(-1, 3),
        flat("lattice").reshape(-1, 3, 3),
        np.from_dlpack(table["formation_energy"].combine_chunks()).astype(np.float64, copy=False),
        texts(table["level"]),
    )


def texts(column: pa.ChunkedArray) -> np.ndarray:
    """[B] object."""
    return np.array(column.to_pylist(), dtype=object)
