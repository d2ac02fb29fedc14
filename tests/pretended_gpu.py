"""A GPU that is none: tensors on the CPU that refuse what tensors on a GPU refuse, for the many machines that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


class OnGpu(Tensor):
    """What was moved there, and what was made of it."""


class PretendedGpu(TorchFunctionMode):
    """Within it "cuda" is a device, in this thread."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.device, torch._C._nn._parse_to):  # they read a name, and make no tensor
            return func(*args, **kwargs)
        if func is torch._has_compatible_shallow_copy_type:
            return False  # a network that is moved is to have new parameters, not changed ones
        with torch._C.DisableTorchFunctionSubclass():
            asked = [torch.device(value) for value in (*args, *kwargs.values()) if _is_device(value)]
            if asked or func is Tensor.cpu:
                out = func(*map(_on_cpu, args), **{key: _on_cpu(value) for key, value in kwargs.items()})
                return _placed(out, any(device.type == "cuda" for device in asked))
            there = any(isinstance(value, OnGpu) for value in tree_leaves((args, kwargs)))
            if there and func == Tensor.device.__get__:
                return GPU
            if there:
                _refuse(func.__name__, args, kwargs)
            return _placed(func(*args, **kwargs), there)


def _is_device(value: Any) -> bool:
    return isinstance(value, torch.device) or (isinstance(value, str) and value in ("cpu", "cuda"))


def _on_cpu(value: Any) -> Any:
    return CPU if _is_device(value) else value


def _placed(out: Any, there: bool) -> Any:
    return tree_map_only(Tensor, lambda tensor: tensor.as_subclass(OnGpu if there else Tensor), out)


def _refuse(name: str, args: tuple, kwargs: dict) -> None:
    """Numbers for numpy, and operations with a tensor of the CPU. An index may be there, and so may a single number."""
    if name == "to":  # the type of another tensor, and its place
        return
    if name in ("numpy", "__array__"):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
    if name == "__setitem__" or (name == "__getitem__" and isinstance(args[0], OnGpu)):
        args = args[::2]
    values = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor) and value.dim()]
    if len({isinstance(value, OnGpu) for value in values}) == 2:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {name} found two, cuda:0 and cpu")
