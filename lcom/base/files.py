"""Files that appear whole: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lcom.base.processes import runs
from lcom.base.provenance import provenance

HOST = re.sub(r"\W", "_", socket.gethostname())
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


class DiskError(ValueError):
    """A file could not be written; the message says which one and why."""


@contextmanager
def whole(path: str | os.PathLike) -> Generator[Path]:
    """A temporary path to write to; it becomes ``path`` when the block ends, so a kill leaves no half-written file.

    An exception leaves nothing. A full or faulty disk is a `DiskError`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{HOST}-{os.getpid()}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(path)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # some writers make files that only their owner may read
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: str | os.PathLike) -> Generator[None]:
    """A disk that is full or faulty as one line that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise DiskError(f"{path} cannot be written: {os.strerror(error.errno)}") from error


def _remove_left(path: Path) -> None:
    """What jobs of this machine that were killed left of the target; those of others may be alive."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{HOST}-*"):
        pid = left.name.removeprefix(f".{path.name}.{HOST}-").split(".")[0]
        if pid.isdecimal() and not runs(int(pid)):
            left.unlink(missing_ok=True)


def _umask() -> int:
    """The bits that new files are denied."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, values: Any) -> None:
    write_text(path, json.dumps(values, sort_keys=True, indent=1) + "\n")


def write_result(path: str | os.PathLike, values: dict[str, Any]) -> None:
    """JSON, with what the values were made with under "made_by", unless they say so themselves."""
    write_json(path, {"made_by": provenance()} | values)
