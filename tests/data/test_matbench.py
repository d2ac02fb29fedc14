"""MatBench's file, written as matminer and pandas write it, read as a stream."""

import gzip
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pymatgen.core import Structure

from lcom.data.sources import json_text, matbench
from lcom.data.sources.entries import DISORDERED, NO_ENERGY, UNREADABLE, Entry, Rejected
from tests.crystals import random_crystals

STRUCTURES = [crystal.to_structure() for n in (1, 3, 7) for crystal in random_crystals(2, n, n)]
COLUMNS = ["structure", "e_form"]


def _write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def _file(tmp_path: Path, data: Sequence[Any], index: Any = "count", order: str = "icd") -> Path:
    """A file of the rows, its keys in the order of their initials; by default the index counts."""
    index = list(range(len(data))) if index == "count" else index
    parts = {"i": ("index", index), "c": ("columns", COLUMNS), "d": ("data", list(data))}
    return _write(tmp_path / "m.json.gz", json.dumps(dict(parts[key] for key in order)))


def _entries(path: Path, chunk: int = matbench.CHUNK) -> list[Entry]:
    found = list(matbench.read(path, chunk=chunk))
    assert all(isinstance(entry, Entry) for entry in found), found
    return found


def _only(tmp_path: Path, structure: Any, energy: Any = 0.5) -> Rejected:
    (found,) = matbench.read(_file(tmp_path, [[structure, energy]]))
    assert isinstance(found, Rejected), found
    return found


def _changed(path: str, value: Any) -> dict:
    """The dict of a structure with another value at a path such as sites.0.abc; DELETE takes the key out."""
    structure = json.loads(json.dumps(STRUCTURES[2].as_dict()))
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    at = structure
    for step in steps:
        at = at[step]
    if value == "DELETE":
        del at[last]
    else:
        at[last] = value
    return structure


def _compare(entries: list[Entry], structures: list[Structure]) -> None:
    for entry, structure in zip(entries, structures, strict=True):
        # the oracle: pymatgen's own reading of the same dict
        expected = Structure.from_dict(structure.as_dict())
        assert entry.crystal.numbers.tolist() == [site.specie.Z for site in expected]
        np.testing.assert_allclose(entry.crystal.lattice, expected.lattice.matrix, atol=1e-12)
        difference = entry.crystal.frac_coords - expected.frac_coords
        np.testing.assert_allclose(difference - np.round(difference), 0, atol=1e-12)


@pytest.mark.parametrize("writer", ["matminer", "pandas"])
def test_the_same_crystals_as_pymatgen_reads(tmp_path, writer: str) -> None:
    decorated = STRUCTURES[2].copy()
    decorated.add_oxidation_state_by_element({element.symbol: 2 for element in decorated.elements})
    decorated.add_site_property("magmom", [0.5] * len(decorated))
    structures = [*STRUCTURES, decorated]
    frame = pd.DataFrame({"structure": [s.as_dict() for s in structures], "e_form": -0.1 * np.arange(len(structures))})
    text = {
        "pandas": frame.to_json(orient="split", double_precision=15),  # escapes "/", has no blanks
        "matminer": json.dumps(
            frame.to_dict(orient="split")
        ),  # as its store_dataframe_as_json, which wrote the real file
    }[writer]
    entries = _entries(_write(tmp_path / "m.json.gz", text))
    _compare(entries, structures)
    assert [entry.id for entry in entries] == [f"mb-mp-e-form-{i + 1:06d}" for i in range(len(structures))]
    np.testing.assert_allclose([entry.formation_energy for entry in entries], frame["e_form"])
    assert {entry.source for entry in entries} == {"matbench"}


def test_any_chunk(tmp_path) -> None:
    structure = STRUCTURES[2].copy()
    for site in structure:  # characters of many bytes, and what looks like the end of a row
        site.label = 'é-\U0001d54f "],[{'
    rows = [[structure.as_dict(), -1.25]] * 2
    text = json.dumps({"index": ["é1", "b"], "columns": COLUMNS, "data": rows}, ensure_ascii=False)
    path = _write(tmp_path / "m.json.gz", text)
    for chunk in (*range(1, 201), matbench.CHUNK):
        entries = _entries(path, chunk)
        _compare(entries, [structure] * 2)
        assert [(entry.id, entry.formation_energy) for entry in entries] == [("é1", -1.25), ("b", -1.25)]


@pytest.mark.parametrize("order", ["icd", "cid", "dci", "idc", "cdi", "cd"])
def test_any_order_of_the_keys(tmp_path, order: str) -> None:
    path = _file(tmp_path, [[s.as_dict(), 0.25] for s in STRUCTURES], order=order)
    entries = _entries(path)
    _compare(entries, STRUCTURES)
    assert entries[0].id == "mb-mp-e-form-000001"


