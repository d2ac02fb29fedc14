"""Displacements to the clean crystal: by hand, and against a search of all images."""

import numpy as np
import pytest
import torch

from lcom.batch import pack
from lcom.crystal import Crystal
from lcom.nets.graph import move
from lcom.nets.noise import displacement, noise_levels
from tests.crystals import random_crystals


def _frac(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def test_shortest_way_goes_through_the_wall() -> None:
    noisy = pack([Crystal([11, 17], np.array([[0.95, 0, 0], [0.5, 0.5, 0.5]]), np.eye(3) * 4)])
    way = displacement(noisy, _frac([0.05, 0, 0], [0.5, 0.5, 0.5]))
    torch.testing.assert_close(way, _frac([0.4, 0, 0], [0, 0, 0]))


def test_it_leads_to_the_clean_crystal_and_no_image_is_nearer() -> None:
    crystals = random_crystals(20, 4, 5)
    clean = pack(crystals)
    noisy = move(clean, 0.3 * torch.randn(80, 3, generator=torch.Generator().manual_seed(1)))
    way = displacement(noisy, clean.frac_coords)
    torch.testing.assert_close(way.norm(dim=1) < 1.5, torch.ones(80, dtype=torch.bool))
    missed = move(noisy, way).frac_coords - clean.frac_coords
    assert (missed - missed.round()).abs().max() < 1e-5
    images = torch.cartesian_prod(*[torch.arange(-1.0, 2)] * 3) @ clean.lattice[clean.crystal]  # [80, 27, 3]
    assert ((way[:, None] + images).norm(dim=-1) >= way.norm(dim=-1)[:, None] - 1e-4).all()


def test_noise_levels() -> None:
    levels = noise_levels(10.0, 0.01, 50)
    assert levels[0] == pytest.approx(10.0) and levels[-1] == pytest.approx(0.01)
    torch.testing.assert_close(levels[1:] / levels[:-1], (levels[1] / levels[0]).expand(49))
