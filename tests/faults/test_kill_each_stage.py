"""kill -9 in each stage of a run: of Snakemake by its pid, and of all it started."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from lcom.base.processes import INTERVAL
from tests.workflow.conftest import project  # noqa: F401 (fixture)
from tests.workflow.test_kills import COMMAND, _run

MADE = (".safetensors", ".extxyz", ".cif")  # no times in them
# without relaxations, whose kills are tests of their own (tests/dft/test_relax.py)
SMALL = {"starts": ["dataset"], "search": {"methods": ["ras"], "evaluations": 40}, "figures": {"compounds": []}}


def _stages(project: Path) -> dict[int, str]:  # noqa: F811
    """The processes of stages that work in the project, with the name of the stage."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if (folder / "cwd").resolve() == project and "-m" in words:
                module = words[words.index("-m") + 1]
                if module.startswith("lcom.stages."):
                    found[int(folder.name)] = module.removeprefix("lcom.stages.")
        except OSError:  # it has just ended
            continue
    return found


def _kill_in(project: Path, killed: set[str], alone: bool) -> str | None:  # noqa: F811
    """Run until a stage is at work in which none was killed, and kill; None if the run ended before."""
    with (project / "killed.log").open("w") as log:
        run = subprocess.Popen(COMMAND, cwd=project, stdout=log, stderr=log, start_new_session=True)
        while run.poll() is None:
            if new := set(_stages(project).values()) - killed:
                time.sleep(1.0)  # it reads, works or writes
                (os.kill if alone else os.killpg)(run.pid, signal.SIGKILL)
                run.wait()
                begun = time.monotonic()
                while _stages(project):
                    assert time.monotonic() - begun < 20 * INTERVAL, "an orphan works on"
                    time.sleep(0.05)
                return min(new)
            time.sleep(0.02)
        assert run.returncode == 0, (project / "killed.log").read_text()[-5000:]
    return None


def _made(project: Path) -> dict[str, str]:  # noqa: F811
    files = [path for path in (project / "results/test").rglob("*") if path.suffix in MADE]
    return {str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.timeout(3600)
def test_every_stage_is_killed_and_the_run_ends_as_an_unbroken_one(
    project: Path,  # noqa: F811
    request: pytest.FixtureRequest,
) -> None:
    if not request.config.pluginmanager.hasplugin("tests.faults.table"):
        pytest.skip("minutes: make faults")
    overlay = yaml.safe_load((project / "overlay.yaml").read_text(encoding="utf-8"))
    (project / "overlay.yaml").write_text(yaml.safe_dump(overlay | SMALL), encoding="utf-8")
    unbroken = _run(project, "--until", "decode", "search", "analogue")
    assert unbroken.returncode == 0, unbroken.stdout[-3000:] + unbroken.stderr[-3000:]
    wanted = _made(project)
    shutil.rmtree(project / "results")
    killed: set[str] = set()
    while stage := _kill_in(project, killed, alone=len(killed) % 2 == 0):
        killed.add(stage)
    assert len(killed) >= 15, killed
    made = _made(project)
    assert {name: made.get(name) for name in wanted} == wanted
    assert not list((project / "results").rglob("*.tmp"))
