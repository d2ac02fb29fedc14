"""One thread a test process: the machines are small and the tensors smaller. Every test draws the same random tensors each time."""

from collections.abc import Iterator

import pytest
import torch

import lcom.dft.gpaw as dft
import lcom.dft.relax as relaxation
from tests.emt import EmtInstead

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _normal_floats() -> Iterator[None]:
    """Stages and CHGNet flush denormal numbers, for the whole process: hypothesis refuses to draw floats after that."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def emt(monkeypatch: pytest.MonkeyPatch) -> type[EmtInstead]:
    """EMT in place of GPAW, with a count of its own."""
    stand_in = type("Emt", (EmtInstead,), {})
    monkeypatch.setattr(dft, "Gpaw", stand_in)
    monkeypatch.setattr(relaxation, "Gpaw", stand_in)
    return stand_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of the slowest tests first (pytest-xdist hands files out in order): the last ones would keep one core waiting for another."""
    first = ("test_end_to_end", "test_slurm", "test_conda", "test_sources", "test_kills")
    items.sort(key=lambda item: (item.path.stem not in first, item.path.parent.name not in ("workflow", "faults")))
