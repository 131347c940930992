# SPDX-License-Identifier: Apache-2.0
"""Options that the commands of ``sscard pos`` share, and what their texts become."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Final

import click

from sscard_cli.options import (
    FEN,
    INTERFACES,
    file_option,
    pin_option,
    reader_option,
    time_option,
    together,
)
from sscard_cli.pos.centre import centre_options

_slots: Final = together(
    file_option(
        "--card", "card_path", "CARD.ssc", "Image of the holder's card.  Example: --card zhang.ssc"
    ),
    reader_option("PC/SC reader with the card, by its name or part of it.", "'PCD 00'"),
    file_option("--psam", "psam_path", "PSAM.ssc", "Image of the PSAM.  Example: --psam psam.ssc"),
    reader_option("PC/SC reader with the PSAM.", "'PCD 00 01'", name="--psam-reader"),
    click.option(
        "--interface",
        type=INTERFACES,
        default="contact",
        show_default=True,
        help="How --card is reached; contactless needs generation 3."
        "  Example: --interface contactless",
    ),
)
_pharmacy: Final = together(
    click.option(
        "--pharmacy-code",
        metavar="12CHARACTERS",
        help="定点医药机构编号; that of the day file, else P, the terminal's division and 00001."
        "  Example: --pharmacy-code P51010000001",
    ),
    click.option(
        "--pharmacy-name",
        default="定点零售药店",
        metavar="TEXT",
        help="On the receipt.  Example: --pharmacy-name 长生堂大药房",
    ),
    file_option(
        "--hotlist",
        "hotlist_path",
        "FILE",
        "Hotlist (黑名单); read again between sales.  Example: --hotlist hotlist.tsv",
    ),
)
_region: Final = together(
    click.option(
        "--region",
        "division",
        metavar="6DIGITS",
        help="The pharmacy's division; else that of the terminal.  Example: --region 510100",
    ),
)
till_options: Final = together(
    _slots,
    file_option(
        "--day-file",
        "day_path",
        "DAY.tsv",
        "The terminal's day file; begun when it is not there.  Example: --day-file DAY.tsv",
        required=True,
    ),
    _pharmacy,
    click.option(
        "--hotlist-max-age",
        "hotlist_max_age",
        type=click.IntRange(1, 87_600),
        metavar="HOURS",
        help="Refuse a sale off-line when the hotlist was issued longer ago."
        "  Example: --hotlist-max-age 24",
    ),
    click.option(
        "--mode",
        type=click.Choice(["1", "2", "3"]),
        default="3",
        show_default=True,
        help="The region's settlement mode: 1 on-line (联网), 2 with temporary off-line (临时脱网),"
        " 3 off-line (脱网).  Example: --mode 2",
    ),
    _region,
    click.option(
        "--offline-cap-fen",
        type=FEN,
        default=0,
        metavar="N",
        help="Mode 2: off-line, a card spends less than this.  Example: --offline-cap-fen 100000",
    ),
    click.option(
        "--offline-cap-times",
        type=click.IntRange(0, 100),
        default=0,
        metavar="N",
        help="Mode 2: off-line, a card pays fewer times than this.  Example: --offline-cap-times 5",
    ),
    centre_options,
)
desk_options: Final = together(
    _slots,
    file_option(
        "--day-file",
        "day_path",
        "DAY.tsv",
        "The terminal's day file, if it sells: no sale may be open in it.  Example: --day-file"
        " DAY.tsv",
    ),
    _pharmacy,
    _region,
    centre_options,
)
holder_pin_option: Final = pin_option("What the holder types; asked for without it.")
sale_time_option: Final = time_option("Local time of the sale")


def pin_entry(pin: str | None) -> Callable[[int], str | None]:
    """What the holder types: the option once, or an answer on the screen. Errors never quote it."""
    if pin is not None and not re.fullmatch("[0-9]{4,12}", pin):
        raise click.UsageError("--pin: must be 4 to 12 digits")
    typed = [] if pin is None else [pin]

    def ask(left: int) -> str | None:
        if typed:
            return typed.pop()
        if pin is not None or not sys.stdin.isatty():
            return None
        answer: str = click.prompt(f"PIN ({left} tries left)", hide_input=True, err=True)
        return answer or None

    return ask
