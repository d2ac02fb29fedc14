"""What is ranked: of both kinds, with energies of one kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lcom.batch import pack
from lcom.crystal import Crystal
from lcom.data.generator.relaxation import Relaxed
from lcom.formula import read_formula
from lcom.physical import unphysical
from lcom.prediction import at_rest as resting
from lcom.prediction import find as finding
from lcom.prediction import searched as searching
from lcom.prediction.find import Finder, Plan
from lcom.prediction.options import Options
from lcom.prediction.propose import appraised
from lcom.prediction.rank import HANDICAP, refine
from lcom.prediction.search import Search, plan
from lcom.prediction.searched import KEPT, searched
from lcom.prediction.starts import cells
from lcom.search.settle import shortlist
from lcom.starts.lookup import analogues

NABR = read_formula("NaBr")


@pytest.fixture(scope="module")
def finder(run: Path) -> Finder:
    return Search(run, Options(networks=run)).finder


def test_descents_come_first_and_all_energies_are_the_models(finder: Finder) -> None:
    found = finder.find([(NABR, [2])], plan(Options(starts=6, search=60)))["NaBr"]
    assert finder.handicap == 0, "a model that relaxes nothing is not exploited"
    assert [{one.origin for one in kind} for kind in found] == [{"descent"}, {"look-up"}, {"search"}]
    for kind in found:
        energies = finder.energy_model.energies(pack([one.crystal for one in kind])).tolist()
        assert [one.energy for one in kind] == pytest.approx(energies, abs=1e-5)


def test_without_a_model_the_surrogates_rank_the_same_crystals_at_their_own_volumes(finder: Finder) -> None:
    asked: Plan = plan(Options(starts=6, search=0))
    mine = replace(finder, energy_model=None).find([(NABR, [2])], asked)["NaBr"]
    theirs = finder.find([(NABR, [2])], asked)["NaBr"]
    for one, other in zip(sum(mine, []), sum(theirs, []), strict=True):
        assert (one.crystal.frac_coords == other.crystal.frac_coords).all() and one.energy != other.energy
        edge = other.crystal.lattice / one.crystal.lattice
        assert np.nanmin(edge) == pytest.approx(np.nanmax(edge), rel=1e-4) and abs(np.nanmean(edge) - 1) < 0.081
    looked_up = [one.crystal for one in mine[1]]
    said = appraised(finder.networks, {"NaBr": looked_up})["NaBr"]
    assert [one.energy for one in mine[1]] == pytest.approx([proposal.energy for proposal in said])


def test_what_is_looked_up_and_unphysical_is_left_out_without_a_model_too(finder: Finder, monkeypatch) -> None:
    """Swapped molecules can have their atoms on top of each other: N2 of a longer one at 0.56 Å."""
    (fine,) = analogues(finder.train, cells(NABR, [2]), finder.volumes, 1)
    collapsed = Crystal(fine.numbers, fine.frac_coords, 0.3 * fine.lattice)
    monkeypatch.setattr(finding, "analogues", lambda *_: [collapsed, fine])
    asked = plan(Options(starts=2, search=0))
    (looked_up,) = replace(finder, energy_model=None).find([(NABR, [2])], asked)["NaBr"][1]
    assert looked_up.crystal.volume == pytest.approx(fine.volume)


def test_a_model_that_knows_forces_relaxes_a_few_of_each_kind(finder: Finder, monkeypatch) -> None:
    model = finder.energy_model
    assert model is not None
    scaled = finder.find([(NABR, [2, 4])], plan(Options(starts=6, search=60)))["NaBr"]
    learned = replace(model.settings, noise=0.0, strain=0.0, slope_weight=1.0)
    monkeypatch.setattr(model, "settings", learned)
    monkeypatch.setattr(resting, "RELAXED", 3)
    relaxed = finder.find([(NABR, [2, 4])], plan(Options(starts=6, search=60)))["NaBr"]
    for before, after in zip(scaled, relaxed, strict=True):
        assert 1 <= len(after) <= 3 and min(one.energy for one in after) < min(one.energy for one in before)
        energies = model.energies(pack([one.crystal for one in after])).tolist()
        assert [one.energy for one in after] == pytest.approx(energies, abs=1e-4)
    assert finder.handicap == HANDICAP
    known = shortlist(model, [one.crystal for one in scaled[1]] * 2, 40)
    assert 1 <= len(known) <= len(scaled[1]), "what is there twice is relaxed once"


def test_the_order_is_said_and_kept(run: Path, monkeypatch) -> None:
    """By a model that relaxes with a handicap for free parameters, by any other the energy alone."""
    search = Search(run, Options(networks=run, starts=6, search=60))
    crystals, _ = search.run([(NABR, [2, 4])], lambda what: None)["NaBr"]
    assert {crystal.order for crystal in crystals} == {"energy"}
    assert [crystal.energy for crystal in crystals] == sorted(crystal.energy for crystal in crystals)
    model = search.finder.energy_model
    learned = replace(model.settings, noise=0.0, strain=0.0, slope_weight=1.0)
    monkeypatch.setattr(model, "settings", learned)
    crystals, _ = search.run([(NABR, [2, 4])], lambda what: None)["NaBr"]
    assert {crystal.order for crystal in crystals} == {f"energy + {HANDICAP:g} ln(1 + free parameters)"}
    marks = [crystal.energy + HANDICAP * np.log(1 + crystal.refined.free) for crystal in crystals]
    assert marks == sorted(marks) and len({crystal.refined.free for crystal in crystals}) > 1


@pytest.mark.parametrize("keep", [1, 3])
def test_a_few_of_each_kind_are_relaxed_with_chgnet_and_nothing_is_no_crash(run: Path, keep: int) -> None:
    search = Search(run, Options(networks=run, starts=6, search=60, relax="chgnet", keep=keep))
    asked: list[Crystal] = []

    def relax(crystals: list[Crystal]) -> list[Relaxed]:
        asked.extend(crystals)
        return [Relaxed(crystal, -3.0 - 0.01 * i, 1) for i, crystal in enumerate(crystals)]

    search.chgnet = SimpleNamespace(relax=relax, above_hull=lambda crystal, energy: None)
    crystals, _ = search.run([(NABR, [2, 4])], lambda what: None)["NaBr"]
    assert 3 <= len(asked) <= 3 * max(1, 2 * keep // 3) and 1 <= len(crystals) <= keep
    assert search._rank("NaBr", [[], [], []])[1].startswith("NaBr: no sound structure came out")


def test_a_relaxation_that_went_astray_is_no_prediction(run: Path) -> None:
    """However low its energy: where atoms are on top of each other a potential knows nothing."""
    search = Search(run, Options(networks=run, starts=6, search=0, relax="chgnet"))

    def relax(crystals: list[Crystal]) -> list[Relaxed]:
        first, *others = crystals
        astray = Crystal(first.numbers, first.frac_coords, 0.3 * first.lattice)
        return [Relaxed(astray, -30.0, 7, "binding"), *(Relaxed(crystal, -3.0, 1) for crystal in others)]

    search.chgnet = SimpleNamespace(relax=relax, above_hull=lambda crystal, energy: None)
    crystals, _ = search.run([(NABR, [2])], lambda what: None)["NaBr"]
    assert crystals and {crystal.energy for crystal in crystals} == {-3.0}


def test_what_is_relaxed_has_the_space_group_that_is_asked_for(run: Path) -> None:
    """Though others are lower; where none has it before, the lowest may come to it."""
    options = Options(networks=run, starts=6, search=0, keep=20)
    found = {one.space_group for one in Search(run, options).run([(NABR, [2, 4])], lambda what: None)["NaBr"][0]}
    missing = next(group for group in range(230, 0, -1) if group not in found)
    for group in (*found, missing):
        search = Search(run, replace(options, keep=1, space_group=group, relax="chgnet"))
        asked: list[int] = []

        def relax(crystals: list[Crystal], asked: list[int] = asked) -> list[Relaxed]:
            asked.extend(refine(crystal).space_group for crystal in crystals)
            return [Relaxed(crystal, -3.0, 1) for crystal in crystals]

        search.chgnet = SimpleNamespace(relax=relax, above_hull=lambda crystal, energy: None)
        crystals, reason = search.run([(NABR, [2, 4])], lambda what: None)["NaBr"]
        if group == missing:
            assert asked and not crystals and reason.startswith(f"NaBr: nothing with space group {group} came out")
        else:
            assert {*asked} == {group} and [crystal.space_group for crystal in crystals] == [group]


def test_nothing_is_looked_up_or_searched_unasked(finder: Finder) -> None:
    assert finder.find([(NABR, [2])], plan(Options(starts=2, look_up=0, search=0)))["NaBr"][1:] == [[], []]


def test_the_lowest_of_a_search_in_each_small_cell(finder: Finder, monkeypatch) -> None:
    model = finder.energy_model
    assert model is not None
    small, pair, large = (np.repeat([11, 35], n) for n in (1, 2, 5))

    def search(cells: list[np.ndarray], evaluations: int, seed: int = 0) -> list[Crystal]:
        return searched(model, {"NaBr": cells}, evaluations, seed)["NaBr"]

    found = search([small, pair, large], 300)
    assert [len(crystal) for crystal in found] == [2] * KEPT + [4] * KEPT
    for cell in (small, pair):
        own = [crystal for crystal in found if len(crystal) == len(cell)]
        assert all((crystal.numbers == cell).all() and not unphysical(crystal) for crystal in own)
        energies = model.energies(pack(own)).tolist()
        assert energies == sorted(energies)
        alone = search([cell], 300)
        for one, other in zip(own, alone, strict=True):
            assert np.array_equal(one.frac_coords, other.frac_coords), "what is found hangs on nothing beside it"
        lower = model.energies(pack(search([cell], 900))).min()
        assert lower <= energies[0] + 1e-5
    assert not np.array_equal(search([small], 300, seed=1)[0].lattice, found[0].lattice)
    assert search([large], 300) == []
    hole = float(model.energies(pack(found[:1])))
    monkeypatch.setattr(searching, "ENERGIES", (hole + 1e-4, 10.0))
    assert model.energies(pack(search([small], 300))).min() > hole + 1e-5
