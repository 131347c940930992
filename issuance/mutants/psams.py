# SPDX-License-Identifier: Apache-2.0
"""Faulty PSAMs."""

from __future__ import annotations

from typing import Any, Final

from issuance.mutants.answers import (
    body_of,
    constant_challenge,
    flipped,
    on_command,
    word_instead,
)
from issuance.mutants.model import Fault, FaultyCard, Mutant

_OK: Final = b"\x90\x00"
_P: Final = "SSC-32.9-DES-"


def _psam(name: str, wrong: str, caught_by: str, fault: Fault | None = None, **more: Any) -> Mutant:
    return Mutant(
        name=f"psam-{name}", wrong=wrong, caught_by=caught_by, fault=fault, judged="psam", **more
    )


def _number_stays(card: FaultyCard, apdu: bytes) -> bytes:
    """The terminal's number is always the first one."""
    answer = card.right(apdu)
    if apdu[1] not in (0x70, 0xC0):
        card.kept["other"] = b"1"
    if apdu[1] == 0x70:
        card.kept.pop("other", None)
    if apdu[1] == 0xC0 and "other" not in card.kept and len(answer) == 10:
        first = card.lasting.setdefault("first", answer[:4])
        return first + answer[4:]
    return answer


def _counts_late(card: FaultyCard, apdu: bytes) -> bytes:
    """0019 shows the number before the last."""
    answer = card.right(apdu)
    if apdu[1] == 0xA4:
        card.kept["file"] = apdu[-2:]
    if apdu[1] == 0xB0 and card.kept.get("file") == b"\x00\x19" and len(answer) == 6:
        return max(int.from_bytes(answer[:4]) - 1, 0).to_bytes(4) + answer[4:]
    return answer


def _credit_again(card: FaultyCard, apdu: bytes) -> bytes:
    """MAC2 that was right once is right for ever."""
    if apdu[1] == 0x72 and card.kept.get("right") == apdu:
        return _OK
    answer = card.right(apdu)
    if apdu[1] == 0x72 and answer == _OK:
        card.kept["right"] = apdu
    return answer


