"""What a surrogate learns: the energy above the composition's lowest crystal, or above what the composition lets one expect.

Of most compositions a real data set has one crystal, whose energy above the lowest is 0, whatever it is: of the training crystals of
config/mp.yaml 88 % are alone. The second one, ``excess``, is the formation energy minus a ridge regression on the composition alone: within
a composition it differs by the very energies, and every crystal says something.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from lcom.batch import Batch
from lcom.data.packed import Dataset
from lcom.elements import MAX_Z, element_features
from lcom.nets.graph import composition_features

PENALTY = 1e-2  # of the squared weights, per crystal, of standardised features


class Expectation:
    """The formation energy as a quadratic function of the composition's features and a linear one of its element fractions, with a
    constant and fractions of its own for each level of theory. Every composition of the fit weighs the same."""

    def __init__(self, c: Tensor, fractions: Tensor, level: Tensor, energy: Tensor, group: Tensor) -> None:
        """c [B, n_c] · fractions [B, elements] · level [B] · energy [B] eV/atom · group [B]: crystals of one composition and level"""
        self.mean, self.std = c.double().mean(0), c.double().std(0).clamp(min=1e-6)
        self.levels = int(level.max()) + 1 if len(level) else 1
        weight = 1 / torch.bincount(group)[group].double()
        x = self._features(c, fractions, level)
        self.scale = (x.square() * weight[:, None]).sum(0).div(weight.sum()).sqrt().clamp(min=1e-6)
        x = x / self.scale
        gram = x.T @ (x * weight[:, None])
        penalty = torch.full((x.shape[1],), PENALTY * weight.sum().item(), dtype=torch.float64)
        penalty[0] = 0  # the constant is free
        right = x.T @ (weight * energy.double())
        self.weights = torch.linalg.solve(gram + torch.diag(penalty + 1e-9), right)

    def __call__(self, c: Tensor, fractions: Tensor, level: Tensor) -> Tensor:
        """[B] eV/atom."""
        return (self._features(c, fractions, level) / self.scale @ self.weights).float()

    def _features(self, c: Tensor, fractions: Tensor, level: Tensor) -> Tensor:
        z, x = ((c.double() - self.mean) / self.std).clamp(-5, 5), fractions.double()
        upper = torch.triu_indices(z.shape[1], z.shape[1])
        parts = [torch.ones(len(z), 1, dtype=torch.float64), x, z, z[:, upper[0]] * z[:, upper[1]]]
        for k in range(1, self.levels):
            own = (level == k).double()[:, None]
            parts += [own, own * x]
        return torch.cat(parts, 1)


def excess(train: Dataset, val: Dataset, train_c: Tensor, val_c: Tensor) -> tuple[Tensor, Tensor]:
    """Formation energies of both sets minus what the compositions of the training set let one expect, eV/atom."""
    x = fractions(train.batch)
    group = torch.unique(torch.cat([x, train.level[:, None].float()], 1), dim=0, return_inverse=True)[1]
    expected = Expectation(train_c, x, train.level, train.formation_energy, group)
    return (
        train.formation_energy - expected(train_c, x, train.level),
        val.formation_energy - expected(val_c, fractions(val.batch), val.level),
    )


def with_target(target: str, train: Dataset, val: Dataset) -> tuple[Dataset, Dataset]:
    """The two sets with the target as the energy that they are labelled with."""
    if target == "excess":
        elements = torch.tensor(element_features(), dtype=torch.float32)
        values = excess(train, val, *(composition_features(data.batch, elements) for data in (train, val)))
    else:
        values = getattr(train, target), getattr(val, target)
    train, val = (dataclasses.replace(d, formation_energy=v) for d, v in zip((train, val), values, strict=True))
    return train, val


def fractions(batch: Batch) -> Tensor:
    """[B, MAX_Z] the share of each element; the same bits for a cell and a supercell."""
    counts = torch.zeros(len(batch.n_atoms), MAX_Z + 1).index_put_(
        (batch.crystal, batch.numbers), torch.ones(len(batch.numbers)), accumulate=True
    )
    return counts[:, 1:] / batch.n_atoms[:, None]
