"""GPAW for real: a lattice constant, an order of polymorphs, failures that are recorded; and the stage commands."""

import dataclasses
import importlib.util
import json
import re
import subprocess
from pathlib import Path

import gpaw
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import kptdensity2monkhorstpack
from ase.io import read
from ase.units import Bohr
from gpaw import PW
from gpaw.symmetry import Symmetry
from gpaw.utilities.gpts import get_number_of_grid_points

import lcom.dft.gpaw as dft
from lcom.base.resume import Records
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, read_candidate, write_candidate
from lcom.compounds import space_group_number
from lcom.crystal import Crystal
from lcom.dft.gpaw import MAX_GRID_GROWTH, check_gpaw, energy, kpoint_grid, point_group_pays
from lcom.dft.relax import relax
from lcom.dft.settings import DftSettings, RelaxSettings
from lcom.physical import reduced_cell
from lcom.report.judge import load_energies
from tests import forked
from tests.crystals import KNOWN, random_crystals

CHEAP = {"cutoff": 250.0, "kpoint_density": 1.5, "relax": {"kpoint_density": 1.0, "fmax": 0.1, "max_steps": 12}}
SI = Crystal.from_atoms(bulk("Si", a=5.43))


def cheap(**more) -> DftSettings:
    return parse_settings(DftSettings, CHEAP | more, "dft")


# ---- settings and what is there


def test_wrong_settings_are_named() -> None:
    for values, message in (
        ({"cutof": 500}, r"dft: unknown key cutof \(did you mean cutoff\?\); allowed: cutoff, kpoint_density"),
        ({"relax": {"steps": 5}}, "dft.relax: unknown key steps"),
        ({"cutoff": "600"}, 'dft.cutoff: "600" is text, but a number is needed'),
        ({"cutoff": 100}, "dft.cutoff: 100.0 must be at least 200"),
        ({"xc": "B3LYP"}, 'dft.xc: "B3LYP" is not one of "PBE", "LDA", "RPBE", "revPBE"'),
        ({"smearing": 0}, "dft.smearing: 0.0 must be at least"),
        ({"kpoint_density": float("nan")}, "dft.kpoint_density: NaN is no finite number"),
        ({"relax": {"fmax": 0}}, "dft.relax.fmax: 0.0 must be at least"),
    ):
        with pytest.raises(ValueError, match=message):
            parse_settings(DftSettings, values, "dft")
    assert parse_settings(DftSettings, {}, "dft") == DftSettings()


def test_a_low_cutoff_is_refused_where_n_o_or_f_is_present() -> None:
    low = DftSettings(cutoff=499)
    for formula in ("MgO", "LiF"):
        with pytest.raises(ValueError, match=rf"'dft\.cutoff' is 499 eV, but {formula} contains {formula[-1]}"):
            low.check(formula, KNOWN[formula].numbers)
        DftSettings(cutoff=500).check(formula, KNOWN[formula].numbers)
    low.check("NaCl", KNOWN["NaCl"].numbers)


