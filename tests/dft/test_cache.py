"""Energies that are known: found whatever cell the crystal comes in, never another's, whole after kills, flips and other writers."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

import lcom.dft.energies as module
from lcom.crystal import Crystal
from lcom.dft.cache import KnownEnergies
from lcom.dft.energies import energies
from lcom.dft.gpaw import Energy, energy
from lcom.dft.settings import DftSettings
from tests.crystals import random_crystals
from tests.dft.test_same import written_otherwise

SETTINGS = DftSettings()
ALLOY = Crystal.from_atoms(bulk("CuAu", "rocksalt", a=4.6))


def known(folder: Path, settings: DftSettings = SETTINGS, code: str = "a") -> KnownEnergies:
    return KnownEnergies(folder, settings, code)


def rattled(seed: int) -> Crystal:
    atoms = bulk("CuAu", "rocksalt", a=4.6).repeat((2, 1, 1))
    atoms.rattle(0.1, seed=seed)
    return Crystal.from_atoms(atoms)


@pytest.fixture
def counted(emt, monkeypatch, tmp_path: Path):
    """EMT in the children, and how often it was asked."""
    asked = tmp_path / "asked"

    def counting(crystal, settings):
        with asked.open("a") as file:
            file.write("x")
        return energy(crystal, settings)

    monkeypatch.setattr(module, "energy", counting)
    return lambda: len(asked.read_text()) if asked.exists() else 0


def test_energies_from_the_cache_are_those_of_the_calculator_to_a_millielectronvolt(counted, tmp_path: Path) -> None:
    crystals = [rattled(seed) for seed in range(3)]
    again = [written_otherwise(c, seed, mirrored, 1e-5) for seed, mirrored in ((1, False), (2, True)) for c in crystals]
    first = energies(crystals, SETTINGS, known(tmp_path), 1, last=True)
    found = energies([*again, *crystals], SETTINGS, known(tmp_path), 1, last=True)
    assert counted() == len(crystals)
    fresh = [energy(crystal, SETTINGS) for crystal in again]
    for (kept, made_by), exact in zip(found, [*fresh, *(answer for answer, _ in first)], strict=True):
        assert abs(kept.energy - exact.energy) < 1e-3 and made_by["packages"]["ase"]
        np.testing.assert_allclose(kept.crystal.lattice, exact.crystal.lattice, atol=1e-9)  # its own, not the other's
    assert all(answer.max_force > 0.3 for answer, _ in first)
    moved = [written_otherwise(c, 5, False, 5e-3) for c in crystals]
    energies(moved, SETTINGS, known(tmp_path), 1, last=True)
    assert counted() == 2 * len(crystals)


def test_how_near_is_the_same_depends_on_the_forces(tmp_path: Path) -> None:
    """Half a millielectronvolt of work, a thousandth of an Å at most."""
    moved = written_otherwise(ALLOY, 1, False, 6e-4)
    for force, stress, same in ((0.1, 0.0, True), (5.0, 0.0, False), (0.1, 0.5, False)):
        store = known(tmp_path / f"{force}-{stress}")
        store.keep(Energy(ALLOY, -1.0, force, stress, 1, 1.0), {})
        assert (store.find(moved) is not None) is same
    store = known(tmp_path / "0")
    store.keep(Energy(ALLOY, -1.0, 0.0, 0.0, 1, 1.0), {})
    assert store.find(written_otherwise(ALLOY, 1, False, 3e-3)) is None


def test_the_same_crystal_is_calculated_once_also_side_by_side(counted, tmp_path: Path) -> None:
    seeds = [written_otherwise(ALLOY, seed, False, 0.0) for seed in range(6)]
    found = energies([*seeds, rattled(0)], SETTINGS, known(tmp_path), 3, last=True)
    assert counted() == 2 and len({answer.energy for answer, _ in found}) == 2


def test_another_level_code_or_crystal_is_not_taken(counted, tmp_path: Path) -> None:
    for settings, code in ((SETTINGS, "a"), (replace(SETTINGS, cutoff=700.0), "a"), (SETTINGS, "b")):
        energies([ALLOY], settings, known(tmp_path, settings, code), 1, last=True)
    assert counted() == 3
    energies([ALLOY], replace(SETTINGS, relax=replace(SETTINGS.relax, fmax=0.5)), known(tmp_path), 1, last=True)
    assert counted() == 3, "an energy does not depend on how its structure was relaxed"


def test_what_has_no_energy_is_known_too_unless_gpaw_died(emt, tmp_path: Path) -> None:
    emt.failing = (1,)
    ((lost, _),) = energies([ALLOY], SETTINGS, known(tmp_path), 1, last=True)
    emt.failing = ()
    assert "did not converge" in lost.reason
    assert known(tmp_path).find(ALLOY)[0].reason == lost.reason
    (random,) = random_crystals(1, 2)
    tiny = Crystal(random.numbers, random.frac_coords, random.lattice * 0.2)
    ((absurd, _),) = energies([tiny], SETTINGS, known(tmp_path), 1, last=True)
    assert "collapsed" in absurd.reason


def test_torn_lines_and_flipped_bits_cost_their_energy_alone(tmp_path: Path) -> None:
    crystals = [rattled(seed) for seed in range(4)]
    store = known(tmp_path)
    for k, crystal in enumerate(crystals):
        store.keep(Energy(crystal, -float(k), 0.0, 0.0, 1, 1.0), {})
    (file,) = tmp_path.rglob("*.log")
    data = bytearray(file.read_bytes())
    data[data.index(b'"energy": -1.0') + 12] ^= 1
    file.write_bytes(bytes(data[:-30]))  # the last is torn
    store = known(tmp_path)
    assert [store.find(crystal) is not None for crystal in crystals] == [True, False, True, False]
    assert store.damaged == 2
    store.keep(Energy(crystals[3], -3.0, 0.0, 0.0, 1, 1.0), {})
    assert known(tmp_path).find(crystals[3])[0].energy == -3.0, "what comes after a torn line is whole"
    assert store.find(crystals[3])[0].energy == -3.0, "a file that grew is read again"


def _write(folder: Path, first: int) -> None:
    store = known(folder)
    for k in range(first, first + 15):
        store.keep(Energy(rattled(k), -float(k), 0.0, 0.0, 1, 1.0), {"text": "x" * 3000})


def test_many_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path, 15 * k)) for k in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store = known(tmp_path)
    assert all(store.find(rattled(k))[0].energy == -k for k in (0, 20, 40, 59)) and store.damaged == 0
