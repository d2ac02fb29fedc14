"""Data sets at scale: reading the table, the search for repeated crystals, the split and the packed files, on synthetic crystals.

    python benchmarks/data.py [--sizes 10000 100000 1000000]

Seconds of each step, size of the table, peak memory of the process so far. The crystals have 2 to 12 atoms of 5 000 compositions at most,
so that many share one, as in OQMD.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lcom.compounds import load_compounds
from lcom.elements import SYMBOLS
from lcom.sources.clean import repeated
from lcom.sources.table import SCHEMA, read_crystals
from lcom.split import SplitSettings, energy_above, split
from lcom.stages.split import packed


def synthetic(count: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    composition = rng.integers(0, 5000, count)
    sizes = 2 + composition % 11
    n = int(sizes.sum())
    first = 3 + composition % 40
    second = 43 + composition // 40 % 40
    atom = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    numbers = np.where(atom == 0, np.repeat(first, sizes), np.repeat(second, sizes))
    formulas = [f"{SYMBOLS[a]}{SYMBOLS[b]}{k - 1}" for a, b, k in zip(first, second, sizes, strict=True)]
    lattice = np.eye(3) + 0.1 * rng.standard_normal((count, 3, 3))
    lattice *= ((15.0 * sizes) ** (1 / 3))[:, None, None]

    def lists(values: np.ndarray, lengths: np.ndarray, kind: pa.DataType) -> pa.ListArray:
        return pa.ListArray.from_arrays(np.r_[0, np.cumsum(lengths)].astype(np.int32), pa.array(values, kind))

    columns = [
        pa.array([f"oqmd-{i}" for i in range(count)]),
        pa.array(formulas),
        lists(numbers, sizes, pa.int16()),
        lists(rng.random(3 * n), 3 * sizes, pa.float64()),
        lists(lattice.ravel(), np.full(count, 9), pa.float64()),
        pa.array(rng.normal(size=count)),
        pa.array(["synthetic"] * count),
    ]
    return pa.table(columns, schema=SCHEMA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    args = parser.parse_args()
    known = [c.crystal() for c in load_compounds("data/compounds.csv")]
    steps = ("MB", "read s", "repeated s", "split s", "pack s", "GB")
    print(f"{'crystals':>10} " + " ".join(f"{step:>10}" for step in steps))
    with tempfile.TemporaryDirectory() as folder:
        for count in args.sizes:
            path = Path(folder) / "crystals.parquet"
            pq.write_table(synthetic(count), path, compression="zstd")
            times = [time.perf_counter()]
            crystals = read_crystals(path)
            times.append(time.perf_counter())
            repeated(pq.read_table(path), 1)
            times.append(time.perf_counter())
            parts = split(crystals, known, SplitSettings())["part"].to_numpy()
            above = energy_above(crystals.formulas, crystals.formation_energy, parts != "heldout")
            times.append(time.perf_counter())
            for part in ("train", "val"):
                packed(crystals, np.flatnonzero(parts == part), above).save(Path(folder) / f"{part}.safetensors")
            times.append(time.perf_counter())
            gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            numbers = [path.stat().st_size / 1e6, *np.diff(times), gigabytes]
            print(f"{count:10d} " + " ".join(f"{x:10.2f}" for x in numbers), flush=True)


if __name__ == "__main__":
    main()
