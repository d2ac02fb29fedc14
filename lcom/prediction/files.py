"""Predictions as files: CIF, extxyz and POSCAR of every crystal, ranking.csv, and the plain values behind --json."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from lcom.base.files import write_text
from lcom.crystal import Crystal
from lcom.prediction.predicted import Answer, Predicted

if TYPE_CHECKING:
    from lcom.prediction.analogue import Analogue

SCHEMA = 2  # of `values`: raised when a key changes its meaning or goes
KINDS = ("cif", "extxyz", "vasp")
COLUMNS = (
    "formula", "rank", "energy", "energy_spread", "energy_is", "order", "above_hull", "above_hull_by", "space_group", "symbol",
    "free_parameters", "formula_units", "atoms", "volume_per_atom", "a", "b", "c", "alpha", "beta", "gamma", "distance",
    "analogue", "analogue_space_group", "same_type", "origin", "converged", "warning", "cif",
)  # fmt: skip


def crystal_file(formula: str, rank: int, kind: str) -> str:
    """Where it is, relative to the folder of the predictions: NaCl/1.cif."""
    return f"{formula}/{rank}.{kind}"


def begin_folder(folder: Path) -> None:
    """Makes it, and a file in it for a moment: that nothing can be written there is said before anything is calculated, by a ValueError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{folder} is no folder that can be written to: {error.strerror}") from error


def write_answer(folder: Path, answer: Answer) -> None:
    """The files of one formula; those of an earlier, longer ranking go."""
    for crystal in answer.crystals:
        texts = {"cif": conventional_cif(crystal.crystal), "extxyz": _extxyz(crystal), "vasp": _poscar(crystal)}
        for kind in KINDS:
            write_text(folder / crystal_file(answer.formula, crystal.rank, kind), texts[kind])
    rank = len(answer.crystals) + 1
    while (folder / crystal_file(answer.formula, rank, "cif")).exists():
        for kind in KINDS:
            (folder / crystal_file(answer.formula, rank, kind)).unlink(missing_ok=True)
        rank += 1


def write_ranking(folder: Path, answers: Sequence[Answer]) -> None:
    """ranking.csv: a row a crystal, energies in eV/atom, lengths in Å, angles in degrees."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for answer in answers:
        for crystal in answer.crystals:
            row = crystal_values(crystal)
            analogue = row.pop("analogue") or {"id": "", "space_group": "", "same_type": ""}
            row |= row.pop("lattice") | row.pop("files")
            row |= {"analogue": analogue["id"], "analogue_space_group": analogue["space_group"]}
            row |= {"formula": answer.formula, "same_type": analogue["same_type"]}
            table.writerow({key: "" if row[key] is None else row[key] for key in COLUMNS})
    write_text(folder / "ranking.csv", text.getvalue())


def crystal_values(crystal: Predicted) -> dict:
    """What is known of a crystal, for JSON."""
    lattice = dict(
        zip(("a", "b", "c", "alpha", "beta", "gamma"), crystal.crystal.parameters().round(4).tolist(), strict=True)
    )
    return {
        "rank": crystal.rank,
        "energy": round(crystal.energy, 5),
        "energy_is": crystal.energy_is,
        "order": crystal.order,
        "origin": crystal.origin,
        "energy_spread": _rounded(crystal.spread, 5),
        "above_hull": _rounded(crystal.above_hull, 5),
        "above_hull_by": crystal.hull_by,
        "space_group": crystal.space_group,
        "symbol": crystal.refined.symbol,
        "free_parameters": crystal.refined.free,
        "formula_units": crystal.units,
        "atoms": len(crystal.crystal),
        "volume_per_atom": round(crystal.crystal.volume / len(crystal.crystal), 4),
        "lattice": lattice,
        "distance": round(crystal.distance, 3),
        "analogue": analogue_values(crystal.analogue),
        "converged": crystal.converged,
        "warning": crystal.warning,
        "files": {kind: crystal_file(crystal.formula, crystal.rank, kind) for kind in KINDS},
    }


def analogue_values(like: Analogue | None) -> dict | None:
    if like is None:
        return None
    return {"id": like.id, "formula": like.formula, "space_group": like.space_group, "same_type": like.same_type}


def values(answers: Sequence[Answer], networks: str, seed: int, relax: str) -> dict:
    """All of it, for JSON."""
    return {
        "schema": SCHEMA,
        "networks": networks,
        "seed": seed,
        "relax": relax,
        "formulas": [
            {
                "asked": answer.asked,
                "formula": answer.formula or None,
                "note": answer.note,
                "reason": answer.reason,
                "crystals": [crystal_values(crystal) for crystal in answer.crystals],
            }
            for answer in answers
        ],
    }


def conventional_cif(crystal: Crystal) -> str:
    """CIF in the conventional cell, with the operations of its space group."""
    from pymatgen.io.cif import CifWriter

    return str(CifWriter(crystal.to_structure(), symprec=0.01))


def _extxyz(crystal: Predicted) -> str:
    from ase.io import write

    atoms = crystal.crystal.to_atoms()
    atoms.info = {
        "formula": crystal.formula,
        "rank": crystal.rank,
        "space_group": crystal.space_group,
        "predicted_energy": round(crystal.energy, 6),
        "distance": round(crystal.distance, 3),
    }
    text = io.StringIO()
    write(text, atoms, format="extxyz")
    return text.getvalue()


def _poscar(crystal: Predicted) -> str:
    from ase.io import write

    text = io.StringIO()
    write(text, crystal.crystal.to_atoms(), format="vasp", direct=True, sort=True)
    _, rest = text.getvalue().split("\n", 1)  # the first line is free
    return f"{crystal.formula} {crystal.rank}, space group {crystal.space_group}\n{rest}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
