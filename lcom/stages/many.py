"""Many swapped starts for every compound and seed, all descended, the lowest ends decoded: the lowest crystal by the surrogates.

What `lcom predict` does, for the compounds of a run and with their atoms, so that it stands beside the searches at the seconds they take.
"""

from __future__ import annotations

from pathlib import Path

from lcom.base.device import clock, prepare_device
from lcom.base.files import write_result
from lcom.base.parallel import chunks
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, Labels, no_crystal, write_candidates, write_cifs
from lcom.cdvae.settings import DecodeSettings
from lcom.compounds import load_compounds
from lcom.data.packed import Dataset
from lcom.formula import read_formula
from lcom.prediction.networks import Networks
from lcom.prediction.propose import Proposal, propose
from lcom.prediction.starts import starting_crystals
from lcom.stages.common import options, run
from lcom.starts.swapped import nothing_fits
from lcom.starts.volume import fit_volumes
from lcom.surrogate.settings import OptimiseSettings

TOGETHER = 8  # compounds whose descents and decodings share batches


def main() -> None:
    parser = options(__doc__, "method", "train", "model", "surrogate", "latents", "compounds")
    for name in ("descent", "decode", "out", "timing"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", nargs="*", default=[])
    for name in ("seeds", "draws", "decoded"):
        parser.add_argument(f"--{name}", required=True, type=int)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    descent = parse_settings(OptimiseSettings, args.descent, "optimise")
    decoding = parse_settings(DecodeSettings, args.decode, "decode")
    data = Dataset.load(args.train)
    networks = Networks.read(args.model, args.surrogate, args.latents, prepare_device(args.device))
    volumes, compounds = fit_volumes(data.batch), load_compounds(args.compounds, args.only)
    begun, candidates = clock(networks.device), []
    for seed in range(args.seeds):
        for together in chunks(compounds, TOGETHER):
            starts = {
                c.formula: starting_crystals(data, volumes, read_formula(c.formula), [c.n_atoms], args.draws, seed)
                for c in together
            }
            some = {formula: crystals for formula, crystals in starts.items() if crystals}
            found = propose(networks, some, descent, decoding, seed, args.decoded) if some else {}
            for c in together:
                labels = Labels(compound=c.formula, seed=seed, method=args.method, start="none")
                reason = "no decoding was sound" if starts[c.formula] else nothing_fits(c.numbers)
                failed = Candidate(no_crystal(c.numbers), status="failed", reason=reason, **labels)
                proposals = found.get(c.formula, [])
                candidates.append(of(min(proposals, key=lambda p: p.energy), labels) if proposals else failed)
    seconds = clock(networks.device) - begun
    write_cifs(Path(args.out).with_suffix(".cif"), candidates)
    write_candidates(args.out, candidates)
    write_result(args.timing, {"propose": seconds / (len(compounds) * args.seeds)})


def of(best: Proposal, labels: Labels) -> Candidate:
    return Candidate(best.crystal, info={"predicted_energy": round(best.energy, 6)}, **labels)


if __name__ == "__main__":
    run(main)
