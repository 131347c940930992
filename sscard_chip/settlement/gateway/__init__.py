# SPDX-License-Identifier: Apache-2.0
"""What stands between programs and the centre: log-ins, ciphers, files, faults (extra ``serve``).

::

    gateway = Gateway(make_login("csb", secrets), secrets, FaultPlan(load_faults("faults.toml")))
    opened = gateway.open(GatewayRequest("/CSB", headers, body))     # raises AnsweredError
    answer = opened.close(platform.handle_json(opened.body))
"""

from __future__ import annotations

from sscard_chip.settlement.gateway.crypto import GatewayCryptoError
from sscard_chip.settlement.gateway.faults import (
    FaultPlan,
    FaultsDocument,
    FaultsError,
    GatewayFault,
    load_faults,
)
from sscard_chip.settlement.gateway.gateway import Gateway, OpenedMessage
from sscard_chip.settlement.gateway.http import AnsweredError, GatewayRequest, HttpAnswer
from sscard_chip.settlement.gateway.logins import LOGINS, Login, LoginRefusedError, make_login
from sscard_chip.settlement.gateway.secrets import GatewaySecrets, SecretsError, load_secrets

__all__ = [
    "LOGINS",
    "AnsweredError",
    "FaultPlan",
    "FaultsDocument",
    "FaultsError",
    "Gateway",
    "GatewayCryptoError",
    "GatewayFault",
    "GatewayRequest",
    "GatewaySecrets",
    "HttpAnswer",
    "Login",
    "LoginRefusedError",
    "OpenedMessage",
    "SecretsError",
    "load_faults",
    "load_secrets",
    "make_login",
]
