"""index.html: the ranking for a person, with cells that can be turned. One file that asks the network for nothing."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from lcom.base.files import write_text
from lcom.prediction.files import KINDS, crystal_file
from lcom.prediction.predicted import Answer, Predicted
from lcom.report.cells import canvas, cells_data, drawing
from lcom.report.page import page, subscripts, table

HEAD = ("rank", "space group", "free", "energy", "± spread", "above hull", "Z", "atoms", "Å³/atom", "a b c (Å)")
HEAD += ("α β γ (°)", "from", "nearest known crystal", "distance")
TURN = "Drag a cell to turn it, scroll with Ctrl to come closer, double-click to go back; the arrow keys turn it, too."


def write_page(path: Path, answers: Sequence[Answer], about: str) -> None:
    """about: one line on where the numbers are from."""
    crystals = [crystal for answer in answers for crystal in answer.crystals]
    names = [answer.formula for answer in answers if answer.crystals]
    number = iter(range(len(crystals)))
    body = [f'<p class="about">{html.escape(about)}</p>']
    for answer in answers:
        if answer.crystals:
            body.append(_section(answer, number))
    refused = [answer for answer in answers if answer.reason]
    if refused:
        rows = "".join(
            f"<li><b>{html.escape(answer.asked)}</b>: {html.escape(answer.reason)}</li>" for answer in refused
        )
        body.append(f"<h2>Without an answer</h2><ul>{rows}</ul>")
    title = f"Predicted crystals: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
    body.append(f'<p class="about screen">{TURN}</p>')
    write_text(path, page(title, "\n".join(body), cells_data([drawing(crystal.crystal) for crystal in crystals])))


def _section(answer: Answer, number: Iterator[int]) -> str:
    read = f" <small>asked as {html.escape(answer.asked)}</small>" if answer.asked != answer.formula else ""
    doubts = ["doubt" if crystal.doubt else "" for crystal in answer.crystals]
    ranking = table(HEAD, map(_row, answer.crystals), 2, doubts)
    cards = "".join(_card(crystal, next(number)) for crystal in answer.crystals)
    first = answer.crystals[0]
    note = (
        f"Energies in eV/atom: {first.energy_is}. In order of {first.order}; free: parameters that the symmetry leaves. "
        "Distance 1: what 95 % of unseen crystals keep from the training data."
    )
    return (
        f'<section id="{answer.formula}"><h2>{subscripts(answer.formula)}{read}</h2><p>{html.escape(note)}</p>'
        f"{_warning(first.magnetic)}"
        f'{ranking}<div class="cards">{cards}</div></section>'
    )


def _row(crystal: Predicted) -> list[str]:
    lattice = crystal.crystal.parameters()
    values = [
        str(crystal.rank), f"{crystal.space_group} ({crystal.refined.symbol})", str(crystal.refined.free), f"{crystal.energy:.3f}",
        "–" if crystal.spread is None else f"{crystal.spread:.3f}",
        "–" if crystal.above_hull is None else f"{crystal.above_hull:z.3f}", str(crystal.units), str(len(crystal.crystal)),
        f"{crystal.crystal.volume / len(crystal.crystal):.2f}", " ".join(f"{x:.3f}" for x in lattice[:3]),
        " ".join(f"{x:.1f}" for x in lattice[3:]), crystal.origin, _like(crystal), f"{crystal.distance:.2f}",
    ]  # fmt: skip
    return [html.escape(value) for value in values]


def _like(crystal: Predicted) -> str:
    like = crystal.analogue
    return "–" if like is None else f"{like.id} ({like.space_group}){', same structure' if like.same_type else ''}"


def _card(crystal: Predicted, number: int) -> str:
    links = " · ".join(
        f'<a href="{crystal_file(crystal.formula, crystal.rank, kind)}">{"POSCAR" if kind == "vasp" else kind}</a>'
        for kind in KINDS
    )
    warning = _warning(crystal.doubt)
    return (
        f"<figure>{canvas(number, f'{crystal.formula} {crystal.rank}')}<figcaption>"
        f"<b>{crystal.rank}</b> {html.escape(crystal.refined.symbol)} ({crystal.space_group}), {crystal.energy:.3f} eV/atom"
        f"<br>{links}{warning}</figcaption></figure>"
    )


def _warning(said: str) -> str:
    return f'<p class="warning">{html.escape(said)}</p>' if said else ""
