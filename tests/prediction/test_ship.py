"""From a run to the folder that comes with lcom, and what that folder refuses. Tiny networks, untrained."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from lcom.batch import unpack
from lcom.cdvae.model import CDVAE
from lcom.data.packed import Dataset
from lcom.data.shipped import CARD, PAGE, TRAINED_ON, check_run, checked_card, reduced, trained_on
from lcom.prediction import ship as shipping
from lcom.prediction.networks import Trained
from lcom.prediction.possible import Possible
from lcom.prediction.run_folder import (
    CDVAE_FILE,
    CRYSTALS,
    LATENTS,
    SL,
    SURROGATE,
    TRAIN,
    VAL,
    run_folder,
    training_set,
)
from lcom.prediction.ship import SPLIT, Seconds, ship
from lcom.prediction.ship_card import page
from tests.prediction.tiny_run import write_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all that is shipped of it: split, losses, the second surrogate, a job's seconds."""
    folder = write_run(tmp_path_factory.mktemp("results") / "both")
    table = pq.read_table(folder / CRYSTALS)
    part = ["val" if id in Dataset.load(folder / VAL).ids else "train" for id in table["id"].to_pylist()]
    pd.DataFrame({"formula": table["formula"].to_numpy(), "part": part}).to_csv(folder / SPLIT, index=False)
    shutil.copy(folder / SURROGATE, folder / SL)
    for name in ("cdvae/metrics", "energy_model/metrics"):
        (folder / f"{name}.csv").write_text("epoch,lr,train_loss,val_loss\n0,1,9.0,8.0\n1,1,7.0,6.0\n")
    for name in ("lcoms", "sl"):
        (folder / f"surrogate/{name}.csv").write_text("epoch,seed,val_mae\n0,0,9\n0,1,9\n1,0,0.2\n1,1,0.4\n")
    (folder.parent / "benchmarks/train_cdvae").mkdir(parents=True)
    (folder.parent / "benchmarks/train_cdvae/both.tsv").write_text("s\th:m:s\n12.5\t0:00:12\n")
    return folder


ABOUT = {
    "sources": {"prototypes": {"kind": "embedded", "file": str(ROOT / "data/prototypes.jsonl.gz"), "level": ""}},
    "settings": {name: {"training": {"begin": "random", "epochs": 2}} for name in ("cdvae", "energy_model")},
    "holdout": "formula",
    "tables": [str(ROOT / "data/compounds.csv")],
    "codes": {"train_cdvae": "0" * 16},
}


def shipped(finished: Path, out: Path) -> dict:
    return ship(finished, out, Seconds(finished.parent / "benchmarks", "both"), ABOUT)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    shipped(finished, tmp_path / "networks")
    return tmp_path / "networks"


def test_the_folder_serves_as_the_run_did(finished: Path, folder: Path) -> None:
    assert run_folder(folder) == folder
    ours, theirs = Possible.load(training_set(folder)), Possible.load(training_set(finished))
    assert ours == theirs and training_set(finished) == finished / TRAIN
    before, after = Trained.load(finished, "cpu"), Trained.load(folder, "cpu")
    assert after.known_ids == before.known_ids and after.train.ids == before.train.ids
    for name in ("numbers", "frac_coords", "lattice", "n_atoms"):
        torch.testing.assert_close(getattr(after.known, name), getattr(before.known, name))
    torch.testing.assert_close(after.formation_energy, before.formation_energy)
    assert after.train.batch.numbers.dtype == torch.int64 and after.networks.train_z.dtype == torch.float32
    torch.testing.assert_close(after.known_z, before.known_z, rtol=1e-3, atol=1e-3)
    with torch.no_grad():
        batch = after.known
        torch.testing.assert_close(after.networks.model.encode(batch), before.networks.model.encode(batch))
        energies = [
            run.networks.surrogate.energy(*(x.expand(3, -1, -1) for x in (run.known_z, run.networks.model.composition(batch))))
            for run in (before, after)
        ]  # fmt: skip
    torch.testing.assert_close(*energies, rtol=2e-3, atol=2e-3)


def test_the_card_says_what_is_there(finished: Path, folder: Path) -> None:
    card = checked_card(folder)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == {*card["files"], CARD, PAGE}
    assert card["bytes"] == sum((folder / name).stat().st_size for name in card["files"])
    assert card["parts"]["train"]["crystals"] == len(Dataset.load(finished / TRAIN))
    cdvae, lcoms = card["networks"]["cdvae"], card["networks"]["lcoms"]
    assert cdvae["epochs"] == 2 and cdvae["seconds"] == 12.5 and cdvae["measured"]["val_loss"] == 6.0
    assert lcoms["measured"] == {"val_mae": 0.3} and lcoms["seconds"] is None and card["seeds"] == 3
    assert card["tables"][ABOUT["tables"][0]]["compounds"] == 26
    text = (folder / PAGE).read_text()
    assert text == page(card) and all(said["sha256"] in text for said in card["files"].values())


def trained_again(run: Path, folder: Path) -> Path:
    """A copy of the run, in a folder of this name, with another CD-VAE."""
    shutil.copytree(run.parent, folder)
    model = CDVAE.load(run / CDVAE_FILE)
    with torch.no_grad():
        next(model.parameters()).add_(1e-3)
    model.save(folder / run.name / CDVAE_FILE)
    return folder / run.name


