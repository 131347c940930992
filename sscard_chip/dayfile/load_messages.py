# SPDX-License-Identifier: Apache-2.0
"""Loads (账户划入) as messages in the envelope of the national interface; the numbers are ours.

The national interface has no message for them. Each may be sent again: a load is known by the
card and its 划入序号, and not by a msgid.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from sscard_chip.dayfile.authoriser import CentreNoAnswerError, CentreRefusedError
from sscard_chip.dayfile.centre import Send
from sscard_chip.dayfile.envelope import FAILURE, SUCCESS, make_request
from sscard_chip.dayfile.loads import LoadDue, LoadGrant, LoadRequest

LOAD_DUE: Final = "2106A"
"""What a card is to get [ours]: card_sn, card_number; the answer due_fen, number, key_index."""
LOAD_BEGIN: Final = "2106B"
"""MAC2 of a load [ours]: what INITIALIZE FOR LOAD was asked and answered; host_time, mac2."""
LOAD_DONE: Final = "2106C"
"""A load is on its card [ours]: card_sn, number, tac."""
LOAD_MESSAGES: Final = frozenset({LOAD_DUE, LOAD_BEGIN, LOAD_DONE})


class PlatformLoads:
    """A :class:`~sscard_chip.dayfile.loads.LoadCentre` that asks by messages.

    ``send`` carries a request to the centre, as for
    :class:`~sscard_chip.dayfile.centre.PlatformAuthoriser`; ``institution`` is the fixmedins_code
    (12 characters), ``division`` that of the place (6 digits).
    """

    def __init__(self, send: Send, institution: str, division: str) -> None:
        self._send = send
        self._institution = institution
        self._division = division

    def due(self, card_id_code: bytes, card_number: str, time: str) -> LoadDue:
        """See the protocol."""
        node = {"card_sn": card_id_code.hex().upper(), "card_number": card_number}
        info = self._ask(LOAD_DUE, time, node)
        number = info.get("number")
        return LoadDue(_whole(info, "due_fen"), number, _whole(info, "key_index"))

    def authorise(self, request: LoadRequest) -> LoadGrant:
        """See the protocol."""
        info = self._ask(LOAD_BEGIN, request.time, encode_request(request), request.terminal_id)
        time, mac2 = info.get("host_time"), info.get("mac2")
        if not isinstance(time, str) or not isinstance(mac2, str):
            raise CentreNoAnswerError("the answer cannot be read")
        try:
            return LoadGrant(time, bytes.fromhex(mac2))
        except ValueError:
            raise CentreNoAnswerError("the answer cannot be read") from None

    def confirm(self, card_id_code: bytes, number: int, tac: bytes, time: str) -> None:
        """See the protocol."""
        node = {"card_sn": card_id_code.hex().upper(), "number": number, "tac": tac.hex().upper()}
        self._ask(LOAD_DONE, time, node)

    def _ask(
        self, infno: str, time: str, node: Mapping[str, Any], terminal_id: str = "0" * 12
    ) -> Mapping[str, Any]:
        msgid = f"{self._institution}{time}{secrets.randbelow(10_000):04d}"
        request = make_request(
            infno, msgid, time, self._division, "", {"data": node}, operator=terminal_id
        )
        answer = self._send(request)
        if answer.get("infcode") == FAILURE:
            raise CentreRefusedError(str(answer.get("err_msg") or "refused"))
        output = answer.get("output")
        info = output.get("loadinfo") if isinstance(output, Mapping) else None
        if answer.get("infcode") != SUCCESS or not isinstance(info, Mapping):
            raise CentreNoAnswerError("the answer cannot be read")
        return info


def encode_request(request: LoadRequest) -> dict[str, Any]:
    """A request as the node of a message; bytes in hex."""
    return {
        "card_sn": request.card_id_code.hex().upper(),
        "card_number": request.card_number,
        "terminal_id": request.terminal_id,
        "algorithm": request.algorithm,
        "amount_fen": request.amount_fen,
        "balance_fen": request.balance_fen,
        "number": request.number,
        "key_version": request.key_version,
        "random": request.random.hex().upper(),
        "mac1": request.mac1.hex().upper(),
    }


def decode_request(node: Mapping[str, Any], time: str) -> LoadRequest:
    """The request in a node; ``time`` is that of its message.

    :raises ValueError: a value is missing or of another type; its text names the field.
    """
    return LoadRequest(
        _bytes(node, "card_sn", 16),
        _text(node, "card_number"),
        _text(node, "terminal_id"),
        time,
        _text(node, "algorithm"),
        whole_of(node, "amount_fen"),
        whole_of(node, "balance_fen"),
        whole_of(node, "number"),
        whole_of(node, "key_version"),
        _bytes(node, "random", 4),
        _bytes(node, "mac1", 4),
    )


def decode_card(node: Mapping[str, Any]) -> bytes:
    """卡识别码 of a node; ValueError as :func:`decode_request`."""
    return _bytes(node, "card_sn", 16)


def decode_done(node: Mapping[str, Any]) -> tuple[bytes, int, bytes]:
    """卡识别码, number and TAC of a node; ValueError as :func:`decode_request`."""
    return decode_card(node), whole_of(node, "number"), _bytes(node, "tac", 4)


def whole_of(node: Mapping[str, Any], name: str) -> int:
    """A whole number of at most ten digits; ValueError as :func:`decode_request`."""
    value = node.get(name)
    if type(value) is not int or not 0 <= value < 10**10:
        raise ValueError(f"{name}: must be a whole number")
    return value


def _text(node: Mapping[str, Any], name: str) -> str:
    value = node.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 32 or not value.isprintable():
        raise ValueError(f"{name}: must be a text of at most 32 characters")
    return value


def _bytes(node: Mapping[str, Any], name: str, length: int) -> bytes:
    value = node.get(name)
    rule = f"{name}: must be {2 * length} hex digits"
    if not isinstance(value, str) or len(value) != 2 * length:
        raise ValueError(rule)
    try:
        found = bytes.fromhex(value)
    except ValueError:
        raise ValueError(rule) from None
    if len(found) != length:
        raise ValueError(rule)
    return found


def _whole(info: Mapping[str, Any], name: str) -> int:
    try:
        return whole_of(info, name)
    except ValueError:
        raise CentreNoAnswerError("the answer cannot be read") from None
