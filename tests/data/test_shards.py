"""Embedded set 2 on disk: what goes in comes out, and damage is named."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from lcom.crystal import Crystal
from lcom.data.catalogue import CATALOGUE
from lcom.data.generator.hull import compositions, write_compositions
from lcom.data.generator.parts import part_of
from lcom.data.generator.polymorphs import Outcome, Polymorph
from lcom.data.generator.shard_card import card
from lcom.data.off_minimum import OffMinimum
from lcom.data.sources import shards
from lcom.data.sources.embedded import DamagedData

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)


def crystal(numbers, a=4.0):
    n = len(numbers)
    return Crystal(numbers, RNG.random((n, 3)), np.diag([a, a, a + 0.5]) + RNG.normal(scale=0.1, size=(3, 3)))


def outcome(formula, numbers, energies):
    polymorphs = [Polymorph(f"T{i}", bool(i % 2), crystal(numbers), e) for i, e in enumerate(energies)]
    n = len(numbers)
    frames = [
        OffMinimum(formula, "T0", stage, crystal(numbers), energies[0] + 0.3, RNG.normal(size=(n, 3)), symmetric())
        for stage in ("start", "way", "shaken")
    ]
    return Outcome(formula, polymorphs, frames=frames)


def symmetric():
    stress = RNG.normal(scale=0.1, size=(3, 3))
    return (stress + stress.T) / 2


@pytest.fixture
def outcomes():
    return [
        outcome("Mg", [12], [-1.5, -1.4]),
        outcome("O2", [8], [-4.0]),
        outcome("MgO", [12, 8], [-6.0, -5.8, -5.0]),
        outcome("MgO2", [12, 8, 8], [-5.0]),
    ]


@pytest.fixture
def folder(tmp_path, outcomes):
    parts = [part_of(found, seconds=2.0) for found in outcomes]
    shard = shards.write_shard(parts, 0, tmp_path)
    shards.write_manifest({"generator": 1, "chgnet": "0", "shards": [shard]}, tmp_path)
    write_compositions(tmp_path)
    return tmp_path


def test_minima_come_back(folder, outcomes):
    expected = [(o.formula, p) for o in outcomes for p in o.polymorphs]
    found = list(shards.rows(folder))
    assert len(found) == len(expected)
    for row, (formula, polymorph) in zip(found, expected, strict=True):
        assert row["id"] == f"{formula}-{polymorph.prototype}-{int(polymorph.shaken)}"
        assert np.allclose(row["crystal"].frac_coords, polymorph.crystal.frac_coords, atol=1e-6)
        assert np.allclose(row["crystal"].lattice, polymorph.crystal.lattice, atol=1e-5)
        assert row["energy"] == pytest.approx(polymorph.energy, abs=1e-5)


def test_frames_come_back_within_their_steps(folder, outcomes):
    expected = [frame for o in outcomes for frame in o.frames]
    found = list(shards.read_frames(folder))
    assert len(found) == len(expected)
    for row, frame in zip(found, expected, strict=True):
        apart = row.crystal.frac_coords - frame.crystal.frac_coords
        assert np.abs(apart - np.round(apart)).max() < 1 / 65536
        assert np.abs(row.forces - frame.forces).max() < 1e-3
        assert np.abs(row.stress - frame.stress).max() < 1e-4
        assert row.energy == pytest.approx(frame.energy, abs=1e-5) and row.stage == frame.stage


def test_formation_energies_and_the_hull(folder):
    rows = {row["id"]: row for row in shards.rows(folder)}
    assert rows["MgO-T0-0"]["formation_energy"] == pytest.approx(-6.0 - (-1.5 - 4.0) / 2, abs=1e-5)
    assert rows["MgO-T0-0"]["above_hull"] == pytest.approx(0, abs=1e-5)
    assert rows["MgO-T1-1"]["above_hull"] == pytest.approx(0.2, abs=1e-5)
    # MgO2 lies above the line from MgO to O2: two thirds of -6 and one of -4
    assert rows["MgO2-T0-0"]["above_hull"] == pytest.approx(-5.0 - (-6.0 * 2 - 4.0) / 3, abs=1e-5)


def test_compositions_without_their_elements_have_no_energy_to_refer_to():
    found = compositions([("Mg", 1, -1.5), ("MgO", 1, -6.0)])
    assert [row["formula"] for row in found] == ["Mg"]


def test_entries_of_a_subset(folder):
    assert {e.id.split("-")[0] for e in shards.read(folder, first=3)} == {"Mg", "O2", "MgO"}
    assert {e.id.split("-")[0] for e in shards.read(folder, proportions=["AX2"])} == {"MgO2"}
    assert {frame.formula for frame in shards.read_frames(folder, first=1)} == {"Mg"}


def test_the_same_parts_are_the_same_bytes(folder, outcomes, tmp_path):
    again = tmp_path / "again"
    shards.write_shard([part_of(found) for found in outcomes], 0, again)
    for name in ("minima-000.parquet", "frames-000.parquet"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("name", ["minima-000.parquet", "frames-000.parquet", shards.COMPOSITIONS])
@pytest.mark.parametrize("damage", ["torn", "flipped", "gone"])
def test_damage_is_named(folder, name, damage):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data if damage == "flipped" else data[:-20])
    with pytest.raises(DamagedData, match=name):
        list(shards.rows(folder)), list(shards.read_frames(folder))


@pytest.mark.parametrize("text", ["{", "[]", '{"shards": 3}'])
def test_a_damaged_manifest_is_named(folder, text):
    (folder / shards.MANIFEST).write_text(text)
    with pytest.raises(DamagedData, match="manifest.json"):
        list(shards.rows(folder))


def test_no_manifest(tmp_path):
    with pytest.raises(DamagedData, match="does not exist"):
        list(shards.rows(tmp_path))


def test_card(folder):
    text = card(folder)
    assert "7 minima of 4 compositions" in text and "| AX2 | 1 | 1 |" in text
    assert "12 frames" in text
    manifest = json.loads((folder / shards.MANIFEST).read_text())
    assert manifest["shards"][0]["core_seconds"] == 8


@pytest.mark.parametrize("name", ["prototypes", "embedded"])
def test_the_config_has_the_digests_of_the_embedded_sets(name: str) -> None:
    """Whoever makes a set grow enters its new digest."""
    source = CATALOGUE[name][1]
    path = ROOT / source.file
    assert source.sha256 == hashlib.sha256((path / shards.MANIFEST if path.is_dir() else path).read_bytes()).hexdigest()
