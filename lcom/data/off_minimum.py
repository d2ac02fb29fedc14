"""A crystal that is no minimum, with what the potential says of it: what energies are learned from between the minima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lcom.crystal import Crystal


@dataclass(frozen=True, slots=True)
class OffMinimum:
    """formula: its composition · prototype: of the walk that passed it · stage: start, way or shaken · energy eV/atom ·
    forces [n, 3] eV/Å · stress [3, 3] eV/Å³"""

    formula: str
    prototype: str
    stage: str
    crystal: Crystal
    energy: float
    forces: np.ndarray
    stress: np.ndarray
