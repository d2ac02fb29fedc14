"""What the settings of GPAW's self-consistent field spare, over crystals of a finished run, and whether energies stay as they are.

    python benchmarks/energies.py results/ [--sample 40] [--seed 0] [--workers 2]

Ways with GPAW's own mixer, GPAW's own number of bands, and converged much further: CPU seconds and energy (eV/atom) of each crystal;
then of each way the seconds beside those of the first, and how far its energies (meV/atom) are from those converged further.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from lcom.crystal import Crystal
from lcom.dft import gpaw
from lcom.dft.child import in_children
from lcom.dft.settings import DftSettings

TIGHT = {"energy": 1e-6, "density": 1e-7, "eigenstates": 1e-11}
WAYS: dict[str, dict[str, object]] = {
    "as it is": {},
    "GPAW's mixer": {"MIXER": {"name": "msr1"}},
    "GPAW's bands": {"_bands": lambda *_: None},
    "converged further": {"ENERGY_CONVERGENCE": TIGHT},
}


def calculated(crystal: Crystal, settings: DftSettings, change: dict[str, object]) -> tuple[gpaw.Energy, float]:
    """And its CPU seconds; in a process of its own, which ends with the change."""
    for name, value in change.items():
        patch(f"lcom.dft.gpaw.{name}", value).start()
    begun = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):  # GPAW's own text
        return gpaw.energy(crystal, settings), time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    lines = [line for file in sorted(args.results.rglob("energies/**/*.jsonl")) for line in file.open(encoding="utf-8")]
    known = [record for record in map(json.loads, lines) if record["energy"] is not None]
    chosen = np.random.default_rng(args.seed).choice(len(known), args.sample, replace=False)
    settings = DftSettings(**known[0]["settings"])
    gpaw.load_gpaw()
    tasks = (
        ((i, way), partial(calculated, Crystal(**known[i]["structure"]), settings, change))
        for i in chosen
        for way, change in WAYS.items()
    )
    seconds = dict.fromkeys(WAYS, 0.0)
    energies: dict[str, dict[int, float]] = {way: {} for way in WAYS}
    for (i, way), answer in in_children(tasks, args.workers):
        if isinstance(answer, Exception):
            raise answer
        found, took = answer
        seconds[way] += took
        energies[way][i] = float("nan") if found.energy is None else found.energy
        print(f"{known[i]['compound']:>8} {way:20} {took:7.1f} {energies[way][i]:10.5f} {found.reason}", flush=True)
    print(f"{'':20} {'CPU s':>7} {'ratio':>6} {'largest':>8} {'over 1 meV':>10}")
    for way in WAYS:
        apart = 1e3 * np.abs([energies[way][i] - energies["converged further"][i] for i in chosen])
        ratio = seconds[way] / seconds["as it is"]
        print(f"{way:20} {seconds[way]:7.1f} {ratio:6.2f} {np.nanmax(apart):8.3f} {int((apart > 1).sum()):>10}")


if __name__ == "__main__":
    main()
