"""Sampling of positions (and, in the end, of the cell) from the denoiser.

Two samplers over the same noise levels, both with a noise-free end (Langevin where ``last_step`` says so):

langevin    annealed Langevin dynamics (Song and Ermon 2019; CD-VAE: 50 levels x 100 steps):
            x <- x + s d / sigma² + sqrt(2 s) noise, step s = step_size (sigma / sigma_end)²
ancestral   one call a level, the posterior of the next level t given x and the clean x + d (Song et al. 2021, eq. 47):
            x <- x + (1 - t² / sigma²) d + t sqrt(1 - t² / sigma²) noise

where d is the denoiser's estimate of clean - noisy. A denoiser with a strain output then mends cell and positions together
for a few noise-free steps, at the noise level of the errors that a wrong cell makes, where it sees farther than at the last
one. Nothing here knows the networks: a denoiser is a function (batch, sigma [B], offsets) -> (d / sigma [N, 3], strain [B, 3, 3]).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lcom.batch import Batch
from lcom.cdvae.settings import SamplerSettings
from lcom.nets.graph import image_offsets, move, searchable

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
    for _ in range(settings.strain_steps):
        offsets = image_offsets(batch.lattice, cutoff)
        towards, strain = denoise(batch, sizes * settings.strain_sigma, offsets)
        batch = move(batch, towards * settings.strain_sigma)
        eye = torch.eye(3, device=strain.device)
        mended = batch.lattice @ (eye + strain.clamp(-0.1, 0.1))
        mended = torch.where(
            searchable(mended, cutoff)[:, None, None], mended, batch.lattice
        )  # no step into a flat cell
        batch = batch.replace(lattice=mended)
    return batch
