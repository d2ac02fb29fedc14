"""From rows to a data set: cells, sizes, repeated crystals, limits; nothing is lost in silence, nothing outside becomes a path."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lcom.base.parallel import ordered_map
from lcom.base.settings import parse_settings
from lcom.compounds import PROTOTYPES
from lcom.crystal import Crystal
from lcom.data.settings import CleanSettings
from lcom.data.sources.clean import Losses, clean
from lcom.data.sources.entries import DISORDERED, NO_ENERGY, UNREADABLE, Entry, Rejected
from lcom.data.sources.repeated import SAME_ENERGY, SAME_VOLUME
from lcom.data.sources.report import markdown, plot
from lcom.data.sources.settings import SourceSettings
from lcom.data.table import Crystals, read_crystals
from lcom.matching import NARROW, match_rmse
from tests.crystals import KNOWN, rotation, supercell


def _run(folder: Path, entries: list, workers: int = 1, **settings) -> tuple[Crystals, Losses, list[list[str]]]:
    out, rejected = folder / "crystals.parquet", folder / "rejected.csv"
    losses = clean(iter(entries), CleanSettings(**settings), workers, out, rejected, "mine")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    with rejected.open(newline="", encoding="utf-8") as file:
        lost = list(csv.reader(file))
    assert losses.read == len(entries) == losses.kept + len(lost)
    assert sum(losses.dropped.values()) == len(lost)
    return read_crystals(out), losses, lost


def _entry(id: str, crystal: Crystal, energy: float = -1.0) -> Entry:
    return Entry(id, crystal, energy, "test")


def _spaced(n: int, seed: int = 0) -> Crystal:
    """n atoms of Na and Cl on some of the 216 points of a grid of 1.4 Å, with no symmetry."""
    rng = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(*[np.arange(6)] * 3), -1).reshape(-1, 3) / 6
    return Crystal(rng.choice([11, 17], n), rng.permutation(points)[:n], np.diag([8.4, 8.54, 8.73]))


def test_cells_become_primitive_and_canonical(tmp_path: Path) -> None:
    turned = Crystal(KNOWN["ZnO"].numbers, KNOWN["ZnO"].frac_coords, KNOWN["ZnO"].lattice @ rotation(2).T)
    entries = [
        _entry("a", PROTOTYPES["rocksalt"].build([11, 17], [5.6, 5.6, 5.6, 90, 90, 90])),
        _entry("b", supercell(turned, np.array([[2, 0, 0], [1, 1, 0], [0, 0, 1]])), -1.5),
    ]
    crystals, _, _ = _run(tmp_path, entries)
    assert crystals.ids.tolist() == ["a", "b"] and crystals.formulas.tolist() == ["NaCl", "ZnO"]
    assert crystals.n_atoms.tolist() == [2, 4] and crystals.formation_energy.tolist() == [-1.0, -1.5]
    for i, known in enumerate(("NaCl", "ZnO")):
        assert match_rmse(KNOWN[known], crystals.crystal(i)) < 1e-3
        np.testing.assert_allclose(crystals.crystal(i).lattice, crystals.crystal(i).canonical().lattice, atol=1e-6)


def test_what_does_not_belong_is_dropped_and_named(tmp_path: Path) -> None:
    close = Crystal([11, 17], [[0, 0, 0], [0.1, 0, 0]], np.eye(3) * 4)
    entries = [
        _entry("good", KNOWN["NaCl"]),
        _entry("large", _spaced(21)),
        _entry("huge", _spaced(200)),
        _entry("conventional", PROTOTYPES["diamond"].build([14], [5.43] * 3 + [90] * 3)),  # 8 atoms, primitive 2
        _entry("close", close),
        _entry("flat", Crystal([11], [[0, 0, 0]], [[3, 0, 0], [0, 3, 0], [3, 3, 1e-9]])),
        _entry("heavy", Crystal([104], [[0, 0, 0]], np.eye(3) * 4)),
        Rejected("mixed", DISORDERED, "Na at 0.5"),
    ]
    crystals, losses, lost = _run(tmp_path, entries, max_atoms=8)
    assert set(crystals.ids) == {"good", "conventional"}
    assert {line[0]: line[1] for line in lost} == {
        "large": "too large", "huge": "too large", "close": "atoms too close", "flat": "atoms too close",
        "heavy": "unknown element", "mixed": "disordered",
    }  # fmt: skip
    assert "Na-Cl at 0.40 Å" in next(line[2] for line in lost if line[0] == "close")
    text = markdown("mine", crystals, losses, tmp_path / "rejected.csv")
    assert "| rows read | 8 |" in text and "| too large | 2 | large: 21 atoms" in text
    for name in ("a.png", "b.png"):
        plot("mine", crystals, losses, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_of_one_crystal_the_lowest_is_kept(tmp_path: Path) -> None:
    """The same crystal in another cell, a hair different; other polymorphs and other energies stay."""
    rocksalt, other = KNOWN["NaCl"], supercell(KNOWN["NaCl"], np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]]))
    nearly = Crystal(other.numbers, other.frac_coords, other.lattice * 1.001)
    zincblende = PROTOTYPES["zincblende"].build(
        [11, 17], [5.65] * 3 + [90] * 3
    )  # of nearly the same volume, in energy too
    zincblende = Crystal(
        zincblende.numbers, zincblende.frac_coords, zincblende.lattice * (rocksalt.volume * 4 / zincblende.volume) ** (1 / 3)
    )  # fmt: skip
    entries = [
        _entry("high", rocksalt, -1.000),
        _entry("low", nearly, -1.003),
        _entry("polymorph", zincblende, -1.001),
        _entry("other energy", rocksalt, -0.9),
        _entry("other volume", Crystal(rocksalt.numbers, rocksalt.frac_coords, rocksalt.lattice * 1.05), -1.002),
        _entry("other compound", KNOWN["KCl"], -1.0),
    ]
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        crystals, _, lost = _run(folder, entries, workers)
        assert [line[:2] for line in lost] == [["high", "duplicate"]]
        assert set(crystals.ids) == {e.id for e in entries} - {"high"}


def test_repeated_crystals_are_those_that_comparing_all_pairs_finds(tmp_path: Path) -> None:
    """A row stays unless one that stays, of lower energy, is the same crystal: energy, volume and StructureMatcher agree."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    rng = np.random.default_rng(0)
    kinds = [PROTOTYPES[name].build([11, 17], [5.6] * 3 + [90] * 3) for name in ("rocksalt", "zincblende")]
    kinds += [Crystal([11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], np.eye(3) * 3.5)]  # CsCl, as dense as rock salt
    entries = []
    for k in range(90):
        kind = kinds[rng.integers(3)]
        size = (43.0 / (kind.volume / len(kind)) / 2 * rng.choice([1.0, 1.02])) ** (1 / 3) * rng.normal(1, 0.004)
        energy = float(rng.choice([-1.0, -1.5]) + 0.015 * rng.random())
        entries.append(_entry(str(k), Crystal(kind.numbers, kind.frac_coords, kind.lattice * size), energy))
    kept, matcher = [], StructureMatcher(**NARROW)
    for entry in sorted(entries, key=lambda entry: entry.formation_energy):
        a, structure = entry.crystal, entry.crystal.to_structure()
        if not any(
            entry.formation_energy - other.formation_energy <= SAME_ENERGY
            and abs(other.crystal.volume / len(other.crystal) / (a.volume / len(a)) - 1) <= SAME_VOLUME
            and matcher.fit(other.crystal.to_structure(), structure)
            for other in kept
        ):
            kept.append(entry)
    crystals, _, lost = _run(tmp_path, entries)
    assert set(crystals.ids) == {entry.id for entry in kept} and 20 < len(kept) < 70
    assert {line[1] for line in lost} == {"duplicate"}


