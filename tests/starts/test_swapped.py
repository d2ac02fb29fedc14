"""Starts made by swapping atoms."""

import json

import numpy as np
import pytest
import torch

import lcom.stages.analogue
import lcom.stages.swap_initial
from lcom.base.seeding import generator
from lcom.batch import pack, unpack
from lcom.candidates import read_candidates
from lcom.compounds import PROTOTYPES
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.starts.lookup import analogues
from lcom.starts.swapped import draw, fitting, lowest, stoichiometry, swap
from lcom.starts.volume import VolumeModel, fit_volumes
from tests.crystals import KNOWN, random_crystals

GUESS = VolumeModel(0.0, np.zeros(95))  # from covalent radii alone


def _draw(crystals: list[Crystal], numbers: np.ndarray, rng: np.random.Generator) -> Crystal:
    pool = pack(crystals)
    return draw(pool, fitting(pool, numbers), numbers, GUESS, rng)


def test_only_crystals_with_the_same_counts_fit() -> None:
    crystals = [*KNOWN.values(), *random_crystals(40, 3)]
    for numbers in ([3, 17], [3, 3, 17, 17], [6], [12, 9, 9], [3, 4, 5]):
        expected = [i for i, c in enumerate(crystals) if stoichiometry(c.numbers) == stoichiometry(numbers)]
        assert fitting(pack(crystals), np.array(numbers)).tolist() == expected


def test_cations_take_the_place_of_cations() -> None:
    zincblende_first = KNOWN["ZnS"]
    swapped = swap(zincblende_first, np.array([35, 11]), GUESS)  # NaBr, anion first
    for old, new in zip(zincblende_first.numbers, swapped.numbers, strict=True):
        assert {30: 11, 16: 35}[int(old)] == int(new)
    np.testing.assert_allclose(swapped.frac_coords, zincblende_first.frac_coords)


def test_a_cell_has_the_volume_that_its_atoms_should_have() -> None:
    big, small = swap(KNOWN["NaCl"], np.array([55, 53]), GUESS), swap(KNOWN["NaCl"], np.array([3, 9]), GUESS)
    assert big.volume > KNOWN["NaCl"].volume > small.volume
    for crystal in (big, small):
        assert crystal.volume == pytest.approx(2 * GUESS(crystal.numbers))
    np.testing.assert_allclose(big.parameters()[3:], 60, atol=1e-6)


def test_counts_must_agree() -> None:
    fluorite = PROTOTYPES["rocksalt"].build([11, 17], [5, 5, 5, 90, 90, 90])
    with pytest.raises(ValueError, match="counts"):
        swap(fluorite, np.array([11, 17, 17]), GUESS)
    with pytest.raises(ValueError, match="no training crystal has the counts"):
        _draw([KNOWN["NaCl"]], np.array([20, 9, 9]), generator("x"))
    assert stoichiometry([9, 20, 9]) == (1, 2)


def test_draws_depend_on_the_key_alone() -> None:
    pool = [KNOWN[f] for f in ("NaCl", "CsCl", "ZnS", "MgO", "CaO", "BeS")]
    drawn = [_draw(pool, np.array([3, 17]), generator("swap", k, "LiCl")) for k in range(20)]
    again = _draw(pool, np.array([3, 17]), generator("swap", 4, "LiCl"))
    np.testing.assert_array_equal(drawn[4].lattice, again.lattice)
    np.testing.assert_array_equal(drawn[4].frac_coords, again.frac_coords)
    assert len({tuple(np.vstack([c.lattice, c.frac_coords]).round(3).ravel()) for c in drawn}) > 2


def _data() -> Dataset:
    """Two crystals each of LiF, NaCl and CsCl in other structures, of which the second is the lower; and one of MgF2."""
    made = [KNOWN[f] for f in ("LiF", "ZnS", "NaCl", "CsCl")]
    crystals = [
        Crystal(np.array(numbers), made[k].frac_coords, made[k].lattice)
        for numbers, k in (([3, 9], 0), ([9, 3], 1), ([11, 17], 2), ([17, 11], 3), ([55, 17], 3), ([55, 17], 0))
    ]
    crystals.append(Crystal(np.array([12, 9, 9]), np.zeros((3, 3)), 5 * np.eye(3)))
    above = torch.tensor([0.2, 0.1, 0.3, 0.0, 0.5, 0.4, 0.0])
    return Dataset([str(i) for i in range(7)], pack(crystals), above - 1, above)


