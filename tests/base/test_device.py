"""How torch is set up: products stay exact to float32, whatever library does them."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from lcom.base.device import clock, prepare_device


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    before = torch.backends.mkldnn.matmul.fp32_precision
    yield
    torch.backends.mkldnn.matmul.fp32_precision = before


def test_products_are_exact_to_float32() -> None:
    assert prepare_device("auto") in ("cpu", "cuda")
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(300, 257, generator=generator), torch.randn(257, 200, generator=generator)
    exact = a.double() @ b.double()
    torch.testing.assert_close((a @ b).double(), exact, rtol=0, atol=2e-4)  # bfloat16 is off by 0.3
    stack = torch.randn(8, 64, 257, generator=generator)
    torch.testing.assert_close((stack @ b).double(), stack.double() @ b.double(), rtol=0, atol=2e-4)


def test_a_processor_that_rounds_keeps_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "equal", lambda *_: False)
    prepare_device("cpu")
    assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"


def test_batches_of_ever_other_sizes_are_left_to_mkl() -> None:
    """Also after a training in the same process."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    prepare_device("cpu", repeats=False)
    assert torch.backends.mkldnn.matmul.fp32_precision == "none"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page faults are counted on Linux")
def test_memory_is_kept_for_the_next_tensor() -> None:
    code = (
        "import resource, torch; from lcom.base.device import clock, prepare_device; prepare_device('cpu')\n"
        "def faults():\n    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(50):\n        many = [torch.ones(1 << 20) for _ in range(8)]\n        del many\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "faults(); print(faults())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(out) < 8192  # 32 MiB are 8 192 pages, and were faulted in fifty times


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named() -> None:
    with pytest.raises(ValueError, match="--device cpu.*gpu=0"):  # of `lcom predict`, and of the workflow
        prepare_device("cuda")


@pytest.mark.parametrize("name", ["tpu", "cuda:1", "CPU", ""])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"device: auto, cpu or cuda, got '{name}'"):
        prepare_device(name)


def test_the_clock_waits_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    assert clock("cpu") <= clock(torch.device("cpu")) and not waited
    clock("cuda")
    assert waited == ["cuda"]


def test_on_a_gpu_lightning_may_ask_how_precise_products_are() -> None:
    """It does so before every training there, and torch raises once a backend was set by a switch of its own."""
    code = (
        "import torch; torch.cuda.is_available = lambda: True; torch.cuda.get_device_name = lambda: 'a GPU'\n"
        "from lcom.base.device import prepare_device\n"
        "assert prepare_device('auto') == 'cuda'; print(torch.get_float32_matmul_precision())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "highest\n", done.stderr
