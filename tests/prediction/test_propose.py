"""Starts, and what the networks make of them."""

import numpy as np
import pytest
import torch

import lcom.prediction.propose
from lcom.batch import pack
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.formula import read_formula
from lcom.prediction.networks import Networks
from lcom.prediction.propose import propose
from lcom.prediction.starts import known_crystals, starting_crystals
from lcom.starts.lookup import analogues
from lcom.starts.volume import fit_volumes
from lcom.structure_types import PROTOTYPES
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.settings import OptimiseSettings, SurrogateSettings
from tests.crystals import KNOWN
from tests.tiny import SMALL, crystals, dataset

DESCENT = OptimiseSettings(steps=5, stop="last")
DECODING = DecodeSettings(levels=5, strain_steps=0, samples=2)
NABR = read_formula("NaBr")


@pytest.fixture(scope="module")
def networks() -> Networks:
    torch.manual_seed(0)
    model = CDVAE(SMALL)
    model.fit_scaler(dataset().batch)
    model.eval()
    with torch.no_grad():
        z, c = model.encode(dataset().batch)[0], model.composition(dataset().batch)
    return Networks(model, Surrogate(SurrogateSettings(hidden=16), z.shape[1], c.shape[1], 3), z, z[::3])


def starts(most: int) -> dict[str, list[Crystal]]:
    return {"NaBr": starting_crystals(dataset(), fit_volumes(dataset().batch), NABR, [2], most)}


# ---- starts


def test_starts_have_the_atoms_of_the_formula_in_each_cell_size() -> None:
    licl = read_formula("LiCl")
    double = Crystal.from_atoms(KNOWN["LiCl"].to_atoms().repeat((2, 1, 1)))
    pool = _data([*crystals(), double, KNOWN["MgO"]])
    volumes = fit_volumes(pool.batch)
    found = starting_crystals(pool, volumes, licl, [2, 4], 7)
    assert [sorted(s.numbers.tolist()) for s in found] == [[3, 17]] * 7 + [[3, 3, 17, 17]]
    for a, b in zip(found, starting_crystals(pool, volumes, licl, [2], 7), strict=False):
        np.testing.assert_array_equal(a.lattice, b.lattice)
    assert len(starting_crystals(pool, volumes, licl, [2], 1000)) == len(crystals()) + 1
    other = starting_crystals(pool, volumes, licl, [2], 7, seed=1)
    assert any((a.lattice != b.lattice).any() for a, b in zip(found, other, strict=False))


def test_some_starts_are_what_is_lowest_where_the_composition_is_alike() -> None:
    """They come first, those that are drawn after them are others, and the same ones whatever is before."""
    data = dataset()
    volumes, licl = fit_volumes(data.batch), read_formula("LiCl")
    drawn = starting_crystals(data, volumes, licl, [2], 8)
    some = starting_crystals(data, volumes, licl, [2], 8, alike=0.5)
    numbers = np.array([3, 17])
    for found, wanted in zip(some, analogues(data, [numbers], volumes, 4), strict=False):
        np.testing.assert_array_equal(found.lattice, wanted.lattice)
        np.testing.assert_array_equal(found.frac_coords, wanted.frac_coords)
    keys = [np.concatenate([s.lattice, s.frac_coords]).tobytes() for s in some]
    assert len(set(keys)) == len(some) == 8
    assert set(keys[4:]) < {np.concatenate([s.lattice, s.frac_coords]).tobytes() for s in drawn}
    every = starting_crystals(data, volumes, licl, [2], len(data), alike=1.0)
    assert len(every) == len(data)  # after one of each composition the others are drawn


def _data(crystals: list[Crystal]) -> Dataset:
    nothing = torch.zeros(len(crystals))
    return Dataset([str(i) for i in range(len(crystals))], pack(crystals), nothing, nothing)


def test_starts_of_the_space_group_that_is_asked_for_come_first() -> None:
    pool = dataset()  # a third of them zincblende
    found = starting_crystals(pool, fit_volumes(pool.batch), NABR, [2], 12, space_group=216, alike=0.5)
    shapes = [s.frac_coords[1].round(3).tolist() for s in found]
    assert len(found) == 12 and all(sorted(shape) != [0.5, 0.5, 0.5] for shape in shapes)


