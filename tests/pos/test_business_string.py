# SPDX-License-Identifier: Apache-2.0
"""Business strings: the form, what they prove, and what is not believed."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha512

import pytest

from sscard_chip.dayfile.business_string import (
    NO_CARD,
    TEST_KEY,
    BusinessStringError,
    BusinessStrings,
)

AT = 1_760_000_000
CODE = bytes.fromhex("51010000000000000000000000000001")


def test_the_form_and_the_proof_worked_out_beside() -> None:
    text = BusinessStrings(TEST_KEY).sign(CODE, "Z00000001", at=AT)
    content = base64.b64decode(text)
    assert (len(text), len(content)) == (228, 170)
    shown, proof, tail = content[:64], content[64:128], content[128:]
    assert shown[:16] == CODE
    assert shown[16:34] == b"Z00000001" + bytes(9)
    assert tail[:10] == b"1760000000"
    assert proof == hmac.new(TEST_KEY, shown + tail, sha512).digest()


def test_a_card_and_an_identity_card_are_read_back() -> None:
    strings = BusinessStrings(TEST_KEY)
    for code, number in ((CODE, "Z00000001"), (NO_CARD, "990000200102030012")):
        found = strings.check(strings.sign(code, number, at=AT), at=AT + 86_400)
        assert (found.card_id_code, found.card_number, found.at) == (code, number, AT)
    assert strings.sign(CODE, "Z1", at=AT) != strings.sign(CODE, "Z1", at=AT)


@pytest.mark.parametrize(
    ("text", "at", "rule"),
    [
        ("", AT, "must be 228 characters"),
        ("-" * 228, AT, "is not Base64"),
        ("A" * 228, AT, "is not signed by this centre"),
        (None, AT + 86_401, "is too old"),
        (None, AT - 301, "is of the future"),
    ],
)
def test_what_is_not_believed(text: str | None, at: int, rule: str) -> None:
    strings = BusinessStrings(TEST_KEY)
    text = strings.sign(CODE, "Z00000001", at=AT) if text is None else text
    with pytest.raises(BusinessStringError, match=rule):
        strings.check(text, at=at)


def test_every_byte_is_under_the_proof() -> None:
    strings = BusinessStrings(TEST_KEY)
    content = bytearray(base64.b64decode(strings.sign(CODE, "Z00000001", at=AT)))
    for place in range(len(content)):
        wrong = bytearray(content)
        wrong[place] ^= 1
        with pytest.raises(BusinessStringError):
            strings.check(base64.b64encode(bytes(wrong)).decode(), at=AT)


def test_another_centres_string_and_keys_that_are_none() -> None:
    with pytest.raises(BusinessStringError, match="not signed"):
        BusinessStrings(bytes(32)).check(BusinessStrings(TEST_KEY).sign(CODE, "Z1", at=AT), at=AT)
    with pytest.raises(ValueError, match="32 bytes"):
        BusinessStrings(b"short")
    for code, number in ((b"", "Z1"), (CODE, ""), (CODE, "Z" * 19)):
        with pytest.raises(ValueError, match="card_number"):
            BusinessStrings(TEST_KEY).sign(code, number, at=AT)
