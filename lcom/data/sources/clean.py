"""From what a source yields to a data set: canonical primitive cells of a limited size, without repeated crystals, all losses counted.

Entries go through worker processes in chunks, and to disk as they come. The search for repeated crystals holds the packed table.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lcom.base.files import whole
from lcom.base.parallel import chunks, ordered_map
from lcom.base.spreadsheets import plain
from lcom.data.settings import CleanSettings
from lcom.data.sources.entries import (
    ABSURD_ENERGY,
    NO_ENERGY,
    NOT_SERVED,
    REPEATED,
    UNREADABLE,
    Entry,
    Rejected,
    possible,
)
from lcom.data.sources.repeated import repeated
from lcom.data.table import SCHEMA, row, to_arrow
from lcom.elements import MAX_Z, SYMBOLS
from lcom.physical import close_contact, reduced_cell, too_long, too_wide

TOO_LARGE, ELEMENT, COLLAPSED, EXPANDED = "too large", "unknown element", "atoms too close", "absurd cell"
CELL, DUPLICATE = "no cell", "duplicate"
# faults of the file; what else is dropped is a matter of choice
BAD = (UNREADABLE, NO_ENERGY, REPEATED, NOT_SERVED, ABSURD_ENERGY)
LARGEST_CENTRING = 8  # a cell with more than so many times max_atoms is not even reduced
CONTACT = 0.4  # of the sum of covalent radii
CHUNK = 64


@dataclass
class Losses:
    """What was read and what became of it; every row that was dropped is a line of the file ``rejected``."""

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def clean(
    entries: Iterable[Entry | Rejected],
    settings: CleanSettings,
    workers: int,
    out: Path,
    rejected: Path,
    name: str,
    level: str = "",
) -> Losses:
    """Write the data set ``name`` as parquet, and a CSV of the rows that were dropped. A ValueError if too many are bad.

    level: of theory, the name if none is given.
    """
    losses = Losses()
    with whole(rejected) as lost, whole(out) as kept:
        first = kept.with_suffix(".first")
        try:
            with lost.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                canonical = _Canonical(settings.max_atoms, level or name)
                _first_pass(entries, canonical, workers, first, Log(file, losses))
                table = _of_possible_energies(pq.read_table(first, page_checksum_verification=True), Log(file, losses))
                _check(losses, settings, name, lost)
                keep = ~repeated(table, workers)
                for id in table["id"].filter(pa.array(~keep)).to_pylist():
                    Log(file, losses)(Rejected(id, DUPLICATE, "the same crystal is there with a lower energy"))
            losses.kept = int(keep.sum())
            pq.write_table(table.filter(pa.array(keep)), kept, compression="zstd", write_page_checksum=True)
        finally:
            first.unlink(missing_ok=True)
    return losses


def _first_pass(entries: Iterable[Entry | Rejected], canonical: _Canonical, workers: int, path: Path, log: Log) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for results in ordered_map(canonical, chunks(_unique(entries), CHUNK), workers):
            log.losses.read += len(results)
            for lost in results:
                if isinstance(lost, Rejected):
                    log(lost)
            if rows := [result for result in results if not isinstance(result, Rejected)]:
                writer.write_table(to_arrow(rows))


def _of_possible_energies(table: pa.Table, log: Log) -> pa.Table:
    """The rows whose formation energies can be some: one that is far too low would be its composition's zero.

    Total energies, as a set of one composition may have, are judged from their median.
    """
    energy = table["formation_energy"].to_numpy()
    offset = float(np.median(energy)) if len(table["formula"].unique()) == 1 else 0.0
    faults = [possible(value, offset) for value in energy.tolist()]
    for id, fault in zip(table["id"].to_pylist(), faults, strict=True):
        if fault:
            log(Rejected(id, ABSURD_ENERGY, fault))
    return table.filter(pa.array([fault is None for fault in faults], pa.bool_()))


def _unique(entries: Iterable[Entry | Rejected]) -> Iterator[Entry | Rejected]:
    """The second entry of an id is rejected. Half a character in an id (JSON's lone surrogates) is written out: no file can hold it."""
    seen: set[str] = set()
    for entry in entries:
        if isinstance(entry, Entry):
            entry = replace(entry, id=entry.id.encode(errors="backslashreplace").decode())
            if entry.id in seen:
                entry = Rejected(
                    entry.id, REPEATED, f"an earlier row has this id, this one {entry.formation_energy:.6g} eV/atom"
                )
            seen.add(entry.id)
        yield entry


def _check(losses: Losses, settings: CleanSettings, name: str, rejected: Path) -> None:
    if not losses.read:
        raise ValueError(f"data set {name} has no rows")
    bad = {kind: losses.dropped[kind] for kind in BAD if losses.dropped[kind]}
    share = sum(bad.values()) / losses.read
    if share > settings.max_rejected:
        said = ", ".join(f"{count} {kind}" for kind, count in bad.items())
        raise ValueError(
            f"data set {name}: {share:.1%} of {losses.read} rows cannot be used ({said}), more than data.max_rejected "
            f"({settings.max_rejected:.1%}). The first: {_head(rejected)}. Mend the file, or raise the limit"
        )
    if losses.read == sum(losses.dropped.values()):
        raise ValueError(f"data set {name}: none of {losses.read} rows is left: {dict(losses.dropped)}")


def _head(rejected: Path, count: int = 3) -> str:
    with rejected.open(newline="", encoding="utf-8") as file:
        bad = ((id, detail) for id, kind, detail in csv.reader(file) if kind in BAD)
        return "; ".join(f"{id}: {detail}" for id, detail in itertools.islice(bad, count))


class Log:
    """Counts a dropped row and writes it down."""

    def __init__(self, file: TextIO, losses: Losses) -> None:
        self.file, self.losses = file, losses
        self.writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")

    def __call__(self, what: Rejected) -> None:
        self.losses.dropped[what.kind] += 1
        id, detail = what.id.replace("\n", " "), " ".join(what.detail.split())[:300]
        self.writer.writerow([plain(id), what.kind, plain(detail)])
        self.file.flush()


@dataclass(frozen=True)
class _Canonical:
    """Entries -> rows of the table in canonical cells, or why not. Runs in the workers."""

    max_atoms: int
    level: str

    def __call__(self, entries: list[Entry | Rejected]) -> list[dict | Rejected]:
        return [entry if isinstance(entry, Rejected) else self._one(entry) for entry in entries]

    def _one(self, entry: Entry) -> dict | Rejected:
        crystal = entry.crystal
        if len(crystal) > LARGEST_CENTRING * self.max_atoms:
            return Rejected(entry.id, TOO_LARGE, f"{len(crystal)} atoms")
        # a translation moves every atom, so the number of primitive cells divides the count of each element
        fewest = len(crystal) // math.gcd(*np.unique(crystal.numbers, return_counts=True)[1].tolist())
        if fewest > self.max_atoms:
            return Rejected(entry.id, TOO_LARGE, f"{len(crystal)} atoms, at least {fewest} in the primitive cell")
        if crystal.numbers.min() < 1 or crystal.numbers.max() > MAX_Z:
            return Rejected(entry.id, ELEMENT, f"an element beyond {SYMBOLS[-1]}")
        if not crystal.volume > 0.5 * len(crystal):  # before spglib, which can end the process on such cells
            return Rejected(entry.id, COLLAPSED, f"{crystal.volume / len(crystal):.3g} Å³ per atom")
        if wide := too_wide(crystal):
            return Rejected(entry.id, EXPANDED, wide)
        try:
            contact = close_contact(reduced_cell(crystal), CONTACT)
            if contact is not None:
                return Rejected(entry.id, COLLAPSED, contact)
            crystal = crystal.canonical()
        except (ValueError, TypeError) as error:
            return Rejected(entry.id, CELL, str(error))
        if len(crystal) > self.max_atoms:
            return Rejected(entry.id, TOO_LARGE, f"{len(crystal)} atoms in the primitive cell")
        if long := too_long(crystal):
            return Rejected(entry.id, EXPANDED, long)
        return row(entry.id, crystal, entry.formation_energy, entry.source, self.level)
