"""Numbers that took long to make, kept one record after the other, so that a run that is killed loses the last at most."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np


class Records:
    """Records of float64 in a file, each with its length and checksum. What a kill has torn is cut off and made again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[np.ndarray]:
        """The whole records. The file is cut after the last of them."""
        if not self.path.exists():
            return
        data, at = self.path.read_bytes(), 0
        records = []
        while at + 12 <= len(data):
            size, checksum = int.from_bytes(data[at : at + 8], "little"), data[at + 8 : at + 12]
            body = data[at + 12 : at + 12 + size]
            if len(body) < size or zlib.crc32(body).to_bytes(4, "little") != checksum:
                break
            records.append(np.frombuffer(body))
            at += 12 + size
        with self.path.open("r+b") as file:
            file.truncate(at)
        yield from records

    def append(self, record: np.ndarray) -> None:
        body = np.ascontiguousarray(record, dtype=np.float64).tobytes()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(len(body).to_bytes(8, "little") + zlib.crc32(body).to_bytes(4, "little") + body)
            file.flush()
            os.fsync(file.fileno())
