# SPDX-License-Identifier: Apache-2.0
"""2501, 2501A, 2502: a hospital files a transfer (转院备案) to another place, or takes it back.

Served where the centre has card services beside it: they keep the filings.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.platform.fields import DAY, DIVISION
from sscard_chip.settlement.platform.transactions.rules import (
    FLAG,
    Keeps,
    TransactionRule,
    Y,
    node,
)

TRANSFER: Final = node(
    "refmedin",
    ("psn_no", 30, Y),
    ("insutype", 6, Y, "INSUTYPE"),
    ("tel", 50),
    ("addr", 100),
    ("insu_optins", DIVISION),
    ("diag_code", 20),
    ("diag_name", 100, Y),
    ("dise_cond_dscr", 2000),
    ("reflin_medins_no", 12, Y),
    ("reflin_medins_name", 200, Y),
    ("mdtrtarea_admdvs", DIVISION, Y),
    ("hosp_agre_refl_flag", (3, FLAG)),
    ("refl_type", 6),
    ("refl_date", DAY, Y),
    ("refl_rea", 2000),
    ("refl_opnn", 2000),
    ("begndate", DAY, Y),
    ("enddate", DAY),
)
"""Of 2501 and 2501A alike [H]; which fields must be there, and lengths, are [L]."""
TRANSFER_END: Final = node("data", ("trt_dcla_detl_sn", 30, Y), ("psn_no", 30, Y), ("memo", 500))
FILED: Final = node("result", ("trt_dcla_detl_sn", 30, Y))

FILINGS: Final = (
    *(
        TransactionRule(
            infno, "转院备案", "filing of a transfer to another place",
            (TRANSFER,), (FILED,), Keeps.MESSAGE, "a filing, with its trt_dcla_detl_sn",
        )
        for infno in ("2501", "2501A")
    ),
    TransactionRule(
        "2502", "转院备案撤销", "withdrawal of a transfer",
        (TRANSFER_END,), (), Keeps.MESSAGE, "the end of the filing",
    ),
)  # fmt: skip
