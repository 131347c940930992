# SPDX-License-Identifier: Apache-2.0
"""Log-ins, bodies, files and ordered faults of the gateway, without HTTP."""

from __future__ import annotations

import base64
import hmac
import io
import json
import zipfile
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from sscard_chip.settlement.gateway import (
    AnsweredError,
    FaultPlan,
    FaultsDocument,
    FaultsError,
    Gateway,
    GatewayFault,
    GatewayRequest,
    GatewaySecrets,
    HttpAnswer,
    SecretsError,
    load_faults,
    load_secrets,
    make_login,
)
from sscard_chip.settlement.gateway.logins import ca_signature, tif_signature
from sscard_chip.settlement.gateway.secrets import (
    CaSecret,
    CsbSecret,
    OAuthSecret,
    TifSecret,
)
from tests.settlement.gateway.programs import (
    CLIENT_ID,
    KEY,
    SECRETS,
    application_body,
    b64,
    compact,
    decipher,
    encipher,
    sign,
)

NOW = 1_760_000_000
Part = tuple[str, str | None, bytes]
BODY = b'{"infno":"9001"}'
LOGINS = GatewaySecrets(
    tif=[TifSecret("PAAS", "TESTTOKEN")],
    csb=[CsbSecret("AK", "SK")],
    ca=[CaSecret("K", "TESTSECRET")],
    oauth=[OAuthSecret("fsi", "secret", "hospital", "word", 60)],
    apikeys=["KEY1", "KEY2"],
)


def csb(**changes: str) -> dict[str, str]:
    headers = {"_api_access_key": "AK", "_api_name": "1101", "_api_version": "1.0.0",
               "_api_timestamp": f"{NOW}000"} | changes  # fmt: skip
    names = ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")
    text = "&".join(f"{name}={headers[name]}" for name in names)
    proof = base64.b64encode(hmac.new(b"SK", text.encode(), sha1).digest()).decode()
    return {"_api_signature": proof} | headers


def tif(stamp: int = NOW, token: str = "TESTTOKEN", **changes: str) -> dict[str, str]:
    return {
        "x-tif-paasid": "PAAS", "x-tif-timestamp": str(stamp), "x-tif-nonce": "n",
        "x-tif-signature": tif_signature(str(stamp), token, "n"),
    } | changes  # fmt: skip


def ca(stamp: int = NOW, body: bytes = BODY) -> dict[str, str]:
    return {"x-ca-key": "K", "x-ca-signature": ca_signature("TESTSECRET", str(stamp), body)}


def gateway(kind: str = "none", secrets: GatewaySecrets = LOGINS, *faults: GatewayFault) -> Gateway:
    plan = FaultPlan(FaultsDocument("sscard-faults/1", list(faults))) if faults else None
    return Gateway(make_login(kind, secrets), secrets, plan, now=lambda: NOW)


def refusal(found: Gateway, headers: dict[str, str], body: bytes = BODY) -> tuple[int, Any]:
    with pytest.raises(AnsweredError) as raised:
        found.open(GatewayRequest("/CSB", headers, body))
    answer = raised.value.answer
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("none", {}), ("csb", csb()), ("csb", csb(_api_timestamp=f"{NOW - 1800}000")),
        ("tif", tif()), ("tif", tif(NOW + 1799)), ("ca", ca()), ("key", {"apikey": "KEY2"}),
    ],
)  # fmt: skip
def test_who_may_come_in(kind: str, headers: dict[str, str]) -> None:
    opened = gateway(kind).open(GatewayRequest("/anything", headers, BODY))
    assert (opened.body, opened.fault) == (BODY, None)
    assert opened.close(b"{}") == HttpAnswer(200, b"{}")


@pytest.mark.parametrize(
    ("kind", "headers", "why"),
    [
        ("csb", {}, "缺少服务网关的请求头!"),
        ("csb", csb() | {"_api_version": ""}, "缺少服务网关的请求头!"),
        ("csb", csb(_api_timestamp=f"{NOW - 1801}000"), "签名时间戳超时!"),
        ("csb", csb(_api_timestamp="now"), "签名时间戳超时!"),
        ("csb", csb(_api_access_key="X"), "非法用户!"),
        ("csb", csb() | {"_api_name": "1102"}, "签名不一致!"),
        ("tif", {}, "x-tif-paasid, -timestamp, -nonce or -signature is missing"),
        ("tif", tif(NOW - 1801), "x-tif-timestamp is over half an hour off"),
        ("tif", tif(token="OTHER"), "x-tif-signature does not agree"),
        ("tif", tif() | {"x-tif-paasid": "X"}, "x-tif-paasid is not known"),
        ("ca", ca(body=b"{}"), "x-ca-signature does not agree"),
        ("ca", {"x-ca-key": "K", "x-ca-signature": "x"}, "x-ca-signature must be time, colon"),
        ("key", {}, "apikey is missing"),
        ("key", {"apikey": "KEY"}, "apikey is not known"),
        ("oauth", {}, "Authorization: Bearer is missing"),
        ("oauth", {"authorization": "Bearer x"}, "the token is not known"),
    ],
)
def test_who_may_not(kind: str, headers: dict[str, str], why: str) -> None:
    status, answer = refusal(gateway(kind), headers)
    assert (status, answer["code"]) == (401, 401)
    assert answer["message"].startswith(why)


