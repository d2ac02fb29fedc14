"""A prediction on a GPU is that on the CPU: on a pretended one, as most machines have none. tests/nets/test_gpu.py needs a real one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import lcom.prediction.search
from lcom import predict
from lcom.batch import pack
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.prediction.run_folder import CDVAE_FILE, ENERGY_MODEL, SURROGATE
from lcom.search.energy_model import EnergyModel
from lcom.search.settle import settled, shortlist
from lcom.surrogate.coms import Surrogate
from tests.pretended_gpu import OnGpu, PretendedGpu
from tests.tiny import PAIRS, crystals


def test_a_prediction_is_the_same(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = predict("NaBr", networks=run, starts=4, search=0)
    monkeypatch.setattr(lcom.prediction.search, "prepare_device", lambda name, repeats: "cuda")
    with PretendedGpu():
        there = predict("NaBr", networks=run, starts=4, search=0)  # a search has a thread of its own
    assert len(there) == len(here) > 1
    for one, other in zip(here, there, strict=True):
        assert (one.energy, one.space_group, one.view) == (other.energy, other.space_group, other.view)


def test_the_pretended_gpu_refuses_what_a_gpu_refuses() -> None:
    here = torch.arange(3)
    with PretendedGpu():
        there = here.to("cuda")
        assert (
            isinstance(there + 1, OnGpu) and there.device.type == "cuda" and there.cpu().numpy().tolist() == [0, 1, 2]
        )
        assert there[here].tolist() == [0, 1, 2]
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        for mixed in (lambda: here + there, lambda: here[there], lambda: torch.cat([here, there])):
            with pytest.raises(RuntimeError, match="same device"):
                mixed()


@pytest.mark.parametrize("slope_weight", [0.0, 1.0])
def test_crystals_come_to_rest_at_the_same_place(run: Path, slope_weight: float) -> None:
    """Scaled, and relaxed by gradients."""

    def ends(device: str) -> list[float]:
        model = EnergyModel.load(run / ENERGY_MODEL, device)
        model.settings = replace(model.settings, noise=0.0, strain=0.0, slope_weight=slope_weight)
        return [energy for _, energy in settled(model, shortlist(model, crystals(PAIRS[:2]), 3))]

    here = ends("cpu")
    with PretendedGpu():
        assert ends("cuda") == here and len(here) == 3


def test_decodings_are_chosen_alike(run: Path) -> None:
    """By the surrogate of a seed, and by the energy model."""
    settings = DecodeSettings(levels=3, strain_steps=0, samples=2)

    def kept(device: str) -> list[Tensor]:
        model, batch = CDVAE.load(run / CDVAE_FILE, device), pack(crystals(PAIRS[:1])).to(device)
        z, c = model.encode(batch)[0], model.composition(batch)
        seeds = torch.arange(len(z), device=device) % 2
        choosers = (
            Surrogate.load(run / SURROGATE, device).chooser(c, seeds),
            EnergyModel.load(run / ENERGY_MODEL, device).chooser,
        )
        keys = [(i,) for i in range(len(z))]
        return [decode(model, z.detach(), batch, settings, keys, energy)[0].frac_coords.cpu() for energy in choosers]

    here = kept("cpu")
    with PretendedGpu():
        there = kept("cuda")
    assert all(torch.equal(one, other) for one, other in zip(here, there, strict=True))
