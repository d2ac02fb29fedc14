"""Answers that took long to find, kept one after the other, so that a run that is killed loses the last at most."""

from __future__ import annotations

import os
import zlib
from collections import deque
from pathlib import Path

import numpy as np

HEAD = 12  # bytes before a record: its length, and the checksum of what follows


class Records:
    """Records of float64 in a file, each with the checksum of the question that it answers.

    A run that starts again asks the same questions in the same order. From the first record on that a kill has torn, or that
    answers another question, the file is cut off and made again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._earlier = self._read()

    def answer(self, question: np.ndarray) -> np.ndarray | None:
        """The record of the question that is next, None if there is none."""
        if not self._earlier:
            return None
        at, asked, record = self._earlier.popleft()
        if asked == _checksum(question.tobytes()):
            return record
        self._earlier.clear()
        self._cut(at)
        return None

    def append(self, question: np.ndarray, record: np.ndarray) -> None:
        body = _checksum(question.tobytes()) + np.ascontiguousarray(record, dtype=np.float64).tobytes()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(len(body).to_bytes(8, "little") + _checksum(body) + body)
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> deque[tuple[int, bytes, np.ndarray]]:
        """Where each whole record begins, the checksum of its question, and the record. The file is cut after the last."""
        found: deque[tuple[int, bytes, np.ndarray]] = deque()
        if not self.path.exists():
            return found
        data, at = self.path.read_bytes(), 0
        while at + HEAD <= len(data):
            size, checksum = int.from_bytes(data[at : at + 8], "little"), data[at + 8 : at + HEAD]
            body = data[at + HEAD : at + HEAD + size]
            if len(body) < size or _checksum(body) != checksum:
                break
            found.append((at, body[:4], np.frombuffer(body[4:])))
            at += HEAD + size
        self._cut(at)
        return found

    def _cut(self, at: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(at)


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