def test_a_token_of_oauth() -> None:
    clock = [float(NOW)]
    found = Gateway(make_login("oauth", LOGINS), LOGINS, now=lambda: clock[0])
    basic = {"authorization": "Basic " + base64.b64encode(b"fsi:secret").decode()}
    form = {"username": "hospital", "password": "word", "scope": "server",
            "grant_type": "password"}  # fmt: skip

    def token(headers: dict[str, str], **changes: str) -> tuple[int, Any]:
        body = urlencode(form | changes).encode()
        with pytest.raises(AnsweredError) as raised:
            found.open(GatewayRequest("/auth/oauth/token", headers, body))
        return raised.value.answer.status, json.loads(raised.value.answer.body)

    status, answer = token(basic)
    assert (status, answer["expires_in"]) == (200, 60)
    bearer = {"authorization": f"Bearer {answer['access_token']}"}
    assert found.open(GatewayRequest("/fsi", bearer, BODY)).body == BODY
    clock[0] += 61
    assert refusal(found, bearer)[1]["message"] == "the token has expired"
    assert token(basic, password="x")[1]["error"] == "invalid_grant"
    assert token(basic, grant_type="client")[1]["error"] == "unsupported_grant_type"
    assert token({"authorization": "Basic !"})[0] == 401


def test_enciphered_bodies_both_ways() -> None:
    found = gateway("none", SECRETS)
    request = {"infno": "1101", "input": {"data": {"psn_no": "P1"}}}
    opened = found.open(GatewayRequest("/x", {}, compact(application_body(request)).encode()))
    assert json.loads(opened.body) == request
    answer = json.loads(opened.close(b'{"infcode":0,"err_msg":"","output":{"a":1}}').body)
    assert (answer["code"], answer["message"]) == ("0", "success")
    plain = decipher(KEY, bytes.fromhex(answer["encData"]))
    assert json.loads(plain)["output"] == {"a": "1"}

    node = compact(request["input"]).encode()
    sealed = {"infno": "1101", "enc_type": "SM4", "cainfo": b64(sign(node)),
              "input": b64(encipher(CLIENT_ID.encode(), node))}  # fmt: skip
    opened = found.open(GatewayRequest("/x", {}, compact(sealed).encode()))
    assert json.loads(opened.body)["input"] == request["input"]
    answer = json.loads(opened.close(b'{"infcode":0,"output":{"a":1}}').body)
    assert decipher(CLIENT_ID.encode(), base64.b64decode(answer["output"])) == b'{"a":1}'
    for change in ({"cainfo": b64(bytes(64))}, {"input": "AAAA"}, {"cainfo": ""}):
        status, refused = refusal(found, {}, compact(sealed | change).encode())
        assert (status, refused["infcode"]) == (200, -1)
        assert refused["err_msg"].startswith(("cainfo: ", "input: "))
    wrong = application_body(request) | {"appId": "OTHER"}
    assert refusal(found, {}, compact(wrong).encode())[1]["err_msg"] == "appId: is not known here"
    status, closed = refusal(found, {}, compact(application_body({"a": 1})).encode())
    assert (status, closed["code"]) == (200, "-1")


def multipart(parts: Sequence[Part]) -> tuple[dict[str, str], bytes]:
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename else ""
        head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return {"content-type": "multipart/form-data; boundary=XX"}, body + b"--XX--\r\n"


def test_a_file_comes_as_multipart_in_both_forms() -> None:
    file = bytes(range(256)) + b"\r\n\r\n"
    node = {"filename": "d.zip", "fixmedins_code": "P51010000001"}
    whole = {"infno": "9101", "fixmedins_code": "P51010000001", "input": {"fsUploadIn": node}}
    forms: list[list[Part]] = [
        [("jsonStr", None, compact(whole).encode()), ("file", "x.zip", file)],
        [
            ("infno", None, b"9101"), ("fixmedins_code", None, b"P51010000001"),
            ("input", None, compact(whole["input"]).encode()), ("in", "x.zip", file),
        ],
    ]  # fmt: skip
    for parts in forms:
        headers, body = multipart(parts)
        message = json.loads(
            gateway().open(GatewayRequest("/fileupload/upload", headers, body)).body
        )
        upload = message["input"]["fsUploadIn"]
        assert (message["infno"], upload["filename"]) == ("9101", "d.zip")
        assert base64.b64decode(upload["in"]) == file
    wrong: list[tuple[list[Part], str]] = [
        ([("jsonStr", None, b"{}")], "body: has no file part"),
        ([("jsonStr", None, b"["), ("file", "x", b"")], "body: part 'jsonStr' is no JSON"),
        ([("jsonStr", None, b"[]"), ("file", "x", b"")], "body: part 'jsonStr' must be"),
        ([("a", None, b"\xff"), ("file", "x", b"")], "body: part 'a' is not UTF-8"),
    ]
    for parts, rule in wrong:
        headers, body = multipart(parts)
        assert refusal(gateway(), headers, body)[1]["err_msg"].startswith(rule)
    assert refusal(gateway(), {"content-type": "multipart/form-data"}, b"x")[0] == 200


