"""Table 1 in the layout of the paper (arXiv 2310.10056): compounds × (data set, start, method)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lcom.matching import SAME_RMSE
from lcom.report.judge import SUSPICIOUS
from lcom.report.markdown import NONE, markdown_table, number
from lcom.report.methods import STARTS, Method
from lcom.report.rows import median_delta

MARKS = {True: "✓", False: "✗"}

LEGEND = f"""\
E is the DFT energy per atom relative to isolated atoms (GPAW's zero), E* that of the relaxed known ground state at the
same settings, ΔE = E − E*. Success at x %: (E − E*)/|E*| ≤ x %; 20 % is the paper's criterion, which most wrong
polymorphs pass, too. More than {-SUSPICIOUS:.0f} meV/atom below E* is no success until someone has looked at it.

Marks, one a seed: ✓ success, ✗ none, ! no energy (the structure or its calculation failed; it counts as no success),
? no reference, – not run. Counts are the mean over the seeds ± their standard deviation; "x of m" where a method ran
for m of the compounds only.

The median of ΔE takes a structure without energy, or suspiciously low, as infinitely high.

Match: pymatgen's StructureMatcher (ltol 0.3, stol 0.5, angle_tol 10) against the relaxed ground state; RMSE in units of
(volume per atom)^(1/3). These tolerances take zincblende for rocksalt (RMSE 0.43): RMSE < {SAME_RMSE} is what tells.

"start" is the structure that the methods start from. relaxed: random, then relaxed with GPAW. dataset: a training
crystal with its atoms swapped."""

SEARCH_LEGEND = """\
search: no start, but many proposed structures, of which the one with the lowest energy is judged here. RAS proposes at
random, PSO by particle swarm, BO by Bayesian optimisation; a network trained on the data set gives their energies.
DFT-PSO is PSO with energies of GPAW: it needs no data set, and stands the same under each. Evaluations are the budget of a
search: candidates proposed, those that a filter rejects included; for DFT-PSO, energies by GPAW (published: 5 200)."""

QUOTED = """\
Quoted from the paper (arXiv 2310.10056, Table 1), not measured here; success at 20 % on the same 26 compounds, of 26:
OQMD: RAS* 17, PSO* 6, BO* 16, LCOMs 16, SL 5, CD-VAE 6. MatBench: RAS* 18, PSO 13, BO 10, LCOMs 19.
(* judged there by inspection of the structure, after Cheng et al. 2022, not by the energy.)"""


@dataclass(frozen=True)
class Column:
    """The rows of one (data set, start, method), with its label; all: whether it ran for every compound of the table."""

    dataset: str
    start: str
    label: str
    rows: pd.DataFrame
    all: bool

    def judged(self) -> int:
        """Compounds with a reference."""
        return self.rows[self.rows.reference.notna()].compound.nunique()

    def count(self, met: pd.Series) -> str:
        """Compounds of which `met` [rows] is true: mean over the seeds ± standard deviation."""
        counts = met.groupby(self.rows.seed).sum()
        said = str(counts.iloc[0]) if len(counts) == 1 else f"{counts.mean():.1f} ± {counts.std():.1f}"
        return said if self.all else f"{said} of {self.judged()}"

    def marks(self, judge: str) -> pd.Series:
        """Compound -> a mark a seed."""
        marks = self.rows[judge].astype(object).map(MARKS).fillna("?")
        marks[self.rows.energy.isna() & self.rows.reference.notna()] = "!"
        return marks.groupby(self.rows.compound).agg("".join)


def markdown_text(rows: pd.DataFrame, methods: Mapping[str, Method]) -> str:
    """table1.md: compounds × (data set, start, method) with a mark a seed, at 20 % and at 1 %, then the counts."""
    compounds = rows.compound.unique()
    columns = _columns(rows, methods)
    judged = columns[0].judged()  # the first method runs for all compounds
    searches = any(c.start == "search" for c in columns)
    counts = [[f"≤ {x} %, of {judged}", *(c.count(c.rows[f"success_{x}"]) for c in columns)] for x in (20, 10, 5, 1)]
    counts += [
        [f"match, of {judged}", *(c.count(c.rows.match) for c in columns)],
        [f"match, RMSE < {SAME_RMSE}", *(c.count(c.rows.rmse < SAME_RMSE) for c in columns)],
        ["median ΔE, meV/atom", *(number(median_delta(c.rows), 1) for c in columns)],
        ["no energy, rows", *(str(c.rows.energy.isna().sum()) for c in columns)],
    ]
    if searches:
        counts.append(["evaluations, mean", *(_evaluations(c.rows) for c in columns)])
    parts = ["# Table 1: recovery of the known ground states", LEGEND, *([SEARCH_LEGEND] if searches else [])]
    for per_cent, title in ((20, "Success at 20 % (the paper's criterion)"), (1, "Success at 1 %")):
        marks = [c.marks(f"success_{per_cent}").reindex(compounds, fill_value=NONE) for c in columns]
        body = [[compound, *(mark[compound] for mark in marks)] for compound in compounds]
        body += counts if per_cent == 20 else [counts[3]]
        parts += [f"## {title}", markdown_table([*_heads(columns), *body])]
    parts += [*_notes(rows, methods), "## From the paper", QUOTED]
    return "\n\n".join(parts) + "\n"


def _columns(rows: pd.DataFrame, methods: Mapping[str, Method]) -> list[Column]:
    """Columns in the paper's order: data set, start, then method."""
    found = dict(list(rows.groupby(["dataset", "start", "method"])))
    order = [key for d in rows.dataset.unique() for s in STARTS for m in methods if (key := (d, s, m)) in found]
    compounds = rows.compound.nunique()
    return [
        Column(d, s, methods[m].label, own := found[d, s, m], own.compound.nunique() == compounds) for d, s, m in order
    ]


def _heads(columns: Sequence[Column]) -> list[list[str]]:
    """Three lines; data set and start stand over their first column."""
    heads: list[list[str]] = [[""], ["start:"], ["method:"]]
    last = ("", "")
    for column in columns:
        heads[0].append(column.dataset if column.dataset != last[0] else "")
        heads[1].append(column.start if (column.dataset, column.start) != last else "")
        heads[2].append(column.label)
        last = (column.dataset, column.start)
    return heads


def _evaluations(rows: pd.DataFrame) -> str:
    """Mean number of structures that counted against a search's budget."""
    return NONE if rows.evaluations.isna().all() else f"{rows.evaluations.mean():.0f}"


def _notes(rows: pd.DataFrame, methods: Mapping[str, Method]) -> list[str]:
    """What failed or is suspicious, grouped by reason; nothing if there is nothing to say."""
    noted = rows[rows.failure != ""]
    name = noted.dataset + "/" + noted.method.map(lambda m: methods[m].label) + "/" + noted.start + "/"
    name = (name + noted.compound + "-" + noted.seed.astype(str)).where(noted.reference.notna(), noted.compound)
    lines = []
    for reason, names in name.groupby(noted.failure, sort=False).unique().items():
        more = f" and {len(names) - 6} more (table1.csv)" if len(names) > 6 else ""
        lines.append(f"- {reason}: {', '.join(names[:6])}{more}")
    return ["## Failures and oddities", "\n".join(lines)] if lines else []
