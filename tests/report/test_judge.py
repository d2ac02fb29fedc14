"""Judging structures, and Table 1 from a results folder made by hand."""

import csv
import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcom.base.settings import as_dict
from lcom.candidates import Candidate, read_candidates, write_candidates
from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.matching import SAME_RMSE, WIDE, match_rmse
from lcom.report import table1
from lcom.report.judge import (
    JUDGES,
    STRICT_MEV,
    THRESHOLDS,
    EnergyRecord,
    evaluate,
    load_energies,
    load_references,
    within,
)
from lcom.report.methods import table_methods
from lcom.report.rows import TableSettings, collect_rows, csv_text, median_delta
from lcom.surrogate.settings import METHODS as SHIPPED
from lcom.surrogate.settings import MethodSettings
from tests import forked

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "data" / "compounds.csv"
CRYSTALS = {c.formula: c.crystal() for c in load_compounds(TABLE)}
DFT = {"ecut": 600, "xc": "PBE"}
SHOWN = {name: SHIPPED[name][1] for name in ("lcoms", "sl", "cdvae")}
SHOWN_JSON = {name: as_dict(column) for name, column in SHOWN.items()}
METHODS = table_methods(SHOWN, ["relaxed", "dataset"])
FORMULAS = st.sampled_from(sorted(CRYSTALS))


def energy_of(formula: str, energy: float | None, crystal: Crystal | None = None, reason: str = "") -> EnergyRecord:
    return EnergyRecord(formula, "lcoms", "relaxed", 0, energy, crystal or CRYSTALS[formula], reason, 1.0, DFT)


MGO = energy_of("MgO", -5.0)


def successes(judged: dict) -> tuple:
    return tuple(judged[f"success_{x}"] for x in THRESHOLDS)


# ---- energies


@pytest.mark.parametrize(
    ("energy", "relative", "delta", "success"),
    [
        (-5.0, 0.0, 0.0, (True, True, True, True)),
        (-4.95, 0.01, 50.0, (True, True, True, True)),  # on the threshold: a success
        (-4.949, 0.0102, 51.0, (False, True, True, True)),
        (-4.6, 0.08, 400.0, (False, False, True, True)),
        (-4.0, 0.2, 1000.0, (False, False, False, True)),
        (-3.9, 0.22, 1100.0, (False, False, False, False)),
        (2.0, 1.4, 7000.0, (False, False, False, False)),
        (-5.05, -0.01, -50.0, (True, True, True, True)),
    ],
)
def test_by_hand(energy, relative, delta, success):
    judged = evaluate(energy_of("MgO", energy), [MGO])
    assert judged["relative_error"] == pytest.approx(relative)
    assert judged["delta_e_mev"] == pytest.approx(delta)
    assert successes(judged) == success
    assert judged["match"] and judged["rmse"] == pytest.approx(0, abs=1e-6)
    assert judged["failure"] == ""


def test_failed_structure():
    judged = evaluate(energy_of("MgO", None, reason="SCF did not converge"), [MGO])
    assert successes(judged) == (False,) * 4 and judged["match"] is False and judged["rmse"] is None
    assert judged["reference"] == -5.0 and judged["energy"] is None and judged["delta_e_mev"] is None
    assert judged["failure"] == "SCF did not converge"


def test_failed_reference_judges_nothing():
    failed = energy_of("MgO", None, reason="SCF did not converge")
    judged = evaluate(energy_of("MgO", -4.9), [failed])
    assert successes(judged) == (None,) * 4 and judged["match"] is None and judged["reference"] is None
    assert judged["energy"] == -4.9 and judged["failure"] == "reference: SCF did not converge"
    both = evaluate(energy_of("MgO", None, reason="collapsed"), [failed])
    assert both["failure"] == "collapsed; reference: SCF did not converge"


@pytest.mark.parametrize("energy", [0.0, 0.3])
def test_unbound_reference(energy):
    judged = evaluate(energy_of("MgO", -4.9), [replace(MGO, energy=energy)])
    assert successes(judged) == (None,) * 4 and "not below the isolated atoms" in judged["failure"]


def test_far_below_the_reference_is_flagged_and_not_counted():
    judged = evaluate(energy_of("MgO", -5.15), [MGO])
    assert successes(judged) == (False,) * 4
    assert judged["failure"].startswith("suspicious: 150 meV/atom below the reference")
    assert successes(evaluate(energy_of("MgO", -5.0999), [MGO])) == (True,) * 4


def test_other_settings_or_composition():
    with pytest.raises(ValueError, match=r"MgO \(lcoms, relaxed, seed 0\).*ecut 350 instead of 600"):
        evaluate(replace(MGO, settings={"ecut": 350, "xc": "PBE"}), [MGO])
    with pytest.raises(ValueError, match="MgO .* has the elements"):
        evaluate(energy_of("MgO", -5.0, CRYSTALS["NaCl"]), [MGO])


@given(st.floats(-0.05, 3.0))
def test_success_is_monotone_in_the_threshold(error):
    wins = [within(100 * error, x) for x in THRESHOLDS]
    assert wins == sorted(wins) and within(100 * error, 1000) == (error <= 10)


@pytest.mark.parametrize(
    ("delta", "shift", "strict"),
    [
        (0, 0.0, True),
        (25, 0.0, True),  # on the limit
        (25.1, 0.0, False),
        (-50, 0.0, True),  # a better one of the same structure
        (-101, 0.0, False),  # suspicious
        (0, 0.02, True),
        (0, 0.1, False),  # the energy and a match, but not the structure
    ],
)
def test_strict_is_energy_and_structure(delta, shift, strict):
    """shift: of one of MgO's two atoms along the diagonal of its cell, in units of it."""
    crystal = CRYSTALS["MgO"]
    moved = Crystal(crystal.numbers, crystal.frac_coords + [[0, 0, 0], [shift] * 3], crystal.lattice)
    judged = evaluate(energy_of("MgO", -5 + delta / 1000, moved), [MGO])
    assert judged["match"] and judged["strict"] is strict
    assert judged["success_20"] is (delta > -100)


