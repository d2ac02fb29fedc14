"""OQMD's three formats, in small: what every row becomes, and files that are damaged."""

import gzip
import json
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lcom.data.settings import CleanSettings
from lcom.data.sources import oqmd, qmpy
from lcom.data.sources.clean import clean
from lcom.data.sources.entries import (
    ABSURD_ENERGY,
    DISORDERED,
    NO_ENERGY,
    NOT_CONVERGED,
    NOT_SERVED,
    REPEATED,
    UNREADABLE,
    Entry,
)
from lcom.data.sources.optimade import fetch_pages
from lcom.data.table import read_crystals
from tests.data.test_optimade import HASTY, StandIn, oqmd_row

CASES = Path(__file__).parents[3] / "shared" / "cases"
SALT = {"abc": [3.96] * 3, "angles": [60.0] * 3, "props": ["", ""], "cartesian": False}


def jarvis_row(k: int, **atoms) -> dict:
    """Rock salt as JARVIS has it: symbols with a space behind them."""
    lattice = [[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]]
    crystal = {
        "lattice_mat": lattice,
        "coords": [[0, 0, 0], [0.5, 0.5, 0.5]],
        "elements": ["Na ", "Cl "],
        **SALT,
        **atoms,
    }
    energies = {"_oqmd_delta_e": -2 + k / 100, "_oqmd_stability": 0.0, "_oqmd_band_gap": 5.1}
    return {"_oqmd_entry_id": 100 + k, **energies, "atoms": crystal}


def kinds(items) -> dict[str, str]:
    return {item.id: "entry" if isinstance(item, Entry) else item.kind for item in items}


def assert_salt(entry: Entry, energy: float) -> None:
    assert entry.formation_energy == pytest.approx(energy) and entry.source == "oqmd"
    np.testing.assert_array_equal(entry.crystal.numbers, [11, 17])
    np.testing.assert_allclose(entry.crystal.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-9)
    np.testing.assert_allclose(entry.crystal.lattice, 2.8 * (1 - np.eye(3)))
    assert entry.crystal.volume == pytest.approx(2 * 2.8**3)


# ---- OPTIMADE


@pytest.fixture
def pages(tmp_path, monkeypatch):
    def serve(rows: list[dict]) -> list:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with StandIn(rows) as server:
            fetch_pages(server.endpoint, "nsites<9", tmp_path, page_limit=4, patience=HASTY)
            server.shutdown()
        return list(oqmd.read_pages(tmp_path))

    return serve


def test_pages(pages):
    items = pages([oqmd_row(k) for k in range(6)])
    assert [item.id for item in items] == [f"oqmd-{100 + k}" for k in range(6)]
    for k, item in enumerate(items):
        assert_salt(item, -2 + k / 100)


def test_pages_as_oqmd_writes_them(pages):
    """Numbers as ids, and no species: the sites have the symbols."""
    row = oqmd_row(1, species=[])
    assert_salt(pages([{**row, "id": 4061139}])[0], -1.99)
    row["attributes"].pop("_oqmd_entry_id")
    row["attributes"]["species"] = None
    (entry,) = pages([{**row, "id": 4061139}])
    assert entry.id == "oqmd-4061139"


