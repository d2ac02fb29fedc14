"""Training: it learns, it repeats itself to the byte, it survives kill -9, and it says what is wrong."""

import csv
import dataclasses
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import lcom.nets.training as training_module
from lcom.batch import pack
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import CDVAESettings
from lcom.data.packed import Dataset, Loader
from lcom.nets.graph import searchable
from lcom.nets.settings import TrainingSettings
from lcom.nets.training import train
from rules.common import remove_finished
from tests import forked
from tests.crystals import KNOWN
from tests.tiny import FAST, PAIRS, SMALL, dataset


def _train(
    folder: Path, training: TrainingSettings = FAST, settings: CDVAESettings = SMALL, data: Dataset | None = None
) -> CDVAE:
    data = data or dataset(PAIRS[:9])
    return train(CDVAE, data, dataset(PAIRS[9:]), settings, training, folder / "state", "cpu", folder / "metrics.csv")


def _column(folder: Path, name: str) -> list[float]:
    return [float(row[name]) for row in csv.DictReader((folder / "metrics.csv").open())]


def test_it_learns(tmp_path) -> None:
    _train(tmp_path, dataclasses.replace(FAST, epochs=60, lr=5e-3))
    for name, share in (("train_lattice", 0.2), ("train_coord", 0.93), ("val_loss", 0.75)):
        values = _column(tmp_path, name)
        assert len(values) == 60
        assert sum(values[-5:]) < share * sum(values[:5]), name


def test_it_goes_on_from_the_networks_that_come_with_lcom(tmp_path, monkeypatch) -> None:
    """Weights and scalers are theirs to begin with; other sizes are named; another file of theirs is another training."""
    theirs = _train(tmp_path / "theirs", dataclasses.replace(FAST, epochs=20, lr=5e-3))
    (tmp_path / "cdvae").mkdir()
    (tmp_path / "trained_on.txt").write_text("BeF2 KCl")
    theirs.save(tmp_path / "cdvae/model.safetensors")
    monkeypatch.setattr(training_module, "FOLDER", tmp_path)
    begin = dataclasses.replace(FAST, epochs=1, lr=1e-9, begin="shipped")
    others = dataset(PAIRS[4:9])
    same = _train(tmp_path / "same", begin, data=others)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(same.state_dict()[name], value, atol=1e-6, rtol=1e-5, msg=name)
    random = _train(tmp_path / "random", dataclasses.replace(FAST, epochs=1, lr=1e-9), data=others)
    assert _column(tmp_path / "same", "val_loss")[0] < 0.9 * _column(tmp_path / "random", "val_loss")[0]
    assert not torch.equal(random.lattice_mean, theirs.lattice_mean)
    random.save(tmp_path / "cdvae/model.safetensors")
    _train(tmp_path / "same", begin, data=others)
    assert len(list((tmp_path / "same/state").iterdir())) == 2
    (tmp_path / "trained_on.txt").write_text("NaCl CaTe KCl")
    with pytest.raises(ValueError, match=r"1 compositions of the validation \(CaTe\) are among those that"):
        _train(tmp_path / "same", begin, data=others)
    (tmp_path / "trained_on.txt").write_text("")
    with pytest.raises(ValueError, match=r"'cdvae.training.begin': the weights of .* are of other sizes"):
        _train(tmp_path / "wide", begin, dataclasses.replace(SMALL, latent=7))


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        _train(tmp_path / name, dataclasses.replace(FAST, seed=seed)).save(tmp_path / f"{name}.safetensors")
    a, b, c = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert a == b and a != c


def test_checkpoint_alone_encodes_and_decodes(tmp_path) -> None:
    model = _train(tmp_path)
    model.save(tmp_path / "m.safetensors")
    loaded = CDVAE.load(tmp_path / "m.safetensors")
    batch = dataset().batch
    with torch.no_grad():
        torch.testing.assert_close(loaded.encode(batch)[0], model.encode(batch)[0])
        torch.testing.assert_close(
            loaded.predict_lattice(loaded.context(torch.zeros(36, 4), batch), batch),
            model.predict_lattice(model.context(torch.zeros(36, 4), batch), batch),
        )
    with pytest.raises(ValueError, match="is no CD-VAE model"):
        dataset().save(tmp_path / "data.safetensors")
        CDVAE.load(tmp_path / "data.safetensors")


