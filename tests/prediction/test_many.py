"""The column of many starts: one crystal for each compound and seed, the lowest that its judge sees; what fails is recorded."""

from __future__ import annotations

import json
import sys

import pytest

from lcom.candidates import read_candidates
from lcom.prediction import many as searching
from lcom.prediction.run_folder import CDVAE_FILE, ENERGY_MODEL, LATENTS, SURROGATE, TRAIN
from lcom.search.energy_model import EnergyModel
from lcom.search.settle import settled
from lcom.stages import many


@pytest.mark.parametrize("choice", ["energy", "energy_model"])
def test_one_crystal_for_each_compound_and_seed(run, tmp_path, monkeypatch, choice: str) -> None:
    seen = []
    before = searching.propose

    def propose(*arguments):
        seen.append(before(*arguments))
        return seen[-1]

    monkeypatch.setattr(searching, "propose", propose)
    files = {"train": TRAIN, "model": CDVAE_FILE, "surrogate": SURROGATE, "latents": LATENTS, "chooser": ENERGY_MODEL}
    options = [word for key, name in files.items() for word in (f"--{key}", str(run / name))]
    options += ["--method", "far", "--compounds", "data/compounds.csv", "--only", "NaCl", "MgO", "Si", "--seeds", "2"]
    options += ["--draws", "6", "--decoded", "3", "--descent", json.dumps({"steps": 3}), "--device", "cpu"]
    options += ["--decode", json.dumps({"levels": 3, "strain_steps": 0, "choice": choice})]
    options += ["--out", str(tmp_path / "none.extxyz"), "--timing", str(tmp_path / "timing.json")]
    monkeypatch.setattr(sys, "argv", ["many", *options])
    many.main()
    model = EnergyModel.load(run / ENERGY_MODEL)

    def energies(proposals):
        if choice == "energy":
            return [proposal.energy for proposal in proposals]
        return [energy for _, energy in settled(model, [proposal.crystal for proposal in proposals])]

    assert len(seen) == 2 and all(set(found) == {"NaCl", "MgO"} for found in seen)
    candidates = {(c.compound, c.seed): c for c in read_candidates(tmp_path / "none.extxyz")}
    for name in ("NaCl", "MgO"):
        for seed in range(2):
            found, proposals = candidates[name, seed], seen[seed][name]
            assert (found.compound, found.seed, found.method, found.start) == (name, seed, "far", "none")
            assert len(proposals) <= 3
            if proposals:
                assert abs(found.info["predicted_energy"] - min(energies(proposals))) < 1e-4
            else:
                assert found.reason == "no decoding was sound"
    lost = candidates["Si", 1]
    assert lost.status == "failed" and "no training crystal has the counts" in lost.reason
    assert json.loads((tmp_path / "timing.json").read_text())["propose"] > 0
