"""Formulas as people write them."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcom.elements import SYMBOLS
from lcom.formula import parse_formula, read_formula

TYPED = Path(__file__).parents[2] / "shared" / "cases" / "formulas.txt"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("NaCl", "NaCl"), ("ClNa", "NaCl"), ("Na2Cl2", "NaCl"), ("NaCl ", "NaCl"), ("\tNaCl\n", "NaCl"), ("Na Cl", "NaCl"),
        ("2NaCl", "NaCl"), ("Na1.0Cl1", "NaCl"), ("Ca(OH)2", "CaH2O2"), ("Ca[OH]2", "CaH2O2"), ("CaO2H2", "CaH2O2"),
        ("Al2(SO4)3", "Al2S3O12"), ("Mg3(Si(O2)2)2", "Mg3Si2O8"), ("CaSO4·2H2O", "CaH4SO6"), ("SiO₂", "SiO2"), ("SiO_2", "SiO2"),
        ("D2O", "H2O"), ("LiD", "LiH"), ("HDO", "H2O"), ("CO", "CO"), ("Co", "Co"), ("NO", "NO"), ("O2", "O"), ("Se", "Se"),
        ("SrTiO3", "SrTiO3"), ("TiSrO3", "SrTiO3"), ("nacl", "NaCl"), ("NACL", "NaCl"), ("tio2", "TiO2"), ("naCl", "NaCl"), ("hgs", "HgS"),
        ("ca(oh)2", "CaH2O2"), ("sio2", None), ("co", None), ("caco3", None),
    ],
)  # fmt: skip
def test_what_is_meant(text: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(ValueError, match="can be .* or .*: write it with capitals"):
            read_formula(text)
        return
    formula = read_formula(text)
    assert formula.name == name
    assert read_formula(formula.name).counts == formula.counts == dict(parse_formula(formula.name))
    assert formula.atoms == sum(formula.counts.values())


def test_what_is_guessed_is_said() -> None:
    assert read_formula("nacl").note == "read as NaCl"
    assert read_formula("D2O").note == "deuterium is hydrogen to the networks"
    assert read_formula("ClNa").note == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a formula"),
        ("  ", "is not a formula"),
        ("Fe0.5Ni0.5", r"fractions of atoms.*: FeNi, if"),
        ("Fe0.9Ni0.1", r"Fe9Ni|NiFe9|Ni.*Fe"),
        ("CaSO4·0.5H2O", "fractions of atoms.*: Ca2H2S2O9, if"),
        ("NaCl+", "no charge: write NaCl"),
        ("Fe3+", "no charge$"),
        ("Ca2+O2-", r"'\+' is no part of one$"),
        ("SO4^2-", "no part"),
        ("Na-Cl", "'-' is no part of one: write NaCl"),
        ("Xx", "unknown element 'Xx'"),
        ("Am", "unknown element 'Am'"),
        ("PbTiO3:Nb", "':' is no part of one$"),
        (r"\ce{SiO2}", r"'\\' is no part of one$"),
        ("my.cif", "is not a formula of element symbols"),
        ("NaCl0", "no atom of Cl"),
        ("Ca(OH", "does not close"),
        ("CaOH)2", "does not open"),
        ("()", "no element"),
        ("(2)", "belongs to no element"),
        ("2", "is not a formula"),
        ("Na,Cl", "',' is no part"),
        ("日本", "is no part"),
        ("hello", "is not a formula|unknown element"),
        ("A" * 1000, "longer than"),
    ],
)
def test_what_is_none_is_said_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        read_formula(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("symbol", ["Cf", "No", "Cn", "Nh", "Bk", "Mc", "Og"])
def test_an_element_beyond_the_table_is_no_other_compound(symbol: str) -> None:
    """CF, NO, CN, HN, KB are what its letters would be with other capitals."""
    for text in (symbol, f"{symbol}2O3", f"Ca{symbol}", f"{symbol}cl3"):
        with pytest.raises(ValueError, match=f"unknown element '{symbol}': the known ones are H to Pu"):
            read_formula(text)


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("CuSO4.5H2O", "CuSO4·5H2O"), ("MgCl2.6H2O", "MgCl2·6H2O"), ("NaCl.H2O", "NaCl·H2O"), ("CaSO4.0.5H2O", "CaSO4·0.5H2O"),
        ("nacl.2h2o", "nacl·2h2o"), ("KCl.MgCl2.6H2O", "KCl·MgCl2·6H2O"), ("CaO.SiO2", "CaO·SiO2"), ("NiCl2.6(NH3)", "NiCl2·6(NH3)"),
    ],
)  # fmt: skip
def test_the_full_stop_of_a_hydrate_is_no_decimal_point(text: str, write: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"write {write}, if")):
        read_formula(text)


@pytest.mark.parametrize("text", ["Fe0.5Ni0.5", "Na0.5Cl", "Fe.5Ni.5", "H0.5O", "Mn1.5O4", "LiNi0.5Mn1.5O4", "H2O0.5N"])
def test_a_fraction_is_no_hydrate(text: str) -> None:
    with pytest.raises(ValueError, match="has fractions of atoms"):
        read_formula(text)


@pytest.mark.skipif(not TYPED.is_file(), reason="needs the list of what people type")
def test_whatever_people_type_has_an_answer_or_a_reason() -> None:
    readings = {}
    for line in TYPED.read_text(encoding="utf-8").splitlines():
        try:
            readings[line] = read_formula(line).name
        except ValueError as error:
            readings[line] = str(error)
    assert readings["ClNa"] == readings["Na2Cl2"] == readings["nacl"] == readings["NaCl "] == "NaCl"
    assert readings["Ca(OH)2"] == "CaH2O2" and readings["CO"] != readings["Co"]
    assert "FeNi" in readings["Fe0.5Ni0.5"] and all(readings.values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Na2Cl2", r"not reduced: divide by 2 \(NaCl\)"),
        ("Ca(OH)2", "write CaH2O2"),
        ("nacl", "write NaCl"),
        ("NaCl ", "write NaCl"),
        ("NaClNa", "Na twice: write Na2Cl"),
        ("../NaCl", "is not a formula"),
    ],
)
def test_a_name_of_files_has_one_spelling(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_formula(text)


def test_the_order_of_a_plain_formula_is_kept() -> None:
    assert list(parse_formula("ClNa").items()) == [(17, 1), (11, 1)]


@given(
    st.dictionaries(st.sampled_from(SYMBOLS[1:]), st.integers(1, 40), min_size=1, max_size=5),
    st.integers(1, 5),
    st.randoms(),
)
def test_order_and_multiples_change_nothing(counts: dict[str, int], times: int, random) -> None:
    items = list(counts.items())
    plain = read_formula("".join(f"{symbol}{count}" for symbol, count in items))
    random.shuffle(items)
    assert read_formula("".join(f"{symbol}{count * times}" for symbol, count in items)).counts == plain.counts


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        formula = read_formula(text)
    except ValueError:
        return
    assert formula.counts and all(count > 0 for count in formula.counts.values())


@pytest.mark.parametrize("text", ["si" * 30, "si1" * 20, "si" * 29 + "q"])
def test_a_text_with_a_billion_readings_is_refused_at_once(text: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ValueError, match="write it with capitals|is not a formula"):
        read_formula(text)
    assert time.monotonic() - begun < 1
