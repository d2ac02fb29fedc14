"""The benchmark compounds: a table of formulas with the known ground state of each.

The table (data/compounds.csv, data/validation.csv or the user's own) has one row a compound. Further rows of the same formula are
other known polymorphs of it, the lowest of which by GPAW is what Table 1 compares with; the first row gives n_atoms and what else
is of the compound:

formula              reduced, elements only: NaCl, MgF2, Si. It names files, so nothing but letters and digits
n_atoms              atoms in the primitive cell of the ground state; every search uses as many
space_group          number of the ground state, checked against the structure type or the CIF
prototype            a name in structure_types.csv (rocksalt, spinel, …) or a .cif (path relative to the table)
a, b, c, alpha, beta, gamma   conventional cell in Å and degrees; empty or ignored for a CIF
wyckoff              (may be missing) free parameters that differ from the type's: "x=0.305 z2=0.16"
source               where the structure comes from
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal, reduced_counts
from lcom.elements import covalent_radius
from lcom.formula import parse_formula
from lcom.structure_types import PROTOTYPES, parse_parameters

CELL_COLUMNS = ("a", "b", "c", "alpha", "beta", "gamma")
COLUMNS = ("formula", "n_atoms", "space_group", "prototype", *CELL_COLUMNS, "source")


@dataclass(frozen=True)
class Compound:
    """A composition with its known ground state; see the module's docstring for the fields.

    cell is (a, b, c, alpha, beta, gamma) in Å and degrees, None if the prototype is a CIF; folder is the table's;
    free are the pairs of the column `wyckoff`; polymorphs are the further rows of the formula.
    """

    formula: str
    n_atoms: int
    space_group: int
    prototype: str
    cell: tuple[float, float, float, float, float, float] | None
    source: str
    folder: Path
    free: tuple[tuple[str, float], ...] = ()
    polymorphs: tuple[Compound, ...] = ()

    @property
    def known(self) -> tuple[Compound, ...]:
        """All known polymorphs, this one first."""
        return (self, *self.polymorphs)

    @property
    def numbers(self) -> np.ndarray:
        """Atomic numbers of the primitive cell in the formula's order, [n_atoms]: ZnO with 4 atoms -> 30 30 8 8."""
        counts = parse_formula(self.formula)
        units = self.n_atoms // sum(counts.values())
        return np.repeat(list(counts), [k * units for k in counts.values()])

    def crystal(self) -> Crystal:
        """The known ground state in its canonical primitive cell, at the table's lattice constants (not relaxed).

        A ValueError if that has not `n_atoms` atoms, because the free parameters make it more symmetric than its type.
        """
        crystal = self.conventional().canonical()
        if len(crystal) != self.n_atoms:
            raise ValueError(
                f"{self.formula} from {self.prototype} with its lattice constants and parameters (columns a to wyckoff) "
                f"has {len(crystal)} atoms in its primitive cell, not {self.n_atoms}: it is more symmetric than the type"
            )
        return crystal

    def conventional(self) -> Crystal:
        """The known ground state in its conventional cell, or in the cell of its CIF."""
        if self.cell is None:
            return Crystal.from_cif((self.folder / self.prototype).read_text(encoding="utf-8"))
        return PROTOTYPES[self.prototype].build(list(parse_formula(self.formula)), self.cell, dict(self.free))


