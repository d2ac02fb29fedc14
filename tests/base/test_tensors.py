"""A file of tensors comes back as it was, or not at all."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lcom.base.provenance import provenance
from lcom.base.tensors import load_tensors, save_tensors

TENSORS = {
    "scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 3),
    "half": torch.arange(3, dtype=torch.bfloat16),
    "ids": torch.arange(6).reshape(2, 3).T,  # not contiguous
}


def test_there_and_back(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", TENSORS, {"ids": ["é", "b"]})
    tensors, meta = load_tensors(tmp_path / "a")
    assert meta.pop("made_by") == provenance() and meta == {"ids": ["é", "b"]} and tensors.keys() == TENSORS.keys()
    assert all(
        torch.equal(tensors[name], TENSORS[name]) and tensors[name].dtype == TENSORS[name].dtype for name in TENSORS
    )


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    for k in range(8):
        save_tensors(tmp_path / f"{k}", TENSORS, {"x": 1, "y": 2})
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_no_flipped_bit_and_no_torn_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save_tensors(path, TENSORS, {"x": 1})
    good = path.read_bytes()
    for bit in range(0, 8 * len(good), 5):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(bad))
        with pytest.raises(ValueError, match=rf"{path} is damaged"):
            load_tensors(path)
    for end in (0, 4, 100, len(good) - 1):
        path.write_bytes(good[:end])
        with pytest.raises(ValueError, match=rf"{path} is damaged"):
            load_tensors(path)


def test_another_ones_file_and_none_at_all(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "a")
    with pytest.raises(ValueError, match="not written by lcom"):
        load_tensors(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        load_tensors(tmp_path / "b")
