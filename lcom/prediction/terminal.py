"""Rankings and verdicts as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from lcom.prediction.predicted import ENERGY, Answer, Predicted

if TYPE_CHECKING:
    from lcom.prediction.analogue import Analogue
    from lcom.prediction.judge import Verdict


WIDE = 118  # columns of a terminal that has room for the cell, too


def answer_table(answer: Answer, width: int = WIDE) -> Table:
    """The ranking of one formula; a terminal of less than WIDE columns gets it without cells and their freedom, which the files have."""
    read = answer.note or (f"asked as {answer.asked}" if answer.asked != answer.formula else "")
    table = Table(
        title=f"{answer.formula}{f' ({read})' if read else ''}", caption="\n".join(legend(answer)),
        box=SIMPLE_HEAD, title_justify="left", caption_justify="left", pad_edge=False,
    )  # fmt: skip
    cell = ("a, b, c (Å)", "α, β, γ (°)")
    names = ("#", "space group", "free", "E", "above hull", "Z", *cell, "from", "most like", "distance")
    shown = [i for i, name in enumerate(names) if width >= WIDE or name not in ("free", *cell)]
    for name in (names[i] for i in shown):
        right = name in ("#", "free", "E", "above hull", "Z")
        table.add_column(name, no_wrap=name != "most like", justify="right" if right else "left")
    for crystal in answer.crystals:
        cells = _cells(crystal)
        table.add_row(*(cells[i] for i in shown), style="dim" if crystal.doubt else None)
    return table


def legend(answer: Answer) -> list[str]:
    """What the numbers of a ranking mean, then what is to be doubted, a line each."""
    first, energies = answer.crystals[0], [crystal.energy for crystal in answer.crystals]
    hull = f"; above the hull: by {first.hull_by}" if first.hull_by else ""
    if any(crystal.above_hull is not None and crystal.above_hull < 0 for crystal in answer.crystals):
        hull += " (below 0: lower than any mixture of the data set's crystals, which lack a lower phase, or the energy is too low)"
    order = "" if first.order == ENERGY else f". In order of {first.order}"
    near = sum(abs(energy - first.energy) <= first.error for energy in energies) if first.error else 0
    order += f"; {near} are within the error of the first, so their order is open" if near > 1 else ""
    doubts = [f"{crystal.rank}: {crystal.doubt}" for crystal in answer.crystals if crystal.doubt]
    usual = ". Distance 1: usual for crystals that the networks have not seen"
    return [f"E in eV/atom: {first.energy_is}{hull}{order}{usual}", *doubts, *filter(None, [first.magnetic])]


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """What is said of the crystals of files. In a narrow terminal names go on in the next line; numbers are never cut."""
    doubts = "".join(f"\n{verdict.file}: {verdict.warning}" for verdict in verdicts if verdict.warning)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, caption_justify="left", caption=Text(
        "E by CHGNet, eV/atom; above the hull of the data set's crystals by CHGNet, too. Formation energy by the energy model of the run."
        f" Distance 1: usual for crystals that the networks have not seen{doubts}"
    ))  # fmt: skip
    for name in ("file", "formula", "space group", "E", "above\nhull", "formation\nenergy", "most like", "distance"):
        whole = name not in ("file", "formula", "most like")
        table.add_column(name, no_wrap=whole, overflow="ellipsis" if name == "most like" else "fold")
    for verdict in verdicts:
        view = verdict.view
        table.add_row(
            verdict.file, verdict.formula, f"{verdict.refined.space_group} {verdict.refined.symbol}", number(verdict.energy, 4),
            number(verdict.above_hull, 3), number(view.formation_energy if view else None, 3), like(view.analogue if view else None),
            number(view.distance if view else None, 2), style="dim" if verdict.warning else None,
        )  # fmt: skip
    return table


def _cells(crystal: Predicted) -> list[str]:
    lattice = crystal.crystal.parameters()
    spread = "" if crystal.spread is None or crystal.converged is not None else f" ± {crystal.spread:.3f}"
    return [
        str(crystal.rank), f"{crystal.space_group} {crystal.refined.symbol}", str(crystal.refined.free), f"{crystal.energy:.3f}{spread}",
        number(crystal.above_hull, 3), str(crystal.units), " ".join(f"{x:.2f}" for x in lattice[:3]),
        " ".join(f"{x:.0f}" for x in lattice[3:]), crystal.origin, like(crystal.analogue), f"{crystal.distance:.2f}",
    ]  # fmt: skip


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:z.{digits}f}"


def like(analogue: Analogue | None) -> str:
    """The known crystal that has the same structure with other elements, and its space group; in brackets the nearest, if none has."""
    if analogue is None:
        return "–"
    named = f"{analogue.formula} {analogue.space_group}"
    return named if analogue.same_type else f"– ({named})"
