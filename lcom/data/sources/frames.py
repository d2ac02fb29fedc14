"""The frames of an extended XYZ file, cut without being parsed: a frame that is broken costs no other."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from lcom.data.sources.cifs import LONG, MAX_TEXT
from lcom.data.sources.entries import UNREADABLE, Rejected

FRAMES = 100  # given out at once
_COUNT = re.compile(r"\s*\d{1,9}\s*", re.ASCII)
_ISOTOPE = re.compile(r"^(\s*)[DT](?=\s)", re.MULTILINE)  # in the first column, where the elements are as a rule


def frames(path: Path) -> Iterator[list]:
    """(number of the frame, its text). A line that is a number, other than the comment, begins a frame."""
    with path.open("rb") as file:
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    number, in_frames, rows = 0, True, []
    with path.open(encoding="utf-16" if wide else "utf-8-sig", errors="replace") as lines:
        header = next(lines, None)
        while header is not None:
            following = None
            if _COUNT.fullmatch(header):
                number, in_frames = number + 1, True
                row, following = _frame(number, header, lines)
                rows.append(row)
            elif header.strip() and in_frames:
                in_frames = False
                why = f"the number of atoms is expected, not {header.strip()[:40]!r}"
                rows.append(Rejected(f"after frame {number}", UNREADABLE, why))
            if len(rows) == FRAMES:
                yield rows
                rows = []
            header = following if following is not None else next(lines, None)
    yield rows


def _frame(number: int, header: str, lines: Iterator[str]) -> tuple[tuple[int, str] | Rejected, str | None]:
    """The frame that the header begins, and the header of the next one if it begins too early."""
    kept, size, count = [header], len(header), int(header)
    for k in range(count + 1):
        line = next(lines, None)
        if line is None:
            break
        if k and _COUNT.fullmatch(line):
            why = f"{count} atoms are announced, and the next frame begins after {k - 1}"
            return Rejected(str(number), UNREADABLE, why), line
        size += len(line)
        if size <= MAX_TEXT:
            kept.append(line)
    if size > MAX_TEXT:
        return Rejected(str(number), UNREADABLE, LONG), None
    return (number, "".join([*kept[:2], _ISOTOPE.sub(r"\1H", "".join(kept[2:]))])), None
