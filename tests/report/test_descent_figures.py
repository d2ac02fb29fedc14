"""Figures 2 to 4, from results folders made by hand."""

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lcom.base.settings import parse_settings
from lcom.candidates import Candidate
from lcom.report.descent_figure import path_figure
from lcom.report.descents import PathSettings, collect_steps, medians
from lcom.report.gain_figure import gain_figure
from lcom.report.gains import UNSEEN, read_gains, read_unseen, unseen_gains
from lcom.report.rows import csv_text
from lcom.report.style import save
from tests import forked
from tests.report.test_judge import CRYSTALS, DFT, collect, make_results, put, write_energy

SERIES = ["lcoms", "lcoms-tau0.5", "sl"]
STEPS = [0, 10, 100]
ENERGIES = {"lcoms": [-4.0, -4.5, -5.0], "lcoms-tau0.5": [-4.0, -4.6, -4.9], "sl": [-4.0, -4.7, -3.0]}
SETTINGS = {"datasets": ["prototypes"], "compounds": ["MgO", "NaCl"], "seeds": 2, "start": "dataset", "steps": STEPS}
SETTINGS |= {"series": SERIES, "tau": 0.1, "references": ["000"]}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """References at -5 eV/atom; LCOMs reach them, SL ends above its start; seed 1 of SL has no energy for NaCl at the end."""
    for compound in SETTINGS["compounds"]:
        write_energy(tmp_path / "reference/000.jsonl", compound, 0, "reference", "", -5.0)
        for series in SERIES:
            method = series.partition("-")[0]
            for seed in (0, 1):
                for step, energy in zip(STEPS, ENERGIES[series], strict=True):
                    info = {"step": step, "predicted_energy": 0.5 - 0.01 * step}
                    crystal = Candidate(CRYSTALS[compound], compound, seed, method, "dataset", info=info)
                    put(tmp_path / f"prototypes/path/{series}/dataset.extxyz", crystal)
                    lost = (series, compound, seed, step) == ("sl", "NaCl", 1, 100)
                    path = tmp_path / f"prototypes/energies/path/{series}/dataset.jsonl"
                    found = None if lost else energy + 0.1 * seed
                    write_energy(path, compound, seed, method, "dataset", found, step=step)
    return tmp_path


def steps_of(folder: Path, **changes):
    return collect_steps(folder, parse_settings(PathSettings, SETTINGS | changes, "figures"))


# ---- Figures 2 and 4


def test_steps_are_judged_against_the_ground_state(results):
    rows = steps_of(results)
    assert len(rows) == 2 * 3 * 2 * 3
    (row,) = rows.query(
        "compound == 'MgO' and method == 'lcoms' and tau == 0.5 and seed == 1 and step == 10"
    ).itertuples()
    assert row.delta_e_mev == pytest.approx(500) and row.predicted == pytest.approx(0.4) and row.match
    series = rows[["method", "tau"]].drop_duplicates().fillna("none")
    assert set(series.itertuples(index=False, name=None)) == {("lcoms", 0.1), ("lcoms", 0.5), ("sl", "none")}
    (lost,) = rows[rows.energy.isna()].itertuples()
    assert (lost.compound, lost.method, lost.seed, lost.step) == ("NaCl", "sl", 1, 100) and "SCF" in lost.failure
    table = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert len(table) == len(rows) and table[0]["delta_e_mev"] == "1000.000" and table[-1]["energy"] == ""
    assert {line["tau"] for line in table} == {"0.1", "0.5", ""}


def test_the_median_takes_a_lost_or_suspicious_structure_as_infinitely_high(results):
    rows = steps_of(results).query("compound == 'NaCl' and method == 'sl'")
    assert medians(rows).to_dict() == {0: pytest.approx(1050), 10: pytest.approx(350), 100: math.inf}
    assert medians(rows[:1].assign(delta_e_mev=-4000.0)).to_dict() == {0: math.inf}


def test_a_failed_start_has_no_descent(results):
    rows = steps_of(results)
    rows.loc[(rows.seed == 1) & (rows.method == "sl"), "predicted"] = math.nan
    lower = path_figure(rows).axes[2:]
    assert [len([line for line in axes.lines if len(line.get_xdata()) == len(STEPS)]) for axes in lower] == [5, 5]


@pytest.mark.parametrize("edit", [("step=100", "step=10"), ("step=100", "stop=100")])
def test_a_structure_of_another_step_is_refused(results, edit):
    path = results / "prototypes/path/sl/dataset.extxyz"
    path.write_text(path.read_text().replace(*edit))
    with pytest.raises(ValueError, match=r"sl/dataset\.extxyz has nothing of MgO, seed 0, step 100"):
        steps_of(results)


