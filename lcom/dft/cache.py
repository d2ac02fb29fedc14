"""Energies that are known already: of the same crystal, at the same settings, by the same code and versions.

A file for each composition, a line for each energy with its checksum, appended as soon as it is found. So a kill loses none, a damaged
line is an energy that is asked for again, and jobs, runs and machines share them without a lock: on a file system that lets two
appended lines spoil each other, both are damaged lines.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lcom.base.files import disk_errors
from lcom.base.resume import digest
from lcom.crystal import Crystal, reduced_counts
from lcom.dft.gpaw import Energy, kpoint_grid
from lcom.dft.same import same_crystal
from lcom.dft.settings import DftSettings
from lcom.elements import SYMBOLS
from lcom.physical import reduced_cell

log = logging.getLogger("lcom")

SAME = 1e-4  # Å, for a crystal without energy or not yet with one
LOOSEST = 1e-3  # Å; curvatures of some 15 eV/Å² make it 0.01 meV
ERROR = 5e-4  # eV/atom that the energies of two crystals which pass for one may differ by


class KnownEnergies:
    """The energies in a folder that were made at some settings by some code, of which `code` is the digest."""

    def __init__(self, folder: Path, settings: DftSettings, code: str) -> None:
        self._folder, self._settings = folder, settings
        self._key = digest(settings.of_energies(), code)
        self._read: dict[
            Path, tuple[int, list[tuple[Crystal, float, dict]]]
        ] = {}  # a file's size then, and what was in it
        self.damaged = 0

    def find(self, crystal: Crystal) -> tuple[Energy, dict] | None:
        """The energy of this crystal, which an isometry may take to the one that it was calculated for, and what it was made by."""
        crystal = reduced_cell(crystal)
        for known, tolerance, said in self._of(self._file(crystal)):
            if self._grid(known) == self._grid(crystal) and same_crystal(known, crystal, tolerance):
                values = [said[key] for key in ("energy", "max_force", "max_stress", "attempts", "seconds", "reason")]
                return Energy(crystal, *values), said["made_by"]
        return None

    def keep(self, found: Energy, made_by: dict) -> None:
        """Write an energy down, or why GPAW has none. DiskError if the disk is full."""
        crystal = reduced_cell(found.crystal)
        said = found.values() | {"key": self._key, "crystal": crystal.content(), "made_by": made_by}
        text = json.dumps(said, sort_keys=True)
        file = self._file(crystal)
        with disk_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            # a new line first: what a kill has torn stays alone
            line = f"\n{zlib.crc32(text.encode()):08x} {text}\n".encode()
            handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                os.write(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)

    def _file(self, crystal: Crystal) -> Path:
        counts = reduced_counts(crystal.numbers)
        name = "".join(f"{SYMBOLS[z]}{k if k > 1 else ''}" for z, k in counts)
        return self._folder / SYMBOLS[counts[0][0]] / f"{name}.log"

    def _grid(self, crystal: Crystal) -> list[int]:
        return sorted(kpoint_grid(crystal.lattice, self._settings.kpoint_density))

    def _of(self, file: Path) -> list[tuple[Crystal, float, dict]]:
        """What is in a file, each crystal with how far off one may be that is to have its energy.

        Read again if it has grown: another job may have written to it.
        """
        size = file.stat().st_size if file.exists() else 0
        if self._read.get(file, (0, []))[0] != size:
            lines = list(_sound(file))
            self.damaged += lines.count(None)
            ours = [said for said in lines if said is not None and said["key"] == self._key]
            crystals = [Crystal(**said["crystal"]) for said in ours]
            self._read[file] = size, [(c, _tolerance(c, said), said) for c, said in zip(crystals, ours, strict=True)]
        return self._read.get(file, (0, []))[1]


def _tolerance(crystal: Crystal, said: dict) -> float:
    """Å by which edges and atoms may move until forces and stress, at their largest and all in one direction, do `ERROR` of work."""
    if said["reason"]:
        return SAME
    strain = 1 / np.linalg.norm(crystal.lattice, axis=1).min()  # an Å of it, in each of nine components
    work = said["max_force"] + 9 * said["max_stress"] * strain * crystal.volume / len(crystal)
    return min(LOOSEST, ERROR / max(work, 1e-9))


def _sound(file: Path) -> Iterator[dict[str, Any] | None]:
    """What each line says, None of a damaged one."""
    for line in file.read_bytes().split(b"\n"):
        checksum, _, text = line.partition(b" ")
        if line:
            yield json.loads(text) if checksum == b"%08x" % zlib.crc32(text) else None
