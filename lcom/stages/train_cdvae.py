"""Packed crystals -> a trained CD-VAE."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lcom.bonds import with_bonds
from lcom.cdvae import CDVAE, CDVAESettings
from lcom.dataset import Dataset
from lcom.device import prepare_device
from lcom.settings import parse_settings
from lcom.stages.common import options, run
from lcom.training import TrainingSettings, train


def main() -> None:
    parser = options(__doc__, "train", "val", "config", "out", "metrics", "state", "bonds")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    config = json.loads(args.config)
    training = parse_settings(TrainingSettings, config.pop("training", {}), "cdvae.training")
    settings = parse_settings(CDVAESettings, config, "cdvae")
    train_set, val_set = Dataset.load(args.train), Dataset.load(args.val)
    if settings.encoder.graph == "crystalnn":
        train_set, val_set = (with_bonds(data, args.bonds, args.workers) for data in (train_set, val_set))
    model = train(
        CDVAE,
        train_set,
        val_set,
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
