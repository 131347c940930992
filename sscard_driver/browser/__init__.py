# SPDX-License-Identifier: Apache-2.0
"""The browser bridge: what pages of hospitals ask on the machine that they are shown on.

``sscard bridge`` serves it (docs/bridge.md). A page speaks one of the dialects of
:data:`.dialects.DIALECTS` over WebSocket or HTTP; behind them is the terminal of the libraries
(:mod:`sscard_driver.terminal`), whose cards a tester puts in and out (:mod:`.hands`).
"""

__all__ = [
    "application",
    "dialects",
    "guard",
    "hands",
    "server",
]
