"""The table of compounds: the 26 of the paper, and what happens to a table that is wrong."""

from pathlib import Path

import numpy as np
import pytest

from lcom.compounds import COLUMNS, load_compounds, parse_formula, space_group_number
from lcom.crystal import Crystal, lattice_from_parameters

TABLE = Path(__file__).parents[1] / "data" / "compounds.csv"
# Table 1 of arXiv 2310.10056, in its order
PAPER = "LiF NaF KF RbF CsF LiCl NaCl KCl RbCl CsCl BeO MgO CaO SrO BaO ZnO CdO BeS MgS CaS SrS BaS ZnS CdS C Si"
COMPOUNDS = load_compounds(TABLE)
NACL = "NaCl,2,225,rocksalt,5.64,5.64,5.64,90,90,90,Wyckoff"


def write(folder: Path, *rows: str) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


def nearest(crystal: Crystal) -> tuple[float, int]:
    """Shortest distance and how many neighbours the first atom has within 2 % of it, by pymatgen."""
    distances = sorted(n.nn_distance for n in crystal.to_structure().get_neighbors(crystal.to_structure()[0], 5.0))
    return distances[0], sum(d < 1.02 * distances[0] for d in distances)


def test_the_compounds_of_the_paper():
    assert [c.formula for c in COMPOUNDS] == PAPER.split()
    assert all(c.source for c in COMPOUNDS)


@pytest.mark.parametrize("compound", COMPOUNDS, ids=lambda c: c.formula)
def test_ground_state(compound):
    """Space group, atoms, volume and neighbours follow from the prototype and the lattice constants."""
    crystal = compound.crystal()
    a, c = compound.cell[0], compound.cell[2]
    hexagonal_volume = np.sqrt(3) / 2 * a**2 * c
    volume, distance, neighbours = {  # conventional volume / primitive cells in it, nearest distance, coordination
        "rocksalt": (a**3 / 4, a / 2, 6),
        "cesium_chloride": (a**3, a * np.sqrt(3) / 2, 8),
        "zincblende": (a**3 / 4, a * np.sqrt(3) / 4, 4),
        "diamond": (a**3 / 4, a * np.sqrt(3) / 4, 4),
        "wurtzite": (hexagonal_volume, c * ((a / c) ** 2 / 3 + 1 / 4), 4),
        "graphite": (hexagonal_volume, a / np.sqrt(3), 3),
    }[compound.prototype]
    assert space_group_number(crystal) == compound.space_group
    assert len(crystal) == compound.n_atoms
    assert sorted(crystal.numbers) == sorted(compound.numbers)
    assert crystal.formula == compound.formula
    assert crystal.volume == pytest.approx(volume, rel=1e-6)
    assert nearest(crystal)[0] == pytest.approx(distance, rel=1e-6)
    assert nearest(crystal)[1] == neighbours
    again = crystal.canonical()
    np.testing.assert_allclose(again.parameters(), crystal.parameters(), atol=1e-6)


def test_structures_are_built_of_what_is_asked_for_and_not_of_a_table_that_is_known(tmp_path):
    """Of ten thousand rows a job has eight; each row's text is checked all the same."""
    path = write(tmp_path, NACL, "KCl,2,225,rocksalt,0.6,0.6,0.6,90,90,90,x")
    with pytest.raises(ValueError, match="row 3 column a: .*are the lengths in"):
        load_compounds(path)
    assert [c.formula for c in load_compounds(path, ["NaCl"])] == ["NaCl"]
    assert [c.formula for c in load_compounds(path, build=False)] == ["NaCl", "KCl"]
    with pytest.raises(ValueError, match="row 3 column a: 'wide' is not a positive number"):
        load_compounds(write(tmp_path, NACL, "KCl,2,225,rocksalt,wide,6,6,90,90,90,x"), ["NaCl"], build=False)


def test_numbers_are_in_the_order_of_the_formula():
    zno = next(c for c in COMPOUNDS if c.formula == "ZnO")
    np.testing.assert_array_equal(zno.numbers, [30, 30, 8, 8])


