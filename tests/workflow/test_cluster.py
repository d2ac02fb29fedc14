"""What a cluster asks of the rules, without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules import cluster
from rules.cluster import grown, keeps_accounts, limits, never_started

FILE = "partitions:\n  cpu: {max_runtime: 1440, max_mem_mb: 64000, max_cpus_per_task: 32}\n  gpu: {max_runtime: 600, max_gpu: 1}\n"


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch):
    """What Slurm answers."""
    answers: dict[str, str] = {}
    monkeypatch.setattr(cluster, "slurm", lambda *command: answers.get(command[0], ""))
    return answers


def test_memory_and_minutes_grow_with_atoms_and_attempts() -> None:
    assert [grown(1000, attempt) for attempt in (1, 2, 3)] == [1000, 2000, 4000]
    assert grown(1000, 1, 2) == grown(1000, 1, 8) == 1000
    assert grown(1000, 1, 20) == 2500 and grown(1000, 2, 16) == 4000


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ("AccountingStorageType   = accounting_storage/none\nMinJobAge = 300 sec\n", False),
        ("AccountingStorageType   = (null)\n", False),
        ("AccountingStorageType   = accounting_storage/slurmdbd\n", True),
        ("", True),
    ],
)
def test_accounts_that_are_switched_off_are_noticed(says, config: str, kept: bool) -> None:
    says["scontrol"] = config
    assert keeps_accounts() is kept


def test_limits_are_the_smaller_of_the_file_s_and_slurm_s(says, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(FILE)
    says["sinfo"] = "cpu|2-12:30:00|16000+|8\ngpu|1:30:00|1000000|64\nother|infinite|1|1\n"
    found = limits(tmp_path / "p.yaml")
    assert found["cpu"] == {"runtime": 1440, "mem_mb": 16000, "threads": 8, "gpu": 0}
    assert found["gpu"] == {"runtime": 90, "mem_mb": 1000000, "threads": 64, "gpu": 1}
    says["sinfo"] = "cpu|infinite|64000|32\n"
    assert limits(tmp_path / "p.yaml")["cpu"]["runtime"] == 1440
    assert limits(None) == {}


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"runtime": 1440, "mem_mb": 64000, "threads": 32}, True),
        ({"runtime": 1441, "mem_mb": 1000, "threads": 1}, False),
        ({"runtime": 60, "mem_mb": 64001, "threads": 1}, True),  # the other partition has no limit
        ({"runtime": 601, "mem_mb": 1000, "threads": 1, "gpu": 1}, False),
        ({"runtime": 60, "mem_mb": 1000, "threads": 1, "gpu": 2}, False),
        ({"runtime": 60, "mem_mb": 1000, "threads": 1, "gpu": 0, "tmpdir": "/tmp", "last": 0}, True),
    ],
)
def test_a_job_that_no_partition_lets_start_is_named_with_what_it_asks_for(
    says, tmp_path: Path, asked: dict, fits: bool
) -> None:
    (tmp_path / "p.yaml").write_text(FILE)
    said = never_started([("split", {"runtime": 1, "threads": 1}), ("reference", asked)], limits(tmp_path / "p.yaml"))
    assert (said == "") is fits
    if not fits:
        assert "reference" in said and f"runtime={asked['runtime']}" in said and "--set-resources reference:" in said
