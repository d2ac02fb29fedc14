"""Sampling of positions (and, in the end, of the cell) from the denoiser.

Two samplers over the same noise levels, both with a noise-free end (Langevin where ``last_step`` says so):

langevin    annealed Langevin dynamics (Song and Ermon 2019; CD-VAE: 50 levels x 100 steps):
            x <- x + s d / sigma² + sqrt(2 s) noise, step s = step_size (sigma / sigma_end)²
ancestral   one call a level, the posterior of the next level t given x and the clean x + d (Song et al. 2021, eq. 47):
            x <- x + (1 - t² / sigma²) d + t sqrt(1 - t² / sigma²) noise

where d is the denoiser's estimate of clean - noisy. A denoiser with a strain output then mends cell and positions together
in a few steps without noise, for which it is told the same levels again: at the large ones it says what the latent asks for,
at the small ones how bonds should be. Nothing here knows the networks: a denoiser is a function
(batch, sigma [B], offsets) -> (d / sigma [N, 3], strain [B, 3, 3]).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lcom.batch import Batch
from lcom.cdvae.settings import SamplerSettings
from lcom.nets.graph import image_offsets, move, searchable
from lcom.nets.noise import noise_levels

Denoiser = Callable[[Batch, Tensor, Tensor], tuple[Tensor, Tensor]]


def sample(
    denoise: Denoiser, start: Batch, sigmas: Tensor, noise: Tensor, settings: SamplerSettings, cutoff: float
) -> Batch:
    """Denoise ``start`` through the falling levels sigmas [levels] (Å).

    noise: [settings.noises, N, 3] standard normal. Returns crystals with the same atoms, in mended cells if
    ``strain_steps`` is not 0. The cell is fixed until then, so its image offsets are searched once.
    """
    batch = start
    sizes = torch.ones(len(start.n_atoms), device=sigmas.device)
    offsets = image_offsets(batch.lattice, cutoff)
    draw = iter(noise)
    for i, sigma in enumerate(sigmas):
        if settings.schedule == "ancestral":
            following = sigmas[i + 1] if i + 1 < len(sigmas) else torch.zeros_like(sigma)
            part = 1 - (following / sigma) ** 2
            towards, _ = denoise(batch, sizes * sigma, offsets)
            batch = move(batch, part * sigma * towards + following * part.sqrt() * next(draw))
            continue
        step = settings.step_size * (sigma / sigmas[-1]) ** 2
        for _ in range(settings.steps):
            towards, _ = denoise(batch, sizes * sigma, offsets)
            batch = move(batch, step * towards / sigma + torch.sqrt(2 * step) * next(draw))
    if settings.schedule == "langevin" and settings.last_step:
        towards, _ = denoise(batch, sizes * sigmas[-1], offsets)
        batch = move(batch, towards * sigmas[-1])
    return mend(denoise, batch, levels_again(sigmas, settings.strain_steps), cutoff)


def levels_again(sigmas: Tensor, count: int) -> Tensor:
    """``count`` levels from the first of sigmas to its last (a single one is the last), [count] Å."""
    first, last = float(sigmas[0]), float(sigmas[-1])
    return noise_levels(last, first, count).flip(0).to(sigmas.device)


def mend(denoise: Denoiser, batch: Batch, sigmas: Tensor, cutoff: float) -> Batch:
    """A step of cell and positions at each of the levels sigmas (Å), without noise."""
    sizes = torch.ones(len(batch.n_atoms), device=sigmas.device)
    for sigma in sigmas:
        towards, strain = denoise(batch, sizes * sigma, image_offsets(batch.lattice, cutoff))
        batch = move(batch, towards * sigma)
        mended = batch.lattice @ (torch.eye(3, device=strain.device) + strain.clamp(-0.1, 0.1))
        sound = searchable(mended, cutoff)[:, None, None]  # no step into a flat cell
        batch = batch.replace(lattice=torch.where(sound, mended, batch.lattice))
    return batch
