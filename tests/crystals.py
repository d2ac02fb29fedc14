"""Crystals that the tests share."""

from __future__ import annotations

import numpy as np

from lcom.compounds import load_compounds
from lcom.crystal import Crystal, lattice_from_parameters

KNOWN = {c.formula: c.crystal() for c in load_compounds("data/compounds.csv")}


def random_crystals(count: int, n: int, seed: int = 0, elements: int = 2) -> list[Crystal]:
    """Crystals with n atoms in skewed random cells of about 12 Å³ an atom."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        lattice = lattice_from_parameters(np.r_[rng.uniform(0.7, 1.4, 3), rng.uniform(65, 110, 3)])
        lattice *= (12 * n / abs(np.linalg.det(lattice))) ** (1 / 3)
        kinds = rng.choice(np.arange(3, 80), elements, replace=False)
        numbers = kinds[np.arange(n) % elements]
        result.append(Crystal(numbers, rng.random((n, 3)), lattice))
    return result


def rotation(seed: int = 0) -> np.ndarray:
    """A random proper rotation, [3, 3]."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def supercell(crystal: Crystal, matrix: np.ndarray) -> Crystal:
    """The crystal in the cell matrix @ lattice."""
    from pymatgen.core import Structure

    structure: Structure = crystal.to_structure()
    return Crystal.from_structure(structure.make_supercell(matrix, to_unit_cell=True, in_place=False))
