"""The search: it finds known ground states when the energy deserves it, keeps the formula, and survives a kill."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lcom.base.resume import Records
from lcom.base.seeding import generator
from lcom.candidates import read_candidates
from lcom.crystal import Crystal, reduced_counts
from lcom.data.generator.potential import Potential, UnphysicalCrystal
from lcom.physical import close_contact, reduced_cell
from lcom.report.judge import match_rmse
from lcom.search.energy_model import EnergyModel
from lcom.search.run import SEARCHES, Problem, make_optimiser, search
from lcom.search.settings import EnergyModelSettings, ParzenSettings, SearchSettings, SpaceSettings, SwarmSettings
from lcom.search.space import SearchSpace
from tests import forked
from tests.crystals import KNOWN
from tests.tiny import SMALL

PUBLISHED = SpaceSettings(min_distance=0.4, max_volume=2.4)
QUICK = SearchSettings(400, PUBLISHED, SwarmSettings(particles=50), ParzenSettings(initial=100, batch=50))


def _problems(method: str, formulas: list[str], settings: SearchSettings, seeds: int = 1) -> list[Problem]:
    problems = []
    for formula in formulas:
        numbers = KNOWN[formula].numbers
        space = SearchSpace(numbers, settings.space)
        for seed in range(seeds):
            optimiser = make_optimiser(method, settings, space, generator("test", formula, seed))
            problems.append(Problem(numbers, space, optimiser))
    return problems


def _volume_score(numbers: np.ndarray, frac: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """A made-up energy, lowest for 12 Å³ an atom."""
    return np.abs(np.linalg.det(lattice)) / numbers.shape[1] / 12 - 1


class _ChgnetScore:
    """CHGNet's energies. Crystals closer than its repulsion reaches are left out, as a user of it would."""

    def __init__(self) -> None:
        self.potential = Potential()

    def __call__(self, numbers: np.ndarray, frac: np.ndarray, lattice: np.ndarray) -> np.ndarray:
        energies = np.full(len(numbers), np.nan)
        crystals = [Crystal(*c) for c in zip(numbers, frac, lattice, strict=True)]
        good = [i for i, c in enumerate(crystals) if close_contact(reduced_cell(c), 0.75) is None]
        for start in range(0, len(good), 32):
            part = good[start : start + 32]
            try:
                energies[part] = [e.energy for e in self.potential([crystals[i] for i in part])]
            except UnphysicalCrystal:
                for i in part:
                    try:
                        energies[i] = self.potential([crystals[i]])[0].energy
                    except UnphysicalCrystal:
                        continue
        return energies


@pytest.mark.parametrize("method", SEARCHES)
def test_known_ground_states_are_found_with_an_energy_that_deserves_it(method: str, tmp_path: Path) -> None:
    """Rocksalt and diamond, with CHGNet for the energy, by every method."""
    settings = SearchSettings(2400, PUBLISHED, SwarmSettings(particles=100), ParzenSettings())
    formulas = ["NaCl", "Si"]
    problems = _problems(method, formulas, settings)
    search(problems, _ChgnetScore(), settings.evaluations, Records(tmp_path / "t"))
    for formula, problem in zip(formulas, problems, strict=True):
        crystal, energy, _ = problem.best()
        rmse = match_rmse(KNOWN[formula], crystal)
        assert rmse is not None and rmse < 0.1, f"{formula} by {method}: {energy:.3f} eV/atom, rmse {rmse}"


@pytest.mark.parametrize("method", SEARCHES)
def test_every_candidate_has_the_formula_and_passes_the_filters(method: str, tmp_path: Path) -> None:
    problems = _problems(method, ["ZnO", "NaCl", "C"], QUICK)
    search(problems, _volume_score, QUICK.evaluations, Records(tmp_path / "t"))
    for problem, formula in zip(problems, ["ZnO", "NaCl", "C"], strict=True):
        x, energy = np.concatenate(problem.x), np.concatenate(problem.energy)
        assert len(x) == len(energy) == 400 and 20 < np.isfinite(energy).sum() < 400
        built = problem.space.build(x[np.isfinite(energy)])
        assert built.valid.all()
        for frac, lattice in list(zip(built.frac_coords, built.lattice, strict=True))[:60]:
            crystal = Crystal(problem.numbers, frac, lattice)
            assert reduced_counts(crystal.numbers) == reduced_counts(KNOWN[formula].numbers)
            assert close_contact(reduced_cell(crystal), 0.4 - 1e-9) is None
        best = problem.best()
        assert best[1] == np.nanmin(energy)
        again = _volume_score(problem.numbers[None], best[0].frac_coords[None], best[0].lattice[None])
        assert again[0] == pytest.approx(best[1])


