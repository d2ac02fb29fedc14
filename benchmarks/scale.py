"""Training at scale: memory and time an epoch against the number of crystals, on synthetic ones of 2 to 12 atoms.

    python benchmarks/scale.py [--sizes 10000 100000 1000000] [--steps 30]

load: reading the packed file · loader: an epoch of batches without a network · epoch: that and the time of --steps training steps
of the default networks, scaled up to the epoch · GB: peak memory of the process so far.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
import time
from pathlib import Path

import torch

from lcom.base.device import prepare_device
from lcom.batch import Batch
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import CDVAESettings
from lcom.data.packed import Dataset, Loader


def synthetic(count: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(2, 13, (count,), generator=generator)
    n = int(sizes.sum())
    shape = torch.eye(3) + 0.1 * torch.randn(count, 3, 3, generator=generator)
    lattice = shape * (15.0 * sizes).pow(1 / 3)[:, None, None]  # 15 Å³ an atom
    numbers = torch.randint(3, 84, (n,), generator=generator)
    batch = Batch(numbers, torch.rand(n, 3, generator=generator), lattice, sizes)
    energy = torch.randn(count, generator=generator)
    return Dataset([f"synthetic-{i}" for i in range(count)], batch, energy, energy - energy.min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    args = parser.parse_args()
    device = prepare_device("auto")
    model = CDVAE(CDVAESettings()).to(device)
    optimizer = torch.optim.AdamW(model.parameters())
    generator = torch.Generator().manual_seed(0)
    print(f"{'crystals':>10} {'file MB':>8} {'load s':>7} {'loader s':>9} {'epoch s':>8} {'GB':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for count in args.sizes:
            path = Path(folder) / f"{count}.safetensors"
            synthetic(count).save(path)
            begun = time.perf_counter()
            data = Dataset.load(path)
            load = time.perf_counter() - begun
            loader = Loader(data.batch, args.batch, 0)
            begun = time.perf_counter()
            for _ in loader:
                pass
            epoch = time.perf_counter() - begun
            begun = time.perf_counter()
            for batch in itertools.islice(loader, args.steps):
                optimizer.zero_grad()
                model.losses(batch.to(device), generator)["loss"].backward()
                optimizer.step()
            step = (time.perf_counter() - begun) / args.steps
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(
                f"{count:10d} {path.stat().st_size / 1e6:8.1f} {load:7.2f} {epoch:9.2f} "
                f"{step * len(loader):8.0f} {memory:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
