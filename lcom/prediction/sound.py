"""Which crystals of others can be judged: neither too large, nor what no model of crystals has learned anything of."""

from __future__ import annotations

import numpy as np

from lcom.crystal import Crystal
from lcom.elements import covalent_radius
from lcom.physical import MIN_DISTANCE, MIN_VOLUME, close_contact, reduced_cell, too_long, too_wide

MAX_GIVEN = 20_000  # atoms of a cell: spglib, whose time grows with the square, takes 40 s for 14 000 without symmetry
MAX_ATOMS = 2_000  # of a primitive cell: CHGNet takes 2 GB for them, and 4.5 GB for 4 096


def sound(crystal: Crystal) -> Crystal:
    """The crystal as it is, in a reduced primitive cell. A ValueError says why no model should see it.

    The volume may be what a data set may have, not only what DFT is asked about (lcom.physical.unphysical): ice has 12 times the volume of
    its covalent radii.
    """
    volume = crystal.volume / len(crystal)
    if volume < MIN_VOLUME:  # first: such a cell can end the process in spglib
        raise ValueError(f"has a collapsed cell: {volume:.3g} Å³ per atom, under {MIN_VOLUME:g}")
    if wide := too_wide(crystal):
        raise ValueError(f"is no crystal but atoms in an empty cell: {wide}")
    if len(crystal) > MAX_GIVEN:
        raise ValueError(f"is too large: {len(crystal)} atoms, over {MAX_GIVEN}")
    primitive = crystal.primitive()
    if len(primitive) > MAX_ATOMS:
        raise ValueError(f"is too large: {len(primitive)} atoms in its primitive cell, over {MAX_ATOMS}")
    reduced = reduced_cell(primitive)
    if long := too_long(reduced):
        raise ValueError(f"is too long: {long}")
    if contact := _contact(reduced):
        raise ValueError(f"has atoms on top of each other: {contact}")
    return reduced


def _contact(crystal: Crystal) -> str | None:
    """Of atoms on top of each other, in words. By a neighbour list: `close_contact` takes 5 GB for 1 700 atoms, so it sees one pair."""
    from ase.neighborlist import neighbor_list

    radii = covalent_radius(crystal.numbers)
    first, second, distance = neighbor_list("ijd", crystal.to_atoms(), MIN_DISTANCE * radii)
    if not len(distance):
        return None
    closest = (distance / (radii[first] + radii[second])).argmin()
    pair = np.unique([first[closest], second[closest]])
    return close_contact(Crystal(crystal.numbers[pair], crystal.frac_coords[pair], crystal.lattice), MIN_DISTANCE)