def _options(folder: Path, **training: object) -> list[str]:
    config = dataclasses.asdict(SMALL) | {"training": dataclasses.asdict(FAST) | training}
    files = {n: folder / f"{n}.safetensors" for n in ("train", "val", "out")}
    files |= {"metrics": folder / "m.csv", "state": folder / "state", "bonds": folder / "bonds.sqlite"}
    options = [text for name, path in files.items() for text in (f"--{name}", str(path))]
    return ["--config", json.dumps(config), "--device", "cpu", *options]


def _stage(folder: Path, env: dict[str, str], **training: object) -> subprocess.CompletedProcess[str]:
    return forked.stage("train_cdvae", *_options(folder, **training), env=env, check=True)


ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def _prepare(folder: Path) -> Path:
    folder.mkdir()
    dataset(PAIRS[:9]).save(folder / "train.safetensors")
    dataset(PAIRS[9:]).save(folder / "val.safetensors")
    return folder


FROZEN = {"clip_value": 1e-30, "weight_decay": 0.0}  # gradients of nothing: the loss never gets better
# the learning rate falls after 31 epochs, which are counted over the kill
PLATEAU = FROZEN | {"epochs": 40, "schedule": "plateau", "lr": 1e-3, "patience": 99}


@pytest.mark.parametrize(
    "training",
    [{"epochs": 30}, {"epochs": 12, "batch_size": 2, "checkpoint_minutes": 1e-5}, PLATEAU],
    ids=["between epochs", "within an epoch", "on a plateau"],
)
def test_kill_and_resume_give_the_bytes_of_an_unbroken_run(tmp_path, training: dict) -> None:
    """kill -9 in the middle, a torn newest checkpoint on top of it, then the same command again."""
    whole, folder = _prepare(tmp_path / "whole"), _prepare(tmp_path / "killed")
    _stage(whole, ENVIRONMENT, **training)
    assert not (whole / "state").exists()

    within = "checkpoint_minutes" in training
    process = forked.begin_stage("train_cdvae", *_options(folder, **training), env=ENVIRONMENT)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        done = sorted((folder / "state").glob("*/*.ckpt"))
        epoch, step = map(int, done[-1].stem.split("-")) if done else (0, 0)
        if epoch >= 3 and (step % 14 not in (0, 1, 13) or not within):  # 27 crystals make 14 batches of 2
            break
        time.sleep(0.005)
    process.kill()
    process.join()
    assert not (folder / "out.safetensors").exists(), "it finished before the kill: the test shows nothing"
    newest = sorted((folder / "state").glob("*/*.ckpt"))[-1]
    newest.with_name("99999-999999999.ckpt").write_bytes(newest.read_bytes()[:1000])

    again = _stage(folder, ENVIRONMENT, **training)
    assert "going on from" in again.stderr and "is damaged" in again.stderr
    assert (folder / "out.safetensors").read_bytes() == (whole / "out.safetensors").read_bytes()
    if not within:  # the means of a broken epoch are those of the batches after the break
        assert (folder / "m.csv").read_text() == (whole / "m.csv").read_text()


def test_on_slurm_a_finished_training_is_there_for_the_next_run(tmp_path) -> None:
    """The run that submitted the job was killed, the job ended well, and Snakemake, which knows nothing of that, removed the model."""
    folder, environment = _prepare(tmp_path / "a"), ENVIRONMENT | {"SLURM_JOB_ID": "7"}
    _stage(folder, environment, epochs=3)
    first = (folder / "out.safetensors").read_bytes()
    (folder / "out.safetensors").unlink()
    again = _stage(folder, environment, epochs=3)
    assert "going on from" in again.stderr and (folder / "out.safetensors").read_bytes() == first
    (folder / "state").rename(folder / "moved")
    states = tmp_path / "states/train_cdvae"
    (states / "unfinished/digest").mkdir(parents=True)
    (folder / "moved").rename(states / "done")
    remove_finished(states.parent)
    assert [path.name for path in states.iterdir()] == ["unfinished"]


