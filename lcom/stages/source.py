"""Read a data set and write it as `crystals.parquet`, every crystal in its canonical cell."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lcom.files import whole
from lcom.sources.embedded import DamagedData, read_rows
from lcom.stages.common import run

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("formula", pa.string()),  # reduced
        ("numbers", pa.list_(pa.int32())),
        ("frac_coords", pa.list_(pa.float64())),  # n * 3
        ("lattice", pa.list_(pa.float64())),  # 9, rows are the vectors, Å
        ("energy", pa.float64()),  # eV/atom
        ("formation_energy", pa.float64()),  # eV/atom
        ("source", pa.string()),  # the prototype
    ]
)


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    crystals_table(arguments.dataset, json.loads(arguments.config), arguments.out)


def crystals_table(dataset: str, config: dict, out: Path) -> None:
    """Write the parquet file of a data set; `config` is the section `data` of the config, by data set."""
    known = [name for name, entry in config.items() if isinstance(entry, dict) and "file" in entry]
    if dataset not in known:
        raise DamagedData(f"data set {dataset}: `data:` of the config has a file for {', '.join(known) or 'none'} only")
    path = Path(config[dataset]["file"])
    rows = [_canonical(row, path) for row in read_rows(path, config[dataset].get("sha256"))]
    with whole(out) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary)


def _canonical(row: dict, path: Path) -> dict:
    try:
        crystal = row["crystal"].canonical()
    except ValueError as error:
        raise DamagedData(f"{path}, id {row['id']}: {error}") from error
    return {
        **{key: row[key] for key in ("id", "formula", "energy", "formation_energy")},
        "numbers": crystal.numbers.tolist(),
        "frac_coords": crystal.frac_coords.ravel().tolist(),
        "lattice": crystal.lattice.ravel().tolist(),
        "source": row["prototype"],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True, help="name under `data:` of the config, e.g. prototypes")
    parser.add_argument("--config", required=True, help="the section `data` of the config as JSON")
    parser.add_argument("--out", type=Path, required=True, help="crystals.parquet")
    return parser


if __name__ == "__main__":
    run(main)
