"""What a GPU is worth: training steps of both networks, encoding and decoding, beside the CPU of the same machine.

    python benchmarks/gpu.py results/networks/both [--batches 64 512] [--seconds 5]

Reads the packed crystals and frames of a run; networks of the default config, from random weights (what encodes and decodes is what the
steps before have made of them). Each number is the median over calls for about --seconds, after a warm-up, of batches that differ in
shape, as in a training. Decoding is of the default sampler, 8 of each latent. `benchmarks/gpu.sh` runs this after the tests that need
a GPU, and trains after it.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import torch
import yaml
from cdvae import median_seconds

from lcom.base.device import prepare_device
from lcom.base.settings import parse_settings
from lcom.batch import Batch
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import CDVAESettings, DecodeSettings
from lcom.data.packed import Dataset, Loader
from lcom.nets.network import Network
from lcom.search.energy_model import EnergyModel
from lcom.search.settings import EnergyModelSettings

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder with train.safetensors and frames/train.safetensors")
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 512], help="crystals of a step")
    parser.add_argument("--decoded", type=int, default=64, help="latents that are decoded together")
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    minima = Dataset.load(args.run / "train.safetensors").of_first_level()
    frames = Dataset.load(args.run / "frames/train.safetensors").of_first_level()
    models = [
        (_model(CDVAE, CDVAESettings, config), minima),
        (_model(EnergyModel, EnergyModelSettings, config, slope_weight=1.0, noise=0.0, strain=0.0), minima.at_rest.with_others(frames)),
    ]  # fmt: skip
    torch.use_deterministic_algorithms(True, warn_only=True)  # sums in a fixed order, as in a training
    devices = ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]
    name = torch.cuda.get_device_name() if "cuda" in devices else "no GPU"
    print(f"{name}; CPU with {torch.get_num_threads()} threads; torch {torch.__version__}\n")
    print("| crystals/s | batch | " + " | ".join(devices) + " |\n" + "|---" * (2 + len(devices)) + "|")
    for model, data in models:
        for size in args.batches:
            speeds = [size / _training(model.to(device), data, size, device, args.seconds) for device in devices]
            _row(f"training, {model.title}", size, speeds)
    cdvae = models[0][0].eval()
    assert isinstance(cdvae, CDVAE)
    for size in args.batches:
        _row("encoding", size, [size / _encoding(cdvae.to(d), minima, size, d, args.seconds) for d in devices])
    few = minima.rows(torch.arange(0, len(minima), max(1, len(minima) // args.decoded))[: args.decoded]).batch
    speeds = [len(few.n_atoms) / _decoding(cdvae.to(d), few, d, args.seconds) for d in devices]
    _row("decoding, 8 of each latent", len(few.n_atoms), speeds)
    if "cuda" in devices:
        print(f"\npeak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")


def _row(what: str, size: int, speeds: list[float]) -> None:
    print(f"| {what} | {size} | " + " | ".join(f"{speed:.0f}" for speed in speeds) + " |", flush=True)


def _model(kind: type[Network], settings: type, config: dict, **others: float) -> Network:
    values = {key: value for key, value in config[kind.section].items() if key != "training"}
    torch.manual_seed(0)
    return kind(parse_settings(settings, values | others, kind.section))


def _training(model: Network, data: Dataset, size: int, device: str, seconds: float) -> float:
    model.fit_scaler(data.labelled.to(device))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    generator, batches = torch.Generator().manual_seed(0), _batches(data.labelled, size)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        model.losses(next(batches).to(device), generator)["loss"].backward()
        optimizer.step()

    return median_seconds([step], device, seconds)[0]


def _encoding(model: CDVAE, data: Dataset, size: int, device: str, seconds: float) -> float:
    batches = _batches(data.batch, size)
    with torch.no_grad():
        return median_seconds([lambda: model.encode(next(batches).to(device))], device, seconds)[0]


def _decoding(model: CDVAE, batch: Batch, device: str, seconds: float) -> float:
    batch = batch.to(device)
    with torch.no_grad():
        z = model.encode(batch)[0]
    keys, settings = [(i,) for i in range(len(z))], DecodeSettings(samples=8)
    return median_seconds([lambda: decode(model, z, batch, settings, keys)], device, seconds)[0]


def _batches(data: Batch, size: int) -> Iterator[Batch]:
    """Batches of a training, epoch after epoch; the last one of an epoch, which may be small, left out."""
    for epoch in itertools.count():
        loader = Loader(data, size, 0)
        loader.set_epoch(epoch)
        for batch in loader:
            if len(batch.n_atoms) == size:
                yield batch


if __name__ == "__main__":
    prepare_device("cpu")
    main()
