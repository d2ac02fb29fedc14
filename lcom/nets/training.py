"""Training of the networks with Lightning: schedule, averaged weights, early stop, log, several devices, and resume after a kill.

Every epoch's batches and noise come from generators seeded with (seed, epoch, batch), so that a run that was killed and
resumed, in the middle of an epoch too, ends with the same weights as one that was not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import os
import shutil
import sys
import warnings
import zipfile
from argparse import Namespace
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from lcom.base.device import prepare_device
from lcom.base.files import write_text
from lcom.base.lock import at_work_on
from lcom.base.processes import VARIABLE, this_process
from lcom.base.resume import digest
from lcom.base.settings import parse_settings
from lcom.batch import Batch
from lcom.data.packed import Dataset, Loader
from lcom.data.shipped import FOLDER, check_split, sha256_of
from lcom.nets.network import Network
from lcom.nets.settings import TrainingSettings

log = logging.getLogger(__name__)


N = TypeVar("N", bound=Network)
FINISHED = "finished"  # in a folder of checkpoints that are needed no more once the run has the model


class Module(lightning.LightningModule):
    """A network with its optimiser."""

    def __init__(self, model: Network, settings: TrainingSettings, steps_per_epoch: int) -> None:
        super().__init__()
        self.model, self.settings, self.steps_per_epoch = model, settings, steps_per_epoch

    def _losses(self, batch: Batch, key: tuple[int, ...], epoch: int) -> dict[str, Tensor]:
        digest = hashlib.sha256(repr((self.settings.seed, *key)).encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        teacher = epoch < self.settings.teacher_forcing * self.settings.epochs
        return self.model.losses(batch, generator, teacher)

    def _check(self, terms: dict[str, Tensor], where: str) -> None:
        if not torch.isfinite(terms["loss"]):
            values = ", ".join(f"{k} {v.item():.3g}" for k, v in terms.items())
            raise FloatingPointError(
                f"the loss is not finite in epoch {self.current_epoch}, {where} ({values}). The last whole epoch is "
                f"kept: lower {self.model.section}.training.lr or clip_value, or look for absurd crystals in the data set"
            )

    def training_step(self, batch: Batch, index: int) -> Tensor:
        number = index * self.trainer.world_size + self.trainer.global_rank  # of the batch in its epoch
        terms = self._losses(batch, (self.current_epoch, number), self.current_epoch)
        self._check(terms, f"batch {index}")
        size = len(batch.n_atoms)
        self.log_dict(
            {f"train_{k}": v for k, v in terms.items()}, on_step=False, on_epoch=True, batch_size=size, sync_dist=True
        )
        return terms["loss"]

    def validation_step(self, batch: Batch, index: int) -> None:
        # the same noise and the same task in every epoch: with teacher forcing only if training ends with it
        terms = self._losses(batch, (-1, index), self.settings.epochs - 1)
        self._check(terms, f"validation batch {index}")
        size = len(batch.n_atoms)
        self.log_dict({f"val_{k}": v for k, v in terms.items()}, on_epoch=True, batch_size=size)
        self.log("progress_val", terms["loss"], prog_bar=True, logger=False, batch_size=size)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        s = self.settings
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=s.lr, weight_decay=s.weight_decay, fused=True)
        if s.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.6, patience=30, min_lr=1e-4)
            # an interval of steps: Lightning's of an epoch comes after the checkpoint, and a resumed run would miss one
            when = {"monitor": "val_loss", "interval": "step", "frequency": self.steps_per_epoch}
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, **when}}
        total, warm = s.epochs * self.steps_per_epoch, 2 * self.steps_per_epoch
        cosine = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda i: min((i + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(i / total, 1))) + 1e-3)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


class _Patience(EarlyStopping):
    """Early stopping that stays stopped: a training that is resumed after its last epoch does not go on."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class _Log(Callback):
    """Tells the loader which epoch it is, and writes a row of losses an epoch; a resumed run goes on in the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        loader = trainer.train_dataloader
        assert isinstance(loader, Loader)
        loader.set_epoch(trainer.current_epoch)

    @rank_zero_only
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        values = {
            k: f"{v.item():.6g}" for k, v in sorted(trainer.callback_metrics.items()) if k[:4] in ("trai", "val_")
        }
        row = {
            "epoch": str(trainer.current_epoch),
            "lr": f"{trainer.optimizers[0].param_groups[0]['lr']:.4g}",
            **values,
        }
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        earlier = [line for line in lines[1:] if int(line.split(",")[0]) < trainer.current_epoch]
        write_text(self.path, "\n".join([",".join(row), *earlier, ",".join(row.values())]) + "\n")


def train(
    kind: type[N],
    train_set: Dataset,
    val_set: Dataset,
    settings: Any,
    training: TrainingSettings,
    state: Path,
    device: str,
    metrics: Path,
    code: str = "",
) -> N:
    """Train a network of that kind, or go on with a training that was killed. Returns the averaged model.

    state: a folder of checkpoints, in a subfolder named by the hash of settings, data, code and first weights: an edit starts anew;
    it is left in place (the caller removes it once the model is safe). metrics: the CSV of losses per epoch.
    """
    if device == "cuda" and training.devices > torch.cuda.device_count():
        raise ValueError(
            f"config: '{kind.section}.training.devices' is {training.devices}, but this machine has {torch.cuda.device_count()} GPUs"
        )
    lightning.seed_everything(training.seed, verbose=False)
    model = kind(settings)
    model.fit_scaler(train_set.labelled)
    begun = FOLDER / kind.section / "model.safetensors" if training.begin == "shipped" else None
    if begun:
        crystals = (data.batch.numbers.split(data.batch.n_atoms.tolist()) for data in (train_set, val_set))
        check_split(*crystals, FOLDER)
        model.begin_from(begun)
    model.in_bfloat16 = training.precision == "bf16-mixed"
    folder = state / _digest(settings, training, [train_set, val_set], code, sha256_of(begun) if begun else "")
    folder.mkdir(parents=True, exist_ok=True)
    # a new file each time, the old one removed after: a kill never leaves us without a whole one
    keep: dict[str, Any] = {"dirpath": folder, "filename": "{epoch:05d}-{step:09d}", "auto_insert_metric_name": False}
    average = EMAWeightAveraging(decay=training.ema)
    trainer = lightning.Trainer(
        max_epochs=training.epochs,
        accelerator={"cpu": "cpu", "cuda": "gpu"}[device],
        devices=training.devices,
        strategy="ddp" if training.devices > 1 else "auto",
        plugins=[LightningEnvironment()],  # the job has its devices: Slurm is not to be asked again
        logger=False,
        callbacks=[
            average,
            ModelCheckpoint(**keep, save_on_train_epoch_end=True),
            ModelCheckpoint(**keep, train_time_interval=timedelta(minutes=training.checkpoint_minutes)),
            _Patience("val_loss", patience=training.patience, check_finite=True),
            TQDMProgressBar(refresh_rate=20),
            _Log(folder / "metrics.csv"),
        ],
        gradient_clip_val=training.clip_value,
        gradient_clip_algorithm=training.clip,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
        use_distributed_sampler=False,
        inference_mode=False,  # forces are gradients, in the validation, too
    )
    rank, world = trainer.global_rank, trainer.world_size
    loader = Loader(train_set.labelled, training.batch_size, training.seed, rank=rank, world=world)
    if not len(loader):
        raise ValueError(
            f"{len(train_set)} crystals make no batch for each of {training.devices} devices: lower batch_size"
        )
    val_loader = Loader(val_set.labelled, 2 * training.batch_size, training.seed, shuffle=False)
    module = Module(model, training, len(loader))
    checkpoint = _checkpoint(folder)
    if checkpoint is not None:
        log.info("going on from %s", checkpoint)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        trainer.fit(module, loader, val_loader, ckpt_path=checkpoint, weights_only=True)
        # again: Lightning leaves it out where the checkpoint was of the last epoch
        average.on_train_end(trainer, module)
    if not trainer.is_global_zero:
        sys.exit()  # the first process has the result
    write_text(metrics, (folder / "metrics.csv").read_text())
    return model.cpu().eval()


def parse_training(kind: type[Network], config_text: str) -> tuple[Any, TrainingSettings]:
    """The settings of a network and of its training from its section of the config, as JSON."""
    config = json.loads(config_text)
    training = parse_settings(TrainingSettings, config.pop("training", {}), f"{kind.section}.training")
    return parse_settings(kind.Settings, config, kind.section), training


def train_to_file(
    kind: type[Network],
    train_set: Dataset,
    val_set: Dataset,
    settings: Any,
    training: TrainingSettings,
    args: Namespace,
) -> None:
    """What the rule train_<section> does; args: device, state, code, metrics, out and checkpoint_minutes (None: as in training)."""
    if args.checkpoint_minutes is not None:
        training = dataclasses.replace(training, checkpoint_minutes=args.checkpoint_minutes)
    state = Path(args.state)
    device = prepare_device(args.device)
    # of several processes, the first one starts the others: it holds the lock, and they end with it
    first = "LOCAL_RANK" not in os.environ
    if first:
        os.environ[VARIABLE] = this_process()
    with at_work_on(state) if first else nullcontext():
        model = train(kind, train_set, val_set, settings, training, state, device, Path(args.metrics), args.code)
        model.save(args.out)
        if (
            "SLURM_JOB_ID" in os.environ
        ):  # the run that submitted this may be gone: the next one makes the model from these at once
            (state / FINISHED).touch()
        else:
            shutil.rmtree(state)


def _digest(settings: Any, training: TrainingSettings, sets: list[Dataset], *others: str) -> str:
    """Of all that a training depends on; of the validation, too, which says when the learning rate falls and when it ends."""
    how = {key: value for key, value in dataclasses.asdict(training).items() if key != "checkpoint_minutes"}
    values: list[Any] = []
    for data in sets:
        b = data.batch
        arrays = (b.numbers, b.frac_coords, b.lattice, data.formation_energy, b.forces, b.virial)
        values += [data.ids, *(array.contiguous().numpy().tobytes() for array in arrays if array is not None)]
    return digest(dataclasses.asdict(settings), how, *values, *others)


def _checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; one that a kill left torn is removed."""
    for path in sorted(folder.glob("*.ckpt"), reverse=True):
        if _whole(path):
            return path
        log.warning("%s is damaged: going back to the one before", path)
        path.unlink()
    return None


def _whole(path: Path) -> bool:
    """Whether a checkpoint, which is a zip archive, has its directory and every member its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, OSError):
        return False
