"""All that a run made -> report.html, one page for a browser."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.report.rows import TableSettings
from lcom.report.run_page import run_page
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "config", "results", "out").parse_args()
    settings = parse_settings(TableSettings, args.config, "report")
    write_text(args.out, run_page(Path(args.results), settings))


if __name__ == "__main__":
    run(main)
