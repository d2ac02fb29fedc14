"""What went wrong as one line that a terminal, a log and a CSV can show, whatever text of a damaged file it repeats."""

from __future__ import annotations


def one_line(error: object, longest: int = 1500) -> str:
    """The text on one line, without control characters; of a very long one the beginning, where the file is named, and the end, where it
    is said what to do. The kind of the error if it says nothing."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 3]} … {text[-end:]}"