def test_only_keeps_the_order_of_the_table():
    assert [c.formula for c in load_compounds(TABLE, only=["Si", "MgO"])] == ["MgO", "Si"]
    with pytest.raises(ValueError, match=r"MgX, NaBr .*compounds.csv, which has LiF, NaF"):
        load_compounds(TABLE, only=["MgX", "Si", "NaBr"])


def test_own_table_with_a_cif(tmp_path):
    """Fluorite from the CIF of its conventional cell: 12 atoms there, 3 in the primitive cell."""
    sites = np.array([[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]])
    shifts = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    frac = (sites[:, None] + shifts).reshape(-1, 3)
    fluorite = Crystal(np.repeat([20, 9, 9], 4), frac, lattice_from_parameters([5.463, 5.463, 5.463, 90, 90, 90]))
    (tmp_path / "cifs").mkdir()
    (tmp_path / "cifs" / "CaF2.cif").write_text(fluorite.to_cif(), encoding="utf-8")
    caf2, nacl = load_compounds(write(tmp_path, "CaF2,3,225,cifs/CaF2.cif,,,,,,,mine", NACL))
    assert (caf2.formula, nacl.formula) == ("CaF2", "NaCl")
    np.testing.assert_array_equal(caf2.numbers, [20, 9, 9])
    crystal = caf2.crystal()
    assert len(crystal) == 3 and crystal.volume == pytest.approx(5.463**3 / 4, rel=1e-4)
    assert nearest(crystal)[0] == pytest.approx(5.463 * np.sqrt(3) / 4, rel=1e-4)


def test_a_larger_cell_than_the_formula(tmp_path):
    """Blank lines, spaces and a byte-order mark are no error."""
    path = write(tmp_path, "", " ZnO , 4 , 186 , wurtzite , 3.25 , 3.25 , 5.2 , 90 , 90 , 120 , mine ", "")
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert [c.formula for c in load_compounds(path)] == ["ZnO"]


def test_a_table_in_another_encoding_is_named(tmp_path):
    path = write(tmp_path, "MgO,2,225,rocksalt,4.21,,,,,,me")
    path.write_bytes(path.read_bytes().replace(b",me", b",M\xfcller"))
    with pytest.raises(ValueError, match=r"\.csv is no UTF-8 .*save it as CSV UTF-8"):
        load_compounds(path)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("NaXx,2,225,rocksalt,5,5,5,90,90,90,x", "formula", "unknown element 'Xx'"),
        ("Na2Cl2,2,225,rocksalt,5,5,5,90,90,90,x", "formula", "not reduced: divide by 2"),
        ("../NaCl,2,225,rocksalt,5,5,5,90,90,90,x", "formula", "is not a formula"),
        ("Na Cl,2,225,rocksalt,5,5,5,90,90,90,x", "formula", "is not a formula"),
        ("Na0Cl,2,225,rocksalt,5,5,5,90,90,90,x", "formula", "is not a formula"),
        ("NaClNa,2,225,rocksalt,5,5,5,90,90,90,x", "formula", "names Na twice"),
        (",2,225,rocksalt,5,5,5,90,90,90,x", "formula", "is not a formula"),
        ("NaCl,3,225,rocksalt,5,5,5,90,90,90,x", "n_atoms", "3 is not a multiple of the 2 atoms of NaCl"),
        ("NaCl,4,225,rocksalt,5.6,5.6,5.6,90,90,90,x", "n_atoms", "2 atoms in its primitive cell, not 4"),
        ("NaCl,two,225,rocksalt,5,5,5,90,90,90,x", "n_atoms", "'two' is not a whole number from 1"),
        ("NaCl,2,231,rocksalt,5,5,5,90,90,90,x", "space_group", "not a whole number from 1 to 230"),
        ("NaCl,2,216,rocksalt,5.6,5.6,5.6,90,90,90,x", "space_group", "space group 225, not 216"),
        ("NaCl,2,225,unknown,5,5,5,90,90,90,x", "prototype", "rocksalt, cesium_chloride, .* ground state is needed"),
        ("NaCl,2,225,,5,5,5,90,90,90,x", "prototype", "ground state is needed"),
        ("Si,2,225,rocksalt,5,5,5,90,90,90,x", "prototype", "rocksalt takes 2 element"),
        ("CaF2,3,225,rocksalt,5,5,5,90,90,90,x", "prototype", "CaF2 does not fit"),
        ("NaCl,2,225,missing.cif,,,,,,,x", "prototype", "no file .*missing.cif"),
        ("NaCl,2,225,rocksalt,,5,5,90,90,90,x", "a", "'' is not a positive number"),
        ("NaCl,2,225,rocksalt,nan,5,5,90,90,90,x", "a", "'nan' is not a positive number"),
        ("NaCl,2,225,rocksalt,5,-5,5,90,90,90,x", "b", "'-5' is not a positive number"),
        ("NaCl,2,225,rocksalt,5,5,6,90,90,90,x", "c", "rocksalt has c = a = 5, got 6"),
        ("ZnO,4,186,wurtzite,3.2,3.2,5.2,90,90,90,x", "gamma", "gamma = 120, got 90"),
        ("NaCl,2,225,rocksalt,0.56,0.56,0.56,90,90,90,x", "a", "are the lengths in Å"),
        ("NaCl,2,225,rocksalt,564,564,564,90,90,90,x", "a", "are the lengths in Å"),
    ],
)
def test_wrong_rows_name_file_row_and_column(tmp_path, row, column, words):
    path = write(tmp_path, "Si,2,227,diamond,5.43,5.43,5.43,90,90,90,x" if not row.startswith("Si") else NACL, row)
    with pytest.raises(ValueError, match=rf"mine\.csv row 3 column {column}: .*{words}"):
        load_compounds(path)


