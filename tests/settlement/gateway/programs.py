# SPDX-License-Identifier: Apache-2.0
"""What a program of the field does on its side: its own signing and ciphering, and its mistakes.

The arithmetic is ``gmssl`` of PyPI, another implementation than the centre's.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gmssl import sm2, sm4

from sscard_chip.settlement.gateway.secrets import ApplicationKeys, ClientKeys, GatewaySecrets

CASES: Final[dict[str, Any]] = {
    one["name"]: one
    for one in json.loads(
        (Path(__file__).resolve().parents[3] / "vectors" / "gateway.json").read_text("utf-8")
    )["cases"]
}
SIGNATURE: Final = CASES["application-signature"]
PRIVATE: Final = SIGNATURE["inputs"]["private_key"]
PUBLIC: Final = SIGNATURE["inputs"]["public_key"]
APP_ID: Final = CASES["application-cipher"]["inputs"]["app_id"]
APP_SECRET: Final = CASES["application-cipher"]["inputs"]["app_secret"]
CLIENT_ID: Final = CASES["client-body"]["inputs"]["client_id"]
PROGRAM_KEY: Final = base64.b64encode(bytes.fromhex("04" + PUBLIC)).decode()
CENTRE_KEY: Final = base64.b64encode(bytes.fromhex("00" + PRIVATE)).decode()
SECRETS: Final = GatewaySecrets(
    applications=[ApplicationKeys(APP_ID, APP_SECRET, PROGRAM_KEY, CENTRE_KEY)],
    clients=[ClientKeys(CLIENT_ID, PROGRAM_KEY, CENTRE_KEY)],
)


def sign(content: bytes, user: str = "1234567812345678") -> bytes:
    """r || s of SM3withSM2 by gmssl; ``user`` is the user ID."""
    engine = sm2.CryptSM2(private_key=PRIVATE, public_key=PUBLIC)
    entitled = len(user.encode()) * 8
    curve = engine.ecc_table
    za = bytes.fromhex(
        f"{entitled:04x}{user.encode().hex()}{curve['a']}{curve['b']}{curve['g']}{PUBLIC}"
    )
    return sign_digest(bytes.fromhex(_sm3(bytes.fromhex(_sm3(za)) + content)))


def sign_digest(digest: bytes) -> bytes:
    """The same of e, however it was made."""
    engine = sm2.CryptSM2(private_key=PRIVATE, public_key=PUBLIC)
    return bytes.fromhex(engine.sign(digest, f"{int.from_bytes(digest) | 1:064x}"))


def verify(content: bytes, signature: bytes) -> bool:
    """By gmssl, with the default user ID."""
    engine = sm2.CryptSM2(private_key="", public_key=PUBLIC)
    return bool(engine.verify_with_sm3(signature.hex(), content))


def hashed(content: bytes) -> bytes:
    return bytes.fromhex(_sm3(content))


def _sm3(content: bytes) -> str:
    from gmssl import sm3

    return str(sm3.sm3_hash(list(content)))


def encipher(key: bytes, content: bytes) -> bytes:
    engine = sm4.CryptSM4()
    engine.set_key(key, sm4.SM4_ENCRYPT)
    return bytes(engine.crypt_ecb(content))


def decipher(key: bytes, content: bytes) -> bytes:
    engine = sm4.CryptSM4()
    engine.set_key(key, sm4.SM4_DECRYPT)
    return bytes(engine.crypt_ecb(content))


def der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_text(value: Any) -> Any:
    """Sorted, without empty members, numbers as text: written once more, from the page."""
    if isinstance(value, dict):
        return {
            name: as_text(one) for name, one in sorted(value.items()) if one not in (None, "", [])
        }
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


KEY: Final = CASES["application-cipher"]["expected"]["key"].encode()


def application_body(data: Any, **changes: Any) -> dict[str, Any]:
    """A right body of 4.3 a; ``changes`` are of how it is made, see the code."""
    head = {
        "version": "2.0.1",
        "appId": APP_ID,
        "encType": "SM4",
        "signType": "SM2",
        "timestamp": "1760000000000",
        "transType": "",
    }
    plain = changes.get("plain") or compact(as_text(data))
    parts = changes.get("parts") or [
        f"{name}={value}"
        for name, value in sorted({**head, "data": plain}.items(), key=lambda i: i[0].lower())
        if value != ""
    ]
    text = changes.get("text") or "&".join([*parts, f"key={APP_SECRET}"])
    signature = sign(
        text.encode(changes.get("coding", "utf-8")), changes.get("user", "12345678" * 2)
    )
    enciphered = encipher(changes.get("key", KEY), plain.encode(changes.get("json", "utf-8")))
    form = changes.get("form", b64)
    return head | {
        "encData": changes.get("enc", lambda c: c.hex().upper())(enciphered),
        "signData": form(changes.get("shape", lambda s: s)(signature)),
    }
