"""Cells that can be turned in a browser: what is drawn of a crystal. `cells.js` draws it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.crystal import Crystal
from lcom.elements import SYMBOLS, covalent_radius

SYMPREC = 0.01  # Å
BOND = 1.2  # of the sum of the covalent radii: longer ones are not drawn
NEAR = 1.25  # of the distance of an atom's nearest: nor are those between the cations of LiF, whose radii alone would allow them
EDGE = 0.02  # fractional: atoms so close to a face are drawn on the opposite one, too
MOST_DRAWN = 400  # atoms


def cells_data(drawings: Sequence[dict]) -> dict:
    """The data of a page: what `cells.js` looks for. A canvas names its cell by its place in the list: data-cell="0"."""
    numbers = sorted({atom[0] for cell in drawings for atom in cell["atoms"]})
    return {"elements": _elements(numbers), "cells": [*drawings]}


def drawing(crystal: Crystal) -> dict:
    """What is drawn of a crystal: its conventional cell with the atoms on all faces.

    group: number of its space group, 0 if there is none · lattice [3][3] Å · atoms: [Z, x, y, z] in Å from the middle of the cell ·
    bonds: pairs of indices of atoms
    """
    shown, group = _conventional(crystal)
    numbers, frac = _with_faces(shown)
    positions = (frac - 0.5) @ shown.lattice
    radii = covalent_radius(numbers)
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    nearest = np.where(distance > 0, distance, np.inf).min(1, initial=np.inf)
    limit = np.minimum(BOND * (radii[:, None] + radii[None]), NEAR * np.maximum(nearest[:, None], nearest[None]))
    i, j = np.nonzero(np.triu(distance < limit, 1))
    return {
        "group": group,
        "lattice": shown.lattice.round(3).tolist(),
        "atoms": [[int(z), *place] for z, place in zip(numbers, positions.round(3).tolist(), strict=True)],
        "bonds": np.stack([i, j], 1).tolist(),
    }


def canvas(cell: int, what: str) -> str:
    """The HTML of a cell; what: said to those who don't see it."""
    return f'<canvas data-cell="{cell}" tabindex="0" role="img" aria-label="{what}, drag or press the arrow keys to turn"></canvas>'


def _conventional(crystal: Crystal) -> tuple[Crystal, int]:
    import spglib

    found = spglib.get_symmetry_dataset((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=SYMPREC)
    if not found or len(found.std_types) > MOST_DRAWN // 4:
        return crystal, int(found.number) if found else 0
    return Crystal(found.std_types, found.std_positions, found.std_lattice), int(found.number)


def _with_faces(crystal: Crystal) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers and fractions in [0, 1], copies on opposite faces included."""
    frac = crystal.frac_coords - (crystal.frac_coords > 1 - EDGE)  # just below a face: on it
    images = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    every = frac[:, None] + images
    inside = (every < 1 + EDGE).all(-1)
    return np.repeat(crystal.numbers, inside.sum(1)), every[inside]


def _elements(numbers: Sequence[int]) -> dict[int, list]:
    """Atomic number -> symbol, colour, radius in Å."""
    from ase.data.colors import jmol_colors

    def colour(z: int) -> str:
        return "#" + "".join(f"{round(255 * float(value)):02x}" for value in jmol_colors[z])

    return {z: [SYMBOLS[z], colour(z), round(float(covalent_radius(z)), 2)] for z in numbers}
