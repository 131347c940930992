# SPDX-License-Identifier: Apache-2.0
"""The return file (回盘) and the data for printing card bodies, a chunk at a time.

What stands in the return file about a card is read back from its image, not copied from the
request; the account at a bank alone is the request's, for the card has no bank application.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from issuance.batch.barcode import code128
from issuance.batch.container import Container
from issuance.batch.template import HISTORICAL, Span, Template
from issuance.fills import FILL_OF
from issuance.validity import check_card_number
from sscard_chip.profile.codec import join_name

RETURN_COLUMNS: Final = (
    "card_number",  # 社保卡号
    "social_security_number",  # 社会保障号码
    "atr",
    "card_id_code",  # 卡识别码
    "bank_account",  # 银行卡号
    "result",
    "reason",  # 失败原因
    "sequence",  # 序号
    "batch",  # 批次号
    "name",  # 姓名
    "issue_date",  # 发卡日期
    "expiry_date",  # 有效期至
    "reset_code",  # 卡复位码: the historical bytes
    "version",  # 规范版本
    "division",  # 行政区划
    "failed_step",  # 失败环节
)
PRINT_COLUMNS: Final = (
    "card_number", "name", "social_security_number", "issue_date", "expiry_date", "photo",
    "barcode",
)  # fmt: skip
REJECT_COLUMNS: Final = ("row", "column", "rule")
FAILED_STEP: Final = "制卡"

_ATR_HEAD: Final = "3B6D0000"
_ISSUED: Final = "ok"
_FAILED: Final = "failed"


@dataclass(frozen=True, slots=True, repr=False)
class ReadBack:
    """What the return file reports of one card, from its image."""

    card_number: str
    social_security_number: str
    name: str
    identification: str
    historical: str
    issue_date: str
    expiry_date: str
    version: str

    @property
    def atr(self) -> str:
        """The whole answer to reset, hex."""
        return _ATR_HEAD + self.historical


def read_back(template: Template, container: Container) -> list[ReadBack]:
    """The values on the cards of a container."""

    def column(value: str) -> list[bytes]:
        place = FILL_OF[value].place(template.profile)
        if place is None:
            return [b""] * len(container)
        return container.column(template.spans[place[0]])

    def text(value: str) -> list[str]:
        return [item.rstrip(b"\0").decode("ascii", "replace") for item in column(value)]

    def digits(value: str) -> list[str]:
        return [item.hex().upper() for item in column(value)]

    span: Span = template.spans[HISTORICAL]
    return list(
        map(
            ReadBack,
            text("card_number"),
            text("social_security_number"),
            map(join_name, column("name_start"), column("name_rest")),
            digits("identification"),
            [value.hex().upper() for value in container.column(span)],
            digits("issue_date"),
            digits("expiry_date"),
            text("version"),
        )
    )


def return_row(card: ReadBack, *, row: int, batch: str, bank_account: str) -> tuple[object, ...]:
    """The row of a card that was made."""
    return (
        card.card_number, card.social_security_number, card.atr, card.identification,
        bank_account, _ISSUED, "", row, batch, card.name, card.issue_date, card.expiry_date,
        card.historical, card.version, card.identification[:6], "",
    )  # fmt: skip


def failed_row(
    given: Mapping[str, str], reasons: Iterable[tuple[str, str]], *, row: int, batch: str
) -> tuple[object, ...]:
    """The row of a holder without a card; of the request the card number, if it is one."""
    number = given.get("card_number", "")
    reason = "; ".join(f"{column}: {rule}" if column else rule for column, rule in reasons)
    return (
        "" if check_card_number(number) else number, "", "", "", "", _FAILED, reason, row, batch,
        "", "", "", "", "", "", FAILED_STEP,
    )  # fmt: skip


def print_row(card: ReadBack, given: Mapping[str, str]) -> tuple[object, ...]:
    """What a machine prints on the body of a card; the bar code as Code 128 symbol values."""
    return (
        card.card_number, card.name, card.social_security_number, card.issue_date,
        card.expiry_date, given.get("photo", ""), " ".join(map(str, code128(card.card_number))),
    )  # fmt: skip
