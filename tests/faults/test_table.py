"""Every fault of the table has tests that are there."""

from __future__ import annotations

import ast

from tests.faults.table import FAULTS, ROOT, markdown, selected


def _tests(file: str) -> list[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return [
        f"tests/{file}::{node.name}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"
    ]


def test_each_fault_has_its_tests() -> None:
    assert len(FAULTS) >= 25
    for fault in FAULTS:
        for test in fault.tests.split():
            nodes = _tests(test.split("::")[0])
            assert any(node.startswith(f"tests/{test}") for node in nodes), f"{fault.what}: there is no {test}"


def test_the_table_counts_what_came_of_each() -> None:
    nodes = [node for test in FAULTS[0].tests.split() for node in _tests(test.split("::")[0])]
    mine = selected(FAULTS[0], nodes)
    assert mine and len(mine) < len(nodes)
    rows = markdown([(node, "failed", 2.0) for node in mine]).splitlines()
    assert rows[2].endswith(f"| {len(mine)} failed | {2 * len(mine)} |") and "not run" in rows[3]
    assert len(rows) == 2 + len(FAULTS)
