"""What a potential says of a crystal, and which cells none should see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_IMAGES = 4000  # cells within the cutoff; a flat or needle-like cell has tens of thousands and would never end


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a potential says of one crystal.

    energy   eV/atom
    binding  the part of it that is not a sum over elements, eV/atom: -4 to 8 by CHGNet in real crystals
    forces   [n, 3] eV/Å
    virial   [3, 3] dE/dstrain of the whole cell in eV: stress times volume
    """

    energy: float
    binding: float
    forces: np.ndarray
    virial: np.ndarray


class UnphysicalCrystal(ValueError):
    """A cell that the potential should not see: collapsed, blown up or too skewed."""


def image_reach(lattice: np.ndarray, cutoff: float) -> np.ndarray:
    """How many cells along each axis hold all points within `cutoff` of a cell with atoms at fractions [0, 1), [3]."""
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)  # Å between opposite faces
    return np.ceil(np.minimum(cutoff / heights, 1e6)).astype(int) + 1


def n_images(lattice: np.ndarray, cutoff: float) -> float:
    """How many cells a neighbour list within `cutoff` Å looks through."""
    return float(np.prod(2.0 * image_reach(lattice, cutoff) + 1))
