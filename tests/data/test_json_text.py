"""JSON read a value at a time: any border of a chunk, and what is damaged."""

import io
import json
from typing import Any

import pytest

from lcom.data.sources import json_text
from lcom.data.sources.json_text import JsonText


def _items(text: str, chunk: int) -> list[Any]:
    reader = JsonText(io.BytesIO(text.encode()), chunk)
    found = list(reader.items())
    reader.end()
    return found


@pytest.mark.parametrize("indent", [None, 1])
def test_any_border_of_a_chunk(indent: int | None) -> None:
    rows = [{"note": 'a "]}, {" é \u2028 \\', "x": [1, -2.5e-3, None, True], "k": k} for k in range(3)]
    text = json.dumps(rows, indent=indent, ensure_ascii=False)
    for chunk in (*range(1, 40), 500, len(text) - 1, len(text), 1 << 20):
        assert _items(text, chunk) == rows


@pytest.mark.parametrize("text", ["[]", " [ ] ", "[{}]", '[{"a": [1, {"b": 2}]},\n{}]', "[12, 34]", '["a"]'])
def test_lists_of_every_form(text: str) -> None:
    assert _items(text, 1) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{}", "[{}", "[{},", "[1 2]", '[{"a": }]', "[{} x]", '[{"a', "[] x", "[nan"])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises((ValueError, EOFError)):
        _items(text, 3)


def test_a_value_without_end_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "LONGEST", 1000)
    file = io.BytesIO(b'[{"a": "' + b"x" * 100_000)
    with pytest.raises(ValueError, match="no valid JSON"):
        list(JsonText(file, 100).items())
    assert file.tell() < 4000
