"""A formula that may be in no table -> its most promising crystals: descent from every fitting training crystal, then what is distinct.

Nothing of the formula is known but its composition. So each cell size is tried, the surrogates of all seeds vote, and their mean
at the latent of the decoded crystal, not at the end of the descent, says which structures are worth an energy by DFT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lcom.base.seeding import generator
from lcom.batch import Batch, pack, select, unpack
from lcom.cdvae.decoding import chooser, decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.compounds import parse_formula
from lcom.crystal import Crystal
from lcom.elements import SYMBOLS
from lcom.physical import unphysical
from lcom.prediction.settings import PredictSettings
from lcom.starts.swapped import fitting, swap
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import optimise
from lcom.surrogate.settings import OptimiseSettings


@dataclass(frozen=True)
class Found:
    """predicted, spread: mean and standard deviation over the surrogates of what they were trained on, eV/atom; no spread with one."""

    crystal: Crystal
    predicted: float
    spread: float | None


def starting_crystals(pool: Batch, formula: str, settings: PredictSettings) -> list[Crystal]:
    """Training crystals with the atoms swapped for those of the formula, in each cell size; ValueError if none has its proportions, or
    none has one of its elements."""
    counts = parse_formula(formula)
    if unknown := [SYMBOLS[z] for z in counts if not (pool.numbers == z).any()]:
        raise ValueError(
            f"no training crystal has {', '.join(unknown)}: the networks know nothing of it; take a data set that has"
        )
    starts = []
    for units in settings.formula_units:
        numbers = np.repeat(list(counts), [units * count for count in counts.values()])
        rows = generator("predict", formula, units).permutation(fitting(pool, numbers))[: settings.starts]
        starts += [swap(crystal, numbers) for crystal in unpack(select(pool, torch.from_numpy(rows)))]
    if not starts:
        tried = ", ".join(str(units * sum(counts.values())) for units in settings.formula_units)
        raise ValueError(
            f"no training crystal has the proportions of {formula} and {tried} atoms in its cell: take a data set that has such "
            "crystals, or other `predict.formula_units`"
        )
    return starts


def known_crystals(pool: Batch, formula: str) -> int:
    """How many training crystals are of that formula."""
    counts = parse_formula(formula)
    total, fits = sum(counts.values()), torch.ones(len(pool.n_atoms), dtype=torch.bool)
    for z, count in counts.items():
        own = torch.bincount(pool.crystal[pool.numbers == z], minlength=len(pool.n_atoms))
        fits &= own * total == count * pool.n_atoms
    return int(fits.sum())


@torch.no_grad()
def search(
    model: CDVAE,
    surrogate: Surrogate,
    known: dict[str, Tensor],
    starts: Sequence[Crystal],
    descent: OptimiseSettings,
    decoding: DecodeSettings,
    formula: str,
) -> list[Found]:
    """Descend from every start and decode; without what no DFT should see. known: the latents of stage encode."""
    device = next(model.parameters()).device
    batch, seeds = pack(starts).to(device), surrogate.sizes[2]
    seed = torch.arange(len(starts), device=device) % seeds
    z, c = model.encode(batch)[0], model.composition(batch)
    path = optimise(surrogate, z, c, seed, known["train_z"].to(device), known["val_z"].to(device), descent)
    end = path.latents[path.chosen, torch.arange(len(z), device=device)]
    keys = [("predict", formula, i) for i in range(len(z))]
    decoded, distance = decode(model, end, batch, decoding, keys, chooser(surrogate, c, seed))
    latents = model.encode(decoded)[0]
    votes = torch.stack([surrogate.energy_of(latents, c, torch.full_like(seed, s)) for s in range(seeds)])  # [S, B]
    mean, spread = votes.mean(0).tolist(), votes.std(0, correction=0).tolist()
    return [
        Found(crystal, mean[i], spread[i] if seeds > 1 else None)
        for i, crystal in enumerate(unpack(decoded))
        if bool(torch.isfinite(distance[i])) and not unphysical(crystal)
    ]


def distinct(found: Sequence[Found], keep: int) -> list[Found]:
    """The `keep` lowest of those that pymatgen's StructureMatcher, with its own tolerances, tells apart."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher, kept, structures = StructureMatcher(), [], []
    for candidate in sorted(found, key=lambda f: f.predicted):
        if len(kept) == keep:
            break
        structure = candidate.crystal.to_structure()
        if not any(matcher.fit(structure, other) for other in structures):
            kept.append(candidate)
            structures.append(structure)
    return kept
