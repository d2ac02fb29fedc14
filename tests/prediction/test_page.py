"""What a browser makes of index.html; skipped where there is none."""

from pathlib import Path

import numpy as np

from lcom.crystal import Crystal
from lcom.prediction.page import write_page
from lcom.prediction.predict import predict
from lcom.prediction.predicted import Answer
from lcom.report.cells import drawing
from tests.browser import browser_page, colours
from tests.crystals import KNOWN


def test_atoms_on_a_face_are_drawn_on_the_opposite_one_too() -> None:
    cell = drawing(KNOWN["NaCl"])
    assert len(cell["atoms"]) == 27 and len(cell["bonds"]) == 54  # the textbook's cube: 14 of one kind, 13 of the other
    places = np.array([atom[1:] for atom in cell["atoms"]])
    np.testing.assert_allclose(places.mean(0), 0, atol=1e-3)
    assert {atom[0] for atom in cell["atoms"]} == {11, 17} and cell["group"] == 225


def test_bonds_are_those_to_the_nearest() -> None:
    """The radii of lithium alone would have it bound to lithium in LiF."""
    rocksalt = KNOWN["NaCl"]
    cell = drawing(
        Crystal(np.where(rocksalt.numbers == 11, 3, 9), rocksalt.frac_coords, rocksalt.lattice * 4.03 / 5.64)
    )
    assert len(cell["bonds"]) == 54 and all(cell["atoms"][i][0] != cell["atoms"][j][0] for i, j in cell["bonds"])


def test_a_browser_draws_it_without_a_complaint(run: Path, tmp_path: Path) -> None:
    crystals = predict("NaBr", networks=run, keep=2, units=[1])
    answers = [Answer("brna", "NaBr", "", crystals), Answer("XeF2", reason="no <Xe> in the data")]
    write_page(tmp_path / "index.html", answers, 'about & "such" </script> {{data}}')
    with browser_page() as (page, complaints):
        page.goto((tmp_path / "index.html").as_uri())
        page.wait_for_function("document.querySelector('canvas').cell !== undefined")
        assert colours(page, "canvas") > 0.01
        before = page.locator("canvas").first.screenshot()
        page.locator("canvas").first.press("ArrowLeft")
        assert page.locator("canvas").first.screenshot() != before
        page.locator("th button").first.click()
        page.locator("th button").first.click()
        assert page.locator("tbody td:first-child").all_text_contents() == ["2", "1"]
        assert "{{data}}" in page.locator(".about").first.text_content()
        assert "no <Xe> in the data" in page.locator("li").text_content()
        page.set_viewport_size({"width": 1300, "height": 900})
        assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)")
    assert complaints == []
