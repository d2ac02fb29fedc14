"""DFT-PSO with a fast stand-in for GPAW (ASE's EMT): budget, resume, failures; and once with GPAW itself."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT

import lcom.stages.dft_pso
from lcom.base.resume import Records
from lcom.candidates import read_candidate
from lcom.dft.child import Died
from lcom.dft.settings import DftSettings
from lcom.search.dft_pso import Lowest, dft_pso, without_energy
from lcom.search.settings import BudgetSettings, DftSwarmSettings, SpaceSettings
from lcom.search.space import SearchSpace
from tests.emt import EmtInstead

NUMBERS = np.array([29, 79])  # Cu, Au
SPACE = SpaceSettings(min_distance=0.8, max_volume=2.4)
SETTINGS = DftSwarmSettings(SPACE, dft_pso=BudgetSettings(evaluations=40, particles=10))


def _run(folder: Path, settings: DftSwarmSettings = SETTINGS) -> Lowest:
    space = SearchSpace(NUMBERS, settings.space)
    return dft_pso(space, settings, DftSettings(), folder, np.random.default_rng(1))


def test_the_budget_is_kept_and_the_best_is_returned(emt, tmp_path: Path) -> None:
    found = _run(tmp_path / "a")
    assert emt.calls == found.evaluations == 40
    atoms = found.crystal.to_atoms()
    atoms.calc = EMT()
    assert atoms.get_potential_energy() / 2 == pytest.approx(found.energy, abs=1e-6)
    first = _run(tmp_path / "b", dataclasses.replace(SETTINGS, dft_pso=BudgetSettings(10, 10)))
    assert found.energy <= first.energy


def test_a_search_that_was_killed_asks_for_no_energy_twice(emt, tmp_path: Path) -> None:
    expected = _run(tmp_path / "whole")
    emt.calls, emt.failing = 0, ()

    class Killed(Exception):
        pass

    def killed(self, atoms):
        if type(self).calls == 17:
            raise Killed
        return EmtInstead.__call__(self, atoms)

    emt.__call__ = killed
    with pytest.raises(Killed):
        _run(tmp_path / "killed")
    del emt.__call__
    emt.calls = 0
    again = _run(tmp_path / "killed")
    assert emt.calls == 40 - 17
    assert again.energy == expected.energy
    np.testing.assert_array_equal(again.crystal.lattice, expected.crystal.lattice)


def test_failures_cost_an_evaluation_and_are_never_the_best(emt, tmp_path: Path) -> None:
    emt.failing = tuple(range(1, 41))
    found = _run(tmp_path / "none")
    assert found.crystal is None and found.evaluations == 40
    emt.calls, emt.failing = 0, (1, 2, 3)
    assert np.isfinite(_run(tmp_path / "some").energy)


def test_relaxed_candidates_are_minima(emt, tmp_path: Path) -> None:
    settings = DftSwarmSettings(SPACE, dft_pso=BudgetSettings(evaluations=6, particles=6, relax=True))
    static = DftSwarmSettings(SPACE, dft_pso=BudgetSettings(evaluations=6, particles=6))
    relaxed = _run(tmp_path / "relaxed", settings)
    assert relaxed.evaluations == 6
    assert relaxed.energy < _run(tmp_path / "static", static).energy
    atoms = relaxed.crystal.to_atoms()
    atoms.calc = EMT()
    assert np.abs(atoms.get_stress()).max() * atoms.get_volume() / 2 < 0.05


def test_it_ends_where_nothing_passes_the_filters(emt, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, space=SpaceSettings(min_distance=0.4, max_volume=2.4, max_vacuum=0.01))
    found = _run(tmp_path, settings)
    assert found.crystal is None and found.evaluations == emt.calls == 0


def test_energies_of_another_search_are_not_taken(emt, tmp_path: Path) -> None:
    first = _run(tmp_path)
    other = dft_pso(SearchSpace(NUMBERS, SPACE), SETTINGS, DftSettings(), tmp_path, np.random.default_rng(2))
    assert emt.calls == 80 and other.energy != first.energy


def test_the_stage_says_what_to_loosen(tmp_path: Path) -> None:
    config = {"space": {"max_vacuum": 0.01}, "dft_pso": {"evaluations": 2, "particles": 2}}
    command = [sys.executable, "-m", "lcom.stages.dft_pso", "--compounds", "data/compounds.csv", "--only", "Si"]
    command += ["--seeds", "1", "--config", json.dumps(config), "--dft", "{}"]
    command += ["--out", str(tmp_path / "c.extxyz"), "--cache", str(tmp_path / "cache")]
    subprocess.run(command, check=True, capture_output=True)
    candidate = read_candidate(tmp_path / "c.extxyz")
    assert candidate.status == "failed" and "loosen search.space" in candidate.reason


@pytest.mark.parametrize("last", ["0", "1"])
def test_a_gpaw_that_dies_of_a_candidate_costs_it_alone(emt, tmp_path: Path, monkeypatch, last: str) -> None:
    """Every third calculation of a process kills it: before the last attempt that is an error, in it a candidate without energy."""

    def deadly(self, atoms):
        if type(self).calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return EmtInstead.__call__(self, atoms)

    emt.__call__ = deadly
    header = Path("data/compounds.csv").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "table.csv").write_text(f"{header}\nAlNi,2,221,cesium_chloride,2.88,2.88,2.88,90,90,90,test\n")
    config = {"space": dataclasses.asdict(SPACE), "dft_pso": {"evaluations": 10, "particles": 5}}
    options = {"compounds": "table.csv", "out": "c.extxyz", "cache": "cache"}
    arguments = [word for name, file in options.items() for word in (f"--{name}", str(tmp_path / file))]
    arguments += ["--only", "AlNi", "--seeds", "1", "--config", json.dumps(config), "--dft", "{}", "--last", last]
    monkeypatch.setattr(sys, "argv", ["dft_pso", *arguments])
    if last == "0":
        with pytest.raises(Died, match="killed by signal 9"):
            lcom.stages.dft_pso.main()
        return
    lcom.stages.dft_pso.main()
    (records,) = (tmp_path / "cache").rglob("energies.records")
    tape = Records(records)
    energies = [record[0] for _, _, record in tape._earlier]
    assert len(energies) == 10 and [i for i, energy in enumerate(energies) if not np.isfinite(energy)] == [2, 5, 8]
    candidate = read_candidate(tmp_path / "c.extxyz")
    assert candidate.status == "ok" and candidate.info["evaluations"] == 10
    assert candidate.info["energy_per_atom"] == pytest.approx(min(energies), abs=1e-6)


def test_a_search_that_dies_outside_gpaw_is_no_candidates_fault(emt, tmp_path: Path) -> None:
    """Else the stage would note a failure, begin again, die again, and so for ever."""
    _run(tmp_path)
    with pytest.raises(ValueError, match=r"while GPAW was not at work \(killed by signal 9\)"):
        without_energy(tmp_path, "killed by signal 9")


def test_the_stage_with_gpaw(tmp_path: Path) -> None:
    config = {
        "space": {"min_distance": 0.75},
        "pso": {},
        "dft_pso": {"evaluations": 2, "particles": 40, "relax": False},
    }
    level = {"cutoff": 250.0, "kpoint_density": 1.0, "relax": {"kpoint_density": 1.0, "fmax": 0.1, "max_steps": 5}}
    command = [sys.executable, "-m", "lcom.stages.dft_pso", "--compounds", "data/compounds.csv", "--only", "Si"]
    command += ["--seeds", "1", "--config", json.dumps(config), "--dft", json.dumps(level)]
    command += ["--out", str(tmp_path / "c.extxyz"), "--cache", str(tmp_path / "cache")]
    subprocess.run(command, check=True, capture_output=True)
    candidate = read_candidate(tmp_path / "c.extxyz")
    assert (candidate.method, candidate.start, candidate.compound) == ("dft_pso", "search", "Si")
    assert candidate.info["evaluations"] == 2 and candidate.info["seconds"] > 0
    assert candidate.status == "ok" and -12 < candidate.info["energy_per_atom"] < 5
    before = (tmp_path / "c.extxyz").read_bytes()
    subprocess.run([word if word != "1" else "2" for word in command], check=True, capture_output=True)
    assert (tmp_path / "c.extxyz").read_bytes().startswith(before), "a further seed leaves the first alone"
