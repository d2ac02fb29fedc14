"""Settings: frozen dataclasses in which each key says what it means and what it may be, once.

    @dataclass(frozen=True)
    class DescentSettings(Settings):
        steps: Annotated[int, Key("steps of the descent", minimum=1)] = 100

The config, config.yaml, config/schema.yaml and docs/config.md are made of these classes (lcom.config). Whoever makes one, from
JSON or in code, gets finite values of the declared types, whole numbers made floats where a float is declared, or a
SettingsError that names every wrong key and what is allowed. Types: bool, int, float, str, Literal of texts, another
Settings, list[...] of different values, dict[str, ...]; in a dict of sections, null is a section that is not there.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import typing
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Key:
    """What a key means, with its unit, and which values of its type it takes.

    minimum <= value <= maximum, above < value < below · pattern: a regular expression that the whole text has to match, which
    `allowed` puts in words · filled: a list may not be empty · rest: a dict takes all keys of the section that are no field of it,
    such as the names of data sets · flow: each of its entries on one line · entries: what to say of those that are there by
    default · example: of one more
    """

    text: str = ""
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    below: float | None = None
    pattern: str = ""
    allowed: str = ""
    filled: bool = False
    rest: bool = False
    flow: bool = False
    entries: Mapping[str, str] = field(default_factory=dict, hash=False)
    example: str = ""


class SettingsError(ValueError):
    """All that is wrong with some settings: pairs of a key ("" for the whole section) and what is wrong with it."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = list(problems)
        super().__init__("config: " + "; ".join(self.lines))

    @property
    def lines(self) -> list[str]:
        return [f"{key}: {text}" if key else text for key, text in self.problems]


