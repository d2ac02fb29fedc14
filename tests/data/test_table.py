"""crystals.parquet comes back as it was, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lcom.data.settings import CleanSettings
from lcom.data.sources.clean import clean
from lcom.data.sources.entries import Entry
from lcom.data.table import read_crystals
from tests.crystals import random_crystals


def test_no_flipped_bit_is_read(tmp_path: Path) -> None:
    crystals = random_crystals(60, 4, seed=3)
    entries = [Entry(f"id-{i}", crystal, -1.0 - i / 100, "test") for i, crystal in enumerate(crystals)]
    path = tmp_path / "crystals.parquet"
    clean(entries, CleanSettings(), 1, path, tmp_path / "rejected.csv", "test")
    good, table = path.read_bytes(), pq.read_table(path)
    assert len(table) > 20
    refused = 0
    for bit in np.random.default_rng(0).integers(8 * len(good), size=150):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(bad))
        try:
            read_crystals(path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
        else:  # a bit that says nothing
            assert pq.read_table(path).equals(table)
    assert refused > 120
    path.write_bytes(good[:-100])
    with pytest.raises(ValueError, match=rf"{path} is not readable"):
        read_crystals(path)
