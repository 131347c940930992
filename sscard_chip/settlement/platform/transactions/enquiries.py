# SPDX-License-Identifier: Apache-2.0
"""9001, 9002, 2001, 5203, 5204, 5301, 1901: the shift, entitlements, what was settled, codes."""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.platform.fields import COUNT, DAY, PRICE, QUANTITY, RATIO, TIME
from sscard_chip.settlement.platform.transactions.rules import (
    AMOUNT,
    Keeps,
    NodeRule,
    TransactionRule,
    Y,
    node,
    rules,
)
from sscard_chip.settlement.platform.transactions.sales import (
    MOST_LINES,
    NEWER,
    OLDER,
    SETLDETAIL,
    setlinfo_rule,
)

SIGN_IN: Final = node("signIn", ("opter_no", 30, Y), ("mac", 40, Y), ("ip", 40, Y))
SIGN_OUT: Final = node("signOut", ("sign_no", 30, Y), ("opter_no", 30, Y))
ENTITLEMENT: Final = node(
    "data",
    ("psn_no", 30, Y),
    ("insutype", 6, Y, "INSUTYPE"),
    ("fixmedins_code", 12, Y),
    ("med_type", 6, Y, "MED_TYPE"),
    ("begntime", TIME, Y),
    ("endtime", TIME),
    ("dise_codg", 30),
    ("dise_name", 500),
    ("oprn_oprt_code", 30),
    ("oprn_oprt_name", 500),
    ("matn_type", 6),
    ("birctrl_type", 6),
)
SETTLEMENT: Final = node("data", ("psn_no", 30, Y), ("setl_id", 30, Y), ("mdtrt_id", 30, Y))
FEES: Final = node("data", ("psn_no", 30, Y), ("setl_id", 30), ("mdtrt_id", 30, Y))
CHRONIC: Final = node("data", ("psn_no", 30, Y))
DICTIONARY: Final = node(
    "data",
    ("type", 30, Y),
    ("parentValue", 10),
    ("admdvs", 6, False),
    ("date", DAY),
    ("valiFlag", 3),
)
_OF_5203: Final = (
    ("refd_setl_flag", 3, Y, "REFD_SETL_FLAG"),
    ("pay_loc", 6, Y, "PAY_LOC"),
    ("fixmedins_code", 12, Y),
    ("fixmedins_name", 200, Y),
    ("begndate", DAY, Y),
    ("enddate", DAY, Y),
    ("year", 4, Y),
)
_FEE: Final = node(
    "feedetail",
    ("mdtrt_id", 30, Y),
    ("setl_id", 30, Y),
    ("feedetl_sn", 30, Y),
    ("med_type", 6, Y, "MED_TYPE"),
    ("fee_ocur_time", TIME, Y),
    ("cnt", QUANTITY, Y),
    ("pric", PRICE, Y),
    ("det_item_fee_sumamt", AMOUNT, Y),
    ("pric_uplmt_amt", AMOUNT, Y),
    ("selfpay_prop", RATIO),
    ("fulamt_ownpay_amt", AMOUNT),
    ("overlmt_amt", AMOUNT),
    ("preselfpay_amt", AMOUNT),
    ("inscp_scp_amt", AMOUNT),
    ("chrgitm_lv", 3, Y, "CHRGITM_LV"),
    ("hilist_code", 50),
    ("hilist_name", 200),
    ("list_type", 6, False, "LIST_TYPE"),
    ("med_list_codg", 50, Y),
    ("medins_list_codg", 150, Y),
    ("med_chrgitm_type", 6, Y, "MED_CHRGITM_TYPE"),
    ("memo", 500),
    most=MOST_LINES,
)

ENQUIRIES: Final = (
    TransactionRule(
        "9001", "签到", "sign in",
        (SIGN_IN,), (node("signinoutb", ("sign_time", TIME, Y), ("sign_no", 30, Y)),),
        Keeps.MESSAGE, "a shift with its sign_no",
    ),
    TransactionRule(
        "9002", "签退", "sign out",
        (SIGN_OUT,), (node("signoutoutb", ("sign_time", TIME, Y)),),
        Keeps.MESSAGE, "the end of the shift",
    ),
    TransactionRule(
        "2001", "人员待遇享受检查", "entitlement check",
        (ENTITLEMENT,),
        (
            NodeRule(
                "trtinfo",
                rules(
                    ("psn_no", 30, Y), ("trt_chk_type", 6, Y),
                    ("fund_pay_type", 6, Y, "FUND_PAY_TYPE"), ("trt_enjymnt_flag", 3, Y),
                    ("begndate", DAY, Y), ("enddate", DAY), ("trt_chk_rslt", 500),
                ),
                most=20,
            ),
        ),
    ),
    TransactionRule(
        "5203", "结算信息查询", "a settlement",
        (SETTLEMENT,), (setlinfo_rule(NEWER, OLDER, more=_OF_5203), SETLDETAIL),
    ),
    TransactionRule("5204", "费用明细查询", "lines of a settlement", (FEES,), (_FEE,)),
    TransactionRule(
        "5301", "人员慢特病备案查询", "filings of chronic diseases",
        (CHRONIC,),
        (
            NodeRule(
                "feedetail",
                rules(
                    ("opsp_dise_code", 30, Y), ("opsp_dise_name", 300, Y),
                    ("begndate", DAY, Y), ("enddate", DAY),
                ),
                most=20, must=False,
            ),
        ),
    ),
    TransactionRule(
        "1901", "字典表查询", "codes of a dictionary",
        (DICTIONARY,),
        (
            NodeRule(
                "list",
                rules(
                    ("type", 30, Y), ("label", 100, Y), ("value", 20, Y), ("parentValue", 10),
                    ("sort", COUNT, Y), ("valiFlag", 3, Y), ("createUser", 30),
                    ("createDate", DAY), ("version", 20, Y),
                ),
                most=400, must=False,
            ),
        ),
    ),
)  # fmt: skip
