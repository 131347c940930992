# SPDX-License-Identifier: Apache-2.0
"""Why a signature, a log-in or a body is refused: each mistake of the field is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sscard_chip.settlement.gateway.crypto import ApplicationBox, secret_key
from sscard_chip.settlement.gateway.explain import Explanation
from sscard_chip.settlement.gateway.explain import explain as explain_request
from sscard_chip.settlement.gateway.secrets import CaSecret, CsbSecret, GatewaySecrets, TifSecret
from tests.settlement.gateway.programs import (
    APP_ID,
    APP_SECRET,
    CASES,
    CENTRE_KEY,
    CLIENT_ID,
    PUBLIC,
    SECRETS,
    SIGNATURE,
    application_body,
    as_text,
    b64,
    compact,
    der,
    encipher,
    hashed,
    sign,
    sign_digest,
)
from tests.settlement.platform.centre import bill, message

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


def without_z(_: bytes) -> bytes:
    return sign_digest(hashed(text(HEAD).encode()))


def with_numbers_of_java(_: bytes) -> bytes:
    """Z of BigInteger.toByteArray: a, the base point's y and this key's y have 00 before them."""
    curve = (
        "00FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
        "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
        "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
        "00BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
    )
    key = PUBLIC[:64] + "00" + PUBLIC[64:]
    za = hashed(bytes.fromhex("0080") + b"1234567812345678" + bytes.fromhex(curve + key))
    return sign_digest(hashed(za + text(HEAD).encode()))


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"shape": without_z}, "signData: agrees when it is read so: Z is left out of the hash"),
    ({"shape": with_numbers_of_java}, "read so: Z has 00 before its numbers"),
    ({"user": APP_SECRET}, "user ID is the appSecret: must be the default one"),
    ({"user": APP_ID}, "user ID is the appId: must be the default one"),
    ({"user": ""}, "user ID is empty"),
    ({"shape": der}, "is DER: must be r and s, 64 bytes"),
    ({"form": lambda s: s.hex()}, "is hex: must be Base64"),
    ({"form": lambda s: b64(s.hex().encode())}, "is Base64 of hex letters: must be of bytes"),
    ({"shape": lambda s: b"\0" + s[:32] + b"\0" + s[32:]}, "has 00 before r or s"),
    ({"shape": lambda s: b"\0" + s}, "has 00 before r or s"),
    ({"form": lambda s: b64(der(s)).rstrip("=")}, "is DER"),
    ({"form": lambda s: b64(s) + "\n"}, "signData: has line breaks or blanks: must be one line"),
    ({"form": lambda s: b64(der(s))[:76] + "\r\n" + b64(der(s))[76:]},
     "has line breaks or blanks: must be one line; signData: is DER"),
    ({"text": text(AS_CAME)}, "the names are not sorted"),
    ({"text": text([HEAD[0], *HEAD[1:5], "transType=", HEAD[5]])}, "empty members are in the text"),
    ({"text": text([HEAD[0], "data=" + compact(dict(sorted(
        ((k, v) for k, v in DATA.items() if v not in ("", [])), key=lambda i: i[0].lower()
    ))), *HEAD[2:]]), "plain": compact(DATA)}, "data: has numbers, not text"),
    ({"text": text([HEAD[0], f"data={compact(DATA)}", *HEAD[2:]]), "plain": compact(DATA)},
     "data: is not sorted, or has empty members, or blanks"),
    ({"text": text([HEAD[0], 'data={"feedet":"2","feeType":"1"}', *HEAD[2:]]),
      "plain": '{"feeType":"1","feedet":2}'}, "data: its names are sorted without regard to"),
    ({"text": text([HEAD[0], 'data={"a":"10.5"}', *HEAD[2:]]), "plain": '{"a":10.50}'},
     "data: its numbers are not as they stand in encData"),
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


@pytest.mark.parametrize("gap", ["", "\n", " "])
def test_what_is_right(gap: str) -> None:
    """Blanks between hex digits are taken by the gateway too."""
    body = application_body(DATA, enc=lambda c: c.hex().upper()[:76] + gap + c.hex().upper()[76:])
    ApplicationBox(SECRETS.applications[0]).open(body)
    found = explain(body)
    assert found == Explanation(("encData: is enciphered rightly", "signData: agrees"), ())


@pytest.mark.parametrize(("changes", "told"), MISTAKES)
def test_a_mistake_is_named(changes: dict[str, Any], told: str) -> None:
    found = explain(application_body(DATA, **changes))
    assert any(told in one for one in found.wrong), found


def test_a_leading_00_that_is_lost_is_found() -> None:
    """Signs until r or s begins with 00: once in 128."""
    body = application_body(DATA)
    key = secret_key(CENTRE_KEY)
    for _ in range(10_000):
        lost = short(key.sign(text(HEAD).encode()))
        if len(lost) < 64:
            break
    (wrong,) = explain(body | {"signData": b64(lost)}).wrong
    assert "lacks a leading 00" in wrong


def test_signatures_of_bouncycastle_are_explained() -> None:
    inputs, expected = SIGNATURE["inputs"], SIGNATURE["expected"]
    head = json.loads(inputs["message"])
    enc = CASES["application-cipher"]["expected"]["encData"]
    for name, reason in (
        ("bouncycastle_der", "is DER"),
        ("bouncycastle_secret_as_id", "user ID is the appSecret"),
    ):
        found = explain(head | {"encData": enc, "signData": expected[name]})
        assert reason in found.wrong[0]
    good = explain(head | {"encData": enc, "signData": expected["sm_crypto"]})
    assert good.wrong == ()


def test_a_signature_of_nobody() -> None:
    body = application_body(DATA) | {"signData": b64(bytes(range(64)))}
    (wrong,) = explain(body).wrong
    assert wrong.startswith("signData: agrees with none of ")
    assert "林" not in wrong
    assert APP_SECRET not in wrong


def sealed(plain: bytes) -> str:
    return b64(encipher(CLIENT_ID.encode(), plain))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda plain: (sealed(plain), b64(sign(plain))), ""),
        (lambda plain: (sealed(plain), b64(der(sign(plain)))), "is DER"),
        (lambda plain: (sealed(plain), b64(sign(plain, CLIENT_ID))), "user ID is the clientId"),
        (
            lambda plain: (sealed(plain), b64(sign(sealed(plain).encode()))),
            "what is signed is the enciphered input",
        ),
        (lambda plain: (encipher(CLIENT_ID.encode(), plain).hex(), b64(sign(plain))), "is hex"),
    ],
)
def test_a_client_is_explained(made: Any, reason: str) -> None:
    plain = compact({"data": {"psn_name": "林知夏"}}).encode()
    given, cainfo = made(plain)
    found = explain({"infno": "5301", "input": given, "cainfo": cainfo})
    assert bool(found.wrong) == bool(reason)
    assert reason in " ".join(found.wrong)


# --- log-ins and plain bodies --------------------------------------------------------------------

LOGINS = GatewaySecrets(
    tif=[TifSecret("PAAS", "TESTTOKEN")],
    csb=[CsbSecret("AK", "SK")],
    ca=[CaSecret("K", "TESTSECRET")],
)
CSB = {"_api_name": "1101", "_api_version": "1.0.0", "_api_access_key": "AK",
       "_api_timestamp": "1760000000000"}  # fmt: skip
TIF = {"x-tif-paasid": "PAAS", "x-tif-timestamp": "1760000000", "x-tif-nonce": "abc"}


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        (CSB | {"_api_signature": "V9mwiZMXXp/ywlowiNBXl/+Tx+8="}, "right: _api_signature: agrees"),
        (
            CSB | {"_api_signature": "57d9b08993175e9ff2c25a3088d05797ff93c7ef"},
            "wrong: _api_signature: is hex: must be Base64",
        ),
        (CSB | {"_api_signature": "x"}, "wrong: _api_signature: agrees with none of 6 readings"),
        (CSB | {"_api_signature": ""}, "wrong: _api_signature: is missing"),
        (CSB | {"_api_access_key": "B", "_api_signature": "x"}, "wrong: _api_access_key: is not"),
        (
            TIF | {"x-tif-signature": CASES["tif"]["expected"]["signature"].upper()},
            "wrong: x-tif-signature: is in capitals",
        ),
        (
            TIF | {"x-tif-timestamp": "1760000000000", "x-tif-signature": "x"},
            "wrong: x-tif-timestamp: is in milliseconds",
        ),
        (
            {"x-ca-key": "K", "x-ca-signature": CASES["ca"]["expected"]["signature"].lower()},
            "right: x-ca-signature: agrees",
        ),
    ],
)
def test_a_log_in_is_explained(headers: dict[str, str], line: str) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    content = f'POST /CSB HTTP/1.1\r\n{head}\r\n{{"infno":"9001"}}'.encode()
    found = explain_request(content, LOGINS)
    lines = [f"right: {one}" for one in found.right] + [f"wrong: {one}" for one in found.wrong]
    assert any(one.startswith(line) for one in lines), lines


def test_every_rule_of_a_plain_body_is_listed() -> None:
    request = message("2101", 1, bill("1.00")) | {"mdtrtarea_admvs": "1", "dev_no": "null"}
    request["input"]["druginfo"] |= {"medfee_sumamt": "x", "insutype": 310}
    found = explain(request)
    for rule in (
        'dev_no: the text "null"',
        "druginfo.insutype: a number, not text",
        "druginfo.medfee_sumamt: must be yuan with two decimals",
        "mdtrtarea_admvs: must be 6 digits",
    ):
        assert any(one.startswith(rule) for one in found.wrong), rule
    assert explain(message("2101", 1, bill("1.00"))).wrong == ()


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("医保".encode("gbk"), "body: is GBK"),
        (compact({"infno": "9001", "opter_name": "张三"}).encode("gbk"), "body: is GBK (byte 31)"),
        ('{"a":1'.encode("utf-16"), "body: is UTF-16"),
        (b"", "body: is empty"),
        (b'{"infno": "1101",}', "body: is no JSON: line 1, column 18"),
        (b"[1]", "body: must be one JSON object"),
        (b"[" * 100_000, "body: is no JSON: nested too deep"),
        (b"ab\xff", "body: is not UTF-8: byte 3"),
    ],
)
def test_what_is_no_body(body: bytes, rule: str) -> None:
    assert explain(body).wrong[0].startswith(rule)
