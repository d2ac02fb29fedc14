"""The reference of a compound with several known polymorphs, without GPAW."""

import json
import sys
from pathlib import Path

import pytest

from lcom.dft.gpaw import Energy
from lcom.dft.relax import Relaxation
from lcom.report.judge import load_reference
from lcom.stages import reference

HEADER = "formula,n_atoms,space_group,prototype,a,b,c,alpha,beta,gamma,source\n"
FIRST = "CsCl,2,221,cesium_chloride,4.123,4.123,4.123,90,90,90,x\n"
OTHER = "CsCl,2,225,rocksalt,7.0,7.0,7.0,90,90,90,x\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch):
    """Stage `reference` of CsCl for a table with these rows -> the file. The energy is minus the volume per atom."""

    def relax(crystal, settings, tape, *, symmetric):
        tape.path.parent.mkdir(parents=True, exist_ok=True)
        tape.path.write_text("kept until the end")
        return Relaxation(crystal, frames=[None, None], energy=None, converged=True, seconds=0.0)

    def energy(crystal, settings):
        return Energy(crystal, -crystal.volume / len(crystal), 0.0, 0.0, 1, 1.0)

    monkeypatch.setattr(reference, "relax", relax)
    monkeypatch.setattr(reference, "energy", energy)

    def stage(*rows: str) -> Path:
        table, out = tmp_path / "compounds.csv", tmp_path / "CsCl.json"
        table.write_text(HEADER + "".join(rows))
        line = ["reference", "--compounds", table, "--compound", "CsCl", "--config", "{}", "--out", out]
        monkeypatch.setattr(sys, "argv", list(map(str, [*line, "--state", tmp_path / "state"])))
        reference.main()
        assert not (tmp_path / "state").exists()
        return out

    return stage


def test_one_row_says_what_it_did_and_no_more(run) -> None:
    assert "polymorphs" not in json.loads(run(FIRST).read_text())


def test_every_known_polymorph_is_relaxed_and_the_first_stays_the_first(run) -> None:
    alone = json.loads(run(FIRST).read_text())
    path = run(FIRST, OTHER)
    both = json.loads(path.read_text())
    assert {key: value for key, value in both.items() if key != "polymorphs"} == alone
    assert [known.energy for known in load_reference(path)] == pytest.approx([-(4.123**3) / 2, -(7.0**3) / 8])
