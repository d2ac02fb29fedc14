"""The energies of many crystals, each asked of GPAW once, in processes side by side."""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from lcom.base.files import write_text
from lcom.base.provenance import provenance
from lcom.crystal import Crystal
from lcom.dft.cache import SAME, KnownEnergies
from lcom.dft.child import Died, Unfinished, in_children
from lcom.dft.gpaw import Energy, energy, load_gpaw, no_energy
from lcom.dft.same import same_crystal
from lcom.dft.settings import DftSettings
from lcom.dft.symmetric import symmetrised
from lcom.physical import reduced_cell, unphysical

log = logging.getLogger("lcom")

Found = tuple[Energy, dict]  # and what it was made by


def energies(
    crystals: Sequence[Crystal], settings: DftSettings, known: KnownEnergies, workers: int, last: bool
) -> list[Found]:
    """The energy of each, or the reason why it has none, in their order; what GPAW finds is written down at once.

    Sound crystals are put into the symmetry that they nearly have (lcom.dft.symmetric) before GPAW sees them.
    A GPAW that dies is a reason in the last attempt; before it, and whenever the time of the job ends first, a ValueError when all
    others are done.
    """
    crystals = [crystal if unphysical(crystal) else symmetrised(crystal) for crystal in crystals]
    found: dict[int, Found] = {}
    lost: list[str] = []
    asked: dict[int, Crystal] = {}  # of GPAW, just now
    for i, answer in in_children(_tasks(crystals, settings, known, found, asked), workers):
        del asked[i]
        if isinstance(answer, Unfinished) or (isinstance(answer, Died) and not last):
            lost.append(str(answer) or "the time of the job was over")
        elif isinstance(answer, Died):
            found[i] = no_energy(crystals[i], str(answer)), provenance()
        elif isinstance(answer, Exception):
            raise answer
        else:
            known.keep(*answer)
            found[i] = answer
            log.info("energy %d of %d: %s", i + 1, len(crystals), answer[0].reason or f"{answer[0].energy:.4f} eV/atom")
    if lost:
        reasons = "; ".join(dict.fromkeys(lost))
        raise ValueError(
            f"{len(lost)} of {len(crystals)} energies are missing ({reasons}): run again, the others are kept"
        )
    return [found[i] for i in range(len(crystals))]


def write_energies(path: str | os.PathLike, records: Iterable[dict]) -> None:
    """A line of JSON for each."""
    write_text(path, "".join(json.dumps(record, sort_keys=True) + "\n" for record in records))


def _tasks(
    crystals: Sequence[Crystal], settings: DftSettings, known: KnownEnergies, found: dict, asked: dict[int, Crystal]
) -> Iterator[tuple[int, Callable[[], Found]] | None]:
    """What is left to ask of GPAW when there is room for it; the rest is `found`."""
    hits = 0
    waiting, later = deque(range(len(crystals))), deque[int]()
    while waiting or later:
        i = waiting.popleft() if waiting else later.popleft()
        if reason := unphysical(crystals[i]):
            found[i] = no_energy(crystals[i], reason), provenance()
        elif (answer := known.find(crystals[i])) is not None:
            found[i] = answer
            hits += 1
        elif any(same_crystal(reduced_cell(crystals[i]), other, SAME) for other in asked.values()):
            later.append(i)  # its twin will have been written down
            if not waiting:
                yield None
        else:
            load_gpaw()
            asked[i] = reduced_cell(crystals[i])
            yield i, lambda crystal=crystals[i]: (energy(crystal, settings), provenance())
    damaged = f", {known.damaged} damaged lines left out" if known.damaged else ""
    log.info("%d of %d energies were known%s", hits, len(crystals), damaged)
