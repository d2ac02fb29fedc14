"""The embedded data set: the committed file, the potential and relaxation behind it, a slice of it made again."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from lcom.compounds import load_compounds
from lcom.crystal import Crystal, reduced_counts
from lcom.data.generator import shard_card
from lcom.data.generator.card import card
from lcom.data.generator.parts import read_part
from lcom.data.generator.polymorphs import Polymorph, find_polymorphs, is_duplicate, rattled, structural_fault
from lcom.data.generator.potential import Potential, UnphysicalCrystal, neighbour_list
from lcom.data.generator.prototypes import compositions, kind
from lcom.data.generator.relaxation import WalkSettings, relax
from lcom.data.generator.structure_types import MAX_ATOMS, starts
from lcom.data.sources import shards
from lcom.data.sources.embedded import DamagedData, read_rows
from lcom.data.table import SCHEMA
from lcom.stages import prototypes as generator
from tests import forked

ROOT = Path(__file__).parents[2]
SHARDS = ROOT / "data" / "embedded"
DATA = ROOT / "data" / "prototypes.jsonl.gz"
ENTRY = yaml.safe_load((ROOT / "config.yaml").read_text())["data"]["prototypes"]


@pytest.fixture(scope="module")
def rows():
    return read_rows(DATA)


@pytest.fixture(scope="module")
def by_formula(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[row["formula"]].append(row)
    return groups


@pytest.fixture(scope="module")
def potential():
    return Potential()


def start(formula, label):
    return dict(starts(formula))[label]


def rocksalt(a=4.2, numbers=(12, 8)):
    return Crystal(numbers, [[0, 0, 0], [0.5, 0.5, 0.5]], np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * a / 2)


# ---- the committed file


def test_file_is_the_one_the_config_names():
    assert ROOT / ENTRY["file"] == DATA
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() == ENTRY["sha256"]


def test_counts_and_stoichiometry(rows, by_formula):
    assert len(rows) >= 3000
    assert set(by_formula) <= set(compositions())
    kinds = [kind(formula) for formula in by_formula]
    assert kinds.count("AX") >= 106 and kinds.count("AX2") >= 30 and kinds.count("A") >= 40
    assert max(len(row["numbers"]) for row in rows) <= 12
    assert all(row["id"].startswith(f"{row['formula']}-{row['prototype']}-") for row in rows)
    assert sorted(row["id"] for row in rows) == [row["id"] for row in rows]


def test_every_benchmark_compound_has_polymorphs(by_formula):
    for compound in load_compounds(ROOT / "data" / "compounds.csv"):
        assert len(by_formula[compound.formula]) >= 5, compound.formula


def test_energies(by_formula):
    for formula, found in by_formula.items():
        energies = np.array([row["energy"] for row in found])
        formation = np.array([row["formation_energy"] for row in found])
        assert energies.max() - energies.min() <= 1.5 + 1e-3, formula
        assert np.allclose(energies - energies.min(), formation - formation.min(), atol=2e-6)
        if kind(formula) == "A":
            assert formation.min() == 0
        assert -6 < formation.min() < 1.5, formula


def test_no_faulty_structures_in_a_sample(rows):
    assert [row["id"] for row in rows[::7] if structural_fault(row["crystal"])] == []


def test_no_duplicates_in_a_sample(by_formula):
    for formula in ("NaCl", "ZnS", "Si", "MgF2", "C"):
        found = [Polymorph(row["prototype"], False, row["crystal"], row["energy"]) for row in by_formula[formula]]
        assert [(a.prototype, b.prototype) for a, b in combinations(found, 2) if is_duplicate(a, b)] == []


@pytest.mark.parametrize(
    ("formula", "prototype", "a"),
    [("MgO", "B1", 4.207), ("NaCl", "B1", 5.595), ("LiF", "B1", 4.010), ("CaO", "B1", 4.803), ("Si", "A4", 5.430)],
)
def test_known_ground_states(by_formula, formula, prototype, a):
    lowest = min(by_formula[formula], key=lambda row: row["energy"])
    assert lowest["prototype"] == prototype
    # eight atoms; a in Å measured at low temperature (Haas et al., Phys. Rev. B 79, 085104, 2009)
    conventional = (lowest["crystal"].volume / len(lowest["crystal"]) * 8) ** (1 / 3)
    assert conventional == pytest.approx(a, rel=0.01)


def test_small_differences(by_formula):
    above = {
        (formula, row["prototype"]): row["energy"] - min(r["energy"] for r in by_formula[formula])
        for formula in ("ZnS", "C", "CsCl")
        for row in by_formula[formula]
    }
    assert above["ZnS", "B3"] < 0.005 and above["ZnS", "B4"] < 0.005
    assert above["CsCl", "B2"] < 0.005
    assert 0.05 < above["C", "A4"] < 0.2  # r2SCAN puts graphite below diamond


def test_cells_are_canonical(rows, by_formula):
    for formula in ("LiF", "NaCl", "KCl", "MgO", "CaO", "SrO", "BaO", "CaS"):
        rocksalt = next(row for row in by_formula[formula] if row["id"] == f"{formula}-B1-0")
        assert np.allclose(rocksalt["crystal"].parameters()[3:], 60, atol=1e-4), formula
    for row in rows[::97]:
        once = row["crystal"].canonical()  # what the source stage writes
        assert np.allclose(once.canonical().parameters(), once.parameters(), atol=2e-3), row["id"]


def test_card_shows_the_numbers_of_the_file():
    assert card(DATA) in (ROOT / "data" / "README.md").read_text()


# ---- chemistry x prototypes


def test_other_stoichiometry_is_refused():
    with pytest.raises(ValueError, match="Al2O3"):
        kind("Al2O3")


# ---- potential and relaxation


def test_potential_agrees_with_chgnet(potential):
    rng = np.random.default_rng(0)
    crystals = [
        rattled(start(f, label), rng) for f, label in (("MgO", "B4"), ("C", "A9"), ("SrTiO3", "E22"), ("CaF2", "C6"))
    ]
    for crystal, found in zip(crystals, potential(crystals), strict=True):
        expected = potential.model.predict_structure(crystal.to_structure(), task="efs")
        stress = found.virial / crystal.volume * 160.21766  # GPa
        assert found.energy == pytest.approx(float(expected["e"]), abs=1e-5)
        assert np.allclose(found.forces, expected["f"], atol=2e-4)
        assert np.allclose(stress, (expected["s"] + expected["s"].T) / 2, atol=2e-3)


def test_forces_and_virial_are_gradients_of_the_energy(potential):
    crystal = rattled(start("ZnS", "B4"), np.random.default_rng(1))
    found, h = potential([crystal])[0], 0.01

    def energy(positions, strain):
        lattice = crystal.lattice @ (np.eye(3) + strain)
        moved = Crystal(crystal.numbers, positions @ np.linalg.inv(crystal.lattice), lattice)
        return potential([moved])[0].energy * len(crystal)

    move, strain = np.zeros_like(crystal.positions), np.zeros((3, 3))
    move[1, 2] = strain[0, 1] = strain[1, 0] = h
    slope = energy(crystal.positions + move, 0 * strain) - energy(crystal.positions - move, 0 * strain)
    assert -slope / (2 * h) == pytest.approx(found.forces[1, 2], abs=0.01)
    slope = energy(crystal.positions, strain) - energy(crystal.positions, -strain)
    assert slope / (2 * h) == pytest.approx(2 * found.virial[0, 1], abs=0.05)


def test_neighbours_agree_with_pymatgen():
    crystal = rattled(start("MgO", "B81"), np.random.default_rng(2))
    pairs, vectors, reverse_id = neighbour_list(crystal, 5.0)
    expected = crystal.to_structure().get_neighbor_list(5.0)
    assert len(pairs) == len(expected[0])
    assert np.allclose(np.sort(np.linalg.norm(vectors, axis=1)), np.sort(expected[3]))
    assert (np.unique(reverse_id, return_counts=True)[1] == 2).all()


def test_relaxation_finds_the_minimum_in_any_company(potential):
    crystals = [rocksalt(a) for a in (4.0, 4.6)] + [start("MgO", "B3")]
    together = relax(crystals, potential)
    alone = relax(crystals[:1], potential, WalkSettings(batch=1))
    assert [len(result.frames) for result in together] == [result.steps for result in together]
    assert all(result.ok for result in together)
    assert together[0].energy == pytest.approx(together[1].energy, abs=1e-3)
    assert together[0].energy == pytest.approx(alone[0].energy, abs=1e-4)
    assert (8 * together[1].crystal.volume / 2) ** (1 / 3) == pytest.approx(4.212, rel=0.01)
    assert np.abs(potential([together[0].crystal])[0].forces).max() < 0.03


def test_unphysical_cells_are_reported_and_do_not_hang(potential):
    needle = Crystal([12, 8], [[0, 0, 0], [0.5, 0.5, 0.5]], np.diag([0.3, 0.3, 150.0]))
    results = relax([rocksalt(1.0), needle, rocksalt(30.0), rocksalt()], potential)
    assert [result.ok for result in results] == [False, False, False, True]
    assert "volume" in results[0].reason and "skewed" in results[1].reason
    with pytest.raises(UnphysicalCrystal):
        potential([needle])


def test_step_cap(potential):
    assert "not converged" in relax([rocksalt(4.8)], potential, WalkSettings(max_steps=2))[0].reason


def test_detached_layers_and_overlaps_are_faults():
    slab = Crystal([12, 8], [[0, 0, 0], [0.5, 0.5, 0]], np.diag([3.0, 3.0, 12.0]))
    assert structural_fault(slab) == "detached"
    assert structural_fault(rocksalt()) == ""
    assert structural_fault(Crystal([12, 8], [[0, 0, 0], [0.2, 0, 0]], np.eye(3) * 4)) == "atoms too close"
    assert structural_fault(rocksalt(3.0)) == "too dense"


def test_a_saddle_point_is_left(potential):
    symmetric = relax([start("MgO", "B2")], potential)[0]  # CsCl, unstable in MgO
    shaken = relax([rattled(symmetric.crystal, np.random.default_rng(0))], potential)[0]
    assert symmetric.ok and shaken.ok
    assert shaken.energy < symmetric.energy - 0.1


def test_a_watch_ends_walks(potential):
    seen = []

    def watch(index, walk, converged):
        seen.append((index, walk.steps, converged))
        return "enough" if index == 1 and walk.steps == 2 else ""

    one, other = relax([rocksalt(4.1), rocksalt(4.8)], potential, watch=watch)
    assert one.ok and other.reason == "enough" and len(other.frames) == 2
    assert (0, one.steps, True) in seen


# ---- making it


@pytest.fixture(scope="module")
def outcome(potential):
    return find_polymorphs("LiF", potential)


def test_polymorphs_are_sound_and_distinct(outcome):
    assert outcome.polymorphs[0].prototype == "B1" and len(outcome.polymorphs) >= 6
    assert [p.energy for p in outcome.polymorphs] == sorted(p.energy for p in outcome.polymorphs)
    assert [structural_fault(p.crystal) for p in outcome.polymorphs] == [""] * len(outcome.polymorphs)
    assert not any(is_duplicate(a, b) for a, b in combinations(outcome.polymorphs, 2))


def test_frames_are_off_the_minima_and_what_the_potential_says(outcome, potential):
    assert {frame.stage for frame in outcome.frames} == {"start", "way", "shaken"}
    assert len(outcome.frames) >= 2 * len(outcome.polymorphs)
    lowest = outcome.polymorphs[0].energy
    assert all(lowest < frame.energy < lowest + 2.5 for frame in outcome.frames)
    some = outcome.frames[::5]
    for frame, found in zip(some, potential([frame.crystal for frame in some]), strict=True):
        assert frame.energy == pytest.approx(found.energy, abs=1e-4)
        assert np.allclose(frame.forces, found.forces, atol=5e-3)
        assert np.allclose(frame.stress, found.virial / frame.crystal.volume, atol=1e-3)


def test_stress_and_forces_of_a_frame_are_slopes(outcome, potential):
    frame, h = next(f for f in outcome.frames if f.stage == "shaken" and np.abs(f.forces).max() > 0.3), 0.01
    crystal, atom, axis = frame.crystal, *np.unravel_index(np.abs(frame.forces).argmax(), frame.forces.shape)

    def energy(step, strain):
        positions = crystal.positions.copy()
        positions[atom, axis] += step
        lattice = crystal.lattice @ (np.eye(3) + strain * np.diag([1.0, 0, 0]))
        moved = Crystal(crystal.numbers, positions @ np.linalg.inv(crystal.lattice), lattice)
        return potential([moved])[0].energy * len(crystal)

    assert -(energy(h, 0) - energy(-h, 0)) / (2 * h) == pytest.approx(frame.forces[atom, axis], rel=0.03)
    slope = (energy(0, h) - energy(0, -h)) / (2 * h)
    assert slope / crystal.volume == pytest.approx(frame.stress[0, 0], abs=2e-3)


def test_a_killed_run_goes_on_and_makes_the_same_shard(tmp_path):
    program = (
        "from lcom.stages import prototypes as stage\n"
        "stage.compositions, stage.SLICE, stage.write_compositions = lambda: ('BaNa3', 'Ca3Pb'), 2, lambda out: None\n"
        "if __name__ == '__main__': stage.main(['--out', {!r}])\n"
    )

    def begin(folder):
        script = tmp_path / f"{folder}.py"
        script.write_text(program.format(str(tmp_path / folder)))
        return subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})

    killed = begin("killed")
    first = tmp_path / "killed" / "parts" / "BaNa3.json"
    while not first.exists():
        assert killed.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    made = first.stat().st_mtime_ns
    for folder in ("killed", "whole"):
        assert begin(folder).wait() == 0
    assert first.stat().st_mtime_ns == made
    for name in ("minima-000.parquet", "frames-000.parquet"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_stage_makes_some_parts_and_refuses_unknown_compositions(tmp_path, capfd):
    generator.main(["--out", str(tmp_path), "--only", "BaNa3"])
    assert len(read_part("BaNa3", tmp_path / "parts")["polymorphs"]) >= 6
    generator.main(["--out", str(tmp_path), "--only", "BaNa3"])
    assert "1 of them already done" in capfd.readouterr().out
    with pytest.raises(ValueError, match="Al5O9"):
        generator.main(["--out", str(tmp_path), "--only", "Al5O9"])


def test_a_slice_comes_out_the_same(outcome):
    committed = {row["id"]: row for row in shards.rows(SHARDS, first=100) if row["formula"] == "LiF"}
    again = {f"LiF-{p.prototype}-{int(p.shaken)}": p for p in outcome.polymorphs}
    assert set(again) == set(committed)
    for key, polymorph in again.items():
        assert polymorph.energy == pytest.approx(committed[key]["energy"], abs=2e-3)
        assert is_duplicate(polymorph, Polymorph(key, False, committed[key]["crystal"], committed[key]["energy"])), key


def test_the_committed_shards():
    rows = list(shards.rows(SHARDS))
    by_formula = defaultdict(list)
    for row in rows:
        by_formula[row["formula"]].append(row)
        assert len(row["crystal"]) <= MAX_ATOMS and -8 < row["formation_energy"] < 3
        assert row["above_hull"] > -1e-4
    assert np.median([len(found) for found in by_formula.values()]) >= 6
    assert sum(row["above_hull"] < 1e-4 for row in rows) >= 76
    assert sum(1 for _ in shards.read_frames(SHARDS)) >= 3 * len(rows)
    assert sum(path.stat().st_size for path in SHARDS.iterdir()) < 15e6
    assert shard_card.card(SHARDS) in (ROOT / "data" / "README.md").read_text()


# ---- reading


@pytest.fixture
def some(rows):
    return [{key: value for key, value in row.items() if key != "crystal"} for row in rows[:20]]


def write_rows(rows, path):
    """The format of the embedded set: rows sorted by id, gzipped, the same bytes for the same rows; its sha256."""
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in sorted(rows, key=lambda row: row["id"]))
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_source(path, out, sha256):
    config = {"source": {"kind": "embedded", "file": str(path), "sha256": sha256}, "clean": {}}
    outputs = [f"--{name}={out.parent / name}" for name in ("rejected", "report", "plot")]
    arguments = ["--dataset", "prototypes", "--config", json.dumps(config), "--input", path, "--out", out, *outputs]
    return forked.stage("source", *arguments)


def test_source_writes_canonical_crystals(tmp_path, some):
    digest = write_rows(some[::-1], tmp_path / "a.jsonl.gz")
    assert digest == write_rows(some, tmp_path / "b.jsonl.gz")
    run_source(tmp_path / "a.jsonl.gz", tmp_path / "deep" / "crystals.parquet", digest)
    table = pq.read_table(tmp_path / "deep" / "crystals.parquet")
    assert table.schema.equals(SCHEMA)
    for row, expected in zip(table.to_pylist(), some, strict=True):
        assert row["id"] == expected["id"] and row["source"] == expected["prototype"]
        crystal = Crystal(row["numbers"], row["frac_coords"], np.reshape(row["lattice"], (3, 3)))
        assert crystal.formula == row["formula"]
        before = Crystal(expected["numbers"], expected["frac_coords"], expected["lattice"])
        assert reduced_counts(crystal.numbers) == reduced_counts(before.numbers)
        assert crystal.volume / len(crystal) == pytest.approx(before.volume / len(before), rel=0.02)


def test_wrong_sha256(tmp_path, some):
    write_rows(some, tmp_path / "a.jsonl.gz")
    ran = run_source(tmp_path / "a.jsonl.gz", tmp_path / "crystals.parquet", "0123" * 16)
    assert ran.returncode == 1 and re.search(r"a\.jsonl\.gz is damaged .*0123", ran.stderr), ran.stderr
    assert not (tmp_path / "crystals.parquet").exists()


def test_cut_off_file(tmp_path, some):
    path = tmp_path / "a.jsonl.gz"
    write_rows(some, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DamagedData, match=r"a\.jsonl\.gz"):
        read_rows(path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"lattice": [[1, 0, 0], [0, 1, 0], [1, 1, 0]]}, "no volume"),
        ({"lattice": [[1, 0, 0]]}, "3 x 3"),
        ({"energy": None}, "not finite"),
        ({"energy": float("nan")}, "not finite"),
        ({"numbers": [11, 17, 17]}, "positions"),
        ({"frac_coords": [["x", 0, 0]]}, "could not convert"),
        ({"formula": "KBr"}, "KBr"),
        ({"numbers": [0, 17]}, "atomic numbers"),
    ],
)
def test_damaged_row_is_named(tmp_path, rows, change, fault):
    row = next(row for row in rows if row["id"] == "NaCl-B1-0")
    good = {key: value for key, value in row.items() if key != "crystal"}
    lines = "\n".join(json.dumps(r) for r in ({**good, "id": "first"}, {**good, **change}))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    with pytest.raises(DamagedData, match=r"a\.jsonl\.gz, line 2 \(id NaCl-B1-0\): .*" + fault):
        read_rows(tmp_path / "a.jsonl.gz")


def test_other_damage_is_named(tmp_path, some):
    path = tmp_path / "a.jsonl.gz"
    for lines, fault in (
        ([json.dumps(some[0]), "{"], "line 2: no valid JSON"),
        ([json.dumps({"id": "x"})], "line 1: no formula"),
        ([json.dumps(some[0])] * 2, some[0]["id"]),
        ([], "no rows"),
    ):
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        with pytest.raises(DamagedData, match=fault):
            read_rows(path)
    with pytest.raises(DamagedData, match="does not exist"):
        read_rows(tmp_path / "none.jsonl.gz")
