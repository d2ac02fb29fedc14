"""The polymorphs of a composition: relax every structure type, shake the saddle points loose, drop duplicates and failures.

A composition is worked on alone, with random numbers seeded by its name, so that making it again gives the same
crystals whatever else is made beside it. A walk ends early where its end is known: at a minimum that another walk has
reached, back in the minimum it was shaken out of, or far above all others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from lcom.crystal import Crystal
from lcom.data.generator.evaluation import Evaluation
from lcom.data.generator.frames import frames_of
from lcom.data.generator.potential import Potential, neighbour_list
from lcom.data.generator.relaxation import DEFAULTS, Relaxed, WalkSettings, relax
from lcom.data.generator.structure_types import starts
from lcom.data.off_minimum import OffMinimum

RATTLE, STRAIN = 0.05, 0.02  # Å, and relative: enough to leave a saddle point, not to leave a minimum
SADDLE_DROP = 0.002  # eV/atom that the shaken crystal must gain for the symmetric one to count as a saddle point
SYMMETRISED = 0.005  # eV/atom that putting the crystal into its symmetric cell may cost
SAME_ENERGY, SAME_VOLUME = 0.008, 0.05  # eV/atom and relative, between duplicates
WINDOW = 1.5  # eV/atom above the lowest polymorph
DETACHED = 2.5  # times the lowest polymorph's volume per atom
TOO_CLOSE = 0.6  # of the sum of covalent radii
TOO_DENSE = 5.0  # Å³/atom; diamond has 5.6, and below lie holes of the potential
HOPELESS_STEPS = 15  # after which a walk more than `WINDOW` above the lowest minimum ends
NEAR = 0.1  # eV/Å, forces below which a walk is compared with the minima that others have reached
NEAR_ENERGY, NEAR_VOLUME = 0.002, 0.02  # eV/atom and relative, within which it counts as one of them
RETURNED_FORCE, RETURNED_ENERGY = 0.05, 0.0005  # eV/Å and eV/atom: a shaken crystal is back in its minimum


@dataclass(frozen=True, slots=True)
class Polymorph:
    """A local minimum: the prototype it came from, whether it was shaken out of a saddle point, energy in eV/atom."""

    prototype: str
    shaken: bool
    crystal: Crystal
    energy: float


@dataclass(slots=True)
class Outcome:
    """A composition's polymorphs, lowest energy first, crystals off the minima, and how many starts were lost for which reason."""

    formula: str
    polymorphs: list[Polymorph]
    lost: Counter = field(default_factory=Counter)
    frames: list[OffMinimum] = field(default_factory=list)


def find_polymorphs(formula: str, potential: Potential, settings: WalkSettings = DEFAULTS) -> Outcome:
    """All distinct minima reached from the structure types of a composition."""
    labels, crystals = zip(*starts(formula), strict=True)
    lost: Counter = Counter()
    relaxed = relax(crystals, potential, settings, _Known())
    found = _keep_sound([Reached(label, False, r) for label, r in zip(labels, relaxed, strict=True)], lost)
    found = _distinct(found, lost)

    rng = [np.random.default_rng(_seed(formula, c.prototype)) for c in found]
    moved = [rattled(c.crystal, g) for c, g in zip(found, rng, strict=True)]
    shaken = relax(moved, potential, settings, _Known(found))
    walks = [(label, "start", r) for label, r in zip(labels, relaxed, strict=True)]
    walks += [(c.prototype, "shaken", r) for c, r in zip(found, shaken, strict=True)]
    pairs = zip(found, shaken, strict=True)
    found = [Reached(c.prototype, True, r) if _is_lower(r, c) else c for c, r in pairs]
    found = _keep_sound(found, lost)

    own_first = sorted(found, key=lambda c: c.shaken)  # of duplicates, the one that is still its own prototype stays
    found = _distinct(_symmetrised(own_first, potential, lost), lost)
    ordered = sorted(found, key=lambda c: c.energy)
    polymorphs = [Polymorph(c.prototype, c.shaken, c.crystal, c.energy) for c in ordered]
    return Outcome(formula, polymorphs, lost, frames_of(formula, walks, polymorphs[0].energy) if polymorphs else [])


class _Known:
    """Ends walks whose end is known (`relax`'s watch).

    origins: the minima that the crystals were shaken out of, if they were.
    """

    def __init__(self, origins: list[Reached] | None = None) -> None:
        self.origins = origins
        self.minima = list(origins or [])

    def __call__(self, index: int, walk: Relaxed, converged: bool) -> str:
        here = Reached("", self.origins is not None, walk)
        if self.origins and walk.energy > self.origins[index].energy - SADDLE_DROP:
            back = abs(walk.energy - self.origins[index].energy) < RETURNED_ENERGY
            return "returned" if back and walk.frames[-1].fmax < RETURNED_FORCE else ""
        if converged:
            self.minima.append(here)
        elif walk.frames[-1].fmax < NEAR and any(is_duplicate(here, m, NEAR_ENERGY, NEAR_VOLUME) for m in self.minima):
            return "duplicate"
        elif (
            walk.steps > HOPELESS_STEPS and walk.energy > min((m.energy for m in self.minima), default=np.inf) + WINDOW
        ):
            return "energy too high"
        return ""


@dataclass(frozen=True, slots=True)
class Reached:
    """A relaxation on its way to become a polymorph."""

    prototype: str
    shaken: bool
    relaxed: Relaxed

    @property
    def crystal(self) -> Crystal:
        return self.relaxed.crystal

    @property
    def energy(self) -> float:
        return self.relaxed.energy