def test_the_figure_shows_every_series_and_seed(results):
    figure = path_figure(steps_of(results))
    upper, lower = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title(loc="left") for axes in upper] == ["MgO (prototypes)", "NaCl (prototypes)"]
    for axes in upper:
        curves = [line for line in axes.lines if len(line.get_xdata()) == len(STEPS)]
        assert len(curves) == 3 * (2 + 1)  # seeds and their median
        assert [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "x"] == [[100]] * (
            axes is upper[1]
        )
    lines = [line.get_ydata() for axes in lower for line in axes.lines if len(line.get_xdata()) == len(STEPS)]
    assert len(lines) == 12
    np.testing.assert_allclose(lines, np.tile([0, -0.1, -1.0], (12, 1)), atol=1e-6)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:3] == ["LCOMs, τ = 0.1", "LCOMs, τ = 0.5", "SL"]
    colours = [handle.get_color() for handle in figure.legends[0].get_lines()[:3]]
    assert len({str(colour) for colour in colours}) == 3
    figure.draw_without_rendering()
    assert figure.get_tightbbox().width <= figure.get_figwidth() + 0.01


def test_what_is_missing_or_of_another_run_is_named(results):
    path = results / "prototypes/energies/path/sl/dataset.jsonl"
    text = path.read_text()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"sl/dataset\.jsonl is missing; rule energy_path makes it"):
        steps_of(results)
    path.write_text(text.replace('"method": "sl"', '"method": "lcoms"', 1))
    with pytest.raises(ValueError, match=r"sl/dataset\.jsonl belongs to"):
        steps_of(results)
    path.write_text("".join(line + "\n" for line in text.splitlines()[1:]))
    with pytest.raises(ValueError, match=r"sl/dataset\.jsonl has nothing of MgO, seed 0, step 0"):
        steps_of(results)
    with pytest.raises(ValueError, match=r"figures\.compounds"):
        steps_of(results, compounds=[])


def test_an_energy_at_other_settings_is_not_compared(results):
    path = results / "prototypes/energies/path/lcoms/dataset.jsonl"
    write_energy(path, "MgO", 0, "lcoms", "dataset", -4.0, step=0, settings=DFT | {"ecut": 350})
    with pytest.raises(ValueError, match="ecut 350 instead of 600"):
        steps_of(results)


def test_the_command_writes_the_same_bytes_twice(results):
    def run(folder: Path) -> list[bytes]:
        files = [folder / f"figure4.{kind}" for kind in ("csv", "svg", "png")]
        arguments = ["--config", json.dumps(SETTINGS), "--results", results]
        arguments += ["--csv", files[0], "--figure", files[1], "--png", files[2]]
        forked.stage("path_figure", *arguments, check=True)
        return [file.read_bytes() for file in files]

    first = run(results / "a")
    assert first == run(results / "b") and all(first)


# ---- Figure 3


def test_gains_of_the_rows_of_table_1(tmp_path):
    make_results(tmp_path)  # starts at -3.5, LCOMs at -5, SL at -4.85
    name = "prototypes/energies/{}/dataset/000.jsonl"
    write_energy(tmp_path / name.format("sl"), "MgO", 1, "sl", "dataset", None)
    write_energy(tmp_path / name.format("start"), "MgO", 1, "start", "dataset", None)
    write_energy(tmp_path / "prototypes/energies/sl/dataset/000.jsonl", "NaCl", 1, "sl", "dataset", None)
    table = tmp_path / "table1.csv"
    table.write_text(csv_text(collect(tmp_path)))
    gains = {(g.start, g.method, g.compound, g.seed): g.gain for g in read_gains(table).itertuples()}
    assert gains["relaxed", "lcoms", "MgO", 0] == pytest.approx(100 * 1.5 / 3.5)
    assert gains["relaxed", "sl", "NaCl", 1] == pytest.approx(100 * 1.35 / 3.5)
    assert gains["dataset", "sl", "NaCl", 1] == -math.inf
    assert ("dataset", "lcoms", "MgO", 1) not in gains, "a start without energy has nothing to compare with"
    assert len(gains) == 2 * 2 * 2 * 2 - 2
    text = table.read_text()
    table.write_text(text.replace("start,relaxed,NaCl,0,-3.500000", "start,relaxed,NaCl,0,0.500000"))
    assert len(read_gains(table)) == len(gains) - 2, "above its atoms: per cent of it mean nothing"
    table.write_text(
        text.replace(
            "lcoms,relaxed,MgO,0,-5.000000,-5.000000,0.000000,0.000", "lcoms,relaxed,MgO,0,-9.0,-5.0,-0.8,-4000.0"
        )
    )
    worst = [g for g in read_gains(table).itertuples() if g.gain == -math.inf]
    assert [(g.start, g.method, g.compound, g.seed) for g in worst][0] == ("relaxed", "lcoms", "MgO", 0) and len(
        worst
    ) == 2
    table.write_text(text)
    table.write_text(table.read_text().replace("energy", "enthalpy", 1))
    with pytest.raises(ValueError, match=r"table1\.csv is not readable"):
        read_gains(table)


