"""What a plan costs grows with the compounds, and not with their square."""

from __future__ import annotations

from pathlib import Path

from benchmarks.planning import plan, project
from lcom.base.parts import part_size, parts, parts_of, relaxations_size


def test_a_thousand_compounds_are_planned_in_seconds(tmp_path: Path) -> None:
    seconds, gigabytes, jobs = plan(project(tmp_path, 1000, dft_pso=False))
    assert 2000 < jobs < 4000
    assert seconds < 60, "it takes 15 s"  # of CPU; machines differ, and one by one they were ten minutes
    assert gigabytes < 1


def test_parts_use_the_cores_and_stay_few() -> None:
    assert [part_size(0, n) for n in (1, 26, 1280, 1281, 10_000)] == [8, 8, 8, 16, 64]
    assert part_size(5, 10_000) == 5 and relaxations_size(5) == 1 and relaxations_size(64) == 8
    names = [f"C{k}" for k in range(20)]
    made = parts(names, 8)
    assert list(made) == ["000", "001", "002"] and [name for part in made.values() for name in part] == names
    assert parts_of(names, 8, ["C9", "C19"]) == ["001", "002"] and parts([], 8) == {}
    longer = parts([*names, "more"], 8)
    assert [name for name in longer if longer[name] != made[name]] == ["002"]
