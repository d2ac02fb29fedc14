"""The predicted crystals of a formula in order of their GPAW energies, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lcom.candidates import read_candidate
from lcom.compounds import space_group_number
from lcom.report.files import check_labels
from lcom.report.judge import load_energies
from lcom.report.markdown import NONE, markdown_table, number
from lcom.symmetry import SYMPREC

CELL = ("a", "b", "c", "alpha", "beta", "gamma")

# energy: GPAW, eV/atom relative to isolated atoms · above_mev: above the lowest here, meV/atom · predicted: formation energy by the
# energy model, eV/atom · origin: descent, look-up (a training crystal with its atoms swapped) or search · training_crystals: how many are
# of this formula · a, b, c in Å, angles in degrees, volume in Å³/atom · converged: whether the relaxation did, nothing if the structure is
# as it was found
COLUMNS = {
    "rank": int,
    **dict.fromkeys(("energy", "above_mev", "predicted"), float),
    "origin": str,
    "training_crystals": int,
    **dict.fromkeys(("space_group", "atoms"), "Int64"),
    **dict.fromkeys(("volume", *CELL), float),
    "converged": "boolean",
    **dict.fromkeys(("file", "failure"), str),
}


def collect(formula: str, structures: Sequence[Path], energies: Path) -> pd.DataFrame:
    """COLUMNS, lowest energy first; those without one last. structures: a file for each rank; energies: of all, in the same order."""
    rows = []
    for rank, (structure, energy) in enumerate(zip(structures, load_energies(energies), strict=True), start=1):
        candidate = read_candidate(structure)
        for file, found in ((structure, candidate), (energies, energy)):
            check_labels(file, found, (formula, "lcoms", "dataset", rank))
        info = candidate.info or {}
        row = {
            "rank": rank,
            "energy": energy.energy,
            "predicted": info.get("predicted_energy"),
            "origin": str(info.get("origin", "")),
            "training_crystals": int(info["training_crystals"]),
            "converged": bool(info["converged"]) if "converged" in info else None,
            "file": structure.with_suffix(".cif").as_posix(),
            "failure": energy.reason,
        }
        if candidate.status == "ok":
            crystal = candidate.crystal
            row |= dict(zip(CELL, crystal.parameters(), strict=True))
            row["space_group"] = space_group_number(crystal, SYMPREC) or None
            row |= {"atoms": len(crystal), "volume": crystal.volume / len(crystal)}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    table["above_mev"] = 1000 * (table.energy - table.energy.min())
    return table.sort_values(["energy", "rank"], ignore_index=True)


def markdown_text(formula: str, rows: pd.DataFrame) -> str:
    """predictions/<formula>.md: what was found, and what that is worth."""
    above = "above the lowest, meV/atom"
    table = [
        ["rank", "E, eV/atom", above, "energy model, eV/atom", "from", "space group", "atoms", "Å³/atom", "file", ""]
    ]
    for row in rows.itertuples():
        unfinished = "" if pd.isna(row.converged) or row.converged else "relaxation not converged"
        table.append(
            [
                str(row.rank),
                number(row.energy, 4),
                number(row.above_mev, 1),
                number(row.predicted, 3),
                row.origin,
                *(NONE if pd.isna(value) else str(value) for value in (row.space_group, row.atoms)),
                number(row.volume, 2),
                row.file,
                row.failure or unfinished,
            ]
        )
    known = f"Crystals of this formula in the training data: {rows.training_crystals[0]}."
    title, legend = f"# {formula}: predicted crystals", DECODED
    if pd.notna(rows.converged[0]):
        title, legend = title + ", relaxed", RELAXED
    return "\n\n".join([title, known, f"{legend} {LEGEND}", markdown_table(table, left=0)]) + "\n"


DECODED = """\
E: GPAW's energy relative to isolated atoms, of the structure as it was found. Relaxing it comes next and can change the order: the target
of the same name with `-relaxed` does so, or your own DFT."""
RELAXED = f"""\
E: GPAW's energy relative to isolated atoms, after atoms and cell were relaxed in the symmetry that the structure had within
{SYMPREC} Å (less where that symmetry would change its volume by 2 %); that can end on a saddle point. Structures that became the same one
have the same space group, volume and energy."""
LEGEND = f"""\
rank: the order by the energy model, whose formation energy is given. from: found by a descent, or a training crystal of a composition alike
with its atoms swapped (look-up), which no network made. space group: by spglib at {SYMPREC} Å. A low energy here is no proof of stability
against other compositions."""
