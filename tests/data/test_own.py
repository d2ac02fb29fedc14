"""A user's own crystals: every format against the crystals it was made from, every row that is no entry, every wrong file."""

import gzip
import itertools
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write

from lcom.compounds import PROTOTYPES
from lcom.crystal import Crystal, lattice_from_parameters
from lcom.data.sources import cifs as reading
from lcom.data.sources import judge, own
from lcom.data.sources.cifs import listing
from lcom.data.sources.entries import DISORDERED, NO_ENERGY, REPEATED, UNREADABLE, Entry, Rejected
from lcom.data.sources.own import read
from lcom.report.judge import match_rmse
from tests.crystals import KNOWN, random_crystals

SHARED = Path(__file__).parents[3] / "shared" / "data"
CASES = SHARED.parent / "cases"
CRYSTALS = [KNOWN["NaCl"], KNOWN["ZnO"], *random_crystals(3, 5, seed=1)]
ENERGIES = [-2.1, -1.8, 0.3, 0.25, -0.5]
CIFS = [crystal.to_cif() for crystal in CRYSTALS]
MP_20 = "Unnamed: 0,material_id,formation_energy_per_atom,band_gap,pretty_formula,e_above_hull,elements,cif,spacegroup.number"


def table(path: Path, cifs=None, energies=None, **columns) -> Path:
    """A CSV of CIFs, of CRYSTALS by default."""
    cifs, energies = cifs or CIFS, ENERGIES if energies is None else energies
    pd.DataFrame({**columns, "cif": cifs, "energy": energies}).to_csv(path, index=False)
    return path


def same(found: Crystal, wanted: Crystal, atol: float = 1.1e-4) -> None:
    """The same cell and the same sites in any order; pymatgen moves coordinates by up to 1e-4 to 1/3 and 2/3."""
    np.testing.assert_allclose(found.parameters(), wanted.parameters(), atol=1e-4)
    assert sorted(found.numbers) == sorted(wanted.numbers)
    apart = found.frac_coords[:, None] - wanted.frac_coords
    close = np.abs(apart - np.round(apart)).max(-1) < atol
    close &= found.numbers[:, None] == wanted.numbers
    assert (close.sum(0) == 1).all() and (close.sum(1) == 1).all()


def all_same(found: list, ids: list[str] | None = None) -> None:
    assert all(isinstance(item, Entry) for item in found), found
    assert [entry.id for entry in found] == (ids or [str(n) for n in range(1, len(CRYSTALS) + 1)])
    np.testing.assert_allclose([entry.formation_energy for entry in found], ENERGIES, atol=1e-8)
    for entry, crystal in zip(found, CRYSTALS, strict=True):
        same(entry.crystal, crystal)
        assert entry.source == "own"


def rejected(items: list) -> list[tuple[str, str]]:
    return [(item.id, item.kind) for item in items if isinstance(item, Rejected)]


# ---- tables


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.bz2", "a.csv.xz", "a.csv.zip"])
def test_a_table_of_cifs(tmp_path, name):
    all_same(list(read(table(tmp_path / name), "energy")))


def test_the_ids_of_a_table(tmp_path):
    names = [f"x{n}" for n in range(5)]
    all_same(list(read(table(tmp_path / "a.csv", material_id=names), "energy")), names)
    all_same(list(read(table(tmp_path / "a.csv", id=names), "energy")), names)
    all_same(list(read(table(tmp_path / "a.csv", mine=names, id=list("abcde")), "energy", id="mine")), names)
    all_same(list(read(table(tmp_path / "a.csv", **{"": names}), "energy")), names)
    found = list(read(table(tmp_path / "a.csv", id=["NA", "", "nan", "007", "1e5"]), "energy"))
    all_same(found, ["NA", "row 2", "nan", "007", "1e5"])


def test_the_layout_of_mp_20(tmp_path):
    rows = [[n, f"mp-{n}", ENERGIES[n], 0.0, "X", 0.0, "['X', 'Y']", CIFS[n], 1] for n in range(5)]
    pd.DataFrame(rows, columns=MP_20.split(",")).to_csv(tmp_path / "mp.csv", index=False)
    found = list(read(tmp_path / "mp.csv", "formation_energy_per_atom"))
    all_same(found, [f"mp-{n}" for n in range(5)])


