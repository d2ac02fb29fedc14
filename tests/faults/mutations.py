"""Changes of valid inputs, as damage, slips of the pen and foreign programs make them; a seed gives the same ones every time."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

TOKENS = (
    *("nan", "inf", "-inf", "NaN", "1e309", "-1", "0", "1e-320", "9" * 30, "9" * 5000, "0x10", "1_000", "½", "٣", "²", "−1", "1,5", "."),
    *("", " ", "\n", "\n\n\n", "\r\n", "\t", "\0", "\ufeff", "\u2028", "\udcff", "\x1a", "🧂", "é", "a" * 10000, "(" * 3000, "[" * 3000),
    *("null", "None", "true", "{}", "[]", "[[]]", '""', '"', "'", ",", ";", ":", "#", "?", "loop_", "data_", "\\", "%s", "{0}", "=1+1"),
    *("Xx", "D", "Wat", "Na+", "Og", "H", "../../etc/passwd", "2", "225", "1e6", "<html>"),
)  # fmt: skip
VALUES = (
    *(None, True, False, 0, -1, 1, 1.5, 10**400, -(10**30), 1e308, -1e-320, float("nan"), float("inf"), "", " ", "x", "NaN", "1", "Na"),
    *([], {}, [[]], [None], [1, "a"], {"a": 1}, [[0, 0], [0]], [[[]]], "a" * 5000, "é\udcff\n", {"": None}, [1e400] * 3, ["Na"] * 50),
)  # fmt: skip


def changed(data: bytes, tree: bool, seed: int) -> bytes:
    """The input with one to four faults; tree: its JSON may also be changed as values."""
    draw = random.Random(seed)
    if tree and draw.random() < 0.7:
        value = json.loads(data)
        for _ in range(draw.choice((1, 1, 2, 4))):
            value = _value(value, draw)
        return json.dumps(value).encode()
    for _ in range(draw.choice((1, 1, 2, 4))):
        data = _text(data, draw)
    return data


def _text(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    end = min(len(data), start + draw.choice((0, 1, 1, 2, 8, 100)))
    kind = draw.randrange(9)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + data[end:]
    if kind == 2:
        return data[:start] + data[start:end] * draw.choice((2, 2, 3, 50)) + data[end:]
    if kind == 3 and start < len(data):
        return data[:start] + bytes([data[start] ^ 1 << draw.randrange(8)]) + data[start + 1 :]
    if kind == 4:  # lines change places, or go
        lines = data.split(b"\n")
        line = lines.pop(draw.randrange(len(lines)))
        for _ in range(draw.choice((0, 1, 2))):
            lines.insert(draw.randrange(len(lines) + 1), line)
        return b"\n".join(lines)
    if kind == 5:  # another encoding
        encoding = draw.choice(("utf-16", "latin-1", "utf-8-sig"))
        return data.decode(errors="replace").encode(encoding, errors="replace")
    token = draw.choice(TOKENS).encode(errors="surrogatepass")
    if kind == 6:
        return data[:start] + token + data[start:]
    words = data.split(b" ")  # in place of a word, or of the bytes there
    if kind == 7:
        words[draw.randrange(len(words))] = token
        return b" ".join(words)
    return data[:start] + token + data[end:]


def _value(value: Any, draw: random.Random) -> Any:
    """A JSON value of which one part, at any depth, is another, is gone, or is there twice."""
    if not isinstance(value, dict | list) or not value or draw.random() < 0.15:
        return copy.deepcopy(draw.choice(VALUES))
    changed = copy.copy(value)
    key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
    kind = draw.random()
    if kind < 0.1:
        del changed[key]
    elif kind < 0.2 and isinstance(changed, list):
        changed.insert(key, copy.deepcopy(changed[key]))
    elif kind < 0.2:
        changed[draw.choice(("", "x", key.upper(), key + " "))] = changed.pop(key)
    else:
        changed[key] = _value(value[key], draw)
    return changed
