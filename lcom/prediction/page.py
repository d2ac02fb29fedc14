"""index.html: the ranking for a person, with cells that can be turned. One file that asks the network for nothing."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lcom.base.files import write_text
from lcom.crystal import Crystal
from lcom.elements import SYMBOLS, covalent_radius
from lcom.prediction.files import KINDS, crystal_file
from lcom.prediction.predicted import Answer, Predicted

TEMPLATE = Path(__file__).with_name("page.html")
BOND = 1.2  # of the sum of the covalent radii: longer ones are not drawn
EDGE = 0.02  # fractional: atoms so close to a face are drawn on the opposite one, too
MOST_DRAWN = 400  # atoms


def write_page(path: Path, answers: Sequence[Answer], about: str) -> None:
    """about: one line on where the numbers are from."""
    crystals = [crystal for answer in answers for crystal in answer.crystals]
    elements = sorted({z for crystal in crystals for z in crystal.crystal.numbers.tolist()})
    data = {"elements": _colours(elements), "cells": [drawing(crystal.crystal) for crystal in crystals]}
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
    text = (
        TEMPLATE.read_text(encoding="utf-8")
        .replace("{{title}}", html.escape(title))
        .replace("{{body}}", "\n".join(body))
    )
    # no "</script>" can stand in the data, whatever is in them
    write_text(path, text.replace("{{data}}", json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")))


def drawing(crystal: Crystal) -> dict:
    """What is drawn of a crystal: its conventional cell with the atoms on all faces.

    lattice [3][3] Å · atoms: [Z, x, y, z] in Å from the middle of the cell · bonds: pairs of indices of atoms
    """
    shown = _conventional(crystal)
    numbers, frac = _with_faces(shown)
    positions = (frac - 0.5) @ shown.lattice
    radii = covalent_radius(numbers)
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    i, j = np.nonzero(np.triu(distance < BOND * (radii[:, None] + radii[None]), 1))
    return {
        "lattice": shown.lattice.round(3).tolist(),
        "atoms": [[int(z), *place] for z, place in zip(numbers, positions.round(3).tolist(), strict=True)],
        "bonds": np.stack([i, j], 1).tolist(),
    }


def _conventional(crystal: Crystal) -> Crystal:
    import spglib

    found = spglib.standardize_cell((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=0.01)
    return Crystal(found[2], found[1], found[0]) if found and len(found[2]) <= MOST_DRAWN // 4 else crystal


def _with_faces(crystal: Crystal) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers and fractions in [0, 1], copies on opposite faces included."""
    frac = crystal.frac_coords - (crystal.frac_coords > 1 - EDGE)  # just below a face: on it
    images = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    every = frac[:, None] + images
    inside = (every < 1 + EDGE).all(-1)
    return np.repeat(crystal.numbers, inside.sum(1)), every[inside]


def _colours(elements: Sequence[int]) -> dict[int, list]:
    """Atomic number -> symbol, colour, radius in Å."""
    from ase.data.colors import jmol_colors

    def colour(z: int) -> str:
        return "#" + "".join(f"{round(255 * float(value)):02x}" for value in jmol_colors[z])

    return {z: [SYMBOLS[z], colour(z), round(float(covalent_radius(z)), 2)] for z in elements}


def _section(answer: Answer, number) -> str:
    read = f" <small>asked as {html.escape(answer.asked)}</small>" if answer.asked != answer.formula else ""
    first = answer.crystals[0]
    rows = "".join(_row(crystal) for crystal in answer.crystals)
    cards = "".join(_card(crystal, next(number)) for crystal in answer.crystals)
    head = (
        "rank,space group,energy,± spread,above hull,Z,atoms,Å³/atom,a b c (Å),α β γ (°),nearest known crystal,distance"
    )
    cells = "".join(f"<th>{name}</th>" for name in head.split(","))
    note = (
        f"Energies in eV/atom: {first.energy_is}. Distance 1: what 95 % of unseen crystals keep from the training data."
    )
    return (
        f'<section id="{answer.formula}"><h2>{_subscripts(answer.formula)}{read}</h2><p>{html.escape(note)}</p>'
        f'<div class="scroll"><table><tr>{cells}</tr>{rows}</table></div><div class="cards">{cards}</div></section>'
    )


def _row(crystal: Predicted) -> str:
    lattice = crystal.crystal.parameters()
    values = [
        str(crystal.rank), f"{crystal.space_group} ({crystal.refined.symbol})", f"{crystal.energy:.3f}",
        "–" if crystal.spread is None else f"{crystal.spread:.3f}",
        "–" if crystal.above_hull is None else f"{crystal.above_hull:z.3f}", str(crystal.units), str(len(crystal.crystal)),
        f"{crystal.crystal.volume / len(crystal.crystal):.2f}", " ".join(f"{x:.3f}" for x in lattice[:3]),
        " ".join(f"{x:.1f}" for x in lattice[3:]), _like(crystal), f"{crystal.distance:.2f}",
    ]  # fmt: skip
    return (
        f"<tr{' class=doubt' if crystal.warning else ''}>{''.join(f'<td>{html.escape(v)}</td>' for v in values)}</tr>"
    )


def _like(crystal: Predicted) -> str:
    like = crystal.analogue
    return "–" if like is None else f"{like.id} ({like.space_group}){', same structure' if like.same_type else ''}"


def _card(crystal: Predicted, number: int) -> str:
    links = " · ".join(
        f'<a href="{crystal_file(crystal.formula, crystal.rank, kind)}">{"POSCAR" if kind == "vasp" else kind}</a>'
        for kind in KINDS
    )
    warning = f'<p class="warning">{html.escape(crystal.warning)}</p>' if crystal.warning else ""
    return (
        f'<figure><canvas data-cell="{number}" tabindex="0" aria-label="unit cell, drag to turn"></canvas><figcaption>'
        f"<b>{crystal.rank}</b> {html.escape(crystal.refined.symbol)} ({crystal.space_group}), {crystal.energy:.3f} eV/atom"
        f"<br>{links}{warning}</figcaption></figure>"
    )


def _subscripts(formula: str) -> str:
    return "".join(f"<sub>{c}</sub>" if c.isdigit() else html.escape(c) for c in formula)
