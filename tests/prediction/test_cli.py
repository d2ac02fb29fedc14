"""The command `lcom` on a run of tiny networks: its tables, files and errors."""

import csv
import json
import os
import re
import socket
import subprocess
import sys
import typing
from itertools import islice
from pathlib import Path

import ase.io
import numpy as np
import pytest
from pymatgen.core import Composition, Structure
from pymatgen.io.vasp import Poscar
from typer.testing import CliRunner

import lcom
from lcom.cli import app, main
from lcom.crystal import Crystal
from lcom.prediction.files import COLUMNS, KINDS
from lcom.prediction.predict import answers, predict
from lcom.prediction.rank import refine
from lcom.prediction.search import ELEMENTS_ALONE, FORMATION, TARGETS
from lcom.surrogate.settings import SurrogateSettings
from tests.prediction.tiny_run import write_run

ROOT = Path(__file__).parents[2]
ASKED = ["XeF2", "NaBr", "Fe0.5Ni0.5", "IK"]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_, **__):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture(scope="module")
def made(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, str]:
    """Folder, JSON and messages of one call with good and bad formulas, one of them three times."""
    out = tmp_path_factory.mktemp("out")
    result = CliRunner().invoke(
        app,
        [
            "predict",
            *ASKED,
            "BrNa",
            "NaBr",
            "--networks",
            str(run),
            "--out",
            str(out),
            "--keep",
            "3",
            "--json",
        ],
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return out, json.loads(result.stdout), result.stderr


def test_every_file_of_a_prediction_can_be_read_again(made) -> None:
    out, values, _ = made
    for formula in ("NaBr", "KI"):
        crystals = next(entry["crystals"] for entry in values["formulas"] if entry["formula"] == formula)
        assert 1 <= len(crystals) <= 3 and [c["rank"] for c in crystals] == list(range(1, len(crystals) + 1))
        for crystal in crystals:
            cif, extxyz, poscar = (out / crystal["files"][kind] for kind in KINDS)
            structures = [Structure.from_file(cif), Poscar.from_file(poscar).structure]
            structures.append(Crystal.from_atoms(ase.io.read(extxyz)).to_structure())
            for structure in structures:
                assert structure.composition.reduced_formula == formula
                assert refine(Crystal.from_structure(structure)).space_group == crystal["space_group"]
                assert structure.volume / len(structure) == pytest.approx(crystal["volume_per_atom"], rel=1e-3)
            assert len(structures[1]) == crystal["atoms"] == 2 * crystal["formula_units"]
            assert ase.io.read(cif).get_chemical_formula(empirical=True) == ase.io.read(poscar).get_chemical_formula(
                empirical=True
            )


def test_energies_rise_with_the_rank_and_the_table_has_what_the_json_has(made) -> None:
    out, values, _ = made
    rows = list(csv.DictReader((out / "ranking.csv").open(encoding="utf-8")))
    listed = [(entry["formula"], crystal) for entry in values["formulas"] for crystal in entry["crystals"]]
    assert list(rows[0]) == list(COLUMNS) and len(rows) == len(listed)
    for row, (formula, crystal) in zip(rows, listed, strict=True):
        assert (
            row["formula"] == formula
            and float(row["energy"]) == crystal["energy"]
            and row["cif"] == crystal["files"]["cif"]
        )
        assert float(row["a"]) == crystal["lattice"]["a"] and row["analogue"] == crystal["analogue"]["id"]
        known = formula == "KI"  # NaBr is not in the data, nor another compound of its elements
        assert ("has learned from crystals of this composition (3 of them)" in crystal["energy_is"]) == known
        assert crystal["above_hull_by"] == "the energy model" + ("" if known else ELEMENTS_ALONE)
        assert row["converged"] == ""
    for entry in values["formulas"]:
        energies = [crystal["energy"] for crystal in entry["crystals"]]
        assert energies == sorted(energies)


def test_what_is_impossible_is_said_beside_what_is_found(made) -> None:
    _, values, messages = made
    entries = {entry["asked"]: entry for entry in values["formulas"]}
    assert [entry["asked"] for entry in values["formulas"]] == ASKED
    assert entries["IK"]["formula"] == "KI" and entries["IK"]["reason"] == ""
    assert "no training crystal has" in entries["XeF2"]["reason"] and entries["XeF2"]["formula"] == "XeF2"
    assert entries["Fe0.5Ni0.5"]["formula"] is None and "FeNi" in entries["Fe0.5Ni0.5"]["reason"]
    assert [line[:7] for line in messages.strip().splitlines()] == ["error: "] * 2


def test_the_schema_of_the_json_is_stable(made) -> None:
    _, values, _ = made
    assert values["schema"] == 2 and set(values) == {"schema", "networks", "seed", "relax", "formulas"}
    entry = next(entry for entry in values["formulas"] if entry["crystals"])
    assert set(entry) == {"asked", "formula", "note", "reason", "crystals"}
    crystal = entry["crystals"][0]
    assert set(crystal) == {
        "rank", "energy", "energy_is", "order", "origin", "energy_spread", "above_hull", "above_hull_by", "space_group", "symbol",
        "free_parameters", "formula_units", "atoms", "volume_per_atom", "lattice", "distance", "analogue", "converged", "warning", "files",
    }  # fmt: skip
    assert set(crystal["lattice"]) == {"a", "b", "c", "alpha", "beta", "gamma"} and set(crystal["files"]) == set(KINDS)
    assert set(crystal["analogue"]) == {"id", "formula", "space_group", "same_type"}


def test_the_page_stands_alone(made) -> None:
    out, values, _ = made
    page = (out / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|@import|fetch\(|{{", page)
    data = json.loads(re.search(r"const DATA = (.*);", page)[1])
    count = sum(len(entry["crystals"]) for entry in values["formulas"])
    assert len(data["cells"]) == page.count("<canvas") == count
    assert re.findall('<section id="(.*?)"', page) == ["NaBr", "KI"]
    for link in re.findall(r'href="([^"#]*/[^"]*)"', page):
        assert (out / link).is_file()
    for cell in data["cells"]:
        assert {atom[0] for atom in cell["atoms"]} <= {int(z) for z in data["elements"]}
    assert "Fe0.5Ni0.5" in page and "Without an answer" in page


def test_a_seed_gives_the_same_bytes_again_and_stale_files_go(run: Path, tmp_path: Path, capsys) -> None:
    def made(folder: str, *more: str) -> dict[str, bytes]:
        assert (
            main(["predict", "NaBr", "--units", "1", "--networks", str(run), "--out", str(tmp_path / folder), *more])
            == 0
        )
        files = sorted(path for path in (tmp_path / folder).rglob("*") if path.is_file())
        return {str(path.relative_to(tmp_path / folder)): path.read_bytes() for path in files}

    first = made("a", "--keep", "3")
    assert "NaBr" in capsys.readouterr().out
    assert made("b", "--keep", "3") == first
    assert made("b", "--keep", "3", "--seed", "1") != first
    assert set(made("a", "--keep", "1")) == {"index.html", "ranking.csv", *(f"NaBr/1.{kind}" for kind in KINDS)}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["predict", "hello world", "--networks", "RUN"], "hello world"),
        (["predict", "NaBr3", "--networks", "RUN"], "proportions, AB3; they have A, AB\\."),
        (["predict", "NaBr", "--networks", "RUN", "--atoms", "7"], "has 7 atoms.*with 2: ask"),
        (["predict", "NaBr", "--networks", "RUN", "--atoms", "two"], "--atoms: whole numbers .* got 'two'"),
        (["predict", "NaBr", "--networks", "RUN", "--atoms", "2", "--units", "1"], "not by both"),
        (["predict", "NaBr", "--networks", "RUN", "--units", "0"], "whole numbers from 1 on"),
        (["predict", "NaBr", "--networks", "RUN", "--relax", "magic"], "none or chgnet"),
        (["predict", "NaBr", "--networks", "RUN", "--space-group", "231"], "231|230"),
        (["predict", "NaBr", "--networks", "RUN", "--keep", "0"], "keep"),
        (["predict", "NaBr", "--networks", "nothere"], "nothere is no folder"),
        (["predict", "NaBr", "--networks", "RUN", "--out", "/proc/x"], "/proc/x is no folder that can be written to"),
        (["predict"], "[Mm]issing"),
        (["predict", "NaBr", "--colour", "red"], "colour"),
        (["judge", "nothere.cif", "--networks", "RUN"], "nothere.cif: no such file"),
        (["data", "nothing"], "'nothing' is neither a file nor a data set: shipped .*results/ has no data set"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, run: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(run) if argument == "RUN" else argument for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and re.search(says, said.err), said.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_calculated(
    run: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr("lcom.prediction.predict.answers", lambda *_: pytest.fail("calculated"))
    (tmp_path / "afile").write_text("mine")
    for out, why in (("afile", "File exists"), ("afile/x", "Not a directory")):
        assert main(["predict", "NaBr", "--networks", str(run), "--out", str(tmp_path / out)]) == 2
        assert f"{out} is no folder that can be written to: {why}" in capsys.readouterr().err


def test_what_is_found_is_written_as_it_comes(run: Path, tmp_path: Path, monkeypatch) -> None:
    def interrupted(*asked):
        yield from islice(answers(*asked), 1)
        raise ValueError("the power went")

    monkeypatch.setattr("lcom.prediction.predict.answers", interrupted)
    assert main(["predict", "NaBr", "KI", "--keep", "1", "--networks", str(run), "--out", str(tmp_path)]) == 2
    assert (tmp_path / "NaBr/1.cif").is_file() and not (tmp_path / "KI").exists()


@pytest.mark.parametrize(
    "arguments", [["data", "shipped"], ["predict", "NaBr", "--json"], ["predict", "XeF2", "--json"]]
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_output_that_cannot_be_written_is_one_line(arguments: list[str], run: Path, tmp_path: Path) -> None:
    networks = ["--networks", str(run)] if arguments[0] == "predict" else []
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "lcom", *arguments, *networks]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == "error: No space left on device", done.stderr
    assert len(done.stderr.splitlines()) == 1 + ("XeF2" in arguments)  # what is wrong with the formula, too


def test_a_reader_that_has_seen_enough_is_no_error(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lcom", "predict", "XeF2", "--json", "--networks", str(run)]
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    os.close(writer)
    assert [line[:12] for line in done.stderr.splitlines()] == ["error: XeF2:"]


def test_a_device_that_is_none_is_one_line(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "NaBr", "--device", "tpu", "--networks", str(run)]) == 2
    assert capsys.readouterr().err == "error: device: auto, cpu or cuda, got 'tpu'\n"


def test_relax_is_taken_in_capitals(run: Path, capsys) -> None:
    assert main(["predict", "XeF2", "--relax", "CHGNet", "--json", "--networks", str(run)]) == 2
    assert json.loads(capsys.readouterr().out)["relax"] == "chgnet"


def test_an_impossible_formula_is_answered_without_torch(run: Path, tmp_path: Path) -> None:
    code = "import sys; from lcom.cli import main; status = main(sys.argv[1:]); print(status, 'torch' in sys.modules)"
    command = [sys.executable, "-c", code, "predict", "XeF2", "--networks", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["2", "False"] and "has Xe, F" in done.stderr


def test_it_is_a_command(run: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lcom",
        "predict",
        "nabr",
        "--networks",
        str(run),
        "--out",
        str(tmp_path),
        "--keep",
        "1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "NaBr (read as NaBr)" in done.stdout and (tmp_path / "NaBr" / "1.cif").is_file()
    assert subprocess.run([sys.executable, "-m", "lcom", "--help"], capture_output=True, cwd=ROOT, check=True).stdout


def test_the_options_say_what_they_take() -> None:
    text = CliRunner().invoke(app, ["predict", "--help"], terminal_width=200).stdout
    for option in (
        "--out",
        "--keep",
        "--units",
        "--atoms",
        "--relax",
        "--space-group",
        "--networks",
        "--device",
        "--seed",
        "--json",
    ):
        assert option in text
    assert "1,2,3,4" in text and "6" in text and "chgnet" in text


# ---- Python


def test_python_gives_structures_atoms_and_energies(run: Path) -> None:
    crystals = predict("NaBr", networks=run, keep=2)
    assert lcom.predict is predict
    for crystal in crystals:
        assert crystal.structure.composition.reduced_formula == crystal.formula == "NaBr"
        assert crystal.atoms.get_chemical_formula(empirical=True) == "BrNa"
        assert isinstance(crystal.energy, float) and crystal.spread is None and crystal.converged is None
        assert crystal.energy == pytest.approx(crystal.view.formation_energy, abs=0.02)  # of the symmetrised crystal
    with pytest.raises(ValueError, match="has Xe"):
        predict("XeF2", networks=run)
    with pytest.raises(ValueError, match="keep: a whole number, at least 1"):
        predict("NaBr", networks=run, keep=0)
    with pytest.raises(ValueError, match="alike: a fraction from 0 to 1, got -0.1"):
        predict("NaBr", networks=run, alike=-0.1)


def test_a_composition_of_pymatgen_is_a_formula(run: Path) -> None:
    (crystal,) = predict(Composition("NaBr"), networks=run, keep=1, units=[1], search=0)
    assert crystal.formula == "NaBr"
    with pytest.raises(ValueError, match="fractions of atoms"):
        predict(Composition("Na0.5K0.5Br"), networks=run)


def test_a_seed_may_be_a_number_of_numpy(run: Path) -> None:
    one, other = (predict("NaBr", networks=run, seed=seed, starts=2) for seed in (3, np.int64(3)))
    assert [crystal.energy for crystal in one] == [crystal.energy for crystal in other]


def test_what_is_looked_up_stands_beside_what_the_networks_find(run: Path) -> None:
    """The lowest crystals of compositions alike, as they are, by the energies of the same networks."""
    with_both = predict("NaBr", networks=run, keep=40, units=[1], search=0)
    assert {crystal.origin for crystal in with_both} >= {"descent", "look-up"}
    assert [crystal.energy for crystal in with_both] == sorted(crystal.energy for crystal in with_both)
    looked_up = [crystal for crystal in with_both if crystal.origin == "look-up"]
    assert all(crystal.analogue and crystal.analogue.same_type for crystal in looked_up)
    assert (
        len({crystal.space_group for crystal in looked_up}) == len(looked_up) == 1
    )  # rocksalt is the lowest of all nine pairs
    assert {crystal.origin for crystal in predict("NaBr", networks=run, look_up=0, search=0)} == {"descent"}


def test_only_the_space_group_that_is_asked_for(run: Path) -> None:
    found = {crystal.space_group for crystal in predict("NaBr", networks=run, keep=20)}
    one = min(found)
    assert {crystal.space_group for crystal in predict("NaBr", networks=run, space_group=one)} == {one}
    missing = next(group for group in range(230, 0, -1) if group not in found)
    with pytest.raises(ValueError, match=f"nothing with space group {missing} came out; what did has"):
        predict("NaBr", networks=run, space_group=missing)


def test_a_number_that_would_mean_nothing_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path, seeds=1, energy_model=False)
    (best, *_) = predict("NaBr", networks=folder, keep=1)
    assert best.above_hull is None and best.hull_by == "" and best.spread is None
    assert "formation energy" not in best.energy_is


def test_the_ranking_is_by_the_energy_model_where_there_is_one_and_says_how_far_off_it_is(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "with", seeds=2)
    crystals = predict("NaBr", networks=folder)
    assert {crystal.energy_is for crystal in crystals} == {FORMATION}
    (folder / "energy_model/metrics.csv").write_text("epoch,val_mae\n0,0.9\n1,0.254\n")
    assert predict("NaBr", networks=folder, keep=1)[0].energy_is.startswith(
        f"{FORMATION}, which is 0.25 off on average"
    )
    without = write_run(tmp_path / "without", seeds=2, energy_model=False)
    best = predict("NaBr", networks=without, keep=1)[0]
    assert best.energy_is in TARGETS.values() and best.spread == best.view.spread > 0


def test_what_a_surrogate_predicts_has_words() -> None:
    assert set(TARGETS) == set(typing.get_args(typing.get_type_hints(SurrogateSettings)["target"]))


# ---- CHGNet


def test_relaxed_crystals_stand_in_order_of_their_energies_above_one_hull(run: Path) -> None:
    crystals = predict("NaBr", networks=run, relax="chgnet", keep=2, units=[1])
    energies = [crystal.energy for crystal in crystals]
    assert energies == sorted(energies) and all(-20 < energy < -1 for energy in energies)
    assert all("CHGNet" in crystal.energy_is and crystal.hull_by for crystal in crystals)
    gaps = [b.above_hull - a.above_hull for a, b in zip(crystals, crystals[1:], strict=False)]
    assert gaps == pytest.approx([b - a for a, b in zip(energies, energies[1:], strict=False)])


# ---- data sets


def test_the_card_of_a_data_set(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    assert main(["data", str(run / "crystals.parquet")]) == 0
    assert "crystals of" in (text := capsys.readouterr().out) and "NaI" not in text and "Br" in text
    (tmp_path / "results" / "mine").mkdir(parents=True)
    (tmp_path / "results" / "mine" / "data_report.md").write_text("# Data set mine\n\nall of it\n\n![what](x.png)\n")
    monkeypatch.chdir(tmp_path)
    assert main(["data", "mine"]) == 0 and capsys.readouterr().out == "# Data set mine\n\nall of it\n"
    assert main(["data", "other"]) == 2
    assert "shipped and prototypes come with lcom, results/ has mine" in capsys.readouterr().err
    assert main(["data", "prototypes"]) == 0 and "4066 crystals" in capsys.readouterr().out  # from any folder
    assert main(["data", str(ROOT / "data" / "prototypes.jsonl.gz")]) == 0
    assert "4066 crystals" in capsys.readouterr().out
