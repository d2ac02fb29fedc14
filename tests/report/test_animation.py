"""scripts/animation.py, by the networks that come with lcom."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from PIL import Image

SCRIPT = Path(__file__).parents[2] / "scripts/animation.py"


def test_an_animation_has_every_step_and_moves(tmp_path: Path, monkeypatch, capsys) -> None:
    script = runpy.run_path(str(SCRIPT))["main"].__globals__
    script["STEPS"] = [0, 4]
    out = tmp_path / "found.gif"
    monkeypatch.setattr(sys, "argv", ["animation.py", "MgO", str(out)])
    script["main"]()
    energies = capsys.readouterr().out.split("[")[1].split("]")[0].split(",")
    assert len(energies) == 2
    with Image.open(out) as image:
        durations = []
        for k in range(image.n_frames):
            image.seek(k)
            durations.append(image.info["duration"])
    assert sum(durations) >= 300 * (2 + script["LAST"])  # ms; frames alike are stored once
