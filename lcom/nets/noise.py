"""Noise on the positions of a crystal: its levels, and the way back from a noisy crystal to the clean one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lcom.batch import Batch
from lcom.nets.graph import move, shortest_way


def noise_levels(begin: float, end: float, count: int) -> Tensor:
    """``count`` noise levels in Å, from begin down to end, evenly spaced in the logarithm."""
    return torch.logspace(torch.log10(torch.tensor(begin)), torch.log10(torch.tensor(end)), count)


def perturb(batch: Batch, noise: float, strain: float, normal: Callable[..., Tensor]) -> Batch:
    """Crystals a little off their minima: Gaussian noise of ``noise`` Å on the positions, and of ``strain`` on the cells.

    A network that sees these learns geometry, not examples. normal: shape -> normal numbers.
    """
    if not (noise or strain):
        return batch
    by = strain * normal(len(batch.n_atoms), 3, 3).clamp(-3, 3)
    lattice = batch.lattice @ (torch.eye(3, device=by.device) + 0.5 * (by + by.mT))
    return move(batch.replace(lattice=lattice), noise * normal(len(batch.numbers), 3))


def displacement(noisy: Batch, clean_frac: Tensor) -> Tensor:
    """The shortest periodic displacement of each atom from its noisy to its clean position in the noisy cell, [N, 3] Å.

    Exact in Niggli cells; in strained ones, which no longer are, one in a thousand is up to 0.2 Å longer.
    """
    return shortest_way(clean_frac - noisy.frac_coords, noisy.lattice[noisy.crystal])
