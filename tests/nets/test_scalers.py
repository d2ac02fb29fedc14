"""Standardising: of clean values as mean and deviation say, and hardly moved by what is absurd."""

import torch

from lcom.nets.scalers import mean_and_deviation


def test_clean_values_have_their_mean_and_deviation() -> None:
    values = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * 2 + torch.tensor([0.0, 5.0, -90.0])
    mean, deviation = mean_and_deviation(values, 1e-3)
    torch.testing.assert_close(mean, values.mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(deviation, values.std(0), atol=0, rtol=0.01)
    few = values[:50]
    torch.testing.assert_close(mean_and_deviation(few, 1e-3), (few.mean(0), few.std(0)))


def test_one_absurd_value_among_thousands_moves_nothing() -> None:
    values = 4 + 0.62 * torch.randn(4067, generator=torch.Generator().manual_seed(0))
    clean = mean_and_deviation(values, 1e-3)
    values[17] = 1e4
    assert values.std() > 100
    torch.testing.assert_close(mean_and_deviation(values, 1e-3), clean, atol=0.002, rtol=0)


def test_angles_that_are_mostly_alike_keep_a_deviation() -> None:
    """Quartiles would give 0."""
    values = torch.full((2000,), 90.0)
    values[::10] = 60.0
    assert 8 < mean_and_deviation(values, 1e-3)[1] < 10
    assert mean_and_deviation(torch.full((2000,), 90.0), 1e-3)[1] == 1e-3
