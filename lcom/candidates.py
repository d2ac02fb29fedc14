"""Starts and candidates on disk: one format, whatever made them.

An extxyz file whose last frame is the crystal, with compound, seed, method, start, status (ok or failed) and reason in its info. A failed
one is a file too: later stages pass its reason on.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lcom.base.files import write_text
from lcom.crystal import Crystal


@dataclass(frozen=True)
class Candidate:
    """A crystal proposed for a compound; info holds whatever else its maker recorded (plain numbers and strings)."""

    crystal: Crystal
    compound: str
    seed: int
    method: str
    start: str
    status: str = "ok"
    reason: str = ""
    info: dict[str, Any] | None = None


def no_crystal(numbers: np.ndarray) -> Crystal:
    """What stands in the file of a start that failed: the atoms on the diagonal of a cube, 4 Å apart along each edge."""
    n = len(numbers)
    return Crystal(numbers, np.repeat(np.arange(n)[:, None] / n, 3, axis=1), 4.0 * n * np.eye(3))


def write_candidate(path: str | os.PathLike, candidate: Candidate) -> None:
    """Write the extxyz."""
    from ase.io import write

    atoms = candidate.crystal.to_atoms()
    atoms.info.update(candidate.info or {})
    for key in ("compound", "seed", "method", "start", "status"):
        atoms.info[key] = getattr(candidate, key)
    if candidate.reason:  # extxyz has no empty text: ASE would read the next key as its value
        atoms.info["reason"] = candidate.reason
    text = io.StringIO()
    write(text, atoms, format="extxyz")
    write_text(path, text.getvalue())


def read_candidate(path: str | os.PathLike) -> Candidate:
    """Read the last frame. ValueError if the file is unreadable or lacks its labels."""
    from ase.io import read

    try:
        atoms = read(path, index=-1, format="extxyz")
        info = dict(atoms.info)
        labels = {key: info.pop(key) for key in ("compound", "seed", "method", "start", "status")}
        labels["seed"] = int(labels["seed"])  # ASE gives numpy's
        comment = Path(path).read_text(encoding="utf-8").rstrip().split("\n")[-len(atoms) - 1]
        text = re.search(r"(?:^|\s)compound=(\w+)", comment)  # ASE takes InF for infinity and F for false
        labels["compound"] = text[1] if text else str(labels["compound"])
        return Candidate(Crystal.from_atoms(atoms), reason=str(info.pop("reason", "")), info=info, **labels)
    except Exception as error:  # ASE fails in many ways; each is the same to the user
        raise ValueError(f"{Path(path)} is no readable candidate ({error}): delete it and run again") from error
