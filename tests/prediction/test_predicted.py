"""What is said of a predicted crystal."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lcom.crystal import Crystal
from lcom.prediction.analogue import View
from lcom.prediction.options import Options
from lcom.prediction.page import write_page
from lcom.prediction.predicted import ENERGY, Answer, Predicted
from lcom.prediction.rank import refine
from lcom.prediction.terminal import answer_table
from tests.crystals import KNOWN


def rocksalt(cation: int, distance: float = 0.5, converged: bool | None = None) -> Predicted:
    found = KNOWN["NaCl"]
    crystal = Crystal(np.where(found.numbers == 11, cation, 8), found.frac_coords, 0.8 * found.lattice)
    view = View(0.1, 0.01, distance, None, None)
    return Predicted(crystal.formula, 1, refine(crystal), 0.1, "energy", "descent", view, None, "", converged)


@pytest.mark.parametrize(
    ("cation", "warned"), [(26, "Fe: magnetic"), (28, "Ni: magnetic"), (64, "Gd: magnetic"), (12, "")]
)
def test_magnetic_elements_are_warned_of(cation: int, warned: str, tmp_path) -> None:
    """In the ranking and on the page, once; the crystals themselves are as good as others'."""
    crystal = rocksalt(cation)
    assert crystal.warning.startswith(warned) and bool(crystal.warning) == bool(warned) and crystal.doubt == ""
    answer = Answer(crystal.formula, crystal.formula, "", [crystal, crystal])
    assert str(answer_table(answer).caption).count("magnetic") == bool(warned)
    text = _page(tmp_path, answer)
    assert text.count("order of spins") == bool(warned) and "class=doubt" not in text


def test_both_warnings_stand_in_the_ranking() -> None:
    far = rocksalt(26, distance=1.4)
    assert "far from the training data" in far.warning and "; Fe: magnetic" in far.warning
    assert rocksalt(26, distance=1.4, converged=False).doubt == "its relaxation did not converge"


@pytest.mark.parametrize(("above", "said"), [(-0.01, 1), (0.0, 0), (0.2, 0), (None, 0)])
def test_what_an_energy_below_the_hull_says(above: float | None, said: int) -> None:
    crystal = replace(rocksalt(12), above_hull=above, hull_by="the energy model")
    caption = str(answer_table(Answer(crystal.formula, crystal.formula, "", [crystal])).caption)
    assert caption.count("below 0: lower than any mixture") == said


def test_the_page_says_what_the_terminal_says(tmp_path: Path) -> None:
    """What was done to the crystals, the caveats, what is to be doubted, how the formula was read; no column that is empty."""
    far = replace(rocksalt(26, distance=1.4), above_hull=-0.01, hull_by="the energy model", order="energy + 0.01")
    answer = Answer("feo", far.formula, "read as FeO", [far])
    text = _page(tmp_path, answer)
    for line in str(answer_table(answer).caption).split("\n"):
        assert html.escape(line) in text
    assert "read as FeO" in text and "Relaxed by the energy model" in text and "below 0" in text and "±" not in text
    surrogates = replace(far, order=ENERGY, spread=0.012)
    text = _page(tmp_path, Answer("FeO", far.formula, "", [surrogates]))
    assert "As found, not relaxed but for the volume" in text and "0.100 ± 0.012" in text
    assert "Relaxed with CHGNet" in _page(tmp_path, Answer("FeO", far.formula, "", [rocksalt(26, converged=True)]))


def _page(folder: Path, answer: Answer) -> str:
    write_page(folder / "index.html", [answer], "")
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["keep", "starts", "steps", "decoded"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: a whole number, at least 1, got 0"):
        Options(**{name: 0})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("keep", 1.5, "keep: a whole number, at least 1, got 1.5"),
        ("keep", "2", "keep: a whole number, at least 1, got '2'"),
        ("search", None, "search: a whole number, at least 0, got None"),
        ("seed", "x", "seed: a whole number, got 'x'"),
        ("units", 1, r"units: whole numbers from 1 on are needed, such as \[1, 2\], got 1"),
        ("units", [], "units: whole numbers"),
        ("atoms", "2,4", "atoms: whole numbers .* got '2,4'"),
        ("atoms", [2, 4.5], "atoms: whole numbers"),
        ("space_group", "Fm-3m", "space group: a number from 1 to 230, got 'Fm-3m'"),
        ("space_group", 231, "space group: a number from 1 to 230, got 231"),
        ("alike", "half", "alike: a fraction from 0 to 1, got 'half'"),
        ("relax", "magic", "relax: none or chgnet, got 'magic'"),
    ],
)
def test_an_option_of_another_kind_is_refused_in_one_line(name: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Options(**{name: value})


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    assert Options(keep=np.int64(2), units=range(1, 3)).keep == 2
