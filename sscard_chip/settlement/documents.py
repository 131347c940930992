# SPDX-License-Identifier: Apache-2.0
"""The JSON documents that a settlement writes for other programs, as typed models.

``summary.json`` of a run and the statements of the pharmacies. The JSON Schemas that ship come
from here; a test holds what is written to them, field by field. Amounts are fen.
"""

from __future__ import annotations

from typing import Annotated, Literal

from sscard_chip.standard.documents import Model, rule

SettlementDay = Annotated[str, rule("must be YYYYMMDD", pattern="[0-9]{8}")]
RowsByCode = Annotated[
    dict[Annotated[str, rule("must be a code", pattern="[0-9]{1,5}")], int],
    rule(title="Rows by the code of a finding"),
]


class RefusedFileEntry(Model, frozen=True):
    """A file that was not read."""

    file: str
    reason: str


class PostedSums(Model, frozen=True):
    """What the posted rows come to; refunds are negative."""

    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int


class SummaryDocument(Model, frozen=True):
    """What a settlement run did: summary.json (sscard-settlement/1)."""

    format: Literal["sscard-settlement/1"]
    files: Annotated[int, rule(title="Files whose rows have verdicts")]
    files_settled_before: int
    files_given_twice: list[str]
    files_refused: list[RefusedFileEntry]
    rows: int
    posted: int
    refused: int
    held: int
    codes: RowsByCode
    posted_fen: PostedSums
    without_key: Annotated[list[str], rule(title="Files or cards for which a key was missing")]
    card_register: Annotated[bool, rule(title="Whether cards were looked up in a register")]
    anchor: Annotated[str, rule(title="Proves what is posted by then: settle check --anchor")]


class StatementSums(Model, frozen=True, kw_only=True):
    """Sales and refunds of one part of a statement."""

    sales: Annotated[int, rule(title="Rows of sales")]
    refunds: Annotated[int, rule(title="Rows of refunds")]
    net_count: Annotated[int, rule(title="Sales less refunds")]
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    payable_fen: Annotated[int, rule(title="Fund and account")]
    refunded_fen: int
    insutype: Annotated[str | None, rule(title="Insurance, in insurances")] = None
    clr_type: Annotated[str | None, rule(title="Clearing type, in insurances")] = None
    locality: Annotated[str | None, rule(title="In localities and regions")] = None
    mdtrtarea_admvs: Annotated[str | None, rule(title="Place of treatment, in regions")] = None
    insuplc_admdvs: Annotated[str | None, rule(title="Insured place, in regions")] = None
    settlement_date: Annotated[SettlementDay | None, rule(title="In days")] = None
    algorithm: Annotated[int | str | None, rule(title="In suites")] = None


class NotPosted(Model, frozen=True):
    """Rows that are refused or held, and why."""

    rows: int
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    codes: RowsByCode


class StatementDocument(Model, frozen=True):
    """The statement of a pharmacy, 清算单 (sscard-statement/1)."""

    format: Literal["sscard-statement/1"]
    fixmedins_code: Annotated[str, rule(title="The pharmacy")]
    fixmedins_name: str | None
    clr_type: str
    begndate: SettlementDay
    enddate: SettlementDay
    submitted: Annotated[int, rule(title="Rows of its day files")]
    posted: StatementSums
    payable_fen: Annotated[int, rule(title="What it is owed")]
    insurances: list[StatementSums]
    localities: list[StatementSums]
    regions: list[StatementSums]
    days: list[StatementSums]
    suites: list[StatementSums]
    refused: NotPosted
    held: NotPosted
    noticed: RowsByCode