def species(*symbols: str, shares: list[float]) -> dict:
    mixed = {"name": "Cl", "chemical_symbols": list(symbols), "concentration": shares}
    return {"species": [{"name": "Na", "chemical_symbols": ["Na"], "concentration": [1.0]}, mixed]}


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"_oqmd_delta_e": None}, NO_ENERGY, "None"),
        ({"_oqmd_delta_e": "na"}, NO_ENERGY, "na"),
        ({"_oqmd_delta_e": float("nan")}, NO_ENERGY, "nan"),
        ({"_oqmd_delta_e": -37.5}, ABSURD_ENERGY, "-37.5 eV/atom"),
        ({"_oqmd_delta_e": "low"}, UNREADABLE, "low"),
        ({"_oqmd_delta_e": float("inf")}, UNREADABLE, "inf"),
        ({"_oqmd_delta_e": 10**400}, UNREADABLE, "large"),
        ({"structure_features": ["disorder"]}, DISORDERED, "disorder"),
        ({"structure_features": ["implicit_atoms"]}, UNREADABLE, "implicit_atoms"),
        (species("Cl", "Br", shares=[0.5, 0.5]), DISORDERED, "Br"),
        (species("Cl", "vacancy", shares=[0.9, 0.1]), DISORDERED, "vacancy"),
        (species("Cl", shares=[0.9]), DISORDERED, "0.9"),
        (species("vacancy", shares=[1.0]), UNREADABLE, "vacancy"),
        (species("X", shares=[1.0]), UNREADABLE, "unknown element 'X'"),
        ({"species_at_sites": ["Na", "Br"]}, UNREADABLE, "Br"),
        ({"species": [], "species_at_sites": ["Na", "(Cl,Br)"]}, DISORDERED, "(Cl,Br)"),
        ({"species": [], "species_at_sites": ["Na", "Cl0.5Br0.5"]}, DISORDERED, "Cl0.5Br0.5"),
        ({"species_at_sites": ["Na"]}, UNREADABLE, "do not fit together"),
        ({"cartesian_site_positions": None}, UNREADABLE, "positions"),
        ({"cartesian_site_positions": [[0, 0, 0], [0, 0, None]]}, UNREADABLE, "finite"),
        ({"cartesian_site_positions": [[0, 0, 0], [0, 0]]}, UNREADABLE, ""),
        ({"cartesian_site_positions": [], "species_at_sites": []}, UNREADABLE, "do not fit together"),
        ({"lattice_vectors": [[1, 0, 0], [0, 1, 0], [None, None, None]]}, UNREADABLE, "lattice"),
        ({"lattice_vectors": [[3, 0, 0], [0, 3, 0], [3, 3, 0]]}, UNREADABLE, "no volume"),
        ({"lattice_vectors": None}, UNREADABLE, "lattice"),
    ],
)
def test_pages_with_a_bad_row(pages, changes, kind, words):
    bad, good = pages([oqmd_row(1, **changes), oqmd_row(2)])
    assert (bad.id, bad.kind) == ("oqmd-101", kind) and words in bad.detail
    assert isinstance(good, Entry)


def test_rows_without_attributes_or_fields(pages):
    row = oqmd_row(3)
    del row["attributes"]["lattice_vectors"]
    listed = {"id": "8", "type": "structures", "attributes": ["id"]}
    first, second, third = pages([{"id": "7", "type": "structures"}, row, listed])
    assert (first.id, first.kind) == ("oqmd-7", UNREADABLE) and "attributes" in first.detail
    assert second.kind == UNREADABLE and "lattice_vectors" in second.detail
    assert (third.id, third.kind) == ("oqmd-8", UNREADABLE)


def test_entries_that_the_server_cannot_give_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with StandIn([oqmd_row(k) for k in range(6)]) as server:
        server.broken = {2}
        fetch_pages(server.endpoint, "nsites<9", tmp_path, page_limit=4, patience=HASTY)
        server.shutdown()
    items = list(oqmd.read_pages(tmp_path))
    assert kinds(items) == {
        **{f"oqmd-{100 + k}": "entry" for k in (0, 1, 3, 4, 5)}, "entry 3 of nsites<9": NOT_SERVED,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["flat_rows.json", "page_count_swapped.json"])
