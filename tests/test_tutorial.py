"""docs/tutorial.ipynb runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prediction.tiny_run import write_run

NOTEBOOK = Path(__file__).parents[1] / "docs/tutorial.ipynb"


@pytest.mark.timeout(300)
def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder whose results/ has tiny networks, which it finds by itself."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    write_run(tmp_path / "results/prototypes")
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = ["".join(output.get("text", "") for output in cell.get("outputs", [])) for cell in notebook.cells]
    assert any("1 " in text and "eV/atom" in text for text in said)
    assert (tmp_path / "KBr.cif").is_file() and (tmp_path / "KBr.vasp").is_file()


def test_the_tutorial_shows_what_came_out() -> None:
    """It is read more often than run: every cell that prints has its output, from one run in order."""
    nbformat = pytest.importorskip("nbformat")
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.outputs for cell in cells if "print(" in cell.source)
