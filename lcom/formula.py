"""What people write as a formula -> its elements and their numbers: NaCl, ClNa, Na2Cl2, Ca(OH)2, nacl, SiO₂, CaSO4·2H2O, D2O.

`read_formula` takes all of these and says how it read them; `parse_formula` takes only what may name a file or stand in a table of
compounds. Imports numpy only, so that a slip of the pen is answered at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice, product

from lcom.base.messages import one_line
from lcom.elements import SYMBOLS, electronegativity, symbol_to_number

PLAIN = re.compile(r"([A-Z][a-z]?([1-9][0-9]*)?)+")
EXAMPLES = "such as NaCl, SiO2 or Ca(OH)2"
LONGEST = 60  # characters
SHOWN = 6  # readings of a text without capitals
_TOKEN = re.compile(r"[A-Z][a-z]?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+|[()]")
_ISOTOPES = {"D": "deuterium", "T": "tritium"}
_SPELLINGS = str.maketrans("₀₁₂₃₄₅₆₇₈₉[]{}•⋅∙*", "0123456789()()····", "_$ \t\u00a0\u200b")
_KNOWN = {symbol.lower(): symbol for symbol in SYMBOLS if symbol}
# elements beyond the table: Cf is californium, and no slip of the pen for CF
_BEYOND = frozenset(re.findall("[A-Z][a-z]", "AmCmBkCfEsFmMdNoLrRfDbSgBhHsMtDsRgCnNhFlMcLvTsOg"))
# a full stop that stands for the dot of a hydrate: before a letter, or a number (of molecules, a half too) of water or ammonia
_STOP = re.compile(r"(?<![.·]0)\.(?=[A-Za-z(]|(?:0\.)?[0-9]+\(?(?:H2O|D2O|NH3))", re.IGNORECASE)


@dataclass(frozen=True)
class Formula:
    """A composition. counts: atomic number -> atoms in a formula unit, in order of electronegativity; note: how it was read, if not
    as it stands."""

    counts: dict[int, int]
    note: str = ""

    @property
    def name(self) -> str:
        """The one spelling of this composition: NaCl for ClNa and Na2Cl2."""
        return "".join(f"{SYMBOLS[z]}{count if count > 1 else ''}" for z, count in self.counts.items())

    @property
    def atoms(self) -> int:
        """In a formula unit."""
        return sum(self.counts.values())


def read_formula(text: str) -> Formula:
    """The composition that is meant; a ValueError says what is wrong with the text and what would be right."""
    meant = text.strip()
    if not meant:
        raise ValueError(f"'' is not a formula: give one {EXAMPLES}")
    written = one_line(meant)
    if len(meant) > LONGEST:
        raise ValueError(f"'{written[:20]}…' is longer than {LONGEST} characters: that is no formula {EXAMPLES}")
    plain = meant.translate(_SPELLINGS)
    if not plain.isprintable():
        raise ValueError(f"'{written}' has characters that cannot be seen: give a formula {EXAMPLES}")
    _refuse_charges(plain, written)
    dotted = _STOP.sub("·", plain)
    amounts, note = _meant(dotted, written)
    if dotted != plain:
        raise ValueError(
            f"'{written}' has a full stop, which is a decimal point here: write {dotted}, if that is meant"
        )
    whole = math.lcm(*(amount.denominator for amount in amounts.values()))
    counts = {z: int(amount * whole) for z, amount in amounts.items()}
    factor = math.gcd(*counts.values())
    ordered = sorted(counts, key=lambda z: (float(electronegativity(z)), z))
    formula = Formula({z: counts[z] // factor for z in ordered}, note)
    if whole > 1:
        hint = f": {formula.name}, if that is meant" if formula.atoms <= 100 else ""
        raise ValueError(f"'{written}' has fractions of atoms, an ordered crystal has whole ones{hint}")
    return formula


def parse_formula(formula: str) -> dict[int, int]:
    """'MgF2' -> {12: 1, 9: 2}, in the formula's order: letters and digits, reduced, each element once, so that it can name files.

    A ValueError for any other text; if it can be read as a formula, the message has the right spelling.
    """
    names = [symbol for symbol, _ in re.findall(r"([A-Z][a-z]?)([0-9]*)", formula)]
    if len(formula) <= LONGEST and PLAIN.fullmatch(formula) and set(names) <= set(SYMBOLS):
        counts = {symbol_to_number(s): int(k or 1) for s, k in re.findall(r"([A-Z][a-z]?)([0-9]*)", formula)}
        if len(counts) == len(names) and math.gcd(*counts.values()) == 1:
            return counts
        if len(counts) == len(names):
            factor = math.gcd(*counts.values())
            raise ValueError(f"'{formula}' is not reduced: divide by {factor} ({read_formula(formula).name})")
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{formula}' names {twice} twice: write {read_formula(formula).name}")
    raise ValueError(f"{formula!r} is not a formula as it is needed here: write {read_formula(formula).name}")


class _Unreadable(ValueError):
    """Not a formula with these capitals."""


def _refuse_charges(plain: str, written: str) -> None:
    if found := re.search(r"[+\-−–^]", plain):
        core = re.sub(r"[+\-−–]", "", plain)
        counted = re.search(r"[0-9][+\-−–]|[+\-−–][0-9]", plain)  # in Ca2+O2- a digit is a charge's or an atom's
        hint = f": write {core}" if PLAIN.fullmatch(core) and not counted else ""
        why = "a crystal as a whole has no charge" if found.end() == len(plain) else f"'{found[0]}' is no part of one"
        raise ValueError(f"'{written}' is not a formula, {why}{hint}")


def _meant(plain: str, written: str) -> tuple[dict[int, Fraction], str]:
    """Atomic number -> amount, and how the text was read, if not as it stands."""
    try:
        amounts, isotopes = _amounts(plain, written)
    except _Unreadable as error:
        spelled = _capitals(plain, written)
        if spelled is None:
            raise ValueError(str(error)) from None
        return _amounts(spelled, written)[0], f"read as {spelled}"
    return amounts, ", ".join(f"{name} is hydrogen to the networks" for name in isotopes)


def _amounts(plain: str, written: str) -> tuple[dict[int, Fraction], list[str]]:
    """Atomic number -> amount, and the isotopes that are named."""
    total: dict[int, Fraction] = {}
    isotopes: list[str] = []
    for part in plain.split("·"):
        rest = re.sub(r"^[0-9]+(\.[0-9]+)?", "", part)
        tokens = _TOKEN.findall(rest)
        if beyond := next((token for token in tokens if token in _BEYOND), ""):
            raise ValueError(f"'{written}': unknown element '{beyond}': the known ones are H to {SYMBOLS[-1]}")
        if "".join(tokens) != rest or not tokens:
            odd = next((c for c in rest if not c.isascii() or not (c.isalnum() or c in ".()")), None)
            why = f": '{odd}' is no part of one" if odd else ""
            raise _Unreadable(f"'{written}' is not a formula of element symbols and whole numbers, {EXAMPLES}{why}")
        _add(total, _group(iter(tokens), written, isotopes, depth=0), Fraction(part.removesuffix(rest) or 1))
    if not total:
        raise ValueError(f"'{written}' has no element: give a formula {EXAMPLES}")
    if zero := [SYMBOLS[z] for z, amount in total.items() if not amount]:
        raise ValueError(f"'{written}' is not a formula: it has no atom of {', '.join(zero)}, leave that out")
    return total, list(dict.fromkeys(isotopes))


def _group(tokens: Iterator[str], written: str, isotopes: list[str], depth: int) -> dict[int, Fraction]:
    """The amounts up to the closing bracket of this group, or the end."""
    total: dict[int, Fraction] = {}
    last: dict[int, Fraction] = {}  # what a number would multiply
    for token in tokens:
        if token == ")":
            if not depth:
                raise ValueError(f"'{written}' closes a bracket that it does not open")
            break
        if token[0].isdigit() or token[0] == ".":
            if not last:
                raise ValueError(f"'{written}' has a number, {token}, that belongs to no element")
            _add(total, last, Fraction(token))
            last = {}
            continue
        _add(total, last)
        if token == "(":
            last = _group(tokens, written, isotopes, depth + 1)
            continue
        if token in _ISOTOPES:
            isotopes.append(_ISOTOPES[token])
        try:
            last = {1 if token in _ISOTOPES else symbol_to_number(token): Fraction(1)}
        except ValueError as error:
            raise _Unreadable(f"'{written}': {error}") from None
    else:
        if depth:
            raise ValueError(f"'{written}' opens a bracket that it does not close")
    _add(total, last)
    return total


def _add(total: dict[int, Fraction], part: dict[int, Fraction], times: Fraction = Fraction(1)) -> None:
    for z, amount in part.items():
        total[z] = total.get(z, Fraction(0)) + times * amount


def _capitals(plain: str, written: str) -> str | None:
    """The text with capitals, None if it is not made of elements; a ValueError if they can be set in several ways."""
    if not re.fullmatch(r"([A-Za-z0-9()·]|\.[0-9])+", plain):
        return None
    parts = re.split(r"([A-Za-z]+)", plain)
    options = [_readings(part.lower()) if part.isalpha() else [part] for part in parts]
    if not any(part.isalpha() for part in parts) or not all(options):
        return None
    found = sorted("".join(choice) for choice in islice(product(*options), SHOWN))
    if len(found) > 1:  # co, caco3
        raise ValueError(f"'{written}' can be {', '.join(found[:-1])} or {found[-1]}: write it with capitals")
    return found[0]


@cache
def _readings(letters: str) -> list[str]:
    """The first ways to cut lower-case letters into element symbols: "si" repeated thirty times has 2^30."""
    if not letters:
        return [""]
    sizes = [size for size in (2, 1) if len(letters) >= size and letters[:size] in _KNOWN]
    cuts = [(_KNOWN[letters[:size]], letters[size:]) for size in sizes]
    return [symbol + rest for symbol, letters in cuts for rest in _readings(letters)][:SHOWN]
