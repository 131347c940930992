# SPDX-License-Identifier: Apache-2.0
"""Other readings of signatures, keys and texts: what programs of the field get wrong (4.3).

Each is a value and how it deviates; an empty deviation is the right reading.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sscard_chip.security.sm2 import CURVE, DEFAULT_IDENTITY, Sm2PublicKey, sm3
from sscard_chip.settlement.gateway.crypto.text import (
    NOT_SIGNED,
    as_written,
    signed_text,
    sorted_json,
)

MOST_DEVIATIONS: Final = 3
"""Deviations at once that are tried."""
_HALF: Final = 32
_HEX: Final = re.compile("(?:[0-9A-Fa-f]{2})+")


class Reading(NamedTuple):
    """A value as somebody may have meant it."""

    value: Any
    deviation: str


def signatures(text: str, name: str) -> list[Reading]:
    """r || s of a signature in the codings of the field, the right one first."""
    found: list[Reading] = []
    plain, broken = one_line(text, name)
    for content, coding in _bytes_of(plain, name):
        for value, form in _pairs(content):
            how = "; ".join(part for part in (broken, coding, form and f"{name}: {form}") if part)
            found.append(Reading(value, how))
    return sorted(found, key=lambda one: one.deviation != "")


def one_line(text: str, name: str) -> tuple[str, str]:
    """A text without the line breaks that encoders of Base64 put in, and what is said of them."""
    plain = "".join(text.split())
    return plain, "" if plain == text else f"{name}: has line breaks or blanks: must be one line"


def _bytes_of(plain: str, name: str) -> Iterator[tuple[bytes, str]]:
    if _HEX.fullmatch(plain):
        yield bytes.fromhex(plain), f"{name}: is hex: must be Base64"
    try:
        content = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return
    padded = "" if len(plain) % 4 == 0 else f"{name}: lacks the = at the end"
    yield content, padded
    if content and re.fullmatch(rb"(?:[0-9A-Fa-f]{2})+", content):
        yield bytes.fromhex(content.decode()), f"{name}: is Base64 of hex letters: must be of bytes"


def _pairs(content: bytes) -> Iterator[tuple[bytes, str]]:
    size = len(content)
    if size == 2 * _HALF:
        yield content, ""
    if content[:1] == b"\x30":
        with suppress(ValueError, OverflowError):
            r, s = decode_dss_signature(content)
            yield r.to_bytes(_HALF) + s.to_bytes(_HALF), "is DER: must be r and s, 64 bytes"
    longer = "has 00 before r or s: must be 32 bytes each"
    if size == 2 * _HALF + 1:
        for at in (0, _HALF):
            if content[at] == 0:
                yield content[:at] + content[at + 1 :], longer
    if size == 2 * _HALF + 2 and content[0] == content[_HALF + 1] == 0:
        yield content[1 : _HALF + 1] + content[_HALF + 2 :], longer
    if 2 * _HALF - 2 <= size < 2 * _HALF:
        for cut in range(size - _HALF, _HALF + 1):
            halves = (content[:cut], content[cut:])
            yield (
                b"".join(one.rjust(_HALF, b"\0") for one in halves),
                "lacks a leading 00 of r or s: must be 32 bytes each",
            )


def identities(named: Mapping[str, str]) -> list[Reading]:
    """User IDs, the default one first; ``named`` are others by what they are called."""
    rest = [
        Reading(value.encode(), f"user ID is the {name}: must be the default one")
        for name, value in named.items()
    ]
    return [
        Reading(DEFAULT_IDENTITY, ""),
        *rest,
        Reading(b"", "user ID is empty: must be the default one"),
    ]


def keys(value: bytes) -> list[Reading]:
    """16-byte keys for SM4 out of the key's letters, the right one first."""
    text = value.decode("ascii", "replace")
    found = [Reading(value, "")]
    hexed = "".join(one for one in text if one in "0123456789abcdefABCDEF")
    raw = bytes.fromhex(hexed[: len(hexed) // 2 * 2])
    found.append(Reading(raw.ljust(16, b"\0")[:16], "SM4 key is read as hex: take its 16 letters"))
    found.append(Reading(value.lower(), "SM4 key is in small letters: must be capitals"))
    return [one for at, one in enumerate(found) if one.value not in [o.value for o in found[:at]]]


# --- texts ---------------------------------------------------------------------------------------


def application_texts(message: Mapping[str, Any], plain: bytes, secret: str) -> Iterator[Reading]:
    """Texts of 4.3 a, the right one first: each way in which it is built wrongly, then two."""
    data, written = json.loads(plain), as_written(plain)
    right = signed_text(message, written, secret)
    yield Reading(_encoded(right), "")
    order = {"": "", "as they came": "the names are not sorted", "capitals": "the names are sorted"
             " with capitals before small letters"}  # fmt: skip
    data_forms = {
        "": sorted_json(written),
        "data: its names are sorted without regard to capitals": _dump(
            written, empty=False, numbers=False, order=str.lower
        ),
        "data: its numbers are not as they stand in encData": sorted_json(data),
        "data: is not sorted, or has empty members, or blanks": plain.decode("utf-8", "replace"),
        "data: has empty members": _dump(written, empty=True, numbers=False),
        "data: has numbers, not text": _dump(data, empty=False, numbers=True),
        "data: has numbers and empty members": _dump(data, empty=True, numbers=True),
        "data: is not signed": None,
    }
    seen = {right}
    choices = product(order, data_forms, (False, True), (False, True), (True, False))
    ranked = sorted(choices, key=lambda c: (c[0] != "") + (c[1] != "") + c[2] + c[3] + (not c[4]))
    for sorting, form, empties, extras, with_key in ranked:
        said = [order[sorting], form]
        said.append("empty members are in the text" if empties else "")
        said.append("encData or extra is in the text" if extras else "")
        said.append("" if with_key else "the text lacks &key=")
        said = [one for one in said if one]
        if len(said) > MOST_DEVIATIONS:
            continue
        text = _text(message, data_forms[form], secret, sorting, empties, extras, with_key)
        if text not in seen:
            seen.add(text)
            yield Reading(_encoded(text), "; ".join(said))


def _text(
    message: Mapping[str, Any],
    data: str | None,
    secret: str,
    sorting: str,
    empties: bool,
    extras: bool,
    with_key: bool,
) -> str:
    members = {
        name: ("" if value is None else value if isinstance(value, str) else _dump_one(value))
        for name, value in message.items()
        if name != "signData"
        and (extras or name not in NOT_SIGNED)
        and (empties or value not in (None, "", []))
    }
    if data is not None:
        members["data"] = data
    names = list(members)
    if sorting == "":
        names.sort(key=str.lower)
    elif sorting == "capitals":
        names.sort()
    parts = [f"{name}={members[name]}" for name in names]
    return "&".join(parts + ([f"key={secret}"] if with_key else []))


def _dump_one(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _dump(
    value: Any, *, empty: bool, numbers: bool, order: Callable[[str], str] | None = None
) -> str:
    def form(one: Any) -> Any:
        if isinstance(one, Mapping):
            kept = {n: v for n, v in one.items() if empty or v not in (None, "", [])}
            return {name: form(kept[name]) for name in sorted(kept, key=order)}
        if isinstance(one, list):
            return [form(inner) for inner in one]
        if isinstance(one, str) or numbers or one is None:
            return one
        return str(one).lower() if isinstance(one, bool) else str(one)

    return _dump_one(form(value))


def json_texts(plain: bytes, cipher_text: str, name: str) -> Iterator[Reading]:
    """Texts of 4.3 b, the right one first."""
    yield Reading(plain, "")
    value = json.loads(plain)
    others = {
        "the text has blanks": json.dumps(value, ensure_ascii=False),
        "the text is sorted": json.dumps(
            value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ),
        f"what is signed is the enciphered {name}: must be the JSON before": cipher_text,
        "the text is compact JSON, what is enciphered is not": _dump_one(value),
    }
    for deviation, text in others.items():
        yield Reading(_encoded(text), deviation)


def codings(texts: Iterable[Reading]) -> Iterator[Reading]:
    r"""Every text in UTF-8, then with ``\u`` escapes, in GBK, quoted, and hashed before."""
    kept = []
    for one in texts:
        kept.append(one)
        yield one
    for value, deviation in kept:
        text = value.decode("utf-8", "replace")
        for other, why in (
            (_escaped(text), "the text has \\u escapes: must be UTF-8"),
            (text.encode("gbk", "replace"), "the text is GBK: must be UTF-8"),
            (quote(text, safe="=&", errors="replace").encode(), "the text is quoted as in a URL"),
            (sm3(value), "the text is hashed with SM3 before it is signed"),
            (sm3(value).hex().upper().encode(), "what is signed is the hex of an SM3 hash"),
        ):
            if other != value:
                yield Reading(other, "; ".join(part for part in (deviation, why) if part))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _escaped(text: str) -> bytes:
    return "".join(one if one.isascii() else json.dumps(one)[1:-1] for one in text).encode()


def find_reading(
    key: Sm2PublicKey, texts: Iterable[Reading], users: list[Reading], given: list[Reading]
) -> tuple[str | None, int]:
    """How a signature must be read to agree, empty where it is right; None where it never does.

    The second is how many readings were tried.
    """
    tried = 0
    hashed = [*_hashes(key, users)]
    for text in texts:
        for digest_of, how in hashed:
            digest = digest_of(text.value)
            for value, form in given:
                tried += 1
                if key.verify_digest(digest, value):
                    return "; ".join(one for one in (form, how, text.deviation) if one), tried
    return None, tried


def _hashes(
    key: Sm2PublicKey, users: list[Reading]
) -> Iterator[tuple[Callable[[bytes], bytes], str]]:
    """e of a text, the right one first: other owners, Z out of Java's BigInteger, no Z at all."""
    for user in users:
        yield Sm2PublicKey(key.value, user.value).digest, user.deviation
    numbers = CURVE + key.value
    signed = b"".join(_as_java(numbers[at : at + _HALF]) for at in range(0, len(numbers), _HALF))
    za = sm3((8 * len(DEFAULT_IDENTITY)).to_bytes(2) + DEFAULT_IDENTITY + signed)
    yield lambda text: sm3(za + text), "Z has 00 before its numbers: they must be 32 bytes each"
    yield sm3, "Z is left out of the hash"


def _as_java(number: bytes) -> bytes:
    """BigInteger.toByteArray: 00 before a first bit of 1, and none that is not needed."""
    value = int.from_bytes(number)
    return value.to_bytes(value.bit_length() // 8 + 1)
