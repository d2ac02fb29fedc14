"""The polymorphs of a composition: relax every prototype, shake the saddle points loose, drop duplicates and failures.

A composition is worked on alone, with random numbers seeded by its name, so that making it again gives the same
crystals whatever else is made beside it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential, neighbour_list
from lcom.data.generator.prototypes import prototypes, start
from lcom.data.generator.relaxation import DEFAULTS, Relaxed, RelaxSettings, relax

RATTLE, STRAIN = 0.05, 0.02  # Å, and relative: enough to leave a saddle point, not to leave a minimum
SADDLE_DROP = 0.002  # eV/atom that the shaken crystal must gain for the symmetric one to count as a saddle point
SYMMETRISED = 0.005  # eV/atom that putting the crystal into its symmetric cell may cost
SAME_ENERGY, SAME_VOLUME = 0.008, 0.05  # eV/atom and relative, between duplicates
WINDOW = 1.5  # eV/atom above the lowest polymorph
DETACHED = 2.5  # times the lowest polymorph's volume per atom
TOO_CLOSE = 0.6  # of the sum of covalent radii
TOO_DENSE = 5.0  # Å³/atom; diamond has 5.6, and below lie holes of the potential


@dataclass(frozen=True, slots=True)
class Polymorph:
    """A local minimum: the prototype it came from, whether it was shaken out of a saddle point, energy in eV/atom."""

    prototype: str
    shaken: bool
    crystal: Crystal
    energy: float


@dataclass(slots=True)
class Outcome:
    """A composition's polymorphs, lowest energy first, and how many starts were lost for which reason."""

    formula: str
    polymorphs: list[Polymorph]
    lost: Counter = field(default_factory=Counter)


def find_polymorphs(formula: str, potential: Potential, settings: RelaxSettings = DEFAULTS) -> Outcome:
    """All distinct minima reached from the prototypes of a composition."""
    tried = prototypes(formula)
    lost: Counter = Counter()
    relaxed = relax([start(formula, prototype) for prototype in tried], potential, settings)
    found = _keep_sound([Candidate(p.label, False, r) for p, r in zip(tried, relaxed, strict=True)], lost)
    found = _distinct(found, lost)

    rng = [np.random.default_rng(_seed(formula, c.prototype)) for c in found]
    shaken = relax([rattled(c.crystal, g) for c, g in zip(found, rng, strict=True)], potential, settings)
    pairs = zip(found, shaken, strict=True)
    found = [Candidate(c.prototype, True, r) if _is_lower(r, c) else c for c, r in pairs]
    found = _keep_sound(found, lost)

    own_first = sorted(found, key=lambda c: c.shaken)  # of duplicates, the one that is still its own prototype stays
    found = _distinct(_symmetrised(own_first, potential, lost), lost)
    ordered = sorted(found, key=lambda c: c.energy)
    return Outcome(formula, [Polymorph(c.prototype, c.shaken, c.crystal, c.energy) for c in ordered], lost)


@dataclass(frozen=True, slots=True)
class Candidate:
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


def _is_lower(shaken: Relaxed, found: Candidate) -> bool:
    """True if the shaken crystal left the symmetric one behind, even when it then failed to converge."""
    return shaken.energy < found.energy - SADDLE_DROP


def _keep_sound(found: list[Candidate], lost: Counter) -> list[Candidate]:
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
    known = ("not converged", "no way downhill", "volume", "binding", "the cell is too flat or skewed")
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


def _symmetrised(found: list[Candidate], potential: Potential, lost: Counter) -> list[Candidate]:
    """In canonical cells, with the energies of those cells; dropped where symmetry costs more than `SYMMETRISED`."""
    kept = []
    for candidate in found:
        try:
            cell = candidate.crystal.canonical()
        except ValueError:
            lost["no canonical cell"] += 1
            continue
        energy = potential([cell])[0].energy
        if abs(energy - candidate.energy) > SYMMETRISED:
            lost["not symmetric"] += 1
        else:
            moved = Relaxed(cell, energy, candidate.relaxed.steps)
            kept.append(Candidate(candidate.prototype, candidate.shaken, moved))
    return kept


def _distinct(found: list[Candidate], lost: Counter) -> list[Candidate]:
    """The first of each set of duplicates, in the order of the prototypes."""
    kept: list[Candidate] = []
    for candidate in found:
        if any(is_duplicate(candidate, other) for other in kept):
            lost["duplicate"] += 1
        else:
            kept.append(candidate)
    return kept


def is_duplicate(a: Candidate | Polymorph, b: Candidate | Polymorph) -> bool:
    """Same crystal: energies, volumes and structures agree."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    volumes = [c.crystal.volume / len(c.crystal) for c in (a, b)]
    if abs(a.energy - b.energy) >= SAME_ENERGY or abs(volumes[0] / volumes[1] - 1) >= SAME_VOLUME:
        return False
    matcher = StructureMatcher(ltol=0.1, stol=0.15, angle_tol=3, scale=False)
    return bool(matcher.fit(a.crystal.to_structure(), b.crystal.to_structure()))
