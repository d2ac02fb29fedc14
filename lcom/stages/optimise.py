"""Starts -> their latents and the path of the descent from each, all compounds and seeds in one batch.

A column without a surrogate takes no step: its path is the first latent. One that begins from the prior has no start, and needs of the
files of starts nothing but their atoms.
"""

from __future__ import annotations

import numpy as np
import torch

from lcom.base.device import clock, prepare_device
from lcom.base.files import write_result
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.base.tensors import load_tensors, save_tensors
from lcom.batch import Batch, pack, select
from lcom.candidates import read_candidates
from lcom.cdvae.model import CDVAE
from lcom.stages.common import options, run
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import optimise
from lcom.surrogate.settings import OptimiseSettings

CHUNK = 512  # starts that are encoded at once


def main() -> None:
    parser = options(__doc__, "method", "model", "latents", "config", "out", "timing")
    parser.add_argument("--surrogate")
    parser.add_argument("--starts", nargs="+", required=True)
    parser.add_argument("--only", nargs="*", default=[], help="starts of these compounds alone")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    settings = parse_settings(OptimiseSettings, args.config, "optimise")
    device = prepare_device(args.device)
    model = CDVAE.load(args.model, device)
    surrogate = Surrogate.load(args.surrogate, device) if args.surrogate else None
    known, _ = load_tensors(args.latents)
    train, val = known["train_z"].to(device), known["val_z"].to(device)
    only = set(args.only)
    starts = [start for path in args.starts for start in read_candidates(path, only)]
    if missing := sorted(only - {start.compound for start in starts}):
        raise ValueError(f"{', '.join(args.starts)}: nothing of {', '.join(missing)}: delete them and run again")
    rows = [
        {"compound": s.compound, "seed": s.seed, "start": s.start, "status": s.status, "reason": s.reason}
        for s in starts
    ]
    if settings.latent == "prior":
        rows = [row | {"start": "none", "status": "ok", "reason": ""} for row in rows]
    batch = pack([s.crystal for s in starts]).to(device)
    seed = torch.tensor([s.seed for s in starts], device=device)

    begun = clock(device)
    z = first_latents(model, batch, settings, rows)
    encoded = clock(device)
    tensors = {"numbers": batch.numbers, "n_atoms": batch.n_atoms}
    meta = {"method": args.method, "rows": rows}
    if surrogate is None:
        tensors |= {"latents": z[None], "chosen": torch.zeros(len(z), dtype=torch.long)}
    else:
        path = optimise(surrogate, z, model.composition(batch), seed, train, val, settings)
        tensors |= {name: getattr(path, name) for name in ("latents", "predicted", "distance", "chosen")}
        meta["limit"] = path.limit
    done = clock(device)
    save_tensors(args.out, tensors, meta)
    write_result(args.timing, {"encode": (encoded - begun) / len(z), "optimise": (done - encoded) / len(z)})


@torch.no_grad()
def first_latents(model: CDVAE, batch: Batch, settings: OptimiseSettings, rows: list[dict]) -> torch.Tensor:
    """What the descents begin from, [R, latent]: by `encoding` of the starts, or drawn from the prior."""
    device = batch.lattice.device
    if settings.latent == "start":
        parts = [model.encode(select(batch, chosen)) for chosen in torch.arange(len(rows), device=device).split(CHUNK)]
        mean, log_var = (torch.cat(values) for values in zip(*parts, strict=True))
        if settings.encoding == "mean":
            return mean
    keys = [(settings.latent, row["seed"], row["compound"], row["start"]) for row in rows]
    draws = np.stack([generator(*key).standard_normal(model.settings.latent, dtype=np.float32) for key in keys])
    noise = torch.from_numpy(draws).to(device)
    return noise if settings.latent == "prior" else mean + (log_var / 2).exp() * noise


if __name__ == "__main__":
    run(main)
