"""Tensors and what is to be said of them in one safetensors file, with a checksum: a flipped bit would be read like any other."""

from __future__ import annotations

import hashlib
import json
import os
import re

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lcom.base.files import whole
from lcom.base.provenance import provenance


def save_tensors(path: str | os.PathLike, tensors: dict[str, Tensor], meta: dict) -> None:
    """Tensors and JSON metadata as one safetensors file; "made_by" in it says what they were made with."""
    meta = meta | {"made_by": provenance()}
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    text = json.dumps({"meta": meta, "sha256": _digest(tensors, meta)}, sort_keys=True)
    with whole(path) as temporary:
        try:
            save_file(tensors, temporary, {"json": text})  # one key: of several, safetensors keeps no order
        except SafetensorError as error:
            if found := re.search(r"os error (\d+)", str(error)):  # a full disk
                raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
            raise


def load_tensors(path: str | os.PathLike) -> tuple[dict[str, Tensor], dict]:
    """The tensors and metadata of a file written by ``save_tensors``; ValueError if it is not one, or not as it was."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            said = json.loads((file.metadata() or {})["json"])
            if said["sha256"] != _digest(tensors, said["meta"]):
                raise ValueError("its checksum is wrong")
            return tensors, said["meta"]
    except FileNotFoundError:
        raise
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged or was not written by lcom ({error}): delete it and run again") from error


def _digest(tensors: dict[str, Tensor], meta: dict) -> str:
    """sha256 of the metadata and of every tensor with its name, type and shape."""
    digest = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
