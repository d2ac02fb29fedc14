"""Relaxations: minima, limits and resuming with a fast stand-in for GPAW (ASE's EMT), and a real one that is killed."""

import dataclasses
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

from lcom.base.resume import HEAD, Records, state
from lcom.base.seeding import generator
from lcom.crystal import Crystal
from lcom.dft.gpaw import Point
from lcom.dft.relax import relax
from lcom.dft.relaxations import Steps, relaxations
from lcom.dft.settings import DftSettings, RelaxSettings
from lcom.starts.random import random_crystal
from lcom.starts.settings import RandomSettings

SETTINGS = DftSettings(relax=RelaxSettings(max_steps=100))
START = random_crystal(np.array([29, 79]), RandomSettings(), generator("test", 5))


def geometry(crystal: Crystal) -> np.ndarray:
    return np.concatenate([crystal.lattice.ravel(), crystal.frac_coords.ravel()])


def test_a_random_start_ends_in_a_minimum(emt, tmp_path) -> None:
    relaxed = relax(START, SETTINGS, Records(tmp_path / "a.records"), symmetric=False)
    assert relaxed.converged and relaxed.reason == "" and relaxed.steps == emt.calls == len(relaxed.frames)
    assert relaxed.energy < relaxed.frames[0].energy / 2 - 0.1
    last = relaxed.frames[-1]
    assert np.linalg.norm(last.forces, axis=1).max() <= 0.02
    assert np.abs(last.stress).max() * np.linalg.det(last.cell) / 2 < 0.02
    assert [frame.phase for frame in relaxed.frames] == sorted(frame.phase for frame in relaxed.frames)
    assert {frame.phase for frame in relaxed.frames} == {0, 1, 2} and relaxed.frames[1].phase == 1


def test_the_stress_for_want_of_plane_waves_is_taken_out(emt, tmp_path) -> None:
    """The coarse phase of it ends where one without it does, and not under its pressure; the last one has none to take out."""
    exact = relax(START, SETTINGS, Records(tmp_path / "exact.records"), symmetric=False)
    emt.pulay = -2.0  # eV a cell, a quarter of MgO's at 500 eV
    relaxed = relax(START, SETTINGS, Records(tmp_path / "coarse.records"), symmetric=False)
    assert [frame.phase for frame in relaxed.frames] == [frame.phase for frame in exact.frames]
    for one, other in zip(relaxed.frames, exact.frames, strict=True):
        assert one.cell == pytest.approx(other.cell, abs=1e-9) and one.stress == pytest.approx(other.stress, abs=1e-9)


def test_the_lattice_constant_of_copper(emt, tmp_path) -> None:
    relaxed = relax(Crystal.from_atoms(bulk("Cu", a=3.8)), SETTINGS, Records(tmp_path / "cu.records"), symmetric=True)
    assert (4 * relaxed.crystal.volume) ** (1 / 3) == pytest.approx(3.59, abs=0.01)  # EMT
    assert {frame.phase for frame in relaxed.frames} == {0}


def test_a_further_seed_leaves_the_steps_of_the_first_alone(emt, tmp_path) -> None:
    """One that was done is there again, without a step of GPAW; other settings, code or symmetry are others."""
    steps, other = Steps(tmp_path, "a"), random_crystal(np.array([29, 79]), RandomSettings(), generator("test", 6))
    how = {"workers": 2, "symmetric": False, "last": True}
    first = relaxations({"one": START}, SETTINGS, steps, **how)
    (file,) = tmp_path.rglob("*.records")
    kept = file.read_bytes()
    both = relaxations({"two": other, "one": START}, SETTINGS, steps, **how)
    assert list(both) == ["two", "one"] and file.read_bytes() == kept and len(list(tmp_path.rglob("*.records"))) == 2
    assert both["one"].energy == first["one"].energy and both["one"].seconds == first["one"].seconds
    level = dataclasses.replace(SETTINGS, kpoint_density=3.0)  # of energies alone
    assert steps.file(START, level, symmetric=False) == file
    cutoff = dataclasses.replace(SETTINGS, cutoff=700.0)
    others = {steps.file(START, cutoff, False), steps.file(START, SETTINGS, True), steps.file(other, SETTINGS, False)}
    assert len({file, Steps(tmp_path, "b").file(START, SETTINGS, False), *others}) == 5