def test_columns_change_places_and_others_are_skipped(tmp_path) -> None:
    row = [None, -0.5, [1, {"a": "]"}], STRUCTURES[0].as_dict()]
    text = json.dumps({"more": {"x": []}, "index": ["a"], "columns": ["u", "e", "v", "structure"], "data": [row]})
    (entry,) = matbench.read(_write(tmp_path / "m.json.gz", text), energy="e")
    assert isinstance(entry, Entry) and (entry.id, entry.formation_energy) == ("a", -0.5)


@pytest.mark.parametrize(
    ("path", "value", "detail"),
    [
        ("lattice", None, "subscriptable"),
        ("lattice.matrix", "DELETE", "no 'matrix'"),
        ("lattice.matrix", [[1, 0], [0, 1]], "3 x 3"),
        ("lattice.matrix.0", [0, 0, 0], "no volume"),
        ("lattice.matrix.0.0", float("nan"), "finite"),
        ("sites", [], "0 atomic numbers"),
        ("sites", 3, "iterable"),
        ("sites.0.abc", [0.1, 0.2], "inhomogeneous"),
        ("sites.0.abc.1", None, "finite"),
        ("sites.0.abc.1", 10**400, "too large"),
        ("sites.1.species", "DELETE", "no 'species'"),
        ("sites.1.species.0", "Na", "indices"),
        ("sites.1.species.0.element", "Qq", "unknown element 'Qq'"),
        ("sites.1.species.0.element", ["Na"], "unhashable"),
    ],
)
def test_what_is_no_structure_is_unreadable(tmp_path, path: str, value: Any, detail: str) -> None:
    found = _only(tmp_path, _changed(path, value))
    assert (found.id, found.kind) == ("mb-mp-e-form-000001", UNREADABLE) and detail in found.detail


@pytest.mark.parametrize("row", [None, 7, {}, [], [1], [1, 2, 3], "ab", [None, 0.5], [[], 0.5]])
def test_a_row_that_is_none_is_unreadable(tmp_path, row: Any) -> None:
    rows = [[STRUCTURES[0].as_dict(), 0.5], row, [STRUCTURES[1].as_dict(), 0.5]]
    first, found, last = matbench.read(_file(tmp_path, rows))
    assert isinstance(found, Rejected) and (found.id, found.kind) == ("mb-mp-e-form-000002", UNREADABLE)
    assert isinstance(first, Entry) and isinstance(last, Entry)  # the rest is read


@pytest.mark.parametrize(
    ("species", "detail"),
    [
        ([{"element": "Na", "occu": 0.5}, {"element": "K", "occu": 0.5}], "site 2 holds Na:0.5 K:0.5"),
        ([{"element": "Na", "oxidation_state": 1, "occu": 0.9}], "site 2 holds Na:0.9"),
        ([], "site 2 holds nothing"),
    ],
)
def test_disordered(tmp_path, species: list, detail: str) -> None:
    found = _only(tmp_path, _changed("sites.1.species", species))
    assert (found.kind, found.detail) == (DISORDERED, detail)


@pytest.mark.parametrize("energy", [None, float("nan"), float("-inf"), "-0.5", True, [], 10**400])
def test_no_energy(tmp_path, energy: Any) -> None:
    assert _only(tmp_path, STRUCTURES[0].as_dict(), energy).kind == NO_ENERGY


def test_ids_of_all_kinds(tmp_path) -> None:
    row = [STRUCTURES[0].as_dict(), 0.5]
    index = ["a", "a", 0, "mb-mp-e-form-000001", None, "", 1.5, True]
    found = list(matbench.read(_file(tmp_path, [row] * len(index), index)))
    kinds = [entry.kind if isinstance(entry, Rejected) else entry.id for entry in found]
    assert kinds == ["a", "a", *["mb-mp-e-form-000001"] * 2, *[UNREADABLE] * 4]
    assert [entry.id for entry in found[4:]] == ["row 5", "row 6", "row 7", "row 8"]


# ---- damaged files