def test_a_missing_setup_or_gpaw_says_what_to_install(monkeypatch, tmp_path) -> None:
    check_gpaw(["Mg", "O", "Si"])
    check_gpaw(["Mg"], xc="LDA")
    with pytest.raises(RuntimeError, match=r"no PBE PAW setup for Th, Pu in .*gpaw-data"):
        check_gpaw(["Si", "Th", "Pu"])
    monkeypatch.setattr(gpaw, "setup_paths", [tmp_path])
    with pytest.raises(RuntimeError, match=r"no PBE PAW setup for Si in "):
        check_gpaw(["Si"])
    monkeypatch.setattr(gpaw, "setup_paths", [])
    with pytest.raises(RuntimeError, match="pip install gpaw-data"):
        check_gpaw(["Si"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"GPAW is not installed.*conda"):
        check_gpaw(["Si"])


def test_kpoint_grids_agree_with_ase() -> None:
    for crystal in [*KNOWN.values(), *random_crystals(20, 3)]:
        for density in (1.2, 2.0, 3.5):
            expected = kptdensity2monkhorstpack(crystal.to_atoms(), density, even=False)
            assert kpoint_grid(crystal.lattice, density) == tuple(expected)


def rhombohedral(a: float, c: float, z: float) -> Crystal:
    """MgO on the threefold axis of a rhombohedral lattice with hexagonal axes a and c, Å; z in units of c / 3."""
    lattice = np.array([[a, 0, 0], [a / 2, a * np.sqrt(3) / 2, 0], [a / 2, a * np.sqrt(3) / 6, c / 3]])
    positions = np.array([[0, 0, 0], [0, 0, z * c / 3]])
    return reduced_cell(Crystal(np.array([12, 8]), positions @ np.linalg.inv(lattice), lattice))


@pytest.mark.parametrize(
    ("crystal", "pays"),
    [
        (SI, True),
        (KNOWN["ZnO"], True),
        (KNOWN["C"], True),
        (rhombohedral(3.0, 7.3, 0.5), True),
        (rhombohedral(3.4, 34.5, 0.24), False),
        (random_crystals(1, 3)[0], True),
    ],
)
def test_the_point_group_is_left_out_where_gpaw_makes_a_huge_grid_of_it(crystal: Crystal, pays: bool) -> None:
    cell, mode = crystal.lattice / Bohr, PW(600)
    symmetry = Symmetry(crystal.numbers, cell)
    symmetry.analyze(crystal.frac_coords)
    without, with_it = (np.prod(get_number_of_grid_points(cell, mode=mode, symmetry=s)) for s in (None, symmetry))
    assert (with_it / without < MAX_GRID_GROWTH) == pays == point_group_pays(crystal)


# ---- physics


@pytest.fixture(scope="module")
def silicon() -> dft.Energy:
    return energy(SI, cheap())


def test_silicon_has_the_published_lattice_constant(tmp_path) -> None:
    settings = cheap(cutoff=350.0, relax={"kpoint_density": 2.0, "fmax": 0.02, "max_steps": 20})
    start = Crystal.from_atoms(bulk("Si", a=5.65))
    relaxed = relax(start, settings, Records(tmp_path / "si.records"), symmetric=True)
    assert relaxed.converged and not relaxed.reason and relaxed.steps <= 12
    constant = (4 * relaxed.crystal.volume) ** (1 / 3)
    assert constant == pytest.approx(5.47, rel=0.01)  # PBE: Haas et al., Phys. Rev. B 79, 085104 (2009)
    angles = relaxed.crystal.parameters()[3:]
    assert np.allclose(angles, angles[0], atol=1e-6)  # the symmetry is kept


def test_rocksalt_is_below_zincblende_for_mgo() -> None:
    settings = DftSettings(kpoint_density=2.0)
    rocksalt = energy(Crystal.from_atoms(bulk("MgO", "rocksalt", a=4.25)), settings)
    zincblende = energy(Crystal.from_atoms(bulk("MgO", "zincblende", a=4.62)), settings)
    assert zincblende.energy - rocksalt.energy == pytest.approx(0.108, abs=0.03)
    assert rocksalt.max_force < 1e-3 and rocksalt.max_stress < 0.05  # 600 eV is not the last word on stress


def test_the_same_crystal_has_the_same_energy(silicon) -> None:
    again = energy(SI, cheap())
    assert again.energy == silicon.energy  # to the last bit
    matrix = np.array([[1, 2, 0], [0, -1, 0], [1, 0, 1]])
    skewed = Crystal(SI.numbers, SI.frac_coords @ np.linalg.inv(matrix), matrix @ SI.lattice)
    assert energy(skewed, cheap()).energy == pytest.approx(silicon.energy, abs=1e-4)
    assert silicon.reason == "" and silicon.attempts == 1 and silicon.seconds > 0


def test_no_band_is_missed_for_its_symmetry(monkeypatch) -> None:
    """Of a compressed crystal, whose electrons fill a band that orbitals of its atoms are not like; beside all bands begun at random."""
    compressed = Crystal.from_atoms(bulk("CaS", "rocksalt", a=4.32))
    settings = cheap(cutoff=300.0, kpoint_density=1.0)
    found = energy(compressed, settings).energy
    at_random = {"random": True, "nbands": 20, "eigensolver": {"name": "davidson", "niter": 4}}
    real = gpaw.GPAW
    monkeypatch.setattr(gpaw, "GPAW", lambda **parameters: real(**parameters | at_random))
    assert found == pytest.approx(energy(compressed, settings).energy, abs=2e-4)
    by_default = {"nbands": None, "random": False}
    monkeypatch.setattr(gpaw, "GPAW", lambda **parameters: real(**parameters | by_default))
    assert energy(compressed, settings).energy > found + 0.1  # else this test shows nothing


# ---- failures


class Refused(AssertionError):
    pass


@pytest.mark.parametrize(
    ("frac", "scale", "reason"),
    [
        ([[0, 0, 0], [0.05, 0, 0]], 1.0, r"Mg-O at 0\.15 Å"),
        ([[0, 0, 0], [0.5, 0.5, 0.5]], 0.5, "collapsed cell"),
        ([[0, 0, 0], [0.5, 0.5, 0.5]], 3.0, "expanded cell"),
    ],
)
def test_an_absurd_crystal_never_reaches_gpaw(monkeypatch, frac, scale, reason) -> None:
    def refuse(*args, **kwargs):
        raise Refused

    monkeypatch.setattr(gpaw, "GPAW", refuse)
    crystal = Crystal([12, 8], frac, KNOWN["MgO"].lattice * scale)
    failed = energy(crystal, DftSettings())
    assert failed.energy is None and failed.attempts == 0
    record = failed.record(DftSettings(), compound="MgO")
    assert record["status"] == "failed" and record["energy"] is None
    assert re.search(reason, record["reason"])


def test_a_field_that_never_converges_is_recorded_after_two_attempts() -> None:
    failed = energy(SI, cheap(max_iterations=2))
    assert failed.reason == "the self-consistent field did not converge in 4 iterations"
    assert failed.energy is None and failed.attempts == 2


def test_the_second_attempt_has_the_softer_mixer(monkeypatch, silicon) -> None:
    real, made = gpaw.GPAW, []

    def fails_at_first(**parameters):
        made.append(parameters)
        return real(**(parameters | {"maxiter": 2} if len(made) == 1 else parameters))

    monkeypatch.setattr(gpaw, "GPAW", fails_at_first)
    second = energy(SI, cheap())
    assert second.attempts == 2 and second.reason == ""
    assert second.energy == pytest.approx(silicon.energy, abs=1e-3)
    assert made[0]["mixer"]["beta"] == 0.5 and made[1]["mixer"]["beta"] == 0.05 and made[1]["maxiter"] == 300


def test_an_error_that_is_no_failure_of_the_structure_is_not_swallowed(monkeypatch) -> None:
    def broken(**parameters):
        raise ValueError("no such mode")

    monkeypatch.setattr(gpaw, "GPAW", broken)
    with pytest.raises(ValueError, match="no such mode"):
        energy(SI, cheap())


# ---- the commands


def command(stage: str, *arguments: str | Path) -> subprocess.CompletedProcess:
    return forked.stage(stage, *arguments, env=ENVIRONMENT)


ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}


