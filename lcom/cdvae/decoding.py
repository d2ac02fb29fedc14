"""From latents to crystals: several decodings of each latent in one batch, of which one is kept.

That is the one that encodes closest to the latent, or, where a network is at hand that says energies, the lowest: descent leaves the
latents that crystals have, so what it decodes to is closer to crystals than to the latent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lcom.base.seeding import generator
from lcom.batch import Batch, select
from lcom.cdvae.model import CDVAE
from lcom.cdvae.sampler import sample
from lcom.cdvae.settings import DecodeSettings
from lcom.nets.graph import scatter_sum
from lcom.nets.noise import noise_levels

# m decodings of b latents: theirs [m, b, latent], the rows [b] of z that they are of, the crystals [m * b] -> energies [m, b]:
# Surrogate.chooser, EnergyModel.chooser
Chooser = Callable[[Tensor, Tensor, Batch], Tensor]


@torch.no_grad()
def decode(
    model: CDVAE,
    z: Tensor,
    atoms: Batch,
    settings: DecodeSettings,
    keys: Sequence[tuple],
    energy: Chooser | None = None,
    chunk: int = 256,
) -> tuple[Batch, Tensor]:
    """Decode latents z [B, latent] into crystals with the atoms (numbers, n_atoms) of ``atoms``.

    keys: for each latent the key of its noise, so that a candidate's noise depends on nothing else in the batch. energy: chooses
    among the decodings unless ``settings.choice`` is latent; without it the closest is kept.
    Returns the kept crystals and their distance ||encode(decoded) - z|| in z's units, [B]; inf where no sample is finite.
    """
    if settings.strain_steps and not model.settings.strain:
        raise ValueError("decode.strain_steps needs a model trained with cdvae.strain: set decode.strain_steps to 0")
    if settings.choice == "latent":
        energy = None
    device, per_chunk = z.device, max(1, chunk // settings.samples)
    results = [
        _decode(model, z, index, select(atoms, index), settings, [keys[i] for i in index.tolist()], energy)
        for index in torch.arange(len(z), device=device).split(per_chunk)
    ]
    batches = [batch for batch, _ in results]
    together = Batch(
        *(torch.cat([getattr(b, name) for b in batches]) for name in ("numbers", "frac_coords", "lattice", "n_atoms"))
    )
    return together, torch.cat([distance for _, distance in results])


def _decode(
    model: CDVAE,
    z: Tensor,
    index: Tensor,
    atoms: Batch,
    settings: DecodeSettings,
    keys: list[tuple],
    energy: Chooser | None,
) -> tuple[Batch, Tensor]:
    z = z[index]
    s, device, m = model.settings, z.device, settings.samples
    sizes = atoms.n_atoms.tolist()
    draws = [generator("decode", *key, k) for k in range(m) for key in keys]
    shapes = sizes * m
    frac = torch.tensor(
        np.concatenate([g.random((n, 3)) for g, n in zip(draws, shapes, strict=True)]), dtype=torch.float32
    )
    noise = np.concatenate(
        [g.standard_normal((settings.noises, n, 3), dtype=np.float32) for g, n in zip(draws, shapes, strict=True)],
        axis=1,
    )
    context = model.context(z, atoms)
    cells = model.predict_lattice(context, atoms)
    start = atoms.replace(lattice=cells).repeat(m).replace(frac_coords=frac.to(device))
    contexts = context.repeat(m, 1)
    sigmas = noise_levels(s.sigma_begin, s.sigma_end, settings.levels).to(device)
    decoded = sample(
        lambda batch, sigma, offsets: model.denoise(batch, contexts, sigma, offsets),
        start, sigmas, torch.from_numpy(noise).to(device), settings, s.cutoff,
    )  # fmt: skip
    decoded, finite = _finite(decoded)
    encoded = model.encode(decoded)[0].view(m, *z.shape)
    distance = (encoded - z).norm(dim=-1)  # [m, B]
    sound = finite.view(m, len(z)) & torch.isfinite(distance)
    distance = torch.where(sound, distance, torch.inf)
    cost = distance if energy is None else torch.where(sound, energy(encoded, index, decoded), torch.inf)
    best = cost.argmin(0)  # [B]
    rows = torch.arange(len(z), device=device)
    return select(decoded, best * len(z) + rows), distance[best, rows]


def _finite(batch: Batch) -> tuple[Batch, Tensor]:
    """The batch with a placeholder for crystals that are not finite, and which are, [B] bool."""
    atoms_lost = ~torch.isfinite(batch.frac_coords).all(-1)
    lost = scatter_sum(atoms_lost.float(), batch.crystal, len(batch.n_atoms)) > 0
    lost |= ~torch.isfinite(batch.lattice).flatten(1).all(-1)
    cell = 10 * torch.eye(3, device=lost.device)
    frac_coords = torch.where(lost[batch.crystal, None], 0.0, batch.frac_coords)
    return batch.replace(frac_coords=frac_coords, lattice=torch.where(lost[:, None, None], cell, batch.lattice)), ~lost
