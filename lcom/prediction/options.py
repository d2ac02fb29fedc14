"""What may be asked beside the formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    atoms: tuple[int, ...] | None = None
    units: tuple[int, ...] | None = None
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
            if (sizes := getattr(self, name)) is not None and (not sizes or min(sizes) < 1):
                raise ValueError(f"{name}: whole numbers from 1 on are needed, got {list(sizes)}")
        for name in ("keep", "starts", "steps", "decoded"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name}: at least 1, got {value}")
        for name in ("look_up", "search"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name}: at least 0, got {value}")
        if not 0 <= self.alike <= 1:
            raise ValueError(f"alike: a fraction from 0 to 1, got {self.alike}")
        if self.relax not in RELAXATIONS:
            raise ValueError(f"relax: {' or '.join(RELAXATIONS)}, got {self.relax!r}")
        if self.space_group is not None and not 1 <= self.space_group <= 230:
            raise ValueError(f"space group: a number from 1 to 230, got {self.space_group}")
