# SPDX-License-Identifier: Apache-2.0
"""Division codes."""

from __future__ import annotations

import pytest

from sscard_chip.standard.divisions import PROVINCES, DivisionError, check_division, find_division


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("110000", "北京市"),
        ("110101", "北京市市辖区"),
        ("330100", "浙江省杭州市"),
        ("330106", "浙江省杭州市"),
        ("440300", "广东省深圳市"),
        ("433101", "湖南省湘西土家族苗族自治州"),
        ("540200", "西藏自治区日喀则市"),
        ("659001", "新疆维吾尔自治区自治区直辖县级行政区划"),
        ("810000", "香港特别行政区"),
    ],
)
def test_known_codes(code: str, name: str) -> None:
    assert check_division(code).name == name


@pytest.mark.parametrize("code", ["639900", "379901", "133101", "513199"])
def test_blocks_of_the_trade(code: str) -> None:
    division = check_division(code)
    assert (division.code, division.prefecture) == (code, "")


def test_withdrawn_codes_say_so() -> None:
    assert find_division("341400") is not None
    assert check_division("341400").former
    assert not check_division("340100").former


@pytest.mark.parametrize("code", ["000000", "160000", "510200", "999999", "990000", "339100"])
def test_unknown_codes(code: str) -> None:
    with pytest.raises(DivisionError) as caught:
        check_division(code)
    assert code not in str(caught.value)
    assert find_division(code) is None


@pytest.mark.parametrize("code", ["", "5101", "51010A", "5101000", "５１０１００"])
def test_codes_that_are_no_six_digits(code: str) -> None:
    with pytest.raises(DivisionError, match="6 digits"):
        check_division(code)


def test_the_table_is_whole() -> None:
    assert len(PROVINCES) == 34
    # Prefecture-level units in force (2020): 293 cities, 7 areas, 30 autonomous prefectures,
    # 3 leagues.
    names = [
        found.prefecture
        for province in sorted(PROVINCES)
        for number in range(1, 90)
        if (found := find_division(f"{province}{number:02d}00"))
        and found.prefecture
        and not found.former
        and found.prefecture not in ("市辖区", "县")
    ]
    assert len(names) == 333
    endings = [
        next(e for e in ("自治州", "地区", "盟", "市") if name.endswith(e)) for name in names
    ]
    assert {e: endings.count(e) for e in set(endings)} == {
        "市": 293,
        "地区": 7,
        "自治州": 30,
        "盟": 3,
    }
    assert len(set(names)) == 333
