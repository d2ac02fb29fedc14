"""Settings: what a key accepts, what it says otherwise, and what people and editors are shown of it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from lcom.base.describe import reference, scalar, schema, yaml_text
from lcom.base.settings import Key, Settings, SettingsError, as_dict, parse_settings


@dataclass(frozen=True)
class Inner(Settings):
    low: Annotated[float, Key("the lower end", above=0, maximum=1)] = 0.5
    high: Annotated[float, Key("the upper end", minimum=0, below=10)] = 1.5

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.low > self.high:
            yield "low", f"{self.low} must be at most high ({self.high})"


@dataclass(frozen=True)
class Place(Settings):
    where: Annotated[str, Key("a path", pattern="[a-z/]+", allowed="small letters and /")]
    count: Annotated[int, Key("how many", minimum=1)] = 1


@dataclass(frozen=True)
class Outer(Settings):
    kind: Annotated[Literal["a", "b", "32"], Key("which")] = "a"
    flag: Annotated[bool, Key("whether")] = True
    name: Annotated[str, Key("of it")] = "x"
    sizes: Annotated[list[Annotated[int, Key(minimum=0)]], Key("of all", filled=True)] = field(
        default_factory=lambda: [1, 2]
    )
    shares: Annotated[dict[str, Annotated[float, Key(below=1)]], Key("by name")] = field(default_factory=dict)
    inner: Annotated[Inner, Key("within")] = Inner()
    places: Annotated[
        dict[str, Place], Key("by name", rest=True, entries={"home": "where it is"}, example="work: {where: a/b}")
    ] = field(default_factory=lambda: {"home": Place("a", 2)})


def lines(values: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(Outer, values, "s")
    return caught.value.lines


def test_json_and_dicts_give_the_same_settings_and_back() -> None:
    values = {"kind": "b", "sizes": [3], "shares": {"x": 0.25}, "inner": {"high": 2.0}, "work": {"where": "a/b"}}
    settings = parse_settings(Outer, values, "s")
    assert settings == parse_settings(Outer, json.dumps(values), "s")
    assert settings.places == {"work": Place("a/b")} and settings.inner == Inner(high=2.0)
    assert parse_settings(Outer, as_dict(settings), "s") == settings
    assert as_dict(settings)["work"] == {"where": "a/b", "count": 1}
    assert parse_settings(Outer, {}) == Outer()


def test_a_whole_number_where_decimals_may_be_is_the_same_number() -> None:
    texts = {
        json.dumps(as_dict(parse_settings(Inner, {"low": low, "high": high}))) for low in (1, 1.0) for high in (2, 2.0)
    }
    assert texts == {'{"low": 1.0, "high": 2.0}'}
    assert json.dumps(as_dict(Inner(low=1, high=2))) in texts  # in code, too


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"sizs": [1]}, "s.sizs: [1] is a list, but a section of keys is needed"),  # as the name of a place
        ({"inner": {"lwo": 1.0}}, "s.inner: unknown key lwo (did you mean low?); allowed: high, low"),
        ({"inner": {7: 1.0}}, "s.inner: unknown key 7; allowed: high, low"),
        ({"work": {"count": 2}}, "s.work: missing key where"),
        ({"inner": None}, "s.inner: null is empty, but a section of keys is needed"),
        ({"inner": [1]}, "s.inner: [1] is a list, but a section of keys is needed"),
        (
            {"inner": {"low": "1e-3"}},
            's.inner.low: "1e-3" is text, but a number is needed (write 1.0e-3: YAML reads 1e-3 as text)',
        ),
        ({"inner": {"low": "0.1"}}, "(write 0.1 without quotes, in a file given by --configfile)"),
        ({"inner": {"low": "1e999"}}, 's.inner.low: "1e999" is text, but a number is needed'),
        ({"inner": {"low": True}}, "s.inner.low: true is true or false, but a number is needed"),
        ({"inner": {"low": float("nan")}}, "s.inner.low: NaN is no finite number"),
        ({"inner": {"high": float("inf")}}, "s.inner.high: Infinity is no finite number"),
        ({"inner": {"high": 10**400}}, "s.inner.high: Infinity is no finite number"),
        ({"inner": {"low": 0}}, "s.inner.low: 0.0 must be more than 0"),
        ({"inner": {"low": 1.5}}, "s.inner.low: 1.5 must be at most 1"),
        ({"inner": {"high": -1}}, "s.inner.high: -1.0 must be at least 0"),
        ({"inner": {"high": 10.0}}, "s.inner.high: 10.0 must be less than 10"),
        ({"inner": {"low": 1.0, "high": 0.5}}, "s.inner.low: 1.0 must be at most high (0.5)"),
        ({"kind": "c"}, 's.kind: "c" is not one of "a", "b", "32"'),
        ({"kind": 32}, 's.kind: 32 is not one of "a", "b", "32" (write "32" in quotes)'),
        ({"kind": ["a"]}, 's.kind: ["a"] is not one of'),
        ({"flag": 1}, "s.flag: 1 is a whole number, but true or false is needed"),
        ({"name": False}, "s.name: false is true or false, but text is needed: put it in quotes (YAML takes NO"),
        ({"name": datetime.date(2024, 1, 2)}, "s.name: 2024-01-02 is a date, but text is needed: put it in quotes"),
        ({"name": {"a"}}, "s.name: {'a'} is a set, but text is needed"),
        ({"sizes": 3}, "s.sizes: 3 is a whole number, but a list is needed"),
        ({"sizes": []}, "s.sizes: the list is empty, but at least one entry is needed"),
        ({"sizes": [4, 4]}, "s.sizes: 4 is there twice"),
        ({"sizes": [[4], 4]}, "s.sizes.0: [4] is a list, but a whole number is needed"),
        ({"sizes": [4, 2.0]}, "s.sizes.1: 2.0 is a number, but a whole number is needed (write 2)"),
        ({"sizes": [-1]}, "s.sizes.0: -1 must be at least 0"),
        ({"shares": {"x": 1}}, "s.shares.x: 1.0 must be less than 1"),
        ({"shares": {1: 0.5}}, "s.shares: the name 1 is a whole number, but text is needed: put it in quotes"),
        ({"home": {"where": "A"}}, 's.home.where: "A" must be small letters and /'),
        ({"name": ["x" * 500]}, "... is a list"),
        ([1], "s: [1] is a list, but a section of keys is needed"),
    ],
)
def test_each_problem_names_the_key_and_what_is_allowed(values: Any, line: str) -> None:
    (only,) = lines(values)
    assert line in only


def test_all_problems_are_told_at_once() -> None:
    found = lines({"kind": "c", "sizes": ["x", -1], "inner": {"low": 2.0, "lwo": 1}, "home": {"count": 0}})
    keys = ["s.home.count", "s.home", "s.kind", "s.sizes.0", "s.sizes.1", "s.inner", "s.inner.low"]
    assert [line.split(": ")[0] for line in found] == keys
    with pytest.raises(SettingsError, match=r"^config: s.kind: .*; s.inner: "):
        parse_settings(Outer, {"kind": "c", "inner": {"lwo": 1}}, "s")


def test_settings_made_in_code_are_checked_the_same() -> None:
    with pytest.raises(SettingsError, match="low: 1.0 must be at most high"):
        Inner(1.0, 0.5)
    with pytest.raises(SettingsError, match='^config: inner.low: "x" is text'):
        Outer(inner={"low": "x"})
    with pytest.raises(SettingsError, match="^config: home.count: 0 must be at least 1"):
        Outer(places={"home": {"where": "a", "count": 0}})


def test_a_value_that_holds_itself_is_refused() -> None:
    circle = yaml.safe_load("&x [*x]")
    assert "is a list, but a whole number is needed" in lines({"sizes": circle})[0]


TEXT = st.text("ab/.-1e ", max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.integers(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["kind", "flag", "name", "sizes", "shares", "inner", "home", "other", "low"])


@example({"home": None})
@given(st.dictionaries(KEYS, JSON | st.dictionaries(st.sampled_from(["low", "high", "where", "count"]), JSON)))
def test_whatever_is_in_a_config_is_taken_or_refused_with_a_reason(values: dict) -> None:
    try:
        settings = parse_settings(Outer, values, "s")
    except SettingsError as error:
        assert error.lines and all(error.lines)
        return
    text = json.dumps(as_dict(settings), allow_nan=False)
    assert parse_settings(Outer, text, "s") == settings


def test_the_yaml_file_has_every_key_its_meaning_and_is_read_as_the_same_settings() -> None:
    text = yaml_text(Outer())
    assert parse_settings(Outer, yaml.safe_load(text)) == Outer()
    assert "kind: a # which\n" in text and "  low: 0.5 # the lower end\n" in text
    assert "home: # where it is\n  where: a # a path\n  count: 2 # how many\n# work: {where: a/b}\n" in text


WORDS = st.text("aZ0 _-.,:;#'\"{}[]&*!|>%@`~?eE+Å²")


@given(st.floats(allow_nan=False, allow_infinity=False) | WORDS | st.lists(WORDS))
def test_yaml_reads_a_value_as_it_was(value: Any) -> None:
    text = scalar(value)
    read = yaml.safe_load(text)
    assert "\n" not in text and read == value and type(read) is type(value)


def test_the_schema_says_types_limits_and_defaults() -> None:
    found = yaml.safe_load(schema(Outer()))
    low = {"description": "the lower end", "type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.5}
    assert found["properties"]["inner"]["properties"]["low"] == low
    assert found["properties"]["kind"] == {"description": "which", "enum": ["a", "b", "32"], "default": "a"}
    assert found["properties"]["sizes"]["items"] == {"type": "integer", "minimum": 0}
    assert found["additionalProperties"]["properties"]["where"]["pattern"] == "^([a-z/]+)$"
    assert found["properties"]["inner"]["additionalProperties"] is False


def test_the_reference_has_a_row_for_every_key() -> None:
    text = reference(Outer())
    assert "| `low` | `0.5` | a number, > 0, ≤ 1 | the lower end |" in text
    assert "| `where` | needed | small letters and / | a path |" in text
    assert "| `sizes` | `[1, 2]` | a filled list of: a whole number, ≥ 0 | of all |" in text
