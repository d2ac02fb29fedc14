"""Which compositions embedded set 2 holds, in an order of which every first part is a useful set of its own.

First all elements, then the compositions of the first embedded set, then compounds of all proportions interleaved, each the
one whose elements were used least so far. Candidates are what chemistry allows: oxidation states that balance, a cation
that is no larger than the structures of its proportion bear, and for metals a difference that binds. No list of compounds is
looked at but that of the first set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import combinations, permutations, product
from pathlib import Path

from lcom.data.generator.proportions import (
    ANIONS,
    ELEMENTS,
    P_METALS,
    charges,
    electronegativity,
    proportion,
    radius,
    roles,
    states,
)

N_COMPOSITIONS = 3200
# how often a proportion comes in turn: the many-sided ones more often
SHARES = {
    "AX": 0.8, "AX2": 1.0, "A2X": 0.6, "AX3": 0.9, "A3X": 0.3, "A2X3": 0.8, "A3X2": 0.3, "AX4": 0.3,
    "ABX": 1.4, "ABX2": 1.6, "ABX3": 2.2, "ABX4": 0.8, "AB2X2": 0.8, "AB2X4": 1.2, "A2BX4": 1.2, "A2BX6": 1.2,
    "AB": 1.0, "AB2": 1.2, "AB3": 1.2, "AB2C": 1.0,
}  # fmt: skip
_COUNTS = {  # atoms of cations (or metals) in order, and of the anion
    "AX": (1, 1), "AX2": (1, 2), "A2X": (2, 1), "AX3": (1, 3), "A3X": (3, 1), "A2X3": (2, 3), "A3X2": (3, 2), "AX4": (1, 4),
    "ABX": (1, 1, 1), "ABX2": (1, 1, 2), "ABX3": (1, 1, 3), "ABX4": (1, 1, 4), "AB2X2": (1, 2, 2),
    "AB2X4": (1, 2, 4), "A2BX4": (2, 1, 4), "A2BX6": (2, 1, 6),
    "AB": (1, 1), "AB2": (1, 2), "AB3": (1, 3), "AB2C": (1, 2, 1),
}  # fmt: skip
# every compound has one of a few anions: they may be used that much more than a metal before they count as used
_WEIGHT = {
    "O": 8.0, "F": 4.0, "S": 4.0, "Cl": 4.0, "Se": 3.0, "N": 2.5, "Br": 2.5, "I": 2.0, "Te": 2.0, "P": 2.0, "As": 2.0, "H": 0.7
}  # fmt: skip
_HARD = {"O", "F", "N", "Cl", "S", "Se"}  # anions that a charge of 4 and more goes with
_GROUPS = {
    "noble": "Ru Rh Pd Re Os Ir Pt Au",  # with other noble metals, N or H, or in ternaries with late metals: rare
    "non-metals": "B C Si P S Ge As Se Te I Sb",  # as cations: in their highest states, with hard anions
    "lanthanides": "Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",  # much alike: half the weight of another metal
}
NOBLE, NON_METALS, LANTHANIDES = (frozenset(symbols.split()) for symbols in _GROUPS.values())
LIST = Path(__file__).with_name(
    "compositions.txt"
)  # written by `python -m lcom.data.generator.chemistry`: a minute's work


@cache
def compositions() -> tuple[str, ...]:
    """Formulas in order, as pymatgen reduces them."""
    return tuple(LIST.read_text(encoding="utf-8").split())


def choose() -> list[str]:
    """The list made anew."""
    from pymatgen.core import Composition

    from lcom.data.generator.prototypes import compositions as first_set

    chosen = [Composition(symbol).reduced_formula for symbol in ELEMENTS]
    return _interleaved(chosen + [formula for formula in first_set() if formula not in chosen])


def _interleaved(chosen: list[str]) -> list[str]:
    """Candidates added to the compositions until there are enough: the proportion furthest behind its share comes next."""
    waiting = {name: sorted(set(candidates(name)) - set(chosen)) for name in SHARES}
    elements = {f: _symbols(f) for found in waiting.values() for f in found}
    used = Counter(symbol for formula in chosen for symbol in _symbols(formula))
    made = Counter(proportion(formula) for formula in chosen)
    while len(chosen) < N_COMPOSITIONS and any(waiting.values()):
        name = min((n for n in SHARES if waiting[n]), key=lambda n: (made[n] + 1) / SHARES[n])
        formula = min(waiting[name], key=lambda f: (sum(_use(used, s) for s in elements[f]) / len(elements[f]), f))
        waiting[name].remove(formula)
        chosen.append(formula)
        made[name] += 1
        used.update(elements[formula])
    return chosen


def _use(used: Counter, symbol: str) -> float:
    return used[symbol] / (0.5 if symbol in LANTHANIDES else _WEIGHT.get(symbol, 1.0))


def _symbols(formula: str) -> tuple[str, ...]:
    from lcom.data.generator.proportions import counts

    return tuple(counts(formula))


def candidates(name: str) -> Iterator[str]:
    """All formulas of a proportion that chemistry allows."""
    from pymatgen.core import Composition

    made = _intermetallics if name in ("AB", "AB2", "AB3", "AB2C") else _salts
    for symbols in made(name):
        amounts = dict(zip(symbols, _COUNTS[name], strict=True))
        formula = Composition(amounts).reduced_formula
        if made is _intermetallics or _is_possible(name, formula):
            yield formula


# ---- compounds with anions


def _salts(name: str) -> Iterator[tuple[str, ...]]:
    """Cations and an anion, before anything is asked of them."""
    cations = [symbol for symbol in ELEMENTS if symbol not in ("H", "N", "O", "F", "Cl", "Br") and states(symbol)]
    for anion in ANIONS:
        if anion in ("Ge", "Sb", "Bi", "Si", "C") and name not in ("AX", "A2X", "A3X", "A3X2", "ABX", "AB2X2"):
            continue
        if len(_COUNTS[name]) == 2:
            yield from ((cation, anion) for cation in cations if cation != anion)
            continue
        firsts = [c for c in cations if electronegativity(c) < electronegativity(anion)]
        like = name in ("ABX", "ABX2", "ABX3", "ABX4")  # A and B change places
        yield from ((a, b, anion) for a, b in (combinations if like else permutations)(firsts, 2))
        if name == "ABX":
            yield from ((a, b, anion) for a in firsts for b in ("O", "S", "Se", "F", "Cl", "Br", "N") if b != anion)


def _is_possible(name: str, formula: str) -> bool:
    """Balanced, of this proportion, with charges and sizes that its structures bear."""
    found = charges(formula)
    try:
        if found is None or proportion(formula) != name:
            return False
    except ValueError:
        return False
    played = roles(formula)
    anion, (first, *rest) = played["X"], [played[letter] for letter in "AB" if letter in played]
    if any(q >= 4 for s, q in found.items() if q > 0) and anion not in _HARD:
        return False
    if any(q >= 5 for q in found.values()) and anion not in ("O", "F"):
        return False
    cations = [s for s, q in found.items() if q > 0]
    if NOBLE.intersection(cations) and (anion in ("N", "H") or any(not electropositive(s) for s in cations[:-1])):
        return False
    if any(s in NON_METALS and not _is_oxidised(s, found[s], anion, len(played)) for s in cations):
        return False
    if first in LANTHANIDES and rest and rest[0] in LANTHANIDES or first == "Be" and len(played) == 3:
        return False
    if not rest or found[rest[0]] < 0:
        return True
    return _fits(name, *(radius(s, found[s]) for s in (first, rest[0], anion)))


def electropositive(symbol: str) -> bool:
    return electronegativity(symbol) <= 1.7


def _is_oxidised(symbol: str, charge: int, anion: str, n_elements: int) -> bool:
    """Whether a non-metal makes a good cation: by itself with any anion, in a ternary as in carbonates and phosphates."""
    if electronegativity(symbol) + 0.35 > electronegativity(anion) or symbol == "I":
        return False
    return n_elements == 2 or charge == max(states(symbol)) or symbol in ("Ge", "As", "Sb") and charge == 3


def _fits(name: str, a: float, b: float, x: float) -> bool:
    """Ionic radii, Å, within what the structures of the proportion are known for."""
    if name == "ABX3":  # Goldschmidt's tolerance factor, ilmenites and LiNbO3 types below the perovskites
        return 0.68 <= (a + x) / (2**0.5 * (b + x)) <= 1.15 and b / x >= 0.3
    if name == "A2BX4":
        return b / x <= 0.75 and a >= b
    if name == "AB2X4":
        return b / x <= 0.95 and a / x <= 1.2
    if name in ("A2BX6", "ABX4"):
        return 0.2 <= b / x <= 0.75 and a >= b
    return True


# ---- metals

# Miedema's rule (de Boer et al., Cohesion in Metals, 1988): metals bind if (difference of phi)² > 9.4 (difference of n)²,
# phi the work function in V, n the cube root of the electron density at the border of the cell; p metals are helped by
# their hybrids with transition metals.
_MIEDEMA = (
    "Li 2.85 0.98 Be 5.05 1.67 Na 2.70 0.82 Mg 3.45 1.17 Al 4.20 1.39 Ca 2.55 0.91 Sc 3.25 1.27 Ti 3.80 1.52 V 4.25 "
    "1.64 Cr 4.65 1.73 Mn 4.45 1.61 Fe 4.93 1.77 Co 5.10 1.75 Ni 5.20 1.75 Cu 4.45 1.47 Zn 4.10 1.32 Ga 4.10 1.31 Sr "
    "2.40 0.84 Y 3.20 1.21 Zr 3.45 1.41 Nb 4.05 1.64 Mo 4.65 1.77 Ru 5.40 1.83 Rh 5.40 1.76 Pd 5.45 1.67 Ag 4.35 1.36 "
    "Cd 4.05 1.24 In 3.90 1.17 Sn 4.15 1.24 Sb 4.40 1.26 Ba 2.32 0.81 La 3.17 1.18 Ce 3.18 1.19 Pr 3.19 1.20 Nd 3.19 "
    "1.20 Sm 3.20 1.21 Eu 2.50 0.88 Gd 3.20 1.21 Tb 3.21 1.22 Dy 3.21 1.22 Ho 3.22 1.22 Er 3.22 1.23 Tm 3.22 1.23 Yb "
    "2.50 0.88 Lu 3.22 1.24 Hf 3.60 1.45 Ta 4.05 1.63 W 4.80 1.81 Re 5.20 1.85 Os 5.40 1.85 Ir 5.55 1.83 Pt 5.65 1.78 "
    "Au 5.15 1.57 Hg 4.20 1.24 Tl 3.90 1.12 Pb 4.10 1.15 Bi 4.15 1.16 "
)
_WORDS = _MIEDEMA.split()
MIEDEMA: dict[str, tuple[float, float]] = {
    s: (float(p), float(n)) for s, p, n in zip(_WORDS[::3], _WORDS[1::3], _WORDS[2::3], strict=True)
}
HYBRID = 1.0  # V²
HEUSLER = (  # two of a late transition metal, or Li, with an early or rare-earth metal and a p metal
    "Li Mn Fe Co Ni Cu Ru Rh Pd Ag Ir Pt Au",
    "Li Mg Ca Sc Ti V Cr Mn Fe Y Zr Nb Hf Ta La Gd Er Yb Lu",
    "Al Ga In Tl Sn Sb Pb Zn Cd Mg Hg Bi",
)
STRAINS = 1.55  # ratio of metallic radii (12 neighbours; pymatgen's)


def binds(a: str, b: str) -> bool:
    """Whether Miedema's rule has two metals form compounds."""
    (phi_a, n_a), (phi_b, n_b) = MIEDEMA[a], MIEDEMA[b]
    helped = HYBRID if (a in P_METALS) != (b in P_METALS) else 0.0
    return (phi_a - phi_b) ** 2 + helped > 9.4 * (n_a - n_b) ** 2 + 0.05


@cache
def metallic_radius(symbol: str) -> float:
    import warnings

    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        element = Element(symbol)
        return float(element.metallic_radius or element.atomic_radius)


def _intermetallics(name: str) -> Iterator[tuple[str, ...]]:
    """Metals that bind, of sizes that agree."""
    for a, b in permutations(sorted(MIEDEMA), 2):
        ratio = metallic_radius(a) / metallic_radius(b)
        if {a, b} <= LANTHANIDES or not binds(a, b):
            continue
        if name == "AB" and a < b and 1 / STRAINS <= ratio <= STRAINS:
            yield a, b
        if name == "AB2" and 1.0 <= ratio <= 1.5:  # Laves phases have 1.05 to 1.4
            yield a, b
        if name == "AB3" and 0.87 <= ratio <= 1.3:
            yield a, b
    if name == "AB2C":
        for b, a, c in product(*map(str.split, HEUSLER)):
            if len({a, b, c}) == 3 and binds(a, b) and (binds(b, c) or binds(a, c)):
                yield a, b, c


if __name__ == "__main__":
    LIST.write_text("".join(f"{formula}\n" for formula in choose()), encoding="utf-8")
