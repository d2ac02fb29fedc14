"""Energies and relaxations by CHGNet, and the energy above the hull that they make.

All energies of a hull are CHGNet's, those of the data set's crystals too: nothing of two levels of theory is compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import SHORT, Relaxed, energies, relax
from lcom.data.table import Crystals
from lcom.prediction.hull import competing, hull_energy

LEVEL = "CHGNet r2SCAN"
EACH = 2  # crystals of every composition of the hull: CHGNet's lowest need not be the data set's


class Chgnet:
    """The potential, loaded once. known: the crystals of the data set, which make the hull; None: no hull."""

    def __init__(self, known: Crystals | None) -> None:
        self.potential, self.known = Potential(), known
        self._phases: dict[frozenset[int], tuple[list[np.ndarray], list[float]]] = {}

    def relax(self, crystals: Sequence[Crystal]) -> list[Relaxed]:
        """Cells and positions together. An energy is NaN where a cell went astray; `reason` says so, or that it is not converged."""
        return relax(crystals, self.potential, SHORT)

    def energies(self, crystals: Sequence[Crystal]) -> np.ndarray:
        """Of the crystals as they are, eV/atom, [M]; NaN for a cell that the potential should not see."""
        return energies(crystals, self.potential)

    def above_hull(self, crystal: Crystal, energy: float) -> float | None:
        """`energy` (eV/atom) above the hull of the data set's crystals, negative below it; None if they cannot make the composition."""
        if self.known is None or not np.isfinite(energy):
            return None
        elements = frozenset(crystal.numbers.tolist())
        if elements not in self._phases:
            phases = [self.known.crystal(row) for row in competing(self.known, sorted(elements), EACH)]
            pairs = [
                (p.numbers, e) for p, e in zip(phases, self.energies(phases).tolist(), strict=True) if np.isfinite(e)
            ]
            self._phases[elements] = ([p for p, _ in pairs], [e for _, e in pairs])
        hull = hull_energy(crystal.numbers, *self._phases[elements])
        return None if hull is None else energy - hull
