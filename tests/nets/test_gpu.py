"""On a GPU the networks say what they say on the CPU, train to nearly the same weights twice, and go on from a checkpoint."""

import dataclasses
import math
import re
from typing import TypeVar

import numpy as np
import pytest
import torch

import lcom.nets.training as training
from lcom.base.device import prepare_device
from lcom.batch import Batch, pack
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import CDVAESettings, DecodeSettings
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.elements import covalent_radius, symbol_to_number
from lcom.nets.graph import image_offsets
from lcom.nets.network import Network
from lcom.search.energy_model import EnergyModel
from lcom.search.settings import EnergyModelSettings
from lcom.surrogate.coms import fit
from lcom.surrogate.descent import optimise
from lcom.surrogate.settings import OptimiseSettings, SurrogateSettings
from tests.tiny import BONDS, FAST, PAIRS, SMALL

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
N = TypeVar("N", bound=Network)
NEARLY = {"rtol": 2e-3, "atol": 2e-4}  # sums in another order, float32


@pytest.fixture(autouse=True)
def _same_draws() -> None:  # benchmarks/gpu.sh runs this file without conftest.py
    torch.manual_seed(0)


def crystals(pairs: list[str] = PAIRS) -> list[Crystal]:
    """Those of tests.tiny, without spglib, which a node with a GPU may not have."""
    fcc = (np.ones((3, 3)) - np.eye(3)) / 2
    cells = {"rocksalt": (fcc, 0.5), "cesium_chloride": (np.eye(3), 0.5), "zincblende": (fcc, 0.25)}
    made = []
    for pair in pairs:
        numbers = np.array([symbol_to_number(s) for s in re.findall("[A-Z][a-z]?", pair)])
        bond = sum(float(covalent_radius(z)) for z in numbers)
        for name, (cell, place) in cells.items():
            made.append(Crystal(numbers, np.array([[0.0] * 3, [place] * 3]), BONDS[name] * bond * cell))
    return made


def dataset(pairs: list[str] = PAIRS) -> Dataset:
    made = crystals(pairs)
    above = torch.tensor([0.0, 0.2, 0.1] * len(pairs))
    return Dataset([f"{pair}-{i}" for pair in pairs for i in range(3)], pack(made), above - 1.5, above)


def _moved() -> Batch:
    """Without shells of equal distances, among which each processor orders its neighbours differently."""
    batch = pack(crystals())
    frac_coords = batch.frac_coords + 0.03 * torch.randn_like(batch.frac_coords)
    return batch.replace(frac_coords=frac_coords, lattice=batch.lattice + 0.1 * torch.randn_like(batch.lattice))


def _both(kind: type[N], settings: object) -> tuple[N, N]:
    here, there = kind(settings), kind(settings)
    here.fit_scaler(dataset().labelled)
    there.load_state_dict(here.state_dict())
    return here.eval(), there.to("cuda").eval()


def _energy_settings() -> EnergyModelSettings:
    return EnergyModelSettings(encoder=SMALL.encoder, neighbours=12, noise=0.0, strain=0.0, slope_weight=1.0)


def test_energies_forces_and_virials() -> None:
    here, there = _both(EnergyModel, _energy_settings())
    batch = _moved()
    for a, b in zip(here.slopes(batch), there.slopes(batch.to("cuda")), strict=True):
        torch.testing.assert_close(b.cpu(), a, **NEARLY)
    torch.testing.assert_close(there.energies(batch), here.energies(batch), **NEARLY)


@pytest.mark.parametrize("decoder", ["gemnet-dT", "gemnet-dQ"])
def test_losses_and_their_gradients(decoder: str) -> None:
    settings = dataclasses.replace(SMALL, decoder=dataclasses.replace(SMALL.decoder, kind=decoder), strain=0.05)
    here, there = _both(CDVAE, settings)
    batch, values = dataset().labelled, []
    for model, data in ((here, batch), (there, batch.to("cuda"))):
        terms = model.losses(data, torch.Generator().manual_seed(1))
        terms["loss"].backward()
        gradient = torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None])
        values.append(({k: v.item() for k, v in terms.items()}, gradient))
    assert values[1][0] == pytest.approx(values[0][0], rel=2e-3)
    apart = (values[1][1] - values[0][1]).norm() / values[0][1].norm()
    assert apart < 5e-3


