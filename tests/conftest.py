"""One thread a test process: the machines are small and the tensors smaller."""

from collections.abc import Iterator

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _normal_floats() -> Iterator[None]:
    """Stages and CHGNet flush denormal numbers, for the whole process: hypothesis refuses to draw floats after that."""
    yield
    torch.set_flush_denormal(False)
