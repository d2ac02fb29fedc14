"""table1.csv, and unseen.csv of each data set -> Figure 3: what the descents gain over their starts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lcom.report.gain_figure import gain_figure
from lcom.report.gains import read_gains, read_unseen
from lcom.report.style import save
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "table", "figure", "png")
    parser.add_argument("--unseen", nargs="*", default=[], type=Path)
    args = parser.parse_args()
    gains = [read_gains(Path(args.table)), *map(read_unseen, args.unseen)]
    save(gain_figure(pd.concat(gains)), args.figure, args.png)


if __name__ == "__main__":
    run(main)
