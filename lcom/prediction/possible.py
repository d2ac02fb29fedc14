"""What the networks can be asked for: elements, proportions and cell sizes that their training crystals have.

numpy only: an impossible formula is answered before torch is imported.
"""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lcom.elements import SYMBOLS
from lcom.formula import Formula

UNITS = (1, 2, 3, 4)  # formula units that are tried where nothing else is asked for


@dataclass(frozen=True)
class Possible:
    """elements: those of the training crystals · cells: proportions such as (1, 2) for AB2 and BA2 -> atoms in the cell -> crystals."""

    elements: frozenset[int]
    cells: dict[tuple[int, ...], dict[int, int]]

    @classmethod
    def of(cls, numbers: np.ndarray, n_atoms: np.ndarray) -> Possible:
        """Of crystals packed along their atoms: numbers [N], n_atoms [B]."""
        first = np.cumsum(n_atoms) - n_atoms
        cells: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for size in np.unique(n_atoms).tolist():
            atoms = first[n_atoms == size, None] + np.arange(size)
            kinds, times = np.unique(np.sort(numbers[atoms], axis=1), axis=0, return_counts=True)
            for kind, crystals in zip(kinds.tolist(), times.tolist(), strict=True):
                cells[proportions(Counter(kind).values())][size] += crystals
        return cls(frozenset(np.unique(numbers).tolist()), {key: dict(found) for key, found in cells.items()})

    @classmethod
    def load(cls, path: str | os.PathLike) -> Possible:
        """Of a training set, packed (lcom.data.packed) or the training crystals of a compact table (.parquet), read without torch."""
        if Path(path).suffix == ".parquet":
            from lcom.data.compact import read_compact
            from lcom.data.table import from_arrow

            table, part = read_compact(path)
            crystals, rows = from_arrow(table), np.flatnonzero(part == "train")
            return cls.of(crystals.numbers[crystals.atoms_of(rows)], crystals.n_atoms[rows])
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                return cls.of(file.get_tensor("numbers"), file.get_tensor("n_atoms"))
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path} is no training set of a run ({error}): make the run's networks again") from error

    def sizes(
        self, formula: Formula, units: Sequence[int] | None = None, atoms: Sequence[int] | None = None
    ) -> list[int]:
        """Atoms in the cells to try, smallest first: those of `units` (UNITS if neither is given) or `atoms` that training crystals of
        these proportions have. A ValueError says what there is instead."""
        if unknown := [SYMBOLS[z] for z in formula.counts if z not in self.elements]:
            raise ValueError(
                f"{formula.name}: no training crystal has {', '.join(unknown)}, the networks know nothing of it. They know "
                f"{', '.join(SYMBOLS[z] for z in sorted(self.elements))}; for others take networks that were trained on them"
            )
        there = self.cells.get(proportions(formula.counts.values()))
        if not there:
            raise ValueError(
                f"{formula.name}: no training crystal has its proportions, {pattern(proportions(formula.counts.values()))}; they have "
                f"{', '.join(pattern(key) for key in sorted(self.cells, key=lambda key: (len(key), key)))}. For others take "
                "networks that were trained on them"
            )
        wanted = sorted({n * formula.atoms for n in units or UNITS} if atoms is None else set(atoms))
        if found := [size for size in wanted if size in there]:
            return found
        raise ValueError(
            f"{formula.name}: no training crystal of its proportions has {_listed(wanted)} atoms in its cell; "
            f"there are such with {_listed(sorted(there))}: ask for these (--atoms, in the workflow `predict.formula_units`)"
        )


def proportions(counts: Iterable[int]) -> tuple[int, ...]:
    """Counts of the elements, sorted and without their common factor: MgF2, Li2O and Li4O2 -> (1, 2)."""
    ordered = sorted(counts)
    factor = math.gcd(*ordered)
    return tuple(count // factor for count in ordered)


def pattern(key: tuple[int, ...]) -> str:
    """(1, 2) -> 'AB2'."""
    return "".join(
        f"{letter}{count if count > 1 else ''}" for letter, count in zip("ABCDEFGHIJKLMNOP", key, strict=False)
    )


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes[:-1])) + (" or " if len(sizes) > 1 else "") + str(sizes[-1])
