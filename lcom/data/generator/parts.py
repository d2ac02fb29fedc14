"""What was made of a composition, as one JSON file: a killed run goes on from those that are there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lcom.base.files import write_text
from lcom.data.generator.polymorphs import Outcome

DIGITS = 6  # Å, fractions, eV/atom, eV/Å, eV/Å³: finer than CHGNet's float32


def part_of(outcome: Outcome, seconds: float = 0.0) -> dict:
    """A composition's polymorphs and frames. seconds: of one core."""
    return {
        "formula": outcome.formula,
        "seconds": round(seconds, 2),
        "lost": dict(outcome.lost),
        "polymorphs": [
            {"prototype": p.prototype, "shaken": p.shaken, "energy": round(p.energy, DIGITS), **_crystal(p.crystal)}
            for p in outcome.polymorphs
        ],
        "frames": [
            {
                "prototype": f.prototype,
                "stage": f.stage,
                "energy": round(f.energy, DIGITS),
                "forces": np.round(f.forces, DIGITS).ravel().tolist(),
                "stress": np.round(f.stress, DIGITS).ravel().tolist(),
                **_crystal(f.crystal),
            }
            for f in outcome.frames
        ],
    }


def _crystal(crystal) -> dict:
    return {
        "numbers": crystal.numbers.tolist(),
        "frac_coords": (np.round(crystal.frac_coords, DIGITS) % 1.0).ravel().tolist(),
        "lattice": np.round(crystal.lattice, DIGITS).ravel().tolist(),
    }


def path_of(formula: str, folder: Path) -> Path:
    return folder / f"{formula}.json"


def write_part(part: dict, folder: Path) -> None:
    write_text(path_of(part["formula"], folder), json.dumps(part, separators=(",", ":")))


def read_part(formula: str, folder: Path) -> dict:
    return json.loads(path_of(formula, folder).read_text(encoding="utf-8"))
