"""The samplers against scores that are known in closed form."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from lcom.batch import pack
from lcom.cdvae.sampler import levels_again, sample
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from lcom.nets.graph import minimum_image
from lcom.nets.noise import noise_levels

CELL = np.eye(3) * 6.0
SPREAD = 0.25  # Å: atoms are distributed around TARGET with this deviation
TARGET = torch.tensor([0.3, 0.6, 0.5])
COUNT = 600


def _gaussian(batch, sigma, offsets):
    """The exact denoiser of a Gaussian: E[clean - noisy] = -(x - target) sigma² / (sigma² + spread²)."""
    away = minimum_image(batch.frac_coords - TARGET) @ torch.tensor(CELL, dtype=torch.float32)
    variance = sigma.square()[batch.crystal, None]
    return -away * variance / (variance + SPREAD**2) / sigma[batch.crystal, None], torch.zeros(len(batch.n_atoms), 3, 3)


def _run(settings: DecodeSettings) -> torch.Tensor:
    rng = np.random.default_rng(0)
    start = pack([Crystal([6], rng.random((1, 3)), CELL) for _ in range(COUNT)])
    noise = torch.tensor(rng.standard_normal((settings.noises, COUNT, 3)), dtype=torch.float32)
    end = sample(_gaussian, start, noise_levels(1.5, 0.02, settings.levels), noise, settings, 4.0)
    return minimum_image(end.frac_coords - TARGET) @ torch.tensor(CELL, dtype=torch.float32)


@pytest.mark.parametrize(
    "settings",
    [
        DecodeSettings("ancestral", levels=100, strain_steps=0, samples=1),
        DecodeSettings("langevin", levels=50, steps=40, step_size=2e-5, strain_steps=0, samples=1),
    ],
    ids=lambda s: s.schedule,
)
def test_samples_follow_a_known_distribution(settings: DecodeSettings) -> None:
    away = _run(settings)
    error = SPREAD / math.sqrt(COUNT)
    assert (away.mean(0).abs() < 4 * error).all()
    assert away.std(0).numpy() == pytest.approx([SPREAD] * 3, rel=0.2)


def test_the_end_is_free_of_noise() -> None:
    """With a denoiser that knows the answer, positions end on it to float precision, not 0.014 Å away."""
    for settings in (
        DecodeSettings("ancestral", 10, strain_steps=0),
        DecodeSettings("langevin", 10, 5, strain_steps=0),
    ):

        def exact(batch, sigma, offsets):
            away = minimum_image(batch.frac_coords - TARGET) @ torch.tensor(CELL, dtype=torch.float32)
            return -away / sigma[batch.crystal, None], torch.zeros(1, 3, 3)

        start = pack([Crystal([6], np.array([[0.9, 0.1, 0.2]]), CELL)])
        noise = torch.randn(settings.noises, 1, 3)
        end = sample(exact, start, noise_levels(1.5, 0.03, 10), noise, settings, 4.0)
        torch.testing.assert_close(end.frac_coords[0], TARGET, atol=1e-5, rtol=0)


def test_strain_steps_mend_the_cell() -> None:
    """A strain output that says a quarter of the way converges to the wanted cell; fractional positions stay."""
    wanted = torch.tensor(CELL, dtype=torch.float32)

    def denoise(batch, sigma, offsets):
        strain = torch.linalg.inv(batch.lattice[0]) @ wanted - torch.eye(3)
        return torch.zeros(1, 3), 0.25 * strain[None]

    start = pack([Crystal([6], np.array([[0.9, 0.1, 0.2]]), CELL * 1.15)])
    settings = DecodeSettings("ancestral", 2, strain_steps=40)
    end = sample(denoise, start, noise_levels(0.1, 0.03, 2), torch.zeros(2, 1, 3), settings, 4.0)
    torch.testing.assert_close(end.lattice[0], wanted, atol=1e-3, rtol=0)
    torch.testing.assert_close(end.frac_coords, start.frac_coords)


def test_strain_steps_by_hand() -> None:
    """In each, atoms go by σ times the output in the old cell, then the cell is strained; both are told the levels once more."""
    strain = torch.tensor([[0.02, 0.01, 0.0], [0.01, -0.03, 0.0], [0.0, 0.0, 0.05]])
    towards = torch.tensor([1.0, -2.0, 0.5])
    told = []

    def denoise(batch, sigma, offsets):
        told.append(float(sigma[0]))
        if len(told) <= 2:
            return torch.zeros(1, 3), torch.zeros(1, 3, 3)
        return towards[None], strain[None]

    start = pack([Crystal([6], np.array([[0.5, 0.5, 0.5]]), CELL)])
    settings = DecodeSettings("ancestral", 2, strain_steps=3)
    end = sample(denoise, start, noise_levels(0.4, 0.1, 2), torch.zeros(2, 1, 3), settings, 4.0)
    assert told == pytest.approx([0.4, 0.1, 0.4, 0.2, 0.1])
    frac, lattice = torch.full((3,), 0.5), torch.tensor(CELL, dtype=torch.float32)
    for sigma in (0.4, 0.2, 0.1):
        frac = frac + sigma * towards @ torch.linalg.inv(lattice)
        lattice = lattice @ (torch.eye(3) + strain)
    torch.testing.assert_close(end.frac_coords[0], frac)
    torch.testing.assert_close(end.lattice[0], lattice)


def test_a_single_strain_step_is_told_the_smallest_level() -> None:
    levels = noise_levels(1.5, 0.03, 20)
    assert levels_again(levels, 1).tolist() == pytest.approx([0.03])
    assert len(levels_again(levels, 0)) == 0
    torch.testing.assert_close(levels_again(levels, 20), levels)


def test_a_strain_output_gone_wild_does_not_end_the_run() -> None:
    """A denoiser that squeezes the cell for ever stops at the flattest cell that can be searched."""

    def denoise(batch, sigma, offsets):
        return torch.zeros(1, 3), torch.diag(torch.tensor([-5.0, 0.0, 0.0]))[None]

    start = pack([Crystal([6], np.array([[0.9, 0.1, 0.2]]), CELL)])
    settings = DecodeSettings("ancestral", 2, strain_steps=60)
    end = sample(denoise, start, noise_levels(0.1, 0.03, 2), torch.zeros(2, 1, 3), settings, 7.0)
    assert torch.isfinite(end.lattice).all() and 0.1 < end.lattice[0, 0, 0] < 0.2


def test_the_published_langevin_ends_with_noise_and_ours_without() -> None:
    """Of the same draws one call more is made, and it alone says what is different."""

    def crystal(last_step: bool) -> tuple[Tensor, int]:
        calls = []

        def denoise(batch, sigma, offsets):
            calls.append(float(sigma[0]))
            return torch.full((1, 3), 0.5), torch.zeros(1, 3, 3)

        start = pack([Crystal([6], np.array([[0.9, 0.1, 0.2]]), CELL)])
        settings = DecodeSettings("langevin", 2, steps=3, last_step=last_step, strain_steps=0)
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(settings.noises, 1, 3, generator=generator)
        end = sample(denoise, start, noise_levels(0.1, 0.03, 2), noise, settings, 4.0)
        return end.frac_coords @ end.lattice[0], len(calls)

    (published, calls), (ours, more) = crystal(False), crystal(True)
    assert (calls, more) == (6, 7)
    torch.testing.assert_close(ours - published, torch.full((1, 3), 0.5 * 0.03), atol=1e-5, rtol=0)


def test_what_a_sampler_may_be() -> None:
    assert DecodeSettings("langevin", levels=50, steps=100).noises == 5000
    assert DecodeSettings("ancestral", levels=20, steps=100).noises == 20
    with pytest.raises(ValueError, match='schedule: "euler" is not one of "ancestral", "langevin"'):
        DecodeSettings("euler")
    with pytest.raises(ValueError, match='choice: "luck" is not one of "energy", "energy_model", "latent"'):
        DecodeSettings(choice="luck")
