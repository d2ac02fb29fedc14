"""The folder of a run with tiny networks, untrained: what `lcom predict` needs, in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from lcom.base.tensors import save_tensors
from lcom.batch import pack
from lcom.cdvae.model import CDVAE
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.data.table import row, to_arrow
from lcom.elements import covalent_radius, symbol_to_number
from lcom.prediction.run_folder import CDVAE_FILE, CRYSTALS, ENERGY_MODEL, LATENTS, SURROGATE, TRAIN, VAL
from lcom.search.energy_model import EnergyModel, EnergyModelSettings
from lcom.surrogate.coms import Surrogate, SurrogateSettings
from tests.tiny import PAIRS, SMALL, crystals

ELEMENTS = ("Na", "Br", "Li", "I", "K", "Ca", "Se")
SEEDS = 3


def elemental(symbol: str) -> Crystal:
    """A body-centred cubic crystal."""
    z = symbol_to_number(symbol)
    a = 2 * 2 * float(covalent_radius(z)) / 3**0.5
    return Crystal(np.array([z]), np.zeros((1, 3)), a / 2 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])).canonical()


def part(names: list[str]) -> Dataset:
    """Three crystals of each pair, and the elements with the first pairs."""
    made = crystals(names) + ([elemental(symbol) for symbol in ELEMENTS] if names[0] == PAIRS[0] else [])
    above = torch.tensor(([0.0, 0.2, 0.1] * len(names) + [0.0] * len(made))[: len(made)])
    energy = torch.tensor([0.0 if len(c) == 1 else -1.5 for c in made]) + above
    return Dataset([f"{c.formula}-{i}" for i, c in enumerate(made)], pack(made), energy, above)


def write_run(folder: Path, seeds: int = SEEDS, energy_model: bool = True, table: bool = True) -> Path:
    """A data set's folder in a run."""
    torch.manual_seed(0)
    train, val = part(PAIRS[:9]), part(PAIRS[9:])
    for name, data in ((TRAIN, train), (VAL, val)):
        data.save(folder / name)
    model = CDVAE(SMALL)
    model.fit_scaler(train.batch)
    model.eval()
    model.save(folder / CDVAE_FILE)
    with torch.no_grad():
        tensors = {
            f"{name}_{kind}": function(data.batch)
            for name, data in (("train", train), ("val", val))
            for kind, function in (("z", lambda b: model.encode(b)[0]), ("c", model.composition))
        }
    save_tensors(folder / LATENTS, tensors, {"ids": {"train": train.ids, "val": val.ids}})
    sizes = tensors["train_z"].shape[1], tensors["train_c"].shape[1]
    Surrogate(SurrogateSettings(hidden=16), *sizes, seeds).save(folder / SURROGATE)
    if energy_model:
        network = EnergyModel(EnergyModelSettings(SMALL.encoder, neighbours=12))
        network.save(folder / ENERGY_MODEL)
    if table:
        rows = [
            row(id, crystal, float(energy), "tiny")
            for names in (PAIRS[:9], PAIRS[9:])
            for data in [part(names)]
            for id, crystal, energy in zip(data.ids, unpacked(data), data.formation_energy, strict=True)
        ]
        pq.write_table(to_arrow(rows), folder / CRYSTALS)
    return folder


def unpacked(data: Dataset) -> list[Crystal]:
    from lcom.batch import unpack

    return unpack(data.batch)