def test_the_lowest_known_polymorph_is_the_ground_state():
    """As CsCl by PBE: rocksalt lies below the form that the table names first."""
    cesium_chloride, rocksalt = CRYSTALS["CsCl"], with_elements_of("CsCl", "NaCl")
    known = [energy_of("CsCl", -3.25), energy_of("CsCl", -3.30, rocksalt)]
    found = evaluate(energy_of("CsCl", -3.29, rocksalt), known)
    assert found["reference"] == -3.30 and found["delta_e_mev"] == pytest.approx(10)
    assert found["strict"] and found["match"] and found["rmse"] == pytest.approx(0, abs=1e-6)
    other = evaluate(energy_of("CsCl", -3.25, cesium_chloride), known)
    assert other["delta_e_mev"] == pytest.approx(50) and not other["match"] and not other["strict"]
    assert other["success_5"], "1.5 % of the energy"
    assert evaluate(energy_of("CsCl", -3.25, cesium_chloride), known[:1])["strict"]


def test_a_known_polymorph_as_low_as_the_lowest_counts_too():
    zincblende, wurtzite = CRYSTALS["ZnS"], with_elements_of("ZnS", "ZnO")
    known = [energy_of("ZnS", -3.20), energy_of("ZnS", -3.20 + STRICT_MEV / 1000, wurtzite)]
    for crystal in (zincblende, wurtzite):
        assert evaluate(energy_of("ZnS", -3.20, crystal), known)["strict"]
    higher = [known[0], replace(known[1], energy=-3.1749)]
    assert not evaluate(energy_of("ZnS", -3.20, wurtzite), higher)["match"]


def test_a_known_polymorph_that_failed_judges_nothing():
    """It may be the lowest."""
    known = [MGO, energy_of("MgO", None, reason="SCF did not converge")]
    judged = evaluate(energy_of("MgO", -5.0), known)
    assert all(judged[judge] is None for judge in JUDGES) and judged["failure"] == "reference: SCF did not converge"
    with pytest.raises(ValueError, match="ecut 600 instead of 350"):
        evaluate(energy_of("MgO", -5.0), [MGO, replace(MGO, settings=DFT | {"ecut": 350})])


# ---- structures


def transformed(crystal: Crystal, seed: int, repeats: tuple[int, int, int]) -> Crystal:
    """A supercell, rotated, shifted, with the atoms in another order."""
    rng = np.random.default_rng(seed)
    atoms = crystal.to_atoms().repeat(repeats)
    atoms.rotate(rng.uniform(0, 360), rng.normal(size=3), rotate_cell=True)
    atoms.translate(rng.normal(size=3))
    return Crystal.from_atoms(atoms[rng.permutation(len(atoms))])


