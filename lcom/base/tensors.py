"""Tensors and what is to be said of them in one safetensors file."""

from __future__ import annotations

import json
import os

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lcom.base.files import whole


def save_tensors(path: str | os.PathLike, tensors: dict[str, Tensor], meta: dict) -> None:
    """Tensors and JSON metadata as one safetensors file."""
    with whole(path) as temporary:
        save_file(
            {k: v.detach().cpu().contiguous() for k, v in tensors.items()},
            temporary,
            {"json": json.dumps(meta, sort_keys=True)},
        )


def load_tensors(path: str | os.PathLike) -> tuple[dict[str, Tensor], dict]:
    """The tensors and metadata of a file written by ``save_tensors``; ValueError if it is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            meta = json.loads((file.metadata() or {})["json"])
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged or was not written by lcom ({error}): delete it and run again") from error
    return tensors, meta
