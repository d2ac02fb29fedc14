"""Descent in latent space: every step kept, each start on the surrogate of its seed, and the rule where to stop."""

import torch

import lcom.surrogate.descent
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import nearest, optimise
from lcom.surrogate.settings import OptimiseSettings, SurrogateSettings

SETTINGS = SurrogateSettings(hidden=16)


def _problem(starts: int = 6, seeds: int = 2):
    torch.manual_seed(0)
    surrogate = Surrogate(SETTINGS, 4, 3, seeds)
    z, c = torch.randn(starts, 4), torch.rand(starts, 3)
    return surrogate, z, c, torch.arange(starts) % seeds, torch.randn(100, 4), torch.randn(40, 4)


def test_every_step_is_kept_and_goes_down() -> None:
    surrogate, z, c, seed, train, val = _problem()
    path = optimise(surrogate, z, c, seed, train, val, OptimiseSettings(steps=20, step_size=0.02, stop="last"))
    assert path.latents.shape == (21, 6, 4) and path.predicted.shape == path.distance.shape == (21, 6)
    torch.testing.assert_close(path.latents[0], z)
    assert (path.predicted[1:] <= path.predicted[:-1] + 1e-6).all()
    assert (path.chosen == 20).all()


def test_batch_equals_one_by_one() -> None:
    """A start sees the surrogate of its own seed and nothing of the others in the batch."""
    surrogate, z, c, seed, train, val = _problem(5)
    settings = OptimiseSettings(steps=7, stop="distance")
    together = optimise(surrogate, z, c, seed, train, val, settings)
    for i in range(5):
        alone = optimise(surrogate, z[i : i + 1], c[i : i + 1], seed[i : i + 1], train, val, settings)
        torch.testing.assert_close(alone.latents[:, 0], together.latents[:, i])
        torch.testing.assert_close(alone.predicted[:, 0], together.predicted[:, i])
    other = optimise(surrogate, z, c, 1 - seed, train, val, settings)
    assert (other.latents[-1] - together.latents[-1]).abs().max() > 1e-4


def test_stop_at_the_distance_of_unseen_crystals() -> None:
    surrogate, z, c, seed, train, val = _problem(8)
    path = optimise(surrogate, z, c, seed, train, val, OptimiseSettings(steps=400, step_size=0.5, stop="distance"))
    allowed = path.distance[0].clamp(min=path.limit) * (1 + 1e-5)
    assert (path.chosen < 400).any(), "nothing went too far: the test shows nothing"
    for i, k in enumerate(path.chosen.tolist()):
        assert (path.distance[: k + 1, i] <= allowed[i]).all()
        if k < 400:
            assert path.distance[k + 1, i] > allowed[i]


def test_nearest() -> None:
    known = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    z = torch.tensor([[[0.0, 1.0], [3.0, 4.0]], [[6.0, 8.0], [0.0, 0.0]]])
    expected = torch.tensor([[1.0, 0.0], [5.0, 0.0]]) / 2**0.5
    torch.testing.assert_close(nearest(z, known), expected)


def test_distances_in_parts_are_those_at_once(monkeypatch) -> None:
    z, known = torch.randn(5, 7, 4), torch.randn(100, 4)
    whole = nearest(z, known)
    monkeypatch.setattr(lcom.surrogate.descent, "DISTANCES", 300)
    torch.testing.assert_close(nearest(z, known), whole)
    torch.testing.assert_close(whole, (z[:, :, None] - known).square().mean(-1).sqrt().amin(-1))
