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
from lcom.data.sources.union import unite
from lcom.data.table import read_crystals
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "dataset", "config", "out", "rejected", "report", "plot")
    parser.add_argument("--input", required=True, nargs="+", help="what is read; of a union, the crystals of its sets")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    config = json.loads(args.config)
    source = parse_settings(SourceSettings, config["source"], f"data.{args.dataset}")
    settings = parse_settings(CleanSettings, config["clean"], "data")
    out, rejected, paths = Path(args.out), Path(args.rejected), [Path(path) for path in args.input]
    if source.kind == "union":
        losses = unite(dict(zip(source.of, paths, strict=True)), args.workers, out, rejected)
    else:
        (path,) = paths
        if not source.file:
            check(path)
        entries = read(source, path, args.workers)
        losses = clean(entries, settings, args.workers, out, rejected, args.dataset, source.level)
    crystals = read_crystals(out)
    write_text(args.report, markdown(args.dataset, crystals, losses, rejected))
    plot(args.dataset, crystals, losses, Path(args.plot))
    print(Path(args.report).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