@pytest.mark.parametrize(
    ("kept", "damage"), [(0, "binary"), (1, "none"), (7, "torn"), (7, "flipped"), (-1, "torn"), (-1, "none")]
)
def test_records_cut_anywhere_lead_to_the_same_end(emt, tmp_path, kept, damage) -> None:
    whole = tmp_path / "whole.records"
    expected = relax(START, SETTINGS, Records(whole), symmetric=False)
    records = _split(whole.read_bytes())
    assert len(records) == expected.steps
    kept %= len(records)
    flipped = bytearray(records[kept])
    flipped[len(flipped) // 2] ^= 4
    tail = {
        "none": b"",
        "torn": records[kept][: len(records[kept]) // 2],
        "flipped": bytes(flipped) + b"".join(records[kept + 1 :]),
        "binary": b"\x00\xff\n" * 3,
    }[damage]
    path = tmp_path / "cut.records"
    path.write_bytes(b"".join(records[:kept]) + tail)
    emt.calls = 0
    resumed = relax(START, SETTINGS, Records(path), symmetric=False)
    assert emt.calls == expected.steps - kept  # what is on record is not done again
    assert resumed.steps == expected.steps
    assert (geometry(resumed.crystal) == geometry(expected.crystal)).all()
    assert len(_split(path.read_bytes())) == expected.steps


def _split(data: bytes) -> list[bytes]:
    """The records of a file, each with its head."""
    found = []
    while data:
        size = HEAD + int.from_bytes(data[:8], "little")
        found.append(data[:size])
        data = data[size:]
    return found


def test_records_of_another_geometry_are_not_followed(emt, tmp_path, caplog) -> None:
    path = tmp_path / "a.records"
    other = random_crystal(START.numbers, RandomSettings(), generator("test", 6))
    relax(other, SETTINGS, Records(path), symmetric=False)
    expected = relax(START, SETTINGS, Records(tmp_path / "b.records"), symmetric=False)
    resumed = relax(START, SETTINGS, Records(path), symmetric=False)
    assert (geometry(resumed.crystal) == geometry(expected.crystal)).all()
    assert "goes another way from here on" in caplog.text


def test_edited_settings_starts_or_code_have_their_own_records(tmp_path) -> None:
    folder = tmp_path / "Cu-0"
    moved = Crystal(START.numbers, START.frac_coords, START.lattice * 1.01)
    works = [(START, SETTINGS, "a"), (moved, SETTINGS, "a"), (START, SETTINGS, "b")]
    works += [(START, DftSettings(cutoff=700, relax=SETTINGS.relax), "a")]
    works += [(START, DftSettings(relax=RelaxSettings(fmax=0.05)), "a")]
    found = set()
    for start, settings, code in [*works, works[0]]:
        with pytest.raises(RuntimeError), state(folder, code, start.content(), dataclasses.asdict(settings)) as path:
            path.mkdir(parents=True, exist_ok=True)
            found.add(path)
            raise RuntimeError
    assert len(found) == len(works) and found == set(folder.iterdir())  # what failed is kept
    with state(folder, "c"):
        pass
    assert not list(tmp_path.iterdir())  # what is done leaves nothing, of earlier settings neither


@pytest.mark.parametrize("limit", [1, 6])
def test_the_number_of_steps_is_limited(emt, tmp_path, limit) -> None:
    settings = DftSettings(relax=RelaxSettings(max_steps=limit))
    relaxed = relax(START, settings, Records(tmp_path / "a.records"), symmetric=False)
    assert not relaxed.converged and relaxed.reason == ""
    assert (
        relaxed.steps <= limit + 3
    )  # both phases also begin with the energy of their start, and one with all plane waves comes first


@pytest.mark.parametrize("fails", [1, 5])
def test_a_failure_on_the_way_is_recorded(emt, tmp_path, fails) -> None:
    emt.failing = (fails,)
    relaxed = relax(START, SETTINGS, Records(tmp_path / "a.records"), symmetric=False)
    assert relaxed.reason == "the self-consistent field did not converge in 300 iterations"
    assert not relaxed.converged and relaxed.steps == fails - 1
    assert (relaxed.energy is None) == (fails == 1)


def test_a_collapse_is_recorded(emt, tmp_path, monkeypatch) -> None:
    def implosive(self, atoms) -> Point:
        return Point(-1.0, np.zeros((len(atoms), 3)), np.array([0.5, 0.5, 0.5, 0, 0, 0]), 1)

    monkeypatch.setattr(emt, "__call__", implosive)
    relaxed = relax(START, SETTINGS, Records(tmp_path / "a.records"), symmetric=False)
    assert relaxed.reason.startswith(f"in step {relaxed.steps} of the relaxation: ")
    assert "atoms too close" in relaxed.reason or "collapsed" in relaxed.reason


def test_kill_9_and_the_same_command_again(tmp_path) -> None:
    dft = {"cutoff": 200.0, "relax": {"kpoint_density": 1.0, "fmax": 0.05, "max_steps": 15}}
    out, folder = tmp_path / "000.extxyz", tmp_path / "cache"
    line = [sys.executable, "-m", "lcom.stages.relax_initial", "--compounds", "data/compounds.csv", "--only", "Si"]
    config = json.dumps({"initial": {}, "dft": dft})
    line += ["--seeds", "1", "--config", config, "--out", str(out), "--cache", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (tmp_path / "log").open("w") as log:
        first = subprocess.Popen(line, stdout=log, stderr=log, env=environment)
        begun = time.monotonic()
        while sum(len(_split(path.read_bytes())) for path in folder.glob("*/*/*.records")) < 3:
            assert first.poll() is None and time.monotonic() - begun < 120, (tmp_path / "log").read_text()
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert not out.exists()
    (file,) = folder.glob("*/*/*.records")
    kept = _split(file.read_bytes())
    file.write_bytes(b"".join(kept)[:-20])  # and the kill tore the last record
    energies = [np.frombuffer(record[HEAD + 4 :])[1 + 9 + 6] for record in kept[:-1]]  # after phase, cell, positions
    second = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    assert second.returncode == 0, second.stderr
    assert f"resuming after {len(kept) - 1} steps" in second.stderr and "is damaged" in second.stderr
    frames = read(out, index=":")
    assert frames[-1].info["steps"] == len(frames) <= 15 + 2
    assert [frame.get_potential_energy() for frame in frames[: len(energies)]] == pytest.approx(energies, abs=1e-7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000.extxyz", "cache", "log"]
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [file.name], "no lock is left"
