# SPDX-License-Identifier: Apache-2.0
"""A connection through a hook."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sscard_chip.reader import ContactInterface
from sscard_chip.reader.failures import ReaderError
from sscard_chip.reader.relay import RelayedConnection
from tests.reader.toy_card import ATR, NAME, ToyCard

SELECT = bytes.fromhex(f"00a404000f{NAME.hex()}")


def test_without_a_hook_everything_passes() -> None:
    card = ToyCard()
    relayed = RelayedConnection(ContactInterface(card))
    assert relayed.atr == ATR
    assert relayed.transmit(SELECT) == b"\x61\x18"
    relayed.power_off()
    assert relayed.power_on() == relayed.reset() == ATR
    assert card.power_log == ["on", "off", "on", "reset"]


def test_a_hook_may_send_another_command_several_or_none() -> None:
    card = ToyCard()

    def hook(command: bytes, send: Callable[[bytes], bytes]) -> bytes:
        if command == b"\x00\x20\x00\x00":
            return b"\x63\xc2"
        send(SELECT)
        return send(bytes.fromhex("00c0000018"))[-2:]

    relayed = RelayedConnection(ContactInterface(card), hook)
    assert relayed.transmit(b"\x00\x20\x00\x00") == b"\x63\xc2"
    assert card.log == []
    assert relayed.transmit(b"\x00\xb0\x00\x00") == b"\x90\x00"
    assert card.log == [SELECT]


def test_a_hook_that_gives_no_bytes() -> None:
    relayed = RelayedConnection(ContactInterface(ToyCard()), lambda *_: None)  # type: ignore[arg-type]
    with pytest.raises(ReaderError, match="the hook gives no bytes"):
        relayed.transmit(SELECT)
