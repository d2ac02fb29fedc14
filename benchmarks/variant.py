"""A CD-VAE with other settings than the run's, trained on the same crystals, for benchmarks/quality.py and sampler.py to judge.

    python benchmarks/variant.py results/prototypes /tmp/no_sigma --config '{"sigma_input": false, "training": {"epochs": 40}}'
    python benchmarks/quality.py /tmp/no_sigma

Writes into the second folder what the two read: the packed crystals, the trained model, its latents. A training that was killed
goes on; a model that is there already is used as it is: remove the folder after a change of the settings.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from snakemake.utils import update_config

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the run")
    parser.add_argument("out", type=Path)
    parser.add_argument("--configfile", type=Path, help="such as config/paper.yaml, before --config")
    parser.add_argument("--config", default="{}", help="JSON of what differs in the section cdvae")
    args = parser.parse_args()
    config = yaml.safe_load((ROOT / "config.yaml").read_text())["cdvae"]
    if args.configfile:
        update_config(config, yaml.safe_load(args.configfile.read_text())["cdvae"])
    update_config(config, json.loads(args.config))
    (args.out / "cdvae").mkdir(parents=True, exist_ok=True)
    for part in ("train", "val"):
        shutil.copy(args.folder / f"{part}.safetensors", args.out)
    crystals = ["--train", args.out / "train.safetensors", "--val", args.out / "val.safetensors"]
    crystals += ["--bonds", args.folder.parent / ".cache/crystalnn.sqlite"]
    model = args.out / "cdvae/model.safetensors"
    outputs = ["--out", model, "--metrics", args.out / "cdvae/metrics.csv", "--state", args.out / "state"]
    if not model.exists():
        stage(["train_cdvae", *crystals, "--config", json.dumps(config), *outputs])
    stage(["encode", *crystals, "--model", model, "--out", args.out / "latents.safetensors"])


def stage(arguments: list) -> None:
    subprocess.run([sys.executable, "-m", f"lcom.stages.{arguments[0]}", *map(str, arguments[1:])], check=True)


if __name__ == "__main__":
    main()