def test_pages_of_other_shapes(tmp_path, monkeypatch, name):
    """Rows without attributes, as in 2019, are refused in words; a count that is of all entries is not taken for one of these."""
    if not (path := CASES / "optimade_shapes" / name).exists():
        pytest.skip("needs ../shared/cases")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    page = json.loads(path.read_text())
    with StandIn([oqmd_row(1)]) as server:
        server.edit = lambda offset, _: {**page, "links": {"next": None}}
        assert fetch_pages(server.endpoint, "nsites<9", tmp_path, patience=HASTY) == 2
        server.shutdown()
    items = list(oqmd.read_pages(tmp_path))
    if name == "flat_rows.json":
        assert all(item.kind == UNREADABLE and "has no attributes" in item.detail for item in items)
    else:
        assert [item.formation_energy for item in items] == [-2.0, -1.99]


def test_an_id_twice(pages, tmp_path):
    """The first entry with an energy has the id, over the borders of pages."""
    rows = [oqmd_row(1, _oqmd_delta_e=None), *(oqmd_row(1) for _ in range(5)), oqmd_row(2, _oqmd_delta_e=-1.0)]
    rows = [{**row, "id": str(k)} for k, row in enumerate(rows)]  # OPTIMADE's are of calculations
    lost = tmp_path / "rejected.csv"
    losses = clean(pages(rows), CleanSettings(max_rejected=0.9), 1, tmp_path / "c.parquet", lost, "oqmd")
    assert losses.dropped == {NO_ENERGY: 1, REPEATED: 4}
    assert read_crystals(tmp_path / "c.parquet").ids.tolist() == ["oqmd-101", "oqmd-102"]


# ---- JARVIS


def jarvis(path: Path, rows: list | str, name: str = "all_oqmd.json") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, rows if isinstance(rows, str) else json.dumps(rows))
    return path


def test_jarvis(tmp_path):
    cartesian = jarvis_row(2, coords=[[0, 0, 0], [2.8, 2.8, 2.8]], cartesian=True)
    path = jarvis(tmp_path / "jarvis.zip", [jarvis_row(0), jarvis_row(1), cartesian])
    items = list(oqmd.read_jarvis(path))
    assert [item.id for item in items] == ["oqmd-100", "oqmd-101", "oqmd-102"]
    for k, item in enumerate(items):
        assert_salt(item, -2 + k / 100)


def test_jarvis_rows_of_all_kinds(tmp_path):
    rows = [
        {**jarvis_row(0), "_oqmd_delta_e": None},
        jarvis_row(1, elements=["(Cs,Os) ", "Np "]),
        jarvis_row(2, elements=["X ", "Cl "]),
        jarvis_row(3, coords=[[0, 0, 0]]),
        jarvis_row(4),
        jarvis_row(4),
        {key: value for key, value in jarvis_row(5).items() if key != "atoms"},
        {key: value for key, value in jarvis_row(6).items() if key != "_oqmd_entry_id"},
        {**jarvis_row(7), "_oqmd_entry_id": 107.0},
        {**jarvis_row(8), "_oqmd_delta_e": float("nan")},
    ]
    items = list(oqmd.read_jarvis(jarvis(tmp_path / "jarvis.zip", rows)))
    found = [(item.id, getattr(item, "kind", "entry")) for item in items]
    assert found == [
        ("oqmd-100", NO_ENERGY),
        ("oqmd-101", DISORDERED),
        ("oqmd-102", UNREADABLE),
        ("oqmd-103", UNREADABLE),
        ("oqmd-104", "entry"),
        ("oqmd-104", "entry"),
        ("oqmd-105", UNREADABLE),
        ("entry 8", UNREADABLE),
        ("oqmd-107", "entry"),
        ("oqmd-108", NO_ENERGY),
    ]


@pytest.mark.parametrize("text", ["", "{}", '{"a": 1}', "[{}", "[{},", '[{"a": }]', "[{} x]", '[{"a'])
def test_jarvis_files_that_are_no_list(tmp_path, text):
    with pytest.raises(ValueError, match=r"jarvis\.zip is damaged after entry \d"):
        list(oqmd.read_jarvis(jarvis(tmp_path / "jarvis.zip", text)))


