"""Random crystals: the starts that the paper relaxes before it searches (arXiv 2310.10056, section 3)."""

from __future__ import annotations

import numpy as np

from lcom.crystal import Crystal, lattice_from_parameters
from lcom.physical import MIN_VOLUME, close_contact, reduced_cell, typical_volume
from lcom.starts.settings import RandomSettings

ANGLES = (50.0, 130.0)  # degrees
MAX_ASPECT = 2.0  # longest over shortest lattice vector
MIN_FILLING = 0.2  # volume over the product of the lengths: no nearly flat cells
CELLS = 1_000  # drawn before giving up
PLACES = 30  # drawn for each atom before the cell is given up


def random_crystal(numbers: np.ndarray, settings: RandomSettings, generator: np.random.Generator) -> Crystal:
    """Atoms `numbers` [n] at random places of a random Niggli-reduced cell.

    The atoms are placed one after the other, each anywhere that is not too close to those before it. A ValueError if
    CELLS cells have no room for all.
    """
    numbers = np.asarray(numbers)
    typical = len(numbers) * typical_volume(numbers)
    for _ in range(CELLS):
        lengths = generator.uniform(1, MAX_ASPECT, 3)
        angles = generator.uniform(*ANGLES, 3)
        volume = typical * generator.uniform(settings.min_volume, settings.max_volume)
        if volume < 1.000001 * MIN_VOLUME * len(numbers):
            continue  # as a collapsed cell it would get no energy; for carbon, a min_volume below 0.61
        try:
            shape = lattice_from_parameters(np.concatenate([lengths, angles]))
        except ValueError:
            continue  # three angles that no cell can have
        if np.linalg.det(shape) < MIN_FILLING * lengths.prod():
            continue
        lattice = shape * (volume / np.linalg.det(shape)) ** (1 / 3)
        lattice = reduced_cell(Crystal(numbers[:1], np.zeros((1, 3)), lattice)).lattice
        crystal = _fill(lattice, numbers, settings.min_distance, generator)
        if crystal is not None:
            return crystal
    raise ValueError(
        f"no room for {len(numbers)} atoms in {CELLS} random cells: "
        f"lower initial: min_distance ({settings.min_distance:g}) or raise max_volume ({settings.max_volume:g})"
    )


def _fill(
    lattice: np.ndarray, numbers: np.ndarray, min_distance: float, generator: np.random.Generator
) -> Crystal | None:
    """Atoms at random places of the lattice [3, 3], None if one finds no place."""
    frac_coords = np.empty((0, 3))
    for k in range(len(numbers)):
        for _ in range(PLACES):
            crystal = Crystal(numbers[: k + 1], np.vstack([frac_coords, generator.random(3)]), lattice)
            if close_contact(crystal, min_distance) is None:
                break
        else:
            return None
        frac_coords = crystal.frac_coords
    return crystal
