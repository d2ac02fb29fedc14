"""Reading MatBench's file: a synthetic one of its size and layout is written, then read as the workflow reads it.

    python benchmarks/matbench_file.py [--entries 132752] [--file FILE]

FILE is kept, and read again if it is there (the real file, too); without it the synthetic one is thrown away.
s: wall time · CPU s: of the process, what a machine with nothing else to do needs · MB: peak memory of the reading process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from lcom.crystal import lattice_parameters
from lcom.elements import SYMBOLS
from lcom.sources import matbench
from lcom.sources.entries import Entry

MEAN, SPREAD, LARGEST = 29.0, 0.8, 296  # atoms in a cell: log-normal, as in the Materials Project
NOBLE = {"He", "Ne", "Ar", "Kr", "Xe", "Rn"}  # MatBench has none


def structure(rng: np.random.Generator, elements: list[str]) -> dict:
    """A random crystal as pymatgen's `Structure.as_dict` writes it, 18 Å³ an atom."""
    n = int(np.clip(rng.lognormal(np.log(MEAN) - SPREAD**2 / 2, SPREAD), 1, LARGEST))
    lattice = (np.eye(3) + rng.normal(0, 0.15, (3, 3))) * (18.0 * n) ** (1 / 3)
    frac_coords = rng.random((n, 3))
    kinds = rng.choice(elements, rng.integers(1, 6))
    names = sorted(str(kinds[i % len(kinds)]) for i in range(n))
    lengths = dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), lattice_parameters(lattice).tolist(), strict=True))
    sites = zip(names, frac_coords.tolist(), (frac_coords @ lattice).tolist(), strict=True)
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "charge": None,
        "lattice": {"matrix": lattice.tolist(), **lengths, "volume": float(abs(np.linalg.det(lattice)))},
        "sites": [
            {"species": [{"element": name, "occu": 1}], "abc": abc, "xyz": xyz, "label": name, "properties": {}}
            for name, abc, xyz in sites
        ],
    }


def write(path: Path, count: int, seed: int = 0) -> int:
    """A file of `count` entries, the same for the same seed; the number of characters before compression."""
    rng = np.random.default_rng(seed)
    elements = [symbol for symbol in SYMBOLS[1:] if symbol not in NOBLE]
    size = 0
    with gzip.open(path, "wb", compresslevel=1) as file:
        head = {"index": list(range(count)), "columns": ["structure", "e_form"]}
        size += file.write((json.dumps(head)[:-1] + ', "data": [').encode())
        for i in range(count):
            row = json.dumps([structure(rng, elements), float(np.clip(rng.normal(-1.4, 1.1), -5, 2.5))])
            size += file.write((", " * (i > 0) + row).encode())
        size += file.write(b"]}")
    return size


def read(path: Path) -> dict:
    """What reading costs, in this process."""
    begun, cpu = time.perf_counter(), time.process_time()
    kinds: Counter[str] = Counter()
    atoms = 0
    for row in matbench.read(path):
        if isinstance(row, Entry):
            kinds["entries"] += 1
            atoms += len(row.crystal)
        else:
            kinds[row.kind] += 1
    return {
        "rows": kinds.total(),
        "rejected": kinds.total() - kinds["entries"],
        "atoms": atoms / max(kinds["entries"], 1),
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=132_752)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        print(json.dumps(read(args.read)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = args.file or Path(folder) / f"{matbench.TASK}.json.gz"
        if not path.exists():
            begun = time.perf_counter()
            characters = write(path, args.entries)
            print(f"written in {time.perf_counter() - begun:.0f} s, {characters / 1e6:.0f} MB before compression")
        # in a process of its own: its memory is not that of the writing
        command = [sys.executable, __file__, "--read", str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"{'rows':>8} {'rejected':>8} {'atoms':>6} {'file MB':>8} {'s':>7} {'CPU s':>7} {'rows/s':>7} {'MB':>6}")
        print(
            f"{found['rows']:>8} {found['rejected']:>8} {found['atoms']:>6.1f} {path.stat().st_size / 1e6:>8.0f} "
            f"{found['seconds']:>7.1f} {found['cpu']:>7.1f} {found['rows'] / found['seconds']:>7.0f} {found['memory']:>6.0f}"
        )


if __name__ == "__main__":
    main()
