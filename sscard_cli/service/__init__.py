# SPDX-License-Identifier: Apache-2.0
"""``sscard service``: card services; each of its commands is imported when it is used."""

from __future__ import annotations

from typing import Final

import click

from sscard_chip.standard.errors import require
from sscard_cli.lazy import LazyGroup

_ROOM: Final = "sscard_cli.service"

# command -> (module, attribute, one-line help)
COMMANDS: Final = {
    "allocation-list": (f"{_ROOM}.lists", "allocation_list", "A month's allocations by levels."),
    "apply": (f"{_ROOM}.applications", "apply", "Apply for a card (申领, 补领, 换领)."),
    "arrive": (f"{_ROOM}.applications", "arrive", "A card is at its point, or posted (到卡)."),
    "audit": (f"{_ROOM}.audit", "audit", "Prove that no row of the audit was changed (审计)."),
    "authority": (f"{_ROOM}.papers", "authority", "The certificate that signs papers."),
    "batch": (f"{_ROOM}.applications", "batch", "Batches of issue: holders out, returns in."),
    "client": (f"{_ROOM}.client", "client", "Programs and clerks that may ask over HTTP."),
    "collect": (f"{_ROOM}.applications", "collect", "Hand a card over: it pays (领卡)."),
    "ecard": (f"{_ROOM}.ecard", "ecard", "Electronic card (电子社保卡): issue, show, read."),
    "hotlist": ("sscard_cli.settle.cards", "hotlist", "Write the hotlist (黑名单) for the tills."),
    "init": (f"{_ROOM}.init", "init", "Make a key file, and the ledger if there is none."),
    "ivr": (f"{_ROOM}.ivr", "ivr", "The hotline (电话自助): for Asterisk, or as text."),
    "kiosk": (f"{_ROOM}.kiosk", "kiosk", "Self-service terminal in a browser (自助终端)."),
    "lift": (f"{_ROOM}.loss", "lift", "Withdraw a temporary report (解挂)."),
    "loss": (f"{_ROOM}.loss", "loss", "Report a card lost: nothing is paid any more (挂失)."),
    "formal": (f"{_ROOM}.loss", "formal", "Report a card lost for good (正式挂失)."),
    "paper": (f"{_ROOM}.papers", "paper", "A paper with a seal (权益记录单, 参保证明, 领卡证明)."),
    "perform": (f"{_ROOM}.perform", "perform", "Any operation, its request a JSON document."),
    "person": (f"{_ROOM}.person", "person", "Persons and their insurance data: load a file."),
    "progress": (f"{_ROOM}.applications", "progress", "How far an application is (进度)."),
    "region": (f"{_ROOM}.region", "region", "A region's document: print the default, check one."),
    "review": (f"{_ROOM}.applications", "review", "Accept or reject an application (审核)."),
    "serve": (f"{_ROOM}.serve", "serve", "Serve the website and the interface over HTTP."),
    "verify": (f"{_ROOM}.papers", "verify", "Verify a paper by its code or its file."),
    "synthesize": (f"{_ROOM}.synthesize", "synthesize", "Invent the persons of a register."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def service() -> None:
    """Card services (卡服务): enquiry, loss, replacement, in every channel on one truth.

    \b
    Example:
      sscard service init --ledger city.db --service-keys service.keys
      sscard service person load persons.jsonl --ledger city.db --service-keys service.keys
      sscard service loss 990000200102030012 --ledger city.db --service-keys service.keys
    """
    require("service", "card services", "PIL", "argon2", "fastapi", "holidays")
