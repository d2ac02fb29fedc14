"""A stand-in for conda: `env create` makes a virtual environment with the packages of the file and what they need, in the file's versions,
and nothing else. It links them from the environment of the tests in place of fetching them, so that four environments take seconds.

    python -m tests.workflow.conda env create --file envs/ml.yaml --prefix FOLDER     (`info`, `config` and `--version` as Snakemake asks)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rules.common import CONDA_NAMES

ACTIVATE = 'export PATH="$1/bin:$PATH"\n'


def closure(names: Iterable[str]) -> set[str]:
    """The distributions that these need, directly or not, of those that are installed."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in found:
                continue
            try:
                needs = [Requirement(text) for text in distribution(name).requires or []]
            except PackageNotFoundError:
                continue
            found.add((name, extra))
            waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def make(folder: Path, names: Iterable[str]) -> None:
    """A virtual environment with links to these distributions and what they need."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in closure(names):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."} - {"__pycache__"}:
            source, link = Path(str(found.locate_file(top))), packages / top
            if source.exists() and not link.exists():  # several may share a folder
                link.symlink_to(source)


def create(file: Path, folder: Path) -> None:
    """The environment of a file; a version that the tests have not is one that there is not."""
    pins = [pin.split("=") for pin in yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]]
    named = {CONDA_NAMES.get(name, name): number for name, number in pins if name != "python"}
    for name, number in named.items():
        if (there := distribution(name).version.split("+")[0]) != number:
            sys.exit(f"PackagesNotFoundError: {name}={number} (there is {there})")
    make(folder, named)


def install(prefix: Path, root: Path) -> Path:
    """Put `conda` and `activate` into prefix/bin; that folder."""
    bin = prefix / "bin"
    bin.mkdir(parents=True)
    (bin / "activate").write_text(ACTIVATE)
    (bin / "conda").write_text(
        f'#!/bin/sh\nPYTHONPATH="{root}" CONDA_STAND_IN="{prefix}" exec "{sys.executable}" -m tests.workflow.conda "$@"\n'
    )
    (bin / "conda").chmod(0o755)
    return bin


def main(words: list[str]) -> None:
    if words[:1] == ["--version"]:
        print("conda 99.1.0")
    elif words[:1] == ["info"]:
        print(json.dumps({"conda_prefix": os.environ["CONDA_STAND_IN"], "platform": "linux-64"}))
    elif words[:1] == ["config"]:
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif words[:1] == ["clean"]:  # there is nothing
        return
    elif words[:2] == ["env", "create"]:
        create(*(Path(words[words.index(option) + 1]) for option in ("--file", "--prefix")))
    else:
        sys.exit(f"no stand-in for conda {' '.join(words)}")


if __name__ == "__main__":
    main(sys.argv[1:])
