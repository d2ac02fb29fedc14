"""Pages for a browser: one file each that asks the network for nothing, with tables that sort and cells that can be turned."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
TEMPLATE, STYLE, SCRIPTS = "page.html", "page.css", ("cells.js", "tables.js")


def page(title: str, body: str, data: dict) -> str:
    """The whole file. title: plain text · body: HTML · data: what the scripts find as DATA (lcom.report.cells.cells_data)"""
    parts = {
        "title": html.escape(title),
        "style": _asset(STYLE).rstrip(),
        "body": body,
        # no "</script>" can stand in the data, whatever is in them
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "script": "\n".join(map(_asset, SCRIPTS)).rstrip(),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset(TEMPLATE))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1, classes: Sequence[str] = ()) -> str:
    """A table that sorts by the column whose head is clicked. Cells are HTML; the first `text` columns stand left, the others
    right; classes: one a row."""
    marked = [*classes] or None
    lines = []
    for k, row in enumerate(rows):
        cells = "".join(f"<td{'' if c < text else ' class=n'}>{cell}</td>" for c, cell in enumerate(row))
        lines.append(f"<tr{f' class={marked[k]}' if marked and marked[k] else ''}>{cells}</tr>")
    heads = "".join(f"<th{'' if c < text else ' class=n'}><button>{name}</button></th>" for c, name in enumerate(head))
    body = "\n".join(lines)
    return f'<div class="scroll"><table class="sorts"><thead><tr>{heads}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def subscripts(formula: str) -> str:
    """A formula as HTML."""
    return "".join(f"<sub>{c}</sub>" if c.isdigit() else html.escape(c) for c in formula)


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
