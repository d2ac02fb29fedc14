"""Crystals in the symmetry that they have but for a little, of which GPAW asks fewer k-points.

A decoded crystal misses its symmetry by hundredths of an Å. In what an average over the operations loses the symmetric crystal's
energy is stationary: it changes in the second order of how far atoms and cell move. The loosest tolerance is taken at which springs
stiffer than bonds would do no more than `WORK`. And GPAW uses only operations that leave the origin where it is: there an atom is put
that the most of them do not move.
"""

from __future__ import annotations

import numpy as np

from lcom.crystal import Crystal
from lcom.symmetry import operations

TOLERANCES = (0.1, 0.05, 0.02, 0.01)  # Å, of spglib
WORK = 5e-4  # eV/atom
SPRING = 15.0  # eV/Å², of an atom, as in lcom.dft.cache
STIFFNESS = 30.0  # eV/atom and strain²; diamond, the stiffest, has 36, salts 5 to 15


def symmetrised(crystal: Crystal) -> Crystal:
    """The crystal in the highest symmetry that changes its energy by about `WORK` at most, in a primitive cell; itself, if it has none."""
    import spglib

    for tolerance in TOLERANCES:
        found = operations(crystal, tolerance)
        if found is None:
            continue
        symmetric, moved, strain = found.averaged(crystal)
        if (SPRING * (moved**2).sum() / len(crystal) + STIFFNESS * (strain**2).sum()) / 2 <= WORK:
            cell = (symmetric.lattice, symmetric.frac_coords, symmetric.numbers)
            primitive = spglib.find_primitive(cell, symprec=1e-4)
            if primitive is None or len(primitive[2]) == len(crystal):
                stays = (found.comes_to == np.arange(len(crystal))).sum(0)  # operations, for each atom
                return Crystal(
                    symmetric.numbers, symmetric.frac_coords - symmetric.frac_coords[stays.argmax()], symmetric.lattice
                )
            return symmetrised(Crystal(primitive[2], primitive[1], primitive[0]))  # which its repeats have hidden
    return crystal
