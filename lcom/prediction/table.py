"""The predicted crystals of a formula in order of their GPAW energies, for a person to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lcom.candidates import read_candidate
from lcom.compounds import space_group_number
from lcom.report.judge import load_energy
from lcom.report.rows import check_labels
from lcom.report.table1 import markdown_table

SYMPREC = 0.1  # Å: decoded crystals are not symmetric to the last digit


@dataclass(frozen=True)
class Prediction:
    """energy: GPAW, eV/atom relative to isolated atoms · above_mev: above the lowest here, meV/atom · predicted, spread: mean and
    standard deviation of the surrogates, eV/atom · training_crystals: how many are of this formula · a, b, c in Å, angles in degrees,
    volume in Å³/atom · converged: whether the relaxation did, None if the structure is as decoded · None elsewhere: there is none."""

    rank: int
    energy: float | None
    above_mev: float | None
    predicted: float | None
    spread: float | None
    training_crystals: int
    space_group: int | None
    atoms: int | None
    volume: float | None
    a: float | None
    b: float | None
    c: float | None
    alpha: float | None
    beta: float | None
    gamma: float | None
    converged: bool | None
    file: str
    failure: str


def collect(formula: str, structures: Sequence[Path], energies: Sequence[Path]) -> list[Prediction]:
    """Lowest energy first; those without one last. structures, energies: files of the same rank beside each other."""
    rows = []
    for rank, (structure, path) in enumerate(zip(structures, energies, strict=True), start=1):
        candidate, energy = read_candidate(structure), load_energy(path)
        for file, found in ((structure, candidate), (path, energy)):
            check_labels(file, found, (formula, "lcoms", "dataset", rank))
        cell: list = [None] * 9
        if candidate.status == "ok":
            crystal = candidate.crystal
            group = space_group_number(crystal, SYMPREC)
            cell = [group or None, len(crystal), crystal.volume / len(crystal), *crystal.parameters().tolist()]
        info, file = candidate.info or {}, structure.with_suffix(".cif").as_posix()
        said = (info.get("predicted_energy"), info.get("predicted_spread"), int(info["training_crystals"]))
        cell.append(bool(info["converged"]) if "converged" in info else None)
        rows.append((rank, energy.energy, said, cell, file, energy.reason))
    lowest = min((energy for _, energy, *_ in rows if energy is not None), default=math.nan)
    rows.sort(key=lambda row: (row[1] is None, row[1], row[0]))
    return [
        Prediction(rank, energy, None if energy is None else 1000 * (energy - lowest), *said, *cell, file, reason)
        for rank, energy, said, cell, file, reason in rows
    ]


def markdown_text(formula: str, rows: Sequence[Prediction]) -> str:
    """predictions/<formula>.md: what was found, and what that is worth."""
    head = [
        "rank",
        "E, eV/atom",
        "above the lowest, meV/atom",
        "surrogates, eV/atom",
        "space group",
        "atoms",
        "Å³/atom",
        "file",
        "",
    ]
    table = [head] + [
        [
            str(row.rank),
            *(_number(value, digits) for value, digits in ((row.energy, 4), (row.above_mev, 1))),
            _number(row.predicted, 3) + ("" if row.spread is None else f" ± {row.spread:.3f}"),
            *("–" if value is None else str(value) for value in (row.space_group, row.atoms)),
            _number(row.volume, 2),
            row.file,
            row.failure or ("relaxation not converged" if row.converged is False else ""),
        ]
        for row in rows
    ]
    known = f"Crystals of this formula in the training data: {rows[0].training_crystals}."
    title, legend = f"# {formula}: predicted crystals", DECODED
    if rows[0].converged is not None:
        title, legend = title + ", relaxed", RELAXED
    return "\n\n".join([title, known, f"{legend} {LEGEND}", markdown_table(table, left=0)]) + "\n"


DECODED = """\
E: GPAW's energy relative to isolated atoms, of the structure as it was decoded. Relaxing it comes next and can change the order: the target
of the same name with `-relaxed` does so, or your own DFT."""
RELAXED = f"""\
E: GPAW's energy relative to isolated atoms, after atoms and cell were relaxed in the symmetry that the decoded structure had within
{SYMPREC} Å (less where that symmetry would change its volume by 2 %); that can end on a saddle point. Structures that became the same one
have the same space group, volume and energy."""
LEGEND = f"""\
rank: the order by the surrogates, whose mean (± standard deviation) at the decoded structure is given; it is what they were trained on, by
default the energy above the composition's lowest crystal. space group: by spglib at {SYMPREC} Å. A low energy here is no proof of stability
against other compositions."""


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:z.{digits}f}"
