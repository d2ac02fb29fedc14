"""`snakemake --report` has what the rules mark for it, with captions."""

from __future__ import annotations

from tests.workflow.conftest import Project


def test_snakemakes_own_report_has_captions_and_categories(finished: Project) -> None:
    done = finished.snakemake("--report", "own.html")
    assert done.returncode == 0, done.stderr
    text = (finished.folder / "own.html").read_text(encoding="utf-8")
    for category in ("Tables", "Figures", "Trainings", "Data"):
        assert f'"{category}"' in text
    for caption in (finished.folder / "lcom/report/captions").glob("*.rst"):
        if caption.stem != "report":  # of a target that is asked for by name
            assert caption.read_text(encoding="utf-8")[:40] in text, caption