def test_the_last_round_may_be_cut_short(tmp_path: Path) -> None:
    for method in SEARCHES:
        (problem,) = _problems(method, ["NaCl"], QUICK)
        search([problem], _volume_score, 333, Records(tmp_path / method))
        assert len(np.concatenate(problem.x)) == 333


def test_cells_are_reduced_before_they_are_scored(tmp_path: Path) -> None:
    """Primitive cells of low symmetry are as flat as they like; a network's neighbour list would look through thousands."""
    seen = []

    def score(numbers: np.ndarray, frac: np.ndarray, lattice: np.ndarray) -> np.ndarray:
        seen.append(lattice)
        return np.zeros(len(numbers))

    problems = _problems("ras", ["ZnO"], QUICK)
    search(problems, score, 400, Records(tmp_path / "t"))
    lattice = np.concatenate(seen)
    lengths = np.linalg.norm(lattice, axis=-1)
    assert (np.abs(np.linalg.det(lattice)) > 0.7 * lengths.prod(-1)).all()


def test_compounds_side_by_side_find_what_each_finds_alone(tmp_path: Path) -> None:
    together = _problems("bo", ["ZnO", "NaCl"], QUICK, seeds=2)
    search(together, _volume_score, 300, Records(tmp_path / "a"))
    for k, formula in ((1, "ZnO"), (2, "NaCl")):
        alone = _problems("bo", [formula], QUICK, seeds=2)
        search(alone, _volume_score, 300, Records(tmp_path / formula))
        np.testing.assert_array_equal(np.concatenate(together[k].x), np.concatenate(alone[k % 2].x))


