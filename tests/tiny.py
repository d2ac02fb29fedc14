"""A tiny data set that trains in seconds: three prototypes of a dozen compounds, with an energy that a network can learn."""

from __future__ import annotations

import re

import torch

from lcom.batch import pack
from lcom.cdvae.settings import CDVAESettings
from lcom.compounds import PROTOTYPES
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.elements import covalent_radius, symbol_to_number
from lcom.nets.settings import DecoderSettings, EncoderSettings, TrainingSettings

PAIRS = ["LiBr", "KI", "RbBr", "CaSe", "SrTe", "BaSe", "MgTe", "NaI", "KBr", "LiI", "RbI", "CaTe"]
BONDS = {"rocksalt": 2.0, "cesium_chloride": 2 / 3**0.5, "zincblende": 4 / 3**0.5}  # a in units of the bond length

SMALL = CDVAESettings(
    encoder=EncoderSettings(hidden=16, blocks=1, int_emb=8, basis_emb=4, out_emb=16, spherical=3, radial=4),
    decoder=DecoderSettings(hidden=16, blocks=1, radial=16, spherical=3, emb_trip=8, emb_rbf=4, emb_cbf=4, bilinear=8, residual=1),
    latent=4,
    head_hidden=32,
    neighbours=12,
    levels=10,
)  # fmt: skip
FAST = TrainingSettings(epochs=4, batch_size=8, lr=3e-3, ema=0.9)


def crystals(pairs: list[str] = PAIRS) -> list[Crystal]:
    result = []
    for pair in pairs:
        numbers = [symbol_to_number(s) for s in re.findall("[A-Z][a-z]?", pair)]
        bond = float(covalent_radius(numbers[0]) + covalent_radius(numbers[1]))
        for name, factor in BONDS.items():
            a = bond * factor
            result.append(PROTOTYPES[name].build(numbers, [a, a, a, 90, 90, 90]).canonical())
    return result


def dataset(pairs: list[str] = PAIRS) -> Dataset:
    made = crystals(pairs)
    above = torch.tensor([0.0, 0.2, 0.1] * len(pairs))
    return Dataset([f"{c.formula}-{i % 3}" for i, c in enumerate(made)], pack(made), above - 1.5, above)
