"""The structure types that a composition of given proportions is tried in, as crystals of its own atoms.

The list is structure_types.txt; its head says how to read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal
from lcom.data.generator.potential import bond_list
from lcom.data.generator.proportions import METALS, P_METALS, counts, proportion, roles
from lcom.data.generator.prototypes import library
from lcom.elements import SYMBOLS, symbol_to_number

TABLE = Path(__file__).with_name("structure_types.txt")
MAX_ATOMS = 20
MIN_START_VOLUME = 5.0  # Å³/atom, between graphite-like and diamond-like carbon
WIDE_OPEN = 7.0  # times the volume of the atoms: molecules and cages, that metals collapse from
OPEN = 2.6  # of metals other than the p metals, by themselves: diamond and chains
ROLES = "ABCX"  # as the atomic numbers 1 to 4 of a template


@dataclass(frozen=True, slots=True)
class StructureType:
    """label: unique within its proportion · structure, sites: as in the table."""

    label: str
    structure: str
    sites: str

    def template(self) -> Crystal:
        """Its primitive cell, with roles for atoms."""
        return _template(self.structure, self.sites)


@cache
def structure_types() -> dict[str, tuple[StructureType, ...]]:
    """All of them, by proportion."""
    found: dict[str, list[StructureType]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            types = found.setdefault(line.strip("[] "), [])
        elif line and not line.startswith("#"):
            label, rest = line.split(None, 1)
            words = rest.split()
            first = next(i for i, word in enumerate(words) if word[0] in ROLES and len(word) == 1 or ":" in word)
            types.append(StructureType(label, " ".join(words[:first]), " ".join(words[first:])))
    return {name: tuple(types) for name, types in found.items()}


def starts(formula: str) -> list[tuple[str, Crystal]]:
    """Labels and crystals that the relaxations of a composition start from, without those too open for metals."""
    found = [(kind.label, start(formula, kind)) for kind in structure_types()[proportion(formula)]]
    metals = set(counts(formula)) & METALS
    if not metals:
        return found
    most = OPEN if len(counts(formula)) == 1 and not metals & P_METALS else WIDE_OPEN
    return [(label, crystal) for label, crystal in found if _openness(crystal) < most]


def _openness(crystal: Crystal) -> float:
    """Volume in units of the atoms' spheres of covalent radius: 1.4 for close packing."""
    from ase.data import covalent_radii

    return crystal.volume / (4 / 3 * np.pi * (covalent_radii[crystal.numbers] ** 3).sum())


def start(formula: str, kind: StructureType) -> Crystal:
    """The structure type with this composition's atoms, scaled until the tightest pair touches (sum of covalent radii).

    Light non-metals touch at a bond's length, far too dense for close packing: none starts below `MIN_START_VOLUME`.
    """
    from ase.data import covalent_radii  # Cordero et al. 2008: every element, P, As and Sb included

    template, played = kind.template(), roles(formula)
    numbers = np.array([symbol_to_number(played[ROLES[z - 1]]) for z in template.numbers])
    ends, vectors = bond_list(Crystal(numbers, template.frac_coords, template.lattice), 6.0)
    scale = (np.linalg.norm(vectors, axis=1) / covalent_radii[numbers[ends]].sum(0)).min()
    scale = min(scale, (template.volume / len(template) / MIN_START_VOLUME) ** (1 / 3))
    return Crystal(numbers, template.frac_coords, template.lattice / scale)


@cache
def _template(structure: str, sites: str) -> Crystal:
    from pymatgen.core import Structure

    if "|" in structure:
        played = dict(word.split(":") for word in sites.split())
        crystal = Crystal.from_structure(library()[structure].get_primitive_structure())
        numbers = np.array([ROLES.index(played[SYMBOLS[z]]) + 1 for z in crystal.numbers])
        return Crystal(numbers, crystal.frac_coords, crystal.lattice)
    group, *parameters = structure.split()
    placed = [site.split() for site in sites.split(";")]
    species = [SYMBOLS[ROLES.index(role) + 1] for role, *_ in placed]
    places = [[float(x) for x in place] for _, *place in placed]
    lattice = _lattice(int(group), [float(x) for x in parameters])
    found = Structure.from_spacegroup(int(group), lattice, species, places, tol=0.01)
    return Crystal.from_structure(found.get_primitive_structure(tolerance=0.05))


def _lattice(group: int, free: list[float]):
    """The lattice of a space group by its free parameters, in the order a b c beta."""
    from pymatgen.core import Lattice

    if group <= 15:
        return Lattice.monoclinic(*free)
    if group <= 74:
        return Lattice.orthorhombic(*free)
    if group <= 142:
        return Lattice.tetragonal(*free)
    if group <= 194:
        return Lattice.hexagonal(*free)
    return Lattice.cubic(*free)
