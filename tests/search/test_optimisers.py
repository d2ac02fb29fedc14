"""The optimisers: steps by hand, densities by brute force, and better than chance where they should be."""

from __future__ import annotations

import numpy as np
import pytest

from lcom.search.optimisers import ParticleSwarm, ParzenEstimator, RandomSearch, reflect
from lcom.search.settings import ParzenSettings, SwarmSettings

D = 8
PARZEN = ParzenSettings(initial=50, batch=25)


def _kind(x: np.ndarray) -> np.ndarray:
    return (x[:, 0] * 10).astype(int) * 5 + (x[:, 1] * 5).astype(int)


def _bowl(x: np.ndarray) -> np.ndarray:
    """Lowest at 0.3 in the one right kind of 50; four parts in ten have no energy."""
    energy = ((x[:, 2:] - 0.3) ** 2).sum(1) + 0.5 * np.abs(_kind(x) - 32) ** 0.25
    return np.where(x[:, 2] > 0.6, np.inf, energy)


def _make(method: str, seed: int):
    rng = np.random.default_rng(seed)
    if method == "ras":
        return RandomSearch(D, 25, rng)
    if method == "pso":
        return ParticleSwarm(D, SwarmSettings(particles=25), rng)
    return ParzenEstimator(D, PARZEN, _kind, 50, rng)


def _run(method: str, seed: int, rounds: int = 80) -> tuple[np.ndarray, np.ndarray]:
    optimiser, xs, energies = _make(method, seed), [], []
    for _ in range(rounds):
        xs.append(optimiser.ask())
        energies.append(_bowl(xs[-1]))
        optimiser.tell(xs[-1], energies[-1])
    return np.concatenate(xs), np.concatenate(energies)


@pytest.mark.parametrize("method", ["ras", "pso", "bo"])
def test_candidates_stay_in_the_cube_and_repeat_themselves(method: str) -> None:
    x, _ = _run(method, 0, 30)
    assert x.shape == (750, D) and (x >= 0).all() and (x < 1).all()
    np.testing.assert_array_equal(x, _run(method, 0, 30)[0])
    assert not np.array_equal(x, _run(method, 1, 30)[0])


def test_swarm_and_estimator_beat_chance() -> None:
    best = {m: np.median([_run(m, seed)[1].min() for seed in range(5)]) for m in ("ras", "pso", "bo")}
    assert best["bo"] < 0.5 * best["ras"]
    assert best["pso"] < 0.8 * best["ras"]


def test_a_swarm_step_by_hand() -> None:
    settings = SwarmSettings(particles=2, inertia=0.8, cognitive=0.5, social=0.3)
    swarm = ParticleSwarm(1, settings, np.random.default_rng(3))
    swarm.x, swarm.velocity = np.array([[0.2], [0.6]]), np.array([[0.1], [-0.05]])
    swarm.generator = _Ones()
    swarm.tell(swarm.ask(), np.array([1.0, 2.0]))  # each is at its own best; the first is the swarm's
    np.testing.assert_allclose(swarm.x, [[0.2 + 0.08], [0.6 - 0.04 - 0.3 * 0.4]])
    at = swarm.ask()
    swarm.tell(at, np.array([3.0, np.inf]))  # worse: the bests stay
    np.testing.assert_allclose(swarm.own, [[0.2], [0.6]])
    np.testing.assert_allclose(swarm.velocity[0], 0.8 * 0.08 + 0.8 * (0.2 - 0.28), atol=1e-12)


class _Ones:
    def random(self, shape):
        return np.ones(shape)


def test_reflection() -> None:
    x, outside = reflect(np.array([0.0, 0.4, 1.0, 1.3, -0.2, 2.1, -1.2]))
    np.testing.assert_allclose(x, [0.0, 0.4, 1.0, 0.7, 0.2, 0.1, 0.8])
    assert (x < 1).all() and outside.tolist() == [False, False, True, True, True, True, True]


def test_the_density_by_brute_force() -> None:
    optimiser = _make("bo", 0)
    rng = np.random.default_rng(1)
    x, points, width = rng.random((7, D)), rng.random((4, D)), rng.uniform(0.1, 0.3, D)
    points[2, :2] = x[3, :2]  # one of the same kind
    expected = np.ones(7)  # the uniform prior
    for i in range(7):
        for p in points:
            same = _kind(x[i : i + 1])[0] == _kind(p[None])[0]
            kind = 0.1 + (0.9 * 50 if same else 0.0)  # relative to a uniform choice among 50
            gauss = np.exp(-0.5 * ((x[i, 2:] - p[2:]) / width[2:]) ** 2) / (width[2:] * np.sqrt(2 * np.pi))
            expected[i] += kind * gauss.prod()
    np.testing.assert_allclose(optimiser._log_density(x, points, width), np.log(expected / 5), rtol=1e-10)


@pytest.mark.parametrize("method", ["ras", "pso", "bo"])
def test_no_energies_at_all(method: str) -> None:
    """Where every candidate is rejected the search goes on at random."""
    optimiser = _make(method, 0)
    for _ in range(6):
        x = optimiser.ask()
        assert (x.std(0) > 0.2).all()  # 0.29 where it is uniform
        optimiser.tell(x, np.full(len(x), np.inf))
