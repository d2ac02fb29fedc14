"""Optimised latents, or those at given steps of the descent -> candidate crystals, as extxyz and CIF."""

from __future__ import annotations

from pathlib import Path

import torch

from lcom.base.device import clock, prepare_device
from lcom.base.files import write_result
from lcom.base.settings import parse_settings
from lcom.base.tensors import load_tensors
from lcom.batch import Batch, unpack
from lcom.candidates import Candidate, write_candidates, write_cifs
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.search.energy_model import EnergyModel
from lcom.stages.common import options, run
from lcom.surrogate.coms import Surrogate


def main() -> None:
    parser = options(__doc__, "model", "optimised", "config", "out-dir", "timing")
    parser.add_argument("--chooser", help="chooses among the decodings of a latent: a surrogate, or the energy model")
    parser.add_argument(
        "--steps", type=int, nargs="+", help="decode what the descents pass at these, not what they chose"
    )
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    settings = parse_settings(DecodeSettings, args.config, "decode")
    device = prepare_device(args.device)
    model = CDVAE.load(args.model, device)
    t, meta = load_tensors(args.optimised)
    rows, n = meta["rows"], len(t["n_atoms"])
    atoms = Batch(t["numbers"], torch.zeros(len(t["numbers"]), 3), torch.zeros(n, 3, 3), t["n_atoms"]).to(device)
    keys = [(row["seed"], row["compound"], row["start"]) for row in rows]  # the same noise for every method and step
    energy = None
    if args.chooser and settings.choice == "energy_model":
        energy = EnergyModel.load(args.chooser, device).chooser
    elif args.chooser:
        c, seed = model.composition(atoms), torch.tensor([row["seed"] for row in rows], device=device)
        energy = Surrogate.load(args.chooser, device).chooser(c, seed)

    groups = [torch.full((n,), step) for step in args.steps] if args.steps else [t["chosen"]]
    found: dict[str, list[Candidate]] = {row["start"]: [] for row in rows}
    seconds = 0.0
    for step in groups:
        z = t["latents"][step, torch.arange(n)].to(device)
        begun = clock(device)
        decoded, distance = decode(model, z, atoms, settings, keys, energy)
        seconds += clock(device) - begun
        for i, (row, crystal) in enumerate(zip(rows, unpack(decoded), strict=True)):
            info = {"step" if args.steps else "steps": int(step[i]), "latent_distance": round(float(distance[i]), 6)}
            if "predicted" in t and row["status"] == "ok":  # of the latent, whatever it decodes to
                info["predicted_energy"] = round(float(t["predicted"][step[i], i]), 6)
            if row["status"] == "ok" and torch.isinf(distance[i]):
                row = row | {"status": "failed", "reason": "no decoding was finite"}
            found[row["start"]].append(Candidate(crystal, method=meta["method"], info=info, **row))
    for start, candidates in found.items():
        write_cifs(Path(args.out_dir) / f"{start}.cif", candidates)
        write_candidates(Path(args.out_dir) / f"{start}.extxyz", candidates)
    write_result(args.timing, {"decode": seconds / (n * len(groups))})


if __name__ == "__main__":
    run(main)
