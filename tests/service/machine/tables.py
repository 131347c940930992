# SPDX-License-Identifier: Apache-2.0
"""What the model goes by, in its own words: proofs (T1), channels (T2), states (T3), times (S3)."""

from __future__ import annotations

from typing import Final

LEVEL: Final = {
    "none": 0, "tail": 1, "query": 1, "initial": 0, "code": 2, "ecard": 2, "face": 2,
    "card": 3, "reader": 3, "clerk": 4,
}  # fmt: skip
"""T1: what a right proof is worth. ``code`` stands beside what the person knows, ``reader`` is an
identity card with the query password."""
KNOWN: Final = {"tail", "query", "ecard", "code", "reader"}
"""What may be guessed, and is counted."""
PROOFS: Final = {
    "ivr": {"tail", "query"},
    "agent": {"tail", "query"},
    "site": {"tail", "query", "code"},
    "app": {"query", "ecard", "face"},
    "kiosk": {"tail", "query", "card", "reader"},
    "bank": {"clerk"},
    "ebank": {"face"},
    "till": {"card"},
    "hospital": set(),
    "office": {"clerk"},
}
"""T2: by what a channel knows people."""
COUNTERS: Final = ("office", "bank")


def _levels(text: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in text.strip().splitlines():
        name, *cells = line.split()
        for operation in name.split(","):
            found[operation] = {
                channel: int(level) for channel, level in (cell.split("=") for cell in cells)
            }
    return found


LEVELS: Final = _levels("""
policy,progress     ivr=0 agent=0 site=0 app=0 kiosk=0 bank=0 office=0
verify              site=0 app=0 kiosk=0 office=0
logout              site=0 app=0 kiosk=0
login               site=1 app=2 kiosk=1
code                site=1
balance             ivr=1 agent=1 site=1 app=2 kiosk=1 bank=4 ebank=2 till=3 office=4
status              agent=1 site=1 app=2 kiosk=1 bank=4 office=4
loss                ivr=1 agent=1 site=1 app=2 kiosk=1 bank=4 ebank=2 office=4
person              site=2 app=2 kiosk=3 office=4
insurances,contributions,pension,benefits,settlements,applications site=2 app=2 kiosk=3 office=4
formal              bank=4 office=4
lift,replace,apply,withdraw,contact site=2 app=2 kiosk=3 bank=4 office=4
password            site=2 app=2 kiosk=3 office=4
ecard_password      app=2 office=4
activate            app=2 kiosk=3 bank=4 office=4
collect             bank=4 office=4
cancel,seal,rename  office=4
review,batch,made,arrive office=4
levels,level,level_stop,bills,bill,bill_withdraw site=2 app=2 kiosk=3 office=4
bill_paid           bank=4 office=4
filing              site=2 app=2 kiosk=3 office=4 hospital=4
unfile              site=2 app=2 kiosk=3 office=4 hospital=4
filings             site=2 app=2 kiosk=3 office=4
paper,papers,paper_print,undelivered site=2 app=2 kiosk=3 office=4
ecard,ecard_code,family,family_add,family_end app=2
ecard_decode        app=0 bank=0 till=0 office=0
unlink              app=2 office=4
card_state          app=0 bank=0 till=0 office=0
""")
"""T2: what a channel offers, and the proof that it needs there. 0 is nothing."""
CHANNELS: Final = tuple(PROOFS)

SHOWS: Final = frozenset({
    "policy", "progress", "verify", "balance", "status", "person", "insurances", "contributions",
    "pension", "benefits", "settlements", "applications", "levels", "bills", "filings", "papers",
    "family", "card_state",
})  # fmt: skip
"""What changes nothing, and is answered anew each time."""
STOPS: Final = frozenset({"loss", "seal"})
"""Never locked, and done for the dead as well."""
FINAL: Final = frozenset({"formal", "cancel"})
OF_A_RECEIPT: Final = frozenset({"progress", "verify", "review", "batch", "made", "arrive"})
OF_NOBODY: Final = frozenset({"policy", "logout", "card_state", "ecard_decode", "bill_paid"})

ALLOTTED, NORMAL, FORMAL, TEMPORARY, INACTIVE, CANCELLED = 0, 1, 2, 4, 5, 9
SEALED: Final = 0
"""T3, by AAZ502; 5 is "not activated"."""
HELD: Final = frozenset({NORMAL, TEMPORARY, FORMAL})
NAMES: Final = {0: "sealed", 1: "normal", 2: "formal_loss", 4: "temporary_loss",
                5: "not_activated", 9: "cancelled"}  # fmt: skip
MOVES: Final = {
    "loss": (TEMPORARY, {NORMAL}),
    "lift": (NORMAL, {TEMPORARY}),
    "formal": (FORMAL, {NORMAL, TEMPORARY}),
    "cancel": (CANCELLED, {NORMAL, TEMPORARY, FORMAL, INACTIVE}),
    "seal": (SEALED, {NORMAL, TEMPORARY, FORMAL, INACTIVE}),
}
"""T3: where an operation leads to, and from where."""
MAKING: Final = {
    "review": ({"applied"}, "reviewed"),
    "batch": ({"reviewed", "failed"}, "batched"),
    "made": ({"batched"}, "made"),
    "arrive": ({"made"}, "at_point"),
}
ENDED: Final = frozenset({"rejected", "withdrawn", "collected"})

LAPSE_DAYS: Final = 10
REPORTS: Final = 2
REPORT_DAYS: Final = 30
VOUCHER_DAYS: Final = 30
GUARDIAN_UNDER: Final = 16
PHOTO_FROM: Final = 7
SESSION: Final = 15 * 60
CODE: Final = 300
CODES_HOUR: Final = 5
CODE_TRIES: Final = 3
TRIES: Final = 5
FIRST_WAIT: Final = 60
LONGEST_WAIT: Final = 86_400
SOURCE_HOUR: Final = 60
QR: Final = 60
AUTH: Final = 600
KEPT: Final = 3600
PAPERS_A_DAY: Final = 20
FAMILY: Final = {"elder": 4, "child": 3, "spouse": 1, "other": 2}
FAMILY_TRIES: Final = 10
FEN: Final = {  # of a month, what is paid and what of it goes into the account
    ("310", "1"): (38_400, 9_600), ("310", "2"): (64_000, 16_000),
    ("110", "60"): (96_000, 0), ("110", "100"): (160_000, 0),
}  # fmt: skip
FILING_MONTHS: Final = 6
