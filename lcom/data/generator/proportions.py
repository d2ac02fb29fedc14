"""The proportions of a composition, and which of its elements plays which role in them.

A role is a letter: X the most electronegative element of a compound with anions, A and B the others. Structure types
(structure_types.py) are written with the same letters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from itertools import product

# the elements that CHGNet has (Z <= 94) and GPAW's PAW data sets (gpaw-data 1.2.1) have: no noble gases, Tc, Pm, Po or later
_ELEMENTS = (
    "H Li Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo Ru Rh Pd "
    "Ag Cd In Sn Sb Te I Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi"
)
ELEMENTS = tuple(_ELEMENTS.split())
_ANIONS = ((-1, "F Cl Br I H"), (-2, "O S Se Te"), (-3, "N P As Sb Bi"), (-4, "C Si Ge"))
ANIONS: dict[str, int] = {symbol: charge for charge, symbols in _ANIONS for symbol in symbols.split()}
_NON_METALS = "H B C N O F Si P S Cl Ge As Se Br Te I"
METALS = frozenset(ELEMENTS) - frozenset(_NON_METALS.split())
_P_METALS = "Al Ga In Tl Sn Pb Sb Bi Zn Cd Hg"
P_METALS = frozenset(_P_METALS.split())
LEAST_DIFFERENCE = 0.2  # of electronegativity, between a cation and an anion
_MORE_STATES = {"Cu": (1,), "Ag": (1,), "In": (3,), "Tl": (1, 3), "V": (3, 4, 5), "Nb": (4, 5), "Mo": (4, 6)}

# by the counts of X and of the others, sorted: with an anion, and of metals alone
_IONIC = {
    (1, (1,)): "AX",
    (2, (1,)): "AX2",
    (1, (2,)): "A2X",
    (3, (1,)): "AX3",
    (1, (3,)): "A3X",
    (3, (2,)): "A2X3",
    (2, (3,)): "A3X2",
    (4, (1,)): "AX4",
    (1, (1, 1)): "ABX",
    (2, (1, 1)): "ABX2",
    (2, (1, 2)): "AB2X2",
    (3, (1, 1)): "ABX3",
    (4, (1, 1)): "ABX4",
    (6, (1, 2)): "A2BX6",
    (1, (1, 3)): "A3BX",
}
_METALLIC = {(1, 1): "AB", (1, 2): "AB2", (1, 3): "AB3", (1, 1, 2): "AB2C"}


@cache
def counts(formula: str) -> Mapping[str, int]:
    """Atoms of each element in one reduced formula unit; of an element, one atom."""
    from pymatgen.core import Composition

    found = {element.symbol: int(n) for element, n in Composition(formula).items()}
    factor = math.gcd(*found.values())
    return {symbol: n // factor for symbol, n in found.items()}


@cache
def electronegativity(symbol: str) -> float:
    from pymatgen.core import Element

    return float(Element(symbol).X)


@cache
def states(symbol: str) -> tuple[int, ...]:
    """Positive oxidation states that are common (pymatgen's table), with those of a few more and without Hg2 of two atoms."""
    from pymatgen.core import Element

    common = {int(q) for q in Element(symbol).common_oxidation_states if q > 0}
    return (2,) if symbol == "Hg" else tuple(sorted(common | set(_MORE_STATES.get(symbol, ()))))


@cache
def charges(formula: str) -> Mapping[str, int] | None:
    """Oxidation states that balance a compound, or None; the lowest sum of squares of all that do.

    The most electronegative element is the anion; in ABX another one may be, too.
    """
    amounts = counts(formula)
    order = sorted(amounts, key=electronegativity)
    anion = order[-1]
    if anion not in ANIONS or len(order) < 2:
        return None
    choices = [states(symbol) for symbol in order[:-1]]
    if sorted(amounts.values()) == [1, 1, 1] and order[1] in ANIONS:
        choices[1] = (*choices[1], ANIONS[order[1]])
    balanced = []
    for chosen in product(*choices):
        total = sum(q * amounts[symbol] for q, symbol in zip(chosen, order, strict=False))
        if total == -ANIONS[anion] * amounts[anion] and _apart(order, chosen):
            balanced.append(dict(zip(order, (*chosen, ANIONS[anion]), strict=True)))
    return min(balanced, key=lambda q: sum(v * v for v in q.values()), default=None)


def _apart(order: list[str], chosen: tuple[int, ...]) -> bool:
    """Every cation is less electronegative than every anion."""
    cations = [electronegativity(s) for s, q in zip(order, chosen, strict=False) if q > 0]
    anions = [electronegativity(s) for s, q in zip(order, (*chosen, -1), strict=True) if q < 0]
    return max(cations) + LEAST_DIFFERENCE <= min(anions)


@cache
def proportion(formula: str) -> str:
    """A, AX, AX2, A2X, … or, of metals alone, AB, AB2, AB3, AB2C. ValueError for any other."""
    amounts = counts(formula)
    if len(amounts) == 1:
        return "A"
    if set(amounts) <= METALS and not (charges(formula) and len(amounts) == 2 and set(amounts) & {"Sb", "Bi"}):
        name = _METALLIC.get(tuple(sorted(amounts.values())))
    else:
        *others, anion = sorted(amounts, key=electronegativity)
        name = _IONIC.get((amounts[anion], tuple(sorted(amounts[symbol] for symbol in others))))
        if amounts[anion] == 4 and sorted(amounts[symbol] for symbol in others) == [1, 2]:
            name = "AB2X4" if amounts[_cations(formula)[0]] == 1 else "A2BX4"
    if name is None:
        raise ValueError(f"{formula}: no structure types are known here for its proportions")
    return name


@cache
def roles(formula: str) -> Mapping[str, str]:
    """Letter -> symbol. Where the counts leave it open, A has the lower charge, of like charges the larger ion."""
    name, amounts = proportion(formula), counts(formula)
    if name == "A":
        return {"A": next(iter(amounts))}
    if name in ("AB", "AB2", "AB3", "AB2C"):
        order = sorted(amounts, key=lambda symbol: (amounts[symbol], electronegativity(symbol)))
        return dict(zip("ACB" if name == "AB2C" else "AB", order, strict=True))
    *cations, anion = (*_cations(formula), max(amounts, key=electronegativity))
    if name in ("A2BX6", "A3BX", "AB2X2"):
        cations.sort(key=lambda symbol: amounts[symbol], reverse=name != "AB2X2")
    return dict(zip("ABX" if len(cations) == 2 else "AX", (*cations, anion), strict=True))


def _cations(formula: str) -> list[str]:
    """What is not the anion, A first."""
    from pymatgen.core import Element

    found = charges(formula) or {}
    order = sorted(counts(formula), key=electronegativity)[:-1]

    def key(symbol: str) -> tuple:
        charge = found.get(symbol, 0)
        if charge < 0:  # the second anion of ABX
            return (9, 0)
        return (charge, -(radius(symbol, charge) if charge else float(Element(symbol).atomic_radius or 1.5)))

    return sorted(order, key=key)


@cache
def radius(symbol: str, charge: int) -> float:
    """Ionic radius in Å (Shannon, as pymatgen has them); that of the nearest charge where there is none."""
    from pymatgen.core import Element

    known = {int(q): float(r) for q, r in Element(symbol).ionic_radii.items()}
    if not known:
        return float(Element(symbol).atomic_radius or 1.4)
    return known[min(known, key=lambda q: (abs(q - charge), q))]
