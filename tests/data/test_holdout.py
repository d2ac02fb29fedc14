"""The splits that the workflow builds from the embedded data: no benchmark composition is trained on."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lcom.batch import unpack
from lcom.compounds import load_compounds
from lcom.crystal import reduced_counts
from lcom.data.packed import Dataset
from tests import forked

COMPOUNDS = "data/compounds.csv"


@pytest.fixture(scope="module")
def crystals(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "crystals.parquet"
    data = yaml.safe_load(Path("config.yaml").read_text())["data"]
    config = {"source": data["prototypes"], "clean": {key: data[key] for key in ("max_atoms", "max_rejected")}}
    outputs = [f"--{name}={path.parent / name}" for name in ("rejected", "report", "plot")]
    arguments = ["--dataset", "prototypes", "--input", data["prototypes"]["file"], "--out", path, *outputs]
    _stage("source", "--config", json.dumps(config), *arguments)
    assert "| crystals kept | 4066 |" in (path.parent / "report").read_text()
    return path


def _stage(name: str, *args: str | Path) -> None:
    forked.stage(name, *args, check=True)


def _split(crystals: Path, folder: Path, holdout: str, *heldout: str) -> tuple[Dataset, Dataset, pd.DataFrame]:
    paths = [folder / name for name in ("train.safetensors", "val.safetensors", "split.csv")]
    _stage(
        "split", "--crystals", crystals, "--compounds", COMPOUNDS, "--config", json.dumps({"holdout": holdout}),
        "--train", paths[0], "--val", paths[1], "--report", paths[2],
        "--heldout", *heldout,
    )  # fmt: skip
    return Dataset.load(paths[0]), Dataset.load(paths[1]), pd.read_csv(paths[2])


def test_no_benchmark_formula_is_left(crystals: Path, tmp_path: Path) -> None:
    held = {reduced_counts(c.numbers): c.formula for c in load_compounds(COMPOUNDS)}
    train, val, report = _split(crystals, tmp_path, "formula")
    seen = [{reduced_counts(c.numbers) for c in unpack(part.batch)} for part in (train, val)]
    assert not seen[0] & set(held) and not seen[1] & set(held)
    assert not seen[0] & seen[1], "a composition lies in training and validation"
    everything = {
        reduced_counts(json.loads(n) if isinstance(n, str) else n) for n in pd.read_parquet(crystals)["numbers"]
    }
    assert set(held) <= everything, "the embedded data lacks a benchmark composition: the test would show nothing"
    assert Counter(report["part"])["heldout"] == len(report) - len(train) - len(val) > 26 * 5
    assert 0.05 < len(seen[1]) / (len(seen[0]) + len(seen[1])) < 0.15


def test_the_validation_list_leaves_beside_the_benchmark(crystals: Path, tmp_path: Path) -> None:
    held = {reduced_counts(c.numbers) for path in (COMPOUNDS, "data/validation.csv") for c in load_compounds(path)}
    train, val, report = _split(crystals, tmp_path, "formula", "data/validation.csv")
    seen = {reduced_counts(c.numbers) for part in (train, val) for c in unpack(part.batch)}
    assert not seen & held and seen
    assert len(set(report.formula[report.part == "heldout"])) > 26 + 20  # the set has some of the list
    assert set(report.reason.dropna()) == {"held-out formula", "validation composition"}


def test_ground_state_option_holds_out_the_ground_states_alone(crystals: Path, tmp_path: Path) -> None:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    train, val, report = _split(crystals, tmp_path, "ground_state")
    matcher = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)
    by_formula: dict = {}
    for crystal in [*unpack(train.batch), *unpack(val.batch)]:
        by_formula.setdefault(reduced_counts(crystal.numbers), []).append(crystal)
    kept = 0
    for compound in load_compounds(COMPOUNDS):
        known = compound.crystal()
        polymorphs = by_formula.get(reduced_counts(known.numbers), [])
        kept += len(polymorphs)
        found = [matcher.get_rms_dist(known.to_structure(), c.to_structure()) for c in polymorphs]
        assert all(distance is None or distance[0] >= 0.1 for distance in found), compound.formula
        if compound.formula in ("MgO", "LiF"):  # the data have them as zincblende
            assert any(distance is not None for distance in found), "zincblende left with rocksalt"
    assert kept > 26 and (report["reason"] == "benchmark ground state").sum() >= 26
