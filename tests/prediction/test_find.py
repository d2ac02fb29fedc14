"""What is ranked: of both kinds, with energies of one kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lcom.batch import pack
from lcom.formula import read_formula
from lcom.prediction.find import Finder, Plan
from lcom.prediction.options import Options
from lcom.prediction.propose import appraised
from lcom.prediction.search import Search, plan

NABR = read_formula("NaBr")


@pytest.fixture(scope="module")
def finder(run: Path) -> Finder:
    return Search(run, Options(networks=run)).finder


def test_descents_come_first_and_all_energies_are_the_models(finder: Finder) -> None:
    found = finder.find([(NABR, [2])], plan(Options(starts=6)))["NaBr"]
    assert [{one.origin for one in kind} for kind in found] == [{"descent"}, {"look-up"}]
    for kind in found:
        energies = finder.energy_model.energies(pack([one.crystal for one in kind])).tolist()
        assert [one.energy for one in kind] == pytest.approx(energies, abs=1e-5)


def test_without_a_model_the_surrogates_rank_the_same_crystals_at_their_own_volumes(finder: Finder) -> None:
    asked: Plan = plan(Options(starts=6))
    mine = replace(finder, energy_model=None).find([(NABR, [2])], asked)["NaBr"]
    theirs = finder.find([(NABR, [2])], asked)["NaBr"]
    for one, other in zip(sum(mine, []), sum(theirs, []), strict=True):
        assert (one.crystal.frac_coords == other.crystal.frac_coords).all() and one.energy != other.energy
        edge = other.crystal.lattice / one.crystal.lattice
        assert np.nanmin(edge) == pytest.approx(np.nanmax(edge), rel=1e-4) and abs(np.nanmean(edge) - 1) < 0.081
    looked_up = [one.crystal for one in mine[1]]
    said = appraised(finder.networks, {"NaBr": looked_up})["NaBr"]
    assert [one.energy for one in mine[1]] == pytest.approx([proposal.energy for proposal in said])


def test_nothing_is_looked_up_unasked(finder: Finder) -> None:
    assert finder.find([(NABR, [2])], plan(Options(starts=2, look_up=0)))["NaBr"][1] == []
