"""The references of compounds with several known polymorphs, without GPAW."""

import json
import sys
from pathlib import Path

import pytest

import lcom.dft.energies as energies
import lcom.dft.relaxations as relaxations
from lcom.dft.gpaw import Energy
from lcom.dft.relax import Relaxation
from lcom.physical import reduced_cell
from lcom.report.judge import load_references
from lcom.stages import reference

HEADER = "formula,n_atoms,space_group,prototype,a,b,c,alpha,beta,gamma,source\n"
FIRST = "CsCl,2,221,cesium_chloride,4.123,4.123,4.123,90,90,90,x\n"
OTHER = "CsCl,2,225,rocksalt,7.0,7.0,7.0,90,90,90,x\n"
NACL = "NaCl,2,225,rocksalt,5.64,5.64,5.64,90,90,90,x\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch):
    """Stage `reference` for a table with these rows -> the file. The energy is minus the volume per atom."""

    def relax(crystal, settings, tape, *, symmetric):
        tape.path.parent.mkdir(parents=True, exist_ok=True)
        tape.path.write_text("kept")
        return Relaxation(crystal, frames=[None, None], energy=None, converged=True, seconds=0.0)

    def energy(crystal, settings):
        return Energy(reduced_cell(crystal), -crystal.volume / len(crystal), 0.0, 0.0, 1, 1.0)

    monkeypatch.setattr(relaxations, "relax", relax)
    monkeypatch.setattr(energies, "energy", energy)

    def stage(*rows: str) -> Path:
        table, out = tmp_path / "compounds.csv", tmp_path / "000.jsonl"
        table.write_text(HEADER + "".join(rows))
        only = dict.fromkeys(row.split(",")[0] for row in rows)
        line = ["reference", "--compounds", table, "--only", *only, "--config", "{}", "--out", out]
        monkeypatch.setattr(sys, "argv", list(map(str, [*line, "--cache", tmp_path / "cache", "--energy-code", "a"])))
        reference.main()
        assert len(list((tmp_path / "cache/relaxations").rglob("*.records"))) == len(rows)
        return out

    return stage


def test_one_row_says_what_it_did_and_no_more(run) -> None:
    assert "polymorphs" not in json.loads(run(FIRST).read_text())


def test_every_known_polymorph_is_relaxed_and_the_first_stays_the_first(run) -> None:
    alone = json.loads(run(FIRST).read_text())
    path = run(FIRST, OTHER, NACL)
    both, salt = map(json.loads, path.read_text().splitlines())
    assert {key: value for key, value in both.items() if key != "polymorphs"} == alone
    assert salt["compound"] == "NaCl" and "polymorphs" not in salt
    volumes = {"CsCl": [4.123**3 / 2, 7.0**3 / 8], "NaCl": [5.64**3 / 8]}
    known = load_references(path)
    assert {name: [-p.energy for p in found] for name, found in known.items()} == {
        name: pytest.approx(values) for name, values in volumes.items()
    }
