"""What the stage commands share: their options, the error a user reads, and their end with the Snakemake that started them."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable

from lcom.base.messages import one_line
from lcom.base.processes import VARIABLE, end_with


def options(description: str | None, *required: str) -> argparse.ArgumentParser:
    """A parser with the options that must be given; a stage adds what else it takes."""
    parser = argparse.ArgumentParser(description=description)
    for name in required:
        parser.add_argument(f"--{name}", required=True)
    return parser


def resumable(description: str | None, *required: str) -> argparse.ArgumentParser:
    """The parser of a stage that goes on after a kill from what is in the folder ``--state``."""
    parser = options(description, *required, "state")
    parser.add_argument("--code", default="", help="digest of the code: what another one left is not gone on from")
    return parser


def with_attempts(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """For a stage that records a calculation that died hard as failed, but only when there is no further attempt."""
    parser.add_argument("--last", type=int, default=1, help="0: should GPAW die, fail, so that Snakemake tries again")
    return parser


def run(main: Callable[[], None]) -> None:
    """Run a stage: a bad input ends in one line that says what to do, an error in our own code in its traceback.

    It ends with the Snakemake that started it, so that the next one finds nobody at work.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    end_with(os.environ.get(VARIABLE, ""))
    try:
        main()
    except (ValueError, FloatingPointError, OSError) as error:
        logging.getLogger("lcom").debug("", exc_info=True)
        sys.exit(f"error: {one_line(error)}")
    except (MemoryError, RuntimeError) as error:
        if (
            not isinstance(error, MemoryError)
            and "t allocate memory" not in str(error)
            and "out of memory" not in str(error)
        ):
            raise  # else torch's, on a CPU or a GPU
        logging.getLogger("lcom").debug("", exc_info=True)
        sys.exit(
            f"error: there is not enough memory ({one_line(error, 200)}): give the job more (--set-resources RULE:mem_mb=…)"
        )
