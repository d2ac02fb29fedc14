"""The compositions of the first embedded set, and the structures of the AFLOW encyclopedia.

The structures (Mehl et al., Computational Materials Science 136, S1, 2017) are those that pymatgen bundles. Some AFLOW ids
name several of them, so a key here is `id|formula`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lcom.crystal import reduced_counts

if TYPE_CHECKING:
    from pymatgen.core import Structure


_AX_GRIDS = (  # charge-balanced pairs: every cation with every anion
    ("Li Na K Rb Cs", "F Cl Br I"),
    ("Cu Ag Tl", "F Cl Br I"),
    ("Be Mg Ca Sr Ba Zn Cd", "O S Se Te"),
    ("Ge Sn Pb", "O S Se Te"),
    ("B Al Ga In", "N P As Sb Bi"),
    ("Sc Y La", "N P As Sb Bi"),
    ("Mn", "S Se Te"),
    ("Co", "O S Se"),
    ("Ni", "S Se"),
)
_AX_SINGLE = "FeS TiS VS CrS CuO ZrN VN ZrC VC SiC GeC SiGe SiSn GeSn"
_AX2 = (
    "BeF2 MgF2 CaF2 SrF2 BaF2 ZnF2 CdF2 SnF2 PbF2 CrF2 CoF2 CuF2 AgF2 "
    "MgCl2 CaCl2 SrCl2 BaCl2 ZnCl2 CdCl2 CdI2 SiO2 SnO2 TiO2 SnS2 Li2O Na2O K2O Cu2O Li2S Na2S Mg2Si Be2C"
)


def compositions() -> list[str]:
    """Formulas of the set, elements first (formation energies need them), as pymatgen reduces them."""
    from pymatgen.core import Composition, Element

    pairs = [cation + anion for cations, anions in _AX_GRIDS for cation in cations.split() for anion in anions.split()]
    compounds = list(dict.fromkeys(Composition(f).reduced_formula for f in (pairs + _AX_SINGLE.split() + _AX2.split())))
    elements = sorted({e for formula in compounds for e in Composition(formula).elements}, key=lambda e: Element(e).Z)
    return [Composition(e.symbol).reduced_formula for e in elements] + compounds


def kind(formula: str) -> str:
    """A, AX or AX2: the table of prototypes for a formula. ValueError for any other stoichiometry."""
    from pymatgen.core import Composition

    counts = sorted(n for _, n in reduced_counts(_numbers(Composition(formula))))
    try:
        return {(1,): "A", (1, 1): "AX", (1, 2): "AX2"}[tuple(counts)]
    except KeyError:
        raise ValueError(f"{formula}: only elements, AX, AX2 and A2X have prototypes here") from None


@cache
def library() -> dict[str, Structure]:
    """All prototypes that pymatgen bundles, by `id|formula`."""
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    structures = ((entry["tags"]["aflow"], entry["snl"].structure) for entry in AFLOW_PROTOTYPE_LIBRARY)
    return {f"{aflow}|{structure.composition.reduced_formula}": structure for aflow, structure in structures}


def _numbers(composition) -> np.ndarray:
    """Atomic numbers of one reduced formula unit; the diatomic O2, N2 … count as one kind of atom."""
    counts = {element.Z: int(n) for element, n in composition.items()}
    factor = math.gcd(*counts.values())
    return np.array([z for z, n in counts.items() for _ in range(n // factor)])
