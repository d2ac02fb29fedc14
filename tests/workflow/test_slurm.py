"""Jobs through Slurm, by the profile and the command of its README: a cluster of this one machine, started for the test.

Needs root, slurmctld, slurmd and munged (Debian: slurm-wlm, munge), and a machine that belongs to no cluster.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.workflow.test_kills import _jobs

ETC = Path("/etc/slurm")  # where a job looks: it is given no SLURM_CONF
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
CONF = """\
ClusterName=test
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} CPUs=8 RealMemory=16000 Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES
PartitionName=gpu Nodes=ALL
"""


@pytest.fixture
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A node with 8 cores and a GPU, in two partitions; all of it on paper."""
    if os.geteuid() or MISSING or (ETC / "slurm.conf").exists():
        pytest.skip(f"needs root, Slurm (missing: {', '.join(MISSING) or 'nothing'}) and a machine in no cluster")
    folder, host = tmp_path_factory.mktemp("slurm"), socket.gethostname().split(".")[0]
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    ETC.mkdir(exist_ok=True)
    (ETC / "slurm.conf").write_text(CONF.format(host=host, folder=folder))
    (ETC / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/zero\n")
    names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    try:
        munge = ["munged", "--force", *(f"--{option}={folder}/munge.{name}" for option, name in names.items())]
        for command in (munge, ["slurmctld"], ["slurmd"]):
            subprocess.run(command, check=True, capture_output=True)
        for _ in range(60):
            if (
                "idle"
                in subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False).stdout
            ):
                break
            time.sleep(0.5)
        else:
            raise RuntimeError("".join(path.read_text() for path in folder.glob("*.log")))
        yield
    finally:
        for file in folder.glob("*.pid"):
            os.kill(int(file.read_text()), signal.SIGTERM)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink()


SOON = ["--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1", "--latency-wait", "5"]
PROFILE = ["--workflow-profile", "profiles/slurm", "--configfile", "overlay.yaml", *SOON]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *PROFILE, *arguments]


def _kill_once(run: subprocess.Popen, project: Path, stage: str) -> None:
    """Wait until a stage is at work in the project and kill it, as a node that runs out of memory does."""
    while run.poll() is None:
        for pid in _jobs(project):
            with suppress(OSError):
                if f"lcom.stages.{stage}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    os.kill(pid, signal.SIGKILL)
                    return
        time.sleep(0.1)


@pytest.mark.timeout(1500)
def test_the_profile_alone_on_a_slurm_without_accounts(slurm: None, project: Path) -> None:
    """Jobs get cores, memory and GPUs; one that is killed comes again; one without its GPU fails; one too large is said."""
    targets = ["results/test/prototypes/latents.safetensors", "results/test/reference/000.jsonl"]
    on_paper = os.environ | {"LCOM_DEVICE": "auto"}  # as the node's GPU is
    log = project / "controller.log"
    with log.open("w") as file:
        run = subprocess.Popen(_command("--", *targets), cwd=project, env=on_paper, stdout=file, stderr=file)
        _kill_once(run, project, "train_cdvae")
        code = run.wait()
    said = log.read_text()
    assert code == 0, said
    assert all((project / target).exists() for target in targets)
    threads = {}
    for job in said.split("\nrule ")[1:]:
        found = re.search(r"threads: (\d+)", job)  # which Snakemake prints where there are several
        threads[job.split(":")[0]] = int(found[1]) if found else 1
    assert threads == {"source": 4, "split": 1, "reference": 1, "train_cdvae": 4, "encode": 1}
    assert sorted(re.findall(r"Auto-selected partition '(\w+)'", said)) == ["cpu"] * 3 + ["gpu"] * 3
    assert "mem_mb=8000" in said.split("\nrule train_cdvae")[2], "the second attempt has more memory"
    assert "networks run on the CPU" in (project / "results/test/logs/encode/prototypes.log").read_text()

    again = ["--forcerun", "encode", "--retries", "0", "--", targets[0]]
    strict = subprocess.run(_command(*again), cwd=project, capture_output=True, text=True, check=False)
    assert strict.returncode == 1 and "no CUDA device was found" in strict.stdout + strict.stderr

    large = ["--forcerun", "encode", "--set-resources", "encode:runtime=100000", "--", targets[0]]
    refused = subprocess.run(_command(*large), cwd=project, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "No partition lets a job of encode start, which asks for runtime=100000" in refused.stdout + refused.stderr
