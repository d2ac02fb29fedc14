"""Packed crystals -> a trained CD-VAE."""

from __future__ import annotations

from lcom.cdvae.model import CDVAE
from lcom.data.crystalnn import with_bonds
from lcom.data.packed import Dataset
from lcom.nets.training import parse_training, train_to_file
from lcom.stages.common import resumable, run
from lcom.surrogate.targets import with_target


def main() -> None:
    parser = resumable(__doc__, "train", "val", "config", "out", "metrics", "bonds")
    parser.add_argument("--target", default="energy_above", help="what the head of cdvae.energy_weight predicts")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--checkpoint-minutes", type=float, help="in place of the config's")
    args = parser.parse_args()
    settings, training = parse_training(CDVAE, args.config)
    train_set, val_set = Dataset.load(args.train), Dataset.load(args.val)
    if settings.energy_weight:
        train_set, val_set = with_target(args.target, train_set, val_set)
    if settings.encoder.graph == "crystalnn":
        train_set, val_set = (with_bonds(data, args.bonds, args.workers) for data in (train_set, val_set))
    train_to_file(CDVAE, train_set, val_set, settings, training, args)


if __name__ == "__main__":
    run(main)
