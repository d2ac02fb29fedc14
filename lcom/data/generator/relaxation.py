"""Batched relaxation of cells and positions: many crystals take their L-BFGS steps side by side.

Each crystal has its own optimiser; only the evaluations of the potential are shared. A crystal that converges or fails
leaves the batch and the next one takes its place, so that the batch stays full. Every evaluation on the way is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lcom.crystal import Crystal
from lcom.data.generator.evaluation import MAX_IMAGES, Evaluation, n_images
from lcom.symmetry import Operations

MIN_VOLUME, MAX_VOLUME = 3.0, 200.0  # Å³/atom
MAX_BINDING = 12.0  # eV/atom, either sign: far from anything that the network was trained on


@dataclass(frozen=True, slots=True)
class WalkSettings:
    """When to stop and how far to step."""

    fmax: float = 0.02  # eV/Å on atoms, eV/atom per unit strain on the cell
    max_steps: int = 120
    max_displacement: float = 0.2  # Å an atom or a cell vector's end may move in a step
    memory: int = 12  # gradient pairs L-BFGS remembers
    batch: int = 80  # atoms evaluated together: fewer waste time on the calls, more leave the cache


Evaluator = Callable[[list[Crystal]], list[Evaluation]]
DEFAULTS = WalkSettings()
SHORT = WalkSettings(
    fmax=0.03, max_steps=80
)  # of what others have found: near a minimum, and not to be sorted from its like


@dataclass(frozen=True, slots=True)
class Frame:
    """A crystal on its way, what the potential says of it, and the largest of its forces (as in `WalkSettings.fmax`)."""

    crystal: Crystal
    found: Evaluation
    fmax: float


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The outcome for one crystal; `reason` is empty if it converged, and `energy` (eV/atom) belongs to `crystal`.

    frames: all evaluations from the start on.
    """

    crystal: Crystal
    energy: float
    steps: int
    reason: str = ""
    frames: tuple[Frame, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.reason


class _Walker:
    """One crystal's L-BFGS over positions and deformation (the variables of ASE's UnitCellFilter).

    With D the deformation of the starting lattice L0, L = L0 Dᵀ and r = q Dᵀ; D is scaled by the number of atoms so
    that strain and displacements have like curvatures.
    """

    def __init__(self, crystal: Crystal, settings: WalkSettings) -> None:
        self.settings, self.start, self.n = settings, crystal, len(crystal)
        self.x = np.concatenate([crystal.positions, np.eye(3) * self.n])  # [n + 3, 3]
        self.accepted: tuple[np.ndarray, float, np.ndarray] | None = None  # x, energy of the cell, gradient
        self.pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=settings.memory)
        self.steps, self.shrink = 0, 1.0
        self.frames: list[Frame] = []

    def crystal(self, x: np.ndarray | None = None) -> Crystal:
        x = self.x if x is None else x
        deformation = x[self.n :] / self.n
        frac = x[: self.n] @ np.linalg.inv(self.start.lattice)  # the deformation cancels
        return Crystal(self.start.numbers, frac, self.start.lattice @ deformation.T)

    def advance(self, found: Evaluation) -> str | None:
        """Take note of the evaluation at the present point. Step on and return None, or the reason to end: empty if converged."""
        deformation = self.x[self.n :] / self.n
        force = np.concatenate([found.forces @ deformation, np.linalg.solve(deformation, -found.virial).T / self.n])
        fmax = float(np.linalg.norm(force, axis=1).max())
        self.frames.append(Frame(self.crystal(), found, fmax))
        self.steps += 1
        if not np.isfinite(force).all() or not abs(found.binding) < MAX_BINDING:
            return f"binding of {found.binding:.2f} eV/atom"
        if fmax < self.settings.fmax:
            return ""
        if self.steps >= self.settings.max_steps:
            return f"not converged in {self.steps} steps"
        energy, gradient = found.energy * self.n, -force
        accepted = self.accepted
        if accepted is not None and energy > accepted[1] + 1e-3 * self.n:
            self.pairs.clear()  # uphill: the curvature is stale, so go back and take a shorter, steepest step
            self.shrink *= 0.3
            if self.shrink < 1e-3:
                return "no way downhill"
        else:
            accepted = self._accept(energy, gradient)
        self.x = accepted[0] + self._step(accepted[2])
        return None

    def ended(self, reason: str) -> Relaxed:
        """The outcome at the last point that was evaluated."""
        if not self.frames:
            return Relaxed(self.crystal(), np.nan, 0, reason)
        last = self.frames[-1]
        return Relaxed(last.crystal, last.found.energy, self.steps, reason, tuple(self.frames))

    def _accept(self, energy: float, gradient: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        if self.accepted is not None:
            s, y = self.x - self.accepted[0], gradient - self.accepted[2]
            if (s * y).sum() > 1e-8:
                self.pairs.append((s, y, 1 / (s * y).sum()))
            self.shrink = min(1.0, 2 * self.shrink)
        self.accepted = (self.x, energy, gradient)
        return self.accepted

    def _step(self, gradient: np.ndarray) -> np.ndarray:
        """The two-loop recursion (Nocedal and Wright, Algorithm 7.4), capped in length, [n + 3, 3]."""
        direction, weights = gradient.copy(), []
        for s, y, rho in reversed(self.pairs):
            weights.append(rho * (s * direction).sum())
            direction -= weights[-1] * y
        if self.pairs:
            s, y, rho = self.pairs[-1]
            direction *= np.clip(1 / (rho * (y * y).sum()), 1 / 200, 1.0)
        else:
            direction /= 40.0  # eV/Å², a typical curvature
        for (s, y, rho), weight in zip(self.pairs, reversed(weights), strict=True):
            direction += s * (weight - rho * (y * direction).sum())
        longest = np.linalg.norm(direction, axis=1).max()
        return -direction * self.shrink * min(1.0, self.settings.max_displacement / longest)


def relax(
    crystals: Sequence[Crystal],
    potential: Evaluator,
    settings: WalkSettings = DEFAULTS,
    watch: Callable[[int, Relaxed, bool], str] = lambda index, walk, converged: "",
    symmetries: Sequence[Operations | None] | None = None,
) -> list[Relaxed]:
    """Relax all crystals to local minima, cell and positions. One `Relaxed` for each, in order; none raises.

    watch: told after every step of the crystal of this index, with the outcome if it ended now and whether it has converged;
    a reason ends a walk that has not. symmetries: of each crystal those that it keeps, which it must have exactly.
    """
    results: dict[int, Relaxed] = {}
    waiting = deque(enumerate(crystals))
    active: dict[int, _Walker] = {}
    while waiting or active:
        while waiting and (not active or sum(w.n for w in active.values()) + len(waiting[0][1]) <= settings.batch):
            index, crystal = waiting.popleft()
            active[index] = _Walker(crystal, settings)
        for index, walker in list(active.items()):
            reason = unphysical(walker.crystal())
            if reason:
                results[index] = walker.ended(reason)
                del active[index]
        if not active:
            continue
        evaluations = potential([walker.crystal() for walker in active.values()])
        for (index, walker), evaluation in zip(list(active.items()), evaluations, strict=True):
            if symmetries is not None and (kept := symmetries[index]) is not None:
                forces, virial = kept.project(walker.crystal().lattice, evaluation.forces, evaluation.virial)
                evaluation = replace(evaluation, forces=forces, virial=virial)
            reason = walker.advance(evaluation)
            if not reason:
                stopped = watch(index, walker.ended(""), reason == "")
                reason = stopped or None if reason is None else reason
            if reason is not None:
                results[index] = walker.ended(reason)
                del active[index]
    return [results[index] for index in range(len(crystals))]


def energies(crystals: Sequence[Crystal], potential: Evaluator, together: int = 16) -> np.ndarray:
    """Of the crystals as they are, eV/atom, [M]; NaN for a cell that the potential should not see."""
    result = np.full(len(crystals), np.nan)
    sound = [i for i, crystal in enumerate(crystals) if not unphysical(crystal)]
    for start in range(0, len(sound), together):
        part = sound[start : start + together]
        result[part] = [found.energy for found in potential([crystals[i] for i in part])]
    return result


def unphysical(crystal: Crystal) -> str:
    """Why the potential should not see this crystal, or an empty string."""
    volume = crystal.volume / len(crystal)
    if not MIN_VOLUME <= volume <= MAX_VOLUME:
        return f"volume of {volume:.2f} Å³/atom"
    if n_images(crystal.lattice, 6.0) > MAX_IMAGES:
        return "the cell is too flat or skewed"
    return ""
