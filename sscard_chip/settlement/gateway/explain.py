# SPDX-License-Identifier: Apache-2.0
"""Why a signature, a log-in or a body is refused: ``sscard settle explain``.

It tries the readings that programs of the field get wrong and says which one agrees. Secrets and
the content of a message are never in what it says.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any, Final

from sscard_chip.settlement.gateway.crypto import GatewayCryptoError, application_key, public_key
from sscard_chip.settlement.gateway.crypto.readings import (
    Reading,
    application_texts,
    codings,
    find_reading,
    identities,
    json_texts,
    keys,
    one_line,
    signatures,
)
from sscard_chip.settlement.gateway.crypto.sm4 import decipher
from sscard_chip.settlement.gateway.logins.csb import SIGNED, csb_signature, csb_text
from sscard_chip.settlement.gateway.logins.signed import ca_signature, tif_signature
from sscard_chip.settlement.gateway.secrets import ApplicationKeys, ClientKeys, GatewaySecrets
from sscard_chip.settlement.platform.body import what_is_wrong
from sscard_chip.settlement.platform.envelope import parse_request
from sscard_chip.settlement.platform.fields import ENVELOPE, FieldRules, MessageError, check_fields
from sscard_chip.settlement.platform.lenient import mend
from sscard_chip.settlement.platform.transactions import TRANSACTIONS, NodeRule

MOST_FINDINGS: Final = 60
_HEAD: Final = re.compile(rb"[A-Z]{3,7} (\S+) HTTP/1\.[01]\r?\n")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is said of a request: what is right, what is wrong."""

    right: tuple[str, ...]
    wrong: tuple[str, ...]


def explain(content: bytes, secrets: GatewaySecrets) -> Explanation:
    """What is right and wrong with a request: a body, or a whole HTTP request with its head.

    Time stamps are not held against a clock: the request is an old one.
    """
    headers, body = _parts(content)
    said: list[tuple[bool, str]] = [*_logins(headers, body, secrets)]
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        said.append((False, what_is_wrong(body)))
        text = body.decode("gbk", "replace")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        said.append((False, what_is_wrong(text.encode())))
        message = None
    if isinstance(message, dict):
        said += _message(message, secrets)
    elif message is not None:
        said.append((False, "body: must be one JSON object"))
    said = list(dict.fromkeys(said))[:MOST_FINDINGS]
    return Explanation(
        tuple(one for good, one in said if good), tuple(one for good, one in said if not good)
    )


def _parts(content: bytes) -> tuple[dict[str, str], bytes]:
    found = _HEAD.match(content)
    if found is None:
        return {}, content
    head, _, body = content[found.end() :].replace(b"\r\n", b"\n", 100).partition(b"\n\n")
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    whole = content.find(b"\r\n\r\n")
    return headers, content[whole + 4 :] if whole >= 0 else body


def _message(message: dict[str, Any], secrets: GatewaySecrets) -> Iterator[tuple[bool, str]]:
    if "encData" in message or "signData" in message:
        known = [one for one in secrets.applications if one.app_id == message.get("appId")]
        if not known:
            yield False, "appId: is not in the secrets"
        for one in known:
            yield from _application(message, one)
        return
    if isinstance(message.get("input"), str):
        if not secrets.clients:
            yield False, "input: is text, and the secrets have no client"
        for client in secrets.clients:
            yield from _client(message, client)
        return
    yield from _plain(message)


# --- a message as it stands ----------------------------------------------------------------------


