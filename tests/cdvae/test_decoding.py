"""Latents to crystals, and candidates on disk."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from ase.io import write

import lcom.stages.decode
from lcom.base.tensors import save_tensors
from lcom.batch import pack, unpack
from lcom.candidates import (
    Candidate,
    no_crystal,
    read_candidate,
    read_candidates,
    write_candidate,
    write_candidates,
    write_cifs,
)
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from tests.crystals import KNOWN, random_crystals
from tests.tiny import SMALL, dataset

SETTINGS = DecodeSettings(levels=4, strain_steps=2, samples=3)


@pytest.fixture(scope="module")
def model() -> CDVAE:
    torch.manual_seed(0)
    model = CDVAE(SMALL).eval()
    model.fit_scaler(dataset().batch)
    return model


def test_atoms_are_those_that_were_asked_for(model: CDVAE) -> None:
    atoms = pack([*random_crystals(3, 4), KNOWN["NaCl"], KNOWN["CdS"]])
    decoded, distance = decode(model, torch.randn(5, 4), atoms, SETTINGS, [("t", i) for i in range(5)])
    assert torch.equal(decoded.numbers, atoms.numbers) and torch.equal(decoded.n_atoms, atoms.n_atoms)
    assert torch.isfinite(decoded.frac_coords).all() and (torch.linalg.det(decoded.lattice) > 0).all()
    assert (decoded.frac_coords >= 0).all() and (decoded.frac_coords <= 1).all() and distance.shape == (5,)


def test_a_candidate_depends_on_its_key_not_on_its_batch(model: CDVAE) -> None:
    crystals = [KNOWN["NaCl"], *random_crystals(6, 3)]
    z = torch.randn(7, 4)
    keys = [("t", i) for i in range(7)]
    together, _ = decode(model, z, pack(crystals), SETTINGS, keys)
    chunked, _ = decode(model, z, pack(crystals), SETTINGS, keys, chunk=6)
    alone, _ = decode(model, z[:1], pack(crystals[:1]), SETTINGS, keys[:1])
    other, _ = decode(model, z[:1], pack(crystals[:1]), SETTINGS, [("t", 99)])
    torch.testing.assert_close(together.frac_coords, chunked.frac_coords, atol=2e-3, rtol=0)
    torch.testing.assert_close(together.frac_coords[:2], alone.frac_coords, atol=2e-3, rtol=0)
    assert (alone.frac_coords - other.frac_coords).abs().max() > 1e-2


def test_the_sample_that_encodes_closest_is_kept(model: CDVAE) -> None:
    crystals, z = random_crystals(4, 3), torch.randn(4, 4)
    keys = [("t", i) for i in range(4)]
    _, one = decode(model, z, pack(crystals), dataclasses.replace(SETTINGS, samples=1), keys)
    kept, best = decode(model, z, pack(crystals), dataclasses.replace(SETTINGS, samples=6), keys)
    assert (best <= one + 1e-4).all() and (best < one - 1e-4).any()
    with torch.no_grad():
        torch.testing.assert_close((model.encode(kept)[0] - z).norm(dim=-1), best, atol=1e-3, rtol=1e-3)


def test_the_sample_of_the_lowest_energy_is_kept_where_there_are_energies(model: CDVAE) -> None:
    """Energies of the first latent coordinate; the row and the crystal that each latent belongs to are told, also in the second chunk."""
    crystals, z = random_crystals(5, 3), torch.randn(5, 4)
    keys = [("t", i) for i in range(5)]
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])

    def energy(latents, index, decoded):
        return latents[..., 0] * sign[index]

    def of_crystals(latents, index, decoded):
        with torch.no_grad():
            encoded = model.encode(decoded)[0].view(latents.shape)
        torch.testing.assert_close(encoded, latents, atol=1e-3, rtol=1e-3)
        return encoded[..., 0] * sign[index]

    def first(chosen: str, energy) -> torch.Tensor:
        settings = dataclasses.replace(SETTINGS, samples=6, choice=chosen)
        kept, distance = decode(model, z, pack(crystals), settings, keys, energy, chunk=18)
        with torch.no_grad():
            encoded = model.encode(kept)[0]
        torch.testing.assert_close((encoded - z).norm(dim=-1), distance, atol=1e-3, rtol=1e-3)
        return encoded[:, 0] * sign

    nearest, lowest = first("latent", energy), first("energy", energy)
    assert (lowest <= nearest + 1e-3).all() and (lowest < nearest - 1e-3).any()
    torch.testing.assert_close(first("energy_model", of_crystals), lowest)
    torch.testing.assert_close(first("energy", None), nearest)


def test_a_sample_that_is_not_finite_is_not_kept_and_harms_no_other(model: CDVAE, monkeypatch) -> None:
    crystals, z = random_crystals(3, 3), torch.randn(3, 4)
    keys = [("t", i) for i in range(3)]
    whole, _ = decode(model, z, pack(crystals), SETTINGS, keys)
    denoise = model.denoise

    def broken(batch, contexts, sigma, offsets):
        towards, strain = denoise(batch, contexts, sigma, offsets)
        lost = torch.zeros(9, dtype=torch.bool)
        lost[[0, 3, 6, 4]] = True  # every sample of the first crystal, one of the second
        return towards.masked_fill(lost[batch.crystal, None], torch.nan), strain

    monkeypatch.setattr(model, "denoise", broken)
    decoded, distance = decode(model, z, pack(crystals), SETTINGS, keys)
    assert torch.isinf(distance).tolist() == [True, False, False]
    assert torch.isfinite(decoded.frac_coords).all() and torch.isfinite(decoded.lattice).all()
    last = decoded.crystal == 2
    torch.testing.assert_close(decoded.frac_coords[last], whole.frac_coords[last], atol=2e-3, rtol=0)


def test_strain_steps_need_a_strain_output() -> None:
    model = CDVAE(dataclasses.replace(SMALL, strain=0.0))
    with pytest.raises(ValueError, match=r"decode\.strain_steps"):
        decode(model, torch.zeros(1, 4), pack([KNOWN["NaCl"]]), SETTINGS, [("t",)])


@pytest.mark.parametrize(
    "compound", ["NaCl", "InF", "NaN", "F"]
)  # ASE reads three of them as a number or a truth value
def test_candidate_round_trip(tmp_path, compound: str) -> None:
    crystal = unpack(pack(random_crystals(1, 5)))[0]
    path = tmp_path / "a" / "c.extxyz"
    written = Candidate(
        crystal, compound, 2, "lcoms", "dataset", "failed", "no crystal, at 3.1 Å: 'x = 1'", {"steps": 3}
    )
    write_candidate(path, written)
    read = read_candidate(path)
    np.testing.assert_allclose(read.crystal.lattice, crystal.lattice, atol=1e-7)
    difference = read.crystal.frac_coords - crystal.frac_coords
    np.testing.assert_allclose(difference - np.round(difference), 0, atol=1e-6)
    for name in ("compound", "seed", "method", "start", "status", "reason"):
        assert getattr(read, name) == getattr(written, name)
    assert read.info["steps"] == 3 and type(read.seed) is int
    assert list(tmp_path.rglob("*.tmp")) == []


def test_the_last_frame_of_a_trajectory_has_the_labels(tmp_path) -> None:
    frames = [KNOWN["NaCl"].to_atoms() for _ in range(3)]
    frames[-1].info |= {"compound": "InF", "seed": 1, "method": "start", "start": "relaxed", "status": "ok"}
    write(tmp_path / "x.extxyz", frames, format="extxyz")
    with (tmp_path / "x.extxyz").open("a") as file:
        file.write("\n")  # as editors do
    assert read_candidate(tmp_path / "x.extxyz").compound == "InF"
    (found,) = read_candidates(tmp_path / "x.extxyz")  # the others are what led to it
    assert found.seed == 1


def test_many_in_one_file_and_some_of_them_read(tmp_path) -> None:
    kept = [Candidate(KNOWN[name], name, seed, "sl", "dataset") for name in ("NaCl", "ZnO", "MgO") for seed in (0, 1)]
    kept[3] = Candidate(no_crystal(KNOWN["ZnO"].numbers), "ZnO", 1, "sl", "dataset", "failed", "no room")
    write_candidates(tmp_path / "x.extxyz", kept)
    write_cifs(tmp_path / "x.cif", kept)
    read = read_candidates(tmp_path / "x.extxyz")
    assert [(c.compound, c.seed, c.status, c.reason) for c in read] == [
        (c.compound, c.seed, c.status, c.reason) for c in kept
    ]
    assert [(c.compound, c.seed) for c in read_candidates(tmp_path / "x.extxyz", ["ZnO"])] == [("ZnO", 0), ("ZnO", 1)]
    blocks = (tmp_path / "x.cif").read_text()
    assert re.findall("^data_(.*)$", blocks, flags=re.M) == ["NaCl-0", "NaCl-1", "ZnO-0", "MgO-0", "MgO-1"]
    assert "# ZnO-1: no crystal: no room" in blocks
    text = (tmp_path / "x.extxyz").read_text()
    for damaged in (text[:-40], text + "2\nno labels\nSi 0 0 0\nSi 1 1 1\n"):
        (tmp_path / "x.extxyz").write_text(damaged)
        with pytest.raises(ValueError, match=r"x\.extxyz is no readable candidate"):
            read_candidates(tmp_path / "x.extxyz")


def test_a_lost_decoding_keeps_the_prediction_of_its_latent(model: CDVAE, tmp_path, monkeypatch) -> None:
    latents = torch.zeros(2, 1, SMALL.latent)
    latents[1] = torch.nan
    tensors = {"numbers": torch.tensor([11, 17]), "n_atoms": torch.tensor([2]), "chosen": torch.tensor([1])}
    tensors |= {"latents": latents, "predicted": torch.tensor([[0.5], [0.25]])}
    row = {"compound": "NaCl", "seed": 0, "start": "dataset", "status": "ok", "reason": ""}
    model.save(tmp_path / "model")
    save_tensors(tmp_path / "optimised", tensors, {"method": "sl", "rows": [row]})
    options = {"model": "model", "optimised": "optimised", "out-dir": "", "timing": "timing"}
    arguments = [text for name, file in options.items() for text in (f"--{name}", str(tmp_path / file))]
    monkeypatch.setattr("sys.argv", ["decode", *arguments, "--config", '{"samples": 1}', "--steps", "0", "1"])
    lcom.stages.decode.main()
    found = read_candidates(tmp_path / "dataset.extxyz")
    said = [(c.status, c.info["step"], c.info["predicted_energy"]) for c in found]
    assert said == [("ok", 0, 0.5), ("failed", 1, 0.25)]
    assert "data_NaCl-0-0" in (tmp_path / "dataset.cif").read_text()


def test_a_good_candidate_has_no_reason(tmp_path) -> None:
    path = tmp_path / "c.extxyz"
    write_candidate(path, Candidate(KNOWN["NaCl"], "NaCl", 0, "sl", "relaxed"))
    read = read_candidate(path)
    assert (read.status, read.reason) == ("ok", "") and set(read.info) == set()


@pytest.mark.parametrize(
    "text", ["", '2\nLattice="1 0 0 0 1 0 0 0 1" Properties=species:S:1:pos:R:3\nNa 0 0 0\n', "garbage"]
)
def test_unreadable_candidate_is_named(tmp_path, text: str) -> None:
    path = tmp_path / "NaCl-0.extxyz"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"NaCl-0\.extxyz is no readable candidate"):
        read_candidate(path)


def test_candidate_without_labels(tmp_path) -> None:
    write(tmp_path / "x.extxyz", Crystal([11], np.zeros((1, 3)), np.eye(3) * 4).to_atoms(), format="extxyz")
    with pytest.raises(ValueError, match="is no readable candidate"):
        read_candidate(tmp_path / "x.extxyz")