def test_the_column_of_cifs_is_found_by_its_values(tmp_path):
    frame = pd.read_csv(table(tmp_path / "a.csv"))
    frame.rename(columns={"cif": "structure"}).to_csv(tmp_path / "b.csv", index=False)
    all_same(list(read(tmp_path / "b.csv", "energy")))
    frame.assign(other=frame["cif"]).rename(columns={"cif": "structure"}).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(ValueError, match=r"c\.csv has no column 'cif', and CIFs in 2 of .*structure, energy, other"):
        list(read(tmp_path / "c.csv", "energy"))
    frame.drop(columns="cif").to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(ValueError, match=r"d\.csv has no column 'cif', and CIFs in 0 of its columns energy"):
        list(read(tmp_path / "d.csv", "energy"))


def test_columns_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv has no column 'heat': give `energy` one of id, cif, energy"):
        list(read(table(tmp_path / "a.csv", id=list("abcde")), "heat"))
    with pytest.raises(ValueError, match=r"a\.csv has no column 'name': give `id` one of id, cif, energy"):
        list(read(tmp_path / "a.csv", "energy", id="name"))


def test_rows_that_cannot_be_used(tmp_path):
    """Each is named, in its place; the others are entries."""
    disordered = CIFS[0].replace("  1.0\n", "  0.5\n").replace("  1\n", "  0.5\n")
    assert disordered != CIFS[0]
    cifs = [CIFS[0], "nonsense", "", disordered, *CIFS[1:], CIFS[0], CIFS[0]]
    ids = ["a", "text", "empty", "half", "b", "c", "d", "e", "a", "../../etc/passwd"]
    values = ["-2.1", "1", "1", "1", "", "nan", "inf", "much", "-2", "-2"]
    found = list(read(table(tmp_path / "a.csv", cifs, values, id=ids), "energy"))
    assert [item.id for item in found] == ids
    assert rejected(found) == [
        ("text", UNREADABLE),
        ("empty", UNREADABLE),
        ("half", DISORDERED),
        *((name, NO_ENERGY) for name in "bcde"),
    ]
    details = {item.id: item.detail for item in found if isinstance(item, Rejected)}
    assert details["b"] == "the energy is missing" and details["c"] == "the energy is nan"
    assert details["e"] == "the energy 'much' is not a number"
    assert all(detail and "\n" not in detail for detail in details.values())
    assert isinstance(found[-1], Entry)
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_lines_with_too_many_or_too_few_fields(tmp_path):
    path = table(tmp_path / "a.csv", id=list("abcde"))
    lines = path.read_text(encoding="utf-8") + "f,g,h,i,j\nk\n"
    path.write_text(lines + "l,m,n,o\n", encoding="utf-8")
    found = list(read(path, "energy"))
    assert sum(isinstance(item, Entry) for item in found) == 5
    bad = [item for item in found if isinstance(item, Rejected)]
    assert sorted(item.kind for item in bad) == [NO_ENERGY, UNREADABLE, UNREADABLE]
    assert sum("expected 3 fields, saw" in item.detail and item.id.startswith("line ") for item in bad) == 2


