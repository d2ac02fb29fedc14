"""Crystals in files of one's own: every frame and block, what is refused, and what a CIF leaves open."""

import gzip
from pathlib import Path

import ase.io
import numpy as np
import pytest

from lcom.crystal import Crystal
from lcom.prediction.given import Given, Refused, read_given
from tests.crystals import KNOWN

SALT = KNOWN["NaCl"]
CIF = SALT.to_cif()


def written(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def one(path: Path) -> Given:
    (item,) = read_given(path)
    assert isinstance(item, Given), item
    return item


def refusal(path: Path) -> str:
    (item,) = read_given(path)
    assert isinstance(item, Refused) and item.file == str(path), item
    return item.reason


def test_every_block_of_a_cif_is_read_those_of_one_name_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cif", "data_global\n_journal_year 2020\n" + CIF + CIF + KNOWN["Si"].to_cif())
    items = read_given(path)
    assert [item.file for item in items] == [f"{path}:{k}" for k in (1, 2, 3)]
    assert [item.crystal.formula for item in items] == ["NaCl", "NaCl", "Si"]


def test_a_block_that_is_broken_costs_no_other(tmp_path: Path) -> None:
    broken, sound = read_given(written(tmp_path / "a.cif", CIF.replace("_cell_length_a", "_cell_length_q") + CIF))
    assert isinstance(sound, Given)
    assert isinstance(broken, Refused) and broken.file == f"{tmp_path}/a.cif:1"
    assert broken.reason.startswith("cannot be read as a crystal: ")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.cif", f"# von Jürgen\n{CIF}".encode("latin-1")),
        ("a.cif", b"\xef\xbb\xbf" + CIF.encode()),
        ("a.CIF", CIF.encode()),
        ("a.mcif", CIF.encode()),
        ("a.cif.gz", gzip.compress(CIF.encode())),
        ("a.vasp", "Müller\n5.6\n0 .5 .5\n.5 0 .5\n.5 .5 0\nNa Cl\n1 1\ndirect\n0 0 0\n.5 .5 .5\n".encode("latin-1")),
    ],
)
def test_the_spelling_of_a_file_is_no_matter(name: str, data: bytes, tmp_path: Path) -> None:
    item = one(written(tmp_path / name, data))
    assert item.crystal.formula == "NaCl" and item.warning == ""


def test_what_a_cif_leaves_open_is_said(tmp_path: Path) -> None:
    operations = CIF[CIF.index("loop_\n _symmetry_equiv") : CIF.index("loop_\n _atom_site")]
    no_group = CIF.replace("'P 1'", "'Q 9'").replace("_symmetry_Int_Tables_number   1\n", "").replace(operations, "")
    assert "Defaulting to P1" in one(written(tmp_path / "p1.cif", no_group)).warning
    hydrogens = CIF.replace("'Na1 Cl1'", "'Na1 Cl1 H2'")
    assert "Missing elements H" in one(written(tmp_path / "h.cif", hydrogens)).warning


def test_partial_occupancies_are_refused(tmp_path: Path) -> None:
    row = "  Na  Na0  1  0.00000000  0.00000000  0.00000000  1\n"
    half = row.removesuffix("1\n") + "0.5\n"
    assert row in CIF
    path = written(tmp_path / "a.cif", CIF.replace(row, half + half.replace("Na", "K")))
    assert "disordered (partial occupancies)" in refusal(path)
    packed = written(tmp_path / "b.cif.gz", gzip.compress(path.read_bytes()))  # ASE's reader would take no notice
    assert "disordered" in refusal(packed)


def test_a_frame_that_is_broken_or_no_crystal_costs_no_other(tmp_path: Path) -> None:
    salt, slab, molecule = SALT.to_atoms(), SALT.to_atoms(), SALT.to_atoms()
    slab.pbc, molecule.pbc = (True, True, False), False
    path = tmp_path / "a.extxyz"
    ase.io.write(path, [salt, slab, molecule, salt, salt])
    lines = path.read_text().splitlines()
    lines[3 * 4 + 2] = "Na x y z"  # of the fourth frame
    path.write_text("\n".join(lines))
    first, *refused, last = read_given(path)
    assert isinstance(first, Given) and isinstance(last, Given) and last.file == f"{path}:5"
    assert [item.file for item in refused] == [f"{path}:{k}" for k in (2, 3, 4)]
    assert "its pbc is T T F" in refused[0].reason and "its pbc is F F F" in refused[1].reason
    assert "cannot be read" in refused[2].reason


def test_what_is_no_file_of_crystals_is_said_in_plain_words(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "is a folder: name the files in it"
    assert refusal(tmp_path / "nothere.cif") == "no such file"
    assert refusal(written(tmp_path / "empty.cif", "")) == "is empty"
    assert refusal(written(tmp_path / "text.cif", "hello")) == "has no crystal in it"
    for name in ("a.bin", "bare"):
        reason = refusal(written(tmp_path / name, bytes(range(256))))
        assert reason.startswith("is of no kind that is known here: give a CIF, POSCAR, extxyz"), reason
    flat = Crystal(SALT.numbers, SALT.frac_coords, SALT.lattice * np.array([1, 1, 1e-3]))
    ase.io.write(tmp_path / "flat.extxyz", flat.to_atoms())
    assert refusal(tmp_path / "flat.extxyz") == "is no crystal: its cell has no volume"
