"""What is said of a predicted crystal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lcom.crystal import Crystal
from lcom.prediction.analogue import View
from lcom.prediction.options import Options
from lcom.prediction.page import write_page
from lcom.prediction.predicted import Answer, Predicted
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
    write_page(tmp_path / "index.html", [answer], "")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
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


@pytest.mark.parametrize("name", ["keep", "starts", "steps", "decoded"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: at least 1, got 0"):
        Options(**{name: 0})
