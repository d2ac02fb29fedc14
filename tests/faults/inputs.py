"""Small valid inputs of every kind that people bring, and how each is read: what tests/faults/test_fuzz.py changes."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, read_candidate, read_candidates, write_candidate
from lcom.compounds import load_compounds
from lcom.config import Config
from lcom.data.settings import CleanSettings
from lcom.data.sources import embedded, matbench, oqmd, own, qmpy
from lcom.data.sources.clean import clean
from lcom.data.sources.entries import Entry, Rejected
from lcom.data.sources.http import Patience
from lcom.data.sources.optimade import fetch_pages
from lcom.data.sources.optimade_server import Server
from lcom.formula import parse_formula, read_formula
from lcom.prediction.given import Refused, read_given
from lcom.report.judge import load_energies, load_references
from tests.crystals import KNOWN
from tests.data.test_optimade import oqmd_row
from tests.data.test_oqmd import jarvis_row

ROOT = Path(__file__).resolve().parents[2]
NAME = "fuzzed"  # is in every file's name, so that an error that names its file can be told from one that does not
ALL = CleanSettings(max_atoms=20, max_rejected=1.0)
SALT, WURTZITE = KNOWN["NaCl"], KNOWN["ZnO"]
CIF = SALT.to_cif()
CIF_WITH_SYMMETRY = """data_x
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 225
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
'-x, -y, z'
'x, y+1/2, z+1/2'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 1
Cl1 Cl 0.5 0.5 0.5 1
"""


@dataclass(frozen=True)
class Kind:
    """valid: inputs without a fault · read: makes of one, written into a folder, all that the program makes of it · tree: JSON, whose
    values and keys can be changed, too · packed: how its text becomes the bytes of a file"""

    name: str
    valid: tuple[bytes, ...]
    read: Callable[[Path, bytes], Any]
    tree: bool = False
    packed: Callable[[bytes], bytes] = bytes


def cleaned(entries: Iterable[Entry | Rejected], folder: Path) -> None:
    """As the stage `source` does; each reason is a line."""
    found = list(entries)
    assert all(item.detail for item in found if isinstance(item, Rejected)), found
    clean(found, ALL, 1, folder / "crystals.parquet", folder / "rejected.csv", NAME)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# ---- readers


def formula(folder: Path, data: bytes) -> None:
    text = data.decode(errors="replace")
    try:
        found = read_formula(text)
    except ValueError as error:
        assert str(error).isprintable() and str(error).startswith("'"), error
    else:
        assert parse_formula(found.name) == found.counts
    parse_formula(text)


def cif(folder: Path, data: bytes) -> None:
    (folder / NAME).mkdir()
    written(folder / NAME, "a.cif", data)
    (folder / NAME / "energies.csv").write_text("id,energy\na,-1.5\n")
    cleaned(own.read(folder / NAME, "energy"), folder)


def judged(folder: Path, data: bytes) -> None:
    for item in read_given(written(folder, f"{NAME}.cif", data)):
        if isinstance(item, Refused):
            raise ValueError(f"{item.file}: {item.reason}")


def energies(folder: Path, data: bytes) -> None:
    (folder / NAME).mkdir()
    (folder / NAME / "a.cif").write_text(CIF)
    written(folder / NAME, "energies.csv", data)
    cleaned(own.read(folder / NAME, "energy"), folder)


def compounds(folder: Path, data: bytes) -> None:
    (folder / "a.cif").write_text(CIF)
    load_compounds(written(folder, f"{NAME}.csv", data))


def config(folder: Path, data: bytes) -> None:
    try:
        values = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, LookupError):  # Snakemake's to say
        return
    if isinstance(values, dict):
        parse_settings(Config, values)


class Answer:
    """What requests has of a page."""

    status_code, headers, is_redirect = 200, {}, False

    def __init__(self, body: bytes) -> None:
        self.body = body

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def iter_content(self, size: int) -> list[bytes]:
        return [self.body]


def optimade(folder: Path, data: bytes) -> None:
    once = Patience(attempts=1, backoff=0.0, longest_wait=0.0)
    pages = folder / NAME
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "_get", lambda self, url: Answer(data))
        fetch_pages(f"http://{NAME}/v1", "nsites<9", pages, patience=once)
    cleaned(oqmd.read_pages(pages), folder)


def energy(folder: Path, data: bytes) -> None:
    path = written(folder, f"{NAME}.jsonl", data)
    load_energies(path)
    load_references(path)


def candidate(folder: Path, data: bytes) -> None:
    path = written(folder, f"{NAME}.extxyz", data)
    read_candidates(path)
    read_candidate(path)


def source(name: str, read: Callable[[Path], Iterable[Entry | Rejected]]) -> Callable[[Path, bytes], None]:
    return lambda folder, data: cleaned(read(written(folder, name, data)), folder)


# ---- files


def zipped(text: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.json", text)
    return data.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _page(rows: list[dict]) -> dict:
    meta = {"data_returned": len(rows), "data_available": 7, "more_data_available": False}
    return {"data": rows, "links": {"next": None}, "meta": meta}


def _frames() -> bytes:
    from ase.io import write

    file, atoms = io.StringIO(), [SALT.to_atoms(), WURTZITE.to_atoms()]
    for k, frame in enumerate(atoms):
        frame.info |= {"id": f"x{k}", "energy": -1.5 - k}
    write(file, atoms, format="extxyz")
    return file.getvalue().encode()


def _candidate(folder: Path) -> bytes:
    path = folder / "c.extxyz"
    write_candidate(path, Candidate(SALT, "NaCl", 0, "lcoms", "dataset", info={"seconds": 1.5}))
    return path.read_bytes()


def kinds(folder: Path) -> list[Kind]:
    """folder: for files that are made on the way."""
    structure = SALT.to_structure().as_dict()
    table = "id,cif,energy\n" + "".join(f'{k},"{text}",{-1.5 - k}\n' for k, text in enumerate([CIF, CIF_WITH_SYMMETRY]))
    rows = (ROOT / "data/compounds.csv").read_text().splitlines()
    known = [row for row in rows if row.split(",")[0] in ("formula", "NaCl", "ZnO", "Si", "TiO2")]
    row = {"id": "a-0", "formula": "NaCl", "prototype": "rocksalt", "energy": -3.4, "formation_energy": -2.0}
    row |= SALT.content()
    labels = {"compound": "NaCl", "method": "lcoms", "start": "dataset", "seed": 0, "settings": {"ecut": 600.0}}
    record = labels | {"status": "ok", "energy": -3.4, "seconds": 1.5, "structure": SALT.content(), "converged": True}
    record["polymorphs"] = [labels | {"status": "failed", "reason": "no memory", "energy": None, "seconds": 0.1}]
    formulas = ("NaCl", "Ca(OH)2", "CaSO4·2H2O", "nacl", "SiO₂", "Li10GeP2S12", "Fe0.5Ni0.5", "D2O", "[Co(NH3)6]Cl3")
    settings = (ROOT / "config.yaml").read_bytes()
    return [
        Kind("formula", tuple(text.encode() for text in formulas), formula),
        Kind("CIF", (CIF.encode(), CIF_WITH_SYMMETRY.encode()), cif),
        Kind("CIF to judge", (CIF.encode(), CIF_WITH_SYMMETRY.encode()), judged),
        Kind("extxyz", (_frames(),), source(f"{NAME}.xyz", lambda path: own.read(path, "energy"))),
        Kind("CSV of CIFs", (table.encode(),), source(f"{NAME}.csv", lambda path: own.read(path, "energy"))),
        Kind("energies.csv", (b"id,energy\na,-1.5\n", b"name;energy\na.cif;-1,5\n"), energies),
        Kind("table of compounds", ("\n".join(known).encode(),), compounds),
        Kind("config, text", (settings,), config),
        Kind("config, values", (_json(yaml.safe_load(settings)),), config, tree=True),
        Kind("page of OPTIMADE", (_json(_page([oqmd_row(1), oqmd_row(2)])),), optimade, tree=True),
        Kind(
            "file of JARVIS",
            (_json([jarvis_row(1), jarvis_row(2)]),),
            source(f"{NAME}.zip", oqmd.read_jarvis),
            True,
            zipped,
        ),
        Kind(
            "file of MatBench",
            (_json({"index": [0, 1], "columns": ["structure", "e_form"], "data": [[structure, -2], [structure, -1]]}),),
            source(f"{NAME}.json.gz", matbench.read),
            True,
            gzip.compress,
        ),
        Kind("embedded set", (_json(row),), source(f"{NAME}.jsonl.gz", embedded.read), True, gzip.compress),
        Kind("dump of OQMD", (_dump(),), source(f"{NAME}.sql", qmpy.read_sql)),
        Kind("energy of GPAW", (_json(record),), energy, tree=True),
        Kind("candidate", (_candidate(folder),), candidate),
    ]


def _dump() -> bytes:
    """The smallest dump of qmpy's tables."""
    columns = {
        "formation_energies": "id entry_id calculation_id fit_id delta_e",
        "calculations": "id output_id converged",
        "structures": "id natoms x1 x2 x3 y1 y2 y3 z1 z2 z3",
        "atoms": "id structure_id element_id x y z occupancy",
    }
    rows = {
        "atoms": "(1,7,'Na',0,0,0,1),(2,7,'Cl',0.5,0.5,0.5,1)",
        "calculations": "(5,7,1)",
        "formation_energies": "(1,9,5,'standard',-2.1)",
        "structures": "(7,2,0,2.8,2.8,2.8,0,2.8,2.8,2.8,0)",
    }
    text = ""
    for table, values in rows.items():
        names = ",\n".join(f"  `{name}` text" for name in columns[table].split())
        text += f"CREATE TABLE `{table}` (\n{names}\n);\nINSERT INTO `{table}` VALUES {values};\n"
    return text.encode()
