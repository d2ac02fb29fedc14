"""Embedded set 2 on disk: a folder of parquet files that are written once, and a manifest with their sha256.

`minima-000.parquet` and `frames-000.parquet` hold the first `SLICE` compositions of the generator's order, those numbered
001 the next ones, and so on; a later run adds files and changes none. `compositions.parquet` is made anew of all minima:
formation energies and the convex hull. Of minima, positions and cells are float32. Of frames, positions are 1/65536 of a
cell vector (some 1e-4 Å), forces 1 meV/Å, stresses 1e-4 eV/Å³.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lcom.base.files import whole, write_json
from lcom.crystal import Crystal
from lcom.data.off_minimum import OffMinimum
from lcom.data.sources.embedded import DamagedData
from lcom.data.sources.entries import Entry

SLICE = 100  # compositions of a shard
MANIFEST, COMPOSITIONS = "manifest.json", "compositions.parquet"
FRACTION, FORCE, STRESS = 65536.0, 1e-3, 1e-4  # steps a cell vector, eV/Å, eV/Å³
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))

_CELL = [("numbers", pa.list_(pa.uint8())), ("lattice", pa.list_(pa.float32())), ("energy", pa.float32())]
MINIMA = pa.schema(
    [
        ("formula", pa.string()),
        ("prototype", pa.string()),
        ("shaken", pa.bool_()),
        *_CELL,
        ("frac_coords", pa.list_(pa.float32())),
    ]
)
FRAMES = pa.schema(
    [
        ("formula", pa.string()),
        ("prototype", pa.string()),
        ("stage", pa.string()),
        *_CELL,
        ("frac_coords", pa.list_(pa.uint16())),
        ("forces", pa.list_(pa.int16())),
        ("stress", pa.list_(pa.int16())),  # as in VOIGT
    ]
)
_SPLIT = ("lattice", "frac_coords", "forces", "stress")


# ---- writing


def write_shard(parts: Sequence[dict], number: int, folder: Path) -> dict:
    """The files of a slice from the generator's parts, in their order. What the manifest says of them."""
    minima = [{"formula": part["formula"], **row} for part in parts for row in part["polymorphs"]]
    frames = [_packed({"formula": part["formula"], **row}) for part in parts for row in part["frames"]]
    return {
        "compositions": len(parts),
        "core_seconds": round(sum(part["seconds"] for part in parts)),
        "minima": write_table(minima, MINIMA, folder / f"minima-{number:03d}.parquet"),
        "frames": write_table(frames, FRAMES, folder / f"frames-{number:03d}.parquet"),
    }


def _packed(row: dict) -> dict:
    stress = np.reshape(row["stress"], (3, 3))
    return {
        **row,
        "frac_coords": (np.rint(np.array(row["frac_coords"]) * FRACTION).astype(np.int64) % int(FRACTION)).tolist(),
        "forces": np.rint(np.array(row["forces"]) / FORCE).astype(np.int64).tolist(),
        "stress": [round(float(stress[i, j] / STRESS)) for i, j in VOIGT],
    }


def write_table(rows: list[dict], schema: pa.Schema, path: Path) -> dict:
    """The rows as a file; its name, number of rows, size and sha256."""
    table = pa.Table.from_pylist(rows, schema=schema)
    words = [field.name for field in schema if field.type in (pa.string(), pa.bool_())]
    split = [f"{name}.list.element" for name in _SPLIT if name in schema.names] + ["energy"]
    with whole(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=19,
            use_dictionary=[name for name in words if name != "shaken"] + ["numbers.list.element"],
            use_byte_stream_split=split,
            write_statistics=False,
        )
    return {"file": path.name, "rows": len(rows), "bytes": path.stat().st_size, "sha256": _sha256(path)}


def write_manifest(manifest: dict, folder: Path) -> None:
    write_json(folder / MANIFEST, manifest)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- reading


