"""The numbers of the data card (data/README.md), computed from the data file: nothing there is typed by hand."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from lcom.data.generator.prototypes import kind
from lcom.data.sources.embedded import composition_elements, read_rows
from lcom.elements import SYMBOLS

# Standard enthalpies of formation at 298 K, kJ/mol, CRC Handbook of Chemistry and Physics
MEASURED_FORMATION = {
    "LiF": -616.0, "NaF": -576.6, "KF": -567.3, "RbF": -557.7, "CsF": -553.5,
    "LiCl": -408.6, "NaCl": -411.2, "KCl": -436.5, "RbCl": -435.4, "CsCl": -443.0,
    "BeO": -609.4, "MgO": -601.6, "CaO": -634.9, "SrO": -592.0, "BaO": -548.0, "ZnO": -350.5, "CdO": -258.4,
    "BeS": -234.3, "MgS": -346.0, "CaS": -482.4, "SrS": -472.4, "BaS": -460.0, "ZnS": -206.0, "CdS": -161.9,
}  # fmt: skip
KJ_PER_MOL = 1 / 96.485  # eV
BAR = 50  # characters of the longest bar


def card(path: Path) -> str:
    """Markdown with the counts, percentiles, histogram and formation energies of a data file."""
    rows = read_rows(path)
    by_formula = defaultdict(list)
    for row in rows:
        by_formula[row["formula"]].append(row)
    energy_above = np.array([row["energy"] - min(r["energy"] for r in by_formula[row["formula"]]) for row in rows])
    sizes = np.array([len(row["numbers"]) for row in rows])
    formation = np.array([row["formation_energy"] for row in rows])
    atoms = Counter(z for row in rows for z in set(row["numbers"]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return "\n".join(
        [
            f"sha256 `{digest}`, {path.stat().st_size / 1e3:.0f} kB,",
            f"{len(rows)} crystals of {len(by_formula)} compositions.",
            "",
            _kinds(by_formula),
            f"Atoms in a cell: {_spread(sizes, '.0f')}. Shaken out of a saddle point (id ends in -1): "
            f"{sum(row['id'].endswith('-1') for row in rows)}.",
            "",
            f"The {len(atoms)} elements, each with the number of crystals it is in: "
            + ", ".join(f"{SYMBOLS[z]} {atoms[z]}" for z in sorted(atoms))
            + ".",
            "",
            "Polymorphs of each composition: "
            + ", ".join(f"{formula} {len(found)}" for formula, found in sorted(by_formula.items()))
            + ".",
            "",
            f"Formation energy, eV/atom: {_spread(formation, '.2f')}.",
            f"Energy above the composition's lowest polymorph, eV/atom: {_spread(energy_above, '.3f')}.",
            "",
            "```",
            _histogram(energy_above),
            "```",
            "",
            _formation_table(by_formula),
        ]
    )


def _kinds(by_formula: dict[str, list]) -> str:
    """Table of compositions and polymorphs by stoichiometry."""
    lines = ["| | compositions | crystals | polymorphs of a composition: least, median, most |", "|---|---|---|---|"]
    for name in ("A", "AX", "AX2"):
        counts = [len(found) for formula, found in by_formula.items() if kind(formula) == name]
        if not counts:
            continue
        spread = f"{min(counts)}, {np.median(counts):.0f}, {max(counts)}"
        lines.append(f"| {name} | {len(counts)} | {sum(counts)} | {spread} |")
    return "\n".join([*lines, ""])


def _spread(values: np.ndarray, form: str) -> str:
    low, *quartiles, ninety, high = (format(v, form) for v in np.percentile(values, [0, 25, 50, 75, 90, 100]))
    return f"least {low}, quartiles {' / '.join(quartiles)}, 90th percentile {ninety}, most {high}"


def _histogram(energy_above: np.ndarray) -> str:
    edges = [0, 1e-9, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, np.inf]
    counts, _ = np.histogram(energy_above, edges)
    names = ["the lowest"] + [f"{a:.2f} - {b:.2f}" for a, b in zip([0.0, *edges[2:-2]], edges[2:-1], strict=True)]
    names.append(f"above {edges[-2]:.2f}")
    unit = max(counts) / BAR
    return "\n".join(
        f"{name:>12} eV {count:5d} {'#' * round(count / unit)}"
        for name, count in zip(names, counts, strict=True)
        if count
    )


def _formation_table(by_formula: dict[str, list]) -> str:
    """Formation energies of the lowest polymorphs beside the measured ones, eV/atom."""
    lines = ["| | lowest polymorph | this set | measured | difference |", "|---|---|---|---|---|"]
    differences = []
    for formula, enthalpy in MEASURED_FORMATION.items():
        if formula not in by_formula:
            continue
        lowest = min(by_formula[formula], key=lambda row: row["energy"])
        measured = enthalpy * KJ_PER_MOL / len(composition_elements(formula))
        here = lowest["formation_energy"]
        differences.append(here - measured)
        lines.append(f"| {formula} | {lowest['prototype']} | {here:.2f} | {measured:.2f} | {differences[-1]:+.2f} |")
    if not differences:
        return "None of the compounds with a measured formation energy is in this file."
    mean, spread = np.mean(differences), np.abs(differences).mean()
    return "\n".join([*lines, "", f"Mean difference {mean:+.3f}, mean absolute difference {spread:.3f} eV/atom."])
