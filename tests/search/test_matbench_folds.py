"""MatBench's official folds: the sets of each, a record that the package itself reads, and what is refused."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lcom.data.packed import Dataset
from lcom.data.settings import SplitSettings
from lcom.data.sources.matbench import ID, TASK
from lcom.nets.training import train
from lcom.search.energy_model import PAIRS, EnergyModel
from lcom.search.matbench_folds import folds, parts, read_rows, record
from lcom.search.settings import EnergyModelSettings
from lcom.stages import matbench_folds, matbench_predict, matbench_record
from tests.crystals import random_crystals
from tests.tiny import FAST, SMALL

bench = pytest.importorskip("matbench.bench")

COUNT, FOLDS = 50, 5
SETTINGS = SplitSettings(val_fraction=0.2)
CRYSTALS = [crystal for n in (1, 2, 3, 5, 24) for crystal in random_crystals(COUNT // 5, n, n)]
ENERGIES = [round(-0.1 * float(np.mean(crystal.numbers)), 4) for crystal in CRYSTALS]
IDS = [ID.format(row + 1) for row in range(COUNT)]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in its format, of a few rows, and folds of them in the package."""
    data = [[crystal.to_structure().as_dict(), energy] for crystal, energy in zip(CRYSTALS, ENERGIES, strict=True)]
    text = json.dumps({"index": list(range(COUNT)), "columns": ["structure", "e_form"], "data": data})
    (tmp_path / "m.json.gz").write_bytes(gzip.compress(text.encode()))
    order = np.random.default_rng(0).permutation(COUNT)
    tests = np.array_split(order, FOLDS)
    few = {
        f"fold_{k}": {"train": [IDS[i] for i in order if i not in test], "test": [IDS[i] for i in test]}
        for k, test in enumerate(tests)
    }
    splits = {TASK: bench.RecursiveDotDict(few)}
    monkeypatch.setattr("matbench.task.mbv01_validation", SimpleNamespace(splits=splits))
    return tmp_path / "m.json.gz"


def test_the_packages_folds_are_five_of_all_rows() -> None:
    official = folds()
    ids = set(official[0]["train"]) | set(official[0]["test"])
    assert len(official) == FOLDS and len(ids) == 132_752
    assert sorted(id for fold in official for id in fold["test"]) == sorted(ids)


def test_the_sets_of_a_fold(file: Path) -> None:
    data = read_rows(file)
    assert data.ids == IDS
    torch.testing.assert_close(data.formation_energy, torch.tensor(ENERGIES))
    for fold in folds():
        train_set, val_set, test_set = parts(data, fold, 20, SETTINGS)
        small = {id for id in fold["train"] if len(CRYSTALS[IDS.index(id)]) <= 20}
        assert {*train_set.ids, *val_set.ids} == small and not {*train_set.ids} & {*val_set.ids}
        assert len(val_set) == round(0.2 * len(small))
        assert test_set.ids == fold["test"]  # of every size, in the order in which they are recorded
        for i, id in enumerate(test_set.ids):
            assert test_set.formation_energy[i] == data.formation_energy[IDS.index(id)]


def test_what_the_folds_cannot_do_without(file: Path) -> None:
    data, (fold, *_) = read_rows(file), folds()
    with pytest.raises(ValueError, match=f"1 rows of MatBench's folds are not in the file, {fold['train'][3]}"):
        parts(data.rows(torch.tensor([i for i in range(COUNT) if IDS[i] != fold["train"][3]])), fold, 20, SETTINGS)
    with pytest.raises(ValueError, match=r"0 rows of the fold have at most 0 atoms: raise data\.max_atoms"):
        parts(data, fold, 0, SETTINGS)
    text = json.loads(gzip.decompress(file.read_bytes()))
    text["data"][7][1] = None
    file.write_bytes(gzip.compress(json.dumps(text).encode()))
    with pytest.raises(ValueError, match=f"{IDS[7]} is no energy"):
        read_rows(file)


def test_energies_do_not_depend_on_what_is_beside_a_crystal(file: Path) -> None:
    """24 atoms and one atom in one call, in any order; large cells come in batches of their own."""
    data = read_rows(file)
    model = EnergyModel(EnergyModelSettings(encoder=SMALL.encoder, neighbours=12)).eval()
    assert int((data.batch.n_atoms**2).sum()) < PAIRS < COUNT * 24**2
    found = model.energies(data.batch)
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.energies(data.rows(order).batch), found[order], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(model(data.rows(torch.tensor([49])).batch), found[49:], rtol=1e-4, atol=1e-5)


def _stage(monkeypatch: pytest.MonkeyPatch, stage, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", *map(str, arguments)])
    stage.main()


def test_from_the_file_to_a_record_that_the_package_reads(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [[str(tmp_path / f"{k}-{part}.safetensors") for part in ("train", "val", "test")] for k in range(FOLDS)]
    split = json.dumps({"val_fraction": SETTINGS.val_fraction, "seed": SETTINGS.seed})
    outs = [name for fold in names for name in fold]
    _stage(monkeypatch, matbench_folds, "--input", file, "--config", split, "--max-atoms", 20, "--out", *outs)
    settings = EnergyModelSettings(encoder=SMALL.encoder, neighbours=12, noise=0.0, strain=0.0)
    energies = []
    for k, (train_file, val_file, test_file) in enumerate(names):
        state = tmp_path / f"state{k}"
        model = train(
            EnergyModel, Dataset.load(train_file), Dataset.load(val_file), settings, FAST, state, "cpu", tmp_path / "m.csv"
        )  # fmt: skip
        model.save(tmp_path / f"{k}.safetensors")
        energies.append(tmp_path / f"{k}.json")
        options = (
            "--model",
            tmp_path / f"{k}.safetensors",
            "--test",
            test_file,
            "--out",
            energies[-1],
            "--device",
            "cpu",
        )
        _stage(monkeypatch, matbench_predict, *options)
    out, table = tmp_path / "record.json", tmp_path / "record.md"
    tests = [test for _, _, test in names]
    options = (
        "--tests",
        *tests,
        "--predictions",
        *energies,
        "--config",
        "{}",
        "--max-atoms",
        20,
        "--out",
        out,
        "--table",
        table,
    )
    _stage(monkeypatch, matbench_record, *options)

    said = bench.MatbenchBenchmark.from_file(out)  # it compares its hash, and looks for every id
    task = said.tasks_map[TASK]
    assert task.all_folds_recorded
    for k, (energy, test) in enumerate(zip(energies, tests, strict=True)):
        values, data = json.loads(energy.read_text())["energies"], Dataset.load(test)
        assert task.results[f"fold_{k}"].data == dict(zip(data.ids, values, strict=True))
        error = float((torch.tensor(values) - data.formation_energy).abs().mean())
        assert task.results[f"fold_{k}"].scores.mae == pytest.approx(error, abs=1e-5)
    lines = table.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + FOLDS + 1 + 3 and lines[-4].startswith("| all")


def test_scores_of_what_is_known(file: Path) -> None:
    """Energies that are right have no error; the mean of the training rows has its own."""
    data = read_rows(file)
    tests = [parts(data, fold, 20, SETTINGS)[2] for fold in folds()]
    _, scores = record(tests, [test.formation_energy.tolist() for test in tests], {})
    assert (scores["mae"] == 0).all() and (scores["rmse"] == 0).all()
    for fold, said, test in zip(folds(), scores["mae_of_the_mean"], tests, strict=True):
        mean = np.mean([ENERGIES[IDS.index(id)] for id in fold["train"]])
        assert said == pytest.approx(float(np.abs(test.formation_energy.numpy() - mean).mean()), rel=1e-5)