@settings(max_examples=25, deadline=None)
@given(FORMULAS, st.integers(0, 10**6), st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 2, 2)]), st.floats(0.8, 1.25))
def test_match_ignores_cell_rotation_order_and_density(formula, seed, repeats, scale):
    moved = transformed(CRYSTALS[formula], seed, repeats)
    moved = Crystal(moved.numbers, moved.frac_coords, moved.lattice * scale)
    assert match_rmse(CRYSTALS[formula], moved) == pytest.approx(0, abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(FORMULAS, st.integers(0, 10**6))
def test_rmse_of_a_rattled_crystal_is_the_same_in_another_cell(formula, seed):
    crystal = CRYSTALS[formula]
    shift = 0.05 * np.random.default_rng(seed).normal(size=(len(crystal), 3)) @ np.linalg.inv(crystal.lattice)
    rattled = Crystal(crystal.numbers, crystal.frac_coords + shift, crystal.lattice)
    rmse = match_rmse(crystal, rattled)
    assert 0 < rmse < 0.1
    assert match_rmse(crystal, transformed(rattled, seed, (1, 1, 1))) == pytest.approx(rmse, abs=1e-3)


def with_elements_of(formula: str, other: str) -> Crystal:
    """The structure of `other` with the elements of `formula`."""
    old, new = (dict.fromkeys(CRYSTALS[name].numbers.tolist()) for name in (other, formula))
    swapped = dict(zip(old, new, strict=True))
    crystal = CRYSTALS[other]
    return Crystal([swapped[z] for z in crystal.numbers.tolist()], crystal.frac_coords, crystal.lattice)


@pytest.mark.parametrize(("formula", "other"), [("MgO", "CsCl"), ("NaCl", "ZnO"), ("ZnS", "ZnO"), ("CsCl", "ZnS")])
def test_other_polymorphs_do_not_match(formula, other):
    wrong = with_elements_of(formula, other)
    assert match_rmse(CRYSTALS[formula], wrong) is None
    judged = evaluate(energy_of(formula, -4.9, wrong), [energy_of(formula, -5.0)])
    assert judged["match"] is False and judged["rmse"] is None and judged["success_20"]


def test_zincblende_matches_rocksalt_but_for_the_rmse():
    """One atom moves by sqrt(3)/4 a, the volume per atom is a³/8: each is off by sqrt(3)/4 of its cube root."""
    rmse = match_rmse(CRYSTALS["NaCl"], with_elements_of("NaCl", "ZnS"))
    assert rmse == pytest.approx(np.sqrt(3) / 4, abs=1e-6) and rmse > SAME_RMSE


# ---- files


def write_energy(path: Path, formula: str, seed: int, method: str, start: str, energy, **changes) -> None:
    """A line of a file, in place of the one that is there of the compound, seed and step."""
    crystal = CRYSTALS[formula]
    data = {
        "compound": formula,
        "seed": seed,
        "method": method,
        "start": start,
        "status": "ok" if energy is not None else "failed",
        "reason": "" if energy is not None else "SCF did\nnot converge",
        "energy": energy,
        "max_force": 0.0,
        "max_stress": 0.0,
        "seconds": 2.5,
        "attempts": 1,
        "settings": DFT,
        "structure": {
            "numbers": crystal.numbers.tolist(),
            "frac_coords": crystal.frac_coords.tolist(),
            "lattice": crystal.lattice.tolist(),
        },
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    key = ("compound", "seed", "step")
    kept = [line for line in lines if [json.loads(line).get(k) for k in key] != [data.get(k) for k in key]]
    text = "".join(f"{line}\n" for line in [*kept, json.dumps(data, sort_keys=True)])
    path.write_text(text, encoding="utf-8")


def put(path: Path, candidate: Candidate) -> None:
    """Write a candidate into a file of them, in place of the one that is there of its compound, seed and step."""

    def key(one: Candidate) -> tuple:
        return one.compound, one.seed, (one.info or {}).get("step")

    others = read_candidates(path) if path.exists() else []
    write_candidates(path, [*(one for one in others if key(one) != key(candidate)), candidate])


def make_results(folder: Path, formulas=("NaCl", "MgO"), seeds: int = 2, datasets=("prototypes",)) -> Path:
    """A whole results folder: references at -5 eV/atom; LCOMs exact, SL 3 %, CD-VAE 15 % and the starts 30 % off."""
    energies = {"lcoms": -5.0, "sl": -4.85, "cdvae": -4.25, "start": -3.5}
    for formula in formulas:
        write_energy(folder / "reference/000.jsonl", formula, 0, "reference", "", -5.0)
        for seed in range(seeds):
            for dataset in datasets:
                for start in ("relaxed", "dataset"):
                    base = folder if start == "relaxed" else folder / dataset
                    crystal = Candidate(CRYSTALS[formula], formula, seed, "start", start, info={"seconds": 7.0})
                    name = f"initial/{formulas.index(formula):03d}" if start == "relaxed" else "initial"
                    put(base / f"{name}.extxyz", crystal)
                    for method, energy in energies.items():
                        where = base if method == "start" else folder / dataset
                        path = where / "energies" / method / start / "000.jsonl"
                        write_energy(path, formula, seed, method, start, energy)
    for dataset in datasets:
        for method in ("lcoms", "sl", "cdvae"):
            optimise = folder / dataset / "optimise" / f"{method}.json"
            decode = folder / dataset / "candidates" / method / "timing.json"
            for path, text in ((optimise, '{"encode": 0.25, "optimise": 0.5}'), (decode, '{"decode": 0.125}')):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return folder


def test_relaxations_that_did_not_converge_are_told(tmp_path: Path) -> None:
    make_results(tmp_path)
    info = {"seconds": 7.0, "converged": False, "steps": 82}
    crystal = Candidate(CRYSTALS["NaCl"], "NaCl", 1, "start", "relaxed", info=info)
    put(tmp_path / "initial/000.extxyz", crystal)
    write_energy(tmp_path / "reference/000.jsonl", "MgO", 0, "reference", "", -5.0, converged=False)
    rows = collect(tmp_path)
    told = set(
        rows.loc[rows.failure != "", ["compound", "start", "seed", "failure"]].itertuples(index=False, name=None)
    )
    reference = "the relaxation of its reference did not converge"
    expected = {("MgO", start, seed, reference) for start in ("relaxed", "dataset") for seed in (0, 1)}
    assert told == expected | {("NaCl", "relaxed", 1, "the relaxation did not converge in 82 geometries")}
    assert rows[["energy", "success_20"]].notna().all(axis=None)
    assert "- the relaxation did not converge in 82 geometries: prototypes/start/relaxed/NaCl-1" in markdown_text(rows)


SEARCHES = ("ras", "pso", "bo")


def add_searches(
    folder: Path, formulas=("NaCl", "MgO"), seeds: int = 2, datasets=("prototypes",), dft_pso=("MgO",)
) -> Path:
    """Into the folder of make_results: RAS exact, PSO 3 %, BO 15 %, DFT-PSO 0.4 % (20 meV/atom) off."""
    energies = {"ras": -5.0, "pso": -4.85, "bo": -4.25, "dft_pso": -4.98}
    places = [(folder / dataset, method, formulas) for dataset in datasets for method in SEARCHES]
    for base, method, chosen in [*places, (folder, "dft_pso", dft_pso)]:
        for formula in chosen:
            for seed in range(seeds):
                write_found(base, method, formula, seed)
                path = base / "energies" / method / "search" / "000.jsonl"
                write_energy(path, formula, seed, method, "search", energies[method])
        if method != "dft_pso":
            (base / "candidates" / method / "timing.json").write_text('{"propose": 1.5, "model": 0.5}')
    return folder


def write_found(base: Path, method: str, formula: str, seed: int, **changes) -> None:
    info = {"seconds": 600.0 + 200 * seed, "evaluations": 40} if method == "dft_pso" else {"evaluations": 1300}
    found = Candidate(CRYSTALS[formula], formula, seed, method, "search", info=info)
    name = "000" if method == "dft_pso" else "search"
    put(base / f"candidates/{method}/{name}.extxyz", replace(found, **changes))


def collect(folder: Path, formulas=("NaCl", "MgO"), seeds: int = 2, datasets=("prototypes",), **ran):
    return collect_rows(folder, TableSettings(list(datasets), seeds, **({"columns": SHOWN} | ran)), formulas)


def markdown_text(rows: pd.DataFrame) -> str:
    return table1.markdown_text(rows, METHODS)


def keys_of(rows: pd.DataFrame) -> list[tuple]:
    return list(rows[["method", "start", "compound", "seed"]].itertuples(index=False, name=None))


def cells_of(text: str) -> dict[str, list[str]]:
    """The first Markdown table, by the first cell of its lines."""
    table = next(block for block in text.split("\n\n") if block.startswith("|"))
    return {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]] for line in table.splitlines()}


