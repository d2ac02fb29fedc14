"""Relaxations: minima, limits and resuming with a fast stand-in for GPAW (ASE's EMT), and a real one that is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read

from lcom.base.seeding import generator
from lcom.crystal import Crystal
from lcom.dft.gpaw import Point
from lcom.dft.relax import Tape, relax, remove_tapes, tape_file
from lcom.dft.settings import DftSettings, RelaxSettings
from lcom.starts.random import random_crystal
from lcom.starts.settings import RandomSettings

SETTINGS = DftSettings(relax=RelaxSettings(max_steps=100))
START = random_crystal(np.array([29, 79]), RandomSettings(), generator("test", 5))


def geometry(crystal: Crystal) -> np.ndarray:
    return np.concatenate([crystal.lattice.ravel(), crystal.frac_coords.ravel()])


def test_a_random_start_ends_in_a_minimum(emt, tmp_path) -> None:
    relaxed = relax(START, SETTINGS, Tape(tmp_path / "a.tape"), symmetric=False)
    assert relaxed.converged and relaxed.reason == "" and relaxed.steps == emt.calls == len(relaxed.frames)
    assert relaxed.energy < relaxed.frames[0].energy / 2 - 0.1
    last = relaxed.frames[-1]
    assert np.linalg.norm(last.forces, axis=1).max() <= 0.02
    assert np.abs(last.stress).max() * np.linalg.det(last.cell) / 2 < 0.02
    assert {frame.phase for frame in relaxed.frames} == {0, 1}


def test_the_lattice_constant_of_copper(emt, tmp_path) -> None:
    relaxed = relax(Crystal.from_atoms(bulk("Cu", a=3.8)), SETTINGS, Tape(tmp_path / "cu.tape"), symmetric=True)
    assert (4 * relaxed.crystal.volume) ** (1 / 3) == pytest.approx(3.59, abs=0.01)  # EMT
    assert {frame.phase for frame in relaxed.frames} == {0}


@pytest.mark.parametrize(
    ("kept", "damage"), [(0, "binary"), (1, "none"), (7, "torn"), (7, "flipped"), (-1, "torn"), (-1, "none")]
)
def test_a_tape_cut_anywhere_leads_to_the_same_end(emt, tmp_path, kept, damage) -> None:
    whole = Tape(tmp_path / "whole.tape")
    expected = relax(START, SETTINGS, whole, symmetric=False)
    lines = whole.path.read_bytes().splitlines(keepends=True)
    kept %= len(lines)
    tail = {
        "none": b"",
        "torn": lines[kept][: len(lines[kept]) // 2],
        "flipped": lines[kept].replace(b"1", b"2", 20) + b"".join(lines[kept + 1 :]),
        "binary": b"\x00\xff\n" * 3,
    }[damage]
    path = tmp_path / "cut.tape"
    path.write_bytes(b"".join(lines[:kept]) + tail)
    emt.calls = 0
    resumed = relax(START, SETTINGS, Tape(path), symmetric=False)
    assert emt.calls == expected.steps - kept  # what is on the tape is not done again
    assert resumed.steps == expected.steps
    assert (geometry(resumed.crystal) == geometry(expected.crystal)).all()
    assert len(path.read_bytes().splitlines()) == expected.steps


def test_a_tape_of_another_geometry_is_not_followed(emt, tmp_path, caplog) -> None:
    path = tmp_path / "a.tape"
    other = random_crystal(START.numbers, RandomSettings(), generator("test", 6))
    relax(other, SETTINGS, Tape(path), symmetric=False)
    expected = relax(START, SETTINGS, Tape(tmp_path / "b.tape"), symmetric=False)
    resumed = relax(START, SETTINGS, Tape(path), symmetric=False)
    assert (geometry(resumed.crystal) == geometry(expected.crystal)).all()
    assert "another geometry at step 0" in caplog.text


def test_edited_settings_or_starts_have_their_own_tape(tmp_path) -> None:
    paths = {
        tape_file(tmp_path, "Cu-0", START, SETTINGS),
        tape_file(tmp_path, "Cu-0", START, DftSettings(cutoff=700, relax=SETTINGS.relax)),
        tape_file(tmp_path, "Cu-0", START, DftSettings(relax=RelaxSettings(fmax=0.05))),
        tape_file(tmp_path, "Cu-0", Crystal(START.numbers, START.frac_coords, START.lattice * 1.01), SETTINGS),
    }
    assert len(paths) == 4 and tape_file(tmp_path, "Cu-0", START, SETTINGS) in paths
    for path in [*paths, tmp_path / "Cu-1-x.tape"]:
        path.write_bytes(b"")
    remove_tapes(tmp_path, "Cu-0")
    assert [path.name for path in tmp_path.iterdir()] == ["Cu-1-x.tape"]
    remove_tapes(tmp_path, "Cu-1")
    assert not tmp_path.exists()
    remove_tapes(tmp_path, "Cu-1")  # nothing there: fine


@pytest.mark.parametrize("limit", [1, 6])
def test_the_number_of_steps_is_limited(emt, tmp_path, limit) -> None:
    settings = DftSettings(relax=RelaxSettings(max_steps=limit))
    relaxed = relax(START, settings, Tape(tmp_path / "a.tape"), symmetric=False)
    assert not relaxed.converged and relaxed.reason == ""
    assert relaxed.steps <= limit + 2  # each phase also begins with the energy of its start


@pytest.mark.parametrize("fails", [1, 5])
def test_a_failure_on_the_way_is_recorded(emt, tmp_path, fails) -> None:
    emt.failing = (fails,)
    relaxed = relax(START, SETTINGS, Tape(tmp_path / "a.tape"), symmetric=False)
    assert relaxed.reason == "the self-consistent field did not converge in 300 iterations"
    assert not relaxed.converged and relaxed.steps == fails - 1
    assert (relaxed.energy is None) == (fails == 1)


def test_a_collapse_is_recorded(emt, tmp_path, monkeypatch) -> None:
    def implosive(self, atoms) -> Point:
        return Point(-1.0, np.zeros((len(atoms), 3)), np.array([0.5, 0.5, 0.5, 0, 0, 0]), 1)

    monkeypatch.setattr(emt, "__call__", implosive)
    relaxed = relax(START, SETTINGS, Tape(tmp_path / "a.tape"), symmetric=False)
    assert relaxed.reason.startswith(f"in step {relaxed.steps} of the relaxation: ")
    assert "atoms too close" in relaxed.reason or "collapsed" in relaxed.reason


def test_kill_9_and_the_same_command_again(tmp_path) -> None:
    dft = {"cutoff": 200.0, "relax": {"kpoint_density": 1.0, "fmax": 0.05, "max_steps": 15}}
    out, state = tmp_path / "Si-1.extxyz", tmp_path / "state"
    line = [sys.executable, "-m", "lcom.stages.relax_initial", "--compounds", "data/compounds.csv", "--compound", "Si"]
    config = json.dumps({"initial": {}, "dft": dft})
    line += ["--seed", "1", "--config", config, "--out", str(out), "--state", str(state)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (tmp_path / "log").open("w") as log:
        first = subprocess.Popen(line, stdout=log, stderr=log, env=environment)
        begun = time.monotonic()
        while sum(path.read_bytes().count(b"\n") for path in state.glob("*.tape")) < 3:
            assert first.poll() is None and time.monotonic() - begun < 120, (tmp_path / "log").read_text()
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert not out.exists()
    (tape,) = state.glob("*.tape")
    kept = tape.read_bytes().splitlines(keepends=True)
    tape.write_bytes(b"".join(kept[:-1]) + kept[-1][:-20])  # and the kill tore the last line
    second = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    assert second.returncode == 0, second.stderr
    assert f"resuming after {len(kept) - 1} steps" in second.stderr and "is damaged" in second.stderr
    frames = read(out, index=":")
    assert frames[-1].info["steps"] == len(frames) <= 15 + 2
    assert [f"{frame.get_potential_energy():.8f}" for frame in frames[: len(kept) - 1]] == [
        f"{json.loads(text.split(b' ', 1)[1])['energy']:.8f}" for text in kept[:-1]
    ]
    assert not state.exists() and sorted(path.name for path in tmp_path.iterdir()) == ["Si-1.extxyz", "log"]
