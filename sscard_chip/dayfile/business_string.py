# SPDX-License-Identifier: Apache-2.0
"""The second string of a card reading (pBusiCardInfo, sign): which card, when, and a proof.

Libraries of this field give it beside the card's own string, and later messages carry it:
``mdtrt_cert_no`` is 卡号 ``|`` business string, ``hcard_chkinfo`` the string alone. To a program
it is opaque Base64. Ours has the form of the one sample that is known (spec field.md, 1): 128
bytes, 10 digits of Unix time, 32 hex digits, together 228 characters of Base64 [M]. The 128
bytes are 卡识别码 (16; zeros for an identity card), 卡号 or identity number (NUL filled to 18),
30 of no meaning, and HMAC-SHA-512 (64) over the rest with the centre's key [ours].

>>> strings = BusinessStrings(bytes(range(32)))
>>> text = strings.sign(bytes(16), "Z00000001", at=1_760_000_000)
>>> len(text), strings.check(text, at=1_760_000_060).card_number
(228, 'Z00000001')
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha512
from typing import Final

from sscard_chip.standard.errors import InputError

KEY_LENGTH: Final = 32
"""Bytes of the centre's key."""
LENGTH: Final = 228
"""Characters."""
VALID_SECONDS: Final = 86_400
"""How long a string is taken: a day."""
_AHEAD_SECONDS: Final = 300
TEST_KEY: Final = bytes.fromhex("53534341524420627573696E65737320737472696E6720746573742D6B657921")
"""The key of test benches: what a centre and a library use where none is configured."""
NO_CARD: Final = bytes(16)
"""In place of a 卡识别码: an identity card was read."""
_CODE, _NUMBER, _FILL, _PROOF = 16, 18, 30, 64
_TIME_DIGITS: Final = 10
_NONCE_DIGITS: Final = 32
_SIGNED: Final = _CODE + _NUMBER + _FILL


class BusinessStringError(InputError):
    """A business string that is not to be believed: why, in a few words."""


@dataclass(frozen=True, slots=True, repr=False)
class CardReading:
    """What a business string says: the card, and when it was read (Unix time).

    Of an identity card ``card_id_code`` is :data:`NO_CARD`, and ``card_number`` its number.
    """

    card_id_code: bytes
    card_number: str
    at: int


class BusinessStrings:
    """Signs and checks business strings with the centre's key of 32 bytes.

    :raises ValueError: the key has another length.
    """

    def __init__(self, key: bytes, *, valid_seconds: int = VALID_SECONDS) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError(f"key: must be {KEY_LENGTH} bytes")
        self._key = key
        self._valid = valid_seconds

    def sign(self, card_id_code: bytes, card_number: str, *, at: int) -> str:
        """The string of a card (卡识别码 16 bytes, 卡号) that was read at ``at``, Unix time.

        Of an identity card: :data:`NO_CARD` and its number of 18 characters.

        :raises ValueError: not 16 bytes, or not 1 to 18 ASCII characters.
        """
        number = card_number.encode("ascii")
        if len(card_id_code) != _CODE or not 0 < len(number) <= _NUMBER:
            raise ValueError("card_id_code: must be 16 bytes, card_number: 1 to 18 characters")
        shown = card_id_code + number.ljust(_NUMBER, b"\0") + secrets.token_bytes(_FILL)
        tail = b"%010d%s" % (at, secrets.token_hex(_NONCE_DIGITS // 2).encode())
        return base64.b64encode(shown + self._proof(shown + tail) + tail).decode()

    def check(self, text: str, *, at: int) -> CardReading:
        """What it says, if this centre has signed it and it is not too old at ``at``.

        :raises BusinessStringError: why it is not to be believed.
        """
        if len(text) != LENGTH:
            raise BusinessStringError(f"must be {LENGTH} characters of Base64")
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise BusinessStringError("is not Base64") from None
        shown, rest = content[:_SIGNED], content[_SIGNED:]
        proof, tail = rest[:_PROOF], rest[_PROOF:]
        if not hmac.compare_digest(proof, self._proof(shown + tail)):
            raise BusinessStringError("is not signed by this centre")
        read = int(tail[:_TIME_DIGITS])
        if at - read > self._valid:
            raise BusinessStringError("is too old: read the card again")
        if read - at > _AHEAD_SECONDS:
            raise BusinessStringError("is of the future")
        number = shown[_CODE : _CODE + _NUMBER].rstrip(b"\0").decode("ascii")
        return CardReading(shown[:_CODE], number, read)

    def _proof(self, content: bytes) -> bytes:
        return hmac.new(self._key, content, sha512).digest()
