"""complete.json beside a download: that it is whole, and what it was when it was.

Whoever reads the download compares, so that a file that was changed, cut or deleted since is no training data.
"""

from __future__ import annotations

import json
from pathlib import Path

from lcom.base.files import write_result
from lcom.data.sources.download import sha256_of

MARKER = "complete.json"
GZIP = b"\x1f\x8b"
MAGIC = {  # what a file of a kind begins with
    "matbench": (GZIP,),
    "oqmd_jarvis": (b"PK\x03\x04",),
    "oqmd_sql": (GZIP, b"-- ", b"/*", b"DROP ", b"CREATE ", b"SET "),
}


def mark(path: Path, marker: Path, url: str) -> None:
    """Write the marker of a file."""
    write_result(marker, {"url": url, "sha256": sha256_of(path), "bytes": path.stat().st_size})


def check(path: Path) -> None:
    """That a download is there and is what it was. An error says what to do; what is gone is fetched by the same command."""
    marker = path.parent / MARKER
    if not marker.exists():  # a file of one's own
        return
    if not path.exists():
        marker.unlink()
        raise FileNotFoundError(f"{path} was deleted: run the same command again, it is downloaded again")
    try:
        wanted = json.loads(marker.read_text(encoding="utf-8")).get("sha256")
    except (ValueError, AttributeError):
        wanted = ""
    if path.is_file() and wanted != sha256_of(path):
        raise ValueError(f"{path} is not the file that was downloaded: {anew(path)}")


def anew(path: Path) -> str:
    """What to do about a file that is damaged."""
    marker = path.parent / MARKER
    if marker.exists():
        return f"delete {path} and {marker} and run again, it is downloaded anew"
    return "restore the file, or download it again and compare its sha256"
