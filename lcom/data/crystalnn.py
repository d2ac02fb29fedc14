"""Bonds by pymatgen's CrystalNN (Pan et al. 2021), the published encoder's graph, found once and kept on disk.

CrystalNN weighs the faces of Voronoi cells: tens of milliseconds a crystal, so bonds are found before training, by several processes, and
cached by the crystal's content: a search that was killed goes on, and a crystal in two data sets is searched once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import torch

from lcom.base.parallel import worker_pool
from lcom.batch import Batch, unpack
from lcom.crystal import Crystal
from lcom.data.packed import Dataset

log = logging.getLogger("lcom")

NEAREST = 1.1  # atoms that CrystalNN gives no bond are bonded to all up to this times their nearest distance
CHUNK = 64  # crystals between two commits


def crystalnn_bonds(crystal: Crystal) -> np.ndarray:
    """[bonds, 5]: atom, its neighbour, and the neighbour's image, each bond in both directions. No atom is without."""
    structure = crystal.to_structure()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no oxidation states, as everywhere
        try:
            found = _crystalnn().get_all_nn_info(structure)
        except (ValueError, RuntimeError, IndexError, ZeroDivisionError):  # a decoded cell can be too odd for Voronoi
            found = [[] for _ in structure]
    bonds = {(i, int(n["site_index"]), *map(int, n["image"])) for i, near in enumerate(found) for n in near}
    for i in set(range(len(crystal))) - {bond[0] for bond in bonds}:
        radius = 2.0
        while not (near := structure.get_neighbors(structure[i], radius)):
            radius *= 1.5
        shell = NEAREST * min(n.nn_distance for n in near)
        bonds |= {(i, int(n.index), *map(int, n.image)) for n in near if n.nn_distance <= shell}
    bonds |= {(j, i, -a, -b, -c) for i, j, a, b, c in bonds}
    return np.array(sorted(bonds), dtype=np.int16)


@cache
def _crystalnn():
    from pymatgen.analysis.local_env import CrystalNN

    return CrystalNN()


def attach_bonds(batch: Batch, file: str | os.PathLike | None = None, workers: int = 1) -> Batch:
    """The batch with its CrystalNN bonds, [N, most bonds of an atom, 4] int16: neighbour within the crystal (-1: none), image.

    file: the cache, a SQLite database that is made if it is not there; without it nothing is kept.
    """
    crystals = unpack(batch.to("cpu"))
    keys = [_key(crystal) for crystal in crystals]
    if file is None:
        known = dict(zip(keys, map(crystalnn_bonds, crystals), strict=True))
    else:
        known = _cached(dict(zip(keys, crystals, strict=True)), Path(file), workers)
    counts = [np.bincount(known[key][:, 0], minlength=len(c)) for key, c in zip(keys, crystals, strict=True)]
    rows = np.full((len(batch.numbers), max(int(c.max()) for c in counts), 4), -1, dtype=np.int16)
    first = 0
    for key, count in zip(keys, counts, strict=True):
        bonds = known[key]  # sorted by atom
        slot = np.arange(len(bonds)) - np.repeat(np.cumsum(count) - count, count)
        rows[first + bonds[:, 0], slot] = bonds[:, 1:]
        first += len(count)
    return batch.replace(bonds=torch.from_numpy(rows).to(batch.lattice.device))


def with_bonds(data: Dataset, file: str | os.PathLike, workers: int) -> Dataset:
    """A data set with the bonds of its crystals."""
    return dataclasses.replace(data, batch=attach_bonds(data.batch, file, workers))


def _key(crystal: Crystal) -> str:
    arrays = (
        crystal.numbers.astype(np.int16),
        crystal.frac_coords.astype(np.float32),
        crystal.lattice.astype(np.float32),
    )
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:32]


def _cached(crystals: dict[str, Crystal], file: Path, workers: int) -> dict[str, np.ndarray]:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(file, timeout=60)) as database:
            database.execute("create table if not exists bonds (key text primary key, value blob)")
            known = {
                key: np.frombuffer(value, dtype=np.int16).reshape(-1, 5)
                for key, value in database.execute("select key, value from bonds")
                if key in crystals
            }
            missing = [key for key in crystals if key not in known]
            if missing:
                log.info("CrystalNN: %d crystals, %d of them known", len(crystals), len(known))
            for part, found in _search([crystals[key] for key in missing], workers):
                rows = dict(zip(missing[part : part + CHUNK], found, strict=True))
                database.executemany(
                    "insert or ignore into bonds values (?, ?)", [(k, v.tobytes()) for k, v in rows.items()]
                )
                database.commit()
                known |= rows
    except sqlite3.OperationalError as error:  # locked for a minute, or the disk is full
        raise ValueError(f"{file}, the cache of CrystalNN bonds, cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(
            f"{file}, the cache of CrystalNN bonds, is damaged ({error}): remove it and run again"
        ) from error
    return known


def _search(crystals: Sequence[Crystal], workers: int) -> Iterator[tuple[int, list[np.ndarray]]]:
    """(first crystal, bonds) of each chunk."""
    chunks = [(i, crystals[i : i + CHUNK]) for i in range(0, len(crystals), CHUNK)]
    if workers == 1 or len(chunks) < 2:
        for i, chunk in chunks:
            yield i, list(map(crystalnn_bonds, chunk))
        return
    with worker_pool(workers, "spawn") as pool:
        for i, chunk in chunks:
            yield i, list(pool.map(crystalnn_bonds, chunk, chunksize=max(1, CHUNK // (4 * workers))))
