"""The networks of a run, and the crystals that they were trained on."""

from __future__ import annotations

import csv
import dataclasses
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from lcom.base.tensors import load_tensors
from lcom.batch import Batch, select, unpack
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.data.shipped import CARD, read_card
from lcom.prediction.run_folder import (
    CDVAE_FILE,
    ENERGY_METRICS,
    ENERGY_MODEL,
    LATENTS,
    SURROGATE,
    TRAIN,
    VAL,
    training_set,
)
from lcom.search.energy_model import EnergyModel
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import usual_distance


@dataclass(frozen=True)
class Networks:
    """What a prediction asks. train_z, val_z: latents of the training and validation crystals, [M, latent]."""

    model: CDVAE
    surrogate: Surrogate
    train_z: Tensor
    val_z: Tensor

    @classmethod
    def read(
        cls, model: str | os.PathLike, surrogate: str | os.PathLike, latents: str | os.PathLike, device: str
    ) -> Networks:
        """From the files of the rules train_cdvae, train_surrogate and encode."""
        known, _ = load_tensors(latents)
        networks = CDVAE.load(model, device), Surrogate.load(surrogate, device)
        return cls(*networks, *(known[f"{part}_z"].float().to(device) for part in ("train", "val")))

    @property
    def device(self) -> torch.device:
        return self.train_z.device

    @cached_property
    def usual_distance(self) -> float:
        """What 95 % of the validation crystals keep from the nearest training crystal, standardised."""
        return max(usual_distance(self.surrogate, self.train_z, self.val_z), 1e-6)

    def decoding(self, settings: DecodeSettings) -> DecodeSettings:
        """The settings, without the steps that this model was not trained for."""
        return settings if self.model.settings.strain else dataclasses.replace(settings, strain_steps=0)


@dataclass(frozen=True)
class Trained:
    """A run's folder: its networks, and what they have seen. known: training crystals, then those of the validation."""

    folder: Path
    networks: Networks
    train: Dataset
    known_ids: list[str]
    known: Batch
    formation_energy: Tensor

    @classmethod
    def load(cls, folder: Path, device: str) -> Trained:
        """A ValueError if a file is not what it should be."""
        networks = Networks.read(folder / CDVAE_FILE, folder / SURROGATE, folder / LATENTS, device)
        parts = _parts(folder)
        train = parts[0]
        fields = ("numbers", "frac_coords", "lattice", "n_atoms")
        known = Batch(*(torch.cat([getattr(part.batch, name) for part in parts]) for name in fields))
        energy = torch.cat([part.formation_energy for part in parts])
        return cls(folder, networks, train, [id for part in parts for id in part.ids], known, energy)

    @cached_property
    def known_z(self) -> Tensor:
        """Latents of the known crystals, [M, latent]."""
        parts = [self.networks.train_z, self.networks.val_z]
        return torch.cat(parts)[: len(self.known_ids)]

    @cached_property
    def energy_model(self) -> EnergyModel | None:
        path = self.folder / ENERGY_MODEL
        return EnergyModel.load(path, self.networks.device) if path.is_file() else None

    @cached_property
    def energy_error(self) -> float | None:
        """Mean absolute error of the energy model on validation crystals, eV/atom, as its training left it; None if it has not."""
        if (self.folder / CARD).is_file():
            return read_card(self.folder)["networks"]["energy_model"]["measured"]["val_mae"]
        metrics = self.folder / ENERGY_METRICS
        if not metrics.is_file():
            return None
        with metrics.open(encoding="utf-8", newline="") as file:
            *_, last = csv.DictReader(file)
        return float(last["val_mae"])

    def crystal(self, row: int) -> Crystal:
        """A known crystal."""
        return unpack(select(self.known, torch.tensor([row])))[0]


def _parts(folder: Path) -> list[Dataset]:
    """Training set and, if it is there, validation set."""
    known = training_set(folder)
    if known.suffix != ".parquet":
        return [Dataset.load(path) for path in (folder / TRAIN, folder / VAL) if path == known or path.is_file()]
    from lcom.data.compact import read_compact
    from lcom.data.sets import packed_parts
    from lcom.data.table import from_arrow

    table, part = read_compact(known)
    return list(packed_parts(from_arrow(table), part))
