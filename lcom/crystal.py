"""A crystal, and the one place where crystals are converted from and to other libraries.

Conventions used everywhere: fractional coordinates in [0, 1), lattice *rows* are the vectors in Å, energies eV/atom.
Only numpy is imported at the top: ASE, pymatgen and spglib are imported by the functions that need them, so that
the networks run on a machine that has none of them.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """A periodic crystal.

    numbers      [n] int64    atomic numbers
    frac_coords  [n, 3] float64  fractional coordinates, wrapped into [0, 1)
    lattice      [3, 3] float64  rows are the lattice vectors in Å
    """

    numbers: np.ndarray
    frac_coords: np.ndarray
    lattice: np.ndarray

    def __post_init__(self) -> None:
        numbers = np.asarray(self.numbers, dtype=np.int64)
        frac = np.asarray(self.frac_coords, dtype=np.float64).reshape(-1, 3)
        lattice = np.asarray(self.lattice, dtype=np.float64)
        if lattice.shape != (3, 3):
            raise ValueError(f"lattice must be 3 x 3, got {lattice.shape}")
        if numbers.ndim != 1 or len(numbers) == 0 or len(numbers) != len(frac):
            raise ValueError(f"{numbers.size} atomic numbers for {len(frac)} positions")
        if not (np.isfinite(frac).all() and np.isfinite(lattice).all()):
            raise ValueError("a crystal's coordinates and lattice must be finite")
        frac = frac - np.floor(frac)
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "frac_coords", np.where(frac >= 1.0, 0.0, frac))  # -1e-17 wraps to exactly 1
        object.__setattr__(self, "lattice", lattice)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def volume(self) -> float:
        """Cell volume in Å³."""
        return float(abs(np.linalg.det(self.lattice)))

    @property
    def formula(self) -> str:
        """Reduced formula, elements in order of electronegativity as pymatgen writes it (needs pymatgen)."""
        from pymatgen.core import Composition

        counts = {_symbol(z): k for z, k in Counter(self.numbers.tolist()).items()}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No Pauling electronegativity")  # of He, Ne and Ar, which then stand last
            return Composition.from_dict(counts).reduced_formula

    @property
    def positions(self) -> np.ndarray:
        """Cartesian positions, [n, 3] Å."""
        return self.frac_coords @ self.lattice

    def parameters(self) -> np.ndarray:
        """Lattice parameters a, b, c (Å), alpha, beta, gamma (degrees), [6]."""
        return lattice_parameters(self.lattice)

    def content(self) -> dict[str, list]:
        """All that the crystal is, as JSON has it."""
        return {key: getattr(self, key).tolist() for key in ("numbers", "frac_coords", "lattice")}

    # ---- other libraries

    @classmethod
    def from_atoms(cls, atoms: Atoms) -> Crystal:
        return cls(atoms.numbers, atoms.get_scaled_positions(wrap=False), atoms.cell.array)

    def to_atoms(self) -> Atoms:
        from ase import Atoms

        return Atoms(numbers=self.numbers, scaled_positions=self.frac_coords, cell=self.lattice, pbc=True)

    @classmethod
    def from_structure(cls, structure: Structure) -> Crystal:
        """From a pymatgen structure; a disordered one is a ValueError."""
        if not structure.is_ordered:
            raise ValueError(f"{structure.composition.reduced_formula} is disordered (partial occupancies)")
        return cls(np.array([site.specie.Z for site in structure]), structure.frac_coords, structure.lattice.matrix)

    def to_structure(self) -> Structure:
        from pymatgen.core import Lattice, Structure

        return Structure(Lattice(self.lattice), self.numbers.tolist(), self.frac_coords)

    @classmethod
    def from_cif(cls, text: str) -> Crystal:
        """From the text of a CIF with one structure."""
        from pymatgen.io.cif import CifParser

        return cls.from_structure(CifParser.from_str(text).parse_structures(primitive=False)[0])

    def to_cif(self) -> str:
        from pymatgen.io.cif import CifWriter

        return str(CifWriter(self.to_structure()))

    # ---- cells

    def primitive(self) -> Crystal:
        """A primitive cell of the crystal as it is, not symmetrised: atoms that a translation brings together within 0.01 Å are one.

        The crystal itself if spglib finds no symmetry at all: atoms on top of each other.
        """
        import spglib

        cell = (self.lattice, self.frac_coords, self.numbers)
        found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=0.01)
        return self if found is None else Crystal(found[2], found[1], found[0])

    def canonical(self) -> Crystal:
        """The crystal in a unique cell: symmetrised, primitive, Niggli-reduced and rebuilt from its six parameters.

        Niggli cells are unique only if the lattice is exactly symmetric: 1e-4 of noise makes rocksalt's angles come out
        as 60/60/60 or 90/120/120. So the crystal is symmetrised first, with the loosest tolerance of 0.1, 0.03 and
        0.01 Å that changes the volume per atom by less than 2 %.
        """
        import spglib

        cell = (self.lattice, self.frac_coords, self.numbers)
        lattice, frac, numbers = cell
        for symprec in (0.1, 0.03, 0.01):
            found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=False, symprec=symprec)
            if found is None:
                continue
            change = abs(np.linalg.det(found[0])) / len(found[2]) / (self.volume / len(self)) - 1
            if abs(change) < 0.02:
                lattice, frac, numbers = found
                break
        reduced = spglib.niggli_reduce(lattice, eps=1e-2)
        if reduced is None:
            raise ValueError(f"cannot Niggli-reduce the cell of {self.formula}: {np.round(lattice, 4).tolist()}")
        frac = frac @ lattice @ np.linalg.inv(reduced)
        return Crystal(numbers, frac, lattice_from_parameters(lattice_parameters(reduced)))


def _symbol(z: int) -> str:
    from pymatgen.core import Element

    return Element.from_Z(z).symbol


def reduced_counts(numbers: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The composition as sorted ((atomic number, count), …) divided by the common factor: NaCl -> ((11, 1), (17, 1))."""
    counts = Counter(np.asarray(numbers).tolist())
    factor = reduce(gcd, counts.values())
    return tuple(sorted((z, k // factor) for z, k in counts.items()))


def lattice_parameters(lattice: np.ndarray) -> np.ndarray:
    """[..., 3, 3] rows in Å -> [..., 6]: a, b, c in Å and alpha, beta, gamma in degrees."""
    lengths = np.linalg.norm(lattice, axis=-1)
    unit = lattice / lengths[..., None]
    cosines = np.stack([(unit[..., i, :] * unit[..., j, :]).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1))], -1)
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))], -1)


def lattice_from_parameters(parameters: np.ndarray) -> np.ndarray:
    """[..., 6] -> [..., 3, 3], a along x and b in the xy plane. Angles that no cell can have are a ValueError."""
    a, b, c = np.moveaxis(np.asarray(parameters, dtype=np.float64)[..., :3], -1, 0)
    cos_a, cos_b, cos_g = np.cos(np.radians(np.moveaxis(np.asarray(parameters)[..., 3:], -1, 0)))
    sin_g = np.sqrt(1 - cos_g**2)
    c_y = (cos_a - cos_b * cos_g) / sin_g
    c_z2 = 1 - cos_b**2 - c_y**2
    if not (np.asarray(c_z2) > 1e-6).all():
        raise ValueError(f"no cell has the lattice parameters {np.round(parameters, 3).tolist()}")
    zero = np.zeros_like(a)
    rows = [[a, zero, zero], [b * cos_g, b * sin_g, zero], [c * cos_b, c * c_y, c * np.sqrt(c_z2)]]
    return np.stack([np.stack(row, -1) for row in rows], -2)
