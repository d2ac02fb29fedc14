"""Gradient descent on the surrogate in latent space, all compounds and seeds in one batch, and where to stop."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lcom.surrogate.coms import Surrogate
from lcom.surrogate.settings import OptimiseSettings

QUANTILE = 0.95
UNSEEN = 2000  # validation crystals that the limit is taken from, if there are more
DISTANCES = 1 << 20  # held at once: they stay in the processor's cache, which is five times as fast


@dataclass(frozen=True)
class Path:
    """What the descent saw. T steps, R starts.

    latents [T + 1, R, latent] · predicted [T + 1, R] eV/atom · distance [T + 1, R] to the nearest training latent (root
    mean square per standardised dimension) · limit: the distance that 95 % of the validation crystals keep · chosen [R]: the step to decode
    """

    latents: Tensor
    predicted: Tensor
    distance: Tensor
    limit: float
    chosen: Tensor


def nearest(z: Tensor, known: Tensor) -> Tensor:
    """Root mean square difference per dimension to the nearest of the known latents, [..., d], [M, d] -> [...]."""
    flat, half = z.reshape(-1, z.shape[-1]), known.square().sum(1) / 2
    rows = max(1, DISTANCES // len(known))
    # the lowest |b|² / 2 - a·b, as |a - b|² = |a|² + 2 (|b|² / 2 - a·b)
    lowest = torch.cat([torch.addmm(half, part, known.T, alpha=-1).amin(1) for part in flat.split(rows)])
    return (2 * lowest + flat.square().sum(1)).clamp(min=0).div(z.shape[-1]).sqrt().view(z.shape[:-1])


def usual_distance(surrogate: Surrogate, train: Tensor, val: Tensor) -> float:
    """What 95 % of the validation crystals keep from the nearest training crystal; latents [M, latent], as they are encoded."""
    unseen = val[torch.linspace(0, len(val) - 1, min(len(val), UNSEEN)).round().long()]
    return float(nearest(surrogate.standardise(unseen), surrogate.standardise(train)).quantile(QUANTILE))


@torch.no_grad()
def optimise(
    surrogate: Surrogate, z: Tensor, c: Tensor, seed: Tensor, train: Tensor, val: Tensor, settings: OptimiseSettings
) -> Path:
    """Descend from latents z [R, latent] with compositions c [R, n_c], each on the surrogate of its seed [R].

    train, val: latents of the training and validation crystals, which set how far descent may go (the paper: steps are "picked by the
    distance between optimised groups and training dataset"). A start that already lies beyond the limit may go no farther away.
    """
    grid_z, grid_c, place = _by_seed(surrogate, z, c, seed)
    steps = surrogate.descend(grid_z, grid_c, settings.step_size, settings.steps)
    predicted = torch.stack([surrogate.energy(x, grid_c)[seed, place] for x in steps])
    latents = torch.stack([x[seed, place] for x in steps])  # [T + 1, R, latent]

    distance, limit = nearest(latents, surrogate.standardise(train)), usual_distance(surrogate, train, val)
    if settings.stop == "distance":
        beyond = distance > distance[0].clamp(min=limit) * (1 + 1e-6)
        chosen = torch.where(beyond.any(0), beyond.int().argmax(0) - 1, settings.steps)
    else:
        chosen = torch.full_like(seed, settings.steps)
    return Path(surrogate.restore(latents), predicted, distance, limit, chosen)


@torch.no_grad()
def ends(surrogate: Surrogate, z: Tensor, c: Tensor, seed: Tensor, settings: OptimiseSettings) -> Tensor:
    """The last latents of such a descent, [R, latent], without a look at all others, which would cost as much again."""
    grid_z, grid_c, place = _by_seed(surrogate, z, c, seed)
    return surrogate.restore(surrogate.descend(grid_z, grid_c, settings.step_size, settings.steps)[-1][seed, place])


def _by_seed(surrogate: Surrogate, z: Tensor, c: Tensor, seed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Standardised latents [S, most, latent] and compositions [S, most, n_c] of each seed's starts, and the places of all starts among
    those of their seed, [R]."""
    seeds, place = surrogate.sizes[2], torch.zeros_like(seed)
    for s in range(seeds):
        place[seed == s] = torch.arange(int((seed == s).sum()), device=z.device)
    width = int(place.max()) + 1
    grid_z, grid_c = z.new_zeros(seeds, width, z.shape[1]), c.new_zeros(seeds, width, c.shape[1])
    grid_z[seed, place], grid_c[seed, place] = surrogate.standardise(z), c
    return grid_z, grid_c, place
