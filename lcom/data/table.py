"""crystals.parquet, the one format that every source ends in: written in a stream, read as packed arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
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
        formula, level = pd.factorize(self.formulas)[0], pd.factorize(self.levels)[0]
        return formula * (level.max(initial=0) + 1) + level

    def atoms_of(self, rows: np.ndarray) -> np.ndarray:
        """Indices of the atoms of the crystals ``rows`` [M], one crystal after the other."""
        sizes = self.n_atoms[rows]
        first = self.starts[rows] - (np.cumsum(sizes) - sizes)
        return np.repeat(first, sizes) + np.arange(sizes.sum())

    def crystal(self, i: int) -> Crystal:
        atoms = slice(self.starts[i], self.starts[i] + self.n_atoms[i])
        return Crystal(self.numbers[atoms], self.frac_coords[atoms], self.lattice[i])


def read_crystals(path: str | os.PathLike) -> Crystals:
    """ValueError if the file is unreadable."""
    try:
        return from_arrow(pq.read_table(path, page_checksum_verification=True))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{path} is not readable ({error}): delete it to have it made again") from error


def from_arrow(table: pa.Table) -> Crystals:
    def flat(name: str) -> np.ndarray:
        numbers = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return numbers.astype(SCHEMA.field(name).type.value_type.to_pandas_dtype(), copy=False)

    numbers = table["numbers"].combine_chunks()
    return Crystals(
        table["id"].to_numpy(),
        table["formula"].to_numpy(),
        np.diff(numbers.offsets.to_numpy()).astype(np.int64),
        flat("numbers"),
        flat("frac_coords").reshape(-1, 3),
        flat("lattice").reshape(-1, 3, 3),
        table["formation_energy"].to_numpy().astype(np.float64, copy=False),
        table["level"].to_numpy(),
    )
