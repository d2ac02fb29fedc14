"""Formulas -> crystals that the networks propose: descent from every start, decoding, and what the surrogates say of the outcome.

Nothing of a formula is known but its composition. So each cell size is tried, the surrogates of all seeds vote, and their mean
at the latent of the decoded crystal, not at the end of the descent, says which structures are promising.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from lcom.batch import Batch, pack, select, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from lcom.physical import unphysical
from lcom.prediction.networks import Networks
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import ends, nearest, optimise
from lcom.surrogate.settings import OptimiseSettings


@dataclass(frozen=True)
class Proposal:
    """energy, spread: mean and standard deviation over the surrogates of what they were trained on, eV/atom; no spread with one ·
    distance: of its latent to the nearest training crystal's, in units of what 95 % of the validation crystals keep."""

    crystal: Crystal
    energy: float
    spread: float | None
    distance: float


@torch.no_grad()
def propose(
    networks: Networks,
    starts: Mapping[str, Sequence[Crystal]],
    descent: OptimiseSettings,
    decoding: DecodeSettings,
    seed: int = 0,
    most: int | None = None,
) -> dict[str, list[Proposal]]:
    """Proposals for every formula of `starts`, all in one batch; without what no DFT should see.

    Descends from every start and decodes, of each formula, the `most` ends (None: all) that the surrogates find lowest. The noise
    of the n-th start of a formula depends on nothing beside it but `seed`.
    """
    model, surrogate = networks.model, networks.surrogate
    everything = [crystal for crystals in starts.values() for crystal in crystals]
    batch, seeds = pack(everything).to(networks.device), surrogate.sizes[2]
    keys = [("predict", formula, i, seed) for formula, crystals in starts.items() for i in range(len(crystals))]
    vote = torch.tensor([key[2] % seeds for key in keys], device=networks.device)
    z, c = model.encode(batch)[0], model.composition(batch)
    if descent.stop == "last":
        end = ends(surrogate, z, c, vote, descent)
    else:
        path = optimise(surrogate, z, c, vote, networks.train_z, networks.val_z, descent)
        end = path.latents[path.chosen, torch.arange(len(z), device=z.device)]
    if most is not None:
        rows = _promising(networks, end, c, batch.n_atoms, [len(crystals) for crystals in starts.values()], most)
        end, c, vote, batch, keys = (
            end[rows],
            c[rows],
            vote[rows],
            select(batch, rows),
            [keys[i] for i in rows.tolist()],
        )
    decoded, distance = decode(model, end, batch, decoding, keys, surrogate.chooser(c, vote))
    found: dict[str, list[Proposal]] = {formula: [] for formula in starts}
    for i, proposal in enumerate(_appraised(networks, decoded, c)):
        if bool(torch.isfinite(distance[i])) and not unphysical(proposal.crystal):
            found[keys[i][1]].append(proposal)
    return found


@torch.no_grad()
def appraised(networks: Networks, crystals: Mapping[str, Sequence[Crystal]]) -> dict[str, list[Proposal]]:
    """What the networks say of crystals as they are, of every formula, all in one batch; without what no DFT should see."""
    batch = pack([crystal for own in crystals.values() for crystal in own]).to(networks.device)
    said = iter(_appraised(networks, batch, networks.model.composition(batch)))
    return {
        formula: [one for one in islice(said, len(own)) if not unphysical(one.crystal)]
        for formula, own in crystals.items()
    }


def _appraised(networks: Networks, batch: Batch, c: Tensor) -> list[Proposal]:
    latents = networks.model.encode(batch)[0]
    mean, spread = (values.tolist() for values in votes(networks.surrogate, latents, c))
    deviations = spread if networks.surrogate.sizes[2] > 1 else [None] * len(spread)
    far = spacing(networks, latents).tolist()
    return [Proposal(*values) for values in zip(unpack(batch), mean, deviations, far, strict=True)]


def votes(surrogate: Surrogate, latents: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the surrogates, eV/atom, [B] each."""
    energies = surrogate.energies(latents, c)
    return energies.mean(0), energies.std(0, correction=0)


def spacing(networks: Networks, latents: Tensor) -> Tensor:
    """Distance of latents [B, latent] to the nearest training crystal's, in units of what 95 % of the validation crystals keep, [B]."""
    surrogate = networks.surrogate
    distance = nearest(surrogate.standardise(latents), surrogate.standardise(networks.train_z))
    return distance / networks.usual_distance


def _promising(networks: Networks, end: Tensor, c: Tensor, n_atoms: Tensor, groups: Sequence[int], most: int) -> Tensor:
    """Rows of the `most` lowest ends of each group, taken in turn from every cell size, so that none goes untried."""
    energy = votes(networks.surrogate, end, c)[0]
    chosen, first = [], 0
    for count in groups:
        rows = torch.arange(first, first + count, device=end.device)
        rows = rows[torch.argsort(energy[rows], stable=True)]
        size = n_atoms[rows]
        place = torch.zeros_like(rows)  # among those of its cell size
        for n in size.unique():
            place[size == n] = torch.arange(int((size == n).sum()), device=end.device)
        chosen.append(rows[torch.argsort(place, stable=True)[:most]])
        first += count
    return torch.cat(chosen)
