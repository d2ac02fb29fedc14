"""What the stage commands share: their options, and the error a user reads."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable


def options(description: str | None, *required: str) -> argparse.ArgumentParser:
    """A parser with the options that must be given; a stage adds what else it takes."""
    parser = argparse.ArgumentParser(description=description)
    for name in required:
        parser.add_argument(f"--{name}", required=True)
    return parser


def run(main: Callable[[], None]) -> None:
    """Run a stage: a bad input ends in one line that says what to do, an error in our own code in its traceback."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        main()
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        logging.getLogger("lcom").debug("", exc_info=True)
        sys.exit(f"error: {error}")
