"""Crystals and the part of each as a small table: float32 columns, compressed byte by byte, 30 to 80 bytes a crystal."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lcom.base.files import whole
from lcom.data.table import SCHEMA, read_table, texts

NARROW = {
    "numbers": pa.list_(pa.uint8()),
    "frac_coords": pa.list_(pa.float32()),
    "lattice": pa.list_(pa.float32()),
    "formation_energy": pa.float32(),
}
COMPACT = pa.schema([(field.name, NARROW.get(field.name, field.type)) for field in SCHEMA] + [("part", pa.string())])


def write_compact(path: str | os.PathLike, table: pa.Table, part: np.ndarray) -> None:
    """table: crystals.parquet · part [B]: train, val or heldout."""
    columns = [table[field.name].cast(field.type) for field in COMPACT if field.name != "part"]
    with whole(path) as temporary:
        pq.write_table(
            pa.table([*columns, pa.array(part, pa.string())], schema=COMPACT),
            temporary,
            compression="zstd",
            compression_level=19,
            use_dictionary=["formula", "source", "level", "part", "numbers.list.element"],
            use_byte_stream_split=["frac_coords.list.element", "lattice.list.element", "formation_energy"],
            write_page_checksum=True,
        )


def read_compact(path: str | os.PathLike) -> tuple[pa.Table, np.ndarray]:
    """The table as it was, its numbers rounded to float32, and the part of each crystal; ValueError if the file is unreadable."""
    try:
        table = read_table(path)
        return table.select(SCHEMA.names).cast(SCHEMA), texts(table["part"])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{Path(path)} is not readable ({error}): install lcom again") from error
