"""Speed and memory of the CD-VAE: a training step, encoding, and one step of Langevin dynamics.

    python benchmarks/cdvae.py --device cpu [--threads 2] [--config config/paper.yaml] [--bf16] [--compile] [--seconds 10]

The crystals are the known ground states of data/compounds.csv with atoms moved by 0.1 Å at random, repeated to a batch of one
size. Each line is the median over calls for about --seconds, after a warm-up; sizes of the networks are those of the config.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch
import yaml

from lcom.base.device import prepare_device
from lcom.base.settings import parse_settings
from lcom.batch import Batch, pack, select
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import CDVAESettings
from lcom.compounds import load_compounds
from lcom.data.crystalnn import attach_bonds
from lcom.nets.graph import image_offsets, move
from lcom.nets.settings import DecoderKind, GraphKind

ROOT = Path(__file__).resolve().parent.parent
LANGEVIN = 78  # crystals: 26 compounds, three seeds


def crystals(n_atoms: int, count: int, device: str) -> Batch:
    generator = torch.Generator().manual_seed(0)
    known = [c.crystal() for c in load_compounds(ROOT / "data/compounds.csv", []) if c.n_atoms == n_atoms]
    batch = select(pack(known), torch.arange(count) % len(known))
    return move(batch, 0.1 * torch.randn(len(batch.numbers), 3, generator=generator)).to(device)


def median_seconds(call: Callable[[], object], device: str, seconds: float) -> float:
    def once() -> float:
        begun = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    for _ in range(3):
        once()
    times = [once()]
    while sum(times) < seconds:
        times.append(once())
    return statistics.median(times)


def memory(device: str) -> float:
    """Peak so far, GB."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", type=Path, default=ROOT / "config/paper.yaml")
    parser.add_argument("--decoder", choices=get_args(DecoderKind), help="instead of the config's")
    parser.add_argument("--graph", choices=get_args(GraphKind), help="of the encoder, instead of the config's")
    parser.add_argument("--bf16", action="store_true", help="products of the networks in bfloat16")
    parser.add_argument("--compile", action="store_true", help="both networks by torch.compile, for each shape anew")
    parser.add_argument("--batch", type=int, default=64, help="crystals of a training step and of an encoding")
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    prepare_device(args.device)
    values = yaml.safe_load(args.config.read_text())["cdvae"]
    values.pop("training", None)
    if args.decoder:
        values["decoder"]["kind"] = args.decoder
    if args.graph:
        values["encoder"]["graph"] = args.graph
    settings = parse_settings(CDVAESettings, values, "cdvae")
    networks = f"{args.config.name}, {settings.decoder.kind}, {settings.encoder.graph} graph"
    how = ["bfloat16" if args.bf16 else "float32", *["compiled"] * args.compile]
    print(f"{networks}, {', '.join(how)}, on {args.device}, {args.threads} threads, torch {torch.__version__}")
    print(f"{'atoms':>5} {'train 1/s':>10} {'encode 1/s':>10} {'Langevin ms':>12} {'s / 5000':>9} {'peak GB':>8}")
    for n_atoms in (2, 4):
        torch.manual_seed(0)
        model = CDVAE(settings).to(args.device)
        model.bfloat16 = args.bf16
        if args.compile:
            torch.compiler.reset()  # or the second size would be compiled for all sizes
            model.encoder.compile(dynamic=False)
            model.decoder.compile(dynamic=False)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=args.device == "cuda")
        batch = crystals(n_atoms, args.batch, args.device)
        if settings.encoder.graph == "crystalnn":
            batch = attach_bonds(batch)  # found once in a training, and not counted here
        generator = torch.Generator().manual_seed(0)

        def train(model=model, optimizer=optimizer, batch=batch, generator=generator) -> None:
            optimizer.zero_grad(set_to_none=True)
            model.losses(batch, generator)["loss"].backward()
            optimizer.step()

        @torch.no_grad()
        def encode(model=model, batch=batch) -> None:
            model.encode(batch)

        many = crystals(n_atoms, LANGEVIN, args.device)
        context = model.context(torch.zeros(LANGEVIN, settings.latent, device=args.device), many).detach()
        sigma = torch.full((LANGEVIN,), 0.1, device=args.device)
        offsets = image_offsets(many.lattice, settings.cutoff)

        @torch.no_grad()
        def langevin(model=model, many=many, context=context, sigma=sigma, offsets=offsets) -> None:
            towards, _ = model.denoise(many, context, sigma, offsets)
            move(many, 0.01 * towards + 0.01 * torch.randn_like(towards))

        seconds = [median_seconds(call, args.device, args.seconds) for call in (train, encode, langevin)]
        print(
            f"{n_atoms:5d} {args.batch / seconds[0]:10.0f} {args.batch / seconds[1]:10.0f} {seconds[2] * 1e3:12.1f} "
            f"{5000 * seconds[2] / LANGEVIN:9.2f} {memory(args.device):8.2f}"
        )


if __name__ == "__main__":
    main()