WYCKOFF = ",".join([*COLUMNS, "wyckoff"])
RUTILE = "TiO2,6,136,rutile,4.594,4.594,2.958,90,90,90,x"


def write_wyckoff(folder: Path, row: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(f"{WYCKOFF}\n{row}\n", encoding="utf-8")
    return path


def test_free_parameters(tmp_path):
    """The column overrides the type's default, which an empty field and a missing column leave."""
    for field, x in [("x=0.310", 0.310), ("", 0.305)]:
        (compound,) = load_compounds(write_wyckoff(tmp_path, f"{RUTILE},{field}"))
        structure = compound.conventional().to_structure()
        apical = np.sqrt(2) * x * 4.594
        equatorial = np.hypot(np.sqrt(2) * (0.5 - x) * 4.594, 2.958 / 2)
        distances = sorted(n.nn_distance for n in structure.get_neighbors(structure[0], 2.2))
        assert distances == pytest.approx(sorted([apical] * 2 + [equatorial] * 4), abs=1e-6)
    assert load_compounds(write(tmp_path, RUTILE))[0].free == ()


def test_a_monoclinic_type(tmp_path):
    """beta is the one free angle: the volume is abc sin(beta), half of it in the primitive cell."""
    (compound,) = load_compounds(write(tmp_path, "YCl3,8,12,yttrium_chloride,6.92,11.94,6.44,90,111,90,x"))
    assert compound.crystal().volume == pytest.approx(6.92 * 11.94 * 6.44 * np.sin(np.radians(111)) / 2)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (f"{RUTILE},y=0.3", "wyckoff", "rutile has no free parameter y; it has x"),
        (f"{NACL},x=0.3", "wyckoff", "rocksalt has no free parameter x; it has none"),
        (f"{RUTILE},x=0.3 x=0.2", "wyckoff", "'x=0.2' is not a parameter and its value once"),
        (f"{RUTILE},0.3", "wyckoff", "'0.3' is not a parameter"),
        (f"{RUTILE},x=0.0001", "a", "the shortest distance in TiO2 from rutile is .* are the lengths in Å"),
        (f"{RUTILE},x=0", "a", "the shortest distance in TiO2 from rutile is 0 Å"),
        (
            f"{RUTILE.replace('TiO2', 'Ti2O')},",
            "prototype",
            r"rutile takes 2 element\(s\) as 1:2, .* Ti2O does not fit",
        ),
        (f"{RUTILE.replace('TiO2', 'O2Ti')},", "prototype", "in this order; O2Ti does not fit"),
        (f"{RUTILE.replace('90,90,90', '90,91,90')},", "beta", "rutile has beta = 90, got 91"),
        (f"{RUTILE.replace('4.594,4.594', '4.594,4.6')},", "b", "rutile has b = a = 4.594, got 4.6"),
        (f"{RUTILE.replace('TiO2,6', 'TiO2,12')},", "n_atoms", "6 atoms in its primitive cell, not 12"),
        ("YCl3,8,12,yttrium_chloride,6.92,11.94,6.44,90,180,90,x,", "alpha", "no cell has the lattice parameters"),
    ],
)
def test_wrong_rows_with_free_parameters(tmp_path, row, column, words):
    with pytest.raises(ValueError, match=rf"mine\.csv row 2 column {column}: .*{words}"):
        load_compounds(write_wyckoff(tmp_path, row))


