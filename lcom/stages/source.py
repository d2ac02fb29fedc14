"""A data set, whatever its source -> crystals.parquet in canonical cells, what was dropped, and a report."""

from __future__ import annotations

import json
from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.data.settings import CleanSettings
from lcom.data.sources.clean import clean
from lcom.data.sources.marker import check
from lcom.data.sources.read import read
from lcom.data.sources.report import markdown, plot
from lcom.data.sources.settings import SourceSettings
from lcom.data.table import read_crystals
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "dataset", "config", "input", "out", "rejected", "report", "plot")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    config = json.loads(args.config)
    source = parse_settings(SourceSettings, config["source"], f"data.{args.dataset}")
    settings = parse_settings(CleanSettings, config["clean"], "data")
    out, rejected = Path(args.out), Path(args.rejected)
    if not source.file:
        check(Path(args.input))
    entries = read(source, Path(args.input), args.workers)
    losses = clean(entries, settings, args.workers, out, rejected, args.dataset)
    crystals = read_crystals(out)
    write_text(args.report, markdown(args.dataset, crystals, losses, rejected))
    plot(args.dataset, crystals, losses, Path(args.plot))
    print(Path(args.report).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
