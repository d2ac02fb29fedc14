"""What is in a data set and what was dropped: data_report.md and its plot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lcom.base.files import whole
from lcom.data.sources.clean import Losses
from lcom.data.table import Crystals
from lcom.elements import SYMBOLS

EXAMPLES = 3  # rows named for each reason


def markdown(name: str, crystals: Crystals, losses: Losses, rejected: Path) -> str:
    """Counts, ranges, and the first rows of each kind that were dropped."""
    per_formula = pd.Series(crystals.formulas).value_counts()
    energy, volume = crystals.formation_energy, _volumes(crystals)
    elements = np.unique(crystals.numbers)
    facts = {
        "rows read": f"{losses.read}",
        "crystals kept": f"{losses.kept}",
        "levels of theory": ", ".join(
            f"{name} ({count})" for name, count in pd.Series(crystals.levels).value_counts().items()
        ),
        "compositions": f"{len(per_formula)}, of which {int((per_formula > 1).sum())} with several crystals (most: {per_formula.iloc[0]})",
        "elements": f"{len(elements)}",
        "atoms in the primitive cell": f"{crystals.n_atoms.min()} to {crystals.n_atoms.max()}, median {np.median(crystals.n_atoms):.0f}",
        "formation energy, eV/atom": f"{energy.min():.3f} to {energy.max():.3f}, median {np.median(energy):.3f}",
        "volume, Å³/atom": f"{volume.min():.1f} to {volume.max():.1f}, median {np.median(volume):.1f}",
    }
    lines = [
        f"# Data set {name}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in facts.items()),
        "",
    ]
    if losses.dropped:
        lines += ["## Dropped", "", "| reason | rows | for example |", "|---|---|---|"]
        examples = _examples(rejected)
        for kind, count in losses.dropped.most_common():
            lines.append(f"| {kind} | {count} | {examples.get(kind, '')} |")
        lines += ["", f"All of them with their ids: {rejected.name}"]
    else:
        lines.append("Nothing was dropped.")
    return "\n".join([*lines, "", "![what is in it](data_report.png)", ""])


def _examples(rejected: Path) -> dict[str, str]:
    rows = pd.read_csv(rejected, names=["id", "kind", "detail"], dtype=str, keep_default_na=False)
    found = {}
    for kind, part in rows.groupby("kind"):
        named = [f"{r.id}: {r.detail}" if r.detail else r.id for r in part.head(EXAMPLES).itertuples()]
        found[kind] = "; ".join(named).replace("|", "/")[:300]
    return found


def _volumes(crystals: Crystals) -> np.ndarray:
    return np.abs(np.linalg.det(crystals.lattice)) / crystals.n_atoms


def plot(name: str, crystals: Crystals, losses: Losses, path: Path) -> None:
    """Sizes, energies, polymorphs, elements, and what was dropped."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    axes = figure.subplot_mosaic("abc;ddd;eee", height_ratios=[1, 1, 0.6])
    sizes = np.bincount(crystals.n_atoms)
    axes["a"].bar(np.arange(len(sizes)), sizes, color="#0072B2")
    axes["a"].set(xlabel="atoms in the primitive cell", ylabel="crystals")
    axes["b"].hist(crystals.formation_energy, bins=60, color="#0072B2")
    axes["b"].set(xlabel="formation energy (eV/atom)", ylabel="crystals")
    polymorphs = np.bincount(pd.Series(crystals.formulas).value_counts().to_numpy())
    axes["c"].bar(np.arange(len(polymorphs)), polymorphs, color="#0072B2")
    axes["c"].set(xlabel="crystals of one composition", ylabel="compositions", yscale="log")
    held = Counter(
        np.unique(np.stack([np.repeat(np.arange(len(crystals)), crystals.n_atoms), crystals.numbers]), axis=1)[
            1
        ].tolist()
    )
    numbers = sorted(held)
    axes["d"].bar(range(len(numbers)), [held[z] for z in numbers], color="#009E73")
    axes["d"].set_xticks(range(len(numbers)), [SYMBOLS[z] for z in numbers], fontsize=7)
    axes["d"].set(ylabel="crystals with the element", xlim=(-1, len(numbers)))
    fate = [("kept", losses.kept), *losses.dropped.most_common()]
    labels = [f"{kind} ({count})" for kind, count in fate]
    axes["e"].barh(labels, [count for _, count in fate], color=["#0072B2", *["#D55E00"] * (len(fate) - 1)])
    axes["e"].invert_yaxis()
    axes["e"].set_xlabel("rows")
    for each in axes.values():
        each.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{name}: {losses.kept} crystals of {losses.read} rows", fontsize=12)
    with matplotlib.rc_context({"svg.hashsalt": "lcom"}), whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
