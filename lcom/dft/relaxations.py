"""Relaxations of many crystals, each done once, in processes side by side.

The steps of each stay on disk (lcom.base.resume) under a name made of all that it depends on: start, settings, code and versions. One that
was killed goes on from there, and one that is done is there again in a fraction of a second, for whoever asks.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TypeVar

from lcom.base.lock import at_work_on
from lcom.base.resume import Records, digest
from lcom.crystal import Crystal
from lcom.dft.child import Died, Unfinished, in_children
from lcom.dft.gpaw import load_gpaw
from lcom.dft.relax import Relaxation, no_relaxation, relax
from lcom.dft.settings import DftSettings

log = logging.getLogger("lcom")

K = TypeVar("K", bound=Hashable)


@dataclasses.dataclass(frozen=True)
class Steps:
    """The folder of the steps of relaxations by some code, of which `code` is the digest."""

    folder: Path
    code: str

    def file(self, start: Crystal, settings: DftSettings, symmetric: bool) -> Path:
        level = {key: value for key, value in dataclasses.asdict(settings).items() if key != "kpoint_density"}
        name = digest(self.code, start.content(), level, symmetric)
        return self.folder / name[:2] / f"{name}.records"


def relaxations(
    starts: Mapping[K, Crystal], settings: DftSettings, steps: Steps, workers: int, *, symmetric: bool, last: bool
) -> dict[K, Relaxation]:
    """`relax` of each. A GPAW that dies is a failed relaxation in the last attempt; before it, and whenever the time of the job ends
    first, a ValueError when all others are done."""
    load_gpaw()
    found: dict[K, Relaxation] = {}
    lost: list[str] = []

    def one(start: Crystal) -> Relaxation:
        file = steps.file(start, settings, symmetric)
        with at_work_on(file):
            return relax(start, settings, Records(file), symmetric=symmetric)

    tasks = ((name, lambda start=start: one(start)) for name, start in starts.items())
    for name, answer in in_children(tasks, workers):
        if isinstance(answer, Unfinished) or (isinstance(answer, Died) and not last):
            lost.append(str(answer) or "the time of the job was over")
        elif isinstance(answer, Died):
            found[name] = no_relaxation(starts[name], str(answer))
        elif isinstance(answer, Exception):
            raise answer
        else:
            found[name] = answer
            log.info("relaxation %d of %d: %s in %d steps", len(found), len(starts), name, answer.steps)
    if lost:
        reasons = "; ".join(dict.fromkeys(lost))
        raise ValueError(
            f"{len(lost)} of {len(starts)} relaxations are missing ({reasons}): run again, all steps are kept"
        )
    return {name: found[name] for name in starts}
