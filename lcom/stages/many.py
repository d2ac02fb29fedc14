"""Many swapped starts for every compound and seed, all descended, the lowest ends decoded: the lowest crystal (lcom.prediction.many)."""

from __future__ import annotations

from pathlib import Path

from lcom.base.device import clock, prepare_device
from lcom.base.files import write_result
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, Labels, no_crystal, write_candidates, write_cifs
from lcom.cdvae.settings import DecodeSettings
from lcom.compounds import load_compounds
from lcom.data.packed import Dataset
from lcom.prediction.many import Many
from lcom.prediction.networks import Networks
from lcom.search.energy_model import EnergyModel
from lcom.stages.common import options, run
from lcom.starts.volume import fit_volumes
from lcom.surrogate.settings import OptimiseSettings


def main() -> None:
    parser = options(__doc__, "method", "train", "model", "surrogate", "latents", "compounds")
    for name in ("descent", "decode", "out", "timing"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", nargs="*", default=[])
    for name in ("seeds", "draws", "decoded"):
        parser.add_argument(f"--{name}", required=True, type=int)
    parser.add_argument("--chooser", help="the energy model, where it chooses among the decodings")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    descent = parse_settings(OptimiseSettings, args.descent, "optimise")
    decoding = parse_settings(DecodeSettings, args.decode, "decode")
    data = Dataset.load(args.train)
    networks = Networks.read(args.model, args.surrogate, args.latents, prepare_device(args.device, repeats=False))
    model = EnergyModel.load(args.chooser, networks.device) if decoding.choice == "energy_model" else None
    many = Many(networks, data, fit_volumes(data.batch), descent, decoding, args.draws, args.decoded, model)
    compounds, candidates = load_compounds(args.compounds, args.only), []
    begun = clock(networks.device)
    for seed in range(args.seeds):
        found = many.find([(compound.formula, compound.numbers) for compound in compounds], seed)
        for compound, lowest in zip(compounds, found, strict=True):
            labels = Labels(compound=compound.formula, seed=seed, method=args.method, start="none")
            if isinstance(lowest, str):
                candidates.append(Candidate(no_crystal(compound.numbers), status="failed", reason=lowest, **labels))
            else:
                info = {"predicted_energy": round(lowest.energy, 6)}
                candidates.append(Candidate(lowest.crystal, info=info, **labels))
    seconds = clock(networks.device) - begun
    write_cifs(Path(args.out).with_suffix(".cif"), candidates)
    write_candidates(args.out, candidates)
    write_result(args.timing, {"propose": seconds / (len(compounds) * args.seeds)})


if __name__ == "__main__":
    run(main)
