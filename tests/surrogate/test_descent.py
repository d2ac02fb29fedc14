"""Descent in latent space: every step kept, each start on the surrogate of its seed, and the rule where to stop."""

import json
import time
from pathlib import Path

import pytest
import torch

import lcom.stages.optimise
import lcom.surrogate.descent
from lcom.base.device import clock
from lcom.base.tensors import load_tensors, save_tensors
from lcom.batch import pack
from lcom.candidates import Candidate, write_candidates
from lcom.cdvae.model import CDVAE
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import ends, nearest, optimise
from lcom.surrogate.settings import OptimiseSettings, SurrogateSettings
from tests.tiny import SMALL, crystals, dataset

SETTINGS = SurrogateSettings(hidden=16)


def _problem(starts: int = 6, seeds: int = 2):
    torch.manual_seed(0)
    surrogate = Surrogate(SETTINGS, 4, 3, seeds)
    z, c = torch.randn(starts, 4), torch.rand(starts, 3)
    return surrogate, z, c, torch.arange(starts) % seeds, torch.randn(100, 4), torch.randn(40, 4)


def test_every_step_is_kept_and_goes_down() -> None:
    surrogate, z, c, seed, train, val = _problem()
    path = optimise(surrogate, z, c, seed, train, val, OptimiseSettings(steps=20, step_size=0.02, stop="last"))
    assert path.latents.shape == (21, 6, 4) and path.predicted.shape == path.distance.shape == (21, 6)
    torch.testing.assert_close(path.latents[0], z)
    assert (path.predicted[1:] <= path.predicted[:-1] + 1e-6).all()
    assert (path.chosen == 20).all()


def test_the_ends_alone_are_those_of_the_whole_path() -> None:
    surrogate, z, c, seed, train, val = _problem(7, 3)
    settings = OptimiseSettings(steps=9, step_size=0.02, stop="last")
    assert torch.equal(
        ends(surrogate, z, c, seed, settings), optimise(surrogate, z, c, seed, train, val, settings).latents[-1]
    )


def test_batch_equals_one_by_one() -> None:
    """A start sees the surrogate of its own seed and nothing of the others in the batch."""
    surrogate, z, c, seed, train, val = _problem(5)
    settings = OptimiseSettings(steps=7, stop="distance")
    together = optimise(surrogate, z, c, seed, train, val, settings)
    for i in range(5):
        alone = optimise(surrogate, z[i : i + 1], c[i : i + 1], seed[i : i + 1], train, val, settings)
        torch.testing.assert_close(alone.latents[:, 0], together.latents[:, i])
        torch.testing.assert_close(alone.predicted[:, 0], together.predicted[:, i])
    other = optimise(surrogate, z, c, 1 - seed, train, val, settings)
    assert (other.latents[-1] - together.latents[-1]).abs().max() > 1e-4


def test_stop_at_the_distance_of_unseen_crystals() -> None:
    surrogate, z, c, seed, train, val = _problem(8)
    path = optimise(surrogate, z, c, seed, train, val, OptimiseSettings(steps=400, step_size=0.5, stop="distance"))
    allowed = path.distance[0].clamp(min=path.limit) * (1 + 1e-5)
    assert (path.chosen < 400).any(), "nothing went too far: the test shows nothing"
    for i, k in enumerate(path.chosen.tolist()):
        assert (path.distance[: k + 1, i] <= allowed[i]).all()
        if k < 400:
            assert path.distance[k + 1, i] > allowed[i]


def test_nearest() -> None:
    known = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    z = torch.tensor([[[0.0, 1.0], [3.0, 4.0]], [[6.0, 8.0], [0.0, 0.0]]])
    expected = torch.tensor([[1.0, 0.0], [5.0, 0.0]]) / 2**0.5
    torch.testing.assert_close(nearest(z, known), expected)


def test_distances_in_parts_are_those_at_once(monkeypatch) -> None:
    z, known = torch.randn(5, 7, 4), torch.randn(100, 4)
    whole = nearest(z, known)
    monkeypatch.setattr(lcom.surrogate.descent, "DISTANCES", 300)
    torch.testing.assert_close(nearest(z, known), whole)
    torch.testing.assert_close(whole, (z[:, :, None] - known).square().mean(-1).sqrt().amin(-1))


