"""The networks that come with lcom: the files in the package are those of its card, and the code still makes of them what it made."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lcom.base.tensors import load_tensors
from lcom.batch import select
from lcom.compounds import load_compounds
from lcom.data.compact import read_compact
from lcom.data.sets import packed_parts
from lcom.data.shipped import CARD, FOLDER, PAGE, TRAINED_ON, checked_card, reduced, trained_on
from lcom.data.table import from_arrow
from lcom.prediction.networks import Trained
from lcom.prediction.run_folder import CRYSTALS, LATENTS, SL
from lcom.prediction.ship import FILES, MOST
from lcom.prediction.ship_card import page
from lcom.surrogate.coms import Surrogate

ROOT = Path(__file__).parents[2]
SAMPLE = 40  # crystals that are encoded again
TABLES = [ROOT / "data/compounds.csv", ROOT / "data/validation.csv"]


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained.load(FOLDER, "cpu")


@pytest.fixture(scope="module")
def card() -> dict:
    return checked_card()


def test_the_files_are_those_of_the_card_and_fit_into_a_package(card: dict) -> None:
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert there == {*FILES, CARD, PAGE} and set(card["files"]) == set(FILES)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= MOST
    assert card["bytes"] == sum(said["bytes"] for said in card["files"].values())
    assert (FOLDER / PAGE).read_text(encoding="utf-8") == page(card)


def test_no_benchmark_or_validation_compound_was_trained_on(card: dict, trained: Trained) -> None:
    """By the table of compositions, which refuses runs, and by the crystals themselves."""
    known = trained_on()
    table, part = read_compact(FOLDER / CRYSTALS)
    formulas = table["formula"].to_numpy()
    for name, said in card["parts"].items():
        assert (part == name).sum() == said["crystals"]
        assert len(set(formulas[part == name])) == said["compositions"]
    assert known == {reduced(formula) for formula in set(formulas[part == "train"])}
    assert (FOLDER / TRAINED_ON).read_text().split() == sorted(set(formulas[part == "train"]))
    seen = known | {reduced(formula) for formula in set(formulas[part == "val"])}
    held = {reduced(compound.formula) for path in TABLES for compound in load_compounds(path)}
    assert len(held) == 230 and not held & seen
    tables = yaml.safe_load((ROOT / "config/networks.yaml").read_text())["data"]["heldout_tables"]
    assert set(card["tables"]) == {"data/compounds.csv", *tables}
    atoms = torch.split(trained.train.batch.numbers, trained.train.batch.n_atoms.tolist())
    for numbers in {tuple(sorted(crystal.tolist())) for crystal in atoms}:
        counts = np.unique(numbers, return_counts=True)
        divisor = np.gcd.reduce(counts[1])
        assert tuple((int(z), int(k // divisor)) for z, k in zip(*counts, strict=True)) in known


def test_loading_them_imports_nothing_that_they_do_not_need() -> None:
    """torch_geometric alone would double the time of a prediction."""
    code = """
