"""Sampling of positions (and, in the end, of the cell) from the denoiser.

Two samplers over the same noise levels, both with a noise-free end:

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
from dataclasses import dataclass

import torch
from torch import Tensor

from lcom.batch import Batch
from lcom.nets.graph import image_offsets, move, searchable

Denoiser = Callable[[Batch, Tensor, Tensor], tuple[Tensor, Tensor]]


SCHEDULES = ("ancestral", "langevin", "paper")
CHOICES = ("energy", "latent")
PAPER = {"schedule": "langevin", "levels": 50, "steps": 100, "step_size": 1.0e-4, "strain_steps": 0, "samples": 1}


@dataclass(frozen=True)
class DecodeSettings:
    """schedule: ancestral, langevin, or paper, which is langevin with every number as published (5 000 calls) · levels: noise
    levels · steps: Langevin steps a level, step_size in Å² · strain_steps: noise-free steps that mend the cell too, at the noise
    level strain_sigma in Å · samples: decodings of a latent, of which one is kept · choose: the one that encodes to the lowest
    energy by the surrogate, where there is one (energy), or that encodes closest to the latent"""

    schedule: str = "ancestral"
    levels: int = 20
    steps: int = 1
    step_size: float = 1.0e-4
    strain_steps: int = 12
    strain_sigma: float = 0.14
    samples: int = 8
    choose: str = "energy"

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"config: 'decode.schedule' must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}")
        if self.choose not in CHOICES:
            raise ValueError(f"config: 'decode.choose' must be one of {', '.join(CHOICES)}, got {self.choose!r}")
        if self.schedule == "paper":
            for name, value in PAPER.items():
                object.__setattr__(self, name, value)

    @property
    def noises(self) -> int:
        """How many draws of noise a decoding needs."""
        return self.levels * (self.steps if self.schedule == "langevin" else 1)


def sample(
    denoise: Denoiser, start: Batch, sigmas: Tensor, noise: Tensor, settings: DecodeSettings, cutoff: float
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
    if settings.schedule == "langevin":
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
