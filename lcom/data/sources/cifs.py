"""CIFs from outside: fast where pymatgen wrote them, and by pymatgen else, within limits of size."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lcom.base.messages import one_line
from lcom.crystal import Crystal, lattice_from_parameters
from lcom.data.sources.entries import DISORDERED, UNREADABLE, Unusable
from lcom.elements import symbol_to_number

if TYPE_CHECKING:
    from pymatgen.io.cif import CifParser

MAX_TEXT = 1_000_000  # characters of a CIF or a frame
MAX_LINE = 4_096  # characters: CIF allows 2048, and pymatgen's time grows with the square
MAX_IMAGES = 10_000  # sites times symmetry operations of a CIF: here too, and takes some 10 s for these
MAX_LISTED = 2_000  # sites that are compared with each other at once
SAME_SITE = 2e-3  # fractions: images of 0.333, 0.667 under a threefold axis are 0.001 apart, atoms are not
WATER = ("Wat", "wat", "O-H", "OH")  # stand for hydrogens without a place

LONG = f"more than {MAX_TEXT} characters"
_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
_NUMBER = r"-?\d+(?:\.\d+)?"
_LISTING = re.compile(  # what pymatgen's CifWriter writes without symmetry, up to the sites
    r"# generated using pymatgen\ndata_\S*\n_symmetry_space_group_name_H-M +'P 1'\n"
    + "".join(rf"_cell_{name} +({_NUMBER})\n" for name in _CELL)
    + r"_symmetry_Int_Tables_number +1\n_chemical_formula_structural +\S+\n_chemical_formula_sum +'?([A-Za-z0-9 ]+)'?\n"
    r"_cell_volume +\S+\n_cell_formula_units_Z +\d+\n"
    r"loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1  'x, y, z'\n"
    r"loop_\n _atom_site_type_symbol\n _atom_site_label\n _atom_site_symmetry_multiplicity\n"
    r" _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n _atom_site_occupancy\n"
)
_SITE = re.compile(rf" +([A-Z][a-z]?) +[A-Z][a-z]?\d+ +1 +({_NUMBER}) +({_NUMBER}) +({_NUMBER}) +1(?:\.0*)?\s*")


def crystal_of(text: str) -> Crystal:
    """The crystal of a CIF. `Unusable`, or whatever pymatgen raises, if there is none."""
    return listing(text) or by_pymatgen(text)


def listing(text: str) -> Crystal | None:
    """A CIF that lists all sites of a cell in the layout of pymatgen's CifWriter, some 10 times as fast as by pymatgen.

    None for any other text, and for what is for pymatgen to judge: sites at the same place, a formula that differs.
    """
    if len(text) > MAX_TEXT or (head := _LISTING.match(text)) is None:
        return None
    lines = text[head.end() :].rstrip().split("\n")
    sites = [site for line in lines if (site := _SITE.fullmatch(line))]
    if len(sites) < len(lines) or len(sites) > MAX_LISTED:
        return None
    symbols = [site[1] for site in sites]
    if sorted(head[7].split()) != sorted(f"{symbol}{count}" for symbol, count in Counter(symbols).items()):
        return None
    try:
        numbers = np.array([symbol_to_number(symbol) for symbol in symbols])
    except ValueError:
        return None
    frac = np.array([site.group(2, 3, 4) for site in sites], dtype=np.float64)
    near = np.ones((len(frac), len(frac)), dtype=bool)
    for x in frac.T:  # an axis at a time, to stay small
        apart = x[:, None] - x
        near &= np.abs(apart - np.round(apart)) < 1e-3
    if near.sum() > len(frac):
        return None
    with np.errstate(invalid="ignore", divide="ignore"):  # angles of 0 and 180: a ValueError is raised for them
        return Crystal(numbers, frac, lattice_from_parameters(np.array(head.groups()[:6], dtype=np.float64)))


def by_pymatgen(text: str) -> Crystal:
    """Any CIF of one ordered structure that takes no more than some 10 s to read; `Unusable` for another."""
    if len(text) > MAX_TEXT:
        raise Unusable(UNREADABLE, LONG)
    lines = [line for line in text.splitlines() if line.strip()]  # many blank lines take pymatgen minutes
    if max(map(len, lines), default=0) > MAX_LINE:
        raise Unusable(UNREADABLE, f"a line of more than {MAX_LINE} characters")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = _parser().from_str("\n".join(lines), check_cif=False, site_tolerance=SAME_SITE)
        try:
            structures = parser.parse_structures(primitive=False)
        except ValueError as error:  # its own message only says that there is no structure
            raise ValueError("; ".join(parser.warnings[-1:]) or str(error)) from error
        if len(structures) > 1:
            raise Unusable(UNREADABLE, f"{len(structures)} structures in one CIF: split it")
        if not structures[0].is_ordered:
            raise Unusable(DISORDERED, f"{structures[0].formula}: partial occupancies")
        # sites that pymatgen cannot read are left out silently: the formula tells
        fault = parser.check(structures[0])
    if fault and not fault.startswith("Cannot determine"):  # a CIF needs no formula
        raise Unusable(UNREADABLE, one_line(fault, 200))
    return Crystal.from_structure(structures[0])


@cache
def _parser() -> type[CifParser]:
    from pymatgen.io.cif import CifParser

    class Bounded(CifParser):
        """Refuses what would take it hours, before it begins, and sites that it would guess or leave out."""

        images = 0

        def get_symops(self, data: Any) -> list:
            return self._bounded(super().get_symops(data), data)

        def get_magsymops(self, data: Any) -> list:
            return self._bounded(super().get_magsymops(data), data)

        def _bounded(self, operations: list, data: Any) -> list:
            self.images += len(operations) * len(data["_atom_site_label"])
            if self.images > MAX_IMAGES:
                detail = f"{self.images} sites times symmetry operations, more than {MAX_IMAGES}"
                raise Unusable(UNREADABLE, detail)
            _check_sites(data)
            return operations

    return Bounded


def _check_sites(data: Any) -> None:
    """`Unusable` if a site of the block is no atom, or nowhere. A single dot is a 0, as pymatgen has it."""
    from pymatgen.core import Element

    labels = data["_atom_site_label"]
    symbols = data.data.get("_atom_site_type_symbol") or labels
    places = zip(*(data.data.get(f"_atom_site_fract_{axis}", ()) for axis in "xyz"), strict=False)
    for label, symbol, place in zip(labels, symbols, places, strict=False):
        if "?" in place or set(place) == {"."}:
            raise Unusable(UNREADABLE, f"the site {label} has no place")
        letters = re.split("[^A-Za-z]", symbol, maxsplit=1)[0].title()
        if symbol.startswith(WATER):
            raise Unusable(UNREADABLE, f"the site {label} is a {symbol}: its hydrogens have no place")
        if symbols is not labels and not Element.is_valid_symbol(letters):
            raise Unusable(UNREADABLE, f"the site {label} is of type {symbol!r}, which is no element")
