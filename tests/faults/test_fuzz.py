"""Damaged and odd inputs of every kind: each is read, or refused in one line that names the file; none takes long.

LCOM_FUZZED=10000 sets how many in all (`make faults` does).
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import pytest

from lcom.base.messages import one_line
from tests.faults.inputs import NAME, Kind, kinds
from tests.faults.mutations import changed

NAMES = (
    *("formula", "CIF", "CIF to judge", "extxyz", "CSV of CIFs", "energies.csv", "table of compounds", "config, text", "config, values"),
    *("page of OPTIMADE", "file of JARVIS", "file of MatBench", "embedded set", "dump of OQMD", "energy of GPAW", "candidate"),
)  # fmt: skip
COUNT = int(os.environ.get("LCOM_FUZZED", "160"))
PARTS = 1 if COUNT < 1000 else 4  # of a kind, for several processes
LIMIT = 30.0  # s; a CIF within its limits takes pymatgen up to 10


def _fault(kind: Kind, data: bytes, folder: Path) -> str:
    """What is wrong with the way an input is read; "" if nothing is."""
    begun = time.monotonic()
    try:
        kind.read(folder, data)
    except ValueError as error:
        said = one_line(error)  # as whoever prints it does
        ours = type(error) is ValueError or type(error).__module__.startswith("lcom.")
        if not ours or not said.isprintable():
            return f"a bare {type(error).__name__}: {said[:300]}"
        if "formula" not in kind.name and "config" not in kind.name and NAME not in said:
            return f"no file is named: {said[:300]}"
    except Exception as error:
        return f"a bare {type(error).__name__}: {str(error)[:300]}"
    seconds = time.monotonic() - begun
    return f"{seconds:.0f} s" if seconds > LIMIT else ""


@pytest.mark.timeout(3600 if COUNT > 1000 else 300)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", NAMES)
def test_whatever_comes_is_read_or_refused_in_one_line(name: str, part: int, tmp_path: Path) -> None:
    (kind,) = [kind for kind in kinds(tmp_path) if kind.name == name]
    faults = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(part, COUNT // len(NAMES), PARTS):
            print(name, seed)  # shown if this one hangs
            folder = tmp_path / str(seed)
            folder.mkdir()
            data = kind.packed(changed(kind.valid[seed % len(kind.valid)], kind.tree, seed))
            if fault := _fault(kind, data, folder):
                faults.append(f"seed {seed}: {fault}")
    assert not faults, "\n".join(faults)


def test_all_kinds_are_there_and_are_read_as_they_are(tmp_path: Path) -> None:
    made = kinds(tmp_path)
    assert [kind.name for kind in made] == list(NAMES)
    for kind in made:
        for k, data in enumerate(kind.valid):
            folder = tmp_path / f"{kind.name}-{k}"
            folder.mkdir()
            if kind.name == "formula":
                continue  # most of them are for read_formula alone
            kind.read(folder, kind.packed(data))
