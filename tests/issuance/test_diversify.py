# SPDX-License-Identifier: Apache-2.0
"""Diversification from root to card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.security.diversify import (
    card_chain,
    card_factor,
    city_factor,
    diversify_chain,
    diversify_chains,
    province_factor,
)
from sscard_chip.security.suite import SUITES

ROOT = bytes(range(16))
CARD = bytes.fromhex("86845101C0666779")
# Cases diversify-chain-des and diversify-chain-sm4 of the project's vectors: root 000102..0F.
STEPS = {
    "3des": (
        "15914F917A6F7D15444B925E17CD289C",
        "C3C02CF3CEB9DE54B548A3AB58AA91A9",
        "D62D066CB177A599BDED1570F30CC39A",
    ),
    "sm4": (
        "94B9A2C08396FAF96B1C3FF88A59FA85",
        "0195F989017BD25BA4F14E6226A1933A",
        "41A597CDDCC7844D31FCDD80D54F2608",
    ),
}


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_each_level_of_the_chain(algorithm: str, levels: int) -> None:
    chain = (province_factor("510100"), city_factor("510100"), CARD)[:levels]
    key = diversify_chain(SUITES[algorithm], ROOT, chain)
    assert key.hex().upper() == STEPS[algorithm][levels - 1]


def test_factors_are_the_printed_ones() -> None:
    assert province_factor("510100").hex() == "3531303030307368"
    assert city_factor("510100").hex() == "3531303130307378"


def test_zhejiang_drops_the_county_digits() -> None:
    assert city_factor("330106") == b"330100sx"
    assert city_factor("320106") == b"320106sx"


def test_card_factor_is_the_tail_of_the_historical_bytes() -> None:
    historical = bytes(range(13))
    assert card_factor(historical) == bytes(range(5, 13))
    assert card_chain("330106", historical) == (b"330000sh", b"330100sx", bytes(range(5, 13)))


def test_the_left_half_of_a_key_is_the_factor_enciphered() -> None:
    key = diversify_chain(SUITES["3des"], ROOT, (CARD,))
    assert key[:8] == SUITES["3des"].encryptor(ROOT)(CARD)


@pytest.mark.parametrize("city", ["", "51010", "5101000", "51O100", "５10100"])
def test_a_city_is_six_digits(city: str) -> None:
    with pytest.raises(ValueError, match="must be 6 digits"):
        city_factor(city)
    with pytest.raises(ValueError, match="must be 6 digits"):
        province_factor(city)


def test_wrong_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="must be 13 bytes"):
        card_factor(bytes(12))
    with pytest.raises(ValueError, match="must be 8 bytes"):
        diversify_chain(SUITES["sm4"], ROOT, (bytes(7),))
    with pytest.raises(ValueError, match="must be 8 bytes"):
        diversify_chains(SUITES["sm4"], ROOT, [(CARD, bytes(9))])


@given(
    algorithm=st.sampled_from(["3des", "sm4"]),
    chains=st.lists(
        st.lists(st.sampled_from([bytes(8), b"\xff" * 8, CARD, ROOT[:8]]), max_size=3), max_size=12
    ),
)
def test_a_batch_gives_what_its_chains_give_alone(
    algorithm: str, chains: list[list[bytes]]
) -> None:
    suite = SUITES[algorithm]
    alone = [diversify_chain(suite, ROOT, chain) for chain in chains]
    assert diversify_chains(suite, ROOT, chains) == alone