def test_low_keeps_the_lowest_of_each_composition() -> None:
    data = _data()
    rows = fitting(data.batch, np.array([12, 8]))
    assert rows.tolist() == [0, 1, 2, 3, 4, 5] and lowest(data, rows).tolist() == [1, 3, 5]
    assert lowest(data, rows[:1]).tolist() == [0] and lowest(data, rows[:0]).tolist() == []


def test_an_analogue_is_the_lowest_crystal_of_the_composition_most_alike() -> None:
    data = _data()
    volumes = fit_volumes(data.batch)
    (found,) = analogues(data, [np.array([19, 17])], volumes)  # KCl: NaCl is nearer than LiF or CsCl
    assert found.frac_coords == pytest.approx(KNOWN["CsCl"].frac_coords, abs=1e-6)
    assert sorted(found.numbers.tolist()) == [17, 19] and found.volume == pytest.approx(2 * volumes(found.numbers))
    (found,) = analogues(data, [np.array([37, 17])], volumes)  # RbCl: CsCl
    assert found.frac_coords == pytest.approx(KNOWN["LiF"].frac_coords, abs=1e-6)
    assert len(analogues(data, [np.array([37, 17])], volumes, most=9)) == 3
    # of the cells of a composition the one whose crystal is the lowest: LiF at 0.1 in the smaller, at 0.0 in the larger
    double = Crystal(np.array([9, 9, 3, 3]), np.random.default_rng(0).random((4, 3)), 5 * np.eye(3))
    more = Dataset(
        [*data.ids, "7"],
        pack([*unpack(data.batch), double]),
        torch.zeros(8),
        torch.cat([data.energy_above, torch.zeros(1)]),
    )
    naf = [np.array([11, 9]), np.array([11, 11, 9, 9])]
    assert sorted(len(c) for c in analogues(more, naf, volumes, most=9)) == [2, 2, 4]
    assert [len(c) for c in analogues(more, naf[:1], volumes, most=9)] == [2, 2, 2]
    with pytest.raises(ValueError, match="no training crystal has the counts"):
        analogues(data, [np.array([6])], volumes)


def _run(stage, monkeypatch, tmp_path, *arguments: str) -> None:
    _data().save(tmp_path / "train.safetensors")
    options = [
        "--train",
        tmp_path / "train.safetensors",
        "--compounds",
        "data/compounds.csv",
        "--out",
        tmp_path / "out.extxyz",
    ]
    monkeypatch.setattr("sys.argv", ["stage", *map(str, options), *arguments])
    stage.main()


def test_the_column_of_the_analogue(monkeypatch, tmp_path) -> None:
    """One structure a compound; one that nothing fits is recorded with its reason, and the others go on."""
    timing = str(tmp_path / "timing.json")
    only = ("--only", "KCl", "Si", "--method", "look", "--timing", timing)
    _run(lcom.stages.analogue, monkeypatch, tmp_path, *only)
    found, lost = sorted(read_candidates(tmp_path / "out.extxyz"), key=lambda candidate: candidate.compound)
    assert (found.method, found.start, found.seed, found.status) == ("look", "none", 0, "ok")
    assert lost.status == "failed" and "no training crystal has the counts" in lost.reason
    cif = (tmp_path / "out.cif").read_text()
    assert "data_KCl-0" in cif and "# Si-0: no crystal" in cif
    assert json.loads((tmp_path / "timing.json").read_text())["propose"] > 0


def test_swapped_starts_are_drawn_from_all_or_from_the_lowest(monkeypatch, tmp_path) -> None:
    drawn = {}
    for kind in ("any", "low"):
        _run(lcom.stages.swap_initial, monkeypatch, tmp_path, "--only", "KCl", "--seeds", "20", "--draw", kind)
        drawn[kind] = {
            tuple(start.crystal.frac_coords.round(3).ravel()) for start in read_candidates(tmp_path / "out.extxyz")
        }
    low = {tuple(KNOWN[f].frac_coords.round(3).ravel()) for f in ("ZnS", "CsCl", "LiF")}
    assert drawn["low"] == low and drawn["any"] >= low