def test_a_step_of_the_decoder_and_whole_decodings() -> None:
    here, there = _both(CDVAE, dataclasses.replace(SMALL, strain=0.05))
    batch = pack(crystals())
    with torch.no_grad():
        z = here.encode(batch)[0]
        torch.testing.assert_close(there.encode(batch.to("cuda"))[0].cpu(), z, **NEARLY)
        steps = []
        for model, data, latent in ((here, batch, z), (there, batch.to("cuda"), z.cuda())):
            sigma = torch.full((len(z),), 0.2, device=latent.device)
            offsets = image_offsets(data.lattice, SMALL.cutoff)
            steps.append([x.cpu() for x in model.denoise(data, model.context(latent, data), sigma, offsets)])
    for a, b in zip(*steps, strict=True):
        torch.testing.assert_close(b, a, **NEARLY)
    settings = DecodeSettings(levels=8, strain_steps=4, samples=2)
    keys = [(i,) for i in range(len(z))]
    one, two = (decode(there, z.cuda(), batch.to("cuda"), settings, keys) for _ in range(2))
    assert torch.equal(one[0].frac_coords, two[0].frac_coords) and torch.isfinite(one[1]).all()


def test_surrogate_and_descent() -> None:
    g = torch.Generator().manual_seed(0)
    z, c = torch.randn(300, 4, generator=g), torch.rand(300, 2, generator=g)
    data = (z, c, z.square().sum(1) / 8 + 0.3 * c[:, 0])
    settings = SurrogateSettings(hidden=32, epochs=3, batch_size=64, lr=3e-3)
    found = []
    for device in ("cpu", "cuda"):
        model, rows = fit("lcoms", settings, data, data, 2, device)
        seed = torch.tensor([0, 1, 1], device=device)
        starts = [x[:3].to(device) for x in (z, c)]
        path = optimise(model, *starts, seed, z.to(device), z[:50].to(device), OptimiseSettings(steps=20))
        found.append((path.latents.cpu(), torch.tensor([row["val_mae"] for row in rows])))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(b, a, rtol=0.02, atol=0.01)


@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
def test_training_repeats_itself_and_goes_on_from_a_checkpoint(tmp_path, monkeypatch, precision: str) -> None:
    prepare_device("cuda")
    settings = dataclasses.replace(FAST, epochs=3, precision=precision)
    step = training.Module.training_step

    def trained(name: str) -> CDVAE:
        folder, data = tmp_path / name, (dataset(PAIRS[:9]), dataset(PAIRS[9:]))
        return training.train(CDVAE, *data, SMALL, settings, folder / "state", "cuda", folder / "metrics.csv")

    def cut(module: training.Module, batch: Batch, index: int) -> torch.Tensor:
        if module.current_epoch == 2:
            raise InterruptedError
        return step(module, batch, index)

    one, two = trained("one"), trained("two")
    monkeypatch.setattr(training.Module, "training_step", cut)
    with pytest.raises(InterruptedError):
        trained("three")
    monkeypatch.setattr(training.Module, "training_step", step)
    for other in (two, trained("three")):
        for (name, value), again in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
            assert value.device.type == "cpu" and torch.isfinite(value).all()
            torch.testing.assert_close(again, value, rtol=1e-3, atol=1e-4, msg=name)


def test_the_energy_model_learns_forces(tmp_path) -> None:
    data = [dataset(pairs).at_rest for pairs in (PAIRS[:9], PAIRS[9:])]
    model = training.train(
        EnergyModel, *data, _energy_settings(), dataclasses.replace(FAST, epochs=8), tmp_path / "s", "cuda", tmp_path / "m"
    )  # fmt: skip
    before = EnergyModel(_energy_settings())
    before.fit_scaler(data[0].labelled)
    errors = [m.losses(data[0].labelled, torch.Generator())["loss"].item() for m in (before.eval(), model)]
    assert math.isfinite(errors[1]) and errors[1] < 0.7 * errors[0]


def test_sizes_of_the_default_config_fit() -> None:
    """The default networks on a whole batch: no kernel asks for more than the device has, and a step lowers the loss."""
    model = CDVAE(CDVAESettings()).to("cuda")
    batch = pack(crystals() * 2).to("cuda")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = model.losses(batch, torch.Generator().manual_seed(0))["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
