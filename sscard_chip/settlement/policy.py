# SPDX-License-Identifier: Apache-2.0
"""The centre's policy: what a region decides about on-line sales. See docs/policy.md.

One object, safe as it is: the pooled fund pays nothing before the region says what it pays, no
sale is settled without the card's TAC, and sales have caps. A region's own is a TOML file of the
format ``sscard-policy/1``.

>>> policy = parse_policy(b'''format = "sscard-policy/1"
... [pool.41]
... deductible_fen = 1500
... percent = 60
... ''', "policy.toml")
>>> policy.pooled_fen("41", 3500), policy.pooled_fen("11", 3500)
(1200, 0)
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Final, Literal

import msgspec

from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.documents import Document, DocumentError, Model, rule

FORMAT: Final = "sscard-policy/1"

_MOST_CAP_FEN: Final = 10**14
_CapFen = Annotated[int, rule(ge=0, le=_MOST_CAP_FEN, unit=" of fen")]


class PolicyError(DocumentError):
    """A policy that cannot be used: lines, fields and rules in one line."""


def _pool_rule(value: dict[str, object]) -> str | None:
    wrong = any(not re.fullmatch("[0-9]{1,6}", name) for name in value)
    return "is of a med_type, 1 to 6 digits" if wrong else None


class PoolShare(Model, frozen=True):
    """What the pooled fund (统筹基金) pays of a bill of one med_type.

    Of what is above ``deductible_fen`` (起付线) so many percent, and at most ``cap_fen`` (封顶线;
    0 for no cap). Fractions of a fen are the holder's.
    """

    percent: Annotated[int, rule(ge=0, le=100)]
    deductible_fen: Annotated[int, rule(ge=0, le=MAX_FEN, unit=" of fen")] = 0
    cap_fen: _CapFen = 0

    def of(self, total_fen: int) -> int:
        """Its part of a bill in fen."""
        part = max(0, total_fen - self.deductible_fen) * self.percent // 100
        return min(part, self.cap_fen) if self.cap_fen else part


class SaleCaps(Model, frozen=True):
    """The most in fen: of one bill, and of what accounts and pooled fund pay in a day.

    ``sale_fen`` is of the whole bill, as the cap of a run (code 7) is. The days are those of the
    sales; what was released, cancelled or reversed does not count. 0 is no cap.
    """

    sale_fen: _CapFen = 1_000_000
    card_day_fen: _CapFen = 2_000_000
    pharmacy_day_fen: _CapFen = 100_000_000


Bearer = Literal["pharmacy", "centre", "holder"]
"""Who bears a debit: it is not paid to the pharmacy, or it is and the account is charged or not."""


class LateDebits(Model, frozen=True):
    """Who bears a debit off-line that was made after the loss of its card was reported.

    It goes by the hotlist that the terminal had when its day began: the card was ``listed``; the
    list was ``stale``, older than ``max_age_hours`` at the debit; it was ``current`` and the card
    not on it yet; or the list is ``unknown``: there was none, or it is not one of this ledger's.
    """

    listed: Bearer = "pharmacy"
    stale: Bearer = "pharmacy"
    current: Bearer = "pharmacy"
    unknown: Bearer = "pharmacy"
    max_age_hours: Annotated[int, rule(ge=1, le=87_600, unit=" hours")] = 24


class CentrePolicy(Model, frozen=True):
    """What the centre decides by. Every field has a default that is safe.

    ``clock_minutes`` is how far a sale's inf_time may be from the centre's clock.
    ``settle_at_once`` lets a 2102 settle without a hold, a row and a TAC: for regions that take
    sales without the card's own proof.
    """

    WHAT = "a centre's policy"

    format: Annotated[Literal["sscard-policy/1"], rule(f'must be "{FORMAT}"')] = FORMAT
    clock_minutes: Annotated[
        int, rule(ge=0, le=60, title="Minutes that a sale may be off the centre's clock")
    ] = 5
    settle_at_once: Annotated[
        bool, rule(title="Whether a 2102 without hold, row and TAC settles")
    ] = False
    caps: Annotated[SaleCaps, rule(title="The most of a sale and of a day, 0 for no cap")] = (
        SaleCaps()
    )
    late_debits: Annotated[
        LateDebits, rule(title="Who bears debits off-line of cards that were reported lost")
    ] = LateDebits()
    pool: Annotated[
        dict[str, PoolShare],
        rule(check=_pool_rule, title="What the pooled fund pays of a bill, by med_type"),
    ] = msgspec.field(default_factory=dict)

    def pooled_fen(self, med_type: str, total_fen: int) -> int:
        """What the pooled fund pays of a bill; nothing where the policy says nothing."""
        share = self.pool.get(med_type)
        return 0 if share is None else share.of(total_fen)


def load_policy(path: str | os.PathLike[str]) -> CentrePolicy:
    """The policy in a TOML file.

    :raises PolicyError: one line with all fields that break a rule.
    :raises OSError: the file cannot be read.
    """
    return _typed(Document.load(path, PolicyError))


def parse_policy(content: bytes, source: str) -> CentrePolicy:
    """The same from the content of a file; ``source`` stands in errors.

    :raises PolicyError: as :func:`load_policy`.
    """
    return _typed(Document.toml(content, source, PolicyError))


def _typed(document: Document) -> CentrePolicy:
    policy = document.to(CentrePolicy, separator=".")
    if "format" not in document.value:
        raise document.error("format", f'must be "{FORMAT}"')
    return policy
