"""What each part of the relaxation of a random structure spares, and whether the minimum is the same.

    python benchmarks/relaxations.py [--compounds KBr CaSe MgSe BeSe ScN AlN] [--seeds 1] [--workers 2]

The compounds are none of data/compounds.csv. Beside it as it is: with all plane waves from the beginning, without the Pulay stress
taken out, with GPAW's own mixer of densities. Steps before the last phase and in it, CPU seconds, and energy (eV/atom) beside that of
the first row.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from lcom.base.resume import Records
from lcom.base.seeding import generator
from lcom.dft import relax
from lcom.dft.child import in_children
from lcom.dft.gpaw import load_gpaw
from lcom.dft.settings import DftSettings
from lcom.formula import parse_formula
from lcom.starts.random import random_crystal
from lcom.starts.settings import RandomSettings

WITHOUT: dict[str, dict[str, object]] = {
    "as it is": {},
    "all plane waves": {"relax.COARSE_CUTOFF": float("inf")},
    "Pulay stress left in": {"relax._Recorded.take_pulay": lambda *_: None},
    "GPAW's mixer": {"gpaw.MIXER": {"name": "msr1"}},
}


def relaxed(formula: str, seed: int, change: dict[str, object]) -> tuple[relax.Relaxation, float]:
    """And its CPU seconds; in a process of its own, which ends with the change."""
    numbers = np.repeat(*np.array(list(parse_formula(formula).items())).T)
    start = random_crystal(numbers, RandomSettings(), generator("benchmark", formula, seed))
    for name, value in change.items():
        patch(f"lcom.dft.{name}", value).start()
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):  # GPAW's own text
        found = relax.relax(start, DftSettings(), Records(Path(folder) / "records"), symmetric=False)
    return found, time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compounds", nargs="+", default=["KBr", "CaSe", "MgSe", "BeSe", "ScN", "AlN"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    load_gpaw()
    names = [(f, s, way) for f in args.compounds for s in range(args.seeds) for way in WITHOUT]
    tasks = ((name, partial(relaxed, *name[:2], WITHOUT[name[2]])) for name in names)
    as_it_is = float("nan")
    seconds = dict.fromkeys(WITHOUT, 0.0)
    print(f"{'':>6} {'seed':>4}  {'':20} {'steps':>9} {'CPU s':>6} {'eV/atom':>8} {'meV':>7}")
    for (formula, seed, way), answer in sorted(in_children(tasks, args.workers), key=lambda item: names.index(item[0])):
        if isinstance(answer, Exception):
            raise answer
        found, took = answer
        seconds[way] += took
        phases = [frame.phase for frame in found.frames]
        coarse = len(phases) - phases.count(max(phases, default=0))
        energy = float("nan") if found.energy is None else found.energy
        as_it_is = as_it_is if WITHOUT[way] else energy
        said = f"{took:6.0f} {energy:8.4f} {1e3 * (energy - as_it_is):+7.1f}"
        print(f"{formula:>6} {seed:>4}  {way:20} {coarse:>4} {found.steps - coarse:>4} {said} {found.reason}")
    print(", ".join(f"{way} {took:.0f} CPU s" for way, took in seconds.items()))


if __name__ == "__main__":
    main()
