"""Speed and memory of the CD-VAE: a training step, encoding, and one step of Langevin dynamics.

    python benchmarks/cdvae.py --device cpu [--threads 2] [--config config/paper.yaml] [--bf16] [--compile] [--plain] [--seconds 10]

The crystals are the known ground states of data/compounds.csv with atoms moved by 0.1 Å at random, repeated to a batch of one
size. Each line is the median over calls for about --seconds, after a warm-up; sizes of the networks are those of the config. "x products":
how many times as long that takes as its matrix products alone would at the speed of a product of large matrices, timed call by call beside
it. --plain times beside them, too, the same networks as others write them (benchmarks/plain.py): how many times as fast ours are.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import torch
import yaml
from plain import plain
from torch.utils.flop_counter import FlopCounterMode

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
LARGE = 1536  # rows and columns of the matrices whose product shows the processor's speed


def crystals(n_atoms: int, count: int, device: str) -> Batch:
    generator = torch.Generator().manual_seed(0)
    known = [c.crystal() for c in load_compounds(ROOT / "data/compounds.csv", []) if c.n_atoms == n_atoms]
    batch = select(pack(known), torch.arange(count) % len(known))
    return move(batch, 0.1 * torch.randn(len(batch.numbers), 3, generator=generator)).to(device)


def median_seconds(calls: Sequence[Callable[[], object]], device: str, seconds: float) -> list[float]:
    """Of calls in turn, so that what else the machine does slows all of them."""

    def once(call: Callable[[], object]) -> float:
        begun = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    for _ in range(3):
        for call in calls:
            once(call)
    rounds = [[once(call) for call in calls]]
    while sum(sum(times) for times in rounds) < seconds * len(calls):
        rounds.append([once(call) for call in calls])
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def operations(call: Callable[[], object]) -> int:
    """Floating-point operations of its matrix products."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def memory(device: str) -> float:
    """Peak so far, GB."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def work(model: CDVAE, batch: Batch, many: Batch) -> list[Callable[[], object]]:
    """A training step and an encoding of `batch`, and a Langevin step of `many`."""
    device = batch.lattice.device
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    generator = torch.Generator().manual_seed(0)
    context = model.context(torch.zeros(LANGEVIN, model.settings.latent, device=device), many).detach()
    sigma = torch.full((LANGEVIN,), 0.1, device=device)
    offsets = image_offsets(many.lattice, model.settings.cutoff)

    def train() -> None:
        optimizer.zero_grad(set_to_none=True)
        model.losses(batch, generator)["loss"].backward()
        optimizer.step()

    @torch.no_grad()
    def encode() -> None:
        model.encode(batch)

    @torch.no_grad()
    def langevin() -> None:
        towards, _ = model.denoise(many, context, sigma, offsets)
        move(many, 0.01 * towards + 0.01 * torch.randn_like(towards))

    return [train, encode, langevin]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", type=Path, default=ROOT / "config/paper.yaml")
    parser.add_argument("--decoder", choices=get_args(DecoderKind), help="instead of the config's")
    parser.add_argument("--graph", choices=get_args(GraphKind), help="of the encoder, instead of the config's")
    parser.add_argument("--bf16", action="store_true", help="products of the networks in bfloat16")
    parser.add_argument("--compile", action="store_true", help="both networks by torch.compile, for each shape anew")
    parser.add_argument(
        "--plain", action="store_true", help="time the networks as others write them beside; radius graph, CPU"
    )
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
        batch, many = crystals(n_atoms, args.batch, args.device), crystals(n_atoms, LANGEVIN, args.device)
        if settings.encoder.graph == "crystalnn":
            batch = attach_bonds(batch)  # found once in a training, and not counted here
        timed = [model, plain(model)] if args.plain else [model]
        kinds = list(zip(*(work(network, batch, many) for network in timed), strict=True))
        large = torch.randn(LARGE, LARGE, device=args.device)
        product = partial(torch.matmul, large, large)
        found = [median_seconds([*calls, product], args.device, args.seconds) for calls in kinds]
        own, *theirs, square = zip(*found, strict=True)
        print(
            f"{n_atoms:5d} {args.batch / own[0]:10.0f} {args.batch / own[1]:10.0f} {own[2] * 1e3:12.1f} "
            f"{5000 * own[2] / LANGEVIN:9.2f} {memory(args.device):8.2f}"
        )
        speeds = [2 * LARGE**3 / seconds for seconds in square]
        alone = [operations(calls[0]) / speed for calls, speed in zip(kinds, speeds, strict=True)]
        _ratios("products", own, alone)
        for seconds in theirs:
            _ratios("plain", seconds, own)


def _ratios(name: str, slow: Sequence[float], fast: Sequence[float]) -> None:
    print(f"  x {name:8s}" + "".join(f"{s / f:11.2f}" for s, f in zip(slow, fast, strict=True)))


if __name__ == "__main__":
    main()