@pytest.mark.parametrize(("edit", "trained"), [({"epochs": 3}, 3), (FROZEN | {"epochs": 30, "patience": 4}, 5)])
def test_a_training_that_was_complete_is_not_trained_further(tmp_path, edit: dict, trained: int) -> None:
    """Killed after its last checkpoint, before the model was written; at the last epoch, or stopped early."""
    training = dataclasses.replace(FAST, **edit)
    first = _train(tmp_path, training).state_dict()
    epochs = _column(tmp_path, "epoch")
    again = _train(tmp_path, training).state_dict()
    assert len(epochs) == trained and _column(tmp_path, "epoch") == epochs
    assert all(torch.equal(again[name], first[name]) for name in first)


def test_two_processes_learn_what_one_does(tmp_path) -> None:
    """Lightning's DDP, here on the CPU: one model comes out, trained on batches of both, and its loss falls alike."""
    one, two = _prepare(tmp_path / "one"), _prepare(tmp_path / "two")
    for folder, devices, size in ((one, 1, 8), (two, 2, 4)):
        options = _options(folder, epochs=40, lr=5e-3, devices=devices, batch_size=size)
        command = [sys.executable, "-m", "lcom.stages.train_cdvae", *options]
        subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, timeout=300)
    losses = [[float(row["val_loss"]) for row in csv.DictReader((folder / "m.csv").open())] for folder in (one, two)]
    assert len(losses[0]) == len(losses[1]) == 40
    drops = [x[0] - x[-1] for x in losses]
    assert drops[1] == pytest.approx(drops[0], rel=0.5) and drops[0] > 0
    CDVAE.load(two / "out.safetensors")


def test_bfloat16_learns_too_and_leaves_geometry_alone(tmp_path) -> None:
    model = _train(tmp_path, dataclasses.replace(FAST, epochs=60, lr=5e-3, precision="bf16-mixed"))
    values = _column(tmp_path, "val_loss")
    assert sum(values[-5:]) < 0.75 * sum(values[:5])
    batch = dataset().batch
    with torch.no_grad():
        exact = CDVAE.encode(model, batch)[0]
        model.in_bfloat16 = False
        rounded = CDVAE.encode(model, batch)[0]
    assert 0 < (exact - rounded).abs().max() < 0.1 * exact.std()


