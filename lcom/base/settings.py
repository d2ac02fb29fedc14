"""Settings from the config: one frozen dataclass a stage, checked once where they enter."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any, TypeVar

T = TypeVar("T")


def parse_settings(cls: type[T], values: str | dict[str, Any], section: str) -> T:
    """JSON text or a dict -> the dataclass cls, nested ones too. ValueError names the key, its section and what is allowed."""
    if isinstance(values, str):
        values = json.loads(values)
    types = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]
    result = {}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"config: unknown key '{section}.{key}'; allowed: {', '.join(known)}")
        kind = types[key]
        if dataclasses.is_dataclass(kind):
            value = parse_settings(kind, value, f"{section}.{key}")
        elif kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif isinstance(kind, type) and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            hint = "; YAML reads 1e-3 as text, write 1.0e-3" if isinstance(value, str) and kind is float else ""
            raise ValueError(f"config: '{section}.{key}' must be of type {kind.__name__}, got {value!r}{hint}")
        result[key] = value
    return cls(**result)
