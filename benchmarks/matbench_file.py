"""MatBench's file: a synthetic one of its size and layout is written, then read, then made a data set as rule source does it.

    python benchmarks/matbench_file.py [--entries 132752] [--file FILE] [--workers 2]

FILE is kept, and read again if it is there (the real file, too); without it the synthetic one is thrown away.
s: wall time · CPU s and MB (peak memory): of the process, without its workers (--workers 1 has none).
The synthetic crystals have atoms on a grid, half of them displaced, so no two atoms touch and every one goes through spglib.
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
from lcom.data.sources import matbench
from lcom.data.sources.entries import Entry
from lcom.elements import SYMBOLS

MEAN, SPREAD, LARGEST = 29.0, 0.8, 296  # atoms in a cell: log-normal, as in the Materials Project
NOBLE = {"He", "Ne", "Ar", "Kr", "Xe", "Rn"}  # MatBench has none


def structure(rng: np.random.Generator, elements: list[str]) -> dict:
    """A random crystal as pymatgen's `Structure.as_dict` writes it, about 18 Å³ an atom."""
    n = int(np.clip(rng.lognormal(np.log(MEAN) - SPREAD**2 / 2, SPREAD), 1, LARGEST))
    edge = int(np.ceil(n ** (1 / 3) - 1e-9))
    lattice = (np.eye(3) + rng.normal(0, 0.05, (3, 3))) * 18.0 ** (1 / 3) * edge
    points = np.stack(np.unravel_index(rng.permutation(edge**3)[:n], (edge, edge, edge)), -1)
    frac_coords = (points + rng.choice([0.0, 0.08]) * rng.normal(size=(n, 3))) / edge
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


def read(path: Path) -> None:
    """Rows one after the other, as the workflow reads them."""
    kinds = Counter("entries" if isinstance(row, Entry) else row.kind for row in matbench.read(path))
    print(dict(kinds))


def measure(name: str, command: list[str], rows: int) -> None:
    """Run a command and print what it cost."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = after.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(f"{name:>10} {rows:>8} {seconds:>8.1f} {cpu:>8.1f} {rows / seconds:>8.0f} {memory:>8.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=132_752)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        read(args.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = args.file or Path(folder) / f"{matbench.TASK}.json.gz"
        if not path.exists():
            begun = time.perf_counter()
            characters = write(path, args.entries)
            print(f"written in {time.perf_counter() - begun:.0f} s, {characters / 1e6:.0f} MB before compression")
        print(f"{'':>10} {'rows':>8} {'s':>8} {'CPU s':>8} {'rows/s':>8} {'MB':>8}")
        # in processes of their own: their memory is not that of the writing
        measure("read", [sys.executable, __file__, "--read", str(path)], args.entries)
        names = {name: str(Path(folder) / name) for name in ("out", "rejected", "report", "plot.png")}
        config = json.dumps(
            {"source": {"kind": "matbench", "file": str(path)}, "clean": {"max_atoms": 20, "max_rejected": 0.05}}
        )
        stage = [sys.executable, "-m", "lcom.stages.source", "--dataset", "matbench", "--config", config]
        stage += ["--input", str(path), "--workers", str(args.workers)]
        stage += [word for name, file in names.items() for word in (f"--{name.removesuffix('.png')}", file)]
        measure("data set", stage, args.entries)
        print("\n".join(Path(names["report"]).read_text().splitlines()[:20]))


if __name__ == "__main__":
    main()