def test_rows_and_csv(tmp_path):
    rows = collect(make_results(tmp_path))
    assert len(rows) == 4 * 2 * 2 * 2
    assert keys_of(rows)[:5] == [
        ("lcoms", "relaxed", "NaCl", 0),
        ("lcoms", "relaxed", "NaCl", 1),
        ("lcoms", "relaxed", "MgO", 0),
        ("lcoms", "relaxed", "MgO", 1),
        ("lcoms", "dataset", "NaCl", 0),
    ]
    text = csv_text(rows)
    assert text.splitlines()[0] == (
        "dataset,method,start,compound,seed,energy,reference,relative_error,delta_e_mev,strict,success_1,success_5,"
        "success_10,success_20,match,rmse,evaluations,seconds_start,seconds_optimise,seconds_decode,seconds_dft,failure"
    )
    assert text.splitlines()[1] == (
        "prototypes,lcoms,relaxed,NaCl,0,-5.000000,-5.000000,0.000000,0.000,True,True,True,True,True,True,0.0000,,"
        "7.000,0.750,0.125,2.500,"
    )
    table = list(csv.DictReader(io.StringIO(text)))
    sl = next(r for r in table if r["method"] == "sl")
    assert (sl["relative_error"], sl["delta_e_mev"]) == ("0.030000", "150.000")
    assert [sl[f"success_{x}"] for x in THRESHOLDS] == ["False", "True", "True", "True"]
    start = next(r for r in table if r["method"] == "start")
    assert start["success_20"] == "False" and start["seconds_optimise"] == "" and start["seconds_start"] == "7.000"


def test_same_files_same_bytes(tmp_path):
    make_results(tmp_path)
    first, second = collect(tmp_path), collect(tmp_path)
    assert csv_text(first) == csv_text(second) and markdown_text(first) == markdown_text(second)


def test_markdown(tmp_path):
    """Counts by hand: one LCOMs structure of four fails, one start has no energy, so 1.5 of 2 compounds on average."""
    make_results(tmp_path)
    energies = tmp_path / "prototypes" / "energies"
    write_energy(energies / "lcoms" / "relaxed" / "000.jsonl", "MgO", 1, "lcoms", "relaxed", None)
    write_energy(energies / "sl" / "dataset" / "000.jsonl", "MgO", 0, "sl", "dataset", -9.0)
    text = markdown_text(collect(tmp_path))
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        lines = table.splitlines()
        assert len({len(line) for line in lines}) == 1, "columns must align"
        bars = [[k for k, c in enumerate(line) if c == "|"] for line in lines]
        assert all(b == bars[0] for b in bars)
    cells = cells_of(text)
    assert cells["method:"] == ["LCOMs", "SL", "CD-VAE", "start"] * 2
    assert cells["start:"] == ["relaxed", "", "", "", "dataset", "", "", ""]
    assert cells["MgO"] == ["✓!", "✗✗", "✗✗", "✗✗", "✓✓", "✗✗", "✗✗", "✗✗"]
    assert cells["strict, of 2"][:2] == ["1.5 ± 0.7", "0.0 ± 0.0"]
    assert cells["≤ 20 %, of 2"][:3] == ["1.5 ± 0.7", "2.0 ± 0.0", "2.0 ± 0.0"]
    assert cells["≤ 10 %, of 2"][2] == "0.0 ± 0.0"
    assert cells["≤ 1 %, of 2"][:2] == ["1.5 ± 0.7", "0.0 ± 0.0"]
    assert cells["match, of 2"][0] == "1.5 ± 0.7"
    assert cells["median ΔE, meV/atom"][:4] == ["0.0", "150.0", "750.0", "1 500.0"]
    assert cells["no energy, rows"] == ["1", "0", "0", "0", "0", "0", "0", "0"]
    assert "- SCF did not converge: prototypes/LCOMs/relaxed/MgO-1\n" in text
    assert "suspicious: 4000 meV/atom below the reference" in text and "prototypes/SL/dataset/MgO-0" in text
    assert "search: " not in text
    assert "Quoted from the paper" in text and "OQMD: RAS* 17, PSO* 6, BO* 16, LCOMs 16, SL 5, CD-VAE 6" in text


def column(energies: dict, **more) -> pd.DataFrame:
    """Rows of one column by hand: compound -> ΔE in meV/atom a seed, None for no energy; E* is -5 eV/atom."""
    rows = [
        {
            "compound": compound,
            "seed": seed,
            "reference": -5.0,
            "delta_e_mev": delta,
            "strict": delta == 0,
            "rmse": None,
        }
        | {key: values[compound][seed] for key, values in more.items()}
        for compound, deltas in energies.items()
        for seed, delta in enumerate(deltas)
    ]
    rows = pd.DataFrame(rows).astype({"delta_e_mev": float, "rmse": float, "strict": "boolean", "reference": float})
    rows["energy"] = rows.reference + rows.delta_e_mev / 1000
    return rows.assign(dataset="d", start="dataset")


