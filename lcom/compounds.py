"""The benchmark compounds: a table of formulas with the known ground state of each.

The table (data/compounds.csv, or the user's own) has one row a compound:

formula              reduced, elements only: NaCl, MgF2, Si. It names files, so nothing but letters and digits
n_atoms              atoms in the primitive cell of the ground state; every search uses as many
space_group          number of the ground state, checked against the structure built
prototype            rocksalt, cesium_chloride, zincblende, wurtzite, diamond, graphite or a .cif (path relative to
                     the table)
a, b, c, alpha, beta, gamma   conventional cell in Å and degrees; empty or ignored for a CIF
source               where the structure comes from
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal, lattice_from_parameters, reduced_counts
from lcom.elements import covalent_radius, symbol_to_number

FORMULA = re.compile(r"[A-Z][A-Za-z0-9]*")
CELL_COLUMNS = ("a", "b", "c", "alpha", "beta", "gamma")
COLUMNS = ("formula", "n_atoms", "space_group", "prototype", *CELL_COLUMNS, "source")


@dataclass(frozen=True)
class Prototype:
    """A structure type: the sites of its conventional cell.

    hexagonal    a = b, gamma = 120°; otherwise cubic
    centred      face-centred: the sites are repeated by the three face-centring translations
    species      for each site the position of its element in the formula, 0 or 1
    sites        fractional coordinates
    u_sites      (wurtzite) sites that are raised along c by u = (a/c)²/3 + 1/4, which makes the four bonds equal
    """

    hexagonal: bool
    centred: bool
    species: tuple[int, ...]
    sites: tuple[tuple[float, float, float], ...]
    u_sites: tuple[int, ...] = ()

    def build(self, numbers: Sequence[int], cell: Sequence[float]) -> Crystal:
        """Conventional cell of the elements `numbers` [1 or 2] with the parameters `cell` (Å, degrees)."""
        shifts = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])[: 4 if self.centred else 1]
        sites = np.array(self.sites, dtype=np.float64)
        sites[list(self.u_sites), 2] += (cell[0] / cell[2]) ** 2 / 3 + 1 / 4
        frac = (sites[:, None] + shifts).reshape(-1, 3)
        return Crystal(
            np.repeat([numbers[k] for k in self.species], len(shifts)), frac, lattice_from_parameters(np.array(cell))
        )


_THIRD, _TWO_THIRDS = 1 / 3, 2 / 3
_HCP = ((_THIRD, _TWO_THIRDS, 0.0), (_TWO_THIRDS, _THIRD, 0.5))
_GRAPHITE = ((0.0, 0.0, 0.25), (0.0, 0.0, 0.75), (_THIRD, _TWO_THIRDS, 0.25), (_TWO_THIRDS, _THIRD, 0.75))
PROTOTYPES = {
    "rocksalt": Prototype(False, True, (0, 1), ((0, 0, 0), (0.5, 0.5, 0.5))),
    "cesium_chloride": Prototype(False, False, (0, 1), ((0, 0, 0), (0.5, 0.5, 0.5))),
    "zincblende": Prototype(False, True, (0, 1), ((0, 0, 0), (0.25, 0.25, 0.25))),
    "wurtzite": Prototype(True, False, (0, 0, 1, 1), (*_HCP, *_HCP), u_sites=(2, 3)),
    "diamond": Prototype(False, True, (0, 0), ((0, 0, 0), (0.25, 0.25, 0.25))),
    "graphite": Prototype(True, False, (0, 0, 0, 0), _GRAPHITE),
}


@dataclass(frozen=True)
class Compound:
    """A composition with its known ground state; see the module's docstring for the fields.

    cell is (a, b, c, alpha, beta, gamma) in Å and degrees, None if the prototype is a CIF; folder is the table's.
    """

    formula: str
    n_atoms: int
    space_group: int
    prototype: str
    cell: tuple[float, float, float, float, float, float] | None
    source: str
    folder: Path

    @property
    def numbers(self) -> np.ndarray:
        """Atomic numbers of the primitive cell in the formula's order, [n_atoms]: ZnO with 4 atoms -> 30 30 8 8."""
        counts = parse_formula(self.formula)
        units = self.n_atoms // sum(counts.values())
        return np.repeat(list(counts), [k * units for k in counts.values()])

    def crystal(self) -> Crystal:
        """The known ground state in its canonical primitive cell, at the table's lattice constants (not relaxed)."""
        return self.conventional().canonical()

    def conventional(self) -> Crystal:
        """The known ground state in its conventional cell, or in the cell of its CIF."""
        if self.cell is None:
            return Crystal.from_cif((self.folder / self.prototype).read_text(encoding="utf-8"))
        return PROTOTYPES[self.prototype].build(list(parse_formula(self.formula)), self.cell)


