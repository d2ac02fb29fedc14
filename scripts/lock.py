"""Write requirements.lock and requirements-dev.lock: every package of constraints.txt with the hashes of its files on PyPI.

    .venv/bin/python -m pip install uv
    .venv/bin/python scripts/lock.py

after constraints.txt changed, in a .venv that has its versions. torch and what it alone needs are left out: which file is right for a
machine (CUDA's, the CPU's) is said by TORCH_INDEX.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
HEAD = (
    "# Made by scripts/lock.py from constraints.txt; do not edit. torch, and what it alone needs, is no part of it.\n"
)


def pins(file: str) -> dict[str, str]:
    """Canonical name -> the line of a file of requirements."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(re.split(r"[\[=]", line)[0]): line for line in found}


def closure(lines: list[str], without: str = "") -> set[str]:
    """The distributions that these lines need, directly or not."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in found or name == without:
                continue
            found.add((name, extra))
            try:
                needs = [Requirement(text) for text in requires(name) or []]
            except PackageNotFoundError:  # of another platform
                continue
            waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def lock(names: set[str], file: str) -> None:
    known = pins("constraints.txt")
    text = "".join(f"{known[name]}\n" for name in sorted(names & set(known)))
    command = ["uv", "pip", "compile", "--quiet", "--no-deps", "--generate-hashes", "--no-annotate", "--no-header", "-"]
    uv = [sys.executable, "-m", *command]
    made = subprocess.run(uv, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    (ROOT / file).write_text(HEAD + made, encoding="utf-8")


def main() -> None:
    run, dev = list(pins("requirements.txt").values()), list(pins("requirements-dev.txt").values())
    needed = closure([line for line in run if not line.startswith("torch==")], without="torch")
    lock(needed, "requirements.lock")
    lock(closure(dev, without="torch") - needed, "requirements-dev.lock")


if __name__ == "__main__":
    main()