@dataclass(frozen=True)
class Settings:
    """Base of all settings; see the module."""

    def __post_init__(self) -> None:
        problems: list[tuple[str, str]] = []
        for name, hint in hints(type(self)).items():
            where = "" if unwrap(hint)[1].rest else name
            object.__setattr__(self, name, _typed(hint, getattr(self, name), where, problems))
        if problems := problems or list(self.contradictions()):
            raise SettingsError(problems)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Keys of this section that do not go together: which key to change, and why."""
        yield from ()


def parse_settings(cls: type[T], values: str | Mapping[str, Any], section: str = "") -> T:
    """JSON text or a dict -> settings, sections within sections too. A SettingsError has the names of the keys from `section` on."""
    problems: list[tuple[str, str]] = []
    settings = _section(cls, json.loads(values) if isinstance(values, str) else values, section, problems)
    if problems:
        raise SettingsError(problems)
    return settings


def as_dict(settings: Settings) -> dict[str, Any]:
    """The inverse of `parse_settings`: plain dicts, lists, texts and numbers, every key with its value; null takes out a section."""
    result: dict[str, Any] = {}
    for key in dataclasses.fields(settings):
        value = _plain(getattr(settings, key.name))
        if not unwrap(hints(type(settings))[key.name])[1].rest:
            result[key.name] = value
        elif value or key.default_factory is dataclasses.MISSING:
            result |= value
        else:  # without a word the sections that are there by default would come back
            result |= dict.fromkeys(key.default_factory())
    return result


@cache
def hints(cls: type[Any]) -> dict[str, Any]:
    """Name -> annotated type of each key of a section."""
    types = typing.get_type_hints(cls, include_extras=True)
    return {key.name: types[key.name] for key in dataclasses.fields(cls)}


def unwrap(hint: Any) -> tuple[Any, Key]:
    """The type and the Key of an annotation."""
    if typing.get_origin(hint) is typing.Annotated:
        return hint.__origin__, hint.__metadata__[0]
    return hint, Key()


def join(*parts: str) -> str:
    """Parts of a key's name -> a.b.c; empty ones left out."""
    return ".".join(part for part in parts if part)


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return as_dict(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


# Each of these returns the value as declared, or adds to the problems; what it then returns has no meaning.


def _section(cls: type[Any], values: Any, where: str, problems: list) -> Any:
    if not isinstance(values, Mapping):
        problems.append((where, f"{show(values)} is {_kind(values)}, but a section of keys is needed"))
        return None
    before, given, types = len(problems), {}, hints(cls)
    rest = next((name for name, hint in types.items() if unwrap(hint)[1].rest), None)
    known = [name for name in types if name != rest]
    others = {name: value for name, value in values.items() if name not in known}
    if others and rest is not None:
        given[rest] = _typed(types[rest], others, where, problems)
    elif others:
        problems.append((where, _unknown(others, known)))
    for name in known:
        if name in values:
            given[name] = _typed(types[name], values[name], join(where, name), problems)
    needed = {f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING}
    if missing := [name for name in known if name in needed and name not in values]:
        problems.append((where, f"missing key {', '.join(missing)}"))
    if len(problems) > before:
        return None
    try:
        return cls(**given)
    except SettingsError as error:
        problems += [(join(where, key), text) for key, text in error.problems]


def _typed(hint: Any, value: Any, where: str, problems: list) -> Any:
    kind, key = unwrap(hint)
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return value if isinstance(value, kind) else _section(kind, value, where, problems)
    if origin is list:
        return _list(kind, key, value, where, problems)
    if origin is dict:
        return _dict(kind, value, where, problems)
    if origin is Literal:
        choices = typing.get_args(kind)
        if not isinstance(value, str) or value not in choices:
            quoted = f' (write "{value}" in quotes)' if str(value) in choices else ""
            problems.append((where, f"{show(value)} is not one of {', '.join(map(show, choices))}{quoted}"))
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        problems.append(
            (
                where,
                f"{show(value)} is {_kind(value)}, but {NAMES.get(kind, kind.__name__)} is needed{_hint(value, kind)}",
            )
        )
    elif problem := _limit(value, key):
        problems.append((where, f"{show(value)} {problem}"))
    return value


def _list(kind: Any, key: Key, value: Any, where: str, problems: list) -> Any:
    if not isinstance(value, list | tuple):
        problems.append((where, f"{show(value)} is {_kind(value)}, but a list is needed"))
        return None
    before, (entry,) = len(problems), typing.get_args(kind)
    typed = [_typed(entry, item, join(where, str(i)), problems) for i, item in enumerate(value)]
    if len(problems) == before and (twice := [item for item, count in Counter(typed).items() if count > 1]):
        problems.append((where, f"{show(twice[0])} is there twice"))
    if key.filled and not value:
        problems.append((where, "the list is empty, but at least one entry is needed"))
    return typed


def _dict(kind: Any, value: Any, where: str, problems: list) -> Any:
    if not isinstance(value, Mapping):
        problems.append((where, f"{show(value)} is {_kind(value)}, but a section of keys is needed"))
        return None
    entry = typing.get_args(kind)[1]
    for name in value:
        if not isinstance(name, str):
            problems.append((where, f"the name {show(name)} is {_kind(name)}, but text is needed: put it in quotes"))
    section = dataclasses.is_dataclass(unwrap(entry)[0])
    return {
        name: _typed(entry, item, join(where, name), problems)
        for name, item in value.items()
        if isinstance(name, str) and not (section and item is None)  # null takes out a section that is there by default
    }


# --- messages --------------------------------------------------------------------------------------------------------

NAMES: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _limit(value: Any, key: Key) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "is no finite number"
    if key.minimum is not None and value < key.minimum:
        return f"must be at least {key.minimum}"
    if key.above is not None and value <= key.above:
        return f"must be more than {key.above}"
    if key.maximum is not None and value > key.maximum:
        return f"must be at most {key.maximum}"
    if key.below is not None and value >= key.below:
        return f"must be less than {key.below}"
    if key.pattern and not re.fullmatch(key.pattern, value):
        return f"must be {key.allowed}"
    return ""


def _unknown(others: Mapping, known: list[str]) -> str:
    guesses = {name: difflib.get_close_matches(str(name), known, 1) for name in others}
    named = [f"{name} (did you mean {guess[0]}?)" if guess else str(name) for name, guess in guesses.items()]
    return f"unknown key {', '.join(named)}; allowed: {', '.join(sorted(known))}"


def show(value: Any) -> str:
    """A value as JSON, as far as it can be, and not too much of it."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _kind(value: Any) -> str:
    named = {**NAMES, list: "a list", tuple: "a list", dict: "a section of keys"}
    if value is None:
        return "empty"
    return next((text for kind, text in named.items() if isinstance(value, kind)), f"a {type(value).__name__}")


def _hint(value: Any, kind: type) -> str:
    """What YAML did: 1e-3 (no dot) is text to it, as are all values below the first level of `--config`; NO is false."""
    if kind is str and not isinstance(value, list | tuple | Mapping) and value is not None:
        word = " (YAML takes NO, on, yes and the like for true or false)" if isinstance(value, bool) else ""
        return f": put it in quotes{word}"
    if kind is int and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f" (write {int(value)})"
    if kind not in (int, float) or not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    mantissa, mark, exponent = value.strip().lower().partition("e")
    if mark and "." not in mantissa:
        return f" (write {mantissa}.0e{exponent}: YAML reads {value} as text)"
    return f" (write {number:g} without quotes, in a file given by --configfile)"
