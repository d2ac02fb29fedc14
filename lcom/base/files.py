"""Files that appear whole: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: str | os.PathLike) -> Generator[Path]:
    """A temporary path to write to; it becomes ``path`` when the block ends, so a kill leaves no half-written file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(
        f".{glob.escape(path.name)}.*.tmp"
    ):  # by a job that was killed: one at a time writes a target
        if not _lives(left.name.split(".")[-2]):
            left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    yield temporary
    os.replace(temporary, path)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def write_text(path: str | os.PathLike, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, values: Any) -> None:
    write_text(path, json.dumps(values, sort_keys=True, indent=1) + "\n")
