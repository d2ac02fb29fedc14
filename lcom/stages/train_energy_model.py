"""Packed crystals, and those off the minima if the data set has any -> a trained energy model."""

from __future__ import annotations

from lcom.data.packed import Dataset
from lcom.nets.training import parse_training, train_to_file
from lcom.search.energy_model import EnergyModel
from lcom.stages.common import resumable, run


def main() -> None:
    parser = resumable(__doc__, "train", "val", "config", "out", "metrics")
    parser.add_argument("--frames", nargs=2, default=(), help="crystals off the minima: of training, of validation")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--checkpoint-minutes", type=float, help="in place of the config's")
    args = parser.parse_args()
    settings, training = parse_training(EnergyModel, args.config)
    sets = [Dataset.load(path).of_first_level() for path in (args.train, args.val)]
    frames = [Dataset.load(path).of_first_level() for path in args.frames]
    if settings.slope_weight:
        sets = [data.at_rest for data in sets]
    train, val = (a.with_others(b) for a, b in zip(sets, frames, strict=True)) if frames else sets
    train_to_file(EnergyModel, train, val, settings, training, args)


if __name__ == "__main__":
    run(main)
