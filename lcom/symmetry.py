"""The operations that a crystal has but for a little, and what is averaged over them: its cell and places, and forces on it.

An average over the operations loses just what breaks them, in which the energy of the symmetric crystal is stationary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lcom.crystal import Crystal

SYMPREC = (
    0.1  # Å, in which a predicted crystal is said to have a symmetry: decoded ones are not symmetric to the last digit
)


@dataclass(frozen=True)
class Operations:
    """S operations of a crystal of n atoms, x -> W x + w of fractional coordinates.

    rotations [S, 3, 3] W · steps [S, n, 3]: from the atom that an atom comes to, to where it comes, fractional · comes_to [S, n]
    """

    rotations: np.ndarray
    steps: np.ndarray
    comes_to: np.ndarray

    def averaged(self, crystal: Crystal) -> tuple[Crystal, np.ndarray, np.ndarray]:
        """The crystal with these symmetries exactly, how far each atom has moved against their mean, [n, 3] Å, and the strain [3, 3]."""
        lattice, count = crystal.lattice, len(self.rotations)
        metric = np.einsum("sia,ij,sjb->ab", self.rotations, lattice @ lattice.T, self.rotations) / count
        inverse = np.linalg.inv(lattice)
        square = inverse @ metric @ inverse.T
        values, vectors = np.linalg.eigh((square + square.T) / 2)
        stretch = vectors @ np.diag(np.sqrt(values)) @ vectors.T
        cell = lattice @ stretch
        mean = self._mean(self.steps)
        moved = (mean - mean.mean(0)) @ cell
        return Crystal(crystal.numbers, crystal.frac_coords + mean, cell), moved, stretch - np.eye(3)

    def project(self, lattice: np.ndarray, forces: np.ndarray, virial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of forces [n, 3] and a virial [3, 3] what has the symmetry of a crystal with these operations in the cell `lattice`."""
        turns = np.linalg.inv(lattice) @ self.rotations.transpose(0, 2, 1) @ lattice  # of row vectors
        return self._mean(forces @ turns), np.einsum("sia,ij,sjb->ab", turns, virial, turns) / len(turns)

    def _mean(self, values: np.ndarray) -> np.ndarray:
        """Of what each operation brings to each atom, [S, n, 3] -> [n, 3]."""
        mean = np.zeros(values.shape[1:])
        np.add.at(mean, self.comes_to, values)
        return mean / len(values)


def free_parameters(crystal: Crystal, rotations: np.ndarray, translations: np.ndarray) -> int:
    """Of the cell and the places: how many numbers operations x -> W x + w [S, 3, 3], [S, 3] leave free; rocksalt has one.

    The dimension of what they keep as it is, their characters' mean: of strains, and of displacements less those of all atoms together.
    """
    trace = np.trace(rotations, axis1=1, axis2=2)
    strain = (trace**2 + np.trace(rotations @ rotations, axis1=1, axis2=2)) / 2
    frac = crystal.frac_coords
    moved = np.einsum("sij,nj->sni", rotations, frac) + translations[:, None] - frac
    moved -= np.rint(moved)
    kept = (np.linalg.norm(moved @ crystal.lattice, axis=-1) < 3 * SYMPREC).sum(1)  # atoms, by each operation
    return round(float((strain + trace * (kept - 1)).mean()))


def operations(crystal: Crystal, tolerance: float) -> Operations | None:
    """Those that the crystal has within a tolerance, Å, by spglib; None if it has none beside the identity."""
    import spglib

    found = spglib.get_symmetry_dataset((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=tolerance)
    if found is None or len(found.rotations) == 1:
        return None
    frac = crystal.frac_coords
    images = np.einsum("sij,nj->sni", found.rotations, frac) + found.translations[:, None]
    apart = images[:, :, None] - frac  # [operation, atom, the one it comes to, 3]
    apart -= np.rint(apart)
    distance = np.linalg.norm(apart @ crystal.lattice, axis=-1)
    distance[:, crystal.numbers[:, None] != crystal.numbers] = np.inf
    comes_to = distance.argmin(2)
    if distance.min(2).max() > 3 * tolerance or (np.sort(comes_to) != np.arange(len(crystal))).any():
        return None
    return Operations(found.rotations, np.take_along_axis(apart, comes_to[..., None, None], 2)[:, :, 0], comes_to)