@pytest.mark.parametrize("infno", [b'"9102"', b"9102", b'" 9102"'])
def test_a_file_goes_as_a_zip(infno: bytes) -> None:
    opened = gateway().open(GatewayRequest("/x", {}, b'{"infno": %s}' % infno))
    out = base64.b64encode(b"a\tb\n").decode()
    answer = opened.close(
        compact({"infcode": 0, "output": {"filename": "r.txt", "out": out}}).encode()
    )
    assert answer.content_type == "application/octet-stream"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.read("r.txt") == b"a\tb\n"
    refused = b'{"infcode":-1,"output":{}}'
    assert opened.close(refused) == HttpAnswer(200, refused)


def test_what_is_plain_passes_untouched() -> None:
    assert gateway().is_plain(b"application/json", BODY)
    assert not gateway().is_plain(b"multipart/form-data; boundary=x", BODY)
    assert not gateway().is_plain(b"", b'{"infno":"9102"}')
    assert not gateway().is_plain(b"", b'{"infno":9102}')
    assert not gateway().is_plain(b"", b'{"encData":""}')
    assert not gateway("none", SECRETS).is_plain(b"", b'{"input":"AAAA","enc_type":"sm4"}')
    assert not gateway("csb").is_plain(b"", BODY)
    assert not gateway("none", LOGINS, GatewayFault("delay")).is_plain(b"", BODY)
    for body in (b"", b"[1]", b"\xff", b"[" * 100_000):
        assert gateway("key").open(GatewayRequest("/", {"apikey": "KEY1"}, body)).body == body


# --- faults --------------------------------------------------------------------------------------


def test_faults_happen_when_they_are_due() -> None:
    plan = FaultPlan(
        FaultsDocument(
            "sscard-faults/1",
            [
                GatewayFault("failure", infno="2102", after=1, times=2),
                GatewayFault("delay", times=0, after=3, seconds=1),
            ],
        )
    )
    kinds = [getattr(plan.next(one), "kind", "") for one in ["2102", "1101", "2102", "2102",
                                                            "2102", "1101"]]  # fmt: skip
    assert kinds == ["", "", "failure", "failure", "delay", "delay"]


@pytest.mark.parametrize(
    ("fault", "status", "member"),
    [
        (GatewayFault("unauthorised", reason="missing"), 401, "缺少服务网关的请求头!"),
        (GatewayFault("unauthorised", reason="late"), 401, "签名时间戳超时!"),
        (GatewayFault("unauthorised", reason="unknown"), 401, "非法用户!"),
        (GatewayFault("unauthorised"), 401, "签名不一致!"),
        (GatewayFault("token-expired"), 401, "the token has expired"),
        (GatewayFault("failure", message="忙"), 200, "忙"),
    ],
)
def test_what_never_reaches_the_centre(fault: GatewayFault, status: int, member: str) -> None:
    found, answer = refusal(gateway("none", LOGINS, fault), {})
    assert found == status
    assert member in (answer.get("message"), answer.get("err_msg"))


def test_an_error_page_is_html() -> None:
    with pytest.raises(AnsweredError) as raised:
        gateway("none", LOGINS, GatewayFault("error-page")).open(GatewayRequest("/", {}, BODY))
    answer = raised.value.answer
    assert (answer.status, answer.content_type) == (502, "text/html")
    assert answer.body.startswith(b"<html>")


@pytest.mark.parametrize("kind", ["no-answer", "delay", "cut", "twice"])
def test_what_happens_after_it_is_done(kind: Any) -> None:
    opened = gateway("none", LOGINS, GatewayFault(kind)).open(GatewayRequest("/", {}, BODY))
    assert opened.fault is not None
    assert opened.fault.kind == kind


def test_documents_say_what_is_wrong_with_them(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('format = "sscard-faults/1"\n[[fault]]\nkind = "delay"\nseconds = 3\n')
    assert load_faults(path).fault == [GatewayFault("delay", seconds=3)]
    path.write_text('format = "sscard-faults/1"\n[[fault]]\nkind = "boom"\ntimes = -1\n')
    with pytest.raises(FaultsError, match=r"fault.*kind.*times"):
        load_faults(path)
    path.write_text('format = "sscard-gateway/1"\nbusiness_key = "00"\n')
    with pytest.raises(SecretsError, match="business_key: must be 64 hex digits"):
        load_secrets(path)
    path.write_text('format = "sscard-gateway/1"\n[[csb]]\naccess_key = "AK"\nsecret_key = "SK"\n')
    assert load_secrets(path).csb == [CsbSecret("AK", "SK")]
    path.write_text('[[csb]]\naccess_key = "AK"\nsecret_key = "SK"\n')
    with pytest.raises(SecretsError, match="format"):
        load_secrets(path)