def test_a_text_cut_anywhere_is_named_and_its_rows_come_first(tmp_path) -> None:
    row = json.dumps([STRUCTURES[0].as_dict(), -0.5])
    start = '{"index": [0, 1], "columns": ["structure", "e_form"], "data": ['
    text = f"{start}{row}, {row}]}}"
    for end in [
        *range(len(start) + 3),
        *range(len(start) + len(row) - 5, len(text), 11),
        *range(len(text) - 8, len(text)),
    ]:
        rows = matbench.read(_write(tmp_path / "m.json.gz", text[:end]))
        count = 0
        with pytest.raises(ValueError, match=r"m\.json\.gz") as caught:
            for _ in rows:
                count += 1
        assert count == (end >= len(start) + len(row)) + (end >= len(text) - 2)
        if end > len(start):
            assert f"cut off: {count} rows could be read" in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "tail", "flip", "checksum", "text", "empty"])
def test_damaged_gzip(tmp_path, damage: str) -> None:
    path = _file(tmp_path, [[s.as_dict(), 0.5] for s in STRUCTURES])
    data = bytearray(path.read_bytes())
    flipped = {"flip": len(data) // 2, "checksum": len(data) - 6}.get(damage, 0)
    data[flipped] ^= 0x55 if flipped else 0
    cut = {"cut": len(data) // 2, "tail": len(data) - 3, "empty": 0}.get(damage, len(data))
    path.write_bytes(b"<html>not found</html>" if damage == "text" else data[:cut])
    with pytest.raises(ValueError, match=r"m\.json\.gz is damaged.* rows could be read.*sha256"):
        list(matbench.read(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"index": [0], "columns": ["a", "b"], "data": [[1, 2]]}', r"has the columns \['a', 'b'\]"),
        ('{"index": [0], "data": [[1, 2]]}', "has the columns None"),
        ('{"index": [], "columns": ["structure", "e_form"], "data": []}', "has no rows"),
        ('{"index": {}, "columns": ["structure", "e_form"], "data": [[1, 2]]}', "no list under 'index'"),
        ('{"index": [0, 1], "columns": ["structure", "e_form"], "data": [[1, 2]]}', "1 rows for 2 names"),
        ('{"index": [0], "columns": ["structure", "e_form"], "data": [[1, 2], [3, 4]]}', "data have more rows"),
        ('{"index": [0], "columns": ["structure", "e_form"], "data": [[1, 2]]} {}', "'{' follows the end"),
        ('{"index": [0], "columns": ["structure", "e_form"], "data": [[1, 2] [3, 4]]}', r"'\[' stands in place"),
        ('{"index": [0], "columns": ["structure", "e_form"], "data": {"0": 1}}', r"'{' stands in place of \["),
        ('[{"structure": 1}]', r"'\[' stands in place of {"),
        ("[" * 100_000, "stands in place"),
        ('{"index": ' + "[" * 100_000, "damaged"),
    ],
)
def test_other_json(tmp_path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        list(matbench.read(_write(tmp_path / "m.json.gz", text)))
    assert "m.json.gz" in str(caught.value)


def test_no_file(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"m\.json\.gz does not exist"):
        list(matbench.read(tmp_path / "m.json.gz"))


def test_broken_json_does_not_gather_the_whole_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(json_text, "LONGEST", 10_000)
    row = json.dumps([STRUCTURES[0].as_dict(), -0.5])
    text = f'{{"index": null, "columns": ["structure", "e_form"], "data": [{row}, [1 2], {", ".join([row] * 200)}]}}'
    rows = matbench.read(_write(tmp_path / "m.json.gz", text), chunk=1000)
    assert isinstance(next(rows), Entry)
    with pytest.raises(ValueError, match=r"1 rows could be read.*no valid JSON"):
        next(rows)


def test_memory_does_not_grow_with_the_file(tmp_path) -> None:
    row = json.dumps([STRUCTURES[-1].as_dict(), -0.5])

    def peak(count: int) -> int:
        text = f'{{"index": null, "columns": ["structure", "e_form"], "data": [{", ".join([row] * count)}]}}'
        path = _write(tmp_path / f"{count}.json.gz", text)
        tracemalloc.start()
        try:
            assert sum(1 for _ in matbench.read(path, chunk=1 << 14)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is made once
    small, large = peak(100), peak(1000)
    assert large < small + 1000 * 400  # the ids seen; the text is of 1.5 kB a row
    assert large < 1000 * len(row) / 2


# ---- the package


def test_the_config_names_the_file_of_the_matbench_package() -> None:
    bench = pytest.importorskip("matbench.bench")
    metadata = bench.MatbenchBenchmark(autoload=False, subset=[matbench.TASK]).tasks_map[matbench.TASK].metadata
    entry = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))["data"]["matbench"]
    assert (entry["url"], entry["sha256"]) == (metadata.url, metadata.hash)
    assert (metadata.n_samples, metadata.target, metadata.unit) == (132_752, "e_form", "eV/atom")
