"""The Markdown that the project's own tables and reports are written in, as HTML: headings, paragraphs, lists, tables."""

from __future__ import annotations

import html
import re

from lcom.report.page import table


def markdown_html(text: str, level: int = 2) -> str:
    """level: of the highest heading. Pictures are left out: what stands beside a Markdown file is not in a page."""
    blocks = re.split(r"\n{2,}", re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text).strip())
    return "\n".join(_block(block.strip("\n"), level) for block in blocks if block.strip())


def _block(block: str, level: int) -> str:
    lines = block.splitlines()
    if heading := re.match(r"(#+) (.*)", lines[0]):
        depth = min(6, len(heading[1]) - 1 + level)
        rest = "\n".join(lines[1:])
        return f"<h{depth}>{_inline(heading[2])}</h{depth}>" + (_block(rest, level) if rest.strip() else "")
    if all(line.startswith("|") for line in lines):
        return _table([[_inline(cell.strip()) for cell in line.strip().strip("|").split("|")] for line in lines])
    if all(line.startswith("- ") for line in lines):
        return "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _table(lines: list[list[str]]) -> str:
    """Columns that the rule under the head centres are numbers."""
    head, rule, rows = lines[0], lines[1], lines[2:]
    text = next((k for k, dashes in enumerate(rule) if ":" in dashes), len(head))
    return table(head, rows, text)


def _inline(text: str) -> str:
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"(?<!\w)\*([^*\s][^*]*)\*(?!\w)", r"<em>\1</em>", text)