def test_damaged_zips(tmp_path):
    path = jarvis(tmp_path / "jarvis.zip", [jarvis_row(k) for k in range(500)])
    body = bytearray(path.read_bytes())
    path.write_bytes(body[: len(body) // 2])
    with pytest.raises(ValueError, match=r"jarvis\.zip is damaged"):
        list(oqmd.read_jarvis(path))
    body[len(body) // 2] ^= 255
    path.write_bytes(body)
    with pytest.raises(ValueError, match=r"jarvis\.zip is damaged"):
        list(oqmd.read_jarvis(path))
    with pytest.raises(ValueError, match="it is not JARVIS' oqmd_3d_no_cfid"):
        list(oqmd.read_jarvis(jarvis(path, "[]", "readme.txt")))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.zip does not exist, or is no file: is `file` right"):
        list(oqmd.read_jarvis(tmp_path / "nowhere.zip"))


# ---- the dump

HEAD = "-- MySQL dump 10.13  Distrib 8.0.36\n/*!40101 SET NAMES utf8mb4 */;\n"
TABLES = {  # as mysqldump writes them: tables by name, more columns than are read
    "atoms": "id structure_id site_id element_id ox x y z fx fy fz magmom charge volume occupancy wyckoff_id",
    "calculations": "id entry_id label input_id output_id settings energy_pa converged",
    "entries": "id path label",
    "formation_energies": "id composition_id entry_id calculation_id description fit_id stability delta_e",
    "structures": "id entry_id label natoms x1 x2 x3 y1 y2 y3 z1 z2 z3 volume",
}
NASTY = 'it\'s (a) \\ "path", with; ); INSERT INTO `atoms` VALUES (1,2);\nand more'


def sql(value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ('"', '\\"'), ("\n", "\\n")):
            value = value.replace(plain, escaped)
        return f"'{value}'"
    return repr(value)


def rows_of_the_dump() -> dict[str, list[tuple]]:
    """Entry 16 has two energies; 17 none; 18 a mixed site; 19 no structure; 20 is of another fit; 21 an atom too
    few; 23 two atoms in one place."""
    salt = [0.0, 2.8, 2.8, 2.8, 0.0, 2.8, 2.8, 2.8, 0.0]
    atoms, n = [], 0
    for structure, sites in {
        900: [("Na", 0.0, 0.1, 1.0), ("Cl", 0.4, 0.5, 1.0)],  # a step on the way, of no calculation's end
        901: [("Na", 0.0, 0.0, 1.0), ("Cl", 0.5, 0.5, 1.0)],
        902: [("Na", 0.0, 0.0, 1.0), ("Cl", 0.5, 0.5, 1.0)],
        903: [("Na", 0.0, 0.0, 1.0), ("Cl", 0.5, 0.5, 0.5), ("Br", 0.5, 0.5, 0.5)],
        904: [("Na", 1.0, -1e-12, 1.0), ("Cl", -0.5, 1.5, 1.0)],
        905: [("Na", 0.0, 0.0, 1.0)],
        906: [("Na", 0.0, 0.0, 1.0), ("Cl", 1.0, -1e-9, 1.0)],
    }.items():
        for element, x, y, occupancy in sites:
            n += 1
            atoms.append(
                (n, structure, None, element, None, x, y, x, -1.5e-05, 0.0, 0.0, None, None, None, occupancy, None)
            )
    calculations = [
        (k, entry, "static", 900, output, NASTY, -3.5, 1)
        for k, entry, output in ((1, 16, 902), (2, 16, 901), (3, 17, 901), (4, 18, 903), (5, 19, None), (6, 20, 901))
    ]
    calculations += [(7, 21, "static", 900, 905, "", None, None), (8, 22, "static", 900, 904, "", -1.0, 1)]
    calculations += [(9, 23, "static", 900, 906, "", -1.0, 1), (10, 16, "static", 900, 901, "", -1.0, 0)]
    calculations += [(11, 24, "static", 900, 901, "", -1.0, 0), (12, 25, "static", 900, 901, "", -1.0, 1)]
    calculations += [(13, 25, "static", 900, 901, "", -1.0, 1)]
    energies = [
        *[(1, "Na1 Cl1", 16, 1, None, "standard", 0.0, -1.9), (2, "Na1 Cl1", 16, 2, None, "standard", 0.0, -2.0)],
        *[(3, "Na1 Cl1", 17, 3, None, "standard", None, None), (4, "Na1 Cl1", 18, 4, NASTY, "standard", 0.1, -1.0)],
        *[(5, "Na1 Cl1", 19, 5, None, "standard", 0.0, -1.0), (6, "Na1 Cl1", 20, 6, None, "other", 0.0, -9.0)],
        *[(7, "Na1 Cl1", 21, 7, None, "standard", 0.0, -1.0), (8, "Na1 Cl1", 22, 8, None, "standard", 0.0, -1.0)],
        (9, "Na1 Cl1", 23, 9, None, "standard", 0.0, -1.0),
        *[(10, "Na1 Cl1", 16, 10, None, "standard", 0.0, -2.1), (11, "Na1 Cl1", 24, 11, None, "standard", 0.0, -2.1)],
        *[(12, "Na1 Cl1", 25, 12, None, "standard", 0.0, -37.5), (13, "Na1 Cl1", 25, 13, None, "standard", 0.0, -1.8)],
    ]
    natoms = {900: 2, 901: 2, 902: None, 903: 3, 904: 2, 905: 2, 906: 2}
    structures = [(k, 16, NASTY, number, *salt, 43.9) for k, number in natoms.items()]
    entries = [(k, f"/home/oqmd/{k}", NASTY) for k in range(16, 24)]
    return dict(zip(sorted(TABLES), (atoms, calculations, entries, energies, structures), strict=True))


def dump(tables: dict[str, list[tuple]], order=None, between: str = ",", per_insert: int = 3) -> str:
    text = HEAD
    for table in order or sorted(tables):
        columns = TABLES[table].split()
        lines = [f"  `{column}` {'int(11)' if column == 'id' else 'double'} DEFAULT NULL" for column in columns]
        text += f"DROP TABLE IF EXISTS `{table}`;\nCREATE TABLE `{table}` (\n" + ",\n".join(lines)
        text += ",\n  PRIMARY KEY (`id`),\n  KEY `fk` (`id`)\n) ENGINE=InnoDB;\n\nLOCK TABLES `" + table + "` WRITE;\n"
        rows = ["(" + ",".join(map(sql, row)) + ")" for row in tables[table]]
        for k in range(0, len(rows), per_insert):
            text += f"INSERT INTO `{table}` VALUES{between[1:] or ' '}{between.join(rows[k : k + per_insert])};\n"
        text += "UNLOCK TABLES;\n"
    return text + "-- Dump completed on 2026-02-20\n"


def check_dump(path: Path) -> None:
    items = list(qmpy.read_sql(path))
    found = [(item.id, getattr(item, "kind", "entry")) for item in items]
    assert found == [
        *[("oqmd-16", "entry"), ("oqmd-17", NO_ENERGY), ("oqmd-18", DISORDERED)],
        *[("oqmd-19", UNREADABLE), ("oqmd-21", UNREADABLE), ("oqmd-22", "entry")],
        *[("oqmd-23", DISORDERED), ("oqmd-24", NOT_CONVERGED), ("oqmd-25", ABSURD_ENERGY), ("oqmd-25", "entry")],
    ]
    assert_salt(items[0], -2.0)  # the lowest of those that converged
    assert_salt(items[-1], -1.8)
    assert "1 atoms of 2" in items[4].detail


@pytest.mark.parametrize("between", [",", ",\n"], ids=["mysqldump", "mariadb-dump"])
@pytest.mark.parametrize("order", [None, sorted(TABLES, reverse=True)], ids=["by name", "backwards"])
def test_dump(tmp_path, between, order):
    text = dump(rows_of_the_dump(), order, between)
    (tmp_path / "qmdb.sql").write_text(text, encoding="utf-8")
    with gzip.open(tmp_path / "qmdb.sql.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    check_dump(tmp_path / "qmdb.sql")
    check_dump(tmp_path / "qmdb.sql.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["qmdb.sql", "qmdb.sql.gz"]


def test_columns_come_from_the_dump(tmp_path, monkeypatch):
    """Another version of the schema: the columns in another order, and named in the INSERT."""
    tables = {table: [row[::-1] for row in rows] for table, rows in rows_of_the_dump().items()}
    monkeypatch.setitem(
        globals(), "TABLES", {table: " ".join(columns.split()[::-1]) for table, columns in TABLES.items()}
    )
    text = dump(tables)
    (tmp_path / "qmdb.sql").write_text(text, encoding="utf-8")
    check_dump(tmp_path / "qmdb.sql")
    named = ", ".join(f"`{column}`" for column in TABLES["atoms"].split())
    text = text.replace("INSERT INTO `atoms` VALUES", f"INSERT INTO `atoms` ({named}) VALUES").replace(
        "`x` double", "`x0` double"
    )
    (tmp_path / "qmdb.sql").write_text(text, encoding="utf-8")
    check_dump(tmp_path / "qmdb.sql")


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("1,'a',NULL,-1.5e-05", ["1", "a", None, "-1.5e-05"]),
        (r"'it\'s','it''s','',''''", ["it's", "it's", "", "'"]),
        (r"'a\\','(b),\n;',NULL", ["a\\", "(b),\n;", None]),
        (r"'NULL',_binary 'x\0y',0x00", ["NULL", "x\0y", "0x00"]),
    ],
)
def test_values(row, values):
    assert qmpy._values(row) == values
    assert qmpy._ROW.match(f"({row}),(1)")[1] == row


def test_damaged_dumps(tmp_path):
    text, path = dump(rows_of_the_dump()), tmp_path / "qmdb.sql"

    def read(changed: str | bytes) -> None:
        path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
        list(qmpy.read_sql(path))

    with pytest.raises(ValueError, match=r"cut off in the rows of atoms"):
        read(text[: text.index("INSERT INTO `atoms`") + 60])
    with pytest.raises(ValueError, match=r"no rows of the table calculations, formation_energies"):
        read(HEAD)
    with pytest.raises(ValueError, match=r"the table formation_energies has no column delta_e"):
        read(text.replace("delta_e", "delta"))
    with pytest.raises(ValueError, match=r"damaged: 15 values for the 16 columns of atoms"):
        read(text.replace("INSERT INTO `atoms` VALUES (1,", "INSERT INTO `atoms` VALUES ("))
    with pytest.raises(ValueError, match=r"damaged: table calculations"):
        read(text.replace("INSERT INTO `calculations` VALUES (1,", "INSERT INTO `calculations` VALUES (2,"))
    packed = gzip.compress(text.encode())
    with pytest.raises(ValueError, match=r"qmdb\.sql is damaged or cut off"):
        read(packed[:-200])
    with pytest.raises(FileNotFoundError, match="is `file` right"):
        list(qmpy.read_sql(tmp_path / "nowhere.sql.gz"))


@pytest.mark.skipif(not (CASES / "oqmd_unconverged.sql.gz").exists(), reason="needs ../shared/cases")
def test_a_dump_with_unconverged_rows() -> None:
    items = list(qmpy.read_sql(CASES / "oqmd_unconverged.sql.gz"))
    counts = Counter(getattr(item, "kind", "entry") for item in items)
    assert counts[NOT_CONVERGED] == 40 and counts[ABSURD_ENERGY] <= 1 and sum(counts.values()) == 200
    assert min(item.formation_energy for item in items if isinstance(item, Entry)) > -6
