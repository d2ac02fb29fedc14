"""The card of a data set, from a run or from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lcom.data.shipped import PAGE, checked_card
from lcom.prediction.run_folder import CRYSTALS, NAME, SHIPPED

REPORT = "data_report.md"
EMBEDDED = Path(__file__).parents[2] / "data/prototypes.jsonl.gz"  # of a checkout; an installed package is without it


def data_card(name: str, results: Path) -> str:
    """Of a file, .jsonl.gz or .parquet, of a data set of a run in `results`, or of those that come with lcom: that of its networks and, in
    a checkout, the embedded one. A ValueError says what there is."""
    path = Path(name)
    if path.is_file():
        return _of_file(path)
    folder = results / name
    if (folder / REPORT).is_file():
        return (folder / REPORT).read_text(encoding="utf-8").split("![")[0].rstrip()
    if name == "prototypes" and EMBEDDED.is_file():
        return _of_file(EMBEDDED)
    if name == NAME:
        checked_card(SHIPPED)
        return (SHIPPED / PAGE).read_text(encoding="utf-8").rstrip()
    ours = f"{NAME} and prototypes come with lcom" if EMBEDDED.is_file() else f"{NAME} comes with lcom"
    sets = sorted(report.parent.name for report in results.glob(f"*/{REPORT}"))
    there = f"{ours}, {results}/ has {', '.join(sets) or 'no data set'}"
    raise ValueError(f"'{name}' is neither a file nor a data set: {there}; --results names another run's folder")


def _of_file(path: Path) -> str:
    if path.name.endswith(".jsonl.gz"):
        from lcom.data.generator.card import card

        return f"# {path.name}\n\n{card(path)}"
    if path.suffix == ".parquet":
        return _of_table(path)
    raise ValueError(
        f"{path}: the card of {CRYSTALS} or of a .jsonl.gz can be printed (docs/running.md: a set of your own in a run)"
    )


def _of_table(path: Path) -> str:
    from lcom.data.table import read_crystals
    from lcom.elements import SYMBOLS

    crystals = read_crystals(path)
    if not len(crystals):
        raise ValueError(f"{path} has no crystals")
    formulas, times = np.unique(crystals.formulas.astype(str), return_counts=True)
    energy = crystals.formation_energy
    low, median, high = np.percentile(energy, [0, 50, 100])
    sizes = f"{crystals.n_atoms.min()} to {crystals.n_atoms.max()}, median {np.median(crystals.n_atoms):.0f}"
    elements = ", ".join(SYMBOLS[z] if z < len(SYMBOLS) else str(z) for z in np.unique(crystals.numbers).tolist())
    return "\n".join(
        [
            f"# {path}", "",
            f"{len(crystals)} crystals of {len(formulas)} compositions, up to {times.max()} of one ({formulas[times.argmax()]}).",
            f"Atoms in the primitive cell: {sizes}.",
            f"Formation energy, eV/atom: {low:.3f} to {high:.3f}, median {median:.3f}.",
            f"Elements: {elements}.",
        ]
    )  # fmt: skip
