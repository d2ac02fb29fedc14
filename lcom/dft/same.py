"""Whether two crystals are one, in whatever cells and orientation they are written."""

from __future__ import annotations

from itertools import product

import numpy as np

from lcom.crystal import Crystal

# of two reduced cells of one lattice the edges of one are sums and differences of the other's
CELLS = np.array(list(product((-1, 0, 1), repeat=9)), dtype=np.int8).reshape(-1, 3, 3)
CELLS = CELLS[np.abs(np.linalg.det(CELLS).round()) == 1]


def same_crystal(a: Crystal, b: Crystal, tolerance: float) -> bool:
    """Whether some rotation or reflection, shift and order of the atoms lays a on b, with edges and atoms within `tolerance` Å.

    Both in reduced cells (lcom.physical.reduced_cell). Energies of such crystals differ by the largest force times the tolerance.
    """
    if len(a) != len(b) or (np.sort(a.numbers) != np.sort(b.numbers)).any():
        return False
    metric, wanted = a.lattice @ a.lattice.T, b.lattice @ b.lattice.T
    allowed = 2 * tolerance * np.sqrt(wanted.diagonal().max())
    if np.abs(np.sort(metric.diagonal()) - np.sort(wanted.diagonal())).max() > allowed:
        return False
    metrics = CELLS @ metric @ CELLS.transpose(0, 2, 1)
    fitting = CELLS[(np.abs(metrics - wanted) <= allowed).all((1, 2))]
    return any(_atoms_fit(a, b, a.frac_coords @ np.linalg.inv(cell), tolerance) for cell in fitting)


def _atoms_fit(a: Crystal, b: Crystal, frac_coords: np.ndarray, tolerance: float) -> bool:
    """frac_coords: of a's atoms in a cell like b's, up to a shift."""
    kinds, counts = np.unique(a.numbers, return_counts=True)
    rarest = kinds[counts.argmin()]
    first = frac_coords[np.flatnonzero(a.numbers == rarest)[0]]
    for anchor in b.frac_coords[b.numbers == rarest]:
        apart = b.frac_coords[None] - (frac_coords + anchor - first)[:, None]
        distance = np.linalg.norm((apart - apart.round()) @ b.lattice, axis=-1)
        close = (distance <= tolerance) & (a.numbers[:, None] == b.numbers[None])
        if (close.sum(0) == 1).all() and (close.sum(1) == 1).all():
            return True
    return False
