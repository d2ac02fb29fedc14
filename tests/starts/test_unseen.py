"""Compositions that training has not seen: which are taken, and what their starts are."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lcom.batch import pack
from lcom.candidates import Candidate, read_candidates, write_candidates
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.report.gains import read_unseen
from lcom.starts.unseen import unseen
from tests import forked
from tests.tiny import dataset

TRAIN, VAL = ["NaI", "KBr", "MgTe"], ["LiI", "RbBr", "CaSe", "SrTe"]


def test_the_lowest_crystal_of_each_composition_is_taken() -> None:
    train, val = dataset(TRAIN), dataset(VAL)
    found = unseen(train, val, 83)
    assert list(found) == sorted(VAL) == [crystal.formula for crystal in found.values()]
    assert all(len(crystal) == 2 for crystal in found.values())
    assert found["CaSe"].volume == pytest.approx(
        float(torch.linalg.det(val.batch.lattice[6]).abs())
    )  # CaSe's first, which is lowest
    two = unseen(train, val, 2)
    assert len(two) == 2 and list(two) == list(unseen(train, val, 2)) and set(two) <= set(VAL)


def test_formulas_are_names_that_a_file_of_candidates_gives_back(tmp_path: Path) -> None:
    """Not Mg(BO2)2, of which Mg would be left."""
    crystal = Crystal([12, 5, 5, 8, 8, 8, 8], np.arange(21).reshape(7, 3) / 21, 6.0 * np.eye(3))
    data = Dataset(["one"], pack([crystal]), torch.zeros(1), torch.zeros(1))
    assert crystal.formula == "Mg(BO2)2" and list(unseen(data, data, 1)) == ["MgB2O4"]
    with pytest.raises(ValueError, match=r"Mg\(BO2\)2"):
        write_candidates(tmp_path / "c", [Candidate(crystal, crystal.formula, 0, "start", "dataset")])


def test_a_cell_that_no_training_crystal_fits_is_left_out() -> None:
    val = dataset(VAL)
    numbers = val.batch.numbers.clone()
    numbers[:2] = 3  # the first composition becomes an element, of which training has none
    lone = Dataset(val.ids, dataclasses.replace(val.batch, numbers=numbers), val.formation_energy, val.energy_above)
    assert "Li" not in unseen(dataset(TRAIN), lone, 83)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    files = [f"--{name}={folder}/{name}" for name in ("train", "val", "known", "out")]
    return forked.stage("unseen_initial", *files, "--seeds=2", "--draw=any", *arguments)


def test_a_start_for_each_seed_of_crystals_of_training(tmp_path: Path) -> None:
    dataset(TRAIN).save(tmp_path / "train")
    dataset(VAL).save(tmp_path / "val")
    assert run(tmp_path, "--count=3").returncode == 0
    starts, known = read_candidates(tmp_path / "out"), read_candidates(tmp_path / "known")
    assert [(s.compound, s.seed, s.method, s.start) for s in starts] == [
        (k.compound, seed, "start", "dataset") for k in known for seed in (0, 1)
    ]
    assert len(known) == 3 and {k.method for k in known} == {"known"}
    assert all(sorted(s.crystal.numbers) == sorted(k.crystal.numbers) for k, s in zip(known, starts[::2], strict=True))
    first = (tmp_path / "out").read_bytes()
    assert run(tmp_path, "--count=3").returncode == 0 and (tmp_path / "out").read_bytes() == first


def test_chgnet_judges_what_is_a_crystal_and_nothing_else(tmp_path: Path) -> None:
    (known,) = unseen(dataset(TRAIN), dataset(VAL), 1).values()
    heap = Crystal(known.numbers, known.frac_coords, 0.3 * known.lattice)
    labels = {"compound": known.formula, "start": "dataset"}
    write_candidates(tmp_path / "known", [Candidate(known, known.formula, 0, "known", "none")])
    write_candidates(tmp_path / "starts", [Candidate(known, seed=seed, method="start", **labels) for seed in (0, 1, 2)])
    found = [Candidate(heap, seed=1, method="lcoms", **labels), Candidate(known, seed=0, method="lcoms", **labels)]
    found.append(Candidate(known, seed=2, method="lcoms", status="failed", reason="no decoding was finite", **labels))
    write_candidates(tmp_path / "found", found)
    files = [f"--{name}={tmp_path}/{name}" for name in ("known", "starts", "found")]
    forked.stage("unseen", "--dataset=mine", *files, f"--out={tmp_path}/unseen.csv", check=True)
    rows = pd.read_csv(tmp_path / "unseen.csv")
    assert list(rows[rows.method == "start"].delta_e_mev) == pytest.approx([0.0] * 3, abs=0.01)  # single precision
    assert list(rows[rows.method == "lcoms"].energy.isna()) == [True, False, True]  # a heap, a crystal, none
    assert list(read_unseen(tmp_path / "unseen.csv").gain) == [-np.inf, pytest.approx(0.0, abs=0.01), -np.inf]


def test_nothing_to_show_is_said(tmp_path: Path) -> None:
    train = dataset(["NaI"])
    numbers = torch.full_like(train.batch.numbers, 11)
    Dataset(
        train.ids, dataclasses.replace(train.batch, numbers=numbers), train.formation_energy, train.energy_above
    ).save(tmp_path / "train")
    dataset(VAL).save(tmp_path / "val")
    said = run(tmp_path, "--count=3")
    assert said.returncode == 1 and "set figures.unseen to 0" in said.stderr and "Traceback" not in said.stderr
    assert not np.any([(tmp_path / name).exists() for name in ("out", "known")])
