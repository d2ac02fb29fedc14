"""The table of a formula's predictions and their energies by DFT."""

import csv
import io
import re
from pathlib import Path

import pytest

from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.prediction.table import collect, markdown_text
from lcom.report.rows import csv_text
from tests.crystals import KNOWN
from tests.report.test_judge import write_energy


def write_predictions(folder: Path, **relaxed: bool) -> tuple[list[Path], Path]:
    """Three structures of MgO: the second has the lowest energy, the third none."""
    structures, energies = [folder / f"{k}.extxyz" for k in (1, 2, 3)], folder / "MgO.jsonl"
    labels = {"compound": "MgO", "method": "lcoms", "start": "dataset"}
    for rank, energy in enumerate([-4.9, -5.0, None], start=1):
        info = {"predicted_energy": 0.1 * rank, "origin": "look-up", "training_crystals": 7} | relaxed
        candidate = Candidate(KNOWN["MgO"], seed=rank, info=info, **labels)
        if energy is None:
            lost = {"status": "failed", "reason": "only 2 distinct structures were found"}
            candidate = Candidate(
                no_crystal(KNOWN["MgO"].numbers), seed=rank, info={"training_crystals": 7} | relaxed, **labels, **lost
            )
        write_candidate(structures[rank - 1], candidate)
        reason = {} if energy is not None else {"reason": "only 2 distinct structures were found"}
        write_energy(energies, "MgO", rank, "lcoms", "dataset", energy, **reason)
    return structures, energies


def test_predictions_stand_in_order_of_their_energies(tmp_path: Path) -> None:
    rows = collect("MgO", *write_predictions(tmp_path))
    assert list(rows["rank"]) == [2, 1, 3]
    assert list(rows.above_mev[:2]) == pytest.approx([0, 100])
    first, _, last = rows.itertuples()
    assert first.space_group == 225 and first.atoms == len(KNOWN["MgO"]) and first.file.endswith("2.cif")
    assert first.predicted == pytest.approx(0.2)
    assert rows.loc[2, ["energy", "space_group"]].isna().all() and "only 2" in last.failure
    table = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert [line["rank"] for line in table] == ["2", "1", "3"] and table[1]["above_mev"] == "100.000"
    text = markdown_text("MgO", rows)
    assert text.index("-5.0000") < text.index("-4.9000") < text.index("only 2 distinct")
    assert "in the training data: 7." in text and re.search(r"0\.200 +\| look-up", text) and text.count(".cif") == 3


def test_the_table_says_whether_its_structures_are_relaxed(tmp_path: Path) -> None:
    decoded = markdown_text("MgO", collect("MgO", *write_predictions(tmp_path)))
    assert "as it was found" in decoded and "`-relaxed`" in decoded
    for converged in (True, False):
        rows = collect("MgO", *write_predictions(tmp_path, converged=converged))
        assert set(rows.converged) == {converged}
        text = markdown_text("MgO", rows)
        assert text.startswith("# MgO: predicted crystals, relaxed\n") and "`-relaxed`" not in text
        assert text.count("relaxation not converged") == (0 if converged else 2)  # the third has another reason
        assert text.count("only 2 distinct") == 1


def test_a_file_of_another_rank_is_refused(tmp_path: Path) -> None:
    structures, energies = write_predictions(tmp_path)
    first, second, last = energies.read_text().splitlines()
    energies.write_text(f"{second}\n{first}\n{last}\n")
    with pytest.raises(ValueError, match=r"MgO\.jsonl belongs to"):
        collect("MgO", structures, energies)