def test_batches_of_two_processes_are_those_of_one() -> None:
    data = dataset().batch
    whole = [batch.lattice for batch in Loader(data, 4, 0)]
    parts = [[batch.lattice for batch in Loader(data, 4, 0, rank=rank, world=2)] for rank in (0, 1)]
    assert len(whole) == 9 and len(parts[0]) == len(parts[1]) == 4  # as many for each: the ninth is left out
    for i in range(8):
        torch.testing.assert_close(parts[i % 2][i // 2], whole[i])


def test_an_edited_setting_never_resumes_from_the_old_state(tmp_path) -> None:
    _train(tmp_path)
    before = set((tmp_path / "state").iterdir())
    _train(tmp_path, dataclasses.replace(FAST, lr=1e-3))
    assert len(set((tmp_path / "state").iterdir()) - before) == 1


def test_nan_loss_names_epoch_and_batch_and_keeps_what_was_there(tmp_path) -> None:
    (tmp_path / "out.safetensors").write_text("an earlier result")
    data = dataset(PAIRS[:9])
    bad = data.batch.lattice.clone()
    bad[5] *= 1e12
    broken = Dataset(data.ids, data.batch.replace(lattice=bad), data.formation_energy, data.energy_above)
    with pytest.raises((FloatingPointError, ValueError), match=r"not finite in epoch 0, batch \d+|too flat"):
        _train(tmp_path, data=broken)
    assert (tmp_path / "out.safetensors").read_text() == "an earlier result"


@pytest.mark.parametrize("broken", ["training", "validation"])
def test_a_loss_that_is_not_finite_stops_with_its_place(tmp_path, monkeypatch, broken: str) -> None:
    losses = CDVAE.losses

    def poisoned(self, *args):
        terms = losses(self, *args)
        return {**terms, "loss": terms["loss"] * (torch.nan if self.training == (broken == "training") else 1.0)}

    monkeypatch.setattr(CDVAE, "losses", poisoned)
    where = "validation batch 0" if broken == "validation" else "batch 0"
    with pytest.raises(FloatingPointError, match=rf"not finite in epoch 0, {where} \(.*loss nan"):
        _train(tmp_path)


def test_the_learning_rate_falls_as_it_should(tmp_path) -> None:
    _train(tmp_path, dataclasses.replace(FAST, epochs=6, lr=0.01))
    steps = 4  # 27 crystals in batches of 8
    last = [steps * (epoch + 1) for epoch in range(6)]  # the rate of the step that comes after the epoch
    expected = [0.01 * min((i + 1) / (2 * steps), 0.5 * (1 + math.cos(math.pi * i / (6 * steps))) + 1e-3) for i in last]
    assert _column(tmp_path, "lr") == pytest.approx(expected, rel=1e-3)


def test_it_stops_when_validation_gets_no_better(tmp_path) -> None:
    _train(tmp_path, dataclasses.replace(FAST, epochs=9, lr=1e-12, weight_decay=0.0, patience=2))
    assert len(_column(tmp_path, "epoch")) < 9


@pytest.mark.parametrize("change", [{"ema": 0.0}, {"clip_value": 1e-3}, {"clip": "value"}])
def test_averaging_and_clipping_change_the_weights(tmp_path, change: dict) -> None:
    settings = dataclasses.replace(FAST, epochs=1, clip_value=0.1)
    plain = _train(tmp_path / "a", settings)
    other = _train(tmp_path / "b", dataclasses.replace(settings, **change))
    assert any(not torch.allclose(a, b) for a, b in zip(plain.parameters(), other.parameters(), strict=True))


def test_validation_is_the_same_task_in_every_epoch(tmp_path, monkeypatch) -> None:
    """With a prescribed share of teacher forcing, validation is without from the start: its losses can be compared."""
    losses, seen = CDVAE.losses, set()

    def watched(self, batch, generator, teacher=True):
        seen.add((self.training, teacher))
        return losses(self, batch, generator, teacher)

    monkeypatch.setattr(CDVAE, "losses", watched)
    settings = dataclasses.replace(SMALL, strain=0.0)
    _train(tmp_path, dataclasses.replace(FAST, epochs=2, teacher_forcing=0.5), settings)
    assert seen == {(True, True), (True, False), (False, False)}


def test_predicted_cells_are_always_cells() -> None:
    torch.manual_seed(0)
    model = CDVAE(SMALL)
    batch = dataset().batch
    model.fit_scaler(batch)
    wild = model.context(1e3 * torch.randn(36, 4), batch)
    cells = model.predict_lattice(wild, batch)
    assert torch.isfinite(cells).all() and (torch.linalg.det(cells) > 0).all()
    assert searchable(cells, model.settings.cutoff).all()


def test_lattice_head_target_and_prediction_agree() -> None:
    """A head that returned its own targets would rebuild the cells."""
    model = CDVAE(SMALL)
    batch = pack(list(KNOWN.values()))
    target = model.lattice_targets(batch)
    model.lattice_head = torch.nn.Sequential(torch.nn.Identity())
    rebuilt = model.predict_lattice(target, batch)
    torch.testing.assert_close(torch.linalg.det(rebuilt), torch.linalg.det(batch.lattice), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(rebuilt @ rebuilt.mT, batch.lattice @ batch.lattice.mT, rtol=1e-3, atol=1e-3)
