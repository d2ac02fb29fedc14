"""Seconds by method and part, and the plot, from a results folder made by hand (tests/report/test_judge.py)."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from lcom.report.rows import TableSettings, collect_rows, csv_text
from lcom.report.seconds_figure import Panel, Trace, energy_against_time
from lcom.report.style import LINEAR, save
from lcom.report.table2 import (
    COLUMNS,
    LEGEND,
    PUBLISHED_EVALUATIONS,
    best_so_far,
    collect_panels,
    collect_seconds,
    markdown_text,
)
from tests import forked
from tests.report.test_judge import (
    METHODS,
    SEARCHES,
    SHOWN,
    SHOWN_JSON,
    TABLE,
    add_searches,
    cells_of,
    make_results,
    write_energy,
    write_found,
)

FORMULAS = ("NaCl", "MgO")
RAN = {"searches": list(SEARCHES), "dft_pso": ["MgO"]}
NAN = math.nan
# eV/atom, of five structures; the known ground states are predicted at -3
HISTORY = {
    ("NaCl", 0): [NAN, -2.0, -2.5, NAN, -3.1],
    ("NaCl", 1): [-2.0, -2.2, -2.1, -2.9, -2.9],
    ("MgO", 0): [-2.4, -3.0, -3.0, -2.0, -3.2],
    ("MgO", 1): [NAN, NAN, NAN, NAN, -2.0],
}


def write_history(folder: Path, method: str, runs: dict, known: dict | None = None) -> None:
    rows = [
        {"compound": compound, "seed": seed, "step": step, "space_group": 225, "energy": energy, "x": [0.5, 0.5]}
        for (compound, seed), energies in runs.items()
        for step, energy in enumerate(energies)
    ]
    for part in ("search", "energy_model"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"search/{method}.parquet")
    known = dict.fromkeys(FORMULAS, -3.0) if known is None else known
    (folder / "energy_model/known.json").write_text(json.dumps(known))


@pytest.fixture
def results(tmp_path) -> Path:
    add_searches(make_results(tmp_path))
    for method in SEARCHES:
        write_history(tmp_path / "prototypes", method, HISTORY)
    return tmp_path


def collect(folder: Path, formulas=FORMULAS, seeds: int = 2, datasets=("prototypes",), **ran):
    settings = TableSettings(list(datasets), seeds, **({"columns": SHOWN} | ran))
    rows = collect_rows(folder, settings, formulas)
    seconds = collect_seconds(folder, settings, formulas, rows)
    return seconds, collect_panels(folder, settings, formulas, rows, seconds)


def lines_of(seconds: pd.DataFrame) -> list[tuple]:
    """(data set, method, evaluations, whether extrapolated, part -> seconds) of each line of the table."""
    lines = seconds.groupby(["dataset", "method", "evaluations"], sort=False, dropna=False)
    return [
        (dataset, method, None if pd.isna(n) else n, line.extrapolated.any(), parts_of(line))
        for (dataset, method, n), line in lines
    ]


def parts_of(line: pd.DataFrame) -> dict[str, float]:
    return dict(zip(line.part, line.seconds_per_structure, strict=True))


def labels(**other: str) -> dict[str, str]:
    return {name: method.label for name, method in METHODS.items()} | other


# ---- the table


def test_seconds_by_hand(results):
    """RAS: 2 s for 1300 evaluations are 8 s for 5200. DFT-PSO: 600 and 800 s for 40 are 17.5 s each, 91 000 s for 5200."""
    lines = lines_of(collect(results, **RAN)[0])
    assert [line[:4] for line in lines] == [
        ("prototypes", "lcoms", None, False),
        ("prototypes", "sl", None, False),
        ("prototypes", "cdvae", None, False),
        ("prototypes", "ras", 1300, False),
        ("prototypes", "ras", 5200, True),
        ("prototypes", "pso", 1300, False),
        ("prototypes", "pso", 5200, True),
        ("prototypes", "bo", 1300, False),
        ("prototypes", "bo", 5200, True),
        ("", "dft_pso", 40, False),
        ("", "dft_pso", 5200, True),
    ]
    lcoms = {
        "start": 7.0,
        "encode": 0.25,
        "optimise": 0.5,
        "decode": 0.125,
        "dft": 2.5,
        "alone": 0.875,
        "total": 10.375,
    }
    assert lines[0][4] == pytest.approx(lcoms)
    assert lines[3][4] == pytest.approx({"propose": 1.5, "model": 0.5, "dft": 2.5, "alone": 2.0, "total": 4.5})
    assert lines[4][4] == pytest.approx({"propose": 6.0, "model": 2.0, "dft": 2.5, "alone": 8.0, "total": 10.5})
    assert lines[9][4] == pytest.approx({"search": 700.0, "dft": 2.5, "alone": 700.0, "total": 702.5})
    assert lines[10][4] == pytest.approx({"search": 91000.0, "dft": 2.5, "alone": 91000.0, "total": 91002.5})


def test_csv(results):
    text = csv_text(collect(results, **RAN)[0])
    assert text.splitlines()[:2] == [
        "dataset,method,part,seconds_per_structure,evaluations,extrapolated",
        "prototypes,lcoms,start,7.000000,,False",
    ]
    table = [tuple(line.split(",")) for line in text.splitlines()[1:]]
    ras = [row[2:] for row in table if row[1] == "ras"]
    assert ras == [
        ("propose", "1.500000", "1300", "False"),
        ("model", "0.500000", "1300", "False"),
        ("dft", "2.500000", "1300", "False"),
        ("alone", "2.000000", "1300", "False"),
        ("total", "4.500000", "1300", "False"),
        ("propose", "6.000000", "5200", "True"),
        ("model", "2.000000", "5200", "True"),
        ("dft", "2.500000", "5200", "False"),
        ("alone", "8.000000", "5200", "True"),
        ("total", "10.500000", "5200", "True"),
    ]
    assert len({(*row[:3], row[4]) for row in table}) == len(table)


def test_markdown(results):
    text = markdown_text(collect(results, **RAN)[0], labels(dft_pso="DFT-PSO (1 of 2 compounds)"))
    lines = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    head = ["data set", "method", "evaluations", "start", "encode", "optimise", "decode", "propose", "model"]
    assert lines[0] == [*head, "GPAW search", "final energy", "method alone", "total", "paper"]
    none = "–"
    first = ["prototypes", "LCOMs", none, "7.00", "0.250", "0.500", "0.125", none, none, none, "2.50", "0.875", "10.4"]
    assert lines[2] == [*first, "2"]
    assert lines[8][:3] == ["prototypes", "PSO", "5 200"] and lines[8][-3:] == ["≈ 8.00", "≈ 10.5", none]
    assert lines[9][1] == lines[10][1] == "BO" and lines[9][-1] == none and lines[10][-1] == "80"
    assert lines[11][:3] == [none, "DFT-PSO (1 of 2 compounds)", "40"] and lines[11][-1] == none
    assert lines[12][9:] == ["≈ 91 000", "2.50", "≈ 91 000", "≈ 91 002", "70 000"]
    assert len({len(line) for line in text.splitlines() if line.startswith("|")}) == 1, "columns must align"
    said = " ".join(LEGEND.split())
    assert f"the published {PUBLISHED_EVALUATIONS:,} ".replace(",", " ") in said and "not measured here" in said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0"), (0.000123, "0.000123"), (0.0505, "0.0505"), (9.999, "10.00"), (1234.6, "1 235")]
)
def test_three_digits(seconds, said):
    line = pd.DataFrame([("prototypes", "sl", "encode", seconds, None, False)], columns=COLUMNS)
    assert cells_of(markdown_text(line, labels()))["prototypes"][2] == said


def test_the_published_budget_is_not_extrapolated(results):
    for formula in FORMULAS:
        for seed in range(2):
            info = {"evaluations": PUBLISHED_EVALUATIONS}
            write_found(results / "prototypes", "bo", formula, seed, info=info)
    seconds, _ = collect(results, searches=["bo"])
    assert [line[2:4] for line in lines_of(seconds) if line[1] == "bo"] == [(5200, False)]


def test_no_searches(tmp_path):
    seconds, panels = collect(make_results(tmp_path))
    assert [line[1] for line in lines_of(seconds)] == ["lcoms", "sl", "cdvae"]
    head = cells_of(markdown_text(seconds, labels()))["data set"]
    assert "propose" not in head and "GPAW search" not in head and "paper" in head
    assert [t.method for t in panels[0].traces] == ["lcoms", "sl", "cdvae"]


def test_failures_are_left_out_of_the_means(results):
    """A structure that failed before its calculation took 0 s; a search that found nothing does not say how long it was."""
    energies = results / "prototypes" / "energies"
    path = energies / "lcoms" / "relaxed" / "000.jsonl"
    write_energy(path, "MgO", 1, "lcoms", "relaxed", None, seconds=0.0)
    path = energies / "lcoms" / "relaxed" / "000.jsonl"
    write_energy(path, "MgO", 0, "lcoms", "relaxed", None, seconds=8.5)  # it was tried
    write_found(results, "dft_pso", "MgO", 1, status="failed", reason="nothing passed", info=None)
    write_energy(results / "energies/dft_pso/search/000.jsonl", "MgO", 1, "dft_pso", "search", None, seconds=0.0)
    seconds, panels = collect(results, **RAN)
    lines = lines_of(seconds)
    assert lines[0][4]["dft"] == pytest.approx((2.5 + 2.5 + 8.5) / 3)
    assert lines[-2][4]["search"] == 600 and lines[-1][4]["search"] == pytest.approx(600 / 40 * 5200)
    assert panels[0].traces[0].delta is None and panels[0].traces[-1].delta is None  # half of them failed: no median


def test_all_of_a_method_failed(results):
    for seed in range(2):
        write_found(results, "dft_pso", "MgO", seed, status="failed", reason="nothing passed", info=None)
        path = results / "energies/dft_pso/search/000.jsonl"
        write_energy(path, "MgO", seed, "dft_pso", "search", None, seconds=0.0)
        for formula in FORMULAS:
            write_found(results / "prototypes", "ras", formula, seed, status="failed", reason="rejected", info=None)
            path = results / "prototypes/energies/ras/search/000.jsonl"
            write_energy(path, formula, seed, "ras", "search", None, seconds=0.0)
    write_history(results / "prototypes", "ras", {run: [NAN] * 5 for run in HISTORY})
    seconds, panels = collect(results, **RAN)
    assert "dft_pso" not in set(seconds.method)
    parts = {"propose": 1.5, "model": 0.5, "alone": 2.0, "total": 2.0}
    assert [line for line in lines_of(seconds) if line[1] == "ras"] == [("prototypes", "ras", None, False, parts)]
    trace = next(t for t in panels[0].traces if t.method == "ras")
    assert trace.delta is None and np.isinf(trace.curve[1:]).all()
    save(energy_against_time(panels), results / "x.svg", results / "x.png")


# ---- the plot


def test_best_so_far_by_hand(tmp_path):
    """Sorted at the end: -200, -100, 100, 1000 meV/atom; before, one or two of the four runs have nothing yet."""
    write_history(tmp_path, "pso", HISTORY)
    share, low, median, high = best_so_far(tmp_path, "pso", FORMULAS, 2)
    assert share == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    # NaCl-0: inf 1000 500 500 -100; NaCl-1: 1000 800 800 100 100; MgO-0: 600 0 0 0 -200; MgO-1: inf inf inf inf 1000
    assert median == pytest.approx([np.inf, 900, 650, 300, 0], abs=1e-6)
    assert low == pytest.approx([900, 600, 375, 75, -125], abs=1e-6)
    assert high == pytest.approx([np.inf, np.inf, np.inf, np.inf, 325], abs=1e-6)


def test_best_so_far_of_searches_of_different_lengths(tmp_path):
    write_history(tmp_path, "bo", {("NaCl", 0): [-2.0, -3.0], ("MgO", 0): [-2.0, -2.0, -2.0, -3.0]})
    share, _, median, _ = best_so_far(tmp_path, "bo", FORMULAS, 1)
    assert share == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert median == pytest.approx([np.inf, 1000, 1000, 0], abs=1e-6)  # NaCl's first ends at half its search
    _, low, median, high = best_so_far(tmp_path, "bo", ["MgO"], 1)
    assert (low == median).all() and (high == median).all()


def test_best_so_far_needs_no_order_of_the_rows_and_few_points(tmp_path):
    energies = np.random.default_rng(0).normal(size=3000)
    write_history(tmp_path, "ras", {("MgO", 0): energies})
    expected = best_so_far(tmp_path, "ras", ["MgO"], 1)
    table = pyarrow.parquet.read_table(tmp_path / "search/ras.parquet")
    shuffled = table.take(np.random.default_rng(1).permutation(3000))
    pyarrow.parquet.write_table(shuffled, tmp_path / "search/ras.parquet")
    np.testing.assert_array_equal(best_so_far(tmp_path, "ras", ["MgO"], 1), expected)
    share, _, median, _ = expected
    assert len(share) <= 200 and (np.diff(median) <= 0).all()
    counts = np.round(share * 3000).astype(int)
    assert median == pytest.approx([1000 * (energies[:count].min() + 3) for count in counts])


def test_traces(results):
    _, (panel,) = collect(results, **RAN)
    assert panel.title == "prototypes"
    said = {t.method: (t.label, t.seconds, t.delta, t.start, t.curve is not None) for t in panel.traces}
    assert said == {
        "lcoms": ("LCOMs", 0.875, 0.0, 1500.0, False),
        "sl": ("SL", 0.875, pytest.approx(150), 1500.0, False),
        "cdvae": ("CD-VAE", 0.875, 750.0, 1500.0, False),
        "ras": ("RAS", 2.0, 0.0, None, True),
        "pso": ("PSO", 2.0, pytest.approx(150), None, True),
        "bo": ("BO", 2.0, 750.0, None, True),
        "dft_pso": ("DFT-PSO (1 of 2 compounds)", 700.0, pytest.approx(20), None, False),
    }


def test_one_seed_and_two_data_sets(tmp_path):
    datasets = ("prototypes", "oqmd")
    make_results(tmp_path, seeds=1, datasets=datasets)
    add_searches(tmp_path, seeds=1, datasets=datasets)
    for dataset in datasets:
        write_history(tmp_path / dataset, "ras", HISTORY)  # a seed more than asked for
    seconds, panels = collect(tmp_path, seeds=1, datasets=datasets, searches=["ras"], dft_pso=["MgO"])
    measured = [line[:2] for line in lines_of(seconds) if not line[3]]
    own = [(dataset, method) for dataset in datasets for method in ("lcoms", "sl", "cdvae", "ras")]
    assert measured == [*own, ("", "dft_pso")]
    assert [[t.method for t in p.traces] for p in panels] == [["lcoms", "sl", "cdvae", "ras", "dft_pso"]] * 2
    figure = energy_against_time(panels)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(datasets)


def test_everything_is_inside_the_axes():
    """Far below zero, at zero and far above it; a share of a search that took no time at all."""
    curve = np.array([[0.001, 0.1, 1.0], [np.inf, -90.0, -400.0], [5000.0, 0.0, -300.0], [9000.0, 40.0, -250.0]])
    traces = [
        Trace("bo", "BO", 90.0, 800.0, None, curve),
        Trace("lcoms", "LCOMs", 0.1, -20.0, 3000.0),
        Trace("dft_pso", "DFT-PSO", 9e4, 0.0),
        Trace("sl", "SL", 0.0, 3.0, 3000.0),
    ]
    figure = energy_against_time([Panel("prototypes", traces)])
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left < 0.09 and right > 9e4 and bottom < -400 and top > 9000
    assert axes.get_xscale() == "log" and axes.get_yscale() == "symlog" and "meV/atom" in axes.get_ylabel()
    assert axes.yaxis.get_transform().linthresh == LINEAR
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"BO", "LCOMs", "DFT-PSO", "start, by GPAW", f"linear scale within ±{LINEAR:.0f}"} <= legend
    assert figure.get_tightbbox().width <= figure.get_figwidth() + 0.01, "the legend must fit"


def test_same_numbers_same_bytes(results):
    _, panels = collect(results, **RAN)
    for name in "ab":
        save(energy_against_time(panels), results / f"{name}.svg", results / f"{name}.png")
    for suffix in ("svg", "png"):
        assert (results / f"a.{suffix}").read_bytes() == (results / f"b.{suffix}").read_bytes()
    assert b"<dc:date>" not in (results / "a.svg").read_bytes() and b"Software" not in (results / "a.png").read_bytes()
    assert not list(results.glob(".*"))


# ---- what can be missing


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("prototypes/search/ras.parquet", "search"),
        ("prototypes/energy_model/known.json", "predict_known"),
        ("prototypes/candidates/pso/timing.json", "search"),
        ("prototypes/candidates/pso/search.extxyz", "search"),
        ("prototypes/candidates/sl/timing.json", "decode"),
        ("prototypes/optimise/sl.json", "optimise"),
        ("candidates/dft_pso/000.extxyz", "dft_pso"),
        ("prototypes/energies/bo/search/000.jsonl", "energy"),
        ("initial/000.extxyz", "relax_initial"),
    ],
)
def test_missing_or_damaged_input(results, path, rule):
    (results / path).write_text("" if path.endswith("extxyz") else "{", encoding="utf-8")
    with pytest.raises(ValueError, match=Path(path).name):
        collect(results, **RAN)
    (results / path).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{path} is missing; rule {rule} makes it"):
        collect(results, **RAN)


def test_incomplete_history(tmp_path):
    write_history(tmp_path, "pso", HISTORY, {"NaCl": -3.0})
    with pytest.raises(ValueError, match=r"known\.json is not readable \(KeyError\('MgO'\)\)"):
        best_so_far(tmp_path, "pso", FORMULAS, 2)
    write_history(tmp_path, "pso", HISTORY)
    with pytest.raises(ValueError, match=r"pso\.parquet has nothing of NaCl, seed 2"):
        best_so_far(tmp_path, "pso", FORMULAS, 3)
    write_history(tmp_path, "pso", {("NaCl", 0): [0.0]})
    with pytest.raises(ValueError, match=r"pso\.parquet has nothing of MgO, seed 0"):
        best_so_far(tmp_path, "pso", FORMULAS, 1)
    table = pyarrow.parquet.read_table(tmp_path / "search/pso.parquet").drop_columns("energy")
    pyarrow.parquet.write_table(table, tmp_path / "search/pso.parquet")
    with pytest.raises(ValueError, match=r"pso\.parquet is not readable"):
        best_so_far(tmp_path, "pso", ["NaCl"], 1)


# ---- the command


def test_command(results):
    config = json.dumps({"datasets": ["prototypes"], "seeds": 2, "only": ["MgO", "NaCl"], "columns": SHOWN_JSON, **RAN})
    outputs = {"csv": "table2.csv", "md": "table2.md", "figure": "figures/table2.svg", "png": "figures/table2.png"}
    outputs |= {"success": "figures/success.svg", "success-png": "figures/success.png"}
    arguments = ["--config", config, "--compounds", TABLE, "--results", results]
    for option, name in outputs.items():
        arguments += [f"--{option}", results / name]
    forked.stage("table2", *arguments, check=True)
    seconds, panels = collect(results, **RAN)
    assert (results / "table2.csv").read_text(encoding="utf-8") == csv_text(seconds)
    said = markdown_text(seconds, labels(dft_pso="DFT-PSO (1 of 2 compounds)"))
    body, made, _ = (results / "table2.md").read_text(encoding="utf-8").partition("\nMade with lcom ")
    assert body.startswith(said) and "## What the seconds buy" in body and made
    assert (results / "figures/success.png").read_bytes()[:4] == b"\x89PNG"
    save(energy_against_time(panels), results / "again.svg", results / "again.png")
    for suffix in ("svg", "png"):
        assert (results / f"figures/table2.{suffix}").read_bytes() == (results / f"again.{suffix}").read_bytes()
    (results / "prototypes/search/bo.parquet").unlink()
    failed = forked.stage("table2", *arguments)
    assert failed.returncode != 0 and "rule search makes it" in failed.stderr and "Traceback" not in failed.stderr
