"""Optimisers over the unit cube, which propose in batches: random search, particle swarm, tree-structured Parzen estimator.

Written for batches: optuna's estimator, one proposal at a time and every one against the whole history, takes minutes for
the published 5 200 (docs/method.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from lcom.search.settings import ParzenSettings, SwarmSettings


class Optimiser(Protocol):
    """Proposes candidates, points of the unit cube, [b, dimension]; is told their energies, [b], inf where there is none."""

    def ask(self) -> np.ndarray: ...

    def tell(self, x: np.ndarray, energy: np.ndarray) -> None: ...


class RandomSearch:
    """RAS: every candidate anew."""

    def __init__(self, dimension: int, batch: int, generator: np.random.Generator) -> None:
        self.shape, self.generator = (batch, dimension), generator

    def ask(self) -> np.ndarray:
        return self.generator.random(self.shape)

    def tell(self, x: np.ndarray, energy: np.ndarray) -> None:
        """Nothing to learn."""


class ParticleSwarm:
    """PSO: v <- w v + c1 r1 (own best - x) + c2 r2 (swarm's best - x), reflected at the faces of the cube."""

    def __init__(self, dimension: int, settings: SwarmSettings, generator: np.random.Generator) -> None:
        self.settings, self.generator = settings, generator
        self.x = generator.random((settings.particles, dimension))
        self.velocity = generator.uniform(-0.5, 0.5, self.x.shape)
        self.own, self.own_energy = self.x.copy(), np.full(len(self.x), np.inf)

    def ask(self) -> np.ndarray:
        return self.x.copy()

    def tell(self, x: np.ndarray, energy: np.ndarray) -> None:
        better = energy < self.own_energy
        self.own[better], self.own_energy[better] = x[better], energy[better]
        if np.isinf(self.own_energy).all():  # there is nothing to fly to yet
            self.x = self.generator.random(x.shape)
            return
        s, best = self.settings, self.own[self.own_energy.argmin()]
        r1, r2 = self.generator.random((2, *x.shape))
        self.velocity = s.inertia * self.velocity + s.cognitive * r1 * (self.own - x) + s.social * r2 * (best - x)
        self.x, outside = reflect(x + self.velocity)
        self.velocity[outside] *= -1


class ParzenEstimator:
    """BO: the tree-structured Parzen estimator (Bergstra et al. 2011), multivariate, in batches.

    Candidates are drawn from a density l around the best so far, and of several draws the one with the largest l / g is
    taken, g being the density of the others. Both are mixtures of products of Gaussians, beside a uniform prior; the first
    two variables, which choose space group and Wyckoff positions, are kept or redrawn together, since a step in them means
    nothing. l and g are scores: to them all such choices are equally likely beforehand, and what is reflected at the faces is
    left out. g is made from a sample of the others: a cost that does not grow with the history.
    """

    KEEP = (
        0.9  # probability that a draw keeps the space group and Wyckoff positions of the candidate it is drawn around
    )
    OTHERS = 100  # candidates that make g
    WIDTHS = (0.02, 0.3)  # smallest and largest bandwidth

    def __init__(
        self,
        dimension: int,
        settings: ParzenSettings,
        kind: Callable[[np.ndarray], np.ndarray],
        kinds: int,
        generator: np.random.Generator,
    ) -> None:
        """kind: x [m, dimension] -> which of the ``kinds`` choices of space group and Wyckoff positions it makes, [m]."""
        self.settings, self.kind, self.kinds, self.generator = settings, kind, kinds, generator
        self.x, self.energy = np.empty((0, dimension)), np.empty(0)

    def ask(self) -> np.ndarray:
        s, rng, d = self.settings, self.generator, self.x.shape[1]
        good, others = self._split()
        if len(self.x) < s.initial or not len(good):
            return rng.random((s.batch, d))
        width = self._width(good)
        count = s.batch * s.draws
        centre = rng.integers(len(good) + 1, size=count)  # the last is the prior
        prior = centre == len(good)
        around = good[np.minimum(centre, len(good) - 1)]
        draws, _ = reflect(around + width * rng.standard_normal((count, d)))
        keep = (rng.random(count) < self.KEEP) & ~prior
        draws[:, :2] = np.where(keep[:, None], around[:, :2], rng.random((count, 2)))
        draws[prior] = rng.random((prior.sum(), d))
        promise = self._log_density(draws, good, width) - self._log_density(draws, others, self._width(others))
        best = promise.reshape(s.batch, s.draws).argmax(1)
        return draws.reshape(s.batch, s.draws, d)[np.arange(s.batch), best]

    def tell(self, x: np.ndarray, energy: np.ndarray) -> None:
        self.x, self.energy = np.concatenate([self.x, x]), np.concatenate([self.energy, energy])

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.energy, kind="stable")
        count = min(self.settings.good, int(np.isfinite(self.energy).sum()), max(1, len(order) // 10))
        rest = order[count:]
        sample = self.generator.choice(rest, min(self.OTHERS, len(rest)), replace=False)
        return self.x[order[:count]], self.x[sample]

    def _width(self, points: np.ndarray) -> np.ndarray:
        """Scott's rule for every variable, [dimension]."""
        return np.clip(points.std(0) * len(points) ** (-1 / (points.shape[1] + 4)), *self.WIDTHS)

    def _log_density(self, x: np.ndarray, points: np.ndarray, width: np.ndarray) -> np.ndarray:
        """Of the mixture around the points and the prior, which is 1, at x: [m, d], [k, d] -> [m]."""
        a, b = x[:, 2:] / width[2:], points[:, 2:] / width[2:]
        square = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T  # [m, k]
        same = self.kind(x)[:, None] == self.kind(points)
        kept = np.log(np.where(same, self.KEEP * self.kinds, 0.0) + 1 - self.KEEP)
        log_kernel = kept - 0.5 * square - np.log(width[2:] * np.sqrt(2 * np.pi)).sum()
        return np.log((np.exp(log_kernel).sum(1) + 1.0) / (len(points) + 1))


def reflect(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points mirrored back into the unit cube, and which of their coordinates were outside."""
    outside = (x < 0) | (x >= 1)
    folded = np.abs(x) % 2.0
    folded = np.where(folded >= 1, 2.0 - folded, folded)
    return np.minimum(folded, np.nextafter(1.0, 0.0)), outside
