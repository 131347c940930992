# SPDX-License-Identifier: Apache-2.0
"""An identity card (居民身份证) on its reader: a document with invented data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from sscard_chip.dayfile.business_string import NO_CARD
from sscard_chip.standard.dates import date_rule
from sscard_chip.standard.documents import Document, DocumentError, Model, rule
from sscard_chip.standard.inputfile import open_input
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_driver.families.common import sign
from sscard_driver.program import CallingProgram

FORMAT: Final = "sscard-identity-card/1"
LONG_TERM: Final = "长期"

_PICTURE_LIMIT: Final = 64 * 1024


class IdentityCardError(DocumentError):
    """An identity card that cannot be read: file, item and rule, no value."""


def _short(value: str) -> str | None:
    bad = not value or len(value) > 70 or any(c in "|^$" or not c.isprintable() for c in value)
    return "must be 1 to 70 characters, none of | ^ $" if bad else None


def _expiry(value: str) -> str | None:
    return None if value == LONG_TERM else date_rule(value)


_Text = Annotated[str, rule(check=_short)]
_Day = Annotated[str, rule(check=date_rule)]


class IdentityCard(Model, frozen=True, kw_only=True):
    """What ReadSFZ shows. Invent all of it."""

    WHAT = "an identity card"

    format: Annotated[Literal["sscard-identity-card/1"], rule(f'must be "{FORMAT}"')]
    name: Annotated[_Text, rule(title="姓名")]
    sex: Annotated[Literal["男", "女"], rule("must be 男 or 女", title="性别")]
    nation: Annotated[_Text, rule(title="民族, as printed: 汉")]
    birth_date: Annotated[_Day, rule(title="出生, YYYYMMDD")]
    address: Annotated[_Text, rule(title="住址")]
    number: Annotated[
        str, rule("must be 18 characters", pattern="[0-9]{17}[0-9X]", title="公民身份号码")
    ]
    issue_date: Annotated[_Day, rule(title="发卡日期, YYYYMMDD")]
    expiry_date: Annotated[str, rule(check=_expiry, title="有效日期, YYYYMMDD or 长期")]
    authority: Annotated[_Text, rule(title="签发机关")]
    photo: Annotated[str, rule(title="Picture file, at most 64 KB; relative to this file")] = ""


def read(program: CallingProgram, path: str) -> tuple[str, str]:
    """姓名|性别|民族|出生|地址|身份证号|发卡日期|有效日期|签发机关|, and the centre's string.

    The picture goes into the file ``path`` where both are named.

    :raises DriverError: -2 there is no identity card, -23 the picture cannot be written.
    :raises IdentityCardError:
    """
    file = program.terminal.options().identity_card
    if file is None:
        raise DriverError(ReturnCode.NO_CARD, "there is no identity card on the reader")
    card = Document.load(file, IdentityCardError).to(IdentityCard)
    if path and card.photo:
        _copy(Path(file).parent / card.photo, path)
    fields: list[str] = [card.name, card.sex, card.nation, card.birth_date, card.address]
    fields += [card.number, card.issue_date, card.expiry_date, card.authority]
    return "".join(f"{field}|" for field in fields), sign(program, NO_CARD, card.number)


def _copy(photo: Path, path: str) -> None:
    try:
        with open_input(photo) as file:
            picture = file.read(_PICTURE_LIMIT + 1)
        if len(picture) > _PICTURE_LIMIT:
            raise DriverError(ReturnCode.INPUT, "the picture is larger than 64 KB")
        Path(path).write_bytes(picture)
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or "no path"
        raise DriverError(ReturnCode.INPUT, f"pPath: {text}") from None
