"""Structure types: space group and occupied Wyckoff positions, read from structure_types.csv beside this file.

structure_types.csv has one row a type:

name         as the column `prototype` of a table of compounds names it
symbol       Strukturbericht symbol or the mineral or compound that the type is named after
space_group  number, in the standard setting: origin at the centre (choice 2), hexagonal axes, unique axis b
sites        one representative of each orbit, `;` between them: the place of its element in the formula (A the first)
             and its fractional coordinates: "A 0 0 0; B x x+1/2 z2". Parameters: x, y, z and a number
parameters   a value for each free parameter, "x=0.305 z2=0.16", which a compound may override; `equal_bonds` is
             wurtzite's z at which the four bonds are equally long, (a/c)²/3 + 1/4
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal, lattice_from_parameters

TABLE = Path(__file__).with_name("structure_types.csv")
_TERM = re.compile(r"([+-]?)([0-9]+(?:/[0-9]+)?)?([xyz][0-9]*)?")
_SAME_SITE = 1e-4  # fractional
# angles of a crystal system in degrees, None where free, and how many of b and c equal a
_SYSTEMS = (
    (2, (None, None, None), 0),
    (15, (90.0, None, 90.0), 0),
    (74, (90.0, 90.0, 90.0), 0),
    (142, (90.0, 90.0, 90.0), 1),
    (194, (90.0, 90.0, 120.0), 1),
    (230, (90.0, 90.0, 90.0), 2),
)


@dataclass(frozen=True)
class Coordinate:
    """A fractional coordinate that is linear in the free parameters: "x+1/2", "2x", "-z1"."""

    constant: float
    factors: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, text: str) -> Coordinate:
        constant, factors, end = 0.0, [], 0
        while end < len(text):
            term = _TERM.match(text, end)
            sign, number, name = term.groups() if term else ("", None, None)
            if not (term and (number or name)):
                raise ValueError(f"'{text}' is not a coordinate such as 1/4, x, -2x or x+1/2")
            value = float(Fraction(number or 1)) * (-1 if sign == "-" else 1)
            if name:
                factors.append((name, value))
            else:
                constant += value
            end = term.end()
        return cls(constant, tuple(factors))

    def __call__(self, free: Mapping[str, float]) -> float:
        return self.constant + sum(factor * free[name] for name, factor in self.factors)


@dataclass(frozen=True)
class Prototype:
    """A structure type; see the module's docstring.

    sites    (place of the element in the formula, its three coordinates) of each orbit
    free     default of each free parameter; None: `equal_bonds`
    """

    name: str
    space_group: int
    sites: tuple[tuple[int, tuple[Coordinate, Coordinate, Coordinate]], ...]
    free: Mapping[str, float | None]

    @property
    def angles(self) -> tuple[float | None, float | None, float | None]:
        """What the crystal system prescribes of alpha, beta, gamma in degrees; None: free."""
        return next(angles for last, angles, _ in _SYSTEMS if self.space_group <= last)

    @property
    def equal_lengths(self) -> int:
        """How many of b and c equal a in the crystal system: 0, 1 (b) or 2."""
        return next(equal for last, _, equal in _SYSTEMS if self.space_group <= last)

    @cached_property
    def proportions(self) -> tuple[int, ...]:
        """How many atoms of the formula's first, second … element, divided by their common factor."""
        counts = np.bincount([k for k, _ in self.sites], weights=[len(ops[1]) for ops in self._orbits]).astype(int)
        return tuple((counts // math.gcd(*counts.tolist())).tolist())

    @cached_property
    def n_atoms(self) -> int:
        """Atoms in the primitive cell."""
        rotations, _ = _operations(self.space_group)
        centring = int((rotations == np.eye(3)).all((1, 2)).sum())
        return sum(len(translations) for _, translations in self._orbits) // centring

    @cached_property
    def representatives(self) -> np.ndarray:
        """The first atom of each orbit in the cell that `build` makes, [n_orbits]."""
        return np.cumsum([0, *(len(translations) for _, translations in self._orbits[:-1])])

    @cached_property
    def _orbits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each orbit the operations that give its different sites: rotations [m, 3, 3], translations [m, 3]."""
        # the parameters take values without accidents, so that the type alone decides what coincides
        generic = {name: (0.1234 + 0.0617 * k) % 0.5 for k, name in enumerate(self.free)}
        rotations, translations = _operations(self.space_group)
        orbits = []
        for _, coordinates in self.sites:
            images = rotations @ [coordinate(generic) for coordinate in coordinates] + translations
            apart = images[:, None] - images[None, :]
            same = (np.abs(apart - np.round(apart)) < _SAME_SITE).all(-1)
            first = np.flatnonzero(same.argmax(1) == np.arange(len(images)))
            orbits.append((rotations[first], translations[first]))
        return orbits

    def build(self, numbers: Sequence[int], cell: Sequence[float], free: Mapping[str, float] | None = None) -> Crystal:
        """Conventional cell of the elements `numbers`, one for each letter, with the parameters `cell` (Å, degrees).

        `free` replaces defaults of the free parameters.
        """
        equal_bonds = (cell[0] / cell[2]) ** 2 / 3 + 1 / 4
        values = {
            name: equal_bonds if value is None else value for name, value in {**self.free, **(free or {})}.items()
        }
        frac, species = [], []
        for (k, coordinates), (rotations, translations) in zip(self.sites, self._orbits, strict=True):
            frac.append(rotations @ [coordinate(values) for coordinate in coordinates] + translations)
            species += [numbers[k]] * len(translations)
        return Crystal(np.array(species), np.concatenate(frac), lattice_from_parameters(np.array(cell)))


@cache
def _operations(space_group: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations [m, 3, 3] and translations [m, 3] of the standard setting, centring included."""
    import spglib

    symmetry = spglib.get_symmetry_from_database(_hall_numbers()[space_group])
    return symmetry["rotations"].astype(float), symmetry["translations"]


@cache
def _hall_numbers() -> dict[int, int]:
    """Space group number -> spglib's number of its standard setting."""
    import spglib

    standard: dict[int, int] = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        # the first one listed has unique axis b or hexagonal axes; of two origins the second is the centre
        if kind.number not in standard or kind.choice == "2":
            standard[kind.number] = hall
    return standard


def _read(path: Path) -> dict[str, Prototype]:
    prototypes = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sites = []
            for site in row["sites"].split(";"):
                letter, *coordinates = site.split()
                x, y, z = map(Coordinate.parse, coordinates)
                sites.append(("ABC".index(letter), (x, y, z)))
            free = parse_parameters(row["parameters"])
            prototypes[row["name"]] = Prototype(row["name"], int(row["space_group"]), tuple(sites), free)
    return prototypes


def parse_parameters(text: str) -> dict[str, float | None]:
    """'x=0.305 z=equal_bonds' -> {"x": 0.305, "z": None}. A ValueError if it is written otherwise."""
    found: dict[str, float | None] = {}
    for part in text.split():
        name, _, value = part.partition("=")
        try:
            if name in found:
                raise ValueError
            number = None if value == "equal_bonds" else float(value)
            if number is not None and not math.isfinite(number):
                raise ValueError
            found[name] = number
        except ValueError:
            raise ValueError(f"'{part}' is not a parameter and its value once, such as x=0.305") from None
    return found


PROTOTYPES = _read(TABLE)