def test_an_id_that_was_dropped_is_taken(tmp_path: Path) -> None:
    _, losses, lost = _run(
        tmp_path,
        [_entry("a", _spaced(30)), _entry("a", KNOWN["NaCl"]), *(_entry(str(k), _spaced(5, k)) for k in range(60))],
    )
    assert losses.dropped == {"too large": 1, "repeated id": 1}
    assert lost[1] == ["a", "repeated id", "an earlier row has this id, this one -1 eV/atom"]


def test_repeated_ids_and_ids_from_outside(tmp_path: Path) -> None:
    hostile = '../../etc/passwd", "\n;|'
    entries = [_entry(hostile, KNOWN["NaCl"]), _entry(hostile, KNOWN["KCl"]), *(
        _entry(f"{k}", _spaced(5, k)) for k in range(60))]  # fmt: skip
    crystals, losses, lost = _run(tmp_path, entries)
    assert crystals.ids[0] == hostile and losses.dropped == {"repeated id": 1}
    assert lost[0][0].startswith("../../etc/passwd")
    assert "etc" in markdown("mine", crystals, losses, tmp_path / "rejected.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crystals.parquet", "rejected.csv"]


def test_too_many_bad_rows_are_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    _run(tmp_path, [_entry("a", KNOWN["NaCl"])])
    before = (tmp_path / "crystals.parquet").read_bytes()
    bad = [Rejected(f"row {k}", NO_ENERGY if k else UNREADABLE, "no value") for k in range(3)]
    with pytest.raises(
        ValueError, match=r"mine: 60\.0% of 5 rows cannot be used \(1 unreadable, 2 no energy\).*row 0: no value"
    ):
        _run(tmp_path, [_entry("a", KNOWN["NaCl"]), _entry("b", KNOWN["KCl"]), *bad])
    assert (tmp_path / "crystals.parquet").read_bytes() == before
    _run(tmp_path, [_entry("a", KNOWN["NaCl"]), _entry("b", KNOWN["KCl"]), *bad], max_rejected=0.6)
    large = [Rejected(f"large {k}", "too large", "21 atoms") for k in range(1200)]
    with pytest.raises(ValueError, match="The first: row 0: no value; row 1"):
        _run(tmp_path, [*large, *bad * 40])
    with pytest.raises(ValueError, match="mine has no rows"):
        _run(tmp_path, [])
    with pytest.raises(ValueError, match="none of 1 rows is left"):
        _run(tmp_path, [_entry("a", _spaced(30))])


