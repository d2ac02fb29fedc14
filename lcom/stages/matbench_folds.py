"""MatBench's file -> the rows of its five official folds, each as a training, a validation and a test set."""

from __future__ import annotations

from pathlib import Path

from lcom.base.settings import parse_settings
from lcom.data.settings import SplitSettings
from lcom.data.sources.marker import check
from lcom.search.matbench_folds import folds, parts, read_rows
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "input", "config", "max-atoms")
    parser.add_argument(
        "--out", required=True, nargs="+", help="files of all folds: training, validation, test, training, …"
    )
    args = parser.parse_args()
    settings, path = parse_settings(SplitSettings, args.config, "data"), Path(args.input)
    check(path)
    data, official = read_rows(path), folds()
    sets = (part for fold in official for part in parts(data, fold, int(args.max_atoms), settings))
    for part, out in zip(sets, args.out, strict=True):
        part.save(out)


if __name__ == "__main__":
    run(main)
