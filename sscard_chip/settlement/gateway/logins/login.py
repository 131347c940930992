# SPDX-License-Identifier: Apache-2.0
"""What every log-in is: a check of one request at a time of the centre's clock."""

from __future__ import annotations

import json
from typing import Final, Protocol

from sscard_chip.settlement.gateway.http import AnsweredError, GatewayRequest, HttpAnswer

WINDOW_SECONDS: Final = 1800
"""How far a time stamp may be off the centre's clock: half an hour [H of CSB]."""


class LoginRefusedError(AnsweredError):
    """HTTP 401 with ``{"code": 401, "message": …}``; ``why`` is the message."""

    def __init__(self, why: str) -> None:
        body = json.dumps({"code": 401, "message": why}, ensure_ascii=False).encode()
        super().__init__(HttpAnswer(401, body))
        self.args = (why,)
        self.why = why


class Login(Protocol):
    """A log-in."""

    def check(self, request: GatewayRequest, now: float) -> None:
        """See that a request may come in at ``now``, Unix time.

        :raises LoginRefusedError: it may not.
        :raises AnsweredError: it was for the log-in itself, and has its answer.
        """


class NoLogin:
    """Whoever reaches the port may send."""

    def check(self, request: GatewayRequest, now: float) -> None:
        """Nothing to see."""
