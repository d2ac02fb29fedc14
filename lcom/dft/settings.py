"""What the config says of GPAW (`dft`): one level of theory for every energy that is compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings
from lcom.elements import SYMBOLS

HARD_ELEMENTS = ("N", "O", "F")
HARD_CUTOFF = 500.0  # eV; at 350 MgO comes out 1.8 eV/atom too high and its cell collapses


@dataclass(frozen=True)
class RelaxSettings(Settings):
    """How far a relaxation goes. Its grid of k-points is fixed from the cell that it begins with."""

    kpoint_density: Annotated[
        float, Key("of the relaxations: points per Å⁻¹ along each reciprocal vector", minimum=1)
    ] = 2.0
    fmax: Annotated[
        float,
        Key("eV/Å, largest force, and largest volume · stress / atoms, of a relaxed structure", minimum=0.005),
    ] = 0.02
    max_steps: Annotated[int, Key("steps; a relaxation that is not done by then is taken as it is", minimum=1)] = 80


@dataclass(frozen=True)
class DftSettings(Settings):
    """The level of theory."""

    xc: Annotated[Literal["PBE", "LDA", "RPBE", "revPBE"], Key("functional, one that GPAW has PAW setups for")] = "PBE"
    cutoff: Annotated[float, Key("eV, of the plane waves; at least 500 where N, O or F is present", minimum=200)] = (
        600.0
    )
    kpoint_density: Annotated[
        float,
        Key("of the energies: points per Å⁻¹ along each reciprocal vector, gamma-centred", minimum=1),
    ] = 2.5
    smearing: Annotated[float, Key("eV, Fermi-Dirac width; energies are extrapolated to zero", minimum=0.001)] = 0.1
    max_iterations: Annotated[
        int,
        Key(
            "iterations of the self-consistent field; a second attempt has a softer mixer and twice as many", minimum=1
        ),
    ] = 150
    relax: Annotated[RelaxSettings, Key("relaxations of the random starts and of the known ground states")] = (
        RelaxSettings()
    )

    def of_energies(self) -> dict:
        """What an energy depends on: all but the relaxation."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key != "relax"}

    def check(self, compound: str, numbers: Iterable[int]) -> None:
        """A ValueError if the compound, of atoms with these numbers, needs a higher cutoff."""
        hard = _hard(numbers)
        if hard and self.cutoff < HARD_CUTOFF:
            raise ValueError(
                f"config: 'dft.cutoff' is {self.cutoff:g} eV, but {compound} contains {', '.join(hard)}: its energies "
                f"and stresses are badly wrong below {HARD_CUTOFF:g} eV. Raise dft.cutoff"
            )


def least_cutoff(numbers: Iterable[int]) -> float:
    """eV, what the hardest of the elements needs; 0 if none of them is hard."""
    return HARD_CUTOFF if _hard(numbers) else 0.0


def _hard(numbers: Iterable[int]) -> list[str]:
    present = {SYMBOLS[z] for z in numbers}
    return [symbol for symbol in HARD_ELEMENTS if symbol in present]
