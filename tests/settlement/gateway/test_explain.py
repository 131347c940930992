# SPDX-License-Identifier: Apache-2.0
"""Why a signature, a log-in or a body is refused: each mistake of the field is named."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sscard_chip.settlement.gateway.explain import Explanation
from sscard_chip.settlement.gateway.explain import explain as explain_request
from tests.settlement.gateway.programs import (
    APP_ID,
    APP_SECRET,
    SECRETS,
    application_body,
    as_text,
    b64,
    compact,
    der,
)

DATA = {"userName": "林知夏", "idNo": "990000200102030012", "amount": 1.5, "memo": "", "list": []}
PLAIN = compact(as_text(DATA))
HEAD = [f"appId={APP_ID}", f"data={PLAIN}", "encType=SM4", "signType=SM2",
        "timestamp=1760000000000", "version=2.0.1"]  # fmt: skip
AS_CAME = ["version=2.0.1", f"appId={APP_ID}", "encType=SM4", "signType=SM2",
           "timestamp=1760000000000", f"data={PLAIN}"]  # fmt: skip


def explain(body: dict[str, Any] | bytes) -> Explanation:
    content = body if isinstance(body, bytes) else compact(body).encode()
    return explain_request(content, SECRETS)


def text(parts: list[str]) -> str:
    return "&".join([*parts, f"key={APP_SECRET}"])


def escaped(plain: str) -> str:
    return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in plain)


def short(signature: bytes) -> bytes:
    """As a library that drops leading 00 bytes gives it."""
    return signature[:32].lstrip(b"\0") + signature[32:].lstrip(b"\0")


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"user": APP_SECRET}, "user ID is the appSecret: must be the default one"),
    ({"user": APP_ID}, "user ID is the appId: must be the default one"),
    ({"user": ""}, "user ID is empty"),
    ({"shape": der}, "is DER: must be r and s, 64 bytes"),
    ({"form": lambda s: s.hex()}, "is hex: must be Base64"),
    ({"form": lambda s: b64(s.hex().encode())}, "is Base64 of hex letters: must be of bytes"),
    ({"shape": lambda s: b"\0" + s[:32] + b"\0" + s[32:]}, "has 00 before r or s"),
    ({"shape": lambda s: b"\0" + s}, "has 00 before r or s"),
    ({"form": lambda s: b64(der(s)).rstrip("=")}, "is DER"),
    ({"text": text(AS_CAME)}, "the names are not sorted"),
    ({"text": text([HEAD[0], *HEAD[1:5], "transType=", HEAD[5]])}, "empty members are in the text"),
    ({"text": text([HEAD[0], "data=" + compact(dict(sorted(
        ((k, v) for k, v in DATA.items() if v not in ("", [])), key=lambda i: i[0].lower()
    ))), *HEAD[2:]]), "plain": compact(DATA)}, "data: has numbers, not text"),
    ({"text": text([HEAD[0], f"data={compact(DATA)}", *HEAD[2:]]), "plain": compact(DATA)},
     "data: is not sorted, or has empty members, or blanks"),
    ({"text": escaped(text(HEAD))}, "the text has \\u escapes: must be UTF-8"),
    ({"coding": "gbk"}, "the text is GBK: must be UTF-8"),
    ({"text": "&".join(HEAD)}, "the text lacks &key="),
    ({"text": text([HEAD[0], *HEAD[2:]])}, "data: is not signed"),
    ({"user": APP_SECRET, "shape": der}, "64 bytes; user ID is the appSecret"),
    ({"key": APP_SECRET[:16].encode()}, "SM4 key is the appSecret itself"),
    ({"key": APP_ID[:16].encode()}, "SM4 key is the appId itself"),
    ({"key": bytes.fromhex("49402A7451716C12").ljust(16, b"\0")}, "SM4 key is read as hex"),
    ({"key": b"49402a7451716c12"}, "SM4 key is in small letters"),
    ({"enc": b64}, "encData: is Base64: must be hex"),
    ({"json": "gbk"}, "encData: its JSON is GBK: must be UTF-8"),
]  # fmt: skip


def test_what_is_right() -> None:
    found = explain(application_body(DATA))
    assert found == Explanation(("encData: is enciphered rightly", "signData: agrees"), ())


@pytest.mark.parametrize(("changes", "told"), MISTAKES)
def test_a_mistake_is_named(changes: dict[str, Any], told: str) -> None:
    found = explain(application_body(DATA, **changes))
    assert any(told in one for one in found.wrong), found


def test_a_leading_00_that_is_lost_is_found() -> None:
    for number in range(4000):
        body = application_body(DATA | {"n": number})
        raw = base64.b64decode(body["signData"])
