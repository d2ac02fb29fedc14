"""The report of a run, from a results folder made by hand (tests/report/test_judge.py)."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from lcom.base.files import write_result
from lcom.base.tensors import save_tensors
from lcom.report.costs import read_costs
from lcom.report.markdown_html import markdown_html
from lcom.report.origins import read_origins
from lcom.report.rows import TableSettings, collect_rows, csv_text, read_rows
from lcom.report.run_page import run_page
from lcom.report.style import save
from tests import forked
from tests.browser import browser_page, colours
from tests.report.test_judge import SHOWN, SHOWN_JSON, add_searches, make_results, write_energy

FORMULAS = ("NaCl", "MgO")
SETTINGS = TableSettings(["prototypes"], 2, columns=SHOWN)
SECTIONS = ["Table 1", "Table 2", "Figures", "Structures", "Failures", "Trainings", "Data", "Seconds", "Versions"]
BENCHMARK = "s\th:m:s\tmax_rss\tcpu_time\n{}\t0:00:01\t{}\t{}\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def plot(path: Path) -> None:
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 0], "o")
    save(figure, path, path.with_suffix(".png"))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """With Table 1 of two compounds; one structure failed."""
    folder = make_results(tmp_path / "run")
    write_energy(folder / "prototypes/energies/sl/dataset/000.jsonl", "MgO", 0, "sl", "dataset", None)
    write(folder / "table1.csv", csv_text(collect_rows(folder, SETTINGS, FORMULAS)))
    return folder


@pytest.fixture
def whole(results: Path) -> Path:
    """With all else that a run makes."""
    write(
        results / "table2.md",
        "# Table 2\n\nWords.\n\n| method | total |\n| --- | :-: |\n| LCOMs | ≈ 31 757 |\n| SL | 2 |\n",
    )
    for name in ("table2", "success", "figure2", "figure3", "figure4"):
        plot(results / f"figures/{name}.svg")
    data = results / "prototypes"
    plot(data / "data_report.svg")
    write(
        data / "data_report.md",
        "# Data set prototypes\n\n| | |\n|---|---|\n| rows read | 4066 |\n\n![what](data_report.png)\n",
    )
    write(data / "cdvae/metrics.csv", "epoch,train_loss,val_loss,train_coord,val_coord\n0,3,2,2,1\n1,2,1,1,1\n")
    write(data / "energy_model/metrics.csv", "epoch,train_mae,val_mae\n0,0.3,0.4\n1,0.1,0.2\n")
    for name in ("lcoms", "sl"):
        write(
            data / f"surrogate/{name}.csv", "epoch,seed,train_rmse,val_mae,gap,alpha\n0,0,.1,.2,.3,1\n0,1,.1,.2,.3,1\n"
        )
    for rule, name, values in (("energy", "a", (2, 100, 1)), ("energy", "b", (4, 300, 3)), ("split", "c", (1, 50, 1))):
        write(results / f"benchmarks/{rule}/{name}.tsv", BENCHMARK.format(*values))
    write_result(data / "optimise/lcoms.json", {"optimise": 1.0, "encode": 1.0})
    return results


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="[\w-]+"><h2>(.*?)</h2>', text)


class Tags(HTMLParser):
    """Names of what is open, and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attrs) -> None:
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def test_all_of_a_run_is_on_the_page(whole: Path) -> None:
    text = run_page(whole, SETTINGS)
    assert sections(text) == SECTIONS
    tags = Tags()
    tags.feed(text)
    assert tags.open == [] and [name for name, times in Counter(tags.ids).items() if times > 1] == []
    assert not re.search(r'(?:src|href)="(?!#|data:)', text), "the page asks for nothing"
    assert (
        text.count("<svg") == 5 + 1 and text.count('class="plot"') == 7
    )  # a figure each, trainings, the data's picture
    assert "SCF did not converge" in text.split("<h2>Failures</h2>")[1].split("</section>")[0]
    assert "<td>energy</td><td class=n>2</td><td class=n>6.0</td><td class=n>3.0</td>" in text


def test_a_page_of_what_there_is(results: Path) -> None:
    assert sections(run_page(results, SETTINGS)) == ["Table 1", "Structures", "Failures"]
    (results / "table1.csv").unlink()
    with pytest.raises(ValueError, match="nothing to report of"):
        run_page(results, SETTINGS)
    write(results / "prototypes/energy_model/metrics.csv", "epoch,train_mae,val_mae\n0,0.3,0.4\n")
    text = run_page(results, SETTINGS)
    assert sections(text) == ["Trainings"] and "no Table 1 yet" in text


def test_structures_of_searches_and_of_failures(tmp_path: Path) -> None:
    settings = TableSettings(["prototypes"], 2, columns=SHOWN, searches=["ras", "pso", "bo"], dft_pso=["MgO"])
    folder = add_searches(make_results(tmp_path))
    write_energy(folder / "prototypes/energies/ras/search/000.jsonl", "MgO", 0, "ras", "search", None)
    rows = collect_rows(folder, settings, FORMULAS)
    write(folder / "table1.csv", csv_text(rows))
    text = run_page(folder, settings)
    drawn = json.loads(text.split("const DATA = ")[1].split(";\n")[0])["cells"]
    assert len(drawn) == len(FORMULAS) + rows.energy.notna().sum()
    assert {cell["group"] for cell in drawn[:1]} == {225}
    assert text.count("data-shows=") == rows.energy.notna().sum()
    assert 'title="SCF did not converge"' in text


