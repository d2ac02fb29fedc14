"""Snakemake, its jobs and our stages in processes forked from one that has their imports, which are half the CPU time of a test."""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import multiprocessing
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from lcom.base.processes import end_with, this_process

ROOT = Path(__file__).resolve().parents[1]
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(
    [
        *("snakemake.cli", "snakemake.report", "snakemake_executor_plugin_slurm", "smart_open"),
        *("lcom.nets.training", "ase.optimize"),  # the first brings torch and Lightning
        *("gpaw.calculator", "gpaw.new.ase_interface", "gpaw.new.pw.builder", "pandas", "spglib", "matplotlib.pyplot"),
    ]
)
_ASKED = 1 << 20  # bytes, of a job's command line and variables
Main = Callable[[Path, Sequence[str]], None]


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `python -m snakemake {arguments}` in a folder answers. Its jobs are forked, too."""
    return _answer(_snakemake, folder, [python_of_jobs(), *arguments], os.environ)


def stage(
    name: str, *arguments: object, env: Mapping[str, str] = os.environ, check: bool = False
) -> subprocess.CompletedProcess[str]:
    """What `python -m lcom.stages.{name} {arguments}` answers with these variables."""
    done = _answer(_stage, ROOT, [f"lcom.stages.{name}", *map(str, arguments)], env)
    assert not (check and done.returncode), done.stderr
    return done


def begin_stage(name: str, *arguments: object, env: Mapping[str, str] = os.environ) -> multiprocessing.Process:
    """The same, at work, for a test that kills it."""
    asked = [f"lcom.stages.{name}", *map(str, arguments)]
    process = _FORKED.Process(target=_work, args=(_stage, ROOT, asked, dict(env), []))
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
    sys.executable, *options = arguments  # what jobs find as `python`
    _as_if_begun_in(folder)
    from snakemake.cli import main

    main(options)


def _stage(folder: Path, arguments: Sequence[str]) -> None:
    from lcom.stages.common import run

    sys.argv[:] = arguments
    run(importlib.import_module(arguments[0]).main)


def _as_if_begun_in(folder: Path) -> None:
    """As `python -m` there, and with nothing of the copy of lcom that is tested."""
    ahead = [str(folder), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:] = ahead + [place for place in sys.path if Path(place).resolve() != ROOT]
    for name in [name for name in sys.modules if name.partition(".")[0] == "lcom"]:
        del sys.modules[name]


def python_of_jobs() -> str:
    """A command that is `python`, but has `-m lcom.stages.NAME` forked."""
    return f"{_jobs().name}/python"


@functools.cache
def _jobs() -> tempfile.TemporaryDirectory[str]:
    """The folder of that `python` and of the socket of the server that forks, which ends with this process."""
    kept = tempfile.TemporaryDirectory(prefix="jobs-")
    address, python = f"{kept.name}/socket", Path(kept.name) / "python"
    client = [sys.executable, "-IS", str(Path(__file__).with_name("forked_job.py")), address, sys.executable]
    python.write_text(f'#!/bin/sh\nexec {shlex.join(client)} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    ready, says_so = _FORKED.Pipe(duplex=False)
    server = _FORKED.Process(target=_serve, args=(address, this_process(), says_so))
    server.start()
    atexit.register(server.kill)  # before multiprocessing waits for it
    ready.recv()
    return kept


def _serve(address: str, parent: str, ready: Connection) -> None:
    """A process for each job that a forked_job.py asks for."""
    end_with(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(address)
        server.listen()
        ready.send(None)
        while True:
            client, _ = server.accept()
            if not os.fork():
                server.close()
                try:
                    _attend(client)
                finally:
                    os._exit(0)
            client.close()


def _attend(client: socket.socket) -> None:
    """Fork the job, tell its client how it ended, and kill it when the client is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    said, outputs, *_ = socket.recv_fds(client, _ASKED, 3)
    folder, arguments, environment = json.loads(said)
    fork = multiprocessing.get_context("fork")
    job = fork.Process(target=_job, args=(Path(folder), arguments, environment, outputs))
    job.start()
    if job.sentinel not in wait([client, job.sentinel]):
        job.kill()
        return
    job.join()
    client.send(str(job.exitcode % 256).encode())


def _job(folder: Path, arguments: Sequence[str], environment: dict[str, str], outputs: Sequence[int]) -> None:
    for descriptor, output in enumerate(outputs):
        os.dup2(output, descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _as_if_begun_in(folder)
    _stage(folder, arguments)
