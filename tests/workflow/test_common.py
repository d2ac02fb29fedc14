"""The digest of a stage's code, the rows of the table, and the lock: rules/common.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.common import (
    canonical,
    code_digest,
    compound_rows,
    digest,
    files_digest,
    folder_digest,
    import_closure,
    remembered,
)
from tests.workflow.conftest import ROOT

STAGE = '''"""Docstring."""
from __future__ import annotations
from typing import TYPE_CHECKING
import os
from lcom.a import f
if TYPE_CHECKING:
    from lcom.typing_only import T
def main():
    """Another."""
    from .. import late
    return f(1)
'''


def package(folder: Path, **edits: str) -> Path:
    files = {
        "__init__": '__version__ = "1"\n',
        "a": "from lcom import b\nf = b.f\n",
        "b": 'TABLE = "table.csv"\ndef f(x):\n    return x\n',
        "late": "x = 1\n",
        "typing_only": "T = int\n",
        "unrelated": "y = 1\n",
        "stages.__init__": "",
        "stages.s": STAGE,
    }
    (folder / "lcom/stages").mkdir(parents=True)
    (folder / "lcom/table.csv").write_text(edits.pop("table", "1,2\n"))
    for name, text in (files | edits).items():
        (folder / "lcom" / (name.replace(".", "/") + ".py")).write_text(text)
    return folder


def test_the_closure_follows_every_way_to_import(tmp_path: Path) -> None:
    closure = import_closure("lcom.stages.s", package(tmp_path))
    assert closure == {"lcom", "lcom.stages", "lcom.stages.s", "lcom.a", "lcom.b", "lcom.late"}


@pytest.mark.parametrize(
    ("edits", "same"),
    [
        ({"unrelated": "y = 2\n"}, True),
        ({"typing_only": "T = float\n"}, True),
        (
            {
                "stages.s": STAGE.replace(
                    "    from lcom.typing_only import T\n", "    from lcom.typing_only import T, S\n"
                )
            },
            True,
        ),
        ({"__init__": '__version__ = "1"\n__where__ = {"f": "lcom.a"}\n'}, True),
        ({"__init__": '"""Docstring."""\n__version__ = "2"\n'}, True),
        ({"b": '# comment\nTABLE = "table.csv"\n\ndef f( x ):\n    """Docstring."""\n    return (x)\n'}, True),
        ({"b": 'TABLE = "table.csv"\ndef f(x):\n    return x + 1\n'}, False),
        ({"late": "x = 2\n"}, False),
        ({"table": "1,3\n"}, False),
        ({"stages.s": STAGE.replace("f(1)", "f(2)")}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_the_digest_changes_with_the_code_a_stage_reaches_and_nothing_else(tmp_path, edits: dict, same: bool) -> None:
    before = code_digest("lcom.stages.s", package(tmp_path / "before"))
    after = code_digest("lcom.stages.s", package(tmp_path / "after", **edits))
    assert (before == after) is same


SETTINGS = """class S(Settings):
    steps: Annotated[int, Key("steps")] = 10
    @property
    def twice(self):
        return 2 * self.steps
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('"steps"', '"steps of the descent", minimum=1', True),
        ("= 10", "= 20", True),  # the values are params of the rules
        ("2 * self", "3 * self", False),
        ("class S(Settings)", "class S", False),
    ],
)
def test_what_a_key_means_is_no_code_and_what_is_made_of_it_is(tmp_path, old: str, new: str, same: bool) -> None:
    before = code_digest("lcom.stages.s", package(tmp_path / "before", b=SETTINGS))
    after = code_digest("lcom.stages.s", package(tmp_path / "after", b=SETTINGS.replace(old, new)))
    assert (before == after) is same


def test_the_data_files_of_the_package_are_seen() -> None:
    assert "lcom.elements" in import_closure("lcom.stages.train_cdvae", ROOT)
    assert '"elements.csv"' in (ROOT / "lcom/elements.py").read_text(encoding="utf-8")


def test_canonical_text_is_blind_to_order_and_sees_values() -> None:
    assert canonical({"a": 4, "b": 8}) == canonical({"b": 8, "a": 4})
    assert canonical({"a": 4, "b": 8}) != canonical({"a": 8, "b": 8})  # Snakemake's own comparison misses this one
    assert canonical({"a": 1}) != canonical({"a": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_rows_change_with_the_structure_and_not_with_its_source(tmp_path: Path) -> None:
    table, cif = tmp_path / "t.csv", tmp_path / "x.cif"
    cif.write_text("one")

    def rows(text: str) -> dict[str, str]:
        table.write_text("formula,prototype,a,source\n" + text)
        return compound_rows(table)

    first = rows("MgO,rocksalt,4.2,me\n \nTiO2,x.cif,,you\n")
    assert list(first) == ["MgO", "TiO2"]
    assert rows("TiO2, x.cif,,\nMgO,rocksalt,4.2,them\n") == first
    assert rows("MgO,rocksalt,4.3,me\nTiO2,x.cif,,you\n")["MgO"] != first["MgO"]
    two = rows("MgO,rocksalt,4.2,me\nMgO,zincblende,4.6,me\n")["MgO"]
    assert two.startswith(first["MgO"]) and two != first["MgO"], "a further polymorph"
    cif.write_text("two")
    assert rows("MgO,rocksalt,4.2,me\nTiO2,x.cif,,you\n")["TiO2"] != first["TiO2"]


def test_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "energies.csv").write_text("id,energy\na,1\n")
    first = folder_digest(str(tmp_path))
    assert folder_digest(str(tmp_path)) == first and folder_digest(str(tmp_path / "energies.csv")) == ""
    (tmp_path / ".#energies.csv").symlink_to("an editor's lock")
    (tmp_path / "notes.txt").write_text("not read")
    assert folder_digest(str(tmp_path)) == first
    time = tmp_path.stat().st_mtime_ns
    (tmp_path / "energies.csv").write_text("id,energy\na,22\n")
    assert tmp_path.stat().st_mtime_ns == time and folder_digest(str(tmp_path)) != first


def test_what_was_found_is_remembered_as_long_as_its_key_is_the_same(tmp_path: Path) -> None:
    made = []

    def make() -> list:
        made.append(1)
        return ["x", {"y": 2}]

    file = tmp_path / "a/kept.json"
    assert remembered(file, "one", make) == remembered(file, "one", make) == ["x", {"y": 2}] and len(made) == 1
    remembered(file, "two", make)
    assert len(made) == 2
    file.write_text(file.read_text()[:-3])
    assert remembered(file, "two", make) == ["x", {"y": 2}] and len(made) == 3, "a torn file is no answer"


def test_bytes_and_names_of_files_count_and_caches_of_python_do_not(tmp_path: Path) -> None:
    (tmp_path / "a/__pycache__").mkdir(parents=True)
    (tmp_path / "a/x.py").write_text("1")
    (tmp_path / "b.py").write_text("2")
    first = files_digest(tmp_path / "a", tmp_path / "b.py")
    (tmp_path / "a/__pycache__/x.pyc").write_text("compiled")
    assert files_digest(tmp_path / "a", tmp_path / "b.py") == first
    seen = {first}
    for name, text in (("a/x.py", "3"), ("a/y.py", ""), ("b.py", "4")):
        (tmp_path / name).write_text(text)
        seen.add(files_digest(tmp_path / "a", tmp_path / "b.py"))
    assert len(seen) == 4
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1})
