"""The volume that crystals of a composition have, learned from the training crystals: a swapped crystal is scaled to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lcom.batch import Batch
from lcom.elements import MAX_Z, covalent_radius
from lcom.physical import VOLUME_OF_BOND

RIDGE = 1.0  # crystals' worth of the prior that an element changes nothing
CHUNK = 1 << 16  # crystals at once


@dataclass(frozen=True)
class VolumeModel:
    """log(V / V_guess) = bias + sum over elements of fraction × weight; V in Å³ per atom, V_guess from covalent radii (lcom.physical).

    weights [MAX_Z + 1]: 0 for an element without crystals, of which the guess remains.
    """

    bias: float
    weights: np.ndarray

    def __call__(self, numbers: np.ndarray) -> float:
        """Å³ per atom of a crystal of atoms `numbers` [n]."""
        numbers = np.asarray(numbers)
        guess = VOLUME_OF_BOND * (2 * covalent_radius(numbers).mean()) ** 3
        return float(guess * np.exp(self.bias + self.weights[numbers].mean()))


def fit_volumes(crystals: Batch) -> VolumeModel:
    """Ridge regression in closed form; ValueError without crystals."""
    n_atoms = crystals.n_atoms.numpy().astype(np.int64)
    if not len(n_atoms):
        raise ValueError("no training crystal to learn volumes from")
    radii = np.zeros(MAX_Z + 1)
    radii[1:] = covalent_radius(np.arange(1, MAX_Z + 1))
    size = MAX_Z + 2  # an element each, the last one for the bias
    gram, moment = np.zeros((size, size)), np.zeros(size)
    ends = np.cumsum(n_atoms)
    numbers, volumes = crystals.numbers.numpy(), torch.linalg.det(crystals.lattice.double()).abs().numpy() / n_atoms
    for first in range(0, len(n_atoms), CHUNK):
        rows = slice(first, first + CHUNK)
        atoms = numbers[ends[first] - n_atoms[first] : ends[rows][-1]]
        count = len(n_atoms[rows])
        owner = np.repeat(np.arange(count), n_atoms[rows])
        x = np.bincount(owner * size + atoms, minlength=count * size).reshape(count, size) / n_atoms[rows, None]
        guess = VOLUME_OF_BOND * (2 * x[:, :-1] @ radii) ** 3
        x[:, -1] = 1
        gram += x.T @ x
        moment += x.T @ np.log(volumes[rows] / guess)
    penalty = np.full(size, RIDGE)
    penalty[-1] = 0
    found = np.linalg.solve(gram + np.diag(penalty), moment)
    return VolumeModel(float(found[-1]), found[:-1])