def test_indium_fluoride_is_no_number(tmp_path):
    """pandas takes InF for infinity, where all of a column is."""
    make_results(tmp_path)
    rows, table = collect(tmp_path), tmp_path / "table1.csv"
    table.write_text(csv_text(rows[rows["compound"] == "MgO"].assign(compound="InF")))
    assert set(read_gains(table)["compound"]) == {"InF"}
    energies = {("known", "none"): -6.0, ("start", "dataset"): -5.5, ("lcoms", "dataset"): -5.9}
    made = [("mine", start, method, "InF", 0, energy) for (method, start), energy in energies.items()]
    table.write_text(csv_text(unseen_gains(pd.DataFrame(made, columns=UNSEEN))))
    assert set(read_unseen(table)["compound"]) == {"InF"}


def test_the_figure_of_gains(tmp_path):
    values = {"NaCl": (2.0, 4.0), "MgO": (-0.5, -200.0), "Si": (30.0, -math.inf)}
    columns = ["judge", "dataset", "start", "method", "compound", "seed", "gain"]
    rows = [
        ("GPAW", "prototypes", "dataset", method, compound, seed, pair[k] + seed)
        for compound, pair in values.items()
        for k, method in enumerate(("lcoms", "sl"))
        for seed in (0, 1, 2)
    ]
    gains = pd.DataFrame(rows, columns=columns)
    figure = gain_figure(gains)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Si", "NaCl", "MgO"]  # by the gain of LCOMs
    heights = [bar.get_height() for bar in axes.patches if bar.get_width() == pytest.approx(0.94 * 0.36)]
    assert heights[:3] == pytest.approx([31, 3, 0.5]) and heights[4:] == pytest.approx([5, -199])
    assert heights[3] == axes.get_ylim()[0]  # no energy: down to the edge
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["LCOMs: 8 of 9 lower than their start", "SL: 3 of 9 lower than their start"]
    axes.figure.draw_without_rendering()
    lost = gain_figure(gains[:1].assign(gain=-math.inf))
    lost.draw_without_rendering()
    with pytest.raises(ValueError, match="nothing to compare with"):
        gain_figure(gains[:0])
    save(figure, tmp_path / "a.svg", tmp_path / "a.png")
    save(gain_figure(gains), tmp_path / "b.svg", tmp_path / "b.png")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_gains_of_compositions_that_training_has_not_seen(tmp_path):
    """Above the lowest known crystal and over the start, in meV/atom; what has no energy, or an absurd one, is infinitely bad."""
    energies = {
        ("known", "MgO"): -6.0, ("start", "MgO"): -5.5, ("lcoms", "MgO"): -5.9, ("sl", "MgO"): math.nan,
        ("known", "NaCl"): -4.0, ("start", "NaCl"): -3.0, ("lcoms", "NaCl"): -3.2, ("sl", "NaCl"): -4.5,
        ("known", "Si"): -5.0, ("start", "Si"): math.nan, ("lcoms", "Si"): -4.9, ("sl", "Si"): -4.8,
    }  # fmt: skip
    rows = [
        ("mine", "none" if method == "known" else "dataset", method, compound, 0, energy)
        for (method, compound), energy in energies.items()
    ]
    made = unseen_gains(pd.DataFrame(rows, columns=UNSEEN))
    assert set(made.method) == {"start", "lcoms", "sl"}
    above = made.set_index(["method", "compound"]).delta_e_mev
    assert above["start", "MgO"] == pytest.approx(500) and above["lcoms", "NaCl"] == pytest.approx(800)
    table = tmp_path / "unseen.csv"
    table.write_text(csv_text(made))
    gains = {(g.method, g.compound): g.gain for g in read_unseen(table).itertuples()}
    assert gains == {
        ("lcoms", "MgO"): pytest.approx(400), ("sl", "MgO"): -math.inf,
        ("lcoms", "NaCl"): pytest.approx(200), ("sl", "NaCl"): -math.inf,  # 500 meV below the ground state
    }  # fmt: skip
    figure = gain_figure(pd.concat([read_unseen(table), read_unseen(table).assign(judge="GPAW", gain=3.0)]))
    assert [axes.get_ylabel().splitlines()[1] for axes in figure.axes] == ["meV/atom", "% of that of the start"]
    assert figure.axes[0].get_title(loc="left") == "mine, dataset start, 2 compositions not trained on, by CHGNet"
    table.write_text(table.read_text().replace("gain", "gained"))
    with pytest.raises(ValueError, match=r"unseen\.csv is not readable"):
        read_unseen(table)


def test_a_figure_of_many_compositions_stays_on_a_page():
    rows = [("CHGNet", "mine", "dataset", "lcoms", f"A{i}B", 0, float(i)) for i in range(83)]
    figure = gain_figure(
        pd.DataFrame(rows, columns=["judge", "dataset", "start", "method", "compound", "seed", "gain"])
    )
    assert figure.get_figwidth() < 16
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert all(a.x1 <= b.x0 + 1 for a, b in zip(boxes, boxes[1:], strict=False)), "labels stand on each other"
