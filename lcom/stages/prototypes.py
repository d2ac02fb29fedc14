"""Make embedded set 2, all of it or a part, or print the numbers of a data card.

    python -m lcom.stages.prototypes --out data/embedded --processes 2 [--first 400] [--minutes 90]
    python -m lcom.stages.prototypes --out DIR --only MgO NaCl
    python -m lcom.stages.prototypes --card data/embedded

Finished compositions lie under OUT/parts, one file each, and finished slices of the list in OUT; neither is made again: a
killed run goes on where it was. `--only` makes the parts of these compositions and no files of the set.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from importlib.metadata import version
from pathlib import Path

import torch

from lcom.base.lock import at_work_on
from lcom.base.processes import end_with, this_process
from lcom.data.generator import shard_card
from lcom.data.generator.card import card
from lcom.data.generator.chemistry import compositions
from lcom.data.generator.hull import write_compositions
from lcom.data.generator.parts import part_of, path_of, read_part, write_part
from lcom.data.generator.polymorphs import Outcome, find_polymorphs
from lcom.data.generator.potential import Potential
from lcom.data.sources.shards import MANIFEST, SLICE, read_manifest, write_manifest, write_shard
from lcom.stages.common import run

GENERATOR = 1  # to be raised by an edit that changes results
_potential: Potential  # one a worker process, loaded when it starts


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    if arguments.card:
        print((shard_card.card if arguments.card.is_dir() else card)(arguments.card))
        return
    known = compositions()
    unknown = sorted(set(arguments.only or ()) - set(known))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not among the {len(known)} compositions of the set")
    parts = arguments.parts or arguments.out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    with at_work_on(parts):
        _make_all(arguments, known, parts)


def _make_all(arguments: argparse.Namespace, known: tuple[str, ...], parts: Path) -> None:
    deadline = time.time() + 60 * arguments.minutes if arguments.minutes else float("inf")
    if arguments.only:
        _make([f for f in known if f in arguments.only], parts, arguments.processes, deadline)
        return
    done = len(_manifest(arguments.out)["shards"]) * SLICE
    wanted = list(known[done : arguments.first])
    print(f"{done} compositions in finished shards", flush=True)
    _make(wanted, parts, arguments.processes, deadline, lambda: _close(known, parts, arguments.out))
    if _manifest(arguments.out)["shards"]:
        write_compositions(arguments.out)


def _make(wanted: list[str], parts: Path, processes: int, deadline: float, after=lambda: None) -> None:
    """The missing parts, in order; ``after`` each."""
    tasks = [(formula, parts, deadline) for formula in wanted if not path_of(formula, parts).exists()]
    print(f"{len(wanted)} compositions, {len(wanted) - len(tasks)} of them already done", flush=True)
    after()
    if not tasks:
        return
    with multiprocessing.get_context("spawn").Pool(processes, _start_worker, (this_process(),)) as pool:
        for number, line in enumerate(pool.imap_unordered(_make_part, tasks), 1):
            if line:
                print(f"[{number}/{len(tasks)}] {line}", flush=True)
                after()


def _manifest(out: Path) -> dict:
    if (out / MANIFEST).exists():
        return read_manifest(out)
    return {"generator": GENERATOR, "chgnet": version("chgnet"), "model": "r2scan", "slice": SLICE, "shards": []}


def _close(known: tuple[str, ...], parts: Path, out: Path) -> None:
    """Write the shards whose compositions are all there."""
    manifest = _manifest(out)
    while True:
        number = len(manifest["shards"])
        formulas = known[number * SLICE : (number + 1) * SLICE]
        if not formulas or not all(path_of(formula, parts).exists() for formula in formulas):
            return
        manifest["shards"].append(write_shard([read_part(formula, parts) for formula in formulas], number, out))
        write_manifest(manifest, out)


def _start_worker(parent: str) -> None:
    global _potential
    end_with(parent)
    torch.set_num_threads(1)  # small crystals: a second process helps, a second thread does not
    _potential = Potential()


def _make_part(task: tuple[str, Path, float]) -> str:
    """One composition to its file; the line to print. Nothing after the deadline."""
    formula, parts, deadline = task
    if time.time() > deadline:
        return ""
    began = time.process_time()
    try:
        outcome = find_polymorphs(formula, _potential)
    except Exception as error:  # of one composition: the others go on, and the loss is in its part
        outcome = Outcome(formula, [])
        outcome.lost[f"failed: {error!r}"] = 1
    seconds = time.process_time() - began
    write_part(part_of(outcome, seconds), parts)
    lost = ", ".join(f"{n} {reason}" for reason, n in sorted(outcome.lost.items()) if n)
    return f"{formula}: {len(outcome.polymorphs)} polymorphs, {len(outcome.frames)} frames in {seconds:.0f} s ({lost})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--out", type=Path, help="folder of the set")
    task.add_argument("--card", type=Path, metavar="PATH", help="print the counts and tables of this set instead")
    parser.add_argument("--parts", type=Path, help="folder of the parts (OUT/parts): another one makes them anew")
    parser.add_argument("--processes", "--cores", type=int, default=1, help="compositions made at a time")
    parser.add_argument("--first", type=int, metavar="N", help="stop after so many compositions of the list")
    parser.add_argument("--minutes", type=float, help="begin no composition after so long")
    parser.add_argument("--only", nargs="+", metavar="FORMULA", help="the parts of these compositions alone")
    return parser


if __name__ == "__main__":
    run(main)
