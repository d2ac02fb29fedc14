"""Noise on the positions of a crystal: its levels, and the way back from a noisy crystal to the clean one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lcom.batch import Batch
from lcom.nets.graph import move, scatter_mean, shortest_way


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


def displacement(noisy: Batch, clean_frac: Tensor, nearest_copy: bool) -> Tensor:
    """Cartesian displacements from the noisy to the clean positions in the noisy cell, [N, 3] Å.

    Without ``nearest_copy``: the shortest periodic displacement of each atom to its own clean position (CD-VAE), exact in Niggli
    cells; in strained ones, which no longer are, one in a thousand is up to 0.2 Å longer.
    With it: to the nearest copy of the crystal, shifted as a whole and with atoms of one element in any order, both of
    which change nothing; the mean displacement, which no translation-invariant network can know, is removed. The copies looked
    at put an atom of the rarest element onto each noisy one of its kind: nearly always enough at 0.3 Å of noise, while at 1.5 Å,
    where every copy is about as near, two of three are not the very nearest.
    """
    own = shortest_way(clean_frac - noisy.frac_coords, noisy.lattice[noisy.crystal])  # [N, 3] Å
    if not nearest_copy:
        return own
    device, crystal, b = own.device, noisy.crystal, len(noisy.n_atoms)
    n = int(noisy.n_atoms.max())
    start = torch.cumsum(noisy.n_atoms, 0) - noisy.n_atoms
    slot = torch.arange(len(crystal), device=device) - start[crystal]

    def pad(values: Tensor) -> Tensor:
        out = values.new_zeros(b, n, *values.shape[1:])
        out[crystal, slot] = values
        return out

    numbers, frac, clean = pad(noisy.numbers), pad(noisy.frac_coords), pad(clean_frac)
    real = numbers > 0
    alike = (numbers[:, :, None] == numbers[:, None, :]) & real[:, :, None]  # [B, n, n]
    # candidate shifts: clean atom a of the rarest element onto each noisy atom of that element; and no shift at all
    anchor = torch.where(real, alike.sum(-1), n + 1).argmin(-1)  # [B]
    rows = torch.arange(b, device=device)
    shifts = torch.cat([frac - clean[rows, anchor][:, None], frac.new_zeros(b, 1, 3)], 1)  # [B, n + 1, 3]
    allowed = torch.cat([alike[rows, anchor], real.new_ones(b, 1)], 1)
    between = clean[:, None, None] + shifts[:, :, None, None] - frac[:, None, :, None]  # [B, n + 1, n, n, 3]
    way = shortest_way(between, noisy.lattice)
    square = way.square().sum(-1).masked_fill(~alike[:, None], torch.inf)
    partner = square.argmin(-1)  # [B, n + 1, n]: the nearest clean atom of the same element
    used = torch.zeros_like(square[..., 0]).scatter_add_(2, partner, real[:, None].expand_as(partner).to(square.dtype))
    allowed &= (used <= 1).all(-1)  # each clean atom taken once
    chosen = way.gather(3, partner[..., None, None].expand(*partner.shape, 1, 3)).squeeze(3)  # [B, n + 1, n, 3]
    chosen = torch.cat([chosen, pad(own)[:, None]], 1) * real[:, None, :, None]
    allowed = torch.cat([allowed, real.new_ones(b, 1)], 1)
    mean = chosen.sum(2) / noisy.n_atoms[:, None, None]
    cost = chosen.square().sum((2, 3)) - noisy.n_atoms[:, None] * mean.square().sum(-1)
    best = cost.masked_fill(~allowed, torch.inf).argmin(1)
    result = chosen[rows, best][crystal, slot]
    return result - scatter_mean(result, noisy)[crystal]