def test_marks_as_in_the_paper():
    """MgO: 0 and 100 meV average to 50, which is 1 % of 5 eV; NaCl lost one seed; for Si one seed is an artefact."""
    energies = {"MgO": (0.0, 100.0), "NaCl": (0.0, None), "Si": (0.0, -500.0), "C": (0.0, 103.0)}
    rows = column(energies, reference=dict.fromkeys(energies, (-5.0, -5.0)) | {"C": (None, None)})
    own = table1.Column("d", "dataset", "lcoms", METHODS["lcoms"], rows, all=True)
    assert own.paper_marks(1).to_dict() == {"MgO": "✓", "NaCl": "!", "Si": "!", "C": "?"}
    assert own.paper_count(1) == "1" and replace(own, all=False).paper_count(1) == "1 of 3"
    assert own.paper_marks(0.9)["MgO"] == "✗"


def test_metre_and_crmse_count_failures():
    """Best of the seeds: 0.1, 0.3 and no match, which counts as 0.5. C, without a reference, does not count."""
    energies = dict.fromkeys(("MgO", "NaCl", "Si", "C"), (0.0, 0.0))
    rmse = {"MgO": (0.2, 0.1), "NaCl": (None, 0.3), "Si": (None, None), "C": (0.0, 0.0)}
    rows = column(energies, rmse=rmse, reference=dict.fromkeys(energies, (-5.0, -5.0)) | {"C": (None, None)})
    share, rmse = table1.Column("d", "dataset", "lcoms", METHODS["lcoms"], rows, all=True).metre()
    assert share == pytest.approx(2 / 3) and rmse == pytest.approx((0.1 + 0.3 + 0.5) / 3)
    lost = table1.Column("d", "dataset", "lcoms", METHODS["lcoms"], rows[rows.compound == "Si"], all=True).metre()
    assert lost == (0.0, 0.5)
    assert np.isnan(
        table1.Column("d", "dataset", "lcoms", METHODS["lcoms"], rows[rows.compound == "C"], all=True).metre()
    ).all()


def test_the_table_compares_the_first_method_with_the_others(tmp_path):
    make_results(tmp_path)
    said = markdown_text(collect(add_searches(tmp_path), **RAN)).split("## LCOMs against the others")[1]
    table = [[c.strip() for c in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("| proto")]
    names = ["SL", "CD-VAE", "start", "RAS", "PSO", "BO", "DFT-PSO"]
    assert [line[:3] for line in table] == [["prototypes", s, n] for s in ("relaxed", "dataset") for n in names]
    assert table[0][3:] == ["2", "+1.00", "+1.00 to +1.00"] and table[3][3:] == ["2", "+0.00", "+0.00 to +0.00"]
    assert table[6][3:] == ["1", "+0.00", "–"], "of one compound there is nothing to draw"


def test_one_method_alone_is_compared_with_nothing(tmp_path):
    rows = collect(make_results(tmp_path))
    assert "against the others" not in markdown_text(rows[rows.method == "lcoms"])


def test_the_lowest_polymorph_is_told(tmp_path):
    make_results(tmp_path)
    path = tmp_path / "reference/000.jsonl"
    first = json.loads(path.read_text().splitlines()[1])
    write_energy(path, "MgO", 0, "reference", "", -5.0, polymorphs=[first | {"energy": -5.02}])
    assert [known.energy for known in load_references(path)["MgO"]] == [-5.0, -5.02]
    rows = collect(tmp_path)
    assert set(rows.reference[rows.compound == "MgO"]) == {-5.02}
    assert "- E* is that of another known polymorph, 20.0 meV/atom below the first of the table: prototypes/start" in (
        markdown_text(rows)
    )
    write_energy(path, "MgO", 0, "reference", "", -5.0, polymorphs=[{}])
    with pytest.raises(ValueError, match=r"reference/000\.jsonl is not a readable energy file"):
        collect(tmp_path)


def test_reference_failure_in_the_table(tmp_path):
    make_results(tmp_path)
    write_energy(tmp_path / "reference/000.jsonl", "MgO", 0, "reference", "", None)
    rows = collect(tmp_path)
    mgo = rows[rows.compound == "MgO"]
    assert mgo.success_20.isna().all() and set(mgo.failure) == {"reference: SCF did not converge"}
    text = markdown_text(rows)
    assert "≤ 20 %, of 1" in text and "- reference: SCF did not converge: MgO\n" in text
    assert [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| MgO")] == ["??", "??", "?"]
    several = markdown_text(rows.assign(reference=-5.0))
    assert "prototypes/LCOMs/relaxed/MgO-0" in several and "and 10 more (table1.csv)" in several


def test_one_seed_and_two_data_sets(tmp_path):
    datasets = ("prototypes", "oqmd")
    rows = collect(make_results(tmp_path, seeds=1, datasets=datasets), seeds=1, datasets=datasets)
    assert len(rows) == 2 * 4 * 2 * 2
    text = markdown_text(rows)
    assert "±" not in text.split("## ")[1]
    assert text.split("## ")[1].splitlines()[2].split("|")[10].strip() == "oqmd"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("reference/000.jsonl", "reference"),
        ("prototypes/energies/sl/dataset/000.jsonl", "energy"),
        ("energies/start/relaxed/000.jsonl", "energy_start"),
        ("prototypes/energies/start/dataset/000.jsonl", "energy_dataset"),
        ("initial/001.extxyz", "relax_initial"),
        ("prototypes/initial.extxyz", "swap_initial"),
        ("prototypes/optimise/sl.json", "optimise"),
        ("prototypes/candidates/lcoms/timing.json", "decode"),
    ],
)
def test_missing_or_damaged_input(tmp_path, path, rule):
    make_results(tmp_path)
    (tmp_path / path).write_text("" if path.endswith("extxyz") else "{", encoding="utf-8")
    with pytest.raises(ValueError, match=Path(path).name):
        collect(tmp_path)
    (tmp_path / path).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{path} is missing; rule {rule} makes it"):
        collect(tmp_path)


