"""Random structures relaxed by a potential: the lowest of the sound ones, the same again after a kill."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from lcom.base.seeding import generator
from lcom.candidates import read_candidates
from lcom.data.generator.relaxation import Relaxed
from lcom.search.relaxed_random import lowest_relaxed, random_structures
from lcom.search.settings import SpaceSettings
from lcom.search.space import SearchSpace
from lcom.stages import mlp

NUMBERS = np.array([11, 17])


def _volume(crystal):
    """A potential that likes 20 Å³ an atom, does not converge above 40 and has a hole below 8."""
    volume = crystal.volume / len(crystal)
    reason = "not converged in 9 steps" if volume > 40 else ""
    return Relaxed(crystal, -99.0 if volume < 8 else abs(volume - 20), 9, reason)


def _relax(crystals):
    return [_volume(crystal) for crystal in crystals]


def test_the_structures_are_sound_and_the_same_for_the_same_seed() -> None:
    space = SearchSpace(NUMBERS, SpaceSettings())
    some, same = (random_structures(space, 30, generator("test", 1)) for _ in range(2))
    assert len(some) == 30 and all((a.lattice == b.lattice).all() for a, b in zip(some, same, strict=True))
    assert random_structures(space, 30, generator("test", 2))[0].volume != some[0].volume
    with pytest.raises(ValueError, match="loosen search.space"):
        random_structures(SearchSpace(NUMBERS, SpaceSettings(min_volume=0.01, max_volume=0.01)), 1, generator("test"))


def test_the_lowest_sound_end_is_kept() -> None:
    space = SearchSpace(NUMBERS, SpaceSettings())
    seen = random_structures(space, 40, generator("test"))
    ends = [end for end in _relax(seen) if end.ok]
    found = lowest_relaxed(space, 40, _relax, generator("test"))
    assert found.energy == min(end.energy for end in ends) and found.relaxed == 40
    with pytest.raises(ValueError, match="none of 5 relaxations"):
        lost = [Relaxed(crystal, np.nan, 1, "volume of 0.10 Å³/atom") for crystal in seen[:5]]
        lowest_relaxed(space, 5, lambda crystals: lost, generator("test"))


def test_the_column_resumes_where_it_was_killed_and_records_what_it_cannot_find(monkeypatch, tmp_path) -> None:
    calls = []

    def relax(crystals):
        calls.append(len(crystals))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return _relax(crystals)

    monkeypatch.setattr(mlp, "_relax", relax)
    options = ["--method", "mlp", "--compounds", "data/compounds.csv", "--only", "NaCl", "MgO", "--seeds", "2"]
    options += [
        "--draws",
        "10",
        "--config",
        json.dumps({}),
        "--out",
        str(tmp_path / "none.extxyz"),
        "--state",
        str(tmp_path / "s"),
    ]
    monkeypatch.setattr(sys, "argv", ["mlp", *options, "--timing", str(tmp_path / "timing.json")])
    with pytest.raises(KeyboardInterrupt):
        mlp.main()
    mlp.main()
    assert calls == [10] * 5  # two of four before the kill, whose third is done again
    candidates = read_candidates(tmp_path / "none.extxyz")
    assert [(c.compound, c.seed) for c in candidates] == [(name, seed) for name in ("NaCl", "MgO") for seed in (0, 1)]
    for found in candidates:
        assert (found.method, found.start, found.status, found.info["relaxations"]) == ("mlp", "none", "ok", 10)
        assert _volume(found.crystal).energy == pytest.approx(found.info["chgnet_energy"], abs=1e-5)
    assert json.loads((tmp_path / "timing.json").read_text())["relax"] > 0 and not (tmp_path / "s").exists()

    narrow = ["mlp", *options, "--timing", str(tmp_path / "timing.json")]
    narrow[narrow.index("--config") + 1] = json.dumps({"min_volume": 0.01, "max_volume": 0.01})
    monkeypatch.setattr(sys, "argv", narrow)
    mlp.main()
    lost = read_candidates(tmp_path / "none.extxyz")[0]
    assert lost.status == "failed" and "loosen search.space" in lost.reason
    assert "no crystal" in (tmp_path / "none.cif").read_text()
