"""The report of a run: everything that it made on one page, of what there is."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lcom.report.cells import cells_data
from lcom.report.costs import read_costs
from lcom.report.markdown import number
from lcom.report.markdown_html import markdown_html
from lcom.report.origins import read_origins
from lcom.report.page import page, table
from lcom.report.rows import TableSettings, read_rows
from lcom.report.structures import Cells, compounds_html
from lcom.report.style import svg_text
from lcom.report.table1_html import failures_html, table1_html
from lcom.report.training_figure import read_losses, training_figure

HERE = Path(__file__).parent
FIGURES = {  # file under figures/: what it is, and a sentence that says what to see
    "table2": ("Energy against seconds", "captions/seconds.rst"),
    "success": ("Right structures against seconds and relaxations", "captions/success.rst"),
    "figure2": ("Figure 2: along the descent", "captions/descent.rst"),
    "figure3": ("Figure 3: gains over the start", "captions/figure3.rst"),
    "figure4": ("Figure 4: how conservative", "captions/descent.rst"),
}
TABLE1, TABLE2, TRAINING, DATA = (
    "captions/table1.rst",
    "captions/table2.rst",
    "captions/training.rst",
    "captions/data_report.rst",
)
TURN = (
    "Drag a cell to turn it and the known one with it; Ctrl and the wheel bring it closer, a double click puts it back."
)


@dataclass(frozen=True)
class Run:
    """rows: of Table 1, None if there is none"""

    results: Path
    settings: TableSettings
    rows: pd.DataFrame | None
    cells: Cells


def run_page(results: Path, settings: TableSettings) -> str:
    """The HTML of a run in the folder results. settings: what its tables cover."""
    path = results / "table1.csv"
    run = Run(results, settings, read_rows(path) if path.is_file() else None, Cells())
    sections: dict[str, Callable[[Run], str]] = {
        "Table 1": _table1, "Table 2": _table2, "Figures": _figures, "Structures": _structures, "Failures": _failures,
        "Trainings": _trainings, "Data": _data, "Seconds": _seconds, "Versions": _versions,
    }  # fmt: skip
    made = {name: text for name, section in sections.items() if (text := section(run))}
    if not made:
        raise ValueError(f"{results} has nothing to report of: no table, figure, training or data set of a run")
    links = " ".join(f'<a href="#{name.lower().replace(" ", "-")}">{name}</a>' for name in made)
    parts = [f"<p>{_about(run)}</p><nav>{links}</nav>"]
    parts += [
        f'<section id="{name.lower().replace(" ", "-")}"><h2>{name}</h2>\n{text}</section>'
        for name, text in made.items()
    ]
    return page(f"LCOMs: the run in {results.name}", "\n".join(parts), cells_data(run.cells.drawings))


def _about(run: Run) -> str:
    sets = ", ".join(run.settings.datasets)
    seeds = f"{run.settings.seeds} seed{'s' if run.settings.seeds > 1 else ''}"
    if run.rows is None:
        return f"Data: {html.escape(sets)}; {seeds}; no Table 1 yet."
    compounds = run.rows.compound.nunique()
    return (
        f"{compounds} compound{'s' if compounds > 1 else ''}, {seeds}, data: {html.escape(sets)}. "
        "A click on the head of a column sorts a table."
    )


def _table1(run: Run) -> str:
    return "" if run.rows is None else _caption(TABLE1) + table1_html(run.rows, run.settings.methods)


def _table2(run: Run) -> str:
    path = run.results / "table2.md"
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8").split("\n\n", 1)[1]  # the heading is the section's
    words, found = text.split("\n|", 1)
    legend = f"<details><summary>What the columns are</summary>{markdown_html(words)}</details>"
    return _caption(TABLE2) + markdown_html("|" + found) + legend


def _figures(run: Run) -> str:
    plots = []
    for name, (title, caption) in FIGURES.items():
        path = run.results / "figures" / f"{name}.svg"
        if path.is_file():
            plots.append(f"<h3>{title}</h3>{_plot(inline_svg(path.read_text(encoding='utf-8'), name), caption)}")
    return "\n".join(plots)


def _structures(run: Run) -> str:
    if run.rows is None:
        return ""
    boxes = compounds_html(run.results, run.rows, run.settings.methods, run.cells)
    marks = "Beside the marks (✓ strict, ✗ not, ! no energy, ? no reference) stands ΔE in meV/atom."
    return f'<p class="screen">{TURN}</p><p>{marks}</p>{boxes}' if boxes else ""


def _failures(run: Run) -> str:
    return "" if run.rows is None else failures_html(run.rows, run.settings.methods)


def _trainings(run: Run) -> str:
    plots = []
    for dataset in run.settings.datasets:
        if losses := read_losses(run.results / dataset):
            svg = inline_svg(svg_text(training_figure(losses)), f"training-{dataset}")
            plots.append(f"<h3>{html.escape(dataset)}</h3>{_plot(svg, TRAINING)}")
    return "\n".join(plots)


def _data(run: Run) -> str:
    parts = []
    for dataset in run.settings.datasets:
        folder = run.results / dataset
        if (folder / "data_report.md").is_file():
            parts.append(markdown_html((folder / "data_report.md").read_text(encoding="utf-8"), 3))
        if (folder / "data_report.png").is_file():
            picture = base64.b64encode((folder / "data_report.png").read_bytes()).decode()
            parts.append(
                _plot(f'<img alt="what is in {html.escape(dataset)}" src="data:image/png;base64,{picture}">', DATA)
            )
    return "\n".join(parts)


def _seconds(run: Run) -> str:
    costs = read_costs(run.results)
    if costs.empty:
        return ""
    head = ["rule", "jobs", "wall seconds", "mean", "longest", "CPU seconds", "memory, MB"]
    rows = [
        [html.escape(row.rule), str(row.jobs), *(number(value, 1 if value < 10 else 0) for value in row[3:])]
        for row in costs.itertuples()
    ]
    together = (
        f"{number(costs.seconds.sum() / 3600, 2)} h of all jobs, {number(costs.cpu.sum() / 3600, 2)} h of CPU time."
    )
    return f"<p>What the jobs of each rule took, one after the other: {together}</p>{table(head, rows)}"


def _versions(run: Run) -> str:
    origins = read_origins(run.results)
    if not origins:
        return ""
    names = sorted({name for made, _ in origins for name in made.get("packages", {})})
    head = ["files", "such as", "lcom", "commit", "Python", "device", *names]
    rows = []
    for made, files in origins:
        packages = made.get("packages", {})
        said = [
            files[0],
            made.get("lcom", ""),
            made.get("commit", "")[:10],
            made.get("python", ""),
            made.get("device", ""),
        ]
        rows.append(
            [str(len(files)), *map(html.escape, map(str, [*said, *(packages.get(name, "–") for name in names)]))]
        )
    return (
        f"<p>What the files say that they were made by; – is a package that was not loaded.</p>{table(head, rows, 99)}"
    )


def _plot(picture: str, caption: str) -> str:
    return f'<figure class="plot"><figcaption>{_caption(caption)}</figcaption>{picture}</figure>'


def _caption(file: str) -> str:
    return f"<p>{html.escape((HERE / file).read_text(encoding='utf-8').strip())}</p>"


def inline_svg(text: str, name: str) -> str:
    """An SVG file as a part of a page: its names get the prefix `name`, as those of two figures are alike."""
    text = re.sub(r"^.*?(?=<svg)", "", text, count=1, flags=re.S)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
