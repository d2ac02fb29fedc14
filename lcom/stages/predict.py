"""A formula -> its most promising crystals by CD-VAE and surrogate, as extxyz and CIF, numbered from 1."""

from __future__ import annotations

from pathlib import Path

from lcom.base.device import prepare_device
from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.base.tensors import load_tensors
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.data.packed import Dataset
from lcom.prediction.formula import distinct, known_crystals, search, starting_crystals
from lcom.prediction.settings import PredictSettings
from lcom.stages.common import options, run
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.settings import OptimiseSettings


def main() -> None:
    parser = options(__doc__, "formula", "train", "model", "surrogate", "latents")
    for name in ("config", "descent", "decode", "out-dir"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    settings = parse_settings(PredictSettings, args.config, "predict")
    descent = parse_settings(OptimiseSettings, args.descent, "optimise")
    decoding = parse_settings(DecodeSettings, args.decode, "decode")
    pool = Dataset.load(args.train).batch
    starts = starting_crystals(pool, args.formula, settings)
    device = prepare_device(args.device)
    model, surrogate = CDVAE.load(args.model, device), Surrogate.load(args.surrogate, device)
    known, _ = load_tensors(args.latents)
    found = search(model, surrogate, known, starts, descent, decoding, args.formula)
    kept = distinct(found, settings.keep)
    print(f"{len(starts)} starts, {len(found)} sound structures, of which {len(kept)} distinct ones are kept")
    labels = {"method": "lcoms", "start": "dataset", "compound": args.formula}
    info = {"training_crystals": known_crystals(pool, args.formula)}
    for rank in range(1, settings.keep + 1):
        path = Path(args.out_dir) / f"{rank}.extxyz"
        if rank <= len(kept):
            best = kept[rank - 1]
            said = {"predicted_energy": round(best.predicted, 6)}
            said |= {} if best.spread is None else {"predicted_spread": round(best.spread, 6)}
            candidate, cif = Candidate(best.crystal, seed=rank, info=info | said, **labels), best.crystal.to_cif()
        else:  # a file all the same: how many there will be is not known before
            lost = {"status": "failed", "reason": f"only {len(kept)} distinct structures were found"}
            candidate = Candidate(no_crystal(starts[0].numbers), seed=rank, info=info, **labels, **lost)
            cif = f"# no crystal: {candidate.reason}\n"
        write_candidate(path, candidate)
        write_text(path.with_suffix(".cif"), cif)


if __name__ == "__main__":
    run(main)
