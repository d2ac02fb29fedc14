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

import lcom.dft.energies as module
import lcom.stages.energy as stage
from lcom.candidates import Candidate, write_candidates
from lcom.crystal import Crystal
from lcom.dft import child
from lcom.dft.child import Died, Unfinished, in_child, in_children
from lcom.dft.gpaw import Energy
from lcom.report.judge import load_energies


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


def test_many_side_by_side_each_with_its_own_end(monkeypatch) -> None:
    """A death costs the others nothing; None waits until one has ended; what the job's time does not allow is nobody's fault."""
    tasks = [("dies", _killed), ("wrong", lambda: {}["what"]), None, ("well", lambda: 7)]
    found = dict(in_children(tasks, 2))
    assert isinstance(found["dies"], Died) and isinstance(found["wrong"], KeyError) and found["well"] == 7
    begun = time.monotonic()
    assert len(list(in_children([(k, lambda: time.sleep(1)) for k in range(4)], 4))) == 4
    assert time.monotonic() - begun < 3.5
    monkeypatch.setattr(child, "MARGIN", 1.0)
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 4))
    late = [("soon", lambda: time.sleep(0.1)), ("hard", lambda: time.sleep(60)), ("never", lambda: 1)]
    found = dict(in_children(late, 1))
    assert found["soon"] is None and isinstance(found["hard"], Died) and isinstance(found["never"], Unfinished)


@pytest.mark.parametrize("last", [True, False])
def test_the_stage_records_it_in_the_last_attempt(tmp_path: Path, monkeypatch, last: bool) -> None:
    """A table can then be made, and says why the energy is missing. The others of the job are kept in any case."""
    silicon, carbon = (Crystal.from_atoms(bulk(name)) for name in ("Si", "C"))
    found = [Candidate(carbon, "C", 0, "lcoms", "dataset"), Candidate(silicon, "Si", 0, "lcoms", "dataset")]
    write_candidates(tmp_path / "dataset.extxyz", found)

    def energy(crystal: Crystal, settings) -> Energy:
        return _killed() if 14 in crystal.numbers else Energy(crystal, -9.0, 0.0, 0.0, 1, 1.0)

    monkeypatch.setattr(module, "energy", energy)
    words = ["energy", "--structures", tmp_path / "dataset.extxyz", "--config", "{}", "--out", tmp_path / "000.jsonl"]
    words += ["--only", "C", "Si", "--cache", tmp_path / "cache", "--last", int(last)]
    monkeypatch.setattr("sys.argv", list(map(str, words)))
    if not last:
        with pytest.raises(ValueError, match=r"1 of 2 energies are missing \(killed by signal 9 .out of memory"):
            stage.main()
        assert not (tmp_path / "000.jsonl").exists()
        monkeypatch.setattr(module, "energy", lambda crystal, _: Energy(crystal, -5.0, 0.0, 0.0, 1, 1.0))
        stage.main()
        energies = [record.energy for record in load_energies(tmp_path / "000.jsonl")]
        assert energies == [-9.0, -5.0], "the first is that of the first attempt"
        return
    stage.main()
    _, said = map(json.loads, (tmp_path / "000.jsonl").read_text().splitlines())
    assert said["status"] == "failed" and said["reason"] == "killed by signal 9 (out of memory?)"
    assert said["made_by"]["packages"]["numpy"]
    assert [record.reason for record in load_energies(tmp_path / "000.jsonl")] == ["", said["reason"]]