@pytest.mark.parametrize("method", SEARCHES)
def test_a_search_that_was_stopped_goes_on_from_its_records(method: str, tmp_path: Path) -> None:
    """As a kill would leave it: some rounds, and a torn record."""

    def run(score, records: str) -> Problem:
        (problem,) = _problems(method, ["NaCl"], QUICK)
        search([problem], score, QUICK.evaluations, Records(tmp_path / records))
        return problem

    whole, calls = run(_volume_score, "whole"), []

    def stopped(*args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return _volume_score(*args)

    with pytest.raises(KeyboardInterrupt):
        run(stopped, "part")
    with (tmp_path / "part").open("ab") as file:
        file.write((tmp_path / "whole").read_bytes()[:37])
    calls.clear()

    def counted(*args):
        calls.append(1)
        return _volume_score(*args)

    again = run(counted, "part")
    rounds = len(whole.x)
    assert len(calls) == rounds - 1
    for a, b in ((whole.x, again.x), (whole.energy, again.energy)):
        np.testing.assert_array_equal(np.concatenate(a), np.concatenate(b))


def test_records_cut_off_what_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "folder/t"
    records = Records(path)
    assert records.answer(np.array([0.0])) is None
    for k in range(4):
        records.append(np.array([float(k)]), np.arange(k + 1) + 0.5)
    data = bytearray(path.read_bytes())
    data[-60] ^= 1  # in the third record: the fourth has 56 bytes
    path.write_bytes(bytes(data))
    assert _answers(path, 4) == [[0.5], [0.5, 1.5], None, None]
    Records(path).append(np.array([2.0]), np.array([7.0]))
    assert _answers(path, 4) == [[0.5], [0.5, 1.5], [7.0], None]


def test_records_of_other_questions_are_made_again(tmp_path: Path) -> None:
    path = tmp_path / "t"
    for k in range(3):
        Records(path).append(np.array([float(k)]), np.array([k + 0.5]))
    records = Records(path)
    assert records.answer(np.array([0.0])).tolist() == [0.5]
    assert records.answer(np.array([9.0])) is None
    records.append(np.array([9.0]), np.array([9.5]))
    assert records.answer(np.array([2.0])) is None  # it came after a question that is no longer asked
    assert _answers(path, 3) == [[0.5], None, None]


def _answers(path: Path, count: int) -> list[list[float] | None]:
    """To the questions 0, 1, 2 ..."""
    records = Records(path)
    return [None if (a := records.answer(np.array([float(k)]))) is None else a.tolist() for k in range(count)]


def test_a_search_takes_no_energies_of_another(tmp_path: Path, monkeypatch) -> None:
    """As if the code had changed between a kill and the next start, or PyXtal, which builds other crystals of the same proposals."""
    (other,) = _problems("ras", ["NaCl"], QUICK)
    build = other.space.build

    def differently(x):
        built = build(x)
        return dataclasses.replace(built, lattice=1.01 * built.lattice)

    monkeypatch.setattr(other.space, "build", differently)
    search([other], _volume_score, QUICK.evaluations, Records(tmp_path / "t"))
    (problem,), (alone,) = _problems("ras", ["NaCl"], QUICK), _problems("ras", ["NaCl"], QUICK)
    search([problem], _volume_score, QUICK.evaluations, Records(tmp_path / "t"))
    search([alone], _volume_score, QUICK.evaluations, Records(tmp_path / "alone"))
    np.testing.assert_array_equal(np.concatenate(problem.energy), np.concatenate(alone.energy))


# ---- the stage


def _options(folder: Path, method: str, evaluations: int) -> list[str]:
    config = {"evaluations": evaluations, "space": {}} | (
        {"bo": {"initial": 50, "batch": 10}} if method == "bo" else {}
    )
    files = {
        "model": "model.safetensors",
        "out": "candidates/search.extxyz",
        "timing": "timing.json",
        "history": "h.parquet",
    }
    files |= {"state": "state"}
    options = [text for name, file in files.items() for text in (f"--{name}", str(folder / file))]
    options += ["--compounds", "data/compounds.csv", "--only", "Si", "ZnO", "--seeds", "2", "--device", "cpu"]
    return ["--method", method, "--config", json.dumps(config), *options]


def _prepare(folder: Path) -> Path:
    folder.mkdir()
    import torch

    torch.manual_seed(0)
    EnergyModel(EnergyModelSettings(encoder=SMALL.encoder, neighbours=12)).save(folder / "model.safetensors")
    return folder


def test_the_stage_writes_candidates_history_and_timing(tmp_path: Path) -> None:
    folder = _prepare(tmp_path / "f")
    forked.stage("search", *_options(folder, "ras", 250), check=True)
    history = pd.read_parquet(folder / "h.parquet")
    assert len(history) == 4 * 250 and list(history.columns[:3]) == ["compound", "seed", "step"]
    found = {(c.compound, c.seed): c for c in read_candidates(folder / "candidates/search.extxyz")}
    cifs = (folder / "candidates/search.cif").read_text().split("data_")[1:]
    blocks = {text.split()[0]: text for text in cifs}
    for (formula, seed), rows in history.groupby(["compound", "seed"]):
        assert rows["step"].tolist() == list(range(250))
        candidate = found[formula, seed]
        assert (candidate.method, candidate.start, candidate.status) == ("ras", "search", "ok")
        assert candidate.info["predicted_energy"] == pytest.approx(rows["energy"].min(), abs=1e-5)
        assert candidate.info["evaluations"] == 250
        assert sorted(candidate.crystal.numbers) == sorted(KNOWN[formula].numbers)
        cif = Crystal.from_cif(f"data_{blocks[f'{formula}-{seed}']}")
        assert reduced_counts(cif.numbers) == reduced_counts(KNOWN[formula].numbers)
    timing = json.loads((folder / "timing.json").read_text())
    assert timing.pop("made_by") and set(timing) == {"propose", "model"} and min(timing.values()) > 0
    known = ["--model", str(folder / "model.safetensors")]
    known += ["--compounds", "data/compounds.csv", "--only", "Si", "ZnO", "--out", str(folder / "known.json")]
    forked.stage("predict_known", *known, check=True)
    said = json.loads((folder / "known.json").read_text())
    model = EnergyModel.load(folder / "model.safetensors")
    for formula in ("Si", "ZnO"):
        c = KNOWN[formula]
        expected = model.score(c.numbers[None], c.frac_coords[None], c.lattice[None])[0]
        assert said[formula] == pytest.approx(expected, abs=1e-4)
    assert not (folder / "state").exists()


def test_kill_and_resume_give_the_bytes_of_an_unbroken_run(tmp_path: Path) -> None:
    whole, folder = _prepare(tmp_path / "whole"), _prepare(tmp_path / "killed")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    forked.stage("search", *_options(whole, "bo", 1000), env=environment, check=True)
    process = forked.begin_stage("search", *_options(folder, "bo", 1000), env=environment)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and sum(f.stat().st_size for f in folder.glob("state/*/*.records")) < 5_000:
        time.sleep(0.005)
    process.kill()
    process.join()
    assert not (folder / "timing.json").exists(), "it finished before the kill: the test shows nothing"
    forked.stage("search", *_options(folder, "bo", 1000), env=environment, check=True)
    for path in sorted((whole / "candidates").rglob("*.*")):
        assert path.read_bytes() == (folder / path.relative_to(whole)).read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(whole / "h.parquet"), pd.read_parquet(folder / "h.parquet"))


def test_a_search_that_finds_nothing_is_a_recorded_failure(tmp_path: Path) -> None:
    folder = _prepare(tmp_path / "f")
    options = _options(folder, "ras", 5)
    options[options.index("--config") + 1] = json.dumps({"evaluations": 5, "space": {"max_vacuum": 0.01}})
    forked.stage("search", *options, check=True)
    candidate = read_candidates(folder / "candidates/search.extxyz")[0]
    assert candidate.status == "failed" and "rejected every one of 5 candidates" in candidate.reason
    assert candidate.info["evaluations"] == 5
    assert "data_" not in (folder / "candidates/search.cif").read_text()