# ---- the searches


RAN = {"searches": list(SEARCHES), "dft_pso": ["MgO"]}


def test_rows_of_the_searches(tmp_path):
    make_results(tmp_path)
    before = collect(tmp_path)
    rows = collect(add_searches(tmp_path), **RAN)
    pd.testing.assert_frame_equal(rows[:32], before, obj="the searches change nothing of the other rows")
    assert keys_of(rows[32:36]) == [
        ("ras", "search", "NaCl", 0),
        ("ras", "search", "NaCl", 1),
        ("ras", "search", "MgO", 0),
        ("ras", "search", "MgO", 1),
    ]
    assert list(rows.method[32:]) == ["ras"] * 4 + ["pso"] * 4 + ["bo"] * 4 + ["dft_pso"] * 2
    assert csv_text(rows).splitlines()[33] == (
        "prototypes,ras,search,NaCl,0,-5.000000,-5.000000,0.000000,0.000,True,True,True,True,True,True,0.0000,1300,"
        ",2.000,,2.500,"
    )
    assert csv_text(rows).splitlines()[-1] == (
        "prototypes,dft_pso,search,MgO,1,-4.980000,-5.000000,0.004000,20.000,True,True,True,True,True,True,0.0000,40,"
        ",800.000,,2.500,"
    )


def test_no_method_gains_by_failures_and_artefacts_in_the_median(tmp_path):
    make_results(tmp_path)
    energies = tmp_path / "prototypes" / "energies" / "sl" / "dataset"
    for seed in (0, 1):
        write_energy(energies / "000.jsonl", "MgO", seed, "sl", "dataset", None)
    write_energy(energies / "000.jsonl", "NaCl", 0, "sl", "dataset", -9.0)
    rows = collect(tmp_path)
    assert cells_of(markdown_text(rows))["median ΔE, meV/atom"][5] == "–"
    assert median_delta(rows[(rows.method == "sl") & (rows.start == "dataset")]) is None
    assert median_delta(rows[:0]) is None


def test_markdown_with_searches(tmp_path):
    """DFT-PSO ran for MgO only: nothing stands under NaCl, and its counts are of one compound."""
    make_results(tmp_path)
    add_searches(tmp_path)
    base = tmp_path / "prototypes"
    write_found(base, "bo", "NaCl", 1, status="failed", reason="a filter rejected all", info=None)
    write_energy(base / "energies" / "bo" / "search" / "000.jsonl", "NaCl", 1, "bo", "search", None)
    text = markdown_text(collect(tmp_path, **RAN))
    cells = cells_of(text)
    assert cells["method:"] == ["LCOMs", "SL", "CD-VAE", "start"] * 2 + ["RAS", "PSO", "BO", "DFT-PSO"]
    assert cells["start:"] == ["relaxed", "", "", "", "dataset", "", "", "", "search", "", "", ""]
    assert cells["NaCl"][8:] == ["✓✓", "✗✗", "✗!", "–"]
    assert cells["MgO"][8:] == ["✓✓", "✗✗", "✗✗", "✓✓"]
    assert cells["METRe"][8:] == ["1.000", "1.000", "1.000", "1.000 of 1"]
    assert cells["≤ 20 %, of 2"][8:] == ["2.0 ± 0.0", "2.0 ± 0.0", "1.5 ± 0.7", "1.0 ± 0.0 of 1"]
    assert cells["≤ 1 %, of 2"][8:] == ["2.0 ± 0.0", "0.0 ± 0.0", "0.0 ± 0.0", "1.0 ± 0.0 of 1"]
    assert cells["median ΔE, meV/atom"][8:] == ["0.0", "150.0", "750.0", "20.0"]
    assert cells["no energy, rows"][8:] == ["0", "0", "1", "0"]
    assert cells["evaluations, mean"] == ["–"] * 8 + ["1300", "1300", "1300", "40"]
    assert "\n\nsearch: no start" in text and "prototypes/BO/search/NaCl-1" in text


def test_dft_pso_is_the_same_for_every_data_set(tmp_path):
    datasets = ("prototypes", "oqmd")
    make_results(tmp_path, seeds=1, datasets=datasets)
    rows = collect(add_searches(tmp_path, seeds=1, datasets=datasets), seeds=1, datasets=datasets, dft_pso=["MgO"])
    shared = rows[rows.method == "dft_pso"].set_index("dataset")
    assert list(shared.index) == list(datasets)
    pd.testing.assert_series_equal(shared.loc["prototypes"], shared.loc["oqmd"], check_names=False)
    assert not rows.method.isin(SEARCHES).any()
    cells = cells_of(markdown_text(rows))
    assert cells["MgO"][8] == cells["MgO"][17] == "✓" and cells["≤ 20 %, of 2"][8] == "1 of 1"


