# SPDX-License-Identifier: Apache-2.0
"""3201, 3202, 9101, 9102 and 3203 to 3205: reconciliation, its files, claims (A8, A9)."""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.platform.fields import COUNT, DAY
from sscard_chip.settlement.platform.transactions.rules import (
    AMOUNT,
    Keeps,
    NodeRule,
    TransactionRule,
    Y,
    node,
    rules,
)

MOST_FILE: Final = 1 << 22
"""Characters of ``in``, base64: a file of 3 MiB."""

TOTALS: Final = rules(  # 3201
    ("insutype", 6, Y, "INSUTYPE"),
    ("clr_type", 6, Y, "CLR_TYPE"),
    ("setl_optins", 6, Y),
    ("stmt_begndate", DAY, Y),
    ("stmt_enddate", DAY, Y),
    ("medfee_sumamt", AMOUNT, Y),
    ("fund_pay_sumamt", AMOUNT, Y),
    ("acct_pay", AMOUNT, Y),
    ("fixmedins_setl_cnt", COUNT, Y),
    ("refd_setl_flag", 6, False, "REFD_SETL_FLAG"),
    ("fixmedins_refd_setl_flag", 6),
    ("exp_content", 4000),
)
DETAILS: Final = rules(  # 3202
    ("setl_optins", 6, Y),
    ("file_qury_no", 30, Y),
    ("stmt_begndate", DAY, Y),
    ("stmt_enddate", DAY, Y),
    ("medfee_sumamt", AMOUNT, Y),
    ("fund_pay_sumamt", AMOUNT, Y),
    ("cash_payamt", AMOUNT, Y),
    ("fixmedins_setl_cnt", COUNT, Y),
    ("clr_type", 6, False, "CLR_TYPE"),
    ("refd_setl_flag", 6, False, "REFD_SETL_FLAG"),
    ("fixmedins_refd_setl_flag", 6),
    ("exp_content", 4000),
)
UPLOAD: Final = rules(  # 9101; the bytes in base64 [L]
    ("in", MOST_FILE, Y),
    ("filename", 200, Y),
    ("fixmedins_code", 30, Y),
)
DOWNLOAD: Final = rules(  # 9102
    ("file_qury_no", 40, Y),
    ("filename", 200),
    ("fixmedins_code", 30),
)
CLAIM: Final = rules(  # 3203
    ("clr_type", 6, Y, "CLR_TYPE"),
    ("clr_way", 30, Y),
    ("setlym", (6, "[0-9]{6}"), Y),
    ("psntime", (6, COUNT), Y),
    ("medfee_sumamt", AMOUNT, Y),
    ("med_sumfee", AMOUNT, Y),
    ("fund_appy_sum", AMOUNT, Y),
    ("cash_payamt", AMOUNT, Y),
    ("acct_pay", AMOUNT, Y),
    ("begndate", DAY, Y),
    ("enddate", DAY, Y),
)
CLAIM_NUMBER: Final = rules(  # 3204, 3205
    ("clr_appy_evt_id", 30, Y),
    ("clr_optins", 6),
)
_FILE: Final = rules(("file_qury_no", 30, Y), ("filename", 200, Y), ("dld_endtime", 19))

CLEARING: Final = (
    TransactionRule(
        "3201", "医药机构费用结算对总账", "totals",
        (NodeRule("data", TOTALS),),
        (
            node(
                "stmtinfo", ("setl_optins", 6, Y), ("stmt_rslt", 6, Y, "STMT_RSLT"),
                ("stmt_rslt_dscr", 200),
            ),
        ),
    ),
    TransactionRule(
        "3202", "医药机构费用结算对明细账", "details",
        (NodeRule("data", DETAILS),), (NodeRule("fileinfo", _FILE),),
        Keeps.MESSAGE, "the result as a file",
    ),
    TransactionRule(
        "9101", "文件上传", "file up",
        (NodeRule("fsUploadIn", UPLOAD),), (NodeRule("", _FILE),), Keeps.MESSAGE, "the file",
    ),
    TransactionRule(
        "9102", "文件下载", "file down",
        (NodeRule("fsDownloadIn", DOWNLOAD),),
        (node("", ("filename", 200, Y), ("out", 1 << 23, Y)),),
    ),
)  # fmt: skip
