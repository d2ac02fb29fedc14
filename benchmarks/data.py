"""Data sets at scale: reading the table, the search for repeated crystals, the split and the packed files, on synthetic crystals.

    python benchmarks/data.py [--sizes 10000 100000 1000000]

Seconds of each step, size of the table, peak memory of the process so far. The crystals have 2 to 12 atoms, and five share a composition on
average. Every tenth crystal is one of the others again, its atoms and its energy a hair off.
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
from lcom.data.pack import pack_rows
from lcom.data.sets import energy_above
from lcom.data.settings import SplitSettings
from lcom.data.sources.clean import repeated
from lcom.data.split import split
from lcom.data.table import SCHEMA, read_crystals
from lcom.elements import SYMBOLS


def synthetic(count: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    source = np.arange(count)
    source[9::10] -= rng.integers(1, 10, len(source[9::10]))
    composition = rng.integers(0, max(1, count // 5), count)[source]
    rest, sizes = np.divmod(composition, 11)
    sizes = sizes + 2
    rest, first = np.divmod(rest, 40)
    rest, second = np.divmod(rest, 40)
    third = rest % 11
    n = int(sizes.sum())
    starts = np.cumsum(sizes) - sizes
    atom = np.arange(n) - np.repeat(starts, sizes)
    kinds = np.stack([3 + first, 43 + second, 83 + third], axis=1)  # of atom 0, atom 1 and the others
    numbers = np.repeat(kinds, sizes, axis=0)[np.arange(n), np.minimum(atom, 2)]
    formulas = [
        SYMBOLS[a] + SYMBOLS[b] + (f"{SYMBOLS[c]}{k - 2}" if k > 2 else "")
        for (a, b, c), k in zip(kinds, sizes, strict=True)
    ]
    lattice = np.eye(3) + 0.1 * rng.standard_normal((count, 3, 3))
    lattice = (lattice * ((15.0 * sizes) ** (1 / 3))[:, None, None])[source]
    frac_coords = rng.random((n, 3))[np.repeat(starts[source], sizes) + atom] + 0.001 * rng.standard_normal((n, 3))
    energy = rng.normal(size=count)[source] + 0.001 * rng.random(count)

    def lists(values: np.ndarray, lengths: np.ndarray, kind: pa.DataType) -> pa.ListArray:
        return pa.ListArray.from_arrays(np.r_[0, np.cumsum(lengths)].astype(np.int32), pa.array(values, kind))

    columns = [
        pa.array([f"oqmd-{i}" for i in range(count)]),
        pa.array(formulas),
        lists(numbers, sizes, pa.int16()),
        lists(frac_coords.ravel(), 3 * sizes, pa.float64()),
        lists(lattice.ravel(), np.full(count, 9), pa.float64()),
        pa.array(energy),
        pa.array(["synthetic"] * count),
        pa.array([""] * count),
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
            assert repeated(pq.read_table(path), 1).sum() >= count // 10
            times.append(time.perf_counter())
            parts = split(crystals, known, SplitSettings())["part"].to_numpy()
            above = energy_above(crystals, parts != "heldout")
            times.append(time.perf_counter())
            for part in ("train", "val"):
                pack_rows(crystals, np.flatnonzero(parts == part), above, list(dict.fromkeys(crystals.levels))).save(
                    Path(folder) / f"{part}.safetensors"
                )
            times.append(time.perf_counter())
            gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            numbers = [path.stat().st_size / 1e6, *np.diff(times), gigabytes]
            print(f"{count:10d} " + " ".join(f"{x:10.2f}" for x in numbers), flush=True)


if __name__ == "__main__":
    main()
