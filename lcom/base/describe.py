"""Settings -> what people and editors read: a commented YAML file, a JSON schema, a reference in Markdown."""

from __future__ import annotations

import dataclasses
import textwrap
import typing
from typing import Any, Literal

import yaml

from lcom.base.settings import NAMES, Key, Settings, hints, join, unwrap

WIDTH = 130  # of a line of the YAML file; a longer comment goes above its key
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
LIMITS = {"minimum": "minimum", "above": "exclusiveMinimum", "maximum": "maximum", "below": "exclusiveMaximum"}
MADE = "`python -m lcom.config --write` makes this file of the settings in lcom/"


def keys_of(settings: Settings) -> list[tuple[str, Any, Any]]:
    """Name, annotated type and value of each key of a section: first plain keys, then sections, then named entries."""
    found = [(name, hint, getattr(settings, name)) for name, hint in hints(type(settings)).items()]
    return sorted(found, key=lambda key: (unwrap(key[1])[1].rest, isinstance(key[2], Settings)))


# --- config.yaml -----------------------------------------------------------------------------------------------------


def yaml_text(settings: Settings) -> str:
    """Every key with its value and what it means."""
    head = [
        "# yaml-language-server: $schema=config/schema.yaml",
        "# The default run: the 26 compounds of the paper, three seeds. docs/config.md has all keys with their limits.",
        "# Don't edit for a variant: write the keys that differ into a file of your own and add `--configfile mine.yaml`.",
        f"# {MADE}.",
        "",
    ]
    lines = []
    for name, hint, value in keys_of(settings):
        lines += (
            ["", *_yaml_key(name, hint, value, 0)] if isinstance(value, Settings) else _yaml_key(name, hint, value, 0)
        )
    return "\n".join([*head, *lines, ""])


def _yaml_key(name: str, hint: Any, value: Any, depth: int) -> list[str]:
    key = unwrap(hint)[1]
    if key.rest:
        entry_lines = _yaml_line if key.flow else _yaml_entry
        entries = [entry_lines(entry, key.entries[entry], source, depth) for entry, source in value.items()]
        return [*sum(entries, []), *([f"{'  ' * depth}# {key.example}"] if key.example else [])]
    if isinstance(value, Settings):
        inner = [line for k in keys_of(value) for line in _yaml_key(*k, depth + 1)]
        return [*_commented(f"{name}:", key.text, depth), *inner]
    return _commented(f"{name}: {scalar(value)}", key.text, depth)


def _yaml_entry(name: str, text: str, settings: Settings, depth: int) -> list[str]:
    """An entry whose name the user chose: only what differs from the default, which says that a key is not there."""
    inner = [
        _commented(f"{key}: {scalar(value)}", unwrap(hint)[1].text, depth + 1) for key, hint, value in _given(settings)
    ]
    return [*_commented(f"{name}:", text, depth), *sum(inner, [])]


def _yaml_line(name: str, text: str, settings: Settings, depth: int) -> list[str]:
    """The same on one line."""
    given = {key: value for key, _, value in _given(settings)}
    return _commented(f"{name}: {scalar(given)}", text, depth)


def _given(settings: Settings) -> list[tuple[str, Any, Any]]:
    return [(key, hint, value) for key, hint, value in keys_of(settings) if value != _default(type(settings), key)]


