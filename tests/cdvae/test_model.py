"""The losses of the auto-encoder against cases computed by hand, with networks whose answers are known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice
from pymatgen.util.coord import pbc_shortest_vectors

from lcom.batch import pack
from lcom.cdvae.model import CDVAE
from tests.crystals import KNOWN, random_crystals
from tests.tiny import SMALL

CRYSTALS = [KNOWN["NaCl"], KNOWN["CdS"], *random_crystals(2, 3)]
PAPER = dataclasses.replace(SMALL, strain=0.0, encoder_noise=0.0, encoder_strain=0.0, kl_weight=0.5)
ANSWER = 0.3  # of the denoiser, for every component


def _losses(settings, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The losses of a model that encodes to mean 0.2 and log variance -1, and what its denoiser was shown."""
    torch.manual_seed(0)
    model = CDVAE(settings)
    batch = pack(CRYSTALS)
    model.fit_scaler(batch)
    shown = SimpleNamespace(batch=batch, model=model)
    b = len(CRYSTALS)

    def denoise(noisy, context, sigma, offsets=None):
        shown.noisy, shown.sigma, shown.context = noisy, sigma, context
        return torch.full((len(noisy.numbers), 3), ANSWER), torch.zeros(b, 3, 3)

    def encode(batch):
        shown.encoded = batch
        return torch.full((b, 4), 0.2), torch.full((b, 4), -1.0)

    monkeypatch.setattr(model, "encode", encode)
    monkeypatch.setattr(model, "denoise", denoise)
    shown.terms = {k: v.item() for k, v in model.losses(batch, torch.Generator().manual_seed(1)).items()}
    return shown


def test_elements_by_their_number_alone_and_a_shallower_head() -> None:
    """What of the published networks is a switch: neither features nor a second hidden layer are there, nor their weights."""
    ours = CDVAE(SMALL)
    published = CDVAE(dataclasses.replace(SMALL, element_features=False, head_layers=1, composition=False))
    batch = pack(CRYSTALS)
    published.elements.fill_(torch.nan)  # nothing asks for it
    mu, log_var = published.encode(batch)
    assert torch.isfinite(mu).all() and torch.isfinite(log_var).all()
    gone = {name for name, _ in ours.named_parameters()} - {name for name, _ in published.named_parameters()}
    assert gone == {
        "encoder_atoms.shared.weight", "encoder_atoms.shared.bias", "decoder_atoms.shared.weight", "decoder_atoms.shared.bias",
        "lattice_head.4.weight", "lattice_head.4.bias", "size.weight",
    }  # fmt: skip
    assert published.lattice_head[2].out_features == 6


def test_published_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _losses(PAPER, monkeypatch)
    terms = shown.terms
    assert terms["kl"] == pytest.approx(-0.5 * 4 * (1 - 1 - 0.2**2 - np.exp(-1)), rel=1e-5)

    # ½ σ² |d_min / σ² - net / σ|² with the shortest way back, mean over the atoms and then over the crystals
    per_crystal, first = [], 0
    for i, crystal in enumerate(CRYSTALS):
        noisy = shown.noisy.frac_coords[first : first + len(crystal)].double().numpy()
        clean = shown.batch.frac_coords[first : first + len(crystal)].double().numpy()
        cell = Lattice(crystal.lattice)
        way = np.stack([pbc_shortest_vectors(cell, a[None], c[None])[0, 0] for a, c in zip(noisy, clean, strict=True)])
        sigma = float(shown.sigma[i])
        per_crystal.append(np.mean(0.5 * sigma**2 * ((way / sigma**2 - ANSWER / sigma) ** 2).sum(1)))
        first += len(crystal)
    assert terms["coord"] == pytest.approx(np.mean(per_crystal), rel=1e-3)

    parameters = np.array([c.parameters() for c in CRYSTALS])
    parameters[:, :3] /= np.cbrt([len(c) for c in CRYSTALS])[:, None]
    target = (parameters - parameters.mean(0)) / parameters.std(0, ddof=1).clip(1e-3)
    with torch.no_grad():
        head = shown.model.lattice_head(shown.context).numpy()
    assert terms["lattice"] == pytest.approx(np.mean((head - target) ** 2), rel=1e-3)
    weighted = 0.5 * terms["kl"] + 10 * terms["coord"] + 10 * terms["lattice"]
    assert terms["loss"] == pytest.approx(weighted, rel=1e-5) and "strain" not in terms


