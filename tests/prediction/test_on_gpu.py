"""A prediction on a GPU is that on the CPU: on a pretended one, as most machines have none. tests/nets/test_gpu.py needs a real one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import lcom.prediction.search
from lcom import predict
from tests.pretended_gpu import OnGpu, PretendedGpu


def test_a_prediction_is_the_same(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = predict("NaBr", networks=run, starts=4, search=0)
    monkeypatch.setattr(lcom.prediction.search, "prepare_device", lambda name, repeats: "cuda")
    with PretendedGpu():
        there = predict("NaBr", networks=run, starts=4, search=0)  # a search has a thread of its own
    assert len(there) == len(here) > 1
    for one, other in zip(here, there, strict=True):
        assert (one.energy, one.space_group, one.view) == (other.energy, other.space_group, other.view)


def test_the_pretended_gpu_refuses_what_a_gpu_refuses() -> None:
    here = torch.arange(3)
    with PretendedGpu():
        there = here.to("cuda")
        assert (
            isinstance(there + 1, OnGpu) and there.device.type == "cuda" and there.cpu().numpy().tolist() == [0, 1, 2]
        )
        assert there[here].tolist() == [0, 1, 2]
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        for mixed in (lambda: here + there, lambda: here[there], lambda: torch.cat([here, there])):
            with pytest.raises(RuntimeError, match="same device"):
                mixed()