def test_networks_that_began_from_others_say_so(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What those knew is known, their epochs are told, and none of it validates."""
    first = tmp_path / "first"
    shipped(finished, first)
    monkeypatch.setattr(shipping, "FOLDER", first)
    monkeypatch.setattr(shipping, "read_card", lambda folder=first: json.loads((folder / CARD).read_text()))
    (first / TRAINED_ON).write_text((first / TRAINED_ON).read_text() + "KrF2\n")
    begun = {"settings": ABOUT["settings"] | {"cdvae": {"training": {"begin": "shipped", "epochs": 2}}}}
    again = ship(finished, tmp_path / "again", Seconds(finished.parent / "benchmarks", "both"), ABOUT | begun)
    assert again["networks"]["cdvae"]["began_from"] == [] and "2 + 2" not in page(again), "the same one"
    finished = trained_again(finished, tmp_path / "run")
    card = ship(finished, tmp_path / "second", Seconds(finished.parent / "benchmarks", "both"), ABOUT | begun)
    (stage,) = card["networks"]["cdvae"]["began_from"]
    before = json.loads((first / CARD).read_text())
    assert stage["epochs"] == 2 and stage["crystals"] == before["parts"]["train"]["crystals"]
    assert (
        stage["sha256"] == before["files"][CDVAE_FILE]["sha256"]
        and "began_from" not in card["networks"]["energy_model"]
    )
    assert "2 + 2" in page(card) and "2 + 2" not in page(before)
    known = trained_on(tmp_path / "second")
    assert known == trained_on(first) and reduced("F2Kr") in known

    monkeypatch.setattr(shipping, "FOLDER", tmp_path / "second")
    monkeypatch.setattr(
        shipping, "read_card", lambda folder=tmp_path / "second": json.loads((folder / CARD).read_text())
    )
    finished = trained_again(finished, tmp_path / "run2")
    third = ship(finished, tmp_path / "third", Seconds(finished.parent / "benchmarks", "both"), ABOUT | begun)
    assert "2 + 2 + 2" in page(third)
    validates = Dataset.load(finished / VAL).batch
    formula = unpack(validates)[0].formula
    (tmp_path / "second" / TRAINED_ON).write_text(formula + "\n")
    with pytest.raises(ValueError, match=f"{formula} validate, and the networks that these began from were trained on"):
        ship(finished, tmp_path / "fourth", Seconds(tmp_path, "both"), ABOUT | begun)


def test_a_set_that_was_changed_after_it_was_read_has_no_digest(finished: Path, tmp_path: Path) -> None:
    read, file = finished.parent / "mine" / CRYSTALS, tmp_path / "mine.jsonl.gz"
    read.parent.mkdir()
    for path in (file, read):
        path.write_bytes(b"crystals")
    about = ABOUT | {"sources": {"mine": {"kind": "embedded", "file": str(file)}}}
    for changed, time in ((False, 10), (True, 1e12)):
        os.utime(file, (time, time))
        said = ship(finished, tmp_path / f"{changed}", Seconds(tmp_path, "both"), about)["data"]["mine"]
        assert said.get("changed_since", False) == changed and ("sha256" in said) != changed


def test_compounds_that_were_trained_on_are_refused_however_they_are_written(folder: Path) -> None:
    known = trained_on(folder)
    assert ((3, 1), (35, 1)) in known and ((3, 1),) in known  # LiBr, and an element
    assert check_run(["MgO", "SiO2", "CaTe"], 3, folder) == checked_card(folder)  # CaTe: of the validation crystals
    with pytest.raises(ValueError, match=r"trained on BrLi, KI: a run that judges them .*`only`"):
        check_run(["MgO", "BrLi", "KI"], 3, folder)
    with pytest.raises(ValueError, match="have 3 seeds, the config asks for 4"):
        check_run(["MgO"], 4, folder)


def test_a_file_that_is_not_as_the_card_says_is_named(folder: Path) -> None:
    path = folder / SURROGATE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"surrogate/lcoms.safetensors is not what card.json says"):
        check_run(["MgO"], 1, folder)
    path.unlink()
    with pytest.raises(ValueError, match=r"surrogate/lcoms.safetensors cannot be read \(No such file"):
        checked_card(folder)
    (folder / CARD).write_text("{}")
    with pytest.raises(ValueError, match="is no card"):
        checked_card(folder)
    (folder / CARD).unlink()
    with pytest.raises(ValueError, match="has no networks .*make networks"):
        checked_card(folder)


def test_files_that_do_not_belong_together_are_not_shipped(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (SPLIT, LATENTS):
        run = tmp_path / Path(name).name / "both"
        shutil.copytree(finished, run)
        if name == SPLIT:
            lines = (run / SPLIT).read_text().splitlines()
            (run / SPLIT).write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
        else:
            (run / TRAIN).write_bytes((run / VAL).read_bytes())
        with pytest.raises(ValueError, match=f"{name} is not of"):
            ship(run, tmp_path / "out", Seconds(tmp_path, "both"), ABOUT)
    monkeypatch.setattr(shipping, "MOST", 1e4)
    with pytest.raises(ValueError, match="MB, more than the 0 MB"):
        shipped(finished, tmp_path / "large")


def test_the_table_is_small_and_exact_to_float32(finished: Path, folder: Path) -> None:
    from lcom.data.compact import read_compact
    from lcom.data.table import read_crystals

    table, part = read_compact(folder / CRYSTALS)
    before, after = read_crystals(finished / CRYSTALS), read_crystals(folder / CRYSTALS)
    assert table.schema == pq.read_table(finished / CRYSTALS).schema and set(part) == {"train", "val"}
    assert (folder / CRYSTALS).stat().st_size < (finished / CRYSTALS).stat().st_size
    assert after.ids.tolist() == before.ids.tolist() and after.numbers.dtype == before.numbers.dtype
    for name in ("frac_coords", "lattice", "formation_energy"):
        expected = getattr(before, name).astype(np.float32)
        assert getattr(after, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(after, name).astype(np.float32), expected)
    json.loads((folder / CARD).read_text())
    assert (folder / CDVAE_FILE).read_bytes() == (finished / CDVAE_FILE).read_bytes()