def test_crystals_of_the_very_formula_are_counted() -> None:
    pool = pack([*crystals(["LiI", "KI"]), Crystal.from_atoms(crystals(["KI"])[0].to_atoms().repeat(2))])
    assert [known_crystals(pool, read_formula(formula)) for formula in ("KI", "LiI", "NaI")] == [4, 3, 0]


# ---- the networks


def test_the_energy_of_a_proposal_is_the_mean_over_the_surrogates(networks: Networks) -> None:
    (found,) = propose(networks, starts(5), DESCENT, DECODING).values()
    one = Surrogate(SurrogateSettings(hidden=16), *networks.surrogate.sizes[:2], 1)
    (alone,) = propose(Networks(networks.model, one, networks.train_z, networks.val_z), starts(1), DESCENT, DECODING)[
        "NaBr"
    ]
    assert alone.spread is None
    assert found, "an untrained decoder made no sound structure: the test shows nothing"
    for proposal in found:
        assert sorted(proposal.crystal.numbers.tolist()) == [11, 35] and proposal.distance > 0
        batch = pack([proposal.crystal])
        with torch.no_grad():
            z, c = networks.model.encode(batch)[0], networks.model.composition(batch)
            votes = [float(networks.surrogate.energy_of(z, c, torch.tensor([s]))) for s in range(3)]
        assert proposal.energy == pytest.approx(np.mean(votes), abs=1e-4)
        assert proposal.spread == pytest.approx(np.std(votes), abs=1e-4)


def test_a_start_is_found_the_same_whatever_stands_beside_it(networks: Networks) -> None:
    six = starts(6)
    first = propose(networks, {"NaBr": six["NaBr"][:3]}, DESCENT, DECODING)["NaBr"]
    both = propose(
        networks,
        {"KI": starting_crystals(dataset(), fit_volumes(dataset().batch), read_formula("KI"), [2], 4), **six},
        DESCENT,
        DECODING,
    )["NaBr"]
    assert len(first) == 3
    for one, same in zip(first, both, strict=False):
        np.testing.assert_allclose(one.crystal.lattice, same.crystal.lattice, atol=1e-3)
    other = propose(networks, {"NaBr": six["NaBr"][:3]}, DESCENT, DECODING, seed=1)["NaBr"]
    assert np.abs(first[0].crystal.frac_coords - other[0].crystal.frac_coords).max() > 1e-3


def test_only_the_promising_are_decoded_and_every_cell_size_has_its_turn(networks: Networks, monkeypatch) -> None:
    double = [Crystal.from_atoms(c.to_atoms().repeat((2, 1, 1))) for c in starts(2)["NaBr"]]
    seen = []

    def decoded(model, z, atoms, *rest):
        seen.append(atoms.n_atoms.tolist())
        return atoms, torch.zeros(len(z))

    monkeypatch.setattr(lcom.prediction.propose, "decode", decoded)
    propose(networks, {"NaBr": [*starts(6)["NaBr"], *double]}, DESCENT, DECODING, most=5)
    assert sorted(seen[0]) == [2, 2, 2, 4, 4]


def test_what_no_dft_should_see_is_left_out(networks: Networks, monkeypatch) -> None:
    good = PROTOTYPES["rocksalt"].build([11, 35], [5.6] * 3 + [90] * 3).canonical()
    crushed = Crystal(good.numbers, good.frac_coords, 0.3 * good.lattice)

    def decoded(model, z, atoms, *rest):
        return pack([good, crushed, good, good]), torch.tensor([0.1, 0.1, torch.inf, 0.1])

    monkeypatch.setattr(lcom.prediction.propose, "decode", decoded)
    found = propose(networks, starts(4), DESCENT, DECODING)["NaBr"]
    assert len(found) == 2 and all(f.crystal.volume == pytest.approx(good.volume, rel=1e-5) for f in found)
