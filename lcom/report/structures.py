"""The structures behind Table 1, those of a compound beside its known ground state."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from lcom.crystal import Crystal
from lcom.report.cells import canvas, drawing
from lcom.report.files import shared
from lcom.report.judge import EnergyRecord, load_energies, load_references
from lcom.report.methods import Method
from lcom.report.page import subscripts, table
from lcom.report.table1 import MARKS


@dataclass
class Cells:
    """What a page draws, each with its number on the page."""

    drawings: list[dict] = field(default_factory=list)

    def add(self, crystal: Crystal) -> tuple[int, int]:
        """-> its number on the page, its space group."""
        self.drawings.append(drawing(crystal))
        return len(self.drawings) - 1, self.drawings[-1]["group"]


@dataclass
class Structures:
    """The structures of a run, from the files of energies and references that are there, each read once."""

    results: Path
    _read: dict[Path, dict[tuple[str, int], Crystal | None]] = field(default_factory=dict)

    def found(self, row: pd.Series) -> Crystal | None:
        """That of a row of Table 1; None if it is not there or has no energy."""
        root = self.results if shared(row.method, row.start) else self.results / row.dataset
        folder = root / "energies" / row.method / row.start
        if folder not in self._read:
            records = (record for path in sorted(folder.glob("*.jsonl")) for record in load_energies(path))
            self._read[folder] = {(record.compound, record.seed): record.crystal for record in records}
        return self._read[folder].get((row.compound, row.seed))

    @cached_property
    def known(self) -> dict[str, Crystal]:
        """Compound -> the lowest of its known polymorphs."""
        files = sorted((self.results / "reference").glob("*.jsonl"))
        every = {compound: known for path in files for compound, known in load_references(path).items()}
        lowest = {compound: _lowest(known) for compound, known in every.items()}
        return {compound: crystal for compound, crystal in lowest.items() if crystal is not None}


def _lowest(known: Sequence[EnergyRecord]) -> Crystal | None:
    there = [polymorph for polymorph in known if polymorph.crystal is not None]
    return min(there, key=lambda polymorph: polymorph.energy).crystal if there else None


def compounds_html(results: Path, rows: pd.DataFrame, methods: Mapping[str, Method], cells: Cells) -> str:
    """A box a compound: the known ground state, a structure that was found, and all of them to choose from."""
    structures = Structures(results)
    boxes = (
        _compound(structures, compound, own, methods, cells) for compound, own in rows.groupby("compound", sort=False)
    )
    return "\n".join(box for box in boxes if box)


def _compound(
    structures: Structures, compound: str, rows: pd.DataFrame, methods: Mapping[str, Method], cells: Cells
) -> str:
    known, found = structures.known.get(compound), _buttons(structures, rows, methods, cells)
    if not found.first:
        return ""
    left = "<figcaption>no known structure here</figcaption>"
    if known is not None:
        number, group = cells.add(known)
        left = canvas(number, f"{compound}, known") + f"<figcaption>known, space group {group}</figcaption>"
    number, said = found.first
    chosen = canvas(number, f"{compound}, found").replace("<canvas", '<canvas class="chosen"', 1)
    return (
        f'<h3 id="{compound}">{subscripts(compound)}</h3><div class="beside" data-together><figure>{left}</figure>'
        f'<figure>{chosen}<figcaption class="said">{html.escape(said)}</figcaption></figure>{found.table}</div>'
    )


@dataclass(frozen=True)
class _Found:
    """first: number and description of the structure that is shown at first, None if there is none · table: buttons"""

    first: tuple[int, str] | None
    table: str


def _buttons(structures: Structures, rows: pd.DataFrame, methods: Mapping[str, Method], cells: Cells) -> _Found:
    first, lines = None, []
    seeds = sorted(rows.seed.unique())
    several = rows.dataset.nunique() > 1
    for (dataset, start, name), own in rows.groupby(["dataset", "start", "method"], sort=False):
        line = dict.fromkeys(seeds, "")
        for row in own.itertuples():
            crystal = structures.found(row)
            if crystal is None:
                line[row.seed] = f'<span title="{html.escape(row.failure)}">{_mark(row)}</span>'
                continue
            number, group = cells.add(crystal)
            said = _said(row, methods[name].label, group)
            line[row.seed] = (
                f'<button data-shows="{number}" title="{html.escape(said)}" aria-pressed="{str(first is None).lower()}">'
                f"{_mark(row)} {_delta(row)}</button>"
            )
            first = first or (number, said)
        lines.append([*([html.escape(dataset)] if several else []), methods[name].label, start, *line.values()])
    head = [*(["data set"] if several else []), "method", "start", *(f"seed {seed}" for seed in seeds)]
    return _Found(first, table(head, lines, 2 + several))


def _said(row, label: str, group: int) -> str:
    parts = [f"{label}, start {row.start}, seed {row.seed}", f"space group {group}"]
    if pd.notna(row.delta_e_mev):
        parts.append(f"ΔE {row.delta_e_mev:+z.0f} meV/atom")
    parts.append(f"RMSE {row.rmse:.3f}" if pd.notna(row.rmse) else "no match")
    return ", ".join([*parts, *(["strict"] if row.strict is True else []), *([row.failure] if row.failure else [])])


def _mark(row) -> str:
    if pd.isna(row.strict):
        return "?"
    if pd.isna(row.energy):
        return '<span class="no">!</span>'
    return f'<span class="{"yes" if row.strict else "no"}">{MARKS[bool(row.strict)]}</span>'


def _delta(row) -> str:
    return "" if pd.isna(row.delta_e_mev) else f"{row.delta_e_mev:+z.0f}".replace("-", "−")