def test_counts_of_a_search_whose_reference_failed(tmp_path):
    make_results(tmp_path)
    write_energy(tmp_path / "reference/000.jsonl", "MgO", 0, "reference", "", None)
    cells = cells_of(markdown_text(collect(add_searches(tmp_path), dft_pso=["MgO"])))
    assert cells["MgO"][-1] == "??" and cells["≤ 20 %, of 1"][-1] == "0.0 ± 0.0 of 0"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("prototypes/candidates/ras/search.extxyz", "search"),
        ("prototypes/candidates/bo/timing.json", "search"),
        ("prototypes/energies/pso/search/000.jsonl", "energy"),
        ("candidates/dft_pso/000.extxyz", "dft_pso"),
        ("energies/dft_pso/search/000.jsonl", "energy_dft_pso"),
    ],
)
def test_missing_or_damaged_input_of_a_search(tmp_path, path, rule):
    add_searches(make_results(tmp_path))
    (tmp_path / path).write_text("" if path.endswith("extxyz") else "{", encoding="utf-8")
    with pytest.raises(ValueError, match=Path(path).name):
        collect(tmp_path, **RAN)
    (tmp_path / path).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{path} is missing; rule {rule} makes it"):
        collect(tmp_path, **RAN)


def test_candidates_of_a_search_must_say_what_it_took(tmp_path):
    add_searches(make_results(tmp_path))
    write_found(tmp_path, "dft_pso", "MgO", 0, info={"evaluations": 40})
    with pytest.raises(ValueError, match=r"candidates/dft_pso: MgO, seed 0 has no number of seconds"):
        collect(tmp_path, **RAN)
    write_found(tmp_path / "prototypes", "pso", "MgO", 0, info={"evaluations": "many"})
    with pytest.raises(ValueError, match=r"candidates/pso: MgO, seed 0 has no number of evaluations"):
        collect(tmp_path, **RAN)


def test_a_file_of_another_column_or_without_a_structure_is_refused(tmp_path):
    add_searches(make_results(tmp_path))
    folder = tmp_path / "prototypes/candidates"
    kept = (folder / "ras/search.extxyz").read_bytes()
    (folder / "ras/search.extxyz").write_bytes((folder / "bo/search.extxyz").read_bytes())
    with pytest.raises(ValueError, match=r"ras/search.extxyz belongs to \('NaCl', 'bo', 'search', 0\)"):
        collect(tmp_path, **RAN)
    (folder / "ras/search.extxyz").write_bytes(kept)
    collect(tmp_path, **RAN)
    write_candidates(folder / "ras/search.extxyz", read_candidates(folder / "ras/search.extxyz")[:-1])
    with pytest.raises(ValueError, match=r"ras/search.extxyz has nothing of MgO, seed 1"):
        collect(tmp_path, **RAN)


def test_timings_without_a_part(tmp_path):
    add_searches(make_results(tmp_path))
    (tmp_path / "prototypes" / "candidates" / "pso" / "timing.json").write_text('{"propose": 1.5}')
    with pytest.raises(ValueError, match=r"pso/timing.json is not readable \(KeyError\('model'\)\)"):
        collect(tmp_path, **RAN)


def test_misplaced_energy(tmp_path):
    make_results(tmp_path)
    folder = tmp_path / "prototypes" / "energies"
    text = (folder / "sl/dataset/000.jsonl").read_text()
    (folder / "sl/dataset/000.jsonl").write_bytes((folder / "sl/relaxed/000.jsonl").read_bytes())
    with pytest.raises(ValueError, match=r"000.jsonl belongs to \('NaCl', 'sl', 'relaxed', 0\)"):
        collect(tmp_path)
    (folder / "sl/dataset/000.jsonl").write_text(text + text.splitlines()[0])
    with pytest.raises(ValueError, match=r"000.jsonl has NaCl, seed 0 a second time"):
        collect(tmp_path)
    (folder / "sl/dataset/000.jsonl").write_text("".join(line + "\n" for line in text.splitlines()[1:]))
    with pytest.raises(ValueError, match=r"000.jsonl has nothing of NaCl, seed 0"):
        collect(tmp_path)


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_energy_that_is_no_number_is_a_failure(tmp_path, value):
    path = tmp_path / "x.jsonl"
    write_energy(path, "MgO", 0, "sl", "relaxed", -1.0)
    path.write_text(path.read_text().replace("-1.0", value))
    (found,) = load_energies(path)
    assert found.energy is None and "the energy is" in found.reason


@pytest.mark.parametrize("changes", [{"structure": None}, {"reason": None, "status": "failed"}, {"structure": {}}])
def test_unreadable_energy(tmp_path, changes):
    write_energy(tmp_path / "x.jsonl", "MgO", 0, "sl", "relaxed", -1.0, **changes)
    with pytest.raises(ValueError, match=r"x\.jsonl is not a readable energy file"):
        load_energies(tmp_path / "x.jsonl")
    write_energy(tmp_path / "y.jsonl", "MgO", 0, "sl", "relaxed", "low")
    with pytest.raises(ValueError, match=r"y\.jsonl is not a readable energy file"):
        load_energies(tmp_path / "y.jsonl")


# ---- the command


def command(folder: Path, config: dict) -> subprocess.CompletedProcess:
    arguments = [
        "--compounds",
        TABLE,
        "--results",
        folder,
        "--csv",
        folder / "table1.csv",
        "--md",
        folder / "table1.md",
    ]
    return forked.stage("table1", "--config", json.dumps(config), *arguments)