def _commented(line: str, comment: str, depth: int) -> list[str]:
    indent = "  " * depth
    if len(indent + line) + len(comment) + 3 <= WIDTH:
        return [f"{indent}{line} # {comment}"]
    above = textwrap.wrap(comment, WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
    return [*(f"{indent}# {part}" for part in above), f"{indent}{line}"]


def scalar(value: Any) -> str:
    """A value as YAML on one line, which YAML reads as that value again: 1.0e-05, not 1e-05."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False).strip()
    return text.removesuffix("\n...")


def _default(cls: type[Any], name: str) -> Any:
    field = next(field for field in dataclasses.fields(cls) if field.name == name)
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


# --- config/schema.yaml ----------------------------------------------------------------------------------------------


def schema(settings: Settings) -> str:
    """A JSON schema, which an editor completes and checks by. Nothing is required: an overlay has some keys only."""
    head = f"# For editors: what a config may hold. {MADE}.\n"
    top = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | _schema(type(settings), Key(), settings)
    return head + yaml.safe_dump(top, sort_keys=False, allow_unicode=True, width=10_000)


def _schema(hint: Any, outer: Key, value: Any) -> dict:
    kind, key = unwrap(hint)
    text = {"description": key.text or outer.text} if key.text or outer.text else {}
    if dataclasses.is_dataclass(kind):
        rest = next((hint for hint in hints(kind).values() if unwrap(hint)[1].rest), None)
        others = (
            _schema(typing.get_args(unwrap(rest)[0])[1], Key(), None) | {"type": ["object", "null"]} if rest else False
        )
        properties = {}
        for name, inner in hints(kind).items():
            if not unwrap(inner)[1].rest:
                properties[name] = _schema(inner, Key(), getattr(value, name) if value else _default(kind, name))
        return text | {"type": "object", "additionalProperties": others, "properties": properties}
    origin, default = typing.get_origin(kind), {} if value in (None, dataclasses.MISSING) else {"default": value}
    if origin is Literal:
        return text | {"enum": [choice for choice in typing.get_args(kind) if choice]} | default
    if origin is list:
        entries = _schema(typing.get_args(kind)[0], Key(), None)
        filled = {"minItems": 1} if key.filled else {}
        return text | {"type": "array", "items": entries, "uniqueItems": True} | filled | default
    if origin is dict:
        return (
            text | {"type": "object", "additionalProperties": _schema(typing.get_args(kind)[1], Key(), None)} | default
        )
    limits = {name: getattr(key, ours) for ours, name in LIMITS.items() if getattr(key, ours) is not None}
    pattern = {"pattern": f"^({key.pattern})$"} if key.pattern else {}
    return text | {"type": JSON_TYPES[kind]} | limits | pattern | default


# --- docs/config.md --------------------------------------------------------------------------------------------------


def reference(settings: Settings) -> str:
    """One table a section."""
    head = [
        "# Every key of the config",
        "",
        f"{MADE}. Write the keys that you want otherwise",
        "into a file of your own and give it by `--configfile`; what it leaves out is as here. A list may not hold a value twice.",
    ]
    return "\n".join([*head, *_chapter("", settings, 1), ""])


def _chapter(name: str, settings: Settings, level: int) -> list[str]:
    """The plain keys of a section as a table, then a chapter for each of its sections and kinds of entries."""
    keys = keys_of(settings)
    plain = [k for k in keys if not isinstance(k[2], Settings) and not unwrap(k[1])[1].rest]
    lines = ["", *_table(plain)] if plain else []
    for inner, hint, value in keys:
        kind, key = unwrap(hint)
        if key.rest:
            entry = typing.get_args(kind)[1]
            lines += [*_heading(join(name, "NAME"), f"{key.text}:", level + 1), ""]
            lines += [f"- `{known}`: {about}" for known, about in key.entries.items()]
            lines += ["", "and any other name for one of your own.", ""]
            lines += _table([(n, h, _default(entry, n)) for n, h in hints(entry).items()])
        elif isinstance(value, Settings):
            chapter = _chapter(join(name, inner), value, level + 1)
            lines += [*_heading(join(name, inner), f"{key.text}.", level + 1), *chapter]
    return lines


def _heading(name: str, text: str, level: int) -> list[str]:
    return ["", f"{'#' * level} {name}", "", f"{text[0].upper()}{text[1:]}"]


def _table(keys: list[tuple[str, Any, Any]]) -> list[str]:
    rows = []
    for name, hint, value in keys:
        shown = "needed" if value is dataclasses.MISSING else "" if value in ("", []) else f"`{scalar(value)}`"
        rows.append(f"| `{name}` | {shown} | {_allowed(hint)} | {unwrap(hint)[1].text} |")
    return ["| key | default | values | meaning |", "|---|---|---|---|", *rows]


def _allowed(hint: Any) -> str:
    kind, key = unwrap(hint)
    origin = typing.get_origin(kind)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(kind) if choice)
    if origin in (list, dict):
        entry = _allowed(typing.get_args(kind)[-1])
        return f"a {'filled ' if key.filled else ''}list of: {entry}" if origin is list else f"name: {entry}"
    if key.allowed:
        return key.allowed
    signs = {"minimum": "≥", "above": ">", "maximum": "≤", "below": "<"}
    limits = [f"{sign} {getattr(key, name):g}" for name, sign in signs.items() if getattr(key, name) is not None]
    return ", ".join([NAMES[kind], *limits])
