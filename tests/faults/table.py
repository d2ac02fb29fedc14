"""The fault table (faults.csv): what goes wrong, what comes of it, and the tests that show it.

As a plugin of pytest (`make faults`: -p tests.faults.table) it runs those tests alone and writes results/faults.md.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Fault:
    """tests: beginnings of their names, from tests/ on, with blanks between."""

    what: str
    outcome: str
    tests: str


with (Path(__file__).parent / "faults.csv").open(encoding="utf-8", newline="") as _file:
    FAULTS = [Fault(**row) for row in csv.DictReader(_file)]
FOUND: list[tuple[str, str, float]] = []  # test, outcome, seconds


def selected(fault: Fault, nodes: list[str]) -> list[str]:
    """The tests of a fault."""
    return [node for node in nodes if node.startswith(tuple(f"tests/{test}" for test in fault.tests.split()))]


def markdown(found: list[tuple[str, str, float]]) -> str:
    lines = ["| what goes wrong | what comes of it | tests | seconds |", "|---|---|---|---|"]
    for fault in FAULTS:
        mine = set(selected(fault, [node for node, _, _ in found]))
        counts = Counter(outcome for node, outcome, _ in found if node in mine)
        said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "not run"
        seconds = sum(seconds for node, _, seconds in found if node in mine)
        lines.append(f"| {fault.what} | {fault.outcome} | {said} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


# ---- the plugin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    kept = {node for fault in FAULTS for node in selected(fault, [item.nodeid for item in items])}
    items[:] = [item for item in items if item.nodeid in kept]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        FOUND.append((report.nodeid, report.outcome, report.duration))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    out = ROOT / "results/faults.md"
    out.parent.mkdir(exist_ok=True)
    out.write_text(markdown(FOUND), encoding="utf-8")
    terminalreporter.write_line(f"{markdown(FOUND)}\n{len(FAULTS)} kinds: {out}")
