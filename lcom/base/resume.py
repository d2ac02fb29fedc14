"""Answers that took long to find, kept one after the other, so that a run that is killed loses the last at most.

The relaxations' steps, the energies of searches: whatever runs the same way from the same beginning asks the same questions in the
same order, and takes the answers that are there. So nothing of an optimiser needs saving.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lcom.base.files import disk_errors
from lcom.base.lock import at_work_on

log = logging.getLogger("lcom")

HEAD = 12  # bytes before a record: its length, and the checksum of what follows
SAME = 1e-7  # how far the numbers of a question may be off: another processor rounds otherwise


class Records:
    """Pairs of a question and its answer, both float64 in one dimension, in a file, each pair with its checksum.

    From the first pair on that a kill has torn, or that answers another question, the file is cut off and made again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._earlier = self._read()
        if self._earlier:
            log.info("resuming after %d steps kept in %s", len(self._earlier), path)

    def answer(self, question: np.ndarray) -> np.ndarray | None:
        """The answer to the question that is next, None if there is none."""
        if not self._earlier:
            return None
        at, asked, record = self._earlier.popleft()
        if asked.shape == question.shape and np.allclose(asked, question, rtol=0, atol=SAME):
            return record
        log.warning("%s goes another way from here on: %d steps in it are dropped", self.path, len(self._earlier) + 1)
        self._earlier.clear()
        self._cut(at)
        return None

    def append(self, question: np.ndarray, record: np.ndarray) -> None:
        """DiskError if the disk is full."""
        pair = [np.ascontiguousarray(values, dtype=np.float64).tobytes() for values in (question, record)]
        body = len(question).to_bytes(4, "little") + b"".join(pair)
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(len(body).to_bytes(8, "little") + _checksum(body) + body)
                file.flush()
                os.fsync(file.fileno())

    def _read(self) -> deque[tuple[int, np.ndarray, np.ndarray]]:
        """Where each whole pair begins, its question and its answer. The file is cut after the last."""
        found: deque[tuple[int, np.ndarray, np.ndarray]] = deque()
        if not self.path.exists():
            return found
        data, at = self.path.read_bytes(), 0
        while at + HEAD <= len(data):
            size, checksum = int.from_bytes(data[at : at + 8], "little"), data[at + 8 : at + HEAD]
            body = data[at + HEAD : at + HEAD + size]
            if len(body) < size or _checksum(body) != checksum:
                break
            values, asked = np.frombuffer(body[4:]), int.from_bytes(body[:4], "little")
            found.append((at, values[:asked], values[asked:]))
            at += HEAD + size
        if at < len(data):
            log.warning("%s is damaged after %d steps: those after them are done again", self.path, len(found))
            self._cut(at)
        return found

    def _cut(self, at: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(at)


@contextmanager
def state(folder: str | os.PathLike, *what: Any) -> Generator[Path]:
    """A subfolder for what is to be resumed; the folder is removed when the block has ended well.

    what: all that the work depends on; a change of it is another subfolder. Nobody else works in the folder meanwhile.
    """
    with at_work_on(folder):
        yield Path(folder) / digest(*what)
        shutil.rmtree(folder, ignore_errors=True)


def digest(*what: Any) -> str:
    """A name for work that is to go on only as what it was: settings, inputs, code; bytes, or whatever JSON can say."""
    result = hashlib.sha256()
    for part in what:
        text = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        result.update(len(text).to_bytes(8, "little") + text)
    return result.hexdigest()[:16]


def fingerprint(question: np.ndarray) -> np.ndarray:
    """[8]: stands for a question too large to keep, of which every bit counts."""
    return np.frombuffer(hashlib.sha256(question.tobytes()).digest(), dtype="<u4").astype(np.float64)


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