def read_manifest(folder: Path) -> dict:
    """Raises `DamagedData` if there is none or it is not readable."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(manifest["shards"], list)
    except FileNotFoundError as error:
        raise DamagedData(f"{path} does not exist: is the folder right?") from error
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise DamagedData(f"{path} is no manifest ({error}): restore the file") from error
    return manifest


def tables(folder: Path, kind: str, shards: int | None = None) -> Iterator[pa.Table]:
    """The tables `minima` or `frames`, one a shard (the first `shards` of them). `DamagedData` names a file that is not as written."""
    for shard in read_manifest(folder)["shards"][:shards]:
        yield _table(Path(folder) / shard[kind]["file"], shard[kind])


def _table(path: Path, expected: dict) -> pa.Table:
    if not path.exists():
        raise DamagedData(f"{path} does not exist: restore the file")
    if _sha256(path) != expected["sha256"]:
        raise DamagedData(
            f"{path} is damaged (its sha256 is not the manifest's {expected['sha256']}): restore the file"
        )
    return pq.read_table(path)


def compositions_table(folder: Path) -> pa.Table:
    """formula, proportion, minima, lowest (eV/atom), formation (eV/atom), hull (eV/atom: of the convex hull there)."""
    manifest = read_manifest(folder)
    return _table(Path(folder) / COMPOSITIONS, manifest["compositions"])


def read(folder: Path, first: int | None = None, proportions: Sequence[str] = ()) -> Iterator[Entry]:
    """The minima as entries: of the first so many compositions, of these proportions."""
    for row in rows(folder, first, proportions):
        yield Entry(row["id"], row["crystal"], row["formation_energy"], row["prototype"])


def rows(folder: Path, first: int | None = None, proportions: Sequence[str] = ()) -> Iterator[dict]:
    """The minima: id, formula, proportion, prototype, shaken, crystal, energy, formation_energy, above_hull, all eV/atom."""
    known = _known(folder, first, proportions)
    shards = None if first is None else -(-first // SLICE)
    for table in tables(folder, "minima", shards):
        for row in table.to_pylist():
            if (composition := known.get(row["formula"])) is None:
                continue
            crystal = Crystal(row["numbers"], row["frac_coords"], np.reshape(row["lattice"], (3, 3)))
            above = row["energy"] - composition["lowest"]
            yield {
                "id": f"{row['formula']}-{row['prototype']}-{int(row['shaken'])}",
                "formula": row["formula"],
                "proportion": composition["proportion"],
                "prototype": row["prototype"],
                "shaken": row["shaken"],
                "crystal": crystal,
                "energy": row["energy"],
                "formation_energy": composition["formation"] + above,
                "above_hull": composition["lowest"] - composition["hull"] + above,
            }


def read_frames(folder: Path, first: int | None = None, proportions: Sequence[str] = ()) -> Iterator[OffMinimum]:
    """The crystals off the minima, with the same choice."""
    known = _known(folder, first, proportions)
    shards = None if first is None else -(-first // SLICE)
    for table in tables(folder, "frames", shards):
        for row in table.to_pylist():
            if row["formula"] in known:
                yield _frame(row)


def formation_offsets(folder: Path) -> dict[str, float]:
    """Formula -> what turns an energy of its crystals into a formation energy when added, eV/atom."""
    return {row["formula"]: row["formation"] - row["lowest"] for row in compositions_table(folder).to_pylist()}


def _known(folder: Path, first: int | None, proportions: Sequence[str]) -> dict[str, dict]:
    found = compositions_table(folder).to_pylist()[:first]
    return {row["formula"]: row for row in found if not proportions or row["proportion"] in proportions}


def _frame(row: dict) -> OffMinimum:
    frac = np.array(row["frac_coords"], dtype=np.float64).reshape(-1, 3) / FRACTION
    stress = np.zeros((3, 3))
    for (i, j), value in zip(VOIGT, row["stress"], strict=True):
        stress[i, j] = stress[j, i] = value * STRESS
    crystal = Crystal(row["numbers"], frac, np.reshape(row["lattice"], (3, 3)))
    forces = np.array(row["forces"], dtype=np.float64).reshape(-1, 3) * FORCE
    return OffMinimum(row["formula"], row["prototype"], row["stage"], crystal, row["energy"], forces, stress)