def parse_formula(formula: str) -> dict[int, int]:
    """'MgF2' -> {12: 1, 9: 2}, in the formula's order. A ValueError if it is not reduced or has unknown elements."""
    if not FORMULA.fullmatch(formula) or not re.fullmatch(r"([A-Z][a-z]?([1-9][0-9]*)?)+", formula):
        raise ValueError(f"'{formula}' is not a formula of element symbols and whole numbers, such as NaCl or MgF2")
    counts: dict[int, int] = {}
    for symbol, count in re.findall(r"([A-Z][a-z]?)([0-9]*)", formula):
        z = symbol_to_number(symbol)
        if z in counts:
            raise ValueError(f"'{formula}' names {symbol} twice")
        counts[z] = int(count or 1)
    factor = math.gcd(*counts.values())
    if factor > 1:
        raise ValueError(f"'{formula}' is not reduced: divide by {factor}")
    return counts


def load_compounds(path: str | Path, only: Sequence[str] = ()) -> list[Compound]:
    """The compounds of a table in its order, all of them or those whose formulas `only` lists.

    Every row is checked, its structure built and its space group compared. A ValueError names file, row and column.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such table of compounds (config key `compounds`)") from None
    except (IsADirectoryError, PermissionError) as error:
        raise ValueError(
            f"{path} cannot be read as a table of compounds ({error.strerror}; config key `compounds`)"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 ({error}): save it as CSV UTF-8") from None
    lines = list(csv.reader(text.splitlines()))
    header = [name.strip() for name in lines[0]] if lines else []
    if missing := [name for name in COLUMNS if name not in header]:
        raise ValueError(f"{path}: missing column(s) {', '.join(missing)}; the header must have {', '.join(COLUMNS)}")
    compounds: dict[tuple, Compound] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            raise ValueError(f"{path} row {number}: {len(line)} fields, not {len(header)}; quote a field with commas")
        row = _Row(path, number, dict(zip(header, (cell.strip() for cell in line), strict=True)))
        compound = row.compound()
        key = reduced_counts(compound.numbers)
        if key in compounds:
            raise row.error("formula", f"{compound.formula} is there twice (as {compounds[key].formula} above)")
        compounds[key] = compound
    if not compounds:
        raise ValueError(f"{path}: no compounds in the table")
    known = [compound.formula for compound in compounds.values()]
    if unknown := [formula for formula in only if formula not in known]:
        raise ValueError(f"{', '.join(unknown)} (config key `only`) not in {path}, which has {', '.join(known)}")
    return [compound for compound in compounds.values() if not only or compound.formula in only]


@dataclass(frozen=True)
class _Row:
    """One line of the table while it is checked."""

    path: Path
    number: int
    fields: dict[str, str]

    def error(self, column: str, message: str) -> ValueError:
        return ValueError(f"{self.path} row {self.number} column {column}: {message}")

    def compound(self) -> Compound:
        formula = self.fields["formula"]
        try:
            counts = parse_formula(formula)
        except ValueError as error:
            raise self.error("formula", str(error)) from None
        n_atoms = self._integer("n_atoms", 1, 200)
        if n_atoms % sum(counts.values()):
            raise self.error("n_atoms", f"{n_atoms} is not a multiple of the {sum(counts.values())} atoms of {formula}")
        space_group = self._integer("space_group", 1, 230)
        prototype, cell = self._prototype(formula, len(counts), tuple(counts.values()))
        source = self.fields["source"]
        compound = Compound(formula, n_atoms, space_group, prototype, cell, source, self.path.parent)
        self._check_structure(compound)
        return compound

    def _integer(self, column: str, low: int, high: int) -> int:
        text = self.fields[column]
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise self.error(column, f"'{text}' is not a whole number from {low} to {high}")
        return int(text)

    def _prototype(self, formula: str, n_elements: int, counts: tuple[int, ...]) -> tuple[str, tuple | None]:
        name = self.fields["prototype"]
        if name.lower().endswith(".cif"):
            if not (self.path.parent / name).is_file():
                raise self.error("prototype", f"no file {self.path.parent / name} (paths are relative to the table)")
            return name, None
        if name not in PROTOTYPES:
            raise self.error(
                "prototype",
                f"'{name}' is none of {', '.join(PROTOTYPES)} nor the path of a .cif file. The known ground state "
                "is needed as the reference: a compound whose ground state is unknown cannot be in the table",
            )
        prototype = PROTOTYPES[name]
        needed = len(set(prototype.species))
        if n_elements != needed or set(counts) != {1}:
            raise self.error("prototype", f"{name} takes {needed} element(s) in equal numbers; {formula} does not fit")
        cell = tuple(self._length_or_angle(column) for column in CELL_COLUMNS)
        angles = (90.0, 90.0, 120.0 if prototype.hexagonal else 90.0)
        equal = CELL_COLUMNS[1:2] if prototype.hexagonal else CELL_COLUMNS[1:3]
        for column, value, expected in zip(CELL_COLUMNS[3:], cell[3:], angles, strict=True):
            if value != expected:
                raise self.error(column, f"{name} has {column} = {expected:g}, got {value:g}")
        for column in equal:
            if float(self.fields[column]) != cell[0]:
                raise self.error(column, f"{name} has {column} = a = {cell[0]:g}, got {self.fields[column]}")
        return name, cell

    def _length_or_angle(self, column: str) -> float:
        try:
            value = float(self.fields[column])
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise self.error(column, f"'{self.fields[column]}' is not a positive number (Å or degrees)")
        return value

    def _check_structure(self, compound: Compound) -> None:
        name = f"{compound.formula} from {compound.prototype}"
        try:
            conventional = compound.conventional()
        except Exception as error:  # a CIF parser fails in many ways; each is the same to the user: mend the file
            raise self.error("prototype", f"cannot build {name}: {error}") from error
        if reduced_counts(conventional.numbers) != reduced_counts(compound.numbers):
            raise self.error("prototype", f"{compound.prototype} holds {conventional.formula}, not {compound.formula}")
        # Before spglib sees the cell: it can end the process on absurdly short distances.
        shortest, radii = _shortest_distance(conventional)
        if not 0.5 * radii <= shortest <= 7 * radii:  # solid He: 6.4
            message = f"the shortest distance in {name} is {shortest:.3g} Å, the covalent radii add up to {radii:.2f} Å"
            raise self.error("a" if compound.cell else "prototype", f"{message}; are the lengths in Å?")
        crystal = conventional.canonical()
        if len(crystal) != compound.n_atoms:
            raise self.error(
                "n_atoms", f"{name} has {len(crystal)} atoms in its primitive cell, not {compound.n_atoms}"
            )
        found = space_group_number(crystal)
        if found != compound.space_group:
            raise self.error("space_group", f"{name} has space group {found}, not {compound.space_group}")


def space_group_number(crystal: Crystal, symprec: float = 0.01) -> int:
    """Space group number by spglib, 0 if it finds none."""
    import spglib

    dataset = spglib.get_symmetry_dataset((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=symprec)
    return int(dataset.number) if dataset else 0


def _shortest_distance(crystal: Crystal) -> tuple[float, float]:
    """The shortest distance in a cell that is not skewed and the sum of covalent radii of that pair, both in Å."""
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    delta = crystal.frac_coords[:, None, None] - crystal.frac_coords[None, :, None] + images
    distance = np.linalg.norm(delta @ crystal.lattice, axis=-1)  # [n, n, 27]
    distance[distance < 1e-8] = np.inf  # an atom and itself
    i, j, _ = np.unravel_index(distance.argmin(), distance.shape)
    radii = covalent_radius(crystal.numbers)
    return float(distance.min()), float(radii[i] + radii[j])
