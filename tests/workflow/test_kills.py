"""kill -9 of Snakemake alone, or of all it started, then the same command; and two runs at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lcom.base.processes import INTERVAL
from rules.common import hold_lock
from tests import forked

MODEL = "results/test/prototypes/cdvae/model.safetensors"
OPTIONS = ["--cores", "2", "--configfile", "overlay.yaml"]
COMMAND = [sys.executable, "-m", "snakemake", *OPTIONS]


def _run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.snakemake(project, *OPTIONS, *arguments)


def _jobs(project: Path) -> Iterator[int]:
    """The processes of stages that work in the project."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if (folder / "cwd").resolve() == project and any(word.startswith(b"lcom.stages.") for word in words):
                yield int(folder.name)
        except OSError:  # it has just ended
            continue


@pytest.fixture
def trained(project: Path) -> bytes:
    """What the training makes that nothing interrupts; the project is then as before it, with its inputs."""
    overlay = yaml.safe_load((project / "overlay.yaml").read_text(encoding="utf-8"))
    overlay["cdvae"]["training"]["epochs"] = 12
    (project / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    run = _run(project, "--", MODEL)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    made = (project / MODEL).read_bytes()
    (project / MODEL).unlink()
    return made


@pytest.mark.timeout(1200)
def test_a_training_survives_the_kill_of_its_snakemake(project: Path, trained: bytes) -> None:
    state = project / "results/test/.state/train_cdvae"
    for alone in (True, False):
        with (project / "killed.log").open("w") as log:
            run = subprocess.Popen([*COMMAND, "--", MODEL], cwd=project, stdout=log, stderr=log, start_new_session=True)
            before = set(state.glob("*/*/*.ckpt"))
            begun = time.monotonic()
            while not set(state.glob("*/*/*.ckpt")) - before:
                assert run.poll() is None, (project / "killed.log").read_text()
                assert time.monotonic() - begun < 300
                time.sleep(0.05)
            jobs = set(_jobs(project))
            assert jobs
            (os.kill if alone else os.killpg)(run.pid, signal.SIGKILL)
            if alone:  # a zombie as long as nobody asks: the jobs must not wait for that
                begun = time.monotonic()
                while jobs & set(_jobs(project)):
                    assert time.monotonic() - begun < 20 * INTERVAL, "an orphan works on"
                    time.sleep(0.05)
            run.wait()
    assert not (project / MODEL).exists()
    again = _run(project, "--", MODEL)
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert "going on from" in (project / "results/test/logs/train_cdvae/prototypes.log").read_text()
    assert (project / MODEL).read_bytes() == trained
    assert not [path for path in state.rglob("*") if path.is_file()]


@pytest.mark.timeout(600)
def test_a_second_run_is_refused_in_the_same_results_and_goes_on_in_others(project: Path) -> None:
    hold_lock(project / "results/test/.running")
    target = "prototypes/split.csv"
    refused = _run(project, "--", f"results/test/{target}")
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    (line,) = [line for line in said.splitlines() if "Another snakemake run" in line]
    assert "results/test" in line and f"process {os.getpid()}" in line
    assert not (project / "results/test/prototypes").exists()
    beside = _run(project, "--config", "results=results/other", "--", f"results/other/{target}")
    assert beside.returncode == 0 and (project / "results/other" / target).exists(), beside.stdout + beside.stderr