def test_no_step_is_a_path_of_one_latent() -> None:
    surrogate, z, c, seed, train, val = _problem()
    path = optimise(surrogate, z, c, seed, train, val, OptimiseSettings(steps=0, stop="distance"))
    torch.testing.assert_close(path.latents, z[None])
    assert path.predicted.shape == (1, 6) and (path.chosen == 0).all()
    predicted = surrogate.energy_of(z, c, seed)
    torch.testing.assert_close(path.predicted[0], predicted)


# ---- the stage


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Tiny networks and two starts, of which the second failed."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    data = dataset()
    model = CDVAE(SMALL)
    model.fit_scaler(data.batch)
    model.eval()
    model.save(folder / "model")
    with torch.no_grad():
        z, c = model.encode(data.batch)[0], model.composition(data.batch)
    save_tensors(folder / "latents", {"train_z": z, "val_z": z[::3]}, {})
    Surrogate(SETTINGS, z.shape[1], c.shape[1], 2).save(folder / "surrogate")
    labels = ("start", "dataset")
    starts = [
        Candidate(crystals()[0], "LiBr", 0, *labels),
        Candidate(crystals()[0], "LiBr", 1, *labels, "failed", "no room"),
    ]
    write_candidates(folder / "initial.extxyz", [*starts, Candidate(crystals()[1], "KI", 0, *labels)])
    return folder


def _stage(run: Path, monkeypatch, surrogate: bool = True, **settings) -> tuple[dict, dict]:
    files = {"model": "model", "latents": "latents", "out": "out", "timing": "timing"}
    files |= {"surrogate": "surrogate"} if surrogate else {}
    arguments = [text for name, file in files.items() for text in (f"--{name}", str(run / file))]
    starts = [str(run / "initial.extxyz"), "--only", "LiBr"]
    command = ["optimise", "--method", "x", *arguments, "--config", json.dumps(settings), "--starts", *starts]
    monkeypatch.setattr("sys.argv", command)
    lcom.stages.optimise.main()
    return load_tensors(run / "out")


def test_a_descent_begins_at_the_mean_or_at_a_draw_of_the_encoders_gaussian(run: Path, monkeypatch) -> None:
    model = CDVAE.load(run / "model")
    mean, log_var = (x.detach() for x in model.encode(pack([crystals()[0]] * 2)))
    t, meta = _stage(run, monkeypatch, steps=3)
    torch.testing.assert_close(t["latents"][0], mean)
    assert [(row["start"], row["status"], row["reason"]) for row in meta["rows"]] == [
        ("dataset", "ok", ""),
        ("dataset", "failed", "no room"),
    ]
    drawn = _stage(run, monkeypatch, steps=3, encoding="sample")[0]["latents"][0]
    again = _stage(run, monkeypatch, steps=0, surrogate=False, encoding="sample")[0]["latents"]
    torch.testing.assert_close(drawn, again[0])  # the same for every column
    noise = (drawn - mean) / (log_var / 2).exp()
    assert noise.abs().max() < 5 and noise.abs().min() > 0
    assert not torch.allclose(noise[0], noise[1]), "another draw for another seed"


def test_the_prior_needs_no_start(run: Path, monkeypatch) -> None:
    t, meta = _stage(run, monkeypatch, surrogate=False, steps=0, latent="prior")
    assert [(row["start"], row["status"], row["reason"]) for row in meta["rows"]] == [("none", "ok", "")] * 2
    assert t["latents"].shape == (1, 2, SMALL.latent) and "predicted" not in t
    assert not torch.allclose(t["latents"][0, 0], t["latents"][0, 1])
    encoded = _stage(run, monkeypatch, surrogate=False, steps=0)[0]["latents"]
    assert not torch.allclose(t["latents"], encoded)


def test_seconds_are_of_the_work_alone(run: Path, monkeypatch) -> None:
    """Loading is not in them, and the clock waits for the device."""
    asked = []
    load = Surrogate.load

    def slow(*args):
        time.sleep(0.3)
        return load(*args)

    def watched(device):
        asked.append(str(device))
        return clock(device)

    monkeypatch.setattr(Surrogate, "load", slow)
    monkeypatch.setattr(lcom.stages.optimise, "clock", watched)
    _stage(run, monkeypatch, steps=1)
    timing = json.loads((run / "timing").read_text())
    assert len(asked) == 3 and 0 < timing["optimise"] < 0.15
