"""Several data sets as one: names, levels of theory, and what is there twice."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lcom.base.settings import SettingsError, parse_settings
from lcom.config import Config, DataSection
from lcom.crystal import Crystal
from lcom.data.pack import pack_rows
from lcom.data.packed import Dataset
from lcom.data.settings import CleanSettings
from lcom.data.sources.clean import clean
from lcom.data.sources.entries import Entry
from lcom.data.sources.report import markdown
from lcom.data.sources.union import unite
from lcom.data.table import Crystals, read_crystals
from tests.crystals import KNOWN


def _set(folder: Path, name: str, entries: list[tuple[str, Crystal, float]], level: str = "") -> Path:
    out = folder / f"{name}.parquet"
    rows = (Entry(id, crystal, energy, "test") for id, crystal, energy in entries)
    clean(rows, CleanSettings(), 1, out, folder / f"{name}.csv", name, level)
    return out


def _united(folder: Path, **tables: Path) -> tuple[Crystals, list[list[str]]]:
    losses = unite(tables, 1, folder / "all.parquet", folder / "all.csv")
    crystals = read_crystals(folder / "all.parquet")
    with (folder / "all.csv").open(newline="", encoding="utf-8") as file:
        lost = list(csv.reader(file))
    assert losses.read == len(crystals) + len(lost) and losses.kept == len(crystals)
    text = markdown("all", crystals, losses, folder / "all.csv")
    assert "| levels of theory | " in text
    return crystals, lost


def test_names_and_levels_stay(tmp_path: Path) -> None:
    one = _set(tmp_path, "mine", [("a", KNOWN["NaCl"], -2.0), ("b", KNOWN["ZnO"], -1.8)])
    two = _set(tmp_path, "mp", [("a", KNOWN["NaCl"], -2.001), ("c", KNOWN["KCl"], -2.2)])
    crystals, lost = _united(tmp_path, mine=one, mp=two)
    assert crystals.ids.tolist() == ["mine/a", "mine/b", "mp/a", "mp/c"] and not lost
    assert crystals.levels.tolist() == ["mine", "mine", "mp", "mp"]
    assert crystals.comparable[0] != crystals.comparable[2]  # the same crystal, by two theories: both stay


def test_what_two_sets_of_one_level_have_is_there_once(tmp_path: Path) -> None:
    one = _set(tmp_path, "mp20", [("a", KNOWN["NaCl"], -2.0), ("b", KNOWN["ZnO"], -1.8)], "MP")
    two = _set(tmp_path, "mpts", [("a", KNOWN["NaCl"], -2.001), ("c", KNOWN["KCl"], -2.2)], "MP")
    other = _set(tmp_path, "other", [("a", KNOWN["NaCl"], -2.5)])
    crystals, lost = _united(tmp_path, mp20=one, other=other, mpts=two)
    assert crystals.ids.tolist() == ["mp20/b", "other/a", "mpts/a", "mpts/c"]
    assert [line[:2] for line in lost] == [["mp20/a", "duplicate"]]


def test_levels_reach_the_packed_data_and_formation_energies_are_of_the_first(tmp_path: Path) -> None:
    one = _set(tmp_path, "mine", [("a", KNOWN["NaCl"], -2.0), ("b", KNOWN["ZnO"], -1.8)])
    two = _set(tmp_path, "mp", [("a", KNOWN["NaCl"], -2.5)])
    crystals, _ = _united(tmp_path, mine=one, mp=two)
    pack_rows(crystals, np.array([2, 1]), np.zeros(3), list(dict.fromkeys(crystals.levels))).save(
        tmp_path / "a.safetensors"
    )
    data = Dataset.load(tmp_path / "a.safetensors")
    assert data.ids == ["mp/a", "mine/b"] and [data.levels[k] for k in data.level] == ["mp", "mine"]
    first = data.of_first_level()
    assert first.ids == ["mine/b"] and first.formation_energy.tolist() == pytest.approx([-1.8])
    assert first.batch.numbers.tolist() == [*data.batch.numbers.tolist()[2:]]


def test_a_union_is_of_sets_that_are_there() -> None:
    mine = {"kind": "own", "file": "mine.csv", "energy": "e"}
    sources = {"mine": mine, "all": {"kind": "union", "of": ["mine"]}}
    assert parse_settings(DataSection, sources).sources["all"].of == ["mine"]
    for of in (["nowhere"], ["all"]):
        with pytest.raises(SettingsError, match=rf"all.of: {of[0]}: a union is of data sets that are none"):
            parse_settings(DataSection, {"mine": mine, "all": {"kind": "union", "of": of}})
    with pytest.raises(SettingsError, match="kind union needs `of`"):
        parse_settings(DataSection, {"all": {"kind": "union"}})
    with pytest.raises(SettingsError, match="has no use for file"):
        parse_settings(DataSection, {"all": {"kind": "union", "of": ["mine"], "file": "x"}})
    assert not Config().data.sources["prototypes"].of