def test_a_first_row_with_too_many_fields_is_an_error_and_not_cut(tmp_path):
    """Decimal commas: pandas would take -1,034 for -1."""
    quoted = ['"' + cif.replace('"', '""') + '"' for cif in CIFS[:3]]
    rows = [f"{k},{cif},-1,034" for k, cif in enumerate(quoted)]
    (tmp_path / "a.csv").write_text("\n".join(["id,cif,energy", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.csv: the first row has more fields than the header names.*decimal comma"):
        list(read(tmp_path / "a.csv", "energy"))


def test_a_cut_file_is_an_error_after_its_rows_and_the_first_does_not_wait(tmp_path):
    """The stream is lazy: more crystals than HEAD come out of a file whose end is damaged."""
    count = 4 * judge.HEAD
    cifs = [cif for cif, _ in zip(itertools.cycle(CIFS), range(count), strict=False)]
    noise = [f"{x:.17f}" for x in np.random.default_rng(0).random(count)]  # so that gzip cannot pack it in one block
    path = table(tmp_path / "a.csv.gz", cifs, np.tile(ENERGIES, count // 5), noise=noise)
    path.write_bytes(path.read_bytes()[:-2000])
    stream = read(path, "energy")
    assert next(stream).id == "1"
    with pytest.raises(ValueError, match=r"a\.csv\.gz cannot be read as a table .* is it whole"):
        list(stream)


@pytest.mark.parametrize("text", [b"", b"\x00\xff\x1f", b"no gzip"])
def test_no_table_at_all(tmp_path, text):
    (tmp_path / "a.csv.gz").write_bytes(text)
    with pytest.raises(ValueError, match=r"a\.csv\.gz cannot be read as a table"):
        list(read(tmp_path / "a.csv.gz", "energy"))
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"x"))
    with pytest.raises(ValueError, match=r"a\.csv"):
        list(read(tmp_path / "a.csv", "energy"))
    (tmp_path / "b.csv").write_text("id,cif,energy\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"b\.csv has no"):
        list(read(tmp_path / "b.csv", "energy"))


def test_two_workers_give_the_same(tmp_path):
    cifs = CIFS * 60
    cifs[7] = "nonsense"
    path = table(tmp_path / "a.csv", cifs, ENERGIES * 60, id=[*range(299), 5])
    one, two = list(read(path, "energy")), list(read(path, "energy", workers=2))
    assert rejected(one) == rejected(two) == [("7", UNREADABLE)]
    assert [item.id for item in one] == [item.id for item in two]
    for a, b in zip(one, two, strict=True):
        if isinstance(a, Entry):
            assert a.formation_energy == b.formation_energy
            np.testing.assert_array_equal(a.crystal.frac_coords, b.crystal.frac_coords)


def test_workers_end_with_the_stream(tmp_path):
    stream = read(table(tmp_path / "a.csv", CIFS * 200, ENERGIES * 200), "energy", workers=2)
    assert isinstance(next(stream), Entry)
    stream.close()


# ---- CIFs


@pytest.mark.parametrize("crystal", [*KNOWN.values(), *random_crystals(5, 12, seed=3)], ids=lambda c: c.formula)
def test_the_short_parser_keeps_order_and_digits(crystal):
    found = listing(crystal.to_cif())
    same(found, crystal, atol=1e-7)


@pytest.mark.parametrize(
    "change",
    [
        ("'x, y, z'", "'-x, -y, -z'"),
        ("  Na0  1  ", "  Na0  2  "),
        ("'Na1 Cl1'", "'Na1 Cl2'"),
        ("'P 1'", "'F m -3 m'"),
        ("0.50000000", "0.5(2)"),
        ("  Na  Na0", "  Na+  Na0"),
        ("0.50000000", "0.00000000"),
        ("_cell_length_b", "_cell_length_q"),
    ],
)
def test_what_is_no_plain_listing_is_left_to_pymatgen(change):
    assert listing(CIFS[0]) is not None and change[0] in CIFS[0]
    assert listing(CIFS[0].replace(*change)) is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "energy"), [("perov_5", "heat_ref"), ("carbon_24", "energy_per_atom")])
def test_the_short_parser_on_published_data(name, energy):
    """All rows of Perov-5's and Carbon-24's validation splits, each against pymatgen."""
    path = SHARED / f"{name}-val.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    frame = pd.read_csv(path)
    found = list(read(path, energy))
    assert [item.id for item in found] == frame["material_id"].astype(str).tolist()
    assert rejected(found) == []
    np.testing.assert_allclose([entry.formation_energy for entry in found], frame[energy])
    assert all(listing(text) is not None for text in frame["cif"])
    for entry, text in zip(found, frame["cif"], strict=True):
        same(entry.crystal, Crystal.from_cif(text))


def test_a_cif_with_symmetry(tmp_path):
    """Rocksalt from two sites and the name of its space group: 8 atoms. No formula is needed."""
    text = "data_x\n_symmetry_space_group_name_H-M 'F m -3 m'\n"
    text += "".join(f"_cell_length_{x} 5.64\n" for x in "abc")
    text += "".join(f"_cell_angle_{x} 90\n" for x in ("alpha", "beta", "gamma"))
    text += "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    text += "Na1 0 0 0\nCl1 0.5 0.5 0.5\n"
    total = f"_chemical_formula_sum 'Na1 Cl1 H1'\n{text.removeprefix('data_x')}"
    path = table(tmp_path / "a.csv", [text, f"data_x\n{total}", text + text.replace("data_x", "data_y")], [-16.8] * 3)
    entry, formula, two = read(path, "energy", unit="eV")
    assert sorted(entry.crystal.numbers) == [11] * 4 + [17] * 4
    assert entry.crystal.volume == pytest.approx(5.64**3)
    assert entry.formation_energy == pytest.approx(-2.1)  # eV of the cell
    assert formula.kind == UNREADABLE and "Missing elements H" in formula.detail
    assert two.kind == UNREADABLE and "2 structures in one CIF" in two.detail


def test_a_cif_without_end_is_refused_at_once(tmp_path):
    site = "Na Na{n} 0.{n:05d} 0.2 0.3\n"
    names = (
        "loop_\n_atom_site_type_symbol\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    )
    cell = CIFS[0][CIFS[0].index("_cell_length_a") : CIFS[0].index("_symmetry_Int_Tables")]
    operations = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(f"'x+0.{n:04d}, y, z'\n" for n in range(100))
    operations += "".join(f"'x, y+0.{n:04d}, z'\n" for n in range(1, 21))
    many = f"data_x\n{cell}{operations}{names}" + "".join(site.format(n=n) for n in range(100))
    flat = CIFS[0].replace(CIFS[0][CIFS[0].index("_cell_angle_alpha") :].split("\n")[0], "_cell_angle_alpha   180.0")
    quotes, blanks = "data_x\n" + "'a " * 300_000, "data_x" + "\n" * 900_000
    cifs = [CIFS[0], many, CIFS[0] + "#" * reading.MAX_TEXT, flat, CIFS[0].replace("Na", "Xx"), quotes, blanks]
    found = list(read(table(tmp_path / "a.csv", cifs, [1] * 7), "energy"))
    assert rejected(found) == [(str(n), UNREADABLE) for n in (2, 3, 4, 5, 6, 7)]
    assert "12000 sites times symmetry operations, more than 10000" in found[1].detail
    assert found[2].detail == "more than 1000000 characters"
    assert found[5].detail == "a line of more than 4096 characters"


def test_sites_at_the_same_place(tmp_path):
    doubled = CIFS[0].replace("0.50000000", "0.00000000")
    found = list(read(table(tmp_path / "a.csv", [CIFS[0], doubled], [1, 1]), "energy"))
    assert rejected(found) == [("2", UNREADABLE)] and "ccupanc" in found[1].detail


# ---- ASE


def atoms_of(crystals, energies, **info) -> list:
    result = []
    for n, (crystal, energy) in enumerate(zip(crystals, energies, strict=True)):
        atoms = crystal.to_atoms()
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
        atoms.info = {name: values[n] for name, values in info.items()}
        result.append(atoms)
    return result


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz"])
def test_extended_xyz(tmp_path, name):
    ids = [f"x{n}" for n in range(5)]
    path = tmp_path / name
    write(path, atoms_of(CRYSTALS, [9.0] * 5, formation=ENERGIES, mine=ids), format="extxyz")
    all_same(list(read(path, "formation")))
    all_same(list(read(path, "formation", id="mine", workers=2)), ids)
    write(path, atoms_of(CRYSTALS, np.array(ENERGIES) * [len(c) for c in CRYSTALS], id=ids), format="extxyz")
    all_same(list(read(path, "energy", unit="eV")), ids)


def test_frames_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.extxyz"
    slab = CRYSTALS[0].to_atoms()
    slab.pbc = (True, True, False)
    frames = atoms_of(CRYSTALS, ENERGIES, formation=[-2.1, "much", -0.5, np.nan, True], id=list("abcda"))
    half = CRYSTALS[1].to_atoms()
    half.info = {"formation": 1.0, "id": "half", "occupancy": {"0": {"Zn": 0.5}, "1": {"O": 1.0}}}
    slab.info = {"formation": 1.0, "id": "slab"}
    missing = CRYSTALS[2].to_atoms()
    missing.info = {"id": "missing", "pressure": 1.0}
    anonymous = CRYSTALS[2].to_atoms()
    anonymous.info = {"formation": 0.1}
    flat = CRYSTALS[2].to_atoms()
    flat.info = {"formation": 0.1, "id": "flat"}
    flat.cell[2] = flat.cell[1]
    write(path, [*frames, half, slab, missing, anonymous, flat, frames[0]], format="extxyz")
    text = path.read_text(encoding="utf-8")
    cut = "\n".join(text.split("\n")[:3])  # the first frame without its last atom
    path.write_text(f"{text}garbage\nmore garbage\n{text}3000000\nx\n{cut}\n", encoding="utf-8")
    found = list(read(path, "formation", id="id"))
    first = [("b", NO_ENERGY), ("d", NO_ENERGY), ("a", NO_ENERGY), ("half", DISORDERED), ("slab", UNREADABLE)]
    first += [("missing", NO_ENERGY), ("9", UNREADABLE), ("flat", UNREADABLE)]
    assert rejected(found)[: len(first) + 1] == [*first, ("after frame 11", UNREADABLE)]
    assert [(item.id, item.kind) for item in found[-2:]] == [("23", UNREADABLE), ("24", UNREADABLE)]
    assert found[-2].detail == "3000000 atoms are announced, and the next frame begins after 0"
    assert "expected" in found[-1].detail
    by_id = {item.id: item.detail for item in found if isinstance(item, Rejected)}
    assert by_id["9"].startswith("no 'id' for the id (there are: formation")
    assert by_id["missing"] == "no 'formation' (there are: id, pressure)"
    assert by_id["slab"] == "not periodic in all three directions"


def test_a_name_that_no_frame_has(tmp_path):
    path = tmp_path / "a.extxyz"
    write(path, atoms_of(CRYSTALS, ENERGIES), format="extxyz")
    with pytest.raises(
        ValueError,
        match=r"a\.extxyz: check `energy` \('heat'\).* none of the first 5 rows .*no 'heat' \(there are: energy",
    ):
        list(read(path, "heat"))


def database(path: Path) -> Path:
    with connect(path) as db:
        for n, (crystal, energy) in enumerate(zip(CRYSTALS, ENERGIES, strict=True)):
            atoms = crystal.to_atoms()
            atoms.calc = SinglePointCalculator(atoms, energy=energy * len(crystal))
            db.write(atoms, formation=energy, name=f"x{n}", data={"kept": energy, "many": [1.0, 2.0]})
    return path


def test_an_ase_database_is_read_and_not_written(tmp_path):
    path = database(tmp_path / "a.db")
    path.chmod(0o400)
    before = path.read_bytes()
    all_same(list(read(path, "formation")))
    all_same(list(read(path, "kept", id="name")), [f"x{n}" for n in range(5)])
    all_same(list(read(path, "energy", unit="eV")))
    with pytest.raises(ValueError, match=r"none of the first 5 rows has an energy \(the energy .* is not a number"):
        list(read(path, "many"))
    with pytest.raises(ValueError, match=r"no 'heat' \(there are: id, unique_id, energy"):
        list(read(path, "heat"))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]


def test_a_damaged_row_of_a_database(tmp_path):
    import sqlite3

    path = database(tmp_path / "a.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE systems SET positions = x'0102' WHERE id = 2")
        connection.execute("UPDATE systems SET pbc = 3 WHERE id = 3")
    connection.close()
    found = list(read(path, "formation"))
    assert rejected(found) == [("2", UNREADABLE), ("3", UNREADABLE)]
    assert len(found) == 5


def test_no_database(tmp_path):
    import sqlite3

    (tmp_path / "a.db").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.db is no ASE database"):
        list(read(tmp_path / "a.db", "energy"))
    assert (tmp_path / "a.db").read_bytes() == b""
    with sqlite3.connect(tmp_path / "b.db") as connection:
        connection.execute("CREATE TABLE other (x INTEGER)")
    connection.close()
    with pytest.raises(ValueError, match=r"b\.db cannot be read as an ASE database \(no such table: systems"):
        list(read(tmp_path / "b.db", "energy"))


# ---- folders


def folder(path: Path, rows: list[str], header: str = "id,energy") -> Path:
    path.mkdir()
    for n, text in enumerate(CIFS):
        (path / f"x{n}.cif").write_text(text, encoding="utf-8")
    (path / "energies.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_folder_of_cifs(tmp_path):
    names = [f"x{n}" for n in range(5)]
    rows = [f"x{n},{energy}" for n, energy in enumerate(ENERGIES)]
    all_same(list(read(folder(tmp_path / "a", rows[::-1]), "energy")), names)
    rows = [f"x{n}.cif,{energy}" for n, energy in enumerate(ENERGIES)]
    all_same(list(read(folder(tmp_path / "b", rows, "my file,heat"), "heat", workers=2)), names)
    rows = [f"7,x{n}.cif,{energy}" for n, energy in enumerate(ENERGIES)]
    all_same(list(read(folder(tmp_path / "c", rows, "id,mine,heat"), "heat", id="mine")), names)


def test_a_folder_and_a_table_that_differ(tmp_path):
    """An id that is a path to a readable CIF elsewhere is compared with the folder's names, and not opened."""
    (tmp_path / "secret.cif").write_text(CIFS[0], encoding="utf-8")
    path = folder(tmp_path / "a", ["x0,1", "x1,", "x2,2", "x2,3", "../secret.cif,1", "gone,1", "x4,1"])
    (path / "x4.cif").unlink()
    (path / "x4.cif").mkdir()
    before = sorted(tmp_path.rglob("*"))
    found = list(read(path, "energy"))
    assert rejected(found) == [
        ("x2", REPEATED),
        ("x1", NO_ENERGY),
        ("x3", NO_ENERGY),
        ("x4", UNREADABLE),
        ("../secret", UNREADABLE),
        ("gone", UNREADABLE),
    ]
    assert {e.id: e.formation_energy for e in found if isinstance(e, Entry)} == {"x0": 1.0, "x2": 2.0}
    details = {e.id: e.detail for e in found if isinstance(e, Rejected)}
    assert details["x3"] == "no row of energies.csv (column 'id') has this name, or another file took it"
    assert sorted(tmp_path.rglob("*")) == before


def test_folders_without_what_they_need(tmp_path):
    path = folder(tmp_path / "a", ["x0,1"])
    with pytest.raises(ValueError, match=r"energies\.csv has no column 'heat': give `energy` one of id, energy"):
        list(read(path, "heat"))
    (path / "energies.csv").write_text("energy\n1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"energies\.csv: no column of ids beside 'energy'"):
        list(read(path, "energy"))
    (path / "energies.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"a has no energies\.csv: write one with columns 'id' .* and 'energy'"):
        list(read(path, "energy"))


# ---- what is given


def test_wrong_arguments(tmp_path):
    path = table(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="unknown unit 'Ry': it is one of eV/atom, meV/atom, kJ/mol, eV"):
        read(path, "energy", unit="Ry")
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        read(path, "energy", workers=0)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv does not exist: give a table \.csv"):
        read(tmp_path / "nowhere.csv", "energy")
    (tmp_path / "a.pdf").write_text("x", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.pdf is not understood: give a table .*extxyz.*\.db, or a folder"):
        read(tmp_path / "a.pdf", "energy")


def test_units(tmp_path):
    for unit, factor in [("eV/atom", 1.0), ("meV/atom", 1e3), ("kJ/mol", 96.48533212)]:
        all_same(list(read(table(tmp_path / "a.csv", energies=np.array(ENERGIES) * factor), "energy", unit=unit)))
    cell = np.array(ENERGIES) * [len(crystal) for crystal in CRYSTALS]
    all_same(list(read(table(tmp_path / "a.csv", energies=cell), "energy", unit="eV")))


def test_energies_that_are_none_of_formation(tmp_path):
    """Total energies, and kJ/mol or meV taken for eV."""
    for wrong in (np.array(ENERGIES) - 100, np.array(ENERGIES) * 1000):
        with pytest.raises(
            ValueError, match=r"a\.csv: check `energy` \('energy'\) and `unit` \('eV/atom'\): .*eV/atom"
        ):
            list(read(table(tmp_path / "a.csv", energies=wrong), "energy"))
    with pytest.raises(ValueError, match=r"check `energy` .* and `unit` .*the first 5 energies are all exactly 0"):
        list(read(table(tmp_path / "a.csv", energies=[0.0] * 5), "energy"))


def test_total_energies_of_one_composition(tmp_path):
    """They serve, as Carbon-24's do; in eV of cells of different sizes their spread gives them away."""
    totals = np.array([-154.1, -154.0, -153.9])
    diamond, zno = KNOWN["C"], CIFS[1]
    cells = [diamond.to_structure().make_supercell(n, in_place=False) for n in (1, 2, 3)]
    cifs = [Crystal.from_structure(cell).to_cif() for cell in cells]
    found = list(read(table(tmp_path / "a.csv", cifs, totals), "energy"))
    assert [entry.formation_energy for entry in found] == totals.tolist()
    with pytest.raises(ValueError, match="too much for formation energies"):
        list(read(table(tmp_path / "a.csv", cifs, totals * [2, 16, 54]), "energy"))
    path = table(tmp_path / "a.csv", cifs * judge.HEAD + [zno], [*totals] * judge.HEAD + [-100.0])
    with pytest.raises(ValueError, match="901 is of another: total energies do not compare between compositions"):
        list(read(path, "energy"))


# ---- what people's files are like


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_separators_and_encodings_of_tables(tmp_path, separator, encoding):
    frame = pd.DataFrame({"id": list("abcde"), "cif": CIFS, "energy": ENERGIES})
    frame.to_csv(tmp_path / "a.csv", index=False, sep=separator, encoding=encoding)
    if encoding == "utf-16-le":  # no mark says what it is
        with pytest.raises(ValueError, match="a.csv"):
            list(read(tmp_path / "a.csv", "energy"))
    else:
        all_same(list(read(tmp_path / "a.csv", "energy")), list("abcde"))


def test_decimal_commas_of_a_table_with_semicolons(tmp_path):
    frame = pd.DataFrame({"id": list("abcde"), "cif": CIFS, "energy": ENERGIES})
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    all_same(list(read(tmp_path / "a.csv", "energy")), list("abcde"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_of_frames(tmp_path, encoding):
    path = tmp_path / "a.extxyz"
    write(path, atoms_of(CRYSTALS, ENERGIES, formation=ENERGIES), format="extxyz")
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    all_same(list(read(path, "formation")))


@pytest.mark.parametrize(("count", "why"), [("99", "99 atoms are announced"), ("1", None)])
def test_a_wrong_count_costs_one_frame(tmp_path, count, why):
    path = tmp_path / "a.extxyz"
    write(path, atoms_of([KNOWN["NaCl"]] * 40, [-2.0] * 40, formation=[-2.0] * 40), format="extxyz")
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[4 * 7] = count
    path.write_text("\n".join(lines), encoding="utf-8")
    found = list(read(path, "formation"))
    assert sum(isinstance(item, Entry) for item in found) >= 39
    assert [item.kind for item in found if isinstance(item, Rejected)] == [UNREADABLE]
    if why:
        (lost,) = (item for item in found if isinstance(item, Rejected))
        assert lost.id == "8" and lost.detail.startswith(why)


def test_an_energy_as_an_array_of_one_number(tmp_path):
    path = tmp_path / "a.extxyz"
    frames = atoms_of(CRYSTALS, ENERGIES, formation=[np.array([value]) for value in ENERGIES])
    write(path, frames, format="extxyz")
    all_same(list(read(path, "formation")))
    for value in (np.array([1.0, 2.0]), np.array([[True]]), np.array([])):
        with pytest.raises(own.Unusable, match="not a number"):
            own._number(value)


def test_deuterium_is_hydrogen(tmp_path):
    path = tmp_path / "a.extxyz"
    write(path, atoms_of([KNOWN["NaCl"]], [-0.5], formation=[-0.5]), format="extxyz")
    path.write_text(path.read_text(encoding="utf-8").replace("\nCl ", "\nD "), encoding="utf-8")
    (entry,) = read(path, "formation")
    assert sorted(entry.crystal.numbers) == [1, 11]


def test_names_that_are_no_utf_8(tmp_path):
    name = b"caf\xe9"
    (tmp_path / os.fsdecode(name + b".cif")).write_text(CIFS[0])
    (tmp_path / "energies.csv").write_bytes(b"id,energy\n" + name + b",-2.1\n")
    (entry,) = read(tmp_path, "energy")
    assert entry.id == "caf\N{REPLACEMENT CHARACTER}" and entry.id.encode()


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.cif")
    (tmp_path / "b.cif").write_text(CIFS[0])
    (tmp_path / "energies.csv").write_text("id,energy\na,-1\nb,-2.1\n")
    lost, entry = read(tmp_path, "energy")
    assert (lost.id, lost.detail) == ("a", "this is no file") and entry.id == "b"
    os.mkfifo(tmp_path / "c.csv")
    with pytest.raises(ValueError, match="c.csv is no file"):
        list(read(tmp_path / "c.csv", "energy"))


# ---- sites of CIFs

HCP = """data_Mg
_cell_length_a 3.21
_cell_length_b 3.21
_cell_length_c 5.21
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
loop_
_symmetry_equiv_pos_as_xyz
'x,y,z'
'-y,x-y,z'
'-x+y,-x,z'
'-x,-y,z+1/2'
'y,-x+y,z+1/2'
'x-y,x,z+1/2'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
"""


@pytest.mark.parametrize(
    "third", ["0.333 0.667", "0.3333 0.6667", ".333 .667", "0.3333(4) 0.667(1)", "0.33333 0.66667"]
)
def test_thirds_that_are_rounded_make_no_more_atoms(third):
    crystal = reading.by_pymatgen(f"{HCP}Mg1 Mg {third} 0.25\n")
    assert len(crystal) == 2
    cell = lattice_from_parameters(np.array([3.21, 3.21, 5.21, 90, 90, 120]))
    assert match_rmse(Crystal([12, 12], [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]], cell), crystal) < 0.01


@pytest.mark.parametrize(
    ("site", "why"),
    [
        ("H1 H ? ? ?", "the site H1 has no place"),
        ("H1 H . . .", "the site H1 has no place"),
        ("H1 H 0.1 0.2 ?", "the site H1 has no place"),
        ("Wat1 Wat 0 0 0", "its hydrogens have no place"),
        ("O1 OH2 0 0 0", "its hydrogens have no place"),
        ("Du1 Du 0 0 0", "'Du', which is no element"),
    ],
)
def test_sites_without_a_place_or_an_element(site, why):
    with pytest.raises(own.Unusable, match=why):
        reading.by_pymatgen(f"{HCP}Mg1 Mg 0.3333 0.6667 0.25\n{site}\n")


@pytest.mark.parametrize("symbol", ["D", "T", "H", "H1-", "D+"])
def test_isotopes_are_their_elements(symbol):
    crystal = reading.by_pymatgen(f"{HCP}Mg1 Mg 0.3333 0.6667 0.25\nH1 {symbol} 0 0 0\n")
    assert crystal.formula in ("MgH", "HMg") and len(crystal) == 4


# ---- ../shared/cases

EXPECTED = {
    "thirds_3_digits": 2, "thirds_4_digits": 2, "thirds_formula": 2, "unlooped_symop": 4, "dots_for_numbers": 8,
    "split_labels": DISORDERED, "text_field_before_sites": 8, "oxidation_states": 12, "esd_everywhere": 4,
    "windows_lines": 8, "two_blocks": 8,
}  # fmt: skip


@pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases")
@pytest.mark.filterwarnings("ignore")
def test_cases_of_cifs():
    items = {item.id: item for item in read(CASES / "cifs", "e_form")}
    assert {id: getattr(item, "kind", None) or len(item.crystal) for id, item in items.items()} == EXPECTED
    assert set(items["unlooped_symop"].crystal.frac_coords[:, 2].round(3)) == {0.0, 0.237, 0.763}
    assert items["dots_for_numbers"].crystal.formula == "NaCl"
    diamond = items["text_field_before_sites"].crystal
    assert match_rmse(PROTOTYPES["diamond"].build([14], [5.43] * 3 + [90] * 3), diamond) < 0.01


@pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases")
def test_cases_of_frames():
    found = {
        item.id: getattr(item, "kind", None) or item.crystal.formula for item in read(CASES / "frames.extxyz", "e_form")
    }
    assert found == {
        "total_in_energy": "NaCl", "energies_per_atom": NO_ENERGY, "upper": NO_ENERGY, "slab": UNREADABLE,
        "nan": NO_ENERGY, "deuterium": "LiH", "dummy": UNREADABLE,
    }  # fmt: skip
    start = time.monotonic()
    for name in ("slow_cells", "gete_three"):
        assert all(
            isinstance(item, Entry) and item.crystal.canonical() for item in read(CASES / f"{name}.extxyz", "e_form")
        )
    assert time.monotonic() - start < 9  # spglib once took 10 s for one of them
