"""--use-conda: each rule in an environment made from its file, from a controller that has Snakemake and little else."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.workflow import conda
from tests.workflow.conftest import ROOT

# one column, no relaxation: every environment is used, and every stage but those that others of its environment stand for
SMALL = {"starts": ["dataset"], "search": {"methods": []}, "figures": {"compounds": []}}
METHODS = {"sl": None, "cdvae": None, "analogue": None}


def _imports(folder: Path, module: str) -> bool:
    code = f"import {module}"
    return not subprocess.run([folder / "bin/python", "-c", code], capture_output=True, check=False).returncode


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in, and the controller that docs/running.md tells people to make."""
    folder = tmp_path_factory.mktemp("conda")
    said = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"conda create -n lcom -c conda-forge -c bioconda snakemake=\S+ ([^`]+)`", said)
    conda.make(folder / "controller", ["snakemake", *listed.split()])
    conda.install(folder / "base", ROOT)
    return folder


@pytest.mark.timeout(1500)
def test_table_1_with_an_environment_for_each_file(project: Path, tools: Path) -> None:
    controller = tools / "controller"
    assert _imports(controller, "snakemake") and not _imports(controller, "torch")
    overlay = yaml.safe_load((project / "overlay.yaml").read_text(encoding="utf-8")) | SMALL
    overlay["methods"] |= METHODS
    (project / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    path = os.pathsep.join([str(tools / "base/bin"), str(controller / "bin"), "/usr/bin", "/bin"])
    environment = {"PATH": path, "HOME": str(tools), "OMP_NUM_THREADS": "1"}
    cut = (
        ["unshare", "-n"]
        if not subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode
        else []
    )
    command = [
        *cut,  # of the stages, none but download needs a network
        controller / "bin/python",
        "-m",
        "snakemake",
        "--cores",
        "2",
        "--configfile",
        "overlay.yaml",
        "--use-conda",
    ]
    run = subprocess.run(
        [*command, "--", "results/test/table1.csv"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-5000:]
    assert len((project / "results/test/table1.csv").read_text().splitlines()) > 1
    made = list((project / ".snakemake/conda").glob("*.yaml"))
    assert sorted(file.read_text() for file in made) == sorted(
        file.read_text()
        for file in (ROOT / "envs").glob("*.yaml")
        if file.stem != "matbench"  # of one target alone
    )
    for file in made:  # what a file does not name is not there
        named = file.read_text()
        for module, package in (("gpaw", "gpaw="), ("torch_geometric", "pytorch_geometric="), ("chgnet", "chgnet=")):
            assert _imports(file.with_suffix(""), module) is (package in named), f"{module}: {named}"


def test_a_version_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("dependencies: [python=3.11, numpy=1.0.0]")
    with pytest.raises(SystemExit, match=r"numpy=1\.0\.0"):
        conda.create(tmp_path / "e.yaml", tmp_path / "env")
