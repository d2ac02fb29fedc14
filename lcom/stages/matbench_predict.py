"""A trained energy model -> its energies of a fold's test set."""

from __future__ import annotations

from lcom.base.device import prepare_device
from lcom.base.files import write_result
from lcom.data.packed import Dataset
from lcom.search.energy_model import EnergyModel
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "model", "test", "out")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    model = EnergyModel.load(args.model, prepare_device(args.device))
    energies = model.energies(Dataset.load(args.test).batch)
    write_result(args.out, {"energies": [round(energy, 6) for energy in energies.tolist()]})


if __name__ == "__main__":
    run(main)
