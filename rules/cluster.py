"""What a cluster asks of the rules: resources that grow with the crystal and the attempt, and the checks before the first job is
submitted, so that none waits for ever. Plain Python, unit-tested."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

RESUMING = 5  # more attempts for what goes on where a killed job was
ATOMS = 8  # what the memory and the minutes of the rules are enough for
STATUS = "squeue"  # Slurm's own memory of jobs, for a cluster that keeps no accounts


def grown(base: int, attempt: int, atoms: int = ATOMS) -> int:
    """Of memory or minutes: twice as much with each attempt, and in proportion to the atoms of a larger crystal."""
    return int(base * max(1.0, atoms / ATOMS) * 2 ** (attempt - 1))


def slurm(*command: str) -> str:
    """What a command of Slurm says; "" if there is none, or it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def has_gpu() -> bool:
    """Whether this machine has a GPU of NVIDIA's, by its driver."""
    return Path("/proc/driver/nvidia").exists() or Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()


def keeps_accounts() -> bool:
    """Whether sacct can say what became of a job."""
    lines = (line.partition("=") for line in slurm("scontrol", "show", "config").splitlines())
    storage = {name.strip(): value.strip() for name, _, value in lines}.get("AccountingStorageType", "")
    return storage not in ("accounting_storage/none", "(null)")


def limits(file: Path | None) -> dict[str, dict[str, float]]:
    """Partition -> the most minutes, memory (MB), cores and GPUs of a job: the smaller of what the file and Slurm itself say."""
    if file is None:
        return {}
    names = {"runtime": "max_runtime", "mem_mb": "max_mem_mb", "threads": "max_cpus_per_task", "gpu": "max_gpu"}
    found = {}
    for partition, said in yaml.safe_load(file.read_text(encoding="utf-8"))["partitions"].items():
        found[partition] = {key: _number(said.get(name, 0 if key == "gpu" else None)) for key, name in names.items()}
    for line in slurm("sinfo", "--noheader", "--exact", "--format=%R|%l|%m|%c").splitlines():
        partition, minutes, memory, cores = line.split("|")
        if partition in found:
            here = {"runtime": _minutes(minutes), "mem_mb": _number(memory), "threads": _number(cores)}
            found[partition] |= {key: min(value, found[partition][key]) for key, value in here.items()}
    return found


def never_started(jobs: Iterable[tuple[str, dict[str, Any]]], partitions: dict[str, dict[str, float]]) -> str:
    """What to say of the first rule with a job that no partition lets start; "" if there is none.

    jobs: the rule and its minutes, memory, cores and GPUs
    """
    for rule, asked in jobs:
        needs = {key: asked[key] for key in ("runtime", "mem_mb", "threads", "gpu") if isinstance(asked.get(key), int)}
        if partitions and not any(all(needs[key] <= own[key] for key in needs) for own in partitions.values()):
            said = ", ".join(f"{key}={value}" for key, value in needs.items())
            have = "; ".join(f"{name}: {_shown(own)}" for name, own in partitions.items())
            return (
                f"No partition lets a job of {rule} start, which asks for {said} ({have}): it would wait for ever. Ask for less, such as "
                f"--set-resources {rule}:runtime=60, or mend partitions.yaml"
            )
    return ""


def _shown(own: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in own.items())


def _number(value: Any) -> float:
    """Of a limit; infinity if there is none. Slurm writes 16000+ for several kinds of nodes."""
    text = str(value).rstrip("+")
    return float(text) if text.isdecimal() else float("inf")


def _minutes(text: str) -> float:
    """Of a time as Slurm writes it: 2-12:00:00, 12:00:00, 30:00, infinite."""
    days, dash, clock = text.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdecimal() for part in [*parts, *([days] if dash else [])]):
        return float("inf")
    seconds = sum(int(part) * 60**power for power, part in enumerate(reversed(parts)))
    return int(days or 0) * 1440 + seconds / 60
