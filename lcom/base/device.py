"""Where the networks run, and how torch is set up for it."""

from __future__ import annotations

import ctypes
import logging
import sys
import time
from typing import Any

import torch

from lcom.base.provenance import set_device

DEVICES = ("auto", "cpu", "cuda")

log = logging.getLogger("lcom")


def prepare_device(name: str, repeats: bool = True) -> str:
    """auto -> cuda if there is one, else cpu. Sets torch up for the CPU: to be called once, when a process begins.

    repeats: whether batches of one size come again, as in a training, and not each size a few times, as crystals of a formula do.
    """
    if name not in DEVICES:
        raise ValueError(f"device: {', '.join(DEVICES[:-1])} or {DEVICES[-1]}, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device was found: take the CPU (--device cpu; of Snakemake --resources gpu=0)")
    torch.set_flush_denormal(True)  # far neighbours give denormal numbers, which are ten times slower
    _keep_memory()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":  # on a GPU Lightning asks how precise products are, which torch refuses to say once this was set
        _prefer_onednn(repeats)
    shown = torch.cuda.get_device_name() if name == "cuda" else f"the CPU, {torch.get_num_threads()} threads"
    log.info("networks run on %s", shown)
    set_device(shown if name == "cuda" else name)
    return name


def clock(device: str | torch.device) -> float:
    """Seconds by `time.perf_counter`, once the device has done what it was asked: a GPU works on while Python goes ahead."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _prefer_onednn(wanted: bool) -> None:
    """Matrix products by oneDNN instead of MKL, which keeps AVX-512 from AMD's processors: there it is half as fast. But oneDNN
    compiles a kernel for every new shape, some 30 ms for each new number of atoms.

    torch has no switch for that but "bf16", which allows oneDNN to round. It does so only on processors with units for
    bfloat16 matrices (Intel's AMX), where MKL is fast anyway: a product that is not exact takes the switch back.
    """
    if not torch.backends.mkldnn.is_available():
        return
    matmul: Any = torch.backends.mkldnn.matmul  # ty: ignore[missing-attribute]
    if not wanted:
        matmul.fp32_precision = "none"  # as torch begins
        return
    matmul.fp32_precision = "bf16"
    x = torch.arange(1, 64 * 64 + 1, dtype=torch.float32).view(64, 64)  # more digits than bfloat16 has
    if not torch.equal(x @ torch.eye(64), x):
        matmul.fp32_precision = "ieee"


def _keep_memory() -> None:
    """Keep freed memory for the next tensor, instead of giving it back: a training step made 21 000 page faults, 8 % of its time.

    By the GNU C library's ``mallopt``; with another library nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3  # malloc.h
        mallopt(mmap_threshold, 2**30)
        mallopt(trim_threshold, 2**31 - 1)
