"""The embedded data set: the committed file, the potential and relaxation behind it, a slice of it made again."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from lcom.compounds import load_compounds
from lcom.crystal import Crystal, reduced_counts
from lcom.data.generator.card import card
from lcom.data.generator.polymorphs import Outcome, Polymorph, find_polymorphs, is_duplicate, rattled, structural_fault
from lcom.data.generator.potential import Potential, UnphysicalCrystal, neighbour_list
from lcom.data.generator.prototypes import MAX_ATOMS, compositions, kind, prototypes, start
from lcom.data.generator.relaxation import RelaxSettings, relax
from lcom.data.sources.embedded import DamagedData, formation_energies, part_of, read_rows, write_rows
from lcom.data.table import SCHEMA
from lcom.stages import prototypes as generator

ROOT = Path(__file__).parents[2]
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
    assert max(len(row["numbers"]) for row in rows) <= MAX_ATOMS
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


def test_starts_have_the_composition_and_no_overlap():
    for formula in ("C", "NaCl", "MgF2", "Li2O"):
        for prototype in prototypes(formula)[::2]:
            crystal = start(formula, prototype)
            assert crystal.formula == formula
            assert len(crystal) <= MAX_ATOMS
            assert structural_fault(crystal) != "atoms too close"
            assert crystal.volume / len(crystal) > 4.999


def test_swapping_the_species():
    nias, anti = [p for p in prototypes("MgO") if p.key == "AB_hP4_194_c_a|NiAs"]
    assert start("MgO", nias).numbers.tolist() != start("MgO", anti).numbers.tolist()


def test_other_stoichiometry_is_refused():
    with pytest.raises(ValueError, match="Al2O3"):
        kind("Al2O3")


# ---- potential and relaxation


def test_potential_agrees_with_chgnet(potential):
    rng = np.random.default_rng(0)
    crystals = [rattled(start(f, prototypes(f)[3]), rng) for f in ("MgO", "C", "ZnS", "CaF2")]
    for crystal, found in zip(crystals, potential(crystals), strict=True):
        expected = potential.model.predict_structure(crystal.to_structure(), task="efs")
        stress = found.virial / crystal.volume * 160.21766  # GPa
        assert found.energy == pytest.approx(float(expected["e"]), abs=1e-5)
        assert np.allclose(found.forces, expected["f"], atol=2e-4)
        assert np.allclose(stress, (expected["s"] + expected["s"].T) / 2, atol=2e-3)


def test_forces_and_virial_are_gradients_of_the_energy(potential):
    crystal = rattled(start("ZnS", prototypes("ZnS")[3]), np.random.default_rng(1))
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
    crystal = rattled(start("MgO", prototypes("MgO")[4]), np.random.default_rng(2))
    pairs, vectors, reverse_id = neighbour_list(crystal, 5.0)
    expected = crystal.to_structure().get_neighbor_list(5.0)
    assert len(pairs) == len(expected[0])
    assert np.allclose(np.sort(np.linalg.norm(vectors, axis=1)), np.sort(expected[3]))
    assert (np.unique(reverse_id, return_counts=True)[1] == 2).all()


def test_relaxation_finds_the_minimum_in_any_company(potential):
    crystals = [rocksalt(a) for a in (4.0, 4.6)] + [start("MgO", prototypes("MgO")[2])]
    together = relax(crystals, potential)
    alone = relax(crystals[:1], potential, RelaxSettings(batch=1))
    assert all(result.ok for result in together)
    assert together[0].energy == pytest.approx(together[1].energy, abs=1e-3)
    assert together[0].energy == pytest.approx(alone[0].energy, abs=1e-5)
    assert (8 * together[1].crystal.volume / 2) ** (1 / 3) == pytest.approx(4.212, rel=0.01)
    assert np.abs(potential([together[0].crystal])[0].forces).max() < 0.02


def test_unphysical_cells_are_reported_and_do_not_hang(potential):
    needle = Crystal([12, 8], [[0, 0, 0], [0.5, 0.5, 0.5]], np.diag([0.3, 0.3, 150.0]))
    results = relax([rocksalt(1.0), needle, rocksalt(30.0), rocksalt()], potential)
    assert [result.ok for result in results] == [False, False, False, True]
    assert "volume" in results[0].reason and "skewed" in results[1].reason
    with pytest.raises(UnphysicalCrystal):
        potential([needle])


def test_step_cap(potential):
    assert "not converged" in relax([rocksalt(4.8)], potential, RelaxSettings(max_steps=2))[0].reason


def test_detached_layers_and_overlaps_are_faults():
    slab = Crystal([12, 8], [[0, 0, 0], [0.5, 0.5, 0]], np.diag([3.0, 3.0, 12.0]))
    assert structural_fault(slab) == "detached"
    assert structural_fault(rocksalt()) == ""
    assert structural_fault(Crystal([12, 8], [[0, 0, 0], [0.2, 0, 0]], np.eye(3) * 4)) == "atoms too close"
    assert structural_fault(rocksalt(3.0)) == "too dense"


def test_a_saddle_point_is_left(potential):
    symmetric = relax([start("MgO", prototypes("MgO")[1])], potential)[0]  # CsCl, unstable in MgO
    shaken = relax([rattled(symmetric.crystal, np.random.default_rng(0))], potential)[0]
    assert symmetric.ok and shaken.ok
    assert shaken.energy < symmetric.energy - 0.1


# ---- making it again


def test_a_slice_comes_out_the_same(by_formula, potential):
    committed = {row["id"]: row for row in by_formula["CsCl"]}
    again = {row["id"]: row for row in part_of(find_polymorphs("CsCl", potential))["polymorphs"]}
    assert set(again) == set(committed)
    for key, row in again.items():
        crystal = Crystal(row["numbers"], row["frac_coords"], row["lattice"])
        assert row["energy"] == pytest.approx(committed[key]["energy"], abs=2e-3)
        one, other = (Polymorph(key, False, c, row["energy"]) for c in (crystal, committed[key]["crystal"]))
        assert is_duplicate(one, other), key


def test_stage_makes_a_slice_and_resumes(tmp_path, capfd, by_formula):
    command = ["--out", str(tmp_path), "--only", "Sr"]
    generator.main(command)
    first = (tmp_path / "prototypes.jsonl.gz").read_bytes()
    assert len(read_rows(tmp_path / "prototypes.jsonl.gz")) == len(by_formula["Sr"])
    part = (tmp_path / "parts" / "Sr.json").stat().st_mtime_ns
    (tmp_path / "prototypes.jsonl.gz").unlink()
    generator.main(command)
    assert (tmp_path / "parts" / "Sr.json").stat().st_mtime_ns == part
    assert (tmp_path / "prototypes.jsonl.gz").read_bytes() == first
    assert "1 already done" in capfd.readouterr().out


def test_stage_refuses_unknown_compositions(tmp_path):
    with pytest.raises(ValueError, match="Al2O3"):
        generator.main(["--out", str(tmp_path), "--only", "Al2O3"])


def test_formation_energies_need_the_elements():
    part = part_of(Outcome("MgO", [Polymorph("B1", False, rocksalt(), -8.0)]))
    with pytest.raises(ValueError, match="MgO"):
        formation_energies([part])
    parts = [part] + [
        part_of(Outcome(f, [Polymorph("A1", False, Crystal([z], [[0, 0, 0]], np.eye(3) * 3), e)]))
        for f, z, e in (("Mg", 12, -2.0), ("O2", 8, -6.0))
    ]
    assert [row["formation_energy"] for row in formation_energies(parts)] == [-4.0, 0.0, 0.0]


# ---- reading


@pytest.fixture
def some(rows):
    return [{key: value for key, value in row.items() if key != "crystal"} for row in rows[:20]]


def run_source(path, out, sha256):
    config = {"source": {"kind": "embedded", "file": str(path), "sha256": sha256}, "clean": {}}
    outputs = [f"--{name}={out.parent / name}" for name in ("rejected", "report", "plot")]
    arguments = ["--dataset", "prototypes", "--config", json.dumps(config), "--input", path, "--out", out, *outputs]
    command = [sys.executable, "-m", "lcom.stages.source", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
    ran = run_source(tmp_path / "a.jsonl.gz", tmp_path / "crystals.parquet", "0123")
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
