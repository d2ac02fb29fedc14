"""Crystals in the symmetry that they have but for a little, of which GPAW asks fewer k-points.

A decoded crystal misses its symmetry by hundredths of an Å. Averaged over the operations that it has within a tolerance, it loses just
what breaks them, and in that the symmetric crystal's energy is stationary: it changes in the second order of how far the atoms and
the cell move. The loosest tolerance is taken at which springs stiffer than bonds would do no more than `WORK`.
"""

from __future__ import annotations

import numpy as np

from lcom.crystal import Crystal

TOLERANCES = (0.1, 0.05, 0.02, 0.01)  # Å, of spglib
WORK = 5e-4  # eV/atom
SPRING = 15.0  # eV/Å², of an atom, as in lcom.dft.cache
STIFFNESS = 30.0  # eV/atom and strain²; diamond, the stiffest, has 36, salts 5 to 15


def symmetrised(crystal: Crystal) -> Crystal:
    """The crystal in the highest symmetry that changes its energy by about `WORK` at most, in a primitive cell; itself, if it has none."""
    import spglib

    cell = (crystal.lattice, crystal.frac_coords, crystal.numbers)
    for tolerance in TOLERANCES:
        found = spglib.get_symmetry_dataset(cell, symprec=tolerance)
        if found is None or len(found.rotations) == 1:
            continue
        lattice, strain = _averaged_cell(crystal.lattice, found.rotations)
        moved = _averaged_places(crystal, found.rotations, found.translations, lattice, tolerance)
        if moved is None:
            continue
        frac, shift = moved
        work = (SPRING * (shift**2).sum() / len(crystal) + STIFFNESS * (strain**2).sum()) / 2
        if work <= WORK:
            primitive = spglib.find_primitive((lattice, frac, crystal.numbers), symprec=1e-4)
            if primitive is None or len(primitive[2]) == len(crystal):
                return Crystal(crystal.numbers, frac, lattice)
            return symmetrised(Crystal(primitive[2], primitive[1], primitive[0]))  # which its repeats have hidden
    return crystal


def _averaged_cell(lattice: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell whose metric is the mean over the operations, and the strain that leads there, [3, 3] each."""
    metric = np.einsum("sia,ij,sjb->ab", rotations, lattice @ lattice.T, rotations) / len(rotations)
    inverse = np.linalg.inv(lattice)
    square = inverse @ metric @ inverse.T
    values, vectors = np.linalg.eigh((square + square.T) / 2)
    stretch = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    return lattice @ stretch, stretch - np.eye(3)


def _averaged_places(
    crystal: Crystal, rotations: np.ndarray, translations: np.ndarray, lattice: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Fractional coordinates averaged over the operations, and how far each atom moves against their mean, Å, [n, 3] each; None if an
    operation takes no atom near one of its kind."""
    frac = crystal.frac_coords
    images = np.einsum("sij,nj->sni", rotations, frac) + translations[:, None]
    apart = images[:, :, None] - frac  # [operation, atom, the one it comes to, 3]
    apart -= np.rint(apart)
    distance = np.linalg.norm(apart @ lattice, axis=-1)
    distance[:, crystal.numbers[:, None] != crystal.numbers] = np.inf
    comes_to = distance.argmin(2)
    if distance.min(2).max() > 3 * tolerance or (np.sort(comes_to) != np.arange(len(crystal))).any():
        return None
    step = np.take_along_axis(apart, comes_to[..., None, None], 2)[:, :, 0]
    mean = np.zeros_like(frac)
    np.add.at(mean, comes_to, step)
    mean /= len(rotations)
    return frac + mean, (mean - mean.mean(0)) @ lattice
