"""The conservative surrogate: its objective, its dual, and what it does to descent."""

import math

import pytest
import torch

from lcom.base.tensors import save_tensors
from lcom.surrogate.coms import Surrogate, fit
from lcom.surrogate.settings import SurrogateSettings

SMALL = SurrogateSettings(hidden=32, epochs=30, batch_size=64, lr=3e-3, alpha_lr=0.05)


def _valley(count: int = 400, noise: float = 0.02) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Energies with a minimum that the data bracket: E = |z|² / 8 + c."""
    g = torch.Generator().manual_seed(0)
    z, c = torch.randn(count, 4, generator=g), torch.rand(count, 2, generator=g)
    y = z.square().sum(1) / 8 + 0.3 * c[:, 0] + noise * torch.randn(count, generator=g)
    return z, c, y


def test_gradient_of_the_descent_against_finite_differences() -> None:
    torch.manual_seed(0)
    model = Surrogate(SMALL, 4, 2, 1).double()
    z, c = torch.randn(1, 3, 4, dtype=torch.float64), torch.rand(1, 3, 2, dtype=torch.float64)
    start, end = model.descend(z, c, 0.05, 1)
    step, h = 0.05 * math.sqrt(4), 1e-6
    for i in range(4):
        shift = torch.zeros_like(z)
        shift[..., i] = h
        slope = (model(z + shift, c) - model(z - shift, c)) / (2 * h)
        torch.testing.assert_close((start - end)[..., i] / step, slope, rtol=1e-5, atol=1e-8)


def test_energies_of_the_network_of_each_rows_seed() -> None:
    torch.manual_seed(0)
    model = Surrogate(SMALL, 4, 2, 3)
    model.z_std.fill_(2.0)
    z, c, seed = torch.randn(5, 7, 4), torch.rand(7, 2), torch.tensor([2, 0, 1, 1, 0, 2, 2])
    with torch.no_grad():
        found = model.energy_of(z, c, seed)
        for k, r in ((0, 0), (4, 3), (2, 6)):
            alone = model.energy((z[k, r] / 2).expand(3, 1, 4), c[r].expand(3, 1, 2))[seed[r], 0]
            torch.testing.assert_close(found[k, r], alone)
    assert found.shape == (5, 7)


def test_members_are_what_they_would_be_alone() -> None:
    """Seed 1 of a stack of three equals seed 1 of a stack of two: seeds are independent and may be added later."""
    data = _valley()
    settings = SurrogateSettings(hidden=16, epochs=2, batch_size=64, inner_steps=2)
    three, _ = fit("lcoms", settings, data, data, 3)
    two, _ = fit("lcoms", settings, data, data, 2)
    for a, b in zip(three.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a[:2], b, rtol=1e-4, atol=1e-5)
        assert (a[0] - a[1]).abs().max() > 1e-3


def test_sl_fits_and_lcoms_keeps_the_gap_at_tau() -> None:
    data = _valley()
    train, val = tuple(t[:300] for t in data), tuple(t[300:] for t in data)
    _, sl = fit("sl", SMALL, train, val, 2)
    _, free = fit("lcoms", SurrogateSettings(**{**vars(SMALL), "tau": 50.0}), train, val, 2)
    _, held = fit("lcoms", SurrogateSettings(**{**vars(SMALL), "tau": 0.1, "epochs": 80}), train, val, 2)
    assert sl[-1]["val_mae"] < 0.15 * float(data[2].std()) * 2 and sl[-1]["alpha"] == 0
    assert free[-1]["alpha"] == 0  # the constraint is slack: alpha falls to zero
    assert held[-1]["alpha"] > 0.05 and held[-1]["gap"] < 0.5 * sl[-1]["gap"]
    assert held[-1]["gap"] == pytest.approx(0.1, abs=0.1)


def test_descent_on_lcoms_exploits_less_than_on_sl() -> None:
    """After many steps the predicted drop under SL is far larger than under LCOMs, and LCOMs' end is truly lower."""
    data = _valley(200, noise=0.1)
    settings = SurrogateSettings(hidden=64, epochs=150, batch_size=64, lr=3e-3, tau=0.1, alpha_lr=0.05)
    drops = {}
    for method in ("sl", "lcoms"):
        model, _ = fit(method, settings, data, data, 1)
        z, c = model.standardise(data[0][:50])[None], data[1][None, :50]
        path = model.descend(z, c, 0.05, 200)
        drops[method] = float((model.energy(path[0], c) - model.energy(path[-1], c)).mean().detach())
    assert drops["sl"] > 1.3 * drops["lcoms"]


def test_scales_and_file_round_trip(tmp_path) -> None:
    z, c, y = _valley()
    model, _ = fit(
        "sl", SurrogateSettings(hidden=16, epochs=3), (100 * z + 5, c, 7 * y - 3), (100 * z + 5, c, 7 * y - 3), 1
    )
    model.save(tmp_path / "s.safetensors", method="sl")
    loaded = Surrogate.load(tmp_path / "s.safetensors")
    x = loaded.standardise(100 * z + 5)
    assert x.mean(0).abs().max() < 1e-4 and (x.std(0) - 1).abs().max() < 1e-4
    torch.testing.assert_close(loaded.restore(x), 100 * z + 5, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(loaded.energy(x[None], c[None]), model.energy(x[None], c[None]))
    assert loaded.energy(x[None], c[None]).mean().item() == pytest.approx(float((7 * y - 3).mean()), abs=3)


def test_absurd_learning_rate_is_a_clear_error() -> None:
    data = _valley()
    data[2][0] = math.inf
    with pytest.raises(FloatingPointError, match="not finite in epoch 0"):
        fit("lcoms", SMALL, data, data, 1)


def test_a_file_of_another_version_is_named(tmp_path) -> None:
    model = Surrogate(SMALL, 4, 3, 1)
    meta = {"surrogate": {**vars(SMALL), "dropout": 0.1}, "sizes": [4, 3, 1]}
    save_tensors(tmp_path / "key.safetensors", model.state_dict(), meta)
    meta["surrogate"] = {**vars(SMALL), "hidden": SMALL.hidden + 1}
    save_tensors(tmp_path / "shape.safetensors", model.state_dict(), meta)
    save_tensors(tmp_path / "sizes.safetensors", model.state_dict(), {"surrogate": vars(SMALL)})
    for name in ("key", "shape", "sizes"):
        with pytest.raises(ValueError, match=rf"{name}\.safetensors was written by another version of lcom: remove it"):
            Surrogate.load(tmp_path / f"{name}.safetensors")