def test_a_failed_reference_leaves_the_found_ones(results: Path) -> None:
    (results / "reference/000.jsonl").unlink()
    text = run_page(results, SETTINGS)
    assert text.count("no known structure here") == len(FORMULAS)


def test_rows_are_read_as_they_were_written(results: Path) -> None:
    rows = collect_rows(results, SETTINGS, FORMULAS)
    again = read_rows(results / "table1.csv")
    assert csv_text(again) == csv_text(rows) and list(again.dtypes) == list(rows.dtypes)
    write(results / "table1.csv", "compound,energy\nNaCl,-3\n")
    with pytest.raises(ValueError, match="table1.csv is not readable"):
        read_rows(results / "table1.csv")


def test_costs_and_origins_leave_out_what_a_kill_tore(whole: Path) -> None:
    write(whole / "benchmarks/energy/torn.tsv", "s\th:m:s\n1")
    write(whole / "benchmarks/split/short.tsv", BENCHMARK.format(1, "-", "NA"))
    costs = read_costs(whole).set_index("rule")
    assert costs.loc["energy", ["jobs", "seconds", "longest", "cpu", "memory"]].tolist() == [2, 6, 4, 4, 300]
    assert costs.loc["split", ["jobs", "cpu"]].tolist() == [2, 1]
    save_tensors(whole / "prototypes/latents.safetensors", {}, {})
    write(whole / "prototypes/torn.safetensors", "x")
    write(whole / "prototypes/torn.json", "{")
    found = {file for _, files in read_origins(whole) for file in files}
    assert found == {"prototypes/optimise/lcoms.json", "prototypes/latents.safetensors"}


def test_markdown_is_escaped_and_its_tables_keep_their_cells() -> None:
    text = markdown_html(
        "# A <b>\n\nWords `a<b` and *these*,\nmore.\n\n- one\n- two\n\n| a | n |\n|---|:-:|\n| x & y | 1 |\n"
    )
    assert "<h2>A &lt;b&gt;</h2>" in text and "<p>Words <code>a&lt;b</code> and <em>these</em>, more.</p>" in text
    assert "<ul><li>one</li><li>two</li></ul>" in text and "<td>x &amp; y</td><td class=n>1</td>" in text
    assert markdown_html("![picture](x.png)") == ""


def test_the_command(results: Path) -> None:
    config = json.dumps({"datasets": ["prototypes"], "seeds": 2, "columns": SHOWN_JSON})
    out = results / "report.html"
    forked.stage("report", "--config", config, "--results", results, "--out", out, check=True)
    assert out.read_text(encoding="utf-8") == run_page(results, SETTINGS), "the same run, the same page"


def test_in_a_browser_a_table_sorts_a_cell_turns_and_paper_has_all(whole: Path, tmp_path: Path) -> None:
    write(tmp_path / "report.html", run_page(whole, SETTINGS))
    with browser_page() as (page, complaints):
        page.goto((tmp_path / "report.html").as_uri())
        column = "#table-1 table.sorts >> nth=0 >> tbody td:nth-child(4)"
        before = page.locator(column).all_text_contents()
        head = page.locator("#table-1 table.sorts >> nth=0 >> th button >> nth=3")
        head.click()
        up = [float(text.split()[0]) for text in page.locator(column).all_text_contents()]
        head.click()
        down = [float(text.split()[0]) for text in page.locator(column).all_text_contents()]
        assert up == sorted(up) and down == up[::-1] and len(set(up)) > 1
        assert sorted(before) == sorted(page.locator(column).all_text_contents())
        page.locator("#table-2 th button >> nth=1").click()  # "≈ 31 757" is a number
        assert page.locator("#table-2 td:nth-child(1)").all_text_contents() == ["SL", "LCOMs"]

        page.locator("#NaCl").scroll_into_view_if_needed()
        known, chosen = "#NaCl + .beside canvas >> nth=0", "#NaCl + .beside canvas.chosen"
        page.wait_for_function("document.querySelector('#NaCl + .beside canvas.chosen').cell !== undefined")
        assert colours(page, known) > 0.02 and colours(page, chosen) > 0.02
        pictures = [page.locator(name).screenshot() for name in (known, chosen)]
        box = page.locator(known).bounding_box()
        page.mouse.move(box["x"] + 60, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 120, box["y"] + 100, steps=4)
        page.mouse.up()
        turned = [page.locator(name).screenshot() for name in (known, chosen)]
        assert all(old != new for old, new in zip(pictures, turned, strict=True)), "both turn"
        said = page.locator("#NaCl + .beside .said")
        first, button = said.text_content(), page.locator("#NaCl + .beside button[data-shows] >> nth=-1")
        button.click()
        assert said.text_content() == button.get_attribute("title") != first

        paper = page.pdf()
        assert page.evaluate("[...document.querySelectorAll('canvas')].every(canvas => canvas.cell)"), "drawn for paper"
        assert len(paper) > 20_000
        page.set_viewport_size({"width": 420, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 420, "a telephone scrolls tables, not the page"
    assert complaints == []
