"""A formula -> its most promising crystals, found by descents or looked up, by the energy model; as extxyz and CIF, numbered from 1."""

from __future__ import annotations

from pathlib import Path

from lcom.base.device import prepare_device
from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.cdvae.settings import DecodeSettings
from lcom.data.packed import Dataset
from lcom.formula import parse_formula, read_formula
from lcom.prediction.find import Finder, Plan
from lcom.prediction.networks import Networks
from lcom.prediction.possible import Possible
from lcom.prediction.rank import distinct, refined
from lcom.prediction.settings import PredictSettings
from lcom.prediction.starts import cells, known_crystals
from lcom.search.energy_model import EnergyModel
from lcom.stages.common import options, run
from lcom.starts.volume import fit_volumes
from lcom.surrogate.settings import OptimiseSettings


def main() -> None:
    parser = options(__doc__, "formula", "train", "model", "surrogate", "latents", "energy-model")
    for name in ("config", "descent", "decode", "out-dir"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    settings = parse_settings(PredictSettings, args.config, "predict")
    descent = parse_settings(OptimiseSettings, args.descent, "optimise")
    decoding = parse_settings(DecodeSettings, args.decode, "decode")
    parse_formula(args.formula)  # it names files: no other spelling
    formula = read_formula(args.formula)
    sizes = Possible.load(args.train).sizes(formula, settings.formula_units)
    data = Dataset.load(args.train)
    device = prepare_device(args.device, repeats=False)
    networks = Networks.read(args.model, args.surrogate, args.latents, device)
    finder = Finder(networks, data, fit_volumes(data.batch), EnergyModel.load(args.energy_model, device))
    plan = Plan(descent, decoding, settings.starts, settings.alike, settings.look_up, settings.search)
    found = [one for kind in finder.find([(formula, sizes)], plan)[formula.name] for one in kind]
    kept = [best for best, _ in distinct(refined(found, finder.handicap), settings.keep)]
    print(f"{len(found)} sound structures, of which {len(kept)} distinct ones are kept")
    labels = {"method": "lcoms", "start": "dataset", "compound": args.formula}
    info = {"training_crystals": known_crystals(data.batch, formula)}
    for rank in range(1, settings.keep + 1):
        path = Path(args.out_dir) / f"{rank}.extxyz"
        if rank <= len(kept):
            best = kept[rank - 1]
            said = {"predicted_energy": round(best.energy, 6), "origin": best.origin}
            candidate, cif = Candidate(best.crystal, seed=rank, info=info | said, **labels), best.crystal.to_cif()
        else:  # a file all the same: how many there will be is not known before
            lost = {"status": "failed", "reason": f"only {len(kept)} distinct structures were found"}
            candidate = Candidate(no_crystal(cells(formula, sizes)[0]), seed=rank, info=info, **labels, **lost)
            cif = f"# no crystal: {candidate.reason}\n"
        write_candidate(path, candidate)
        write_text(path.with_suffix(".cif"), cif)


if __name__ == "__main__":
    run(main)
