"""What a result was made with: it stands in every JSON, in every file of tensors and under the tables."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lcom

# import name -> distribution, of the packages that decide numbers
PACKAGES = {name: name for name in ("ase", "chgnet", "gpaw", "lightning", "numpy", "pymatgen", "spglib", "torch")}
PACKAGES["torch_geometric"] = "torch-geometric"

_device = "cpu"


def set_device(name: str) -> None:
    """To be called by whoever chooses where the networks of this process run."""
    global _device
    _device = name


def provenance() -> dict[str, Any]:
    """Versions of this package and of those that this process has loaded, the commit ("" outside a clone), and the device."""
    loaded = sorted(PACKAGES[name] for name in PACKAGES if name in sys.modules)
    packages = {name: found for name in loaded if (found := _version(name))}
    return {
        "lcom": lcom.__version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": packages,
        "device": _device,
    }


@cache
def commit() -> str:
    """Of the clone that the package lies in, read from its files: a compute node may have no git."""
    git = Path(lcom.__file__).parents[1] / ".git"
    try:
        if git.is_file():  # of a worktree
            git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = git / "commondir"
        home = git / common.read_text(encoding="utf-8").strip() if common.is_file() else git
        if (home / name).is_file():
            return (home / name).read_text(encoding="utf-8").strip()
        packed = (home / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except OSError:
        return ""


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
