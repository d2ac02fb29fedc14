"""What a prediction gives: crystals with what is said of them, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from lcom.crystal import reduced_counts
from lcom.elements import MAGNETIC, SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

    from lcom.crystal import Crystal
    from lcom.prediction.analogue import Analogue, View
    from lcom.prediction.rank import Refined


ENERGY = "energy"  # alone, as an order


@dataclass(frozen=True)
class Predicted:
    """A predicted crystal.

    rank: 1 is the first · energy: eV/atom, `energy_is` says of what · origin: descent, look-up (a known crystal
    of a composition alike, with its atoms swapped), or search (by the energy model) · spread: standard deviation over the surrogates,
    eV/atom, where the energy is theirs · above_hull: eV/atom above the hull of the data set's crystals, by `hull_by`; None where it would
    mean nothing · converged: whether the relaxation did, None without one · order: what the ranks are by · error: what the energy is off
    on average where the composition is new, eV/atom, if that is known
    """

    formula: str
    rank: int
    refined: Refined
    energy: float
    energy_is: str
    origin: str
    view: View
    above_hull: float | None
    hull_by: str
    converged: bool | None
    spread: float | None = None
    order: str = ENERGY
    error: float | None = None

    @property
    def crystal(self) -> Crystal:
        """In its canonical primitive cell."""
        return self.refined.crystal

    @property
    def space_group(self) -> int:
        return self.refined.space_group

    @property
    def units(self) -> int:
        """Formula units in the primitive cell."""
        return len(self.crystal) // sum(count for _, count in reduced_counts(self.crystal.numbers))

    @property
    def distance(self) -> float:
        """To the training data, 1: what 95 % of unseen crystals keep."""
        return self.view.distance

    @property
    def analogue(self) -> Analogue | None:
        return self.view.analogue

    @property
    def warning(self) -> str:
        """What is to be doubted, in words: of the crystal, and of all of its formula."""
        return "; ".join(filter(None, [self.doubt, self.magnetic]))

    @property
    def magnetic(self) -> str:
        """Of a formula with magnetic elements."""
        named = ", ".join(SYMBOLS[z] for z in sorted(MAGNETIC & set(self.crystal.numbers.tolist())))
        return (
            f"{named}: magnetic, but no order of spins was tried, and another may change the ranking" if named else ""
        )

    @property
    def doubt(self) -> str:
        """What is to be doubted of this crystal."""
        said = []
        if self.distance > 1 and self.converged is None:  # CHGNet's energy does not hang on it
            said.append(
                f"far from the training data ({self.distance:.2f} of the usual distance): its energy is a guess"
            )
        if self.converged is False:
            said.append("its relaxation did not converge")
        return "; ".join(said)

    @cached_property
    def structure(self) -> Structure:
        """As pymatgen's Structure."""
        return self.crystal.to_structure()

    @cached_property
    def atoms(self) -> Atoms:
        """As ASE's Atoms."""
        return self.crystal.to_atoms()


@dataclass(frozen=True)
class Answer:
    """To one formula as it was asked: crystals in their order, or the reason why there are none. note: how the formula was read."""

    asked: str
    formula: str = ""
    note: str = ""
    crystals: list[Predicted] = field(default_factory=list)
    reason: str = ""
