# SPDX-License-Identifier: Apache-2.0
"""The platform's side of loads (账户划入): messages in, what the host says out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sscard_chip.dayfile.authoriser import CentreError, CentreNoAnswerError, CentreRefusedError
from sscard_chip.dayfile.load_messages import (
    LOAD_BEGIN,
    LOAD_DUE,
    decode_card,
    decode_done,
    decode_request,
)
from sscard_chip.settlement.ledger import LedgerUnavailableError
from sscard_chip.settlement.loading import LoadHost
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.fields import MessageError


def answer_load(host: LoadHost | None, request: Request) -> dict[str, Any]:
    """The output of a message about a load; its time is the terminal's.

    :raises MessageError: the centre has no keys, a field is malformed, or the host refuses.
    :raises LedgerUnavailableError: the ledger or the keys cannot be used.
    """
    if host is None:
        raise MessageError("infno: loads are not served here: the centre has no keys")
    node = request.input.get("data")
    if not isinstance(node, Mapping):
        raise MessageError("input: data: must be an object")
    try:
        return {"loadinfo": _ask(host, request, node)}
    except ValueError as error:
        raise MessageError(f"data: {error}") from None
    except CentreRefusedError as error:
        raise MessageError(str(error)) from None
    except CentreError as error:
        failure = LedgerUnavailableError(str(error))
        failure.begun = isinstance(error, CentreNoAnswerError)
        raise failure from None


def _ask(host: LoadHost, request: Request, node: Mapping[str, Any]) -> dict[str, Any]:
    if request.infno == LOAD_DUE:
        due = host.due(decode_card(node), str(node.get("card_number")), request.time)
        return {"due_fen": due.fen, "number": due.number, "key_index": due.key_index}
    if request.infno == LOAD_BEGIN:
        grant = host.authorise(decode_request(node, request.time))
        return {"host_time": grant.time, "mac2": grant.mac2.hex().upper()}
    card, number, tac = decode_done(node)
    host.confirm(card, number, tac, request.time)
    return {}
