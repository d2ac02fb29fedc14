"""A calculation that dies hard is recorded, one that raises says so, and none outlives its stage."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

import lcom.stages.energy as stage
from lcom.candidates import Candidate, write_candidate
from lcom.crystal import Crystal
from lcom.dft import child
from lcom.dft.child import Died, in_child
from lcom.report.judge import load_energy


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _segfault() -> None:
    ctypes.string_at(0)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(_killed, "signal 9 .out of memory"), (_segfault, "signal 11 .SIGSEGV"), (lambda: os._exit(3), "status 3")],
)
def test_a_hard_death_is_told(fault, reason: str) -> None:
    with pytest.raises(Died, match=reason):
        in_child(fault)


def test_answers_and_exceptions_come_back() -> None:
    assert in_child(lambda: np.arange(200_000)).sum() == 199_999 * 100_000
    with pytest.raises(KeyError, match="what"):
        in_child(lambda: {}["what"])


def test_it_stops_before_its_job_does(monkeypatch) -> None:
    monkeypatch.setattr(child, "MARGIN", 1.0)
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 3))
    begun = time.monotonic()
    with pytest.raises(Died, match="time limit"):
        in_child(lambda: time.sleep(60))
    assert time.monotonic() - begun < 10
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 1000))
    assert in_child(lambda: 1) == 1


@pytest.mark.parametrize("last", [True, False])
def test_the_stage_records_it_in_the_last_attempt(tmp_path: Path, monkeypatch, last: bool) -> None:
    """A table can then be made, and says why the energy is missing."""
    write_candidate(tmp_path / "Si-0.extxyz", Candidate(Crystal.from_atoms(bulk("Si")), "Si", 0, "lcoms", "dataset"))
    monkeypatch.setattr(stage, "energy", lambda *_: _killed())
    words = [
        "energy",
        "--structure",
        str(tmp_path / "Si-0.extxyz"),
        "--config",
        "{}",
        "--out",
        str(tmp_path / "Si-0.json"),
    ]
    monkeypatch.setattr("sys.argv", [*words, "--last", str(int(last))])
    if not last:
        with pytest.raises(ValueError, match="out of memory"):
            stage.main()
        assert not (tmp_path / "Si-0.json").exists()
        return
    stage.main()
    said = json.loads((tmp_path / "Si-0.json").read_text())
    assert said["status"] == "failed" and said["reason"] == "killed by signal 9 (out of memory?)"
    assert said["made_by"]["packages"]["numpy"]
    assert load_energy(tmp_path / "Si-0.json").reason == said["reason"]
