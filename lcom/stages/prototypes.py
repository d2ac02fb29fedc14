"""Regenerate the embedded data set, all of it or a slice, or print the numbers of its data card.

    python -m lcom.stages.prototypes --out DIR --processes 2 [--only MgO NaCl]
    python -m lcom.stages.prototypes --card data/prototypes.jsonl.gz

Finished compositions lie under DIR/PARTS, one file each, and are not made again: a killed run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from pathlib import Path

import torch

from lcom.base.files import write_text
from lcom.base.lock import at_work_on
from lcom.base.processes import end_with, this_process
from lcom.data.generator.card import card
from lcom.data.generator.polymorphs import find_polymorphs
from lcom.data.generator.potential import Potential
from lcom.data.generator.prototypes import compositions
from lcom.data.sources.embedded import composition_elements, formation_energies, part_of, write_rows
from lcom.stages.common import run

_potential: Potential | None = None  # one a worker process, loaded when it starts


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    if arguments.card:
        print(card(arguments.card))
        return
    known = compositions()
    wanted = arguments.only or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not in the data set, whose compositions are {' '.join(known)}")
    elements = [f for f in known if len(composition_elements(f)) == 1]
    needed = {e for formula in wanted for e in composition_elements(formula)}  # formation energies need the elements
    wanted = [f for f in known if f in wanted or (f in elements and composition_elements(f)[0] in needed)]
    parts = arguments.out / arguments.parts
    parts.mkdir(parents=True, exist_ok=True)
    with at_work_on(parts):
        generate(wanted, parts, arguments.processes)
    rows = formation_energies([json.loads((parts / f"{formula}.json").read_text()) for formula in wanted])
    digest = write_rows(rows, arguments.out / "prototypes.jsonl.gz")
    print(f"{len(rows)} crystals of {len(wanted)} compositions, sha256 {digest}")


def generate(wanted: list[str], parts: Path, processes: int) -> None:
    """Make the missing parts, elements first and the compounds shuffled: so a part of the set is of use, too."""
    missing = [f for f in wanted if not (parts / f"{f}.json").exists()]
    compounds = [f for f in missing if len(composition_elements(f)) > 1]
    random.Random(0).shuffle(compounds)
    tasks = [(f, parts) for f in missing if f not in compounds] + [(f, parts) for f in compounds]
    print(f"{len(wanted)} compositions, {len(wanted) - len(tasks)} already done", flush=True)
    if not tasks:
        return
    with multiprocessing.get_context("spawn").Pool(processes, _start_worker, (this_process(),)) as pool:
        for done, line in enumerate(pool.imap_unordered(_make_part, tasks), 1):
            print(f"[{done}/{len(tasks)}] {line}", flush=True)


def _start_worker(parent: str) -> None:
    global _potential
    end_with(parent)
    torch.set_num_threads(1)  # small crystals: a second process helps, a second thread does not
    _potential = Potential()


def _make_part(task: tuple[str, Path]) -> str:
    """One composition to its file; the line to print."""
    formula, parts = task
    began = time.monotonic()
    outcome = find_polymorphs(formula, _potential)
    write_text(parts / f"{formula}.json", json.dumps(part_of(outcome)))
    lost = ", ".join(f"{n} {reason}" for reason, n in sorted(outcome.lost.items()) if n)
    return f"{formula}: {len(outcome.polymorphs)} polymorphs in {time.monotonic() - began:.0f} s ({lost})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--out", type=Path, help="folder for prototypes.jsonl.gz and the parts")
    task.add_argument("--card", type=Path, metavar="FILE", help="print the counts and tables of this file instead")
    parser.add_argument("--parts", default="parts", help="subfolder of the parts: another one makes them anew")
    parser.add_argument("--processes", "--cores", type=int, default=1, help="compositions made at a time")
    parser.add_argument("--only", nargs="+", metavar="FORMULA", help="these compositions (and their elements) alone")
    return parser


if __name__ == "__main__":
    run(main)
