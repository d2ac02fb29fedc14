"""The networks that come with lcom: their folder, its card, and what they may not be asked.

A folder like that of a data set in a run, made by `make networks` (lcom.prediction.ship), in which one table has the crystals of
all parts. Its card says what is in it, with the sha256 of each file. Neither torch nor pyarrow: a run is refused before they are there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from lcom.crystal import reduced_counts
from lcom.elements import SYMBOLS
from lcom.formula import read_formula

FOLDER = Path(__file__).parents[1] / "networks"
CARD, PAGE = "card.json", "README.md"
TRAINED_ON = "trained_on.txt"  # the compositions of the training crystals, a formula a line
AGAIN = "restore it, or install lcom again"


def read_card(folder: Path = FOLDER) -> dict:
    """What is said of the networks. A ValueError if there are none."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if not isinstance(card["files"], dict):
            raise ValueError("no files")
        return card
    except FileNotFoundError:
        raise ValueError(f"{folder} has no networks (no {CARD}): make them with `make networks`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / CARD} is no card ({error}): {AGAIN}") from None


def checked_card(folder: Path = FOLDER) -> dict:
    """The card, if every file is there and as it says; a ValueError names the first one that is not."""
    card = read_card(folder)
    for name, said in card["files"].items():
        try:
            found = sha256_of(folder / name)
        except OSError as error:
            raise ValueError(f"{folder / name} cannot be read ({error.strerror}): {AGAIN}") from None
        if found != said["sha256"]:
            raise ValueError(f"{folder / name} is not what {CARD} says: its sha256 is {found}: {AGAIN}")
    return card


def check_run(formulas: Sequence[str], seeds: int, folder: Path = FOLDER) -> dict:
    """The card, if a run of so many seeds may judge the networks by these compounds; a ValueError names those that they were trained on."""
    card = checked_card(folder)
    known = trained_on(folder)
    if seen := [formula for formula in formulas if reduced(formula) in known]:
        raise ValueError(
            f"the networks that come with lcom were trained on {', '.join(seen)}: a run that judges them cannot have "
            "them. Leave them out (`only`), or train networks that have not seen them (`datasets: [prototypes]`)"
        )
    if seeds > card["seeds"]:
        raise ValueError(
            f"the surrogates that come with lcom have {card['seeds']} seeds, the config asks for {seeds} (`seeds`)"
        )
    return card


def check_split(train: Iterable[np.ndarray], val: Iterable[np.ndarray], folder: Path = FOLDER) -> None:
    """A ValueError if a training that begins from the networks would validate on compositions that they were trained on.

    train, val: atomic numbers [n] of each crystal. A set of one composition, which validates on single crystals of it, may have it in both.
    """
    seen = {reduced_counts(numbers) for numbers in val} & trained_on(folder)
    if seen and (seen := sorted(seen - {reduced_counts(numbers) for numbers in train})):
        names = ", ".join(read_formula("".join(f"{SYMBOLS[z]}{n}" for z, n in counts)).name for counts in seen[:5])
        raise ValueError(
            f"{len(seen)} compositions of the validation ({names}{', …' if len(seen) > 5 else ''}) are among those "
            "that the networks that come with lcom were trained on: its errors would flatter. Keep data.seed, data.val_fraction and "
            "data.holdout as they are by default, or set training.begin: random"
        )


def trained_on(folder: Path = FOLDER) -> set[tuple[tuple[int, int], ...]]:
    """The compositions of the training crystals."""
    return {reduced(formula) for formula in (folder / TRAINED_ON).read_text(encoding="utf-8").split()}


def reduced(formula: str) -> tuple[tuple[int, int], ...]:
    """A composition, however it is written: OMg and Mg2O2 -> ((8, 1), (12, 1))."""
    return tuple(sorted(read_formula(formula).counts.items()))


def sha256_of(path: Path) -> str:
    """In hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
