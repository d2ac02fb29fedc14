"""What the stage commands share: the error a user reads, and files that appear whole."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run(main: Callable[[], None]) -> None:
    """Run a stage: a bad input ends in one line that says what to do, an error in our own code in its traceback."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        main()
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        logging.getLogger("lcom").debug("", exc_info=True)
        sys.exit(f"error: {error}")


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write under a temporary name in the same folder, then rename: a kill leaves no half-written file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path: str | os.PathLike, values: Any) -> None:
    write_text(path, json.dumps(values, sort_keys=True, indent=1) + "\n")
