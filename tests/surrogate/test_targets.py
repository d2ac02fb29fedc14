"""The energy above what the composition lets one expect: it keeps all differences within one, and a single crystal says something."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from lcom.batch import pack
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.elements import SYMBOLS, composition_features
from lcom.surrogate.targets import excess, fractions


def _data(count: int, seed: int, levels: int = 1) -> tuple[Dataset, torch.Tensor]:
    """Crystals A_x B_y whose energies are quadratic in the composition plus the structure's own part, and compositions [B, n_c]."""
    rng = np.random.default_rng(seed)
    crystals, energies, level = [], [], []
    for k in range(count):
        a, b = rng.choice([3, 11, 12, 19, 20, 37, 38], 2, replace=False)
        x = int(rng.integers(1, 4))
        numbers = [a] * x + [b]
        lattice = np.eye(3) * rng.uniform(4, 5)
        crystals.append(Crystal(numbers, rng.random((x + 1, 3)), lattice))
        level.append(k % levels)
        c = composition_features(np.array(numbers))
        energies.append(0.3 * c[0] - 0.2 * c[1] * c[2] + 0.5 * level[-1] * x / (x + 1) + 0.05 * rng.normal())
    c = torch.tensor(np.array([composition_features(crystal.numbers) for crystal in crystals]), dtype=torch.float32)
    energy = torch.tensor(energies, dtype=torch.float32)
    data = Dataset(
        [str(k) for k in range(count)], pack(crystals), energy, energy, torch.tensor(level), ["a", "b"][:levels]
    )
    return data, c


def test_fractions_are_the_same_for_a_supercell() -> None:
    small = Crystal([11, 17, 17], np.random.default_rng(0).random((3, 3)), np.eye(3) * 4)
    large = Crystal([11, 17, 17] * 3, np.random.default_rng(1).random((9, 3)), np.eye(3) * 6)
    x = fractions(pack([small, large]))
    assert torch.equal(x[0], x[1]) and x.shape == (2, len(SYMBOLS) - 1)
    assert x[0, 10] == np.float32(1 / 3) and x[0].sum() == 1


def test_differences_within_a_composition_stay() -> None:
    train, c = _data(300, 0)
    found, _ = excess(train, train, c, c)
    x = fractions(train.batch)
    group = torch.unique(x, dim=0, return_inverse=True)[1]
    for g in range(5):
        rows = torch.nonzero(group == g).flatten()
        torch.testing.assert_close(
            found[rows] - found[rows[0]],
            train.formation_energy[rows] - train.formation_energy[rows[0]],
            atol=1e-5,
            rtol=0,
        )


def test_what_the_composition_says_is_taken_off_on_compositions_never_seen() -> None:
    train, c = _data(1500, 0, levels=2)
    val, val_c = _data(200, 1, levels=2)
    found, unseen = excess(train, val, c, val_c)
    assert val.formation_energy.std() > 0.2
    assert found.std() < 0.08 and unseen.std() < 0.08  # 0.05 is the structure's


def test_levels_of_theory_have_constants_of_their_own() -> None:
    train, c = _data(1500, 0, levels=2)
    found, _ = excess(train, train, c, c)
    assert abs(found[train.level == 1].mean() - found[train.level == 0].mean()) < 0.03
    blind = dataclasses.replace(train, level=torch.zeros(len(train), dtype=torch.long))
    mixed, _ = excess(blind, blind, c, c)
    assert abs(mixed[train.level == 1].mean() - mixed[train.level == 0].mean()) > 0.1


def test_a_composition_with_many_crystals_weighs_no_more_than_another() -> None:
    train, c = _data(200, 0)
    many = torch.cat([torch.arange(200), torch.full((2000,), 7)])
    repeated = Dataset(
        [str(k) for k in range(len(many))],
        pack([_crystal(train, k) for k in many.tolist()]),
        train.formation_energy[many] + 0.0,
        train.energy_above[many],
    )
    before, _ = excess(train, train, c, c)
    after, _ = excess(repeated, train, c[many], c)
    assert (before - after[:200]).abs().max() < 0.2


def _crystal(data: Dataset, k: int) -> Crystal:
    start = int(data.batch.n_atoms[:k].sum())
    atoms = slice(start, start + int(data.batch.n_atoms[k]))
    return Crystal(
        data.batch.numbers[atoms].numpy(), data.batch.frac_coords[atoms].numpy(), data.batch.lattice[k].numpy()
    )
