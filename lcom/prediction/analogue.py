"""What the networks say of a crystal, and which known crystal is the most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from lcom.batch import pack
from lcom.compounds import space_group_number
from lcom.prediction.networks import Trained
from lcom.prediction.possible import proportions
from lcom.prediction.propose import spacing, votes
from lcom.prediction.rank import Refined
from lcom.starts.swapped import fitting
from lcom.symmetry import SYMPREC

LOOKED_AT = 5  # the known crystals with the nearest latents, among which one of the same structure type is preferred


@dataclass(frozen=True)
class Analogue:
    """A training or validation crystal. same_type: the same structure with other elements (StructureMatcher, its own tolerances)."""

    id: str
    formula: str
    space_group: int
    same_type: bool


@dataclass(frozen=True)
class View:
    """What the networks of a run say of a crystal.

    energy, spread: mean and standard deviation over the surrogates, eV/atom (spread: None with one) · distance: of its latent to the
    nearest training crystal's, in units of what 95 % of the validation crystals keep · formation_energy: by the energy model, eV/atom,
    None if the run has none · analogue: None if no known crystal has the proportions
    """

    energy: float
    spread: float | None
    distance: float
    formation_energy: float | None
    analogue: Analogue | None


@torch.no_grad()
def views(trained: Trained, crystals: Sequence[Refined]) -> list[View]:
    """One for each crystal, all in one batch."""
    if not crystals:
        return []
    networks = trained.networks
    batch = pack([item.crystal for item in crystals]).to(networks.device)
    z, c = networks.model.encode(batch)[0], networks.model.composition(batch)
    mean, spread = votes(networks.surrogate, z, c)
    far = spacing(networks, z)
    formation = None if trained.energy_model is None else trained.energy_model(batch).tolist()
    standard, known = networks.surrogate.standardise(z), networks.surrogate.standardise(trained.known_z)
    likes: dict[tuple, np.ndarray] = {}
    result = []
    for i, item in enumerate(crystals):
        key = proportions(np.unique(item.crystal.numbers, return_counts=True)[1].tolist())
        rows = likes.setdefault(key, _rows(trained, key))
        result.append(
            View(
                float(mean[i]),
                None if networks.surrogate.sizes[2] == 1 else float(spread[i]),
                float(far[i]),
                None if formation is None else formation[i],
                _analogue(trained, item, rows, (known[rows] - standard[i]).norm(dim=1)) if len(rows) else None,
            )
        )
    return result


def _rows(trained: Trained, key: tuple[int, ...]) -> np.ndarray:
    """The known crystals of these proportions."""
    sizes = torch.unique(trained.known.n_atoms).tolist()
    fits = [np.repeat(np.arange(len(key)), np.array(key) * (n // sum(key))) for n in sizes if n % sum(key) == 0]
    return np.concatenate([np.zeros(0, np.int64), *(fitting(trained.known, numbers) for numbers in fits)])


def _analogue(trained: Trained, item: Refined, rows: np.ndarray, distance: torch.Tensor) -> Analogue:
    """Of the nearest, the first with the same structure; else the nearest.

    Primitive cells of one structure have as many atoms: looked at first, as StructureMatcher takes minutes to reduce a large cell.
    """
    nearest = rows[torch.argsort(distance)[:LOOKED_AT].cpu().numpy()].tolist()
    for row in nearest:
        crystal = trained.crystal(row)
        group = space_group_number(crystal, SYMPREC)
        alike = group == item.space_group and len(crystal) == len(item.crystal)
        if alike and _matcher().fit_anonymous(item.crystal.to_structure(), crystal.to_structure()):
            return Analogue(trained.known_ids[row], crystal.formula, group, True)
    crystal = trained.crystal(nearest[0])
    return Analogue(trained.known_ids[nearest[0]], crystal.formula, space_group_number(crystal, SYMPREC), False)


@cache
def _matcher():
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher()
