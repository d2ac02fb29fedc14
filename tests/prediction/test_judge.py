"""Verdicts on crystals of one's own: numbers, what is left out and why, as JSON and as a table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from rich.console import Console

from lcom.cli import main
from lcom.crystal import Crystal
from lcom.prediction import analogue
from lcom.prediction.analogue import Analogue, View, views
from lcom.prediction.judge import Verdict, judge_files
from lcom.prediction.networks import Trained
from lcom.prediction.rank import Refined, refine
from lcom.prediction.relaxed import Chgnet
from lcom.prediction.terminal import verdict_table
from tests.crystals import KNOWN, supercell

ROOT = Path(__file__).parents[2]
NABR = Crystal([11, 35], [[0, 0, 0], [0.5, 0.5, 0.5]], 2.98 * (1 - np.eye(3)))
HELIUM = Crystal([11, 11, 2], [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]], 4.5 * np.eye(3))


def written(path: Path, *crystals: Crystal) -> Path:
    ase.io.write(path, [crystal.to_atoms() for crystal in crystals])
    return path


def judged(run: Path, path: Path) -> list[Verdict]:
    return list(judge_files([path], str(run), "cpu"))


def test_crystals_of_ones_own_are_judged(run: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "nabr.cif").write_text(NABR.to_cif())
    written(tmp_path / "two.extxyz", NABR, KNOWN["NaCl"])
    (tmp_path / "broken.cif").write_text("data_\nno crystal at all")
    ase.io.write(tmp_path / "molecule.xyz", KNOWN["NaCl"].to_atoms()[:1], format="xyz")
    files = [str(tmp_path / name) for name in ("nabr.cif", "two.extxyz", "broken.cif", "molecule.xyz")]
    assert main(["judge", *files, "--networks", str(run), "--json"]) == 2
    said = capsys.readouterr()
    verdicts = json.loads(said.out)["crystals"]
    assert [bool(verdict["reason"]) for verdict in verdicts] == [False, False, False, True, True]
    first, again, other, *refused = verdicts
    assert first["space_group"] == 225 and first["symbol"] == "Fm-3m" and first["formula"] == "NaBr"
    assert first["energy"] == pytest.approx(again["energy"], abs=1e-4)
    assert first["above_hull"] is not None and first["analogue"]["same_type"] and first["formation_energy"] is not None
    assert other["formula"] == "NaCl" and other["above_hull"] is None  # no chlorine in the data set
    assert all(set(item) == {"file", "reason"} and item["file"] for item in refused)
    assert len(said.err.splitlines()) == 2 and "broken.cif: cannot be read" in said.err and "no crystal" in said.err
    assert main(["judge", files[0], "--networks", str(run)]) == 0
    assert "225" in capsys.readouterr().out


def test_the_schema_of_the_json_is_stable_and_its_numbers_are_rounded(run: Path, tmp_path: Path, capsys) -> None:
    assert main(["judge", str(written(tmp_path / "a.extxyz", NABR)), "--networks", str(run), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert set(values) == {"schema", "crystals"} and values["schema"] == 2
    (crystal,) = values["crystals"]
    assert set(crystal) == {
        "file", "reason", "warning", "formula", "atoms", "space_group", "symbol", "lattice", "volume_per_atom", "energy", "above_hull",
        "formation_energy", "surrogate_energy", "surrogate_spread", "distance", "analogue",
    }  # fmt: skip
    assert list(crystal["lattice"]) == ["a", "b", "c", "alpha", "beta", "gamma"]
    assert crystal["lattice"]["a"] == pytest.approx(2.98 * 2**0.5, abs=1e-4) and crystal["lattice"]["alpha"] == 60
    numbers = [value for value in [*crystal.values(), *crystal["lattice"].values()] if isinstance(value, float)]
    assert len(numbers) > 8 and all(len(str(number).split(".")[1]) <= 5 for number in numbers)


def test_networks_say_nothing_of_elements_that_they_have_not_seen(run: Path, tmp_path: Path, capsys) -> None:
    helium, salt = judged(run, written(tmp_path / "a.extxyz", HELIUM, NABR))
    assert helium.warning == "no training crystal has He: the networks know nothing of it"
    values = helium.values()
    made = ("formation_energy", "surrogate_energy", "surrogate_spread", "distance", "analogue", "above_hull")
    assert [values[name] for name in made] == [None] * len(made) and np.isfinite(values["energy"])
    assert salt.view is not None and "no training crystal" not in salt.warning
    assert main(["judge", str(tmp_path / "a.extxyz"), "--networks", str(run)]) == 0
    assert f"a.extxyz:1: {helium.warning}" in " ".join(capsys.readouterr().out.split())


def test_nothing_is_said_beside_the_verdicts(run: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.extxyz", HELIUM)
    command = [sys.executable, "-m", "lcom", "judge", str(path), "--networks", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == ""


def test_what_is_far_from_the_training_data_is_said(run: Path, tmp_path: Path, monkeypatch) -> None:
    path = written(tmp_path / "a.extxyz", NABR)
    monkeypatch.setattr(analogue, "views", lambda *_: [View(0.0, None, 1.234, -1.0, None)])
    (verdict,) = judged(run, path)
    assert (
        verdict.warning == "far from the training data (1.23 of the usual distance): what the networks say is a guess"
    )
    monkeypatch.setattr(analogue, "views", lambda *_: [View(0.0, None, 1.0, -1.0, None)])
    assert judged(run, path)[0].warning == ""


def test_what_is_no_crystal_is_one_line_and_costs_no_other(run: Path, tmp_path: Path, capsys) -> None:
    over = Crystal(NABR.numbers, [[0, 0, 0], [0, 0, 0]], NABR.lattice)
    path = written(tmp_path / "a.extxyz", over, NABR)
    assert main(["judge", str(path), "--networks", str(run)]) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith(f"error: {path}:1: has atoms on top of each other: ") and f"{path.name}:2" in said.out


def test_a_supercell_has_the_energy_of_its_primitive_cell(run: Path, tmp_path: Path) -> None:
    """13 824 atoms as they are would need more memory than machines have."""
    one, many = judged(run, written(tmp_path / "a.extxyz", NABR, supercell(NABR, 24 * (1 - 2 * np.eye(3)) / 2)))
    assert many.energy == pytest.approx(one.energy, abs=1e-4) and len(many.refined.crystal) == 2


def test_chgnet_sees_the_crystal_as_it_is_and_the_networks_see_it_symmetrised(
    run: Path, tmp_path: Path, monkeypatch
) -> None:
    seen, energies = [], Chgnet.energies
    monkeypatch.setattr(Chgnet, "energies", lambda self, crystals: seen.append(crystals[0]) or energies(self, crystals))
    moved = Crystal(NABR.numbers, NABR.frac_coords + [[0, 0, 0], [0.003, 0.003, 0.003]], NABR.lattice)
    (verdict,) = judged(run, written(tmp_path / "a.extxyz", moved))
    nearest = [crystal.to_structure().distance_matrix[0, 1] for crystal in (moved, seen[0], verdict.refined.crystal)]
    assert verdict.refined.space_group == 225
    assert nearest[0] == pytest.approx(nearest[1], abs=1e-5) and nearest[2] == pytest.approx(2.98, abs=1e-5)


def test_large_cells_are_not_compared_with_small_ones(run: Path, monkeypatch) -> None:
    """StructureMatcher takes minutes to reduce a disordered cell of 1 728 atoms."""
    trained = Trained.load(run, "cpu")
    refined = refine(NABR)
    assert views(trained, [refined])[0].analogue.same_type

    def refuse():
        raise AssertionError("asked")

    monkeypatch.setattr(analogue, "_matcher", refuse)
    large = Refined(supercell(NABR, np.diag([2, 2, 2])), refined.space_group, refined.symbol, refined.free)
    assert not views(trained, [large])[0].analogue.same_type


def test_numbers_are_never_cut_at_80_columns() -> None:
    refined = replace(refine(NABR), space_group=194, symbol="P6_3/mmc")
    view = View(-1.0, None, 1.29, -12.345, Analogue("embedded/long-name-of-a-crystal-0", "NaBr", 225, False))
    verdicts = [
        Verdict("folder/with/a_long_name_of_a_crystal.cif:12", "Ca10P6(HO13)2", refined, -79.8533, -10.123, view, ""),
        Verdict("b.cif", "U", refined, -6.1234, None, None, "[no] training crystal"),
    ]
    console = Console(width=80, record=True)
    console.print(verdict_table(verdicts))
    text = console.export_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    for number in ("-79.8533", "-10.123", "-12.345", "1.29", "194 P6_3/mmc", "-6.1234"):
        assert re.search(rf"(^|\s){re.escape(number)}(\s|$)", text), text
    assert "b.cif: [no] training crystal" in text