def rattled(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The crystal with every atom moved by `RATTLE` Å and the cell strained by `STRAIN` (normal deviates)."""
    strain = rng.normal(scale=STRAIN, size=(3, 3))
    lattice = crystal.lattice @ (np.eye(3) + (strain + strain.T) / 2)
    moved = rng.normal(scale=RATTLE, size=(len(crystal), 3)) @ np.linalg.inv(lattice)
    return Crystal(crystal.numbers, crystal.frac_coords + moved, lattice)


def _seed(formula: str, prototype: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{formula} {prototype}".encode()).digest()[:8], "little")


def _is_lower(shaken: Relaxed, found: Reached) -> bool:
    """True if the shaken crystal left the symmetric one behind, even when it then failed to converge."""
    return shaken.energy < found.energy - SADDLE_DROP


def _keep_sound(found: list[Reached], lost: Counter) -> list[Reached]:
    """Without failed relaxations, overlapping atoms, detached pieces and energies far above the lowest."""
    sound = []
    for candidate in found:
        reason = _kind_of_failure(candidate.relaxed.reason) or structural_fault(candidate.crystal)
        lost.update([reason] if reason else [])
        sound += [] if reason else [candidate]
    if not sound:
        return []
    lowest = min(sound, key=lambda c: c.energy)
    volume = lowest.crystal.volume / len(lowest.crystal)
    for reason, wrong in (
        ("energy too high", lambda c: c.energy > lowest.energy + WINDOW),
        ("detached", lambda c: c.crystal.volume / len(c.crystal) > DETACHED * volume),
    ):
        lost[reason] += sum(map(wrong, sound))
        sound = [c for c in sound if not wrong(c)]
    return sound


def _kind_of_failure(reason: str) -> str:
    """A reason without its numbers, for counting."""
    known = ("duplicate", "not converged", "no way downhill", "volume", "binding", "the cell is too flat or skewed")
    return next((name for name in known if reason.startswith(name)), reason)


def structural_fault(crystal: Crystal) -> str:
    """Atoms on top of each other, or a crystal in separate pieces with a vacuum between; an empty string if neither."""
    from ase.data import covalent_radii

    if crystal.volume / len(crystal) < TOO_DENSE:
        return "too dense"
    pairs, displacements, _ = neighbour_list(crystal, 7.0)
    distances, radii = np.linalg.norm(displacements, axis=1), covalent_radii[crystal.numbers[pairs]].sum(1)
    if (distances < TOO_CLOSE * radii).any():
        return "atoms too close"
    linked = distances < np.maximum(5.0, 1.3 * radii)  # layers 5 Å apart no longer feel each other
    images = displacements @ np.linalg.inv(crystal.lattice) - np.diff(crystal.frac_coords[pairs], axis=1)[:, 0]
    return "" if _is_connected(len(crystal), pairs[linked], np.rint(images[linked]).astype(int)) else "detached"


def _is_connected(n_atoms: int, pairs: np.ndarray, images: np.ndarray) -> bool:
    """Whether the links join all atoms in all three directions: the cycles of the graph span three dimensions."""
    offset = {0: np.zeros(3, dtype=int)}  # the image in which the walk reaches each atom
    frontier, cycles = [0], []
    while frontier:
        atom = frontier.pop()
        for (_, other), image in zip(pairs[pairs[:, 0] == atom], images[pairs[:, 0] == atom], strict=True):
            reached = offset[atom] + image
            if other in offset:
                cycles.append(reached - offset[other])
            else:
                offset[other] = reached
                frontier.append(other)
    return len(offset) == n_atoms and len(cycles) > 0 and np.linalg.matrix_rank(np.array(cycles)) == 3


def _symmetrised(found: list[Reached], potential: Potential, lost: Counter) -> list[Reached]:
    """In canonical cells, with the energies of those cells; dropped where symmetry costs more than `SYMMETRISED`."""
    kept, cells = [], []
    for candidate in found:
        try:
            cell = candidate.crystal.canonical()
        except ValueError:
            lost["no canonical cell"] += 1
            continue
        cells.append((candidate, cell))
    for (candidate, cell), found_here in zip(cells, _evaluated([c for _, c in cells], potential), strict=True):
        energy = found_here.energy
        if abs(energy - candidate.energy) > SYMMETRISED:
            lost["not symmetric"] += 1
        else:
            moved = Relaxed(cell, energy, candidate.relaxed.steps)
            kept.append(Reached(candidate.prototype, candidate.shaken, moved))
    return kept


def _evaluated(crystals: list[Crystal], potential: Potential) -> list[Evaluation]:
    """A few at a time: about 80 atoms."""
    per_call = max(1, 80 // max((len(crystal) for crystal in crystals), default=1))
    return [e for i in range(0, len(crystals), per_call) for e in potential(crystals[i : i + per_call])]


def _distinct(found: list[Reached], lost: Counter) -> list[Reached]:
    """The first of each set of duplicates, in the order of the prototypes."""
    kept: list[Reached] = []
    for candidate in found:
        if any(is_duplicate(candidate, other) for other in kept):
            lost["duplicate"] += 1
        else:
            kept.append(candidate)
    return kept


def is_duplicate(
    a: Reached | Polymorph, b: Reached | Polymorph, energy: float = SAME_ENERGY, volume: float = SAME_VOLUME
) -> bool:
    """Same crystal: energies (eV/atom), volumes (relative) and structures agree."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    volumes = [c.crystal.volume / len(c.crystal) for c in (a, b)]
    if abs(a.energy - b.energy) >= energy or abs(volumes[0] / volumes[1] - 1) >= volume:
        return False
    matcher = StructureMatcher(ltol=0.1, stol=0.15, angle_tol=3, scale=False)
    return bool(matcher.fit(a.crystal.to_structure(), b.crystal.to_structure()))
