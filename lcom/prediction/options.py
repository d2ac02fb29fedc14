"""What may be asked beside the formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path

RELAXATIONS = ("none", "chgnet")
Progress = Callable[[str, int, int], None]  # what is being done, formulas done, formulas in all


@dataclass(frozen=True)
class Options:
    """What may be asked beside the formulas.

    keep: crystals of each formula · atoms, units: cell sizes to try, in atoms or formula units · relax: none or chgnet · space_group:
    the only one that is kept · networks: folder of a run · device: auto, cpu or cuda · starts: training crystals to begin from in each
    cell size, at most · alike: the fraction of them that are the lowest crystals of the compositions most alike, in place of drawn
    ones · look_up: so many of the lowest crystals of such compositions, atoms swapped, are candidates beside what the networks find ·
    search: candidates of a particle swarm with the energy model, in each cell of up to 8 atoms · steps: of the descents · decoded: of
    their ends, the lowest
    """

    keep: int = 6
    atoms: Sequence[int] | None = None
    units: Sequence[int] | None = None
    relax: str = "none"
    space_group: int | None = None
    networks: str | Path | None = None
    device: str = "auto"
    seed: int = 0
    starts: int = 32
    alike: float = 0.5
    look_up: int = 24
    search: int = 1000
    steps: int = 100
    decoded: int = 16

    def __post_init__(self) -> None:
        if self.atoms is not None and self.units is not None:
            raise ValueError("cell sizes are given by atoms or by units, not by both")
        for name in ("atoms", "units"):
            if (sizes := getattr(self, name)) is not None and not _sizes(sizes):
                raise ValueError(f"{name}: whole numbers from 1 on are needed, such as [1, 2], got {sizes!r}")
        for name, least in (("keep", 1), ("starts", 1), ("steps", 1), ("decoded", 1), ("look_up", 0), ("search", 0)):
            if not _whole(value := getattr(self, name), least):
                raise ValueError(f"{name}: a whole number, at least {least}, got {value!r}")
        if not isinstance(self.seed, Integral):
            raise ValueError(f"seed: a whole number, got {self.seed!r}")
        if not isinstance(self.alike, Real) or not 0 <= self.alike <= 1:
            raise ValueError(f"alike: a fraction from 0 to 1, got {self.alike!r}")
        if self.relax not in RELAXATIONS:
            raise ValueError(f"relax: {' or '.join(RELAXATIONS)}, got {self.relax!r}")
        if self.space_group is not None and not (_whole(self.space_group, 1) and self.space_group <= 230):
            raise ValueError(f"space group: a number from 1 to 230, got {self.space_group!r}")


def _whole(value: object, least: int) -> bool:
    return isinstance(value, Integral) and int(value) >= least


def _sizes(value: object) -> bool:
    return isinstance(value, Sequence) and len(value) > 0 and all(_whole(size, 1) for size in value)
