"""An energy model -> what it predicts for the known ground states, eV/atom."""

from __future__ import annotations

import torch

from lcom.base.device import prepare_device
from lcom.base.files import write_result
from lcom.batch import pack
from lcom.compounds import load_compounds
from lcom.search.energy_model import EnergyModel
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "model", "compounds", "out")
    parser.add_argument("--only", nargs="+", required=True)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = prepare_device(args.device)
    compounds = load_compounds(args.compounds, args.only)
    with torch.no_grad():
        energies = EnergyModel.load(args.model, device)(pack([c.crystal() for c in compounds]).to(device))
    write_result(args.out, {c.formula: round(float(e), 6) for c, e in zip(compounds, energies, strict=True)})


if __name__ == "__main__":
    run(main)
