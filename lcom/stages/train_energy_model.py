"""Packed crystals -> a trained energy model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lcom.dataset import Dataset
from lcom.device import prepare_device
from lcom.energy_model import EnergyModel, EnergyModelSettings
from lcom.settings import parse_settings
from lcom.stages.common import options, run
from lcom.training import TrainingSettings, train


def main() -> None:
    parser = options(__doc__, "train", "val", "config", "out", "metrics", "state")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    config = json.loads(args.config)
    training = parse_settings(TrainingSettings, config.pop("training"), "energy_model.training")
    settings = parse_settings(EnergyModelSettings, config, "energy_model")
    model = train(
        EnergyModel,
        Dataset.load(args.train),
        Dataset.load(args.val),
        settings,
        training,
        Path(args.state),
        prepare_device(args.device),
        Path(args.metrics),
    )
    model.save(args.out)
    shutil.rmtree(args.state)  # the checkpoints are needed no more


if __name__ == "__main__":
    run(main)