import sys
from lcom.data.shipped import FOLDER
from lcom.prediction.networks import Trained
trained = Trained.load(FOLDER, "cpu")
assert trained.energy_model is not None
print(sorted({"torch_geometric", "lightning", "chgnet", "pandas"} & set(sys.modules)), "torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "[] True\n", run.stderr[-2000:]


def test_the_code_makes_of_the_networks_what_it_made(card: dict, trained: Trained) -> None:
    """A change of graphs, encoder or surrogate that would need new networks shows here: make them with `make networks`."""
    rows = np.linspace(0, len(trained.known_ids) - 1, SAMPLE).astype(int)
    batch = select(trained.known, torch.tensor(rows))
    with torch.no_grad():
        z = trained.networks.model.encode(batch)[0]
        torch.testing.assert_close(z, trained.known_z[rows], rtol=2e-3, atol=2e-3)  # float16
    table, part = read_compact(FOLDER / CRYSTALS)
    val = len(trained.known_ids) - len(trained.train)
    where = torch.arange(len(trained.train), len(trained.known_ids))
    composition = trained.networks.model.composition(select(trained.known, where))
    assert card["parts"]["val"]["crystals"] == val
    target = packed_parts(from_arrow(table), part)[1].energy_above
    assert card["settings"]["surrogate"]["target"] == "energy_above"
    for name, path in (("lcoms", None), ("sl", FOLDER / SL)):
        surrogate = Surrogate.load(path) if path else trained.networks.surrogate
        inputs = (x.expand(card["seeds"], -1, -1) for x in (surrogate.standardise(trained.networks.val_z), composition))
        with torch.no_grad():
            error = (surrogate.energy(*inputs) - target).abs().mean().item()
        assert error == pytest.approx(card["networks"][name]["measured"]["val_mae"], rel=0.01)


def test_the_energy_model_is_as_good_as_its_card_says(card: dict, trained: Trained) -> None:
    first, last = len(trained.train), len(trained.known_ids)
    rows = torch.linspace(first, last - 1, min(last - first, 150)).long()
    with torch.no_grad():
        error = (trained.energy_model(select(trained.known, rows)) - trained.formation_energy[rows]).abs().mean().item()
    # the card's is of perturbed crystals, too (energy_model.noise)
    assert error == pytest.approx(card["networks"]["energy_model"]["measured"]["val_mae"], rel=0.5)


def test_the_card_says_how_it_was_made(card: dict) -> None:
    tensors, _ = load_tensors(FOLDER / LATENTS)
    assert {str(value.dtype) for value in tensors.values()} == {"torch.float16"}
    assert set(card["networks"]) == {"cdvae", "lcoms", "sl", "energy_model"}
    for name, network in card["networks"].items():
        assert (
            network["epochs"] >= 1
            and network["numbers"] > 1e4
            and network["measured"]["val_loss" if name == "cdvae" else "val_mae"]
        )
    asked = {name: card["settings"][name]["training"]["epochs"] for name in ("cdvae", "energy_model")}
    assert all(card["networks"][name]["epochs"] <= epochs for name, epochs in asked.items())
    assert all(len(digest) == 16 for digest in card["code"].values()) and card["processor"]
    assert max(card["networks"][name]["float16_changes"] for name in ("lcoms", "sl")) < 0.01  # eV/atom


@pytest.mark.timeout(600)
def test_an_installed_wheel_answers_from_any_folder(tmp_path: Path) -> None:
    """The wheel has the networks, says what they are, and predicts a crystal with them."""
    source = tmp_path / "source"  # a build leaves files where it is made
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt", "requirements-dev.txt", "lcom"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(source)]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
        assert {f"lcom/networks/{name}" for name in (*FILES, CARD, PAGE)} <= set(archive.namelist())
    elsewhere.mkdir()

    def lcom(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(site)}
        return subprocess.run(
            [sys.executable, "-m", "lcom", *arguments], cwd=elsewhere, env=environment, capture_output=True, text=True
        )

    card = lcom("data", "shipped")
    assert card.stdout.rstrip() == (FOLDER / PAGE).read_text(encoding="utf-8").rstrip(), card.stderr
    found = lcom("predict", "NaCl", "--keep", "1", "--units", "1", "--out", "found")
    assert found.returncode == 0, found.stderr
    assert "Networks: those that come with lcom (lcom data shipped)" in found.stdout
    with (elsewhere / "found/ranking.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (
        row["formula"] == "NaCl"
        and row["above_hull"]
        and "come with lcom" in (elsewhere / "found/index.html").read_text()
    )
    said = json.loads(lcom("predict", "XeF2", "--json").stdout)
    assert said["networks"] == str(site / "lcom/networks")
    assert "no training crystal has Xe" in said["formulas"][0]["reason"]
