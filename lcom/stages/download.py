"""The url of a data set -> a file, or a folder of pages. Killed or cut off, it resumes."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_result
from lcom.base.lock import at_work_on
from lcom.base.settings import parse_settings
from lcom.data.sources.download import fetch
from lcom.data.sources.marker import MAGIC, mark
from lcom.data.sources.optimade import fetch_pages
from lcom.data.sources.settings import SourceSettings
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "dataset", "config", "path", "out").parse_args()
    source, path = parse_settings(SourceSettings, args.config, f"data.{args.dataset}"), Path(args.path)
    with at_work_on(path):
        if source.kind == "oqmd_optimade":
            count = fetch_pages(source.url, source.filter, path)
            write_result(args.out, {"url": source.url, "filter": source.filter, "entries": count})
        else:
            key = f"data.{args.dataset}"
            advice = f"Give a mirror in '{key}.url', or a local copy as '{key}.file' in place of it"
            fetch(source.url.split(), path, source.sha256 or None, magic=MAGIC[source.kind], advice=advice)
            mark(path, Path(args.out), source.url)


if __name__ == "__main__":
    run(main)
