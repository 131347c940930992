# SPDX-License-Identifier: Apache-2.0
"""Persons of the two cards of :mod:`.centre`, and a third one whose account is shared."""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.platform.persons import Filing, InsuredPerson, PersonRegister
from tests.settlement.platform.centre import CARD

LIN: Final = InsuredPerson(
    certno="990000200102030012",
    psn_name="林知夏",
    gend="2",
    naty="01",
    brdy="2001-02-03",
    psn_no="P0001",
    insutype="310",
    psn_type="11",
    emp_name="虚构公司",
    ec_token="510100ec" + "a1" * 15,
    psn_idet_types=("2302",),
    filings=(Filing("M03900", "高血压", "2026-01-01", "2026-12-31"),),
)
WU: Final = InsuredPerson(
    certno="990000199012310023",
    psn_name="吴砚秋",
    gend="1",
    brdy="1990-12-31",
    card_id_codes=(CARD[:-1] + "2",),
    insutype="390",
    psn_type="15",
    shared_with="990000200102030012",
)
PERSONS: Final = PersonRegister((LIN, WU))
