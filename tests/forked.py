"""Snakemake's command and our stages in processes forked from one that has imported them: imports are half the CPU time of a test."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(
    [
        *("snakemake.cli", "snakemake.report", "snakemake_executor_plugin_slurm", "smart_open"),
        *("lcom.nets.training", "ase.optimize"),  # the first brings torch and Lightning
    ]
)
Main = Callable[[Path, Sequence[str]], None]


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `python -m snakemake {arguments}` in a folder answers."""
    return _answer(_snakemake, folder, arguments, os.environ)


def stage(
    name: str, *arguments: object, env: Mapping[str, str] = os.environ, check: bool = False
) -> subprocess.CompletedProcess[str]:
    """What `python -m lcom.stages.{name} {arguments}` answers with these variables."""
    done = _answer(_stage, ROOT, [name, *map(str, arguments)], env)
    assert not (check and done.returncode), done.stderr
    return done


def begin_stage(name: str, *arguments: object, env: Mapping[str, str] = os.environ) -> multiprocessing.Process:
    """The same, at work, for a test that kills it."""
    process = _FORKED.Process(target=_work, args=(_stage, ROOT, [name, *map(str, arguments)], dict(env), []))
    process.start()
    return process


def _answer(
    main: Main, folder: Path, arguments: Sequence[str], env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as kept:
        outputs = [Path(kept) / "out", Path(kept) / "err"]
        process = _FORKED.Process(target=_work, args=(main, folder, arguments, dict(env), outputs))
        process.start()
        process.join()
        said = [path.read_text(encoding="utf-8") if path.exists() else "" for path in outputs]
    return subprocess.CompletedProcess(list(arguments), process.exitcode, *said)


def _work(
    main: Main, folder: Path, arguments: Sequence[str], environment: dict[str, str], outputs: Sequence[Path]
) -> None:
    """outputs: of standard output and error, none to drop them."""
    for descriptor, path in enumerate(outputs or [Path(os.devnull)] * 2, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    main(folder, arguments)


def _snakemake(folder: Path, arguments: Sequence[str]) -> None:
    # as `python -m snakemake` there, and nothing of the copy of lcom that is tested
    ahead = [str(folder), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:] = ahead + [place for place in sys.path if Path(place).resolve() != ROOT]
    for name in [name for name in sys.modules if name.partition(".")[0] == "lcom"]:
        del sys.modules[name]
    from snakemake.cli import main

    main(list(arguments))


def _stage(folder: Path, arguments: Sequence[str]) -> None:
    from lcom.stages.common import run

    name, *sys.argv[1:] = arguments
    sys.argv[0] = f"lcom.stages.{name}"
    run(importlib.import_module(sys.argv[0]).main)
