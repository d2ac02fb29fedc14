"""The source of a data set, by its kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lcom.data.sources import embedded, matbench, oqmd, own, qmpy, shards
from lcom.data.sources.download import sha256_of
from lcom.data.sources.entries import Entry, Rejected
from lcom.data.sources.settings import SourceSettings


def read(settings: SourceSettings, path: Path, workers: int) -> Iterator[Entry | Rejected]:
    """Whatever the file or folder ``path`` holds, in its own order. A ValueError if a file has not the sha256 that is given."""
    pinned = path / shards.MANIFEST if settings.kind == "embedded" and path.is_dir() else path
    if settings.sha256 and pinned.is_file() and (found := sha256_of(pinned)) != settings.sha256:
        raise ValueError(
            f"{pinned} is damaged or was changed: its sha256 is {found}, the config says {settings.sha256}. "
            f"Restore the file, or write the new sha256 under `data:` of the config if the change is meant"
        )
    if settings.kind == "embedded":
        return shards.read(path, settings.first or None) if path.is_dir() else embedded.read(path)
    if settings.kind == "matbench":
        return matbench.read(path)
    if settings.kind == "oqmd_optimade":
        return oqmd.read_pages(path)
    if settings.kind == "oqmd_jarvis":
        return oqmd.read_jarvis(path)
    if settings.kind == "oqmd_sql":
        return qmpy.read_sql(path)
    return own.read(path, settings.energy, settings.id or None, settings.unit or "eV/atom", workers)
