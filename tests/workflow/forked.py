"""Snakemake's command in a process forked from one that has imported it: half the CPU time of a dry run is those imports."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["snakemake.cli", "snakemake.report", "snakemake_executor_plugin_slurm", "smart_open"])


def _main(folder: Path, arguments: list[str], environment: dict[str, str], outputs: list[Path]) -> None:
    for descriptor, path in enumerate(outputs, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # as `python -m snakemake` there, and nothing of the copy of lcom that is tested
    ahead = [str(folder), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:] = ahead + [place for place in sys.path if Path(place).resolve() != ROOT]
    from snakemake.cli import main

    main(arguments)


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `python -m snakemake {arguments}` in a folder answers."""
    with tempfile.TemporaryDirectory() as kept:
        outputs = [Path(kept) / "out", Path(kept) / "err"]
        process = _FORKED.Process(target=_main, args=(folder, list(arguments), dict(os.environ), outputs))
        process.start()
        process.join()
        said = [path.read_text(encoding="utf-8") if path.exists() else "" for path in outputs]
    return subprocess.CompletedProcess(list(arguments), process.exitcode, *said)
