"""What a browser makes of index.html; skipped where there is none."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from lcom.prediction.page import drawing, write_page
from lcom.prediction.predict import predict
from lcom.prediction.predicted import Answer
from tests.crystals import KNOWN

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def test_atoms_on_a_face_are_drawn_on_the_opposite_one_too() -> None:
    cell = drawing(KNOWN["NaCl"])
    assert len(cell["atoms"]) == 27 and len(cell["bonds"]) == 54  # the textbook's cube: 14 of one kind, 13 of the other
    places = np.array([atom[1:] for atom in cell["atoms"]])
    np.testing.assert_allclose(places.mean(0), 0, atol=1e-3)
    assert {atom[0] for atom in cell["atoms"]} == {11, 17}


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_draws_it_without_a_complaint(run: Path, tmp_path: Path) -> None:
    crystals = predict("NaBr", networks=run, keep=2, units=[1])
    write_page(tmp_path / "index.html", [Answer("brna", "NaBr", "", crystals)], 'about & "such" </script>')
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=900,900", "--virtual-time-budget=3000",
            "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}",
            (tmp_path / "index.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    picture = imread(tmp_path / "page.png")[..., :3]
    coloured = (picture.max(-1) - picture.min(-1)) > 0.3
    assert coloured.mean() > 0.003  # atoms: the rest of the page is grey, but for its links
