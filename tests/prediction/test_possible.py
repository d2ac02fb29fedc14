"""What the networks can be asked for."""

from pathlib import Path

import numpy as np
import pytest

from lcom.data.sources.embedded import read_rows
from lcom.formula import read_formula
from lcom.prediction.possible import Possible, pattern, proportions
from lcom.prediction.run_folder import SHIPPED, TRAIN, run_folder, said

ROOT = Path(__file__).parents[2]
TYPED = ROOT.parent / "shared" / "cases" / "formulas.txt"
ROCKSALT, FLUORITE, LAYERS = [11, 17], [20, 9, 9], [11, 11, 17, 17]


@pytest.fixture
def possible() -> Possible:
    crystals = [ROCKSALT, ROCKSALT, FLUORITE, LAYERS, [19]]
    return Possible.of(np.concatenate(crystals), np.array([len(c) for c in crystals]))


def test_elements_proportions_and_sizes_are_counted(possible: Possible) -> None:
    assert possible.elements == {9, 11, 17, 19, 20}
    assert possible.cells == {(1,): {1: 1}, (1, 1): {2: 2, 4: 1}, (1, 2): {3: 1}}


def test_the_sizes_that_there_are_are_tried(possible: Possible) -> None:
    assert possible.sizes(read_formula("KF")) == [2, 4]
    assert possible.sizes(read_formula("KF"), units=[1, 7]) == [2]
    assert possible.sizes(read_formula("KF"), atoms=[4, 2, 9]) == [2, 4]
    assert possible.sizes(read_formula("Na2F")) == [3]


@pytest.mark.parametrize(
    ("formula", "asked", "says"),
    [
        ("XeF2", {}, "has Xe, .* know F, Na, Cl, K, Ca;"),
        ("NaF3", {}, "proportions, AB3; they have A, AB, AB2"),
        ("KF", {"atoms": [6, 8]}, "has 6 or 8 atoms .* such with 2 or 4: "),
        ("KF", {"units": [3]}, "has 6 atoms"),
    ],
)
def test_the_impossible_comes_with_what_is_possible(possible: Possible, formula: str, asked: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        possible.sizes(read_formula(formula), **asked)


def test_proportions_have_one_form() -> None:
    assert proportions([4, 2]) == proportions([1, 2]) == (1, 2) and pattern((1, 1, 3)) == "ABC3"


def test_it_is_read_from_a_training_set(run: Path, tmp_path: Path) -> None:
    found = Possible.load(run / TRAIN)
    assert found.cells[1, 1][2] == 27 and 35 in found.elements
    (tmp_path / "no.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="is no training set"):
        Possible.load(tmp_path / "no.safetensors")


def test_a_run_is_found_by_its_folder_or_that_above(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_folder(run) == run
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tiny").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    assert run_folder() == run_folder("results") == Path("results/tiny")
    (tmp_path / "results" / "other").symlink_to(run)
    with pytest.raises(ValueError, match="several data sets: name one, results/other or results/tiny"):
        run_folder("results")
    with pytest.raises(ValueError, match="nothere is no folder"):
        run_folder("nothere")
    with pytest.raises(ValueError, match=r"no trained networks \(cdvae/model.safetensors, .*snakemake"):
        run_folder(tmp_path)
    monkeypatch.chdir(tmp_path / "results" / "other" / "cdvae")
    assert run_folder() == run_folder("shipped") == SHIPPED and "come with lcom" in said(SHIPPED)
    assert said(run_folder(run)) == f"those of {run}"
    monkeypatch.setattr("lcom.prediction.run_folder.SHIPPED", tmp_path / "none")
    with pytest.raises(ValueError, match="no trained networks in results/ here"):
        run_folder()


@pytest.mark.skipif(not TYPED.is_file(), reason="needs the list of what people type")
def test_whatever_people_type_has_cells_to_try_or_a_reason_in_one_line() -> None:
    rows = read_rows(ROOT / "data" / "prototypes.jsonl.gz")
    possible = Possible.of(
        np.concatenate([row["numbers"] for row in rows]), np.array([len(row["numbers"]) for row in rows])
    )
    answered, refused = {}, {}
    for text in TYPED.read_text(encoding="utf-8").splitlines():
        try:
            answered[text] = possible.sizes(read_formula(text))
        except ValueError as error:
            refused[text] = str(error)
    assert {"SiO2", "Se", "ClNa", "Na2Cl2", "nacl", "NaCl ", "CO", "Co", "FeO", "NiO", "Fe"} <= set(answered)
    assert answered["ClNa"] == answered["Na2Cl2"] == [2, 4, 6, 8]
    for text, says in {
        "HgS": "has Hg",
        "Al2O3": "A2B3; they have A, AB, AB2",
        "Fe13Ni10Mo4Nb2Ti": "has Nb, Mo",
        "UO2": "has U",
    }.items():
        assert says in refused[text]
    assert all(1 <= len(reason.splitlines()) <= 1 for reason in refused.values())
