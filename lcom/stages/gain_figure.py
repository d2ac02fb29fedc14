"""table1.csv -> Figure 3: what the descents gain over their starts."""

from __future__ import annotations

from pathlib import Path

from lcom.report.gain_figure import gain_figure
from lcom.report.gains import read_gains
from lcom.report.style import save
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "table", "figure", "png").parse_args()
    save(gain_figure(read_gains(Path(args.table))), args.figure, args.png)


if __name__ == "__main__":
    run(main)