def test_command(tmp_path):
    make_results(tmp_path)
    config = {"datasets": ["prototypes"], "seeds": 2, "only": ["MgO", "NaCl"], "columns": SHOWN_JSON}
    assert command(tmp_path, config).returncode == 0
    rows = collect(tmp_path)  # in the order of the table of compounds, not of `only`
    assert (tmp_path / "table1.csv").read_text(encoding="utf-8") == csv_text(rows)
    body, made, _ = (tmp_path / "table1.md").read_text(encoding="utf-8").partition("\nMade with lcom ")
    assert (body, bool(made)) == (markdown_text(rows), True)
    assert not list(tmp_path.glob(".*"))
    assert command(add_searches(tmp_path), config | RAN).returncode == 0
    assert (tmp_path / "table1.csv").read_text(encoding="utf-8") == csv_text(collect(tmp_path, **RAN))
    failed = command(tmp_path, config | {"only": ["MgO", "KBr"]})
    assert failed.returncode != 0 and "KBr" in failed.stderr and "Traceback" not in failed.stderr


@pytest.mark.parametrize("changes", [{"datasets": []}, {"seeds": 0}, {"searches": ["ras", "tpe"]}])
def test_wrong_settings(changes):
    with pytest.raises(ValueError, match="config: "):
        TableSettings(**({"datasets": ["prototypes"], "seeds": 1} | changes))


def test_dft_pso_of_a_compound_that_is_not_run(tmp_path):
    with pytest.raises(ValueError, match="config: DFT-PSO is asked for Si, not among the compounds"):
        collect(make_results(tmp_path), dft_pso=["Si", "MgO"])


def test_legend_says_what_the_code_does():
    assert ", ".join(f"{key} {value}" for key, value in WIDE.items()) in table1.LEGEND
    assert "100 meV/atom below" in table1.LEGEND
    assert f"ΔE ≤ {STRICT_MEV:.0f} meV/atom and RMSE < {SAME_RMSE}" in table1.LEGEND
    for method in ("ras", "pso", "bo", "dft_pso"):
        assert METHODS[method].label in table1.SEARCH_LEGEND


# ---- columns as data


def test_a_run_from_swapped_crystals_with_columns_of_its_own(tmp_path):
    """No file of a relaxed start is read; a column without chance has one structure a compound, one from the prior has no start."""
    make_results(tmp_path)
    for path in [*tmp_path.glob("initial/*"), *tmp_path.glob("energies/start/relaxed/*")]:
        path.unlink()
    columns = SHOWN | {
        "far": MethodSettings(surrogate="lcoms", steps=300),
        "prior": MethodSettings("prior", latent="prior"),
        "analogue": SHIPPED["analogue"][1],
    }
    energies = tmp_path / "prototypes/energies"
    for formula in ("NaCl", "MgO"):
        write_energy(energies / "analogue/none/000.jsonl", formula, 0, "analogue", "none", -4.99)
        for seed in (0, 1):
            write_energy(energies / "far/dataset/000.jsonl", formula, seed, "far", "dataset", -4.9)
            write_energy(energies / "prior/none/000.jsonl", formula, seed, "prior", "none", -4.0)
    for name, timing in (("far", '{"decode": 0.1}'), ("prior", '{"decode": 0.1}'), ("analogue", '{"propose": 0.001}')):
        path = tmp_path / f"prototypes/candidates/{name}/timing.json"
        path.parent.mkdir(parents=True)
        path.write_text(timing)
        (tmp_path / f"prototypes/optimise/{name}.json").write_text('{"encode": 0.25, "optimise": 0.5}')
    settings = TableSettings(["prototypes"], 2, starts=["dataset"], columns=columns)
    rows = collect_rows(tmp_path, settings, ["NaCl", "MgO"])
    counts = rows.groupby(["method", "start"]).size().to_dict()
    from_crystals = ("lcoms", "sl", "cdvae", "far", "start")
    assert counts == {(m, "dataset"): 4 for m in from_crystals} | {("prior", "none"): 4, ("analogue", "none"): 2}
    assert rows[rows.start == "none"].seconds_start.isna().all()
    text = table1.markdown_text(rows, settings.methods)
    cells = cells_of(text)
    assert cells["start:"] == ["dataset", "", "", "", "", "none", ""]
    assert cells["method:"] == ["LCOMs", "SL", "CD-VAE", "far", "start", "analogue", "prior"]
    assert cells["MgO"][-2:] == ["✓", "✗✗"] and cells["strict, of 2"][-2] == "2"
    assert "- far: 300 steps on the surrogate of LCOMs; of 8 decodings the closest to the latent" in text
    assert "- prior: no step from a latent of the prior; of 8 decodings the closest" in text
    assert "- analogue: the lowest crystal of the training composition most alike" in text
    against = [line for line in text.splitlines() if line.startswith("| prototypes | dataset")]
    assert [line.split("|")[3].strip() for line in against] == ["SL", "CD-VAE", "far", "start", "analogue", "prior"]
    assert [line.split("|")[5].strip() for line in against][-2] == "+0.00"


def test_magnetic_elements_are_warned_of(tmp_path):
    rows = collect(make_results(tmp_path))
    assert "magnetic" not in markdown_text(rows)
    text = markdown_text(rows.assign(compound=rows.compound.replace("MgO", "NiO")))
    assert (
        "- magnetic elements, calculated without spin; order and volume of their crystals can be wrong: NiO\n" in text
    )


@pytest.mark.parametrize(("key", "value"), [("compound", ["MgO"]), ("method", {}), ("start", None), ("seed", [0])])
def test_a_record_whose_names_are_no_text_is_refused(tmp_path: Path, key: str, value: object) -> None:
    record = {"compound": "MgO", "method": "lcoms", "start": "dataset", "seed": 0, "status": "failed", "reason": "x"}
    record |= {"energy": None, "seconds": 1.0, "settings": {}}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(record))
    assert load_energies(path)[0].compound == "MgO"
    path.write_text(json.dumps(record | {key: value}))
    for read in (load_energies, load_references):
        with pytest.raises(ValueError, match="x.jsonl is not a readable energy file"):
            read(path)