def load_compounds(path: str | Path, only: Sequence[str] = (), *, build: bool = True) -> list[Compound]:
    """The compounds of a table in its order, all of them or those whose formulas `only` lists.

    Every row is read and checked, and of those asked for the structure is built and checked, too: distances, and atoms and space
    group, which of a structure type are looked up and of a CIF found. build=False spares that for a table of which it is known.
    A ValueError names file, row and column.
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
    rows: list[tuple[_Row, Compound]] = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            raise ValueError(f"{path} row {number}: {len(line)} fields, not {len(header)}; quote a field with commas")
        row = _Row(path, number, dict(zip(header, (cell.strip() for cell in line), strict=True)))
        compound = row.compound()
        rows.append((row, compound))
        key = reduced_counts(compound.numbers)
        if key in compounds:
            first = compounds[key]
            if compound.formula != first.formula or compound.prototype in [known.prototype for known in first.known]:
                raise row.error("formula", f"{compound.formula} is there twice (as {first.formula} above)")
            compound = replace(first, polymorphs=(*first.polymorphs, compound))
        compounds[key] = compound
    if not compounds:
        raise ValueError(f"{path}: no compounds in the table")
    known = [compound.formula for compound in compounds.values()]
    if unknown := sorted(set(only) - set(known), key=list(only).index):
        raise ValueError(f"{', '.join(unknown)} (config key `only`) not in {path}, which has {', '.join(known)}")
    asked = set(only or known)
    for row, compound in rows if build else []:
        if compound.formula in asked:
            row.check(compound)
    return [compound for compound in compounds.values() if compound.formula in asked]


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
        name, source, folder = self.fields["prototype"], self.fields["source"], self.path.parent
        if name.lower().endswith(".cif"):
            return Compound(formula, n_atoms, space_group, name, None, source, folder)
        cell, free = self._cell_and_free(formula, tuple(counts.values()))
        return Compound(formula, n_atoms, space_group, name, cell, source, folder, free)

    def check(self, compound: Compound) -> None:
        """The structure that the row says."""
        if compound.cell is None:
            self._check_cif(compound)
        else:
            self._check_type(compound)

    def _integer(self, column: str, low: int, high: int) -> int:
        text = self.fields[column]
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise self.error(column, f"'{text}' is not a whole number from {low} to {high}")
        return int(text)

    def _cell_and_free(self, formula: str, counts: tuple[int, ...]) -> tuple[tuple, tuple]:
        """Lattice and free parameters of a row with a structure type that the proportions `counts` fit."""
        name = self.fields["prototype"]
        if name not in PROTOTYPES:
            raise self.error(
                "prototype",
                f"'{name}' is none of {', '.join(PROTOTYPES)} nor the path of a .cif file. The known ground state "
                "is needed as the reference: a compound whose ground state is unknown cannot be in the table",
            )
        prototype = PROTOTYPES[name]
        needed = prototype.proportions
        if counts != needed:
            ratio = ":".join(map(str, needed))
            raise self.error(
                "prototype", f"{name} takes {len(needed)} element(s) as {ratio}, in this order; {formula} does not fit"
            )
        cell = tuple(self._length_or_angle(column) for column in CELL_COLUMNS)
        for column, value, expected in zip(CELL_COLUMNS[3:], cell[3:], prototype.angles, strict=True):
            if expected is not None and value != expected:
                raise self.error(column, f"{name} has {column} = {expected:g}, got {value:g}")
        for column, value in zip("bc", cell[1 : 1 + prototype.equal_lengths], strict=False):
            if value != cell[0]:
                raise self.error(column, f"{name} has {column} = a = {cell[0]:g}, got {self.fields[column]}")
        try:
            free = parse_parameters(self.fields.get("wyckoff", ""))
        except ValueError as error:
            raise self.error("wyckoff", str(error)) from None
        if unknown := sorted(set(free) - set(prototype.free)):
            has = f"has {', '.join(prototype.free)}" if prototype.free else "has none"
            raise self.error("wyckoff", f"{name} has no free parameter {', '.join(unknown)}; it {has}")
        return cell, tuple(free.items())

    def _length_or_angle(self, column: str) -> float:
        try:
            value = float(self.fields[column])
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise self.error(column, f"'{self.fields[column]}' is not a positive number (Å or degrees)")
        return value

    def _check_type(self, compound: Compound) -> None:
        prototype = PROTOTYPES[compound.prototype]
        try:
            conventional = compound.conventional()
        except ValueError as error:
            raise self.error("alpha", str(error)) from None
        self._check_distance(compound, conventional, prototype.representatives)
        self._check_symmetry(compound, prototype.n_atoms, prototype.space_group)

    def _check_cif(self, compound: Compound) -> None:
        name = compound.prototype
        if not (self.path.parent / name).is_file():
            raise self.error("prototype", f"no file {self.path.parent / name} (paths are relative to the table)")
        try:
            conventional = compound.conventional()
        except Exception as error:  # a CIF parser fails in many ways; each is the same to the user: mend the file
            raise self.error("prototype", f"cannot build {compound.formula} from {name}: {error}") from error
        if reduced_counts(conventional.numbers) != reduced_counts(compound.numbers):
            raise self.error("prototype", f"{name} holds {conventional.formula}, not {compound.formula}")
        # Before spglib sees the cell: it can end the process on absurdly short distances.
        self._check_distance(compound, conventional, np.arange(len(conventional)))
        crystal = conventional.canonical()
        self._check_symmetry(compound, len(crystal), space_group_number(crystal))

    def _check_distance(self, compound: Compound, crystal: Crystal, rows: np.ndarray) -> None:
        shortest, radii = _shortest_distance(crystal, rows)
        if not 0.5 * radii <= shortest <= 7 * radii:  # solid He: 6.4
            name = f"{compound.formula} from {compound.prototype}"
            message = f"the shortest distance in {name} is {shortest:.3g} Å, the covalent radii add up to {radii:.2f} Å"
            raise self.error("a" if compound.cell else "prototype", f"{message}; are the lengths in Å?")

    def _check_symmetry(self, compound: Compound, n_atoms: int, space_group: int) -> None:
        name = f"{compound.formula} from {compound.prototype}"
        if n_atoms != compound.n_atoms:
            raise self.error("n_atoms", f"{name} has {n_atoms} atoms in its primitive cell, not {compound.n_atoms}")
        if space_group != compound.space_group:
            raise self.error("space_group", f"{name} has space group {space_group}, not {compound.space_group}")


def space_group_number(crystal: Crystal, symprec: float = 0.01) -> int:
    """Space group number by spglib, 0 if it finds none."""
    import spglib

    dataset = spglib.get_symmetry_dataset((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=symprec)
    return int(dataset.number) if dataset else 0


def _shortest_distance(crystal: Crystal, rows: np.ndarray) -> tuple[float, float]:
    """The shortest distance from the atoms `rows` in a cell that is not skewed, and that pair's covalent radii, in Å."""
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    delta = crystal.frac_coords[rows, None, None] - crystal.frac_coords[None, :, None] + images
    distance = np.linalg.norm(delta @ crystal.lattice, axis=-1)  # [rows, n, 27]
    distance[np.arange(len(rows)), rows, 13] = np.inf  # an atom and itself
    i, j, _ = np.unravel_index(distance.argmin(), distance.shape)
    radii = covalent_radius(crystal.numbers)
    return float(distance.min()), float(radii[rows[i]] + radii[j])