def test_more_symmetric_than_its_type(tmp_path):
    """The layers of GeS without their distortion: the table, which is not searched for symmetry, takes it, the stages do not."""
    flat = "SnS,8,62,germanium_sulfide,11.6,4.1012,4.1012,90,90,90,x,x1=0.125 z1=0 x2=0.875 z2=0.5"
    (compound,) = load_compounds(write_wyckoff(tmp_path, flat))
    with pytest.raises(ValueError, match="SnS from germanium_sulfide .* has 4 atoms in its primitive cell, not 8"):
        compound.crystal()


def test_a_table_of_types_needs_no_search_for_symmetry(monkeypatch):
    """The controller reads the table at every parse: ten thousand rows take seconds, not a quarter of an hour."""
    import spglib

    def refuse(*args, **kwargs):
        raise AssertionError("a search for symmetry takes some 20 ms")

    for name in ("standardize_cell", "get_symmetry_dataset", "niggli_reduce"):
        monkeypatch.setattr(spglib, name, refuse)
    assert len(load_compounds(TABLE)) == 26
    with pytest.raises(AssertionError):
        COMPOUNDS[0].crystal()


def test_duplicates_in_any_order_of_the_elements(tmp_path):
    with pytest.raises(ValueError, match=r"row 3 column formula: ClNa is there twice \(as NaCl above\)"):
        load_compounds(write(tmp_path, NACL, NACL.replace("NaCl", "ClNa")))


def test_further_rows_of_a_formula_are_its_other_polymorphs(tmp_path):
    other = "NaCl,2,221,cesium_chloride,3.5,3.5,3.5,90,90,90,x"
    (compound,) = load_compounds(write(tmp_path, NACL, other))
    assert compound.prototype == "rocksalt" and [known.prototype for known in compound.known] == [
        "rocksalt",
        "cesium_chloride",
    ]
    assert [space_group_number(known.crystal()) for known in compound.known] == [225, 221]
    (alone,) = load_compounds(write(tmp_path, NACL))
    assert alone.known == (alone,)
    with pytest.raises(ValueError, match=r"row 4 column formula: NaCl is there twice"):
        load_compounds(write(tmp_path, NACL, other, other))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("broken.cif", "data_x\n_cell_length_a nonsense\n", "cannot build NaCl from broken.cif"),
        ("empty.cif", "", "cannot build NaCl from empty.cif"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_unreadable_cif(tmp_path, name, text, words):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        load_compounds(write(tmp_path, f"NaCl,2,225,{name},,,,,,,x"))


def test_cif_of_another_compound(tmp_path):
    si = next(c for c in COMPOUNDS if c.formula == "Si").crystal()
    (tmp_path / "si.cif").write_text(si.to_cif(), encoding="utf-8")
    with pytest.raises(ValueError, match="si.cif holds Si, not NaCl"):
        load_compounds(write(tmp_path, "NaCl,2,225,si.cif,,,,,,,x"))


def test_wrong_tables(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such table of compounds"):
        load_compounds(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="missing column.*formula"):
        load_compounds(tmp_path / "empty.csv")
    with pytest.raises(ValueError, match="no compounds in the table"):
        load_compounds(write(tmp_path))
    with pytest.raises(ValueError, match="row 2: 12 fields, not 11"):
        load_compounds(write(tmp_path, NACL + ", 1963"))


def test_formulas():
    assert parse_formula("MgF2") == {12: 1, 9: 2}
    assert parse_formula("Si") == {14: 1}
    assert list(parse_formula("ClNa")) == [17, 11]
