"""Fixed features of the elements, read from elements.csv beside this file. Imports numpy only.

elements.csv holds H to Pu (Z = 1-94), one row each, made from pymatgen's and ASE's tables by `tests/test_elements.py`;
a test makes it again and compares. No value is missing; what fills a gap is said here:

period, group        place in the table; lanthanides and actinides are group 3
electronegativity    Pauling; He, Ne, Ar (no Pauling value): Allen's
covalent_radius      Å, Cordero et al. 2008
atomic_radius        Å, Slater; else calculated; else the covalent radius
ionic_radius         Å, Shannon, at the first common oxidation state that has one (anions first); else pymatgen's
                     average over the ions; else the covalent radius
ionisation_energy, electron_affinity    eV, first
log_mass             natural logarithm of the atomic mass in u
valence_s, _p, _d, _f                   electrons outside the noble-gas core
melting_point        K
molar_volume         cm³/mol; At, Fr: the element above in the group
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("elements.csv")

with TABLE.open(encoding="utf-8", newline="") as _file:
    _rows = list(csv.reader(_file))
FEATURES: tuple[str, ...] = tuple(_rows[0][2:])
SYMBOLS: tuple[str, ...] = ("", *(row[1] for row in _rows[1:]))  # SYMBOLS[11] == "Na"
MAX_Z = len(SYMBOLS) - 1
MAGNETIC = frozenset(  # they and many of their compounds are: open d shells of the iron series, f shells of rare earths and actinides
    SYMBOLS.index(symbol)
    for symbol in [
        "V",
        "Cr",
        "Mn",
        "Fe",
        "Co",
        "Ni",
        "Pr",
        "Nd",
        "Pm",
        "Sm",
        "Eu",
        "Gd",
        "Tb",
        "Dy",
        "Ho",
        "Er",
        "Tm",
        "U",
        "Np",
        "Pu",
    ]
    if symbol in SYMBOLS
)
_VALUES = np.zeros((MAX_Z + 1, len(FEATURES)))  # [MAX_Z + 1, n_features], row 0 is no element
_VALUES[1:] = [[float(value) for value in row[2:]] for row in _rows[1:]]
_NUMBERS = {symbol: z for z, symbol in enumerate(SYMBOLS) if z}


def symbol_to_number(symbol: str) -> int:
    """'Na' -> 11. A ValueError for anything that is not an element of the table."""
    try:
        return _NUMBERS[symbol]
    except KeyError:
        raise ValueError(f"unknown element '{symbol}': the known ones are H to {SYMBOLS[-1]} (Z = 1-{MAX_Z})") from None


@cache
def element_features() -> np.ndarray:
    """[MAX_Z + 1, n_features] float64: each feature standardised over the elements; row 0 is zeros. Read-only."""
    features = np.zeros_like(_VALUES)
    features[1:] = (_VALUES[1:] - _VALUES[1:].mean(0)) / _VALUES[1:].std(0)
    features.flags.writeable = False
    return features


def composition_features(numbers: np.ndarray) -> np.ndarray:
    """Atomic numbers [..., n] -> [..., 2 * n_features]: mean and standard deviation of the element features over the atoms.

    The same for a supercell and for any order of the atoms.
    """
    per_atom = element_features()[_checked(numbers)]  # [..., n, n_features]
    return np.concatenate([per_atom.mean(-2), per_atom.std(-2)], -1)


def electronegativity(z: int | np.ndarray) -> np.ndarray:
    """Pauling electronegativity of the atomic number(s) z, same shape."""
    return _VALUES[_checked(z), FEATURES.index("electronegativity")]


def covalent_radius(z: int | np.ndarray) -> np.ndarray:
    """Covalent radius in Å of the atomic number(s) z, same shape."""
    return _VALUES[_checked(z), FEATURES.index("covalent_radius")]


def _checked(z: int | np.ndarray) -> np.ndarray:
    z = np.asarray(z)
    if z.size == 0 or z.min() < 1 or z.max() > MAX_Z:
        raise ValueError(f"atomic numbers must lie in 1-{MAX_Z}, got {z.tolist()}")
    return z
