"""Latents -> the surrogate of the energy: lcoms (conservative) or sl, one network a seed."""

from __future__ import annotations

import io

import pandas as pd

from lcom.base.device import prepare_device
from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.base.tensors import load_tensors
from lcom.stages.common import options, run
from lcom.surrogate.coms import SURROGATES, fit
from lcom.surrogate.settings import SurrogateSettings


def main() -> None:
    parser = options(__doc__, "latents", "config", "out", "metrics")
    parser.add_argument("--method", required=True, choices=SURROGATES)
    parser.add_argument("--seeds", required=True, type=int)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    settings = parse_settings(SurrogateSettings, args.config, "surrogate")
    t, _ = load_tensors(args.latents)
    train, val = ((t[f"{p}_z"], t[f"{p}_c"], t[f"{p}_{settings.target}"]) for p in ("train", "val"))
    model, rows = fit(args.method, settings, train, val, args.seeds, prepare_device(args.device))
    text = io.StringIO()
    pd.DataFrame(rows).to_csv(text, index=False, float_format="%.6g")
    write_text(args.metrics, text.getvalue())
    model.save(args.out, method=args.method)
    print(pd.DataFrame(rows).tail(args.seeds).to_string(index=False))


if __name__ == "__main__":
    run(main)
