"""Config errors and overlays, as the user sees them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import DATA_FILE, FORMULAS, ROOT, Project, copy_project

OVERLAYS = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.name != "schema.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("config"))


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_the_configs_have_a_dag(tmp_path: Path, overlay: Path) -> None:
    project = copy_project(tmp_path)
    settings = yaml.safe_load(overlay.read_text(encoding="utf-8"))
    settings["only"] = [formula for formula in settings.get("only", FORMULAS) if formula in FORMULAS]
    project.overlay(**{"search": {}} | settings)
    shutil.copy(ROOT / DATA_FILE, tmp_path / DATA_FILE)
    (tmp_path / "data/embedded").touch()  # not read in a dry run
    for table in settings.get("data", {}).get("heldout_tables", []):
        shutil.copy(ROOT / table, tmp_path / table)
    for source in settings.get("data", {}).values():  # a user's own copies
        if isinstance(source, dict) and (file := source.get("file")):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch()
    assert {"table1", "table2", "decode"} <= set(project.dry_run())


def test_results_may_go_to_another_place(project: Project, tmp_path: Path) -> None:
    project.overlay(results=str(tmp_path), data={"prototypes": {"file": str(ROOT / DATA_FILE)}})
    jobs = project.dry_run("--", f"{tmp_path}/table1.csv")
    assert jobs["table1"] == jobs["train_cdvae"] == 1


def _refused(project: Project, *arguments: str) -> str:
    result = project.snakemake("--quiet", *arguments)
    output = result.stdout + result.stderr
    assert result.returncode == 1, output
    assert len(output.splitlines()) < 15 and "Traceback" not in output, output
    assert not (project.folder / "results").exists()
    return output


def test_an_invalid_config_stops_before_any_job_and_lists_every_problem(project: Project) -> None:
    project.overlay(surrogate={"tua": 1}, seeds="three")
    output = _refused(project)
    assert "surrogate: unknown key tua (did you mean tau?); allowed: " in output
    assert 'seeds: "three" is text, but a whole number is needed' in output


def test_an_unknown_compound_is_named_with_those_there_are(project: Project) -> None:
    project.overlay(only=["NaCl", "Unobtainium"])
    output = _refused(project)
    assert "Unobtainium (config key `only`) not in data/compounds.csv, which has LiF, NaCl, MgO, Si" in output


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("XyO,2,225,rocksalt,4,4,4,90,90,90,test", "row 2 column formula"),
        ("MgO,2,225,octahedron,4,4,4,90,90,90,test", "row 2 column prototype: 'octahedron' is none of"),
    ],
)
def test_a_bad_table_is_named_with_row_and_column(project: Project, row: str, problem: str) -> None:
    header = (ROOT / "data/compounds.csv").read_text(encoding="utf-8").splitlines()[0]
    (project.folder / "data/mine.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    project.overlay(only=[], compounds="data/mine.csv")
    assert f"data/mine.csv {problem}" in _refused(project)


def test_an_unknown_data_set_is_named_with_those_there_are(project: Project) -> None:
    project.overlay(datasets=["prototypes", "aflow"])
    assert (
        "datasets: unknown data set aflow; `data` in the config has embedded, matbench, oqmd, oqmd_all, prototypes"
        in _refused(project)
    )


def test_a_cutoff_that_is_too_low_for_a_compound_is_refused(project: Project) -> None:
    project.overlay(only=["Si", "MgO"], dft={"cutoff": 350.0})
    assert "'dft.cutoff' is 350 eV, but MgO contains O" in _refused(project)


def test_a_table_that_is_not_there_is_named(project: Project) -> None:
    project.overlay(compounds="data/none.csv")
    assert "data/none.csv: no such table of compounds (config key `compounds`)" in _refused(project)