def test_from_a_random_start_to_its_energy(tmp_path) -> None:
    config = json.dumps({"initial": {}, "dft": CHEAP})
    start, cache = tmp_path / "initial" / "000.extxyz", tmp_path / "cache"
    arguments = ("--compounds", "data/compounds.csv", "--only", "Si", "--seeds", "1", "--config", config)
    done = command("relax_initial", *arguments, "--out", start, "--cache", cache)
    assert done.returncode == 0, done.stderr
    candidate = read_candidate(start)
    assert (candidate.compound, candidate.seed, candidate.method, candidate.start) == ("Si", 0, "start", "relaxed")
    assert candidate.status == "ok" and len(candidate.crystal) == 2
    assert (
        0 < candidate.info["steps"] <= 12 + 3
    )  # both phases begin with the energy of their start, one with all plane waves comes first
    assert candidate.info["seconds"] > 0 and candidate.info["converged"] in (True, False)
    frames = read(start, index=":")
    energies = [frame.get_potential_energy() for frame in frames]
    assert len(frames) == candidate.info["steps"] and energies[-1] < energies[0]
    assert energies[-1] / 2 == pytest.approx(candidate.info["energy_per_atom"], abs=1e-6)

    out = tmp_path / "energy.jsonl"
    done = command("energy", "--structures", start, "--config", json.dumps(CHEAP), "--out", out, "--cache", cache)
    assert done.returncode == 0 and "0 of 1 energies were known" in done.stderr, done.stderr
    (loaded,) = load_energies(out)
    assert (loaded.compound, loaded.seed, loaded.method, loaded.start) == ("Si", 0, "start", "relaxed")
    assert loaded.energy < -3 and loaded.settings == DftSettings(cutoff=250.0, kpoint_density=1.5).of_energies()
    assert json.loads(out.read_text())["max_stress"] < 0.1

    again = tmp_path / "again.jsonl"
    words = ("energy", "--structures", start, "--config", json.dumps(CHEAP), "--out", again)
    done = command(*words, "--cache", cache)
    assert done.returncode == 0 and "1 of 1 energies were known" in done.stderr, done.stderr
    assert again.read_text() == out.read_text()
    assert command(*words, "--cache", tmp_path / "another").returncode == 0
    one, other = (json.loads(path.read_text()) | {"seconds": 0} for path in (out, again))
    assert one == other  # to the last digit: FFTW's plans are not found by trying


def test_the_reference(tmp_path) -> None:
    out = tmp_path / "000.jsonl"
    config = CHEAP | {"kpoint_density": 2.2}
    arguments = ("--compounds", "data/compounds.csv", "--only", "Si", "--config", json.dumps(config))
    done = command("reference", *arguments, "--out", out, "--cache", tmp_path / "cache", "--energy-code", "a")
    assert done.returncode == 0, done.stderr
    (loaded,), values = load_energies(out), json.loads(out.read_text())
    assert loaded.method == "reference" and values["converged"] and values["steps"] >= 1
    assert loaded.energy == pytest.approx(energy(SI, parse_settings(DftSettings, config, "dft")).energy, abs=0.02)


