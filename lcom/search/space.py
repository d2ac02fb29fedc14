"""The structures that RAS, PSO and BO search (GN-OA: Cheng et al. 2022, Nature Communications 13, 1492).

A candidate is a space group (2-230), a combination of its Wyckoff positions that fits the formula, a lattice and the free
coordinates. All of it is a point x of the unit cube, so that any optimiser can drive it:

x[0]      the space group, evenly among those that have a combination
x[1]      the combination, evenly among those of the group
x[2]      the volume, evenly within the limits of the volume filter
x[3:5]    b/a and c/a, evenly in the logarithm within 1 / max_ratio and max_ratio, where the crystal system leaves them free
x[5:8]    alpha, beta, gamma, evenly within 20-160°, where the crystal system leaves them free
x[8:]     three coordinates for each site, of which its Wyckoff position uses those it has free

The published box has a, b and c evenly within 2-30 Å. Of that, 2-4 % passes the filters for NaCl, ZnO
and MgF2, hence the volume and two ratios here, of which 51-75 % does. The limits of the lengths (of the conventional cell),
of the angles and the filters are as published.

What is built is the *primitive* cell: of the atoms of a centred cell one of every 2, 3 or 4 copies. Settings are those of
PyXtal (unique axis b, second origin, hexagonal axes for R).

Filters: no two atoms, images included, closer than a fraction of the sum of their covalent radii; a volume within limits; no
gap between layers of atoms wider than `max_vacuum` along any axis. The last is measured in the Minkowski-reduced cell,
perpendicular to its faces: a primitive cell of a tall centred one has only oblique faces, which see no gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np

from lcom.crystal import lattice_from_parameters
from lcom.elements import covalent_radius
from lcom.search.settings import LENGTHS, SpaceSettings
from lcom.search.wyckoff import combinations

ANGLES = (20.0, 160.0)  # degrees
FLAT = 0.01  # of a b c: three angles that leave less volume than that count as impossible
PACKING = 0.55  # volume of the atoms over that of the cell, by which the volume filter guesses the latter
CHUNK = 2_000_000  # pairs of atoms times images looked at together: 16 MB

# One of each pair of opposite neighbours of a cell, [13, 3].
HALF_IMAGES = np.array([t for t in product((0, 1, -1), repeat=3) if t > (0, 0, 0)], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """m crystals of the same n atoms, one for each point of the search space.

    frac_coords  [m, n, 3]  in [0, 1)
    lattice      [m, 3, 3]  primitive cells, rows in Å; of no meaning (but finite) where no cell has the angles
    space_group  [m] int64  2-230: all of its operations map the crystal onto itself, which may have more
    wyckoff      [m, n] str the letter of each atom's Wyckoff position
    valid        [m] bool   passes every filter
    """

    frac_coords: np.ndarray
    lattice: np.ndarray
    space_group: np.ndarray
    wyckoff: np.ndarray
    valid: np.ndarray


class SearchSpace:
    """All candidates for the primitive cell of the atoms `numbers` [n], those of an element next to each other."""

    def __init__(self, numbers: Sequence[int] | np.ndarray, settings: SpaceSettings) -> None:
        self.numbers, self.settings = np.asarray(numbers), settings
        radii = covalent_radius(self.numbers)  # [n] Å
        blocks = [(z, len(list(block))) for z, block in groupby(self.numbers.tolist())]
        if len(dict(blocks)) < len(blocks):
            raise ValueError(f"atoms of an element must stand next to each other, got {self.numbers.tolist()}")
        self.dimension = 8 + 3 * len(self.numbers)
        self._combinations = combinations(tuple(count for _, count in blocks))
        atoms = (4 / 3 * np.pi * radii**3).sum() / PACKING
        self._volumes = settings.min_volume * atoms, settings.max_volume * atoms  # Å³
        self._pairs = np.triu_indices(len(radii), 1)
        self._allowed = settings.min_distance * (radii[self._pairs[0]] + radii[self._pairs[1]])  # [pairs] Å
        self._shortest = settings.min_distance * 2 * radii.max()  # Å: the largest atom and its own image

    def build(self, x: np.ndarray) -> Candidates:
        """The candidates at x [m, dimension], which lies in [0, 1] (1 stands for the last choice and the upper limit)."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise ValueError(f"x must be [m, {self.dimension}], got {list(x.shape)}")
        if not ((x >= 0) & (x <= 1)).all():
            raise ValueError(f"x must lie within 0-1, got {x.min():g} to {x.max():g}")
        c = self._combinations
        group, row = self._choice(x)
        ops = c.ops[c.op[row]]  # [m, n, 3, 4]
        free = x[:, 8:].reshape(len(x), len(self.numbers), 1, 3)
        free = np.take_along_axis(free, c.site[row][..., None, None], 1)  # [m, n, 1, 3]
        # Term by term, not einsum: a candidate has the same bytes whatever is built beside it.
        frac = ops[..., 0] * free[..., 0] + ops[..., 1] * free[..., 1] + ops[..., 2] * free[..., 2] + ops[..., 3]
        frac -= np.floor(frac)
        frac[frac >= 1] = 0  # -1e-17 wraps to exactly 1
        volume = self._volumes[0] + x[:, 2] * (self._volumes[1] - self._volumes[0])
        volume = volume / np.linalg.det(c.primitive)[group]
        conventional, valid = _conventional(c.groups[group], volume, x[:, 3:5], x[:, 5:8], self.settings.max_ratio)
        lattice = c.primitive[group] @ conventional
        chosen = np.flatnonzero(valid)
        valid[chosen] = self._passes(frac[chosen], lattice[chosen])
        return Candidates(frac, lattice, c.groups[group], c.letter[c.op[row]], valid)

    def kind(self, x: np.ndarray) -> np.ndarray:
        """Which of the ``kinds`` combinations of space group and Wyckoff positions x [m, dimension] stands for, [m]."""
        return self._choice(x)[1]

    @property
    def kinds(self) -> int:
        return int(self._combinations.start[-1])

    def _choice(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices of group and of combination, [m] each."""
        c = self._combinations
        group = _choose(x[:, 0], len(c.groups))
        return group, c.start[group] + _choose(x[:, 1], np.diff(c.start)[group])

    def _passes(self, frac_coords: np.ndarray, lattice: np.ndarray) -> np.ndarray:
        """Which of the crystals [m, n, 3], [m, 3, 3] have no atoms too close and no vacuum, [m] bool. Cheap filters first."""
        frac, reduced = reduced_cells(frac_coords, lattice)
        passed = np.linalg.norm(reduced[:, 0], axis=-1) >= self._shortest
        left = np.flatnonzero(passed)
        frac, reduced = frac[left], reduced[left]
        passed[left] = fine = widest_gap(frac, reduced) <= self.settings.max_vacuum
        left = left[fine]
        passed[left] = self._apart(frac[fine], reduced[fine])
        return passed

    def _apart(self, frac_coords: np.ndarray, reduced: np.ndarray) -> np.ndarray:
        """Whether no two different atoms or their images are too close, [m] bool, for Minkowski-reduced cells.

        Such a cell has a volume of at least |a| |b| |c| / √2, so the distance of its faces is at least D / √2, where D is the
        length of its shortest vector. The largest atom is not too close to its own image, so no pair needs more than
        D. A fractional difference within ±1/2 is then at least (2 - 1/2) D / √2 > D away from its image two cells on:
        nearest images suffice.
        """
        i, j = self._pairs
        apart = np.ones(len(reduced), dtype=bool)
        step = max(1, CHUNK // (len(HALF_IMAGES) * max(1, len(i))))
        for k in range(0, len(reduced), step):
            cell = reduced[k : k + step]
            delta = frac_coords[k : k + step, i] - frac_coords[k : k + step, j]
            vector = (delta - np.rint(delta)) @ cell  # [m, pairs, 3] Å
            images = HALF_IMAGES @ cell  # [m, 13, 3] Å
            # |v ± t|² = |v|² + |t|² ± 2 v·t
            change = (images**2).sum(-1)[:, None] - 2 * np.abs(vector @ images.swapaxes(1, 2))  # [m, pairs, 13]
            square = (vector**2).sum(-1) + np.minimum(change.min(-1), 0)
            apart[k : k + step] = (square >= self._allowed**2).all(-1)
        return apart


def _choose(x: np.ndarray, count: int | np.ndarray) -> np.ndarray:
    """x [m] in [0, 1] -> whole numbers below count."""
    return np.minimum((x * count).astype(np.int64), count - 1)


# ---- cells


def reduced_cells(frac_coords: np.ndarray, lattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The crystals [m, n, 3], [m, 3, 3] in Minkowski-reduced cells, where few images are within a cutoff."""
    reduced = minkowski_reduce(lattice)
    return frac_coords @ np.rint(lattice @ np.linalg.inv(reduced)), reduced


def _conventional(
    number: np.ndarray, volume: np.ndarray, ratios: np.ndarray, angles: np.ndarray, max_ratio: float
) -> tuple[np.ndarray, np.ndarray]:
    """Conventional cells [m, 3, 3] of the space groups `number`, and whether they exist with lengths within LENGTHS, [m].

    number [m]; volume [m] Å³; ratios [m, 2] and angles [m, 3] in 0-1, those that the crystal system fixes are not used.
    """
    ratios = max_ratio ** (2 * ratios - 1)
    b = np.where(number < 75, ratios[:, 0], 1)  # tetragonal, hexagonal, cubic: a = b
    c = np.where(number < 195, ratios[:, 1], 1)
    angles = ANGLES[0] + angles * (ANGLES[1] - ANGLES[0])
    angles[number > 2, 0] = 90
    angles[number > 15, 1] = 90
    angles[number > 2, 2] = 90
    angles[(number > 142) & (number < 195), 2] = 120
    cosines = np.cos(np.radians(angles))
    square = 1 + 2 * cosines[:, 0] * cosines[:, 1] * cosines[:, 2] - (cosines**2).sum(1)  # (V / a b c)²
    exists = square > FLAT**2
    angles[~exists], square[~exists] = 90, 1
    a = (volume / (b * c * np.sqrt(square))) ** (1 / 3)
    lengths = np.stack([a, a * b, a * c], 1)
    inside = ((lengths >= LENGTHS[0]) & (lengths <= LENGTHS[1])).all(1)
    return lattice_from_parameters(np.concatenate([lengths, angles], 1)), exists & inside


def minkowski_reduce(lattice: np.ndarray) -> np.ndarray:
    """The three shortest vectors that span the lattices [m, 3, 3], the shortest first, [m, 3, 3].

    Vectors are shortened by each other until none can be (Semaev 2001), all lattices at once.
    """
    reduced = np.array(lattice)
    todo = np.arange(len(reduced))
    while len(todo):
        v = reduced[todo]
        v = np.take_along_axis(v, (v**2).sum(-1).argsort(-1, kind="stable")[..., None], 1)
        changed = np.zeros(len(todo), dtype=bool)
        for long, short in ((1, 0), (2, 0), (2, 1)):
            times = (v[:, long] * v[:, short]).sum(-1) / (v[:, short] ** 2).sum(-1)
            times = np.rint(times * (1 - 1e-9))  # a half stays as it is, or rounding errors would turn it for ever
            v[:, long] -= times[:, None] * v[:, short]
            changed |= times != 0
        signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
        shorter = v[:, 2:] + signs @ v[:, :2]  # [m, 4, 3]
        square = (shorter**2).sum(-1)
        best = square.argmin(-1)
        better = square.min(-1) < (v[:, 2] ** 2).sum(-1) * (1 - 1e-9)
        v[better, 2] = shorter[better, best[better]]
        reduced[todo] = v
        todo = todo[changed | better]
    return reduced


def widest_gap(frac_coords: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Widest gap in Å between neighbouring layers of atoms parallel to a face, [m, n, 3] and [m, 3, 3] -> [m]."""
    layers = np.sort(frac_coords - np.floor(frac_coords), axis=1)
    gaps = np.diff(layers, axis=1, append=layers[:, :1] + 1).max(1)  # [m, 3]
    return (gaps / np.linalg.norm(np.linalg.inv(lattice), axis=1)).max(-1)  # planes k = 0, 1, … lie 1 / |b_k| apart