def test_the_strain_loss_knows_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The denoiser is shown a strained cell; a wrong answer of zero costs the square of the strain that mends it."""
    shown = _losses(dataclasses.replace(PAPER, strain=0.08), monkeypatch)
    true, strained = shown.batch.lattice, shown.noisy.lattice
    assert (true - strained).abs().max() > 0.01
    back = torch.linalg.inv(strained) @ true - torch.eye(3)
    assert shown.terms["strain"] == pytest.approx((back / 0.08).square().mean().item(), rel=1e-3)


def test_without_teacher_the_denoiser_sees_the_predicted_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _losses(PAPER, monkeypatch)
    torch.testing.assert_close(shown.noisy.lattice, shown.batch.lattice)
    shown.model.losses(shown.batch, torch.Generator().manual_seed(1), teacher=False)
    predicted = shown.model.predict_lattice(shown.context, shown.batch)
    torch.testing.assert_close(shown.noisy.lattice, predicted)
    assert not torch.allclose(predicted, shown.batch.lattice, atol=0.1)


def test_strain_is_learned_from_true_cells_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _losses(dataclasses.replace(PAPER, strain=0.08), monkeypatch)
    with pytest.raises(ValueError, match=r"cdvae\.training\.teacher_forcing"):
        shown.model.losses(shown.batch, torch.Generator().manual_seed(1), teacher=False)


def test_the_encoder_sees_crystals_off_their_minima(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = _losses(PAPER, monkeypatch)
    assert torch.equal(exact.encoded.frac_coords, exact.batch.frac_coords)
    shown = _losses(dataclasses.replace(PAPER, encoder_noise=0.05, encoder_strain=0.03), monkeypatch)
    moved = (shown.encoded.frac_coords - shown.batch.frac_coords + 0.5) % 1 - 0.5
    assert 0 < moved.abs().max() < 0.2
    assert 0 < (shown.encoded.lattice - shown.batch.lattice).abs().max() < 1


@pytest.mark.parametrize("told", [True, False])
def test_the_denoiser_is_told_the_noise_level_or_not(told: bool) -> None:
    torch.manual_seed(0)
    model, batch = CDVAE(dataclasses.replace(SMALL, sigma_input=told)).eval(), pack(CRYSTALS)
    with torch.no_grad():
        context = model.context(torch.zeros(len(CRYSTALS), 4), batch)
        low, high = (model.denoise(batch, context, torch.full((len(CRYSTALS),), s))[0] for s in (0.05, 0.5))
    assert torch.equal(low, high) != told


def test_the_energy_head_teaches_the_encoder_and_nothing_is_left_of_it_without_a_weight() -> None:
    torch.manual_seed(0)
    batch = dataclasses.replace(pack(CRYSTALS), energy=torch.arange(len(CRYSTALS)) * 0.3)
    with_head = CDVAE(dataclasses.replace(PAPER, energy_weight=2.0))
    with_head.fit_scaler(batch)
    assert with_head.energy_std.item() == pytest.approx(batch.energy.std().item())
    terms = with_head.losses(batch, torch.Generator().manual_seed(1))
    (alone,) = torch.autograd.grad(terms["energy"], with_head.mu.weight, retain_graph=True)
    assert alone.abs().max() > 0
    rest = 0.5 * terms["kl"] + 10 * terms["coord"] + 10 * terms["lattice"]
    assert terms["loss"].item() == pytest.approx((rest + 2 * terms["energy"]).item(), rel=1e-5)

    torch.manual_seed(0)
    without = CDVAE(PAPER)
    without.fit_scaler(dataclasses.replace(batch, energy=None))
    assert "energy" not in without.losses(batch, torch.Generator().manual_seed(1))
    assert not any(name.startswith("energy") for name in without.state_dict())
