"""The columns of Table 1 on any starts, in one process, judged by CHGNet; what several benchmarks share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from snakemake.utils import update_config

from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.batch import Batch, pack, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.compounds import Compound, load_compounds
from lcom.config import Config
from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential, UnphysicalCrystal
from lcom.data.shipped import reduced, trained_on
from lcom.search.energy_model import EnergyModel
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import optimise
from lcom.surrogate.settings import MethodSettings

ROOT = Path(__file__).resolve().parent.parent


def read_config(configfile: Path | None, edit: str) -> Config:
    """config.yaml, under a file and a JSON text of what differs."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    if configfile:
        update_config(config, yaml.safe_load(configfile.read_text(encoding="utf-8")))
    update_config(config, json.loads(edit))
    return parse_settings(Config, config)


def unseen_compounds(networks: Path, table: Path, elements: int | None, most: int | None) -> list[Compound]:
    """Of a table the compounds that networks have not seen: of so many elements, and so many of them, evenly spread; None: all."""
    seen = trained_on(networks)
    found = [c for c in load_compounds(table) if elements in (None, len(set(c.numbers.tolist())))]
    found = [c for c in found if reduced(c.formula) not in seen]
    return found if most is None else [found[i] for i in evenly(len(found), most)]


def evenly(count: int, most: int) -> list[int]:
    """At most so many of the places 0 to count - 1, evenly spread."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist()


def energies(potential: Potential, crystals: Sequence[Crystal]) -> np.ndarray:
    """CHGNet energies, eV/atom; inf for a crystal that it should not see."""
    result = []
    for crystal in crystals:
        try:
            result.append(potential([crystal])[0].energy)
        except UnphysicalCrystal:
            result.append(np.inf)
    return np.array(result)


class Chain:
    """A CD-VAE, what it was trained on, and starts: crystals of compounds, each of a seed [R] that says which surrogate is asked.

    latents: the tensors of the stage encode.
    """

    def __init__(
        self, model: CDVAE, latents: Mapping[str, torch.Tensor], starts: Sequence[Crystal], seed: Sequence[int]
    ) -> None:
        self.model, self.latents, self.seed = model, latents, torch.tensor(seed)
        self.batch: Batch = pack(starts)
        self.keys = [
            ("bench", int(s), crystal.formula, k) for k, (crystal, s) in enumerate(zip(starts, seed, strict=True))
        ]
        with torch.no_grad():
            self.z, self.c = model.encode(self.batch)[0], model.composition(self.batch)

    def run(
        self,
        column: MethodSettings,
        config: Config,
        dataset: str,
        surrogate: Surrogate | None,
        energy_model: EnergyModel | None = None,
    ) -> tuple[list[Crystal], torch.Tensor]:
        """What a column of kind descent makes of the starts, and the steps that it took, [R]. energy_model: where it is to choose."""
        settings = config.optimise.of(column, dataset)
        z, rows = self.z, torch.arange(len(self.seed))
        if settings.latent == "prior":
            draws = [generator("prior", *key).standard_normal(z.shape[1], dtype=np.float32) for key in self.keys]
            z = torch.from_numpy(np.stack(draws))
        steps, energy = torch.zeros_like(self.seed), None
        if surrogate is not None:
            known = self.latents["train_z"], self.latents["val_z"]
            path = optimise(surrogate, z, self.c, self.seed, *known, settings)
            z, steps = path.latents[path.chosen, rows], path.chosen
            energy = surrogate.chooser(self.c, self.seed)
        if column.choice == "energy_model":
            assert energy_model is not None, "a column chooses by the energy model"
            energy = energy_model.chooser
        decoding = column.decoding(config.decode)
        return unpack(decode(self.model, z, self.batch, decoding, self.keys, energy)[0]), steps
