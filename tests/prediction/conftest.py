"""One run of tiny networks for all tests of predictions."""

from pathlib import Path

import pytest

from tests.prediction.tiny_run import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))
