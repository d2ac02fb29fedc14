"""A finished run -> the folder of networks that comes with lcom."""

from __future__ import annotations

import json
from pathlib import Path

from lcom.data.shipped import PAGE
from lcom.prediction.ship import Seconds, ship
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "run", "about", "benchmarks", "out").parse_args()
    folder, out = Path(args.run), Path(args.out)
    ship(folder, out, Seconds(Path(args.benchmarks), folder.name), json.loads(args.about))
    print((out / PAGE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
