"""What every source yields: crystals with their formation energies, and rows that could not be used, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lcom.crystal import Crystal
from lcom.physical import ENERGIES

# why a row is rejected; each kind is counted in the data report
UNREADABLE = "unreadable"
DISORDERED = "disordered"
NO_ENERGY = "no energy"
REPEATED = "repeated id"
NOT_SERVED = "not served"  # the server breaks over it
NOT_CONVERGED = "not converged"
ABSURD_ENERGY = "absurd energy"

SMALLEST = 1e-3  # Å³, a cell's volume


@dataclass(frozen=True, slots=True)
class Entry:
    """A crystal as the source has it, in whatever cell. formation_energy: eV/atom, finite. source: where it is from, in a word."""

    id: str
    crystal: Crystal
    formation_energy: float
    source: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no entry: its id (or its place in the file), one of the kinds above, and what was wrong."""

    id: str
    kind: str
    detail: str


class Unusable(Exception):
    """A row is no entry: Unusable(kind, detail)."""


def checked(crystal: Crystal) -> Crystal:
    """The crystal; `Unusable` if its atoms are no elements or its cell is none."""
    if crystal.numbers.min() < 1 or crystal.numbers.max() > 118:
        raise Unusable(UNREADABLE, f"{sorted(set(crystal.numbers.tolist()))} are not all atomic numbers")
    if not crystal.volume > SMALLEST:
        raise Unusable(UNREADABLE, "the cell has no volume")
    return crystal


def possible(energy: float, offset: float = 0.0) -> str | None:
    """Why the energy can be no formation energy, from ``offset`` on; None if it can. eV/atom."""
    low, high = ENERGIES
    if low <= energy - offset <= high:
        return None
    said = f"the energy is {energy:.4g} eV/atom, formation energies lie within {low:g} and {high:g}"
    return f"{said} of the median, {offset:.4g}" if offset else said


def there(path: Path) -> Path:
    if not path.is_file():  # a pipe would never end
        raise FileNotFoundError(f"{path} does not exist, or is no file: is `file` right under `data:` of the config?")
    return path
