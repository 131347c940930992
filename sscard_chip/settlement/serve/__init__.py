# SPDX-License-Identifier: Apache-2.0
"""The process that tills talk to: a platform behind HTTP, for both databases (extra ``serve``).

::

    with MessageQueue(Platform(ledger, keys=store)) as queue:
        serve(queue, "127.0.0.1", 8097)      # until SIGTERM or SIGINT

Each request is a POST of one message of the national interface, to any path. On PostgreSQL many
messages are under way side by side; on SQLite one thread writes, and commits what has come
meanwhile as a group.
"""

from __future__ import annotations

from sscard_chip.settlement.serve.application import MOST_BODY, CentreApplication
from sscard_chip.settlement.serve.messages import MessageQueue, TooBusyError
from sscard_chip.settlement.serve.server import TlsFiles, serve, serve_application

__all__ = [
    "MOST_BODY",
    "CentreApplication",
    "MessageQueue",
    "TlsFiles",
    "TooBusyError",
    "serve",
    "serve_application",
]