def _keys_are_read(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    if apdu[1] == 0xA4:
        card.kept["file"] = apdu[-2:]
    inside = card.kept.get("file", b"") in (b"\x00\x11", b"\x00\x12", b"\x00\x13")
    return bytes(16) + _OK if apdu[1] == 0xB0 and inside and answer[0] >= 0x69 else answer


def _without_initial_value(card: FaultyCard, apdu: bytes) -> bytes:
    """MACs begin with 00 whatever initial value was sent."""
    if apdu[1] == 0xFA and apdu[2] in (0x05, 0x07):
        block = 8 if len(apdu) < 5 + 32 else 16
        apdu = apdu[:5] + bytes(block) + apdu[5 + block :]
    return card.right(apdu)


def _any_amount(card: FaultyCard, apdu: bytes) -> bytes:
    """MAC1 is always over an account amount of 0."""
    if apdu[1] == 0x70:
        apdu = apdu[:11] + bytes(4) + apdu[15:]
    return card.right(apdu)


def _purchase_of_version_one(card: FaultyCard, apdu: bytes) -> bytes:
    """Every purchase key is that of version 1."""
    if apdu[1] == 0x70 and apdu[31] in (2, 3):
        apdu = apdu[:31] + b"\x01" + apdu[32:]
    return card.right(apdu)


def _any_level(card: FaultyCard, apdu: bytes) -> bytes:
    """A wrong number of factors is taken."""
    answer = card.right(apdu)
    return _OK if apdu[1] == 0xDE and answer in (b"\x6a\x80", b"\x67\x00") else answer


def _one_factor(card: FaultyCard, apdu: bytes) -> bytes:
    """The last bytes of the card's factor do not count."""
    if apdu[1] == 0xDE:
        apdu = apdu[:12] + b"\0" + apdu[13:]
    return card.right(apdu)


def _key_index(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    if apdu[1] == 0xA4:
        card.kept["file"] = apdu[-2:]
    inside = apdu[1] == 0xB0 and card.kept.get("file") == b"\x00\x1a"
    return b"\x09" + answer[1:] if inside and len(answer) == 12 else answer


PSAMS: Final = (
    _psam("number-stays", "INIT SAM gives one number for ever", _P + "INIT-06", _number_stays),
    _psam("number-behind", "0019 is one behind what INIT SAM gives", _P + "INIT-05", _counts_late),
    _psam("mac1-wrong", "MAC1 is wrong", _P + "INIT-01", body_of(0x70, flipped)),
    _psam("mac1-without-amount", "MAC1 does not cover the account's part", _P + "INIT-04",
          _any_amount),
    _psam("one-purchase-key", "Versions 2 and 3 of the purchase key are version 1", _P + "INIT-02",
          _purchase_of_version_one),
    _psam("any-version", "An unknown key version answers 6A80", _P + "INIT-07",
          word_instead(0x70, "6A88", "6A80")),
    _psam("any-mac2", "Every MAC2 is right", _P + "CREDIT-03", word_instead(0x72, "9302", "9000")),
    _psam("mac2-again", "MAC2 is taken twice", _P + "CREDIT-05", _credit_again),
    _psam("credit-alone", "CREDIT SAM without INIT SAM answers 6985", _P + "CREDIT-01",
          word_instead(0x72, "6901", "6985")),
    _psam("key-stays", "An encryption leaves its key", _P + "CIPHER-08",
          word_instead(0xFA, "6901", "9000")),
    _psam("irk-macs", "IRK makes MACs", _P + "KEY-01", word_instead(0xFA, "6985", "6104")),
    _psam("cryptogram-wrong", "The cryptogram is wrong", _P + "CIPHER-05", body_of(0xFA, flipped)),
    _psam("mac-of-eight", "A MAC has eight bytes", _P + "CIPHER-21",
          body_of(0xFA, lambda data: data + bytes(4) if len(data) == 4 else data)),
    _psam("initial-value", "The initial value of a MAC does not count", _P + "CIPHER-26",
          _without_initial_value),
    _psam("any-level", "Any number of factors is taken", _P + "DELIVER-03", _any_level),
    _psam("factor-cut", "A byte of the card's factor does not count", _P + "DELIVER-07",
          _one_factor),
    _psam("delivers-purchase", "A purchase key is delivered", _P + "DELIVER-05",
          on_command(0xDE, lambda apdu, answer: _OK if apdu[2] & 0x1F == 2 else answer)),
    _psam("challenge-constant", "The challenge is always the same", _P + "CHALLENGE-04",
          constant_challenge),
    _psam("keys-are-read", "Key files are read", _P + "FILES-14", _keys_are_read),
    _psam("writes-free", "Public files are written without a key", _P + "FILES-17",
          word_instead(0xD6, "6982", "9000")),
    _psam("file-with-fci", "SELECT of a file announces data", _P + "SELECT-04",
          on_command(0xA4, lambda apdu, answer: b"\x61\x08" if apdu[2] == 2 and answer == _OK
                     else answer)),
    _psam("proof-without-challenge", "A proof without challenge answers 9000",
          _P + "EXTERNAL-01", word_instead(0x82, "6984", "9000")),
    _psam("proof-again", "A challenge is good for two proofs", _P + "EXTERNAL-11",
          word_instead(0x82, "6984", "9000")),
    _psam("any-level-writes", "KID-01 writes what is the city's", _P + "EXTERNAL-21",
          word_instead(0xD6, "6982", "9000")),
    _psam("keys-without-right", "A key is brought without a right", _P + "LOAD-01",
          word_instead(0xD4, "6982", "9000")),
    _psam("keys-of-any-mac", "A key with a wrong MAC is taken", _P + "LOAD-31",
          word_instead(0xD4, "6988", "9000")),
    _psam("keys-lost", "CREATE KEY answers 9000 and brings nothing", _P + "LOAD-11",
          lambda card, apdu: _OK if apdu[1] == 0xD4 else card.right(apdu)),
    _psam("of-another-city", "The keys are those of another city", _P + "KEY-101",
          city="510400"),
    _psam("key-index", "001A names a key index that no card has", _P + "FILES-18", _key_index),
    _psam("tries-stand", "Wrong proofs cost no try", _P + "EXTERNAL-32",
          on_command(0x82, lambda _, answer: b"\x63\xc3" if answer[:1] == b"\x63" else answer)),
    _psam("any-key-file", "A key goes into 0011 whatever file is named", _P + "LOAD-35",
          lambda card, apdu: card.right(apdu[:3] + b"\x11" + apdu[4:]) if apdu[1] == 0xD4
          and apdu[3] not in (0x11, 0x12, 0x13) else card.right(apdu)),
    _psam("one-environment", "The name of the SM4 environment selects that of DES",
          _P + "SELECT-09", lambda card, apdu: card.right(apdu[:7] + b"1" + apdu[8:])
          if apdu[1] == 0xA4 and apdu[5:8] == b"sx3" else card.right(apdu)),
    _psam("no-mf", "The MF is not selected by its FID", _P + "SELECT-10",
          lambda card, apdu: b"\x6a\x82" if apdu[5:7] == b"\x3f\x00" else card.right(apdu)),
    _psam("any-class", "CIPHER DATA is taken under every class", _P + "CLASS-03",
          lambda card, apdu: card.right(b"\x80" + apdu[1:] if apdu[1] == 0xFA else apdu)),
)  # fmt: skip
