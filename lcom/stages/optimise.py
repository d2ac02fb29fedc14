"""Starts -> their latents and the path of the descent from each, all compounds and seeds in one batch.

The method cdvae takes no step: its path is the start's own latent.
"""

from __future__ import annotations

import time

import torch

from lcom.base.device import prepare_device
from lcom.base.files import write_result
from lcom.base.settings import parse_settings
from lcom.base.tensors import load_tensors, save_tensors
from lcom.batch import pack
from lcom.candidates import read_candidate
from lcom.cdvae.model import CDVAE
from lcom.stages.common import options, run
from lcom.surrogate.coms import SURROGATES, Surrogate
from lcom.surrogate.descent import optimise
from lcom.surrogate.settings import OptimiseSettings


def main() -> None:
    parser = options(__doc__, "model", "latents", "config", "out", "timing")
    parser.add_argument("--method", required=True, choices=[*SURROGATES, "cdvae"])
    parser.add_argument("--surrogate")
    parser.add_argument("--starts", nargs="+", required=True)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    settings = parse_settings(OptimiseSettings, args.config, "optimise")
    device = prepare_device(args.device)
    model = CDVAE.load(args.model, device)
    starts = [read_candidate(path) for path in args.starts]
    rows = [
        {"compound": s.compound, "seed": s.seed, "start": s.start, "status": s.status, "reason": s.reason}
        for s in starts
    ]
    batch = pack([s.crystal for s in starts]).to(device)
    begun = time.perf_counter()
    with torch.no_grad():
        z, c = model.encode(batch)[0], model.composition(batch)
    encoded = time.perf_counter()
    tensors = {"numbers": batch.numbers, "n_atoms": batch.n_atoms}
    meta = {"method": args.method, "rows": rows}
    if args.method == "cdvae":
        tensors |= {"latents": z[None], "chosen": torch.zeros(len(z), dtype=torch.long)}
    else:
        known, _ = load_tensors(args.latents)
        seed = torch.tensor([s.seed for s in starts], device=device)
        path = optimise(
            Surrogate.load(args.surrogate, device),
            z,
            c,
            seed,
            known["train_z"].to(device),
            known["val_z"].to(device),
            settings,
        )
        tensors |= {
            "latents": path.latents,
            "predicted": path.predicted,
            "distance": path.distance,
            "chosen": path.chosen,
        }
        meta["limit"] = path.limit
    done = time.perf_counter()
    save_tensors(args.out, tensors, meta)
    write_result(args.timing, {"encode": (encoded - begun) / len(z), "optimise": (done - encoded) / len(z)})


if __name__ == "__main__":
    run(main)
