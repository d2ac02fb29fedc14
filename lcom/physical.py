"""What a crystal must not look like before a DFT code sees it: atoms on top of each other, a collapsed or empty cell.

GPAW itself only rejects absurdities: Mg and O at 0.3 Å converge, to +360 eV.
"""

from __future__ import annotations

import numpy as np

from lcom.crystal import Crystal
from lcom.elements import SYMBOLS, covalent_radius

MIN_DISTANCE = 0.5  # of the sum of covalent radii; the closest in the ground states of data/compounds.csv is 0.84
MIN_VOLUME = 3.0  # Å³ per atom; diamond, the densest, has 5.7
MAX_VOLUME = 5.0  # times `typical_volume`; the ground states of data/compounds.csv have 0.6-1.8

VOLUME_OF_BOND = 1.4  # volume per atom over the cube of the mean bond length

# What no data set should teach. Of 13 038 crystals of up to 20 atoms in MP-20 and MPTS-52, 8 are beyond: atoms apart in
# empty cells, such as mp-1056079, copper with 603 Å³ per atom
LARGEST_VOLUME = (
    185.0  # Å³ per atom; caesium, the widest element, has 117, and 181 in an open structure of the embedded set
)
LARGEST_RATIO = 21.0  # times `typical_volume` (molecular F2 in the embedded set has 20.6),
RATIO_FROM = 40.0  # which is of no use below so many Å³ per atom: H2 has 35 times its own
LARGEST_EDGE = 100.0  # Å, of a reduced cell; polytypes of CdI2 with 18 atoms have 45
ENERGIES = (-6.0, 10.0)  # eV/atom, formation energies; MatBench has -4.6 to 2.5, MPTS-52 up to 5.1


def reduced_cell(crystal: Crystal) -> Crystal:
    """The same crystal, not symmetrised, in a right-handed Niggli cell: short vectors, angles near 90°."""
    import spglib

    # where two edges are nearly alike the algorithm can go round in circles, if it takes them for different
    tries = (spglib.niggli_reduce(crystal.lattice, eps=eps) for eps in (1e-5, 1e-4, 1e-3, 1e-2))
    lattice = next((found for found in tries if found is not None), None)
    if lattice is None:
        raise ValueError(f"cannot Niggli-reduce the cell {np.round(crystal.lattice, 4).tolist()}")
    if np.linalg.det(lattice) < 0:
        lattice = -lattice
    return Crystal(crystal.numbers, crystal.positions @ np.linalg.inv(lattice), lattice)


def typical_volume(numbers: np.ndarray) -> float:
    """A guess of the volume in Å³ per atom from covalent radii: VOLUME_OF_BOND times the cube of the mean bond length."""
    return float(VOLUME_OF_BOND * (2 * covalent_radius(numbers).mean()) ** 3)


def too_wide(crystal: Crystal) -> str | None:
    """Why the cell is too wide for a crystal near any minimum, None if it is not. For cells as they are, reduced or not."""
    volume = crystal.volume / len(crystal)
    limit = min(LARGEST_VOLUME, max(RATIO_FROM, LARGEST_RATIO * typical_volume(crystal.numbers)))
    if volume > limit:
        return f"{volume:.4g} Å³ per atom, over {limit:.0f}"
    return None


def too_long(crystal: Crystal) -> str | None:
    """Why a reduced cell is too long, None if it is not."""
    longest = float(np.linalg.norm(crystal.lattice, axis=1).max())
    return f"an edge of {longest:.4g} Å, over {LARGEST_EDGE:g}" if longest > LARGEST_EDGE else None


def close_contact(crystal: Crystal, fraction: float) -> str | None:
    """The pair of atoms, images included, that is closest relative to the sum of its covalent radii.

    None if no pair is closer than `fraction` of that sum; otherwise pair and distance in words. Meant for reduced
    cells: few images need looking at then, because a short lattice vector is a close contact itself.
    """
    numbers, radii = crystal.numbers, covalent_radius(crystal.numbers)
    allowed = fraction * (radii[:, None] + radii[None, :])  # [n, n] Å
    largest, shortest = int(radii.argmax()), float(np.linalg.norm(crystal.lattice, axis=1).min())
    if shortest < allowed[largest, largest]:
        return _contact(numbers[largest], numbers[largest], shortest, allowed[largest, largest], fraction)
    # Planes of constant fractional coordinate k lie 1 / |b_k| apart; two atoms in the cell differ by less than 1.
    spacing = 1 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    ranges = [np.arange(-n, n + 1) for n in np.floor(allowed.max() / spacing + 1).astype(int)]
    images = np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 3)
    delta = crystal.frac_coords[None, :] - crystal.frac_coords[:, None]  # [n, n, 3]
    distance = np.linalg.norm((delta[:, :, None] + images) @ crystal.lattice, axis=-1)  # [n, n, images]
    own = np.flatnonzero((images == 0).all(-1))[0]
    distance[np.arange(len(crystal)), np.arange(len(crystal)), own] = np.inf
    closest = distance.min(-1)  # [n, n] Å
    i, j = np.unravel_index((closest / allowed).argmin(), closest.shape)
    if closest[i, j] >= allowed[i, j]:
        return None
    return _contact(numbers[i], numbers[j], closest[i, j], allowed[i, j], fraction)


def _contact(first: int, second: int, distance: float, allowed: float, fraction: float) -> str:
    pair = f"{SYMBOLS[first]}-{SYMBOLS[second]}"
    return f"{pair} at {distance:.2f} Å, under {allowed:.2f} Å ({fraction:g} of the covalent radii)"


def unphysical(crystal: Crystal) -> str | None:
    """Why no DFT should be run on the crystal, None if nothing is wrong with it."""
    volume = crystal.volume / len(crystal)
    if volume < MIN_VOLUME:
        return f"collapsed cell: {volume:.2f} Å³ per atom, under {MIN_VOLUME:g}"
    largest = MAX_VOLUME * typical_volume(crystal.numbers)
    if volume > largest:
        return f"expanded cell: {volume:.0f} Å³ per atom, over {largest:.0f}"
    try:
        contact = close_contact(reduced_cell(crystal), MIN_DISTANCE)
    except ValueError as error:
        return str(error)
    return contact and f"atoms too close: {contact}"
