"""Tables and numbers as Markdown that reads as plain text, too."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

NONE = "–"


def markdown_table(table: Sequence[Sequence[str]], left: int = 1) -> str:
    """A padded table. The first line is the head, `left` columns are text."""
    widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
    lines = [
        _line([(str.ljust if k < left else str.center)(line[k], w) for k, w in enumerate(widths)]) for line in table
    ]
    rule = _line(["-" * w if k < left else f":{'-' * (w - 2)}:" for k, w in enumerate(widths)])
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float | None, digits: int) -> str:
    """With so many decimals, thousands apart and no -0; – where there is none."""
    return NONE if pd.isna(value) else f"{value:z,.{digits}f}".replace(",", " ")
