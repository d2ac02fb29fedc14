"""Tables that people write: CSV with commas, semicolons or tabs, compressed or not, in UTF-8 or UTF-16."""

from __future__ import annotations

import lzma
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lcom.base.messages import one_line
from lcom.data.sources.entries import UNREADABLE, Rejected

ROWS = 100  # read at once
BROKEN = (zlib.error, lzma.LZMAError, zipfile.BadZipFile)  # what a damaged compressed file raises, beside OSError
ENCODINGS, SEPARATORS = ("utf-8-sig", "utf-16"), (",", ";", "\t")


def read_table(path: Path, column: str) -> Iterator[tuple[Any, list[Rejected]]]:
    """Chunks of a CSV with this column as data frames of text, each with the lines that had too many fields."""
    import pandas as pd

    text = {"dtype": str, "keep_default_na": False, "index_col": False, "encoding_errors": "replace"}
    try:
        form = _form(path, column)
        with pd.read_csv(path, chunksize=ROWS, on_bad_lines="warn", **text, **form) as reader:
            frame, done = pd.DataFrame(), False
            while not done:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    following = next(reader, None)
                done = following is None
                said = "".join(str(warning.message) for warning in caught)
                # pandas has cut the surplus of the first row, and of all that are like it
                if "Length of header" in said:
                    raise ValueError(
                        f"{path}: the first row has more fields than the header names: quote fields with commas (a decimal "
                        "comma?), or name the column that the header leaves out"
                    )
                skipped = [Rejected(f"line {n}", UNREADABLE, why) for n, why in re.findall(r"line (\d+): (.+)", said)]
                # lines skipped at the end come with no frame
                frame = frame.iloc[:0] if following is None else following
                if form["sep"] == ";" and column in frame:  # a table of a country with decimal commas
                    frame[column] = frame[column].str.replace(r"^(\s*[+-]?\d+),(\d+\s*)$", r"\1.\2", regex=True)
                if skipped or not done:
                    yield frame, skipped
    except (pd.errors.ParserError, pd.errors.EmptyDataError, EOFError, OSError, ImportError, *BROKEN) as error:
        raise ValueError(f"{path} cannot be read as a table ({one_line(error, 200)}): is it whole?") from error


def _form(path: Path, column: str) -> dict[str, str]:
    """Encoding and separator with which the header has the column; the usual ones if none has."""
    import pandas as pd

    for encoding in ENCODINGS:
        for separator in SEPARATORS:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    header = pd.read_csv(path, nrows=0, sep=separator, encoding=encoding, encoding_errors="replace")
            except UnicodeError:  # UTF-16 without its mark
                break
            if column in header.columns:
                return {"sep": separator, "encoding": encoding}
    return {"sep": SEPARATORS[0], "encoding": ENCODINGS[0]}


def known(path: Path, frame: Any, name: str, option: str) -> str:
    if name not in frame.columns:
        raise ValueError(f"{path} has no column '{name}': give `{option}` one of {', '.join(map(str, frame.columns))}")
    return name


def id_column(path: Path, frame: Any, id: str | None, usual: tuple[str, ...]) -> str | None:
    if id is not None:
        return known(path, frame, id, "id")
    unnamed = [name for name in frame.columns if name.startswith("Unnamed:")]  # pandas's name of a blank
    return next((name for name in (*usual, *unnamed[:1]) if name in frame.columns), None)


def cif_column(path: Path, frame: Any) -> str:
    if "cif" in frame.columns:
        return "cif"
    alike = [name for name in frame.columns if frame[name].str.contains("_cell_length_a", regex=False).any()]
    if len(alike) != 1:
        raise ValueError(
            f"{path} has no column 'cif', and CIFs in {len(alike)} of its columns {', '.join(frame.columns)}: "
            f"name the one to read 'cif'"
        )
    return alike[0]