def test_a_predicted_crystal_is_relaxed_in_the_symmetry_that_it_nearly_has(tmp_path) -> None:
    atoms = bulk("Si", a=5.65).repeat((2, 1, 1))
    atoms.rattle(0.005, seed=1)
    found, out, state = tmp_path / "1.extxyz", tmp_path / "relaxed" / "1.extxyz", tmp_path / "state"
    info = {"predicted_energy": 0.1, "training_crystals": 3}
    write_candidate(found, Candidate(Crystal.from_atoms(atoms), "Si", 1, "lcoms", "dataset", info=info))
    config = json.dumps(CHEAP | {"relax": {"kpoint_density": 2.0, "fmax": 0.02, "max_steps": 12}})
    done = command("relax_prediction", "--structure", found, "--config", config, "--out", out, "--state", state)
    assert done.returncode == 0, done.stderr
    assert not state.exists()
    relaxed = read_candidate(out)
    assert (relaxed.compound, relaxed.seed, relaxed.method, relaxed.start) == ("Si", 1, "lcoms", "dataset")
    assert relaxed.info["converged"] and relaxed.info["training_crystals"] == 3
    assert len(relaxed.crystal) == 2 and space_group_number(relaxed.crystal) == 227
    assert (4 * relaxed.crystal.volume) ** (1 / 3) == pytest.approx(5.47, abs=0.06)  # PBE, with few k-points
    frames = read(out, index=":")
    assert frames[-1].get_potential_energy() < frames[0].get_potential_energy() - 0.05
    assert len(Crystal.from_cif(out.with_suffix(".cif").read_text())) in (2, 8)


def test_a_prediction_that_is_none_is_not_relaxed(tmp_path) -> None:
    found, out, state = tmp_path / "6.extxyz", tmp_path / "relaxed" / "6.extxyz", tmp_path / "state"
    lost = {"status": "failed", "reason": "only 5 distinct structures were found", "info": {"training_crystals": 0}}
    write_candidate(found, Candidate(KNOWN["MgO"], "MgO", 6, "lcoms", "dataset", **lost))
    done = command("relax_prediction", "--structure", found, "--config", "{}", "--out", out, "--state", state)
    assert done.returncode == 0, done.stderr
    passed = read_candidate(out)
    assert passed.reason == lost["reason"] and not passed.info["converged"]
    assert "only 5" in out.with_suffix(".cif").read_text() and not state.exists()


def test_failed_candidates_pass_their_reason_on(tmp_path) -> None:
    source, out = tmp_path / "c.extxyz", tmp_path / "e.jsonl"
    write_candidate(source, Candidate(KNOWN["MgO"], "MgO", 1, "lcoms", "dataset", "failed", "no crystal to swap"))
    words = ("energy", "--structures", source, "--config", "{}", "--out", out, "--cache", tmp_path / "cache")
    done = command(*words)
    assert done.returncode == 0, done.stderr
    (loaded,) = load_energies(out)
    assert loaded.energy is None and loaded.reason == "no crystal to swap" and loaded.method == "lcoms"
    done = command(*words, "--only", "MgO", "NaCl")
    assert done.returncode == 1 and "c.extxyz has nothing of NaCl" in done.stderr and "Traceback" not in done.stderr


def test_a_wrong_config_ends_in_one_line_and_leaves_nothing(tmp_path) -> None:
    table = ("--compounds", "data/compounds.csv", "--cache", tmp_path / "cache", "--out", tmp_path / "out")
    known = ("--energy-code", "a", "--only")
    for stage, arguments, message in (
        ("reference", (*known, "MgO", "--config", '{"cutoff": 400}'), "'dft.cutoff' is 400 eV, but MgO"),
        ("reference", (*known, "MgX", "--config", "{}"), "MgX"),
        (
            "relax_initial",
            ("--only", "Si", "--seeds", "1", "--config", '{"initial": {"volume": 1}, "dft": {}}'),
            "initial: unknown key volume",
        ),
    ):
        done = command(stage, *table, *arguments)
        assert done.returncode == 1
        assert message in done.stderr and "Traceback" not in done.stderr
        assert not list(tmp_path.iterdir())


def test_energy_settings_leave_out_the_relaxation() -> None:
    slow = dataclasses.replace(DftSettings(), relax=RelaxSettings(max_steps=5))
    assert slow.of_energies() == DftSettings().of_energies()
    assert set(slow.of_energies()) == {"xc", "cutoff", "kpoint_density", "smearing", "max_iterations"}
