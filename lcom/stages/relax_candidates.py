"""Candidates -> the same after a short relaxation by CHGNet, cell and atoms: what a user does next.

The judge of a search in the literature ignores the volume, and a network's cell is a few per cent off: after this all columns are
judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import torch

from lcom.base.parallel import chunks, ordered_map
from lcom.candidates import Candidate, read_candidates, write_candidates
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import SHORT, relax
from lcom.physical import unphysical
from lcom.stages.common import options, run

TOGETHER = 16  # candidates that a process relaxes side by side


def main() -> None:
    parser = options(__doc__, "out")
    parser.add_argument("--structures", required=True, nargs="+")
    parser.add_argument("--only", nargs="*", default=[], help="these compounds alone")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    candidates = [candidate for file in args.structures for candidate in read_candidates(file, args.only)]
    parts = list(chunks(candidates, TOGETHER))
    done = [found for part in ordered_map(relaxed, parts, min(args.workers, len(parts))) for found in part]
    write_candidates(args.out, done)


def relaxed(candidates: Sequence[Candidate]) -> list[Candidate]:
    """In order; a failed one stays as it is, one that leaves what a potential should see fails with the reason."""
    sound = [i for i, candidate in enumerate(candidates) if candidate.status == "ok"]
    ends = relax([candidates[i].crystal for i in sound], _potential(), SHORT)
    result = list(candidates)
    for i, end in zip(sound, ends, strict=True):
        before = candidates[i]
        fault = end.reason if not end.steps else unphysical(end.crystal)
        info = (before.info or {}) | {"chgnet_steps": end.steps, "chgnet_converged": end.ok}
        if fault:
            result[i] = replace(before, status="failed", reason=f"relaxed by CHGNet: {fault}", info=info)
        else:
            result[i] = replace(before, crystal=end.crystal, info=info | {"chgnet_energy": round(end.energy, 6)})
    return result


@cache
def _potential() -> Potential:
    torch.set_num_threads(1)
    return Potential()


if __name__ == "__main__":
    run(main)
