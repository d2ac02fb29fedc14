"""CSV that people open in a spreadsheet: no cell of it is taken for a formula."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would evaluate it (``=cmd|…``, @SUM): it then shows it as it is."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
