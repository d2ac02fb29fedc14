"""JSON files that are larger than memory, read a value at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from gzip import GzipFile
from typing import IO, Any

CHUNK = 1 << 20  # bytes decoded at a time
LONGEST = 1 << 26  # characters of one value: more is no crystal but a file that is broken

_NO_BLANK = re.compile(r"[^ \t\r\n]")
_DECODER = json.JSONDecoder()


class JsonText:
    """The decoded text of a JSON file, of which one value at a time is parsed and then forgotten.

    What is damaged is a ValueError, what ends too early an EOFError.
    """

    def __init__(self, file: IO[bytes] | GzipFile, chunk: int = CHUNK) -> None:
        self._file, self._chunk = file, chunk
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at, self._ended = "", 0, False

    def _more(self, fault: str = "nothing but blanks") -> None:
        """Add as much text as is waiting, a chunk at least: so a long value is begun again a few times, not at every chunk."""
        waiting = len(self._text) - self._at
        if waiting > LONGEST:
            raise ValueError(f"no valid JSON ({fault})")
        data = self._file.read(max(self._chunk, waiting))
        self._ended = not data
        self._text = self._text[self._at :] + self._decode(data, self._ended)
        self._at = 0

    def peek(self) -> str:
        """The next character that is not blank."""
        while True:
            found = _NO_BLANK.search(self._text, self._at)
            self._at = found.start() if found else len(self._text)
            if found:
                return found[0]
            if self._ended:
                raise EOFError("the text ends too early")
            self._more()

    def take(self, characters: str) -> str:
        """The next character, which must be one of these."""
        found = self.peek()
        if found not in characters:
            raise ValueError(f"{found!r} stands in place of {' or '.join(characters)}")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value. What cannot be parsed may only be cut by the chunk: it is tried again with more."""
        self.peek()
        while True:
            fault = "a number without end"
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                fault = error.msg
                if self._ended:
                    raise ValueError(f"no valid JSON ({fault})") from error
            else:
                if end < len(self._text) or self._ended:  # else a number may go on in the next chunk
                    self._at = end
                    return value
            self._more(fault)

    def items(self) -> Iterator[Any]:
        """The values of a list, one by one."""
        self.take("[")
        ending = self.take("]") if self.peek() == "]" else ","
        while ending == ",":
            yield self.value()
            ending = self.take(",]")

    def end(self) -> None:
        """Nothing may follow. A compressed file is read to its end, where its checksum stands."""
        try:
            found = self.peek()
        except EOFError:
            if self._ended:
                return
            raise
        raise ValueError(f"{found!r} follows the end")
