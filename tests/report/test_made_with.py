"""The line under the tables."""

from __future__ import annotations

import json
from pathlib import Path

import lcom
from lcom.report.made_with import made_with


def _write(path: Path, **made_by: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"energy": -1.0, "made_by": made_by} if made_by else {"energy": -1.0}))


def test_every_version_that_made_a_number_is_there(tmp_path: Path) -> None:
    one = {"lcom": "0.1.0", "commit": "a" * 40, "python": "3.11.7", "packages": {"gpaw": "26.7.0"}, "device": "cpu"}
    _write(tmp_path / "reference/Si.json", **one)
    _write(tmp_path / "energies/start/relaxed/Si-0.json", **{**one, "packages": {"gpaw": "26.8.0"}})
    _write(tmp_path / "oqmd/candidates/lcoms/timing.json", **{**one, "commit": "", "device": "NVIDIA H100"})
    _write(tmp_path / "oqmd/energies/lcoms/dataset/Si-0.json")
    (tmp_path / "reference/Ge.json").write_text("{torn")
    line = made_with(tmp_path)
    assert line.count("\n") == 1 and line.startswith("Made with lcom ")
    assert "gpaw 26.7.0 and 26.8.0" in line and "0.1.0 (commit aaaaaaaaaa)" in line and "(commit unknown)" in line
    assert "NVIDIA H100" in line and "cpu" in line.partition("; on ")[2]


def test_without_results_it_is_of_the_table_alone(tmp_path: Path) -> None:
    assert f"lcom {lcom.__version__} (commit " in made_with(tmp_path)
