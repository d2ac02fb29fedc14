"""Volumes learned from crystals: closed form against a plain solution, and better than covalent radii on compositions not seen."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from lcom.base.seeding import generator
from lcom.batch import pack, select, unpack
from lcom.crystal import Crystal
from lcom.elements import covalent_radius
from lcom.physical import typical_volume
from lcom.starts import volume
from lcom.starts.swapped import fitting, swap
from lcom.starts.volume import fit_volumes
from tests.crystals import KNOWN, random_crystals

EMBEDDED = Path(__file__).parents[2] / "data" / "prototypes.jsonl.gz"


def crystals() -> list[Crystal]:
    return [*KNOWN.values(), *random_crystals(60, 3)]


def test_it_is_the_ridge_regression_of_the_textbook(monkeypatch) -> None:
    made = crystals()
    x = np.zeros((len(made), 96))
    for row, crystal in zip(x, made, strict=True):
        np.add.at(row, crystal.numbers, 1 / len(crystal))
    x[:, -1] = 1
    y = np.log([c.volume / len(c) / typical_volume(c.numbers) for c in made])
    extra = np.eye(96)[:-1]  # a row a weight but the bias: least squares of 0
    expected = np.linalg.lstsq(np.vstack([x, extra]), np.concatenate([y, np.zeros(95)]), rcond=None)[0]
    for chunk in (1 << 16, 7):
        monkeypatch.setattr(volume, "CHUNK", chunk)
        model = fit_volumes(pack(made))
        np.testing.assert_allclose(model.weights, expected[:-1], atol=1e-5)
        assert model.bias == pytest.approx(expected[-1], abs=1e-5)


def test_volumes_that_follow_the_rule_are_found_again() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.2, 95)
    made = []
    for _ in range(3000):
        numbers = np.repeat(rng.integers(3, 20, 2), rng.integers(1, 3, 2))
        size = len(numbers) * typical_volume(numbers) * np.exp(0.3 + weights[numbers].mean())
        made.append(Crystal(numbers, np.zeros((len(numbers), 3)), size ** (1 / 3) * np.eye(3)))
    model = fit_volumes(pack(made))
    for numbers in ([3, 9], [11, 17, 17], [14]):
        wanted = typical_volume(np.array(numbers)) * np.exp(0.3 + weights[numbers].mean())
        assert model(np.array(numbers)) == pytest.approx(wanted, rel=0.02)


def test_an_element_without_crystals_keeps_the_guess_from_its_radius() -> None:
    model = fit_volumes(pack([KNOWN["NaCl"], KNOWN["MgO"]]))
    assert model.weights[92] == 0
    assert model(np.array([92])) == pytest.approx(typical_volume(np.array([92])) * np.exp(model.bias))
    with pytest.raises(ValueError, match="no training crystal"):
        fit_volumes(select(pack([KNOWN["NaCl"]]), pack([KNOWN["NaCl"]]).n_atoms[:0]))


def test_held_out_compositions_of_the_embedded_set_have_a_better_volume_than_by_covalent_radii() -> None:
    """Every tenth composition held out: a start swapped into it has, without the model, the volume of the ratio of the radii."""
    rows = [json.loads(line) for line in gzip.decompress(EMBEDDED.read_bytes()).splitlines()]
    by_formula: dict[tuple, list[tuple[Crystal, float]]] = {}
    for row in rows:
        crystal = Crystal(row["numbers"], row["frac_coords"], row["lattice"])
        by_formula.setdefault(tuple(sorted(set(row["numbers"]))), []).append((crystal, row["formation_energy"]))
    names = sorted(by_formula)
    held = names[::10]
    pool = pack([crystal for name in names if name not in held for crystal, _ in by_formula[name]])
    model = fit_volumes(pool)
    radii, learned = [], []
    for name in held:
        truth = min(by_formula[name], key=lambda pair: pair[1])[0]
        fits = fitting(pool, truth.numbers)
        rng = generator("test", str(name))
        for row in rng.choice(fits, min(5, len(fits)), replace=False):
            (old,) = unpack(select(pool, pool.n_atoms.new_tensor([int(row)])))
            new = swap(old, truth.numbers, model)
            ratio = covalent_radius(new.numbers).sum() / covalent_radius(old.numbers).sum()
            radii.append(np.log(old.volume * ratio**3 / truth.volume))
            learned.append(np.log(new.volume / truth.volume))
    assert len(radii) > 80
    assert np.std(learned) < 0.6 * np.std(radii) and np.abs(learned).mean() < 0.6 * np.abs(radii).mean()
