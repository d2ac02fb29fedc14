"""Crystals off the minima go where their compositions go, with energies on the scale of the minima."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from lcom.batch import unpack
from lcom.data.packed import Dataset
from lcom.data.sources import shards
from lcom.data.table import row, to_arrow
from lcom.stages import frames
from tests.data.test_shards import folder, outcomes  # noqa: F401  (fixtures)

PARTS = {"Mg": "train", "O2": "val", "MgO": "heldout", "MgO2": "train"}


@pytest.fixture
def made(folder, tmp_path, monkeypatch):  # noqa: F811
    """The two files of the stage, where of MgO one polymorph is held out and of Mg one has been dropped."""
    import pyarrow.parquet as pq

    rows = [r for r in shards.rows(folder) if r["id"] != "Mg-T0-0"]
    table = to_arrow([row(r["id"], r["crystal"], r["formation_energy"], "T", "here") for r in rows])
    pq.write_table(table, tmp_path / "crystals.parquet", write_page_checksum=True)
    parts = [PARTS[r["formula"]] if r["id"] != "MgO-T2-0" else "train" for r in rows]
    pd.DataFrame({"id": [r["id"] for r in rows], "part": parts}).to_csv(tmp_path / "split.csv", index=False)

    def run(max_atoms: int = 20) -> tuple[Dataset, Dataset]:
        paths = {"crystals": "crystals.parquet", "split": "split.csv", "train": "a.safetensors", "val": "b.safetensors"}
        options = [word for key, name in paths.items() for word in (f"--{key}", str(tmp_path / name))]
        sets = json.dumps({"here": str(folder)})
        monkeypatch.setattr(sys, "argv", ["frames", "--sets", sets, "--max-atoms", str(max_atoms), *options])
        frames.main()
        return Dataset.load(tmp_path / "a.safetensors"), Dataset.load(tmp_path / "b.safetensors")

    return run


def test_compositions_keep_their_parts_and_those_with_a_crystal_held_out_have_none(made):
    train, val = made()
    assert {id.split("-")[0] for id in train.ids} == {"Mg", "MgO2"} and {id.split("-")[0] for id in val.ids} == {"O2"}
    assert len(train) == 6 and len(set(train.ids)) == 6 and len(val) == 3


def test_energies_are_on_the_scale_of_the_minima(made, outcomes):  # noqa: F811
    train, val = made()
    frame = next(o for o in outcomes if o.formula == "MgO2").frames[0]
    i = next(i for i, id in enumerate(train.ids) if id.startswith("MgO2") and "start" in id)
    assert train.formation_energy[i] == pytest.approx(frame.energy - (-1.5 - 2 * 4.0) / 3, abs=1e-4)
    assert train.energy_above[i] == pytest.approx(frame.energy + 5.0, abs=1e-4)
    mg = next(i for i, id in enumerate(train.ids) if id.startswith("Mg-"))  # above the lowest that is in the set
    assert train.energy_above[mg] == pytest.approx(0.3 - 0.1, abs=1e-4)
    assert np.allclose(val.energy_above, 0.3, atol=1e-4)


def test_forces_and_virials_are_those_of_the_frames(made, outcomes):  # noqa: F811
    for data in made():
        kept = [frame for outcome in outcomes for frame in outcome.frames]
        for i, (id, crystal) in enumerate(zip(data.ids, unpack(data.batch), strict=True)):
            stage = id.split("-")[2]
            frame = next(
                f
                for f in kept
                if (f.formula, f.prototype, f.stage) == (crystal.formula, id.split("-")[1], stage)
                and np.allclose(f.crystal.lattice, crystal.lattice, atol=1e-3)
            )
            own = data.rows(torch.tensor([i])).batch
            np.testing.assert_allclose(own.forces, frame.forces, atol=2e-3)
            np.testing.assert_allclose(own.virial[0], frame.stress * frame.crystal.volume, atol=2e-2)


def test_larger_cells_than_the_set_has_are_left_out(made):
    train, _ = made(max_atoms=2)
    assert {id.split("-")[0] for id in train.ids} == {"Mg"}
