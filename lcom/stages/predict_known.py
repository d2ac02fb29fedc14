"""An energy model -> what it predicts for the known ground states, each at the volume that it finds lowest, eV/atom."""

from __future__ import annotations

import torch

from lcom.base.device import prepare_device
from lcom.base.files import write_result
from lcom.base.parallel import chunks
from lcom.batch import pack
from lcom.compounds import load_compounds
from lcom.search.energy_model import EnergyModel
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "model", "compounds", "out")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = prepare_device(args.device)
    compounds = load_compounds(args.compounds, args.only)
    model, energies = EnergyModel.load(args.model, device), {}
    with torch.no_grad():
        for some in chunks(compounds, 512):
            _, found = model.at_lowest_volumes(pack([compound.crystal() for compound in some]).to(device))
            energies |= {compound.formula: round(e, 6) for compound, e in zip(some, found.tolist(), strict=True)}
    write_result(args.out, energies)


if __name__ == "__main__":
    run(main)
