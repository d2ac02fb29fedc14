"""Candidates after a short relaxation: nearer to a minimum, in their order, failures kept with their reasons."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lcom.candidates import Candidate, no_crystal, read_candidates, write_candidates
from lcom.crystal import Crystal
from lcom.stages import relax_candidates
from tests.crystals import KNOWN


def _candidate(crystal: Crystal, formula: str, seed: int, method: str = "lcoms", **other) -> Candidate:
    return Candidate(crystal, formula, seed, method, "relaxed", **other)


def test_the_columns_of_a_part_end_in_minima(tmp_path, monkeypatch) -> None:
    wide = Crystal(KNOWN["NaCl"].numbers, KNOWN["NaCl"].frac_coords, KNOWN["NaCl"].lattice * 1.06)
    apart = Crystal(KNOWN["NaCl"].numbers, KNOWN["NaCl"].frac_coords, KNOWN["NaCl"].lattice * 8)
    one = [
        _candidate(wide, "NaCl", 0, info={"steps": 7}),
        _candidate(apart, "NaCl", 1),
        _candidate(no_crystal(KNOWN["MgO"].numbers), "MgO", 0, status="failed", reason="no decoding was finite"),
    ]
    other = [_candidate(KNOWN["NaCl"], "NaCl", 0, "start"), _candidate(KNOWN["Si"], "Si", 0, "start")]
    for name, candidates in (("a", one), ("b", other)):
        write_candidates(tmp_path / f"{name}.extxyz", candidates)
    files = [str(tmp_path / f"{name}.extxyz") for name in "ab"]
    options = ["--structures", *files, "--only", "NaCl", "MgO", "--out", str(tmp_path / "out.extxyz")]
    monkeypatch.setattr(sys, "argv", ["relax_candidates", *options])
    relax_candidates.main()
    first, lost, failed, start = read_candidates(tmp_path / "out.extxyz")
    assert [(c.compound, c.seed, c.method) for c in (first, lost, failed, start)] == [
        ("NaCl", 0, "lcoms"), ("NaCl", 1, "lcoms"), ("MgO", 0, "lcoms"), ("NaCl", 0, "start"),
    ]  # fmt: skip
    assert (
        first.crystal.volume == pytest.approx(KNOWN["NaCl"].volume, rel=0.06)
        and first.crystal.volume < 0.9 * wide.volume
    )
    assert first.info["steps"] == 7 and first.info["chgnet_converged"] and first.info["chgnet_steps"] > 1
    assert first.info["chgnet_energy"] == pytest.approx(start.info["chgnet_energy"], abs=2e-3)
    assert (lost.status, failed.status) == ("failed", "failed")
    assert "relaxed by CHGNet: volume of" in lost.reason and failed.reason == "no decoding was finite"
    assert np.array_equal(lost.crystal.numbers, apart.numbers)
