"""index.html: the ranking for a person, with cells that can be turned. One file that asks the network for nothing."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from lcom.base.files import write_text
from lcom.prediction.files import KINDS, crystal_file
from lcom.prediction.predicted import ENERGY, Answer, Predicted
from lcom.prediction.terminal import legend, like, number
from lcom.report.cells import canvas, cells_data, drawing
from lcom.report.page import page, subscripts, table

HEAD = ("#", "space group", "free", "E", "above hull", "Z", "Å³/atom", "a, b, c (Å)", "α, β, γ (°)")
HEAD += ("from", "most like", "distance")
COLUMNS = """\
free: parameters that the symmetry leaves to cell and positions. Z: formula units in the primitive cell, whose lengths and angles are given.
from: a descent in latent space, a search with the energy model, or a known crystal with its atoms swapped (look-up). most like: the known
crystal of the same structure with other elements; in brackets the nearest, if none has it."""
TURN = "Drag a cell to turn it, scroll with Ctrl to come closer, double-click to go back; the arrow keys turn it, too."


def write_page(path: Path, answers: Sequence[Answer], about: str) -> None:
    """about: one line on where the numbers are from."""
    crystals = [crystal for answer in answers for crystal in answer.crystals]
    names = [answer.formula for answer in answers if answer.crystals]
    places = iter(range(len(crystals)))
    body = [f'<p class="about">{html.escape(about)}</p><p class="about">{COLUMNS}</p>']
    for answer in answers:
        if answer.crystals:
            body.append(_section(answer, places))
    refused = [answer for answer in answers if answer.reason]
    if refused:
        rows = "".join(
            f"<li><b>{html.escape(answer.asked)}</b>: {html.escape(answer.reason)}</li>" for answer in refused
        )
        body.append(f"<h2>Without an answer</h2><ul>{rows}</ul>")
    title = f"Predicted crystals: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
    body.append(f'<p class="about screen">{TURN}</p>')
    write_text(path, page(title, "\n".join(body), cells_data([drawing(crystal.crystal) for crystal in crystals])))


def _section(answer: Answer, places: Iterator[int]) -> str:
    read = answer.note or (f"asked as {answer.asked}" if answer.asked != answer.formula else "")
    doubts = ["doubt" if crystal.doubt else "" for crystal in answer.crystals]
    ranking = table(HEAD, map(_row, answer.crystals), 2, doubts)
    cards = "".join(_card(crystal, next(places)) for crystal in answer.crystals)
    meaning, *warnings = legend(answer)
    return (
        f'<section id="{answer.formula}"><h2>{subscripts(answer.formula)} <small>{html.escape(read)}</small></h2>'
        f"<p>{html.escape(f'{_relaxed(answer.crystals[0])}. {meaning}.')}</p>"
        f"{''.join(map(_warning, warnings))}"
        f'{ranking}<div class="cards">{cards}</div></section>'
    )


def _relaxed(crystal: Predicted) -> str:
    """What was done to the crystals of a ranking before they stood in it."""
    if crystal.converged is not None:
        return "Relaxed with CHGNet"
    if crystal.order != ENERGY:  # a handicap is for what the energy model relaxes
        return "Relaxed by the energy model"
    return "As found, not relaxed but for the volume"


def _row(crystal: Predicted) -> list[str]:
    lattice = crystal.crystal.parameters()
    spread = "" if crystal.spread is None else f" ± {crystal.spread:.3f}"
    values = [
        str(crystal.rank), f"{crystal.space_group} {crystal.refined.symbol}", str(crystal.refined.free), f"{crystal.energy:.3f}{spread}",
        number(crystal.above_hull, 3), str(crystal.units), f"{crystal.crystal.volume / len(crystal.crystal):.2f}",
        " ".join(f"{x:.2f}" for x in lattice[:3]), " ".join(f"{x:.1f}" for x in lattice[3:]), crystal.origin, like(crystal.analogue),
        f"{crystal.distance:.2f}",
    ]  # fmt: skip
    return [html.escape(value) for value in values]


def _card(crystal: Predicted, place: int) -> str:
    links = " · ".join(
        f'<a href="{crystal_file(crystal.formula, crystal.rank, kind)}">{"POSCAR" if kind == "vasp" else kind}</a>'
        for kind in KINDS
    )
    warning = _warning(crystal.doubt)
    return (
        f"<figure>{canvas(place, f'{crystal.formula} {crystal.rank}')}<figcaption>"
        f"<b>{crystal.rank}</b> {html.escape(crystal.refined.symbol)} ({crystal.space_group}), {crystal.energy:.3f} eV/atom"
        f"<br>{links}{warning}</figcaption></figure>"
    )


def _warning(said: str) -> str:
    return f'<p class="warning">{html.escape(said)}</p>' if said else ""
