"""Random crystals: the starts that the paper relaxes before it searches (arXiv 2310.10056, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lcom.crystal import Crystal, lattice_from_parameters
from lcom.guards import close_contact, reduced_cell, typical_volume

ANGLES = (50.0, 130.0)  # degrees
MAX_ASPECT = 2.0  # longest over shortest lattice vector
ATTEMPTS = 5_000  # in compounds of two or four atoms at most 50 are needed


@dataclass(frozen=True)
class RandomSettings:
    """How random starts are drawn (config section `initial`).

    min_volume, max_volume   volume of the cell over `typical_volume`, drawn evenly between the two
    min_distance             no two atoms closer than this fraction of the sum of their covalent radii
    """

    min_volume: float = 0.7
    max_volume: float = 1.6
    min_distance: float = 0.75

    def __post_init__(self) -> None:
        if not 0 < self.min_volume <= self.max_volume:
            raise ValueError(f"initial: 0 < min_volume <= max_volume, got {self.min_volume} and {self.max_volume}")
        if not 0.5 <= self.min_distance <= 1:
            raise ValueError(f"initial: min_distance lies in 0.5-1, got {self.min_distance}")


def random_crystal(numbers: np.ndarray, settings: RandomSettings, generator: np.random.Generator) -> Crystal:
    """Atoms `numbers` [n] at even random places of a random cell; what `settings` forbids is drawn again.

    The cell comes Niggli-reduced. A ValueError if ATTEMPTS draws give nothing.
    """
    numbers = np.asarray(numbers)
    volume_scale = len(numbers) * typical_volume(numbers)
    for _ in range(ATTEMPTS):
        lengths = generator.uniform(1, MAX_ASPECT, 3)
        angles = generator.uniform(*ANGLES, 3)
        volume = volume_scale * generator.uniform(settings.min_volume, settings.max_volume)
        frac_coords = generator.random((len(numbers), 3))
        try:
            shape = lattice_from_parameters(np.concatenate([lengths, angles]))
        except ValueError:
            continue  # three angles that no cell can have
        if np.linalg.det(shape) < 0.2 * lengths.prod():
            continue  # nearly flat
        crystal = reduced_cell(Crystal(numbers, frac_coords, shape * (volume / np.linalg.det(shape)) ** (1 / 3)))
        if close_contact(crystal, settings.min_distance) is None:
            return crystal
    raise ValueError(
        f"no random structure of {len(numbers)} atoms kept its distances in {ATTEMPTS} draws: "
        f"lower initial: min_distance ({settings.min_distance}) or raise max_volume ({settings.max_volume})"
    )
