"""Displacements to the clean crystal: by hand, and the nearest copy against the plain way and, at small noise, a search of all."""

import itertools

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
    way = displacement(noisy, _frac([0.05, 0, 0], [0.5, 0.5, 0.5]), nearest_copy=False)
    torch.testing.assert_close(way, _frac([0.4, 0, 0], [0, 0, 0]))


def test_a_shift_of_the_whole_crystal_is_no_displacement() -> None:
    crystal = random_crystals(1, 4)[0]
    noisy = pack([Crystal(crystal.numbers, crystal.frac_coords + [0.3, 0.1, 0.2], crystal.lattice)])
    clean = torch.tensor(crystal.frac_coords, dtype=torch.float32)
    assert displacement(noisy, clean, nearest_copy=True).abs().max() < 1e-4
    assert displacement(noisy, clean, nearest_copy=False).abs().max() > 0.2


def test_like_atoms_may_swap() -> None:
    noisy = pack([Crystal([8, 8, 22], np.array([[0.1, 0, 0], [0.6, 0, 0], [0, 0.5, 0.5]]), np.eye(3) * 4)])
    clean = _frac([0.6, 0, 0], [0.1, 0, 0], [0, 0.5, 0.5])
    assert displacement(noisy, clean, nearest_copy=True).abs().max() < 1e-5


@pytest.mark.parametrize("n, elements", [(3, 2), (4, 2), (4, 1), (5, 3)])
def test_never_farther_than_the_plain_way_and_leads_to_a_copy(n: int, elements: int) -> None:
    """The result is at most as long as the plain displacement, and its end is the clean crystal, shifted and reordered."""
    crystals = random_crystals(20, n, 5, elements)
    clean = pack(crystals)
    generator = torch.Generator().manual_seed(0)
    noisy = clean.replace(frac_coords=(clean.frac_coords + 0.35 * torch.randn(20 * n, 3, generator=generator)) % 1)
    plain = displacement(noisy, clean.frac_coords, nearest_copy=False).view(20, n, 3)
    ways = displacement(noisy, clean.frac_coords, nearest_copy=True).view(20, n, 3)
    centred = plain - plain.mean(1, keepdim=True)
    length, bound = ways.square().sum((1, 2)), centred.square().sum((1, 2))
    assert (length <= bound + 1e-4).all()
    assert (length < bound - 1e-2).any() or n == 1
    assert ways.mean(1).abs().max() < 1e-4
    for i, crystal in enumerate(crystals):
        end = noisy.frac_coords.view(20, n, 3)[i].double().numpy() + ways[i].double().numpy() @ np.linalg.inv(
            crystal.lattice
        )
        errors = []
        for order in itertools.permutations(range(n)):
            if (crystal.numbers[list(order)] != crystal.numbers).any():
                continue
            difference = end - crystal.frac_coords[list(order)]
            difference -= difference[0]  # the shift
            errors.append(np.abs(difference - np.round(difference)).max())
        assert min(errors) < 1e-3


@pytest.mark.parametrize("elements", [1, 2])
def test_the_nearest_of_all_copies_at_small_noise(elements: int) -> None:
    """Three atoms: every order of like atoms, every image of two of them relative to the first, the mean taken off."""
    crystals = random_crystals(30, 3, 7, elements)
    clean = pack(crystals)
    shift = 0.2 * torch.randn(90, 3, generator=torch.Generator().manual_seed(1))
    noisy = move(clean, shift)
    ways = displacement(noisy, clean.frac_coords, nearest_copy=True).view(30, 3, 3)
    images = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    pairs = np.stack(np.broadcast_arrays(np.zeros(3), images[:, None], images[None]), 2)  # [27, 27, 3 atoms, 3]
    for i, crystal in enumerate(crystals):
        start = noisy.frac_coords.view(30, 3, 3)[i].double().numpy()
        lengths = []
        for order in itertools.permutations(range(3)):
            if (crystal.numbers[list(order)] == crystal.numbers).all():
                way = (crystal.frac_coords[list(order)] - start + pairs) @ crystal.lattice
                way -= way.mean(2, keepdims=True)
                lengths.append((way**2).sum((2, 3)).min())
        assert ways[i].square().sum().item() <= 1.02 * min(lengths) + 1e-6


def test_noise_levels() -> None:
    levels = noise_levels(10.0, 0.01, 50)
    assert levels[0] == pytest.approx(10.0) and levels[-1] == pytest.approx(0.01)
    torch.testing.assert_close(levels[1:] / levels[:-1], (levels[1] / levels[0]).expand(49))
