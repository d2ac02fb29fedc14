"""Crystals for a formula: starts, search, what is distinct, and the table."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch

import lcom.prediction.formula
from lcom.batch import pack
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.compounds import PROTOTYPES
from lcom.crystal import Crystal
from lcom.prediction.formula import Found, distinct, known_crystals, search, starting_crystals
from lcom.prediction.settings import PredictSettings
from lcom.prediction.table import collect, markdown_text
from lcom.report.rows import csv_text
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.settings import OptimiseSettings, SurrogateSettings
from tests.crystals import KNOWN
from tests.report.test_judge import transformed, write_energy
from tests.tiny import SMALL, crystals, dataset

DESCENT = OptimiseSettings(steps=5, stop="last")
DECODING = DecodeSettings(levels=5, strain_steps=0, samples=2)


@pytest.fixture(scope="module")
def networks() -> tuple[CDVAE, Surrogate, dict]:
    torch.manual_seed(0)
    model = CDVAE(SMALL)
    model.fit_scaler(dataset().batch)
    model.eval()
    with torch.no_grad():
        z, c = model.encode(dataset().batch)[0], model.composition(dataset().batch)
    return model, Surrogate(SurrogateSettings(hidden=16), z.shape[1], c.shape[1], 3), {"train_z": z, "val_z": z[::3]}


# ---- starts


def test_starts_have_the_atoms_of_the_formula_in_each_cell_size() -> None:
    double = Crystal.from_atoms(KNOWN["LiCl"].to_atoms().repeat((2, 1, 1)))
    pool = pack([*crystals(), double, KNOWN["MgO"]])
    starts = starting_crystals(pool, "LiCl", PredictSettings(formula_units=[1, 2, 3], starts=7))
    assert [sorted(s.numbers.tolist()) for s in starts] == [[3, 17]] * 7 + [[3, 3, 17, 17]]
    again = starting_crystals(pool, "LiCl", PredictSettings(formula_units=[1], starts=7))
    for a, b in zip(starts, again, strict=False):
        np.testing.assert_array_equal(a.lattice, b.lattice)
    everything = starting_crystals(pool, "LiCl", PredictSettings(formula_units=[1], starts=1000))
    assert len(everything) == len(crystals()) + 1


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("Li3I", "proportions of Li3I and 4, 8, 16 atoms"),
        ("PuO", "no training crystal has Pu, O:"),
        ("Na2Cl2", "not reduced"),
        ("Xx", "Xx"),
        ("nacl", "formula"),
    ],
)
def test_a_formula_that_cannot_be_begun_with_is_named(formula: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        starting_crystals(pack(crystals()), formula, PredictSettings())


def test_crystals_of_the_very_formula_are_counted() -> None:
    pool = pack([*crystals(["LiI", "KI"]), Crystal.from_atoms(crystals(["KI"])[0].to_atoms().repeat(2))])
    assert [known_crystals(pool, formula) for formula in ("KI", "LiI", "NaI")] == [4, 3, 0]


# ---- search


def test_the_energy_of_what_is_found_is_the_mean_over_the_surrogates(networks) -> None:
    model, surrogate, known = networks
    starts = starting_crystals(dataset().batch, "NaBr", PredictSettings(starts=5))
    found = search(model, surrogate, known, starts, DESCENT, DECODING, "NaBr")
    (alone,) = search(
        model,
        Surrogate(SurrogateSettings(hidden=16), *surrogate.sizes[:2], 1),
        known,
        starts[:1],
        DESCENT,
        DECODING,
        "NaBr",
    )
    assert alone.spread is None
    assert found, "an untrained decoder made no sound structure: the test shows nothing"
    for one in found:
        assert sorted(one.crystal.numbers.tolist()) == [11, 35]
        batch = pack([one.crystal])
        with torch.no_grad():
            z, c = model.encode(batch)[0], model.composition(batch)
            votes = [float(surrogate.energy_of(z, c, torch.tensor([s]))) for s in range(3)]
        assert one.predicted == pytest.approx(np.mean(votes), abs=1e-4)
        assert one.spread == pytest.approx(np.std(votes), abs=1e-4)


def test_a_start_is_found_the_same_whatever_stands_beside_it_on_its_surrogate(networks) -> None:
    starts = starting_crystals(dataset().batch, "NaBr", PredictSettings(starts=6))
    first = search(*networks, starts[:3], DESCENT, DECODING, "NaBr")
    both = search(*networks, starts, DESCENT, DECODING, "NaBr")
    assert len(first) == 3
    for one, same in zip(first, both, strict=False):
        np.testing.assert_allclose(one.crystal.lattice, same.crystal.lattice, atol=1e-3)


def test_what_no_dft_should_see_is_left_out(networks, monkeypatch) -> None:
    starts = starting_crystals(dataset().batch, "NaBr", PredictSettings(starts=4))
    good = PROTOTYPES["rocksalt"].build([11, 35], [5.6] * 3 + [90] * 3).canonical()
    crushed = Crystal(good.numbers, good.frac_coords, 0.3 * good.lattice)

    def decoded(model, z, atoms, *rest):
        return pack([good, crushed, good, good]), torch.tensor([0.1, 0.1, torch.inf, 0.1])

    monkeypatch.setattr(lcom.prediction.formula, "decode", decoded)
    found = search(*networks, starts, DESCENT, DECODING, "NaBr")
    assert len(found) == 2 and all(f.crystal.volume == pytest.approx(good.volume, rel=1e-5) for f in found)


def test_the_lowest_of_each_structure_is_kept_in_order() -> None:
    rocksalt = PROTOTYPES["rocksalt"].build([11, 17], [5.6] * 3 + [90] * 3)
    other = PROTOTYPES["cesium_chloride"].build([11, 17], [3.4] * 3 + [90] * 3)
    found = [
        Found(transformed(rocksalt, 1, (2, 1, 1)), 0.3, 0),
        Found(other, 0.2, 0),
        Found(transformed(rocksalt, 2, (1, 1, 1)), 0.1, 0),
        Found(transformed(other, 3, (1, 2, 1)), 0.15, 0),
    ]
    assert [f.predicted for f in distinct(found, 5)] == [0.1, 0.15]
    assert [f.predicted for f in distinct(found, 1)] == [0.1]
    assert distinct([], 3) == []


# ---- the table


def write_predictions(folder: Path, **relaxed: bool) -> tuple[list[Path], list[Path]]:
    """Three structures of MgO: the second has the lowest energy, the third none."""
    structures, energies = [folder / f"{k}.extxyz" for k in (1, 2, 3)], [folder / f"{k}.json" for k in (1, 2, 3)]
    labels = {"compound": "MgO", "method": "lcoms", "start": "dataset"}
    for rank, energy in enumerate([-4.9, -5.0, None], start=1):
        info = {"predicted_energy": 0.1 * rank, "predicted_spread": 0.01, "training_crystals": 7} | relaxed
        candidate = Candidate(KNOWN["MgO"], seed=rank, info=info, **labels)
        if energy is None:
            lost = {"status": "failed", "reason": "only 2 distinct structures were found"}
            candidate = Candidate(
                no_crystal(KNOWN["MgO"].numbers), seed=rank, info={"training_crystals": 7} | relaxed, **labels, **lost
            )
        write_candidate(structures[rank - 1], candidate)
        reason = {} if energy is not None else {"reason": "only 2 distinct structures were found"}
        write_energy(energies[rank - 1], "MgO", rank, "lcoms", "dataset", energy, **reason)
    return structures, energies


def test_predictions_stand_in_order_of_their_energies(tmp_path: Path) -> None:
    rows = collect("MgO", *write_predictions(tmp_path))
    assert list(rows["rank"]) == [2, 1, 3]
    assert list(rows.above_mev[:2]) == pytest.approx([0, 100])
    first, _, last = rows.itertuples()
    assert first.space_group == 225 and first.atoms == len(KNOWN["MgO"]) and first.file.endswith("2.cif")
    assert first.predicted == pytest.approx(0.2)
    assert rows.loc[2, ["energy", "space_group"]].isna().all() and "only 2" in last.failure
    table = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert [line["rank"] for line in table] == ["2", "1", "3"] and table[1]["above_mev"] == "100.000"
    text = markdown_text("MgO", rows)
    assert text.index("-5.0000") < text.index("-4.9000") < text.index("only 2 distinct")
    assert "in the training data: 7." in text and "0.200 ± 0.010" in text and text.count(".cif") == 3


def test_the_table_says_whether_its_structures_are_relaxed(tmp_path: Path) -> None:
    decoded = markdown_text("MgO", collect("MgO", *write_predictions(tmp_path)))
    assert "as it was decoded" in decoded and "`-relaxed`" in decoded
    for converged in (True, False):
        rows = collect("MgO", *write_predictions(tmp_path, converged=converged))
        assert set(rows.converged) == {converged}
        text = markdown_text("MgO", rows)
        assert text.startswith("# MgO: predicted crystals, relaxed\n") and "`-relaxed`" not in text
        assert text.count("relaxation not converged") == (0 if converged else 2)  # the third has another reason
        assert text.count("only 2 distinct") == 1


def test_a_file_of_another_rank_is_refused(tmp_path: Path) -> None:
    structures, energies = write_predictions(tmp_path)
    with pytest.raises(ValueError, match=r"2\.json belongs to"):
        collect("MgO", structures[:2], energies[1::-1])