def _plain(message: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    mended, deviations = mend(message)
    for one in deviations:
        yield False, f"{one} (taken by a centre that is lenient)"
    wrong = [*_broken(mended, "", ENVELOPE)]
    rule = TRANSACTIONS.get(str(mended.get("infno")))
    if rule is None:
        wrong.append("infno: is not served here")
    node = mended.get("input")
    if not isinstance(node, Mapping):
        wrong.append("input: must be an object")
    elif rule is not None:
        for expected in rule.input:
            wrong += _broken_node(node, expected)
    if not wrong:
        try:
            parse_request(mended)
        except MessageError as error:
            wrong.append(str(error))
    yield from ((False, one) for one in wrong)
    if not wrong and not deviations:
        yield True, "the message is in the form of the interface"


def _broken(node: Any, name: str, fields: FieldRules) -> Iterator[str]:
    for field in fields:
        try:
            check_fields(node, name, FieldRules((field,)))
        except MessageError as error:
            yield str(error)


def _broken_node(holder: Mapping[str, Any], rule: NodeRule) -> Iterator[str]:
    rows = holder.get(rule.name)
    if isinstance(rows, list) and rule.most:
        for row in rows[: rule.most]:
            yield from _broken(row, rule.name, rule.fields)
    elif isinstance(rows, Mapping) and not rule.most:
        yield from _broken(rows, rule.name, rule.fields)
    else:
        try:
            rule.check(holder)
        except MessageError as error:
            yield str(error)


# --- enciphered bodies ---------------------------------------------------------------------------


def _application(message: dict[str, Any], known: ApplicationKeys) -> Iterator[tuple[bool, str]]:
    enciphered, given = message.get("encData"), message.get("signData")
    if not isinstance(enciphered, str) or not isinstance(given, str):
        yield False, "encData and signData must be there, as text"
        return
    right = application_key(known.app_id, known.app_secret)
    others = [
        Reading(_sixteen(known.app_secret), "SM4 key is the appSecret itself: derive it (4.3)"),
        Reading(_sixteen(known.app_id), "SM4 key is the appId itself: derive it (4.3)"),
    ]
    opened, said = _open(enciphered, "encData", [*keys(right), *others], hex_wanted=True)
    yield from said
    if opened is None:
        return
    try:
        key = public_key(known.program_key)
    except GatewayCryptoError as error:
        yield False, str(error)
        return
    users = identities({"appSecret": known.app_secret, "appId": known.app_id})
    texts = codings(application_texts(message, opened, known.app_secret))
    yield _signature("signData", *find_reading(key, texts, users, signatures(given, "signData")))


def _client(message: dict[str, Any], known: ClientKeys) -> Iterator[tuple[bool, str]]:
    enciphered, given = message["input"], message.get("cainfo")
    right = known.client_id.encode()
    opened, said = _open(enciphered, "input", keys(right), hex_wanted=False)
    yield from said
    if opened is None:
        return
    if not isinstance(given, str) or not given:
        yield False, "cainfo: is missing: it is the signature of the JSON of input"
        return
    try:
        key = public_key(known.program_key)
    except GatewayCryptoError as error:
        yield False, str(error)
        return
    users = identities({"clientId": known.client_id})
    texts = codings(json_texts(opened, enciphered, "input"))
    yield _signature("cainfo", *find_reading(key, texts, users, signatures(given, "cainfo")))


def _signature(name: str, how: str | None, tried: int) -> tuple[bool, str]:
    if how is None:
        return False, f"{name}: agrees with none of {tried} readings: another key, or another text"
    if not how:
        return True, f"{name}: agrees"
    return False, f"{name}: agrees when it is read so: {how}"


def _open(
    text: str, name: str, known: list[Reading], *, hex_wanted: bool
) -> tuple[bytes | None, list[tuple[bool, str]]]:
    contents: list[Reading] = []
    text, broken = one_line(text, name)
    broken = "" if hex_wanted else broken  # blanks between hex digits are taken
    if re.fullmatch("(?:[0-9A-Fa-f]{2})+", text):
        contents.append(
            Reading(bytes.fromhex(text), "" if hex_wanted else f"{name}: is hex: must be Base64")
        )
    with suppress(binascii.Error, ValueError):
        coded = base64.b64decode(text, validate=True)
        contents.append(Reading(coded, f"{name}: is Base64: must be hex" if hex_wanted else ""))
    for content, coding in contents:
        for key, deviation in known:
            try:
                plain = decipher(key, content, name)
                json.loads(plain.decode("utf-8"))
            except UnicodeDecodeError:
                try:
                    plain = json.dumps(json.loads(plain.decode("gbk")), ensure_ascii=False).encode()
                except ValueError:
                    continue
                said = [broken, coding, deviation, f"{name}: its JSON is GBK: must be UTF-8"]
            except (GatewayCryptoError, ValueError, RecursionError):
                continue
            else:
                said = [broken, coding, deviation]
            wrong = [(False, one) for one in said if one]
            return plain, wrong or [(True, f"{name}: is enciphered rightly")]
    if not contents:
        return None, [(False, f"{name}: must be {'hex' if hex_wanted else 'Base64'}")]
    return None, [(False, f"{name}: is JSON under none of {len(known)} readings of the SM4 key")]


def _sixteen(text: str) -> bytes:
    return text.encode()[:16].ljust(16, b"\0")


# --- headers -------------------------------------------------------------------------------------


def _logins(
    headers: Mapping[str, str], body: bytes, secrets: GatewaySecrets
) -> Iterator[tuple[bool, str]]:
    if "_api_signature" in headers or "_api_access_key" in headers:
        yield _csb(headers, secrets)
    if "x-tif-signature" in headers:
        yield _tif(headers, secrets)
    if "x-ca-signature" in headers:
        yield _ca(headers, body, secrets)


def _csb(headers: Mapping[str, str], secrets: GatewaySecrets) -> tuple[bool, str]:
    missing = [name for name in (*SIGNED, "_api_signature") if not headers.get(name)]
    if missing:
        return False, f"{missing[0]}: is missing"
    secret = {one.access_key: one.secret_key for one in secrets.csb}.get(headers[SIGNED[0]])
    if secret is None:
        return False, "_api_access_key: is not in the secrets"
    given, key = headers["_api_signature"], secret.encode()
    text = csb_text(headers)
    unsorted = "&".join(f"{name}={headers[name]}" for name in headers if name in SIGNED)
    forms = {
        "": csb_signature(headers, secret),
        "is hex: must be Base64": hmac.new(key, text.encode(), sha1).hexdigest(),
        "is HMAC-SHA256: must be HMAC-SHA1": _b64(hmac.new(key, text.encode(), sha256).digest()),
        "the names are not sorted": _b64(hmac.new(key, unsorted.encode(), sha1).digest()),
        "the values are without names": _b64(
            hmac.new(key, "".join(headers[name] for name in SIGNED).encode(), sha1).digest()
        ),
        "is SHA-1 of text and key: must be HMAC-SHA1": _b64(sha1(text.encode() + key).digest()),
    }
    return _agrees("_api_signature", given, forms)


def _tif(headers: Mapping[str, str], secrets: GatewaySecrets) -> tuple[bool, str]:
    names = ("x-tif-paasid", "x-tif-timestamp", "x-tif-nonce")
    paasid, stamp, nonce = (headers.get(name, "") for name in names)
    token = {one.paasid: one.token for one in secrets.tif}.get(paasid)
    if token is None:
        return False, "x-tif-paasid: is not in the secrets"
    if len(stamp) > 12:
        return False, "x-tif-timestamp: is in milliseconds: must be in seconds"
    right = tif_signature(stamp, token, nonce)
    forms = {
        "": right,
        "is in capitals: must be small letters": right.upper(),
        "is Base64: must be hex": _b64(bytes.fromhex(right)),
        "the nonce stands before the token": tif_signature(stamp, nonce, token),
        "the second time is not in the text": sha256(f"{stamp}{token}{nonce}".encode()).hexdigest(),
    }
    return _agrees("x-tif-signature", headers["x-tif-signature"], forms)


def _ca(headers: Mapping[str, str], body: bytes, secrets: GatewaySecrets) -> tuple[bool, str]:
    secret = {one.key: one.secret for one in secrets.ca}.get(headers.get("x-ca-key", ""))
    if secret is None:
        return False, "x-ca-key: is not in the secrets"
    given = headers["x-ca-signature"]
    stamp, colon, proof = given.partition(":")
    if not colon:
        return False, "x-ca-signature: must be time, colon, HMAC-SM3 in hex"
    text = stamp.encode() + b"\n" + body
    forms = {
        "": ca_signature(secret, stamp, body),
        "is of HMAC-SHA256: must be HMAC-SM3": (
            f"{stamp}:{hmac.new(secret.encode(), text, sha256).hexdigest().upper()}"
        ),
        "the body is signed without its last line feed": ca_signature(
            secret, stamp, body.rstrip(b"\r\n")
        ),
        "the time is not in the text": f"{stamp}:"
        + ca_signature(secret, "", body).partition(":")[2],
    }
    return _agrees("x-ca-signature", f"{stamp}:{proof.upper()}", forms)


def _agrees(name: str, given: str, forms: Mapping[str, str]) -> tuple[bool, str]:
    for deviation, value in forms.items():
        if hmac.compare_digest(value.encode(), given.encode()):
            return (True, f"{name}: agrees") if not deviation else (False, f"{name}: {deviation}")
    return False, f"{name}: agrees with none of {len(forms)} readings: another secret or text"


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
