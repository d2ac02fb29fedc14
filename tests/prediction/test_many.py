"""The column of many starts: one crystal for each compound and seed, the lowest that the surrogates see; what fails is recorded."""

from __future__ import annotations

import json
import sys

from lcom.candidates import read_candidates
from lcom.prediction.run_folder import CDVAE_FILE, LATENTS, SURROGATE, TRAIN
from lcom.stages import many


def test_one_crystal_for_each_compound_and_seed(run, tmp_path, monkeypatch) -> None:
    seen = []
    before = many.propose

    def propose(*arguments):
        seen.append(before(*arguments))
        return seen[-1]

    monkeypatch.setattr(many, "propose", propose)
    files = {"train": TRAIN, "model": CDVAE_FILE, "surrogate": SURROGATE, "latents": LATENTS}
    options = [word for key, name in files.items() for word in (f"--{key}", str(run / name))]
    options += ["--method", "far", "--compounds", "data/compounds.csv", "--only", "NaCl", "MgO", "Si", "--seeds", "2"]
    options += ["--draws", "6", "--decoded", "3", "--descent", json.dumps({"steps": 3}), "--device", "cpu"]
    options += ["--decode", json.dumps({"levels": 3, "strain_steps": 0}), "--out", str(tmp_path / "none.extxyz")]
    monkeypatch.setattr(sys, "argv", ["many", *options, "--timing", str(tmp_path / "timing.json")])
    many.main()
    assert len(seen) == 2 and all(set(found) == {"NaCl", "MgO"} for found in seen)
    candidates = {(c.compound, c.seed): c for c in read_candidates(tmp_path / "none.extxyz")}
    for name in ("NaCl", "MgO"):
        for seed in range(2):
            found, proposals = candidates[name, seed], seen[seed][name]
            assert (found.compound, found.seed, found.method, found.start) == (name, seed, "far", "none")
            assert len(proposals) <= 3
            if proposals:
                assert abs(found.info["predicted_energy"] - min(p.energy for p in proposals)) < 1e-5
            else:
                assert found.reason == "no decoding was sound"
    lost = candidates["Si", 1]
    assert lost.status == "failed" and "no training crystal has the counts" in lost.reason
    assert json.loads((tmp_path / "timing.json").read_text())["propose"] > 0
