# SPDX-License-Identifier: Apache-2.0
"""Log-ins, ciphers and signatures against vectors/gateway.json and gmssl of PyPI."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.security.sm2 import Sm2Error, public_of
from sscard_chip.settlement.gateway.crypto import (
    ApplicationBox,
    ClientBox,
    GatewayCryptoError,
    application_key,
    as_written,
    public_key,
    secret_key,
    signed_text,
    sorted_json,
)
from sscard_chip.settlement.gateway.crypto import decipher as open_
from sscard_chip.settlement.gateway.crypto import encipher as close_
from sscard_chip.settlement.gateway.logins import ca_signature, csb_signature, tif_signature
from tests.settlement.gateway.programs import (
    APP_ID,
    APP_SECRET,
    CASES,
    CENTRE_KEY,
    CLIENT_ID,
    KEY,
    PRIVATE,
    PROGRAM_KEY,
    PUBLIC,
    SECRETS,
    SIGNATURE,
    application_body,
    b64,
    compact,
    decipher,
    encipher,
    sign,
    verify,
)
from tests.vectors.schema import errors


def test_the_file_keeps_its_schema() -> None:
    folder = Path(__file__).resolve().parents[3] / "vectors"
    document = json.loads((folder / "gateway.json").read_text("utf-8"))
    schema = json.loads((folder / "schema" / "gateway.json").read_text("utf-8"))
    assert errors(document, schema) == []


def test_the_log_ins() -> None:
    tif, csb, ca = (CASES[name]["inputs"] for name in ("tif", "csb", "ca"))
    wanted = [CASES[name]["expected"]["signature"] for name in ("tif", "csb", "ca")]
    assert [
        tif_signature(tif["timestamp"], tif["token"], tif["nonce"]),
        csb_signature(csb, csb["secret_key"]),
        ca_signature(ca["secret"], ca["timestamp"], ca["body"].encode()),
    ] == wanted


def test_the_cipher_of_an_application() -> None:
    inputs, expected = (
        CASES["application-cipher"]["inputs"],
        CASES["application-cipher"]["expected"],
    )
    key = application_key(inputs["app_id"], inputs["app_secret"])
    assert key == expected["key"].encode()
    plain = sorted_json(dict(reversed(json.loads(inputs["json"]).items()))).encode()
    assert plain == inputs["json"].encode()
    assert close_(key, plain).hex().upper() == expected["encData"]
    assert open_(key, bytes.fromhex(expected["encData"]), "x") == plain
    assert encipher(key, plain) == close_(key, plain)


def test_the_text_and_the_signatures_of_three_implementations() -> None:
    inputs, expected = SIGNATURE["inputs"], SIGNATURE["expected"]
    data = json.loads(CASES["application-cipher"]["inputs"]["json"])
    text = signed_text(json.loads(inputs["message"]), data, APP_SECRET)
    assert text == inputs["text"]
    key = public_key(PROGRAM_KEY)
    for name in ("bouncycastle", "sm_crypto"):
        assert key.verify(text.encode(), base64.b64decode(expected[name])), name
    other = base64.b64decode(expected["bouncycastle_secret_as_id"])
    assert not key.verify(text.encode(), other)
    assert public_key(PROGRAM_KEY, identity=APP_SECRET.encode()).verify(text.encode(), other)
    assert key.verify(text.encode(), sign(text.encode()))
    assert verify(text.encode(), secret_key(CENTRE_KEY).sign(text.encode()))


def test_the_body_of_a_client() -> None:
    inputs, expected = CASES["client-body"]["inputs"], CASES["client-body"]["expected"]
    content = bytes.fromhex(expected["input_hex"])
    box = ClientBox(SECRETS.clients[0])
    message = {"infno": "5301", "input": b64(content), "cainfo": expected["bouncycastle"]}
    opened = box.open(message)
    assert opened == {"infno": "5301", "input": json.loads(inputs["json"]), "cainfo": ""}
    answer = box.close({"infcode": 0, "output": {"a": "医保"}})
    plain = decipher(CLIENT_ID.encode(), base64.b64decode(answer["output"]))
    assert json.loads(plain) == {"a": "医保"}
    assert verify(plain, base64.b64decode(answer["cainfo"]))


def test_answers_of_an_application_are_closed_as_its_requests_are() -> None:
    box = ApplicationBox(SECRETS.applications[0])
    assert box.open(application_body({"b": 1.5, "a": None, "c": [], "d": {"x": True}})) == {
        "b": "1.5", "d": {"x": "true"},
    }  # fmt: skip
    answer = box.close("0", "success", {"b": "", "a": 1})
    plain = decipher(KEY, bytes.fromhex(answer["encData"])).decode()
    assert plain == '{"a":"1"}'
    parts = sorted(
        [f"{name}={value}" for name, value in answer.items() if name not in ("encData", "signData")]
        + [f"data={plain}"],
        key=str.lower,
    )
    text = "&".join([*parts, f"key={APP_SECRET}"])
    assert verify(text.encode(), base64.b64decode(answer["signData"]))


def test_the_text_of_a_nested_message() -> None:
    inputs, expected = CASES["application-text"]["inputs"], CASES["application-text"]["expected"]
    head = json.loads(inputs["message"])
    text = signed_text(head, as_written(inputs["json"].encode()), APP_SECRET)
    assert text == inputs["text"]
    whole = head | {"encData": expected["encData"], "signData": expected["bouncycastle"]}
    opened = ApplicationBox(SECRETS.applications[0]).open(whole)
    assert opened == json.loads(inputs["json"])
    assert verify(inputs["text"].encode(), base64.b64decode(expected["bouncycastle"]))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"encData": "xyz"}, "encData: must be hex"),
        ({"encData": "00"}, "encData: must be whole blocks"),
        ({"encData": "00" * 16}, "encData: is not enciphered with this key"),
        ({"encData": None}, "encData: is missing"),
        ({"signData": "!"}, "signData: must be Base64"),
        ({"signData": b64(bytes(70))}, "signData: must be Base64 of r and s, 64 bytes"),
        ({"signData": b64(bytes(64))}, "signData: does not agree"),
        ({"timestamp": "1760000000001"}, "signData: does not agree"),
    ],
)
def test_what_is_refused(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(GatewayCryptoError, match=rule):
        ApplicationBox(SECRETS.applications[0]).open(application_body({"a": "1"}) | change)


def test_keys_in_every_form() -> None:
    for text in (bytes.fromhex(PUBLIC), bytes.fromhex("04" + PUBLIC)):
        assert public_key(b64(text)).value == bytes.fromhex(PUBLIC)
    for text in (bytes.fromhex(PRIVATE), bytes.fromhex("00" + PRIVATE)):
        assert secret_key(b64(text)).public.value == bytes.fromhex(PUBLIC)
    for wrong in (bytes(64), bytes(65), b"\x03" + bytes(64)):
        with pytest.raises(GatewayCryptoError, match="program_key"):
            public_key(b64(wrong))
    for wrong in (bytes(32), bytes(33), b"\xff" * 32):
        with pytest.raises(GatewayCryptoError, match="centre_key"):
            secret_key(b64(wrong))
    with pytest.raises(Sm2Error):
        public_of(bytes(32))
    one = "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    assert public_of((1).to_bytes(32)).hex().upper().startswith(one)
    assert APP_ID in compact({"appId": APP_ID})