def test_an_error_of_the_source_leaves_nothing_half_written(tmp_path: Path) -> None:
    def broken():
        yield _entry("a", KNOWN["NaCl"])
        raise ValueError("the file is cut off after row 1")

    with pytest.raises(ValueError, match="cut off"):
        clean(broken(), CleanSettings(), 1, tmp_path / "c.parquet", tmp_path / "r.csv", "mine")
    assert not (tmp_path / "c.parquet").exists() and not (tmp_path / "r.csv").exists()


def _slow_square(x: int) -> int:
    return x * x


def test_many_processes_keep_the_order_and_take_little_at_a_time() -> None:
    taken = []

    def numbers():
        for k in range(100):
            taken.append(k)
            yield k

    results = ordered_map(_slow_square, numbers(), 2)
    assert next(results) == 0 and len(taken) <= 8
    assert list(results) == [k * k for k in range(1, 100)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "embedded", "sha256": 64 * "0"}, "data.mine: kind embedded needs `file`"),
        ({"kind": "matbench"}, "needs `file` or `url`"),
        ({"kind": "oqmd_optimade", "url": "a"}, "needs `filter`"),
        ({"kind": "own", "file": "a"}, "needs `energy`"),
        ({"kind": "own", "file": "a", "energy": "e", "filter": "x"}, "has no use for filter"),
    ],
)
def test_a_data_set_of_the_config_is_checked(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_settings(SourceSettings, settings, "data.mine")


def test_a_local_copy_may_stand_beside_the_address_that_it_replaces() -> None:
    SourceSettings(kind="matbench", file="a", url="b")  # a config of one's own cannot take `url` away


# ---- what is absurd


def _stretched(crystal: Crystal, axes: tuple[float, float, float]) -> Crystal:
    return Crystal(crystal.numbers, crystal.frac_coords, crystal.lattice * np.array(axes)[:, None])


@pytest.mark.parametrize(
    "cell",
    [
        _stretched(KNOWN["NaCl"], (1e9, 1, 1)),
        _stretched(KNOWN["NaCl"], (1e3, 1e3, 1e3)),
        _stretched(KNOWN["NaCl"], (1e4, 1, 1)),
        Crystal([29], [[0, 0, 0]], np.eye(3) * 8.45),  # mp-1056079 has such a cell
        Crystal([6], [[0, 0, 0]], np.diag([1.6, 1.6, 45.0])),
    ],
    ids=["1e9 Å", "gas", "1e4 Å", "atom", "chain"],
)
def test_absurd_cells_are_dropped_and_counted(tmp_path: Path, cell: Crystal) -> None:
    crystals, losses, lost = _run(tmp_path, [_entry("good", KNOWN["NaCl"]), _entry("absurd", cell)])
    assert crystals.ids.tolist() == ["good"] and [line[:2] for line in lost] == [["absurd", "absurd cell"]]
    assert "over" in lost[0][2]
    assert "| absurd cell | 1 | absurd: " in markdown("mine", crystals, losses, tmp_path / "rejected.csv")


def test_a_needle_is_dropped_for_its_length(tmp_path: Path) -> None:
    """20 atoms on a line of 120 Å, a volume like any other."""
    rng = np.random.default_rng(0)
    z = (np.arange(20) + 0.2 * rng.random(20)) / 20
    needle = Crystal(rng.choice([11, 17], 20), np.c_[np.zeros((20, 2)), z], np.diag([4.0, 4.1, 120.0]))
    _, _, lost = _run(tmp_path, [_entry("good", KNOWN["NaCl"]), _entry("needle", needle)])
    assert lost == [["needle", "absurd cell", "an edge of 120 Å, over 100"]]


def test_wide_crystals_that_are_real_stay(tmp_path: Path) -> None:
    caesium = Crystal([55, 55], [[0, 0, 0], [0.5, 0.5, 0.5]], np.eye(3) * 6.14)
    hydrogen = Crystal([1] * 4, [[0, 0, 0], [0.2, 0, 0], [0.5, 0.5, 0.5], [0.7, 0.5, 0.5]], np.diag([3.75, 3.8, 5.2]))
    helium = Crystal([2], [[0, 0, 0]], (np.ones((3, 3)) - np.eye(3)) * 2.1)
    entries = [_entry("Cs", caesium), _entry("H2", hydrogen), _entry("He", helium)]
    assert set(_run(tmp_path, entries)[0].ids) == {"Cs", "H2", "He"}


def test_absurd_energies_are_dropped_and_counted(tmp_path: Path) -> None:
    """One of -37.5 eV/atom would be its composition's zero."""
    good = [
        _entry(f"{name}{k}", _stretched(KNOWN[name], (1 + k / 50,) * 3), -1.0 + k / 5)
        for name in ("NaCl", "KCl", "ZnO") for k in range(10)
    ]  # fmt: skip
    absurd = _entry("low", KNOWN["NaCl"], -37.5)
    crystals, losses, lost = _run(tmp_path, [*good, absurd])
    assert lost == [["low", "absurd energy", "the energy is -37.5 eV/atom, formation energies lie within -6 and 10"]]
    assert crystals.formation_energy.min() == -1.0 and losses.dropped == {"absurd energy": 1}
    with pytest.raises(
        ValueError, match="4 absurd energy.*more than data.max_rejected.*low0: the energy is -37.5 eV/atom"
    ):
        _run(tmp_path, [*good, *(_entry(f"low{k}", KNOWN["NaCl"], -37.5) for k in range(4))])


def test_total_energies_of_one_composition_are_judged_from_their_median(tmp_path: Path) -> None:
    carbon = [_entry(str(k), Crystal([6], [[0, 0, 0]], np.eye(3) * (2 + k / 20)), -154.0 + k / 10) for k in range(30)]
    crystals, _, lost = _run(tmp_path, [*carbon, _entry("low", Crystal([6], [[0, 0, 0]], np.eye(3) * 4), -170.0)])
    assert len(crystals) == 30
    assert lost == [
        [
            "low",
            "absurd energy",
            "the energy is -170 eV/atom, formation energies lie within -6 and 10 of the median, -152.6",
        ]
    ]


def test_no_cell_of_the_csv_is_a_formula_for_a_spreadsheet(tmp_path: Path) -> None:
    hostile = "=cmd|' /C calc'!A0"
    entries = [_entry("good", KNOWN["NaCl"]), Rejected(hostile, DISORDERED, "@SUM(1+1)*cmd|' /C calc'!A0")]
    _, _, lost = _run(tmp_path, entries)
    assert lost == [[f"'{hostile}", "disordered", "'@SUM(1+1)*cmd|' /C calc'!A0"]]
