# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: the settlement centre; each of its commands is imported when it is used."""

from __future__ import annotations

import os
from typing import Final

import click

from sscard_cli.lazy import LazyGroup

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
"""Arrow reads it as it is imported: else a pool of its own keeps what a day has needed, a tenth of
a gibibyte."""

_ROOM: Final = "sscard_cli.settle"

# command -> (module, attribute, one-line help)
COMMANDS: Final = {
    "allocate": (f"{_ROOM}.ledger", "allocate", "Post a monthly allocation (划入) to accounts."),
    "allocation-list": (f"{_ROOM}.lists", "allocation_list", "Write an allocation file (划入)."),
    "anchor": (f"{_ROOM}.books", "anchor_", "Chain what is posted, print the anchor (锚)."),
    "balances": (f"{_ROOM}.books", "balances", "Every account with its balance (余额)."),
    "card-list": (f"{_ROOM}.ledger", "card_list", "Write the register of some card images."),
    "card-replace": (f"{_ROOM}.cards", "card_replace", "Give an account to a new card (补换卡)."),
    "card-status": (f"{_ROOM}.cards", "card_status", "A card's status: 挂失, 解挂, 注销."),
    "cards": (f"{_ROOM}.ledger", "cards", "Load a register of cards, open their accounts."),
    "check": (f"{_ROOM}.books", "check", "Prove that the books balance."),
    "claim": (f"{_ROOM}.claims", "claim", "Monthly claims of pharmacies (清算申请)."),
    "dispute": (f"{_ROOM}.clearing", "dispute", "Rows refused or held: appeal, decide (申诉)."),
    "explain": (f"{_ROOM}.explain", "explain", "Why a request to the platform is refused."),
    "holds": (f"{_ROOM}.ledger", "holds", "What on-line sales hold and nobody has settled."),
    "hotlist": (f"{_ROOM}.cards", "hotlist", "Write the hotlist (黑名单) for the tills."),
    "pharmacy-list": (f"{_ROOM}.lists", "pharmacy_list", "Write a list of pharmacies."),
    "persons": (f"{_ROOM}.persons", "persons", "A register of the holders of card images."),
    "qr": (f"{_ROOM}.persons", "qr", "A QR code of the electronic credential (电子凭证)."),
    "reconcile": (f"{_ROOM}.reconcile", "reconcile", "Compare a card or a day with the ledger."),
    "run": (f"{_ROOM}.run", "run", "Settle day files: verify, judge, post."),
    "serve": (f"{_ROOM}.serve", "serve", "Serve on-line sales to tills (联网结算) over HTTP."),
    "show": (f"{_ROOM}.run", "show", "What became of a row, or of all rows of a card."),
    "statement": (f"{_ROOM}.clearing", "statement", "The clearing statement (清算单)."),
    "statements": (f"{_ROOM}.clearing", "statements", "All statements of a month, as PDF files."),
    "stock": (f"{_ROOM}.persons", "stock", "What a pharmacy has in stock (进销存)."),
    "synthesize": (f"{_ROOM}.run", "synthesize", "Make day files of invented pharmacies."),
    "upgrade": (f"{_ROOM}.ledger", "upgrade", "Bring a ledger to the version of this program."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def settle() -> None:
    """A settlement centre (结算中心): cards, accounts and the debits of its pharmacies.

    \b
    Example:
      sscard settle cards CARDS.tsv --ledger city.db
      sscard settle run days/*.tsv --keys roots.json --ledger city.db --out settled
      sscard settle allocate MARCH.tsv --ledger city.db
      sscard settle check --ledger city.db
    """
