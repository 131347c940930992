# SPDX-License-Identifier: Apache-2.0
"""1101, 2101 to 2103, 2102A, 2601: who pays, the sale, and what takes it back (A4, A5, A7)."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.dayfile.envelope import HOLD
from sscard_chip.settlement.platform.fields import (
    DAY,
    PRICE,
    QUANTITY,
    RATIO,
    TIME,
    FieldRule,
    FieldRules,
)
from sscard_chip.settlement.platform.transactions.rules import (
    AMOUNT,
    Keeps,
    NodeRule,
    TransactionRule,
    Y,
    node,
    rules,
)
from sscard_chip.standard.amounts import YUAN_SHAPE

MOST_CERTIFICATE: Final = 8300
"""mdtrt_cert_no: 卡号, ``|`` and a business string of at most 8,192 characters."""
MOST_LINES: Final = 500
"""Lines of a bill and of what is built like one."""

PERSON: Final = FieldRules(
    (  # 1101
        FieldRule("mdtrt_cert_type", 3, must=True, dictionary="MDTRT_CERT_TYPE"),
        FieldRule("mdtrt_cert_no", MOST_CERTIFICATE, must=True),
        FieldRule("card_sn", 32),
        FieldRule("begntime", 19, is_time=True),
        FieldRule("psn_cert_type", 6, dictionary="PSN_CERT_TYPE"),
        FieldRule("certno", 50),
        FieldRule("psn_name", 50),
    )
)
DRUGINFO: Final = FieldRules(
    (  # 2101, 2102
        FieldRule("psn_no", 30, must=True),
        FieldRule("mdtrt_cert_type", 3, must=True, dictionary="MDTRT_CERT_TYPE"),
        FieldRule("mdtrt_cert_no", MOST_CERTIFICATE, must=True),
        FieldRule("begntime", 19, must=True, shape=TIME),
        FieldRule("medfee_sumamt", 17, must=True, shape=YUAN_SHAPE),
        FieldRule("invono", 20),
        FieldRule("insutype", 6, must=True, dictionary="INSUTYPE"),
        FieldRule("dise_codg", 30),
        FieldRule("dise_name", 500),
        FieldRule("acct_used_flag", 3, must=True, shape="[012]", dictionary="ACCT_USED_FLAG"),
        FieldRule("med_type", 6, must=True, dictionary="MED_TYPE"),
        FieldRule("exp_content", 4000),
        FieldRule("card_sn", 32),
        FieldRule("psn_cert_type", 6, dictionary="PSN_CERT_TYPE"),
        FieldRule("certno", 50),
        FieldRule("psn_type", 6, dictionary="PSN_TYPE"),
        FieldRule("psn_name", 50),
    )
)
DRUGDETAIL: Final = FieldRules(
    (
        FieldRule("feedetl_sn", 30, must=True),
        FieldRule("rxno", 30),
        FieldRule("rx_circ_flag", 3, dictionary="RX_CIRC_FLAG"),
        FieldRule("fee_ocur_time", 19, must=True, is_time=True),
        FieldRule("med_list_codg", 50, must=True),
        FieldRule("medins_list_codg", 150, must=True),
        FieldRule("det_item_fee_sumamt", 17, must=True, shape=YUAN_SHAPE),
        FieldRule("cnt", 17, must=True, shape=QUANTITY),
        FieldRule("pric", 17, must=True, shape=PRICE),
        FieldRule("sin_dos_dscr", 200),
        FieldRule("used_frqu_dscr", 200),
        FieldRule("prd_days", 5),
        FieldRule("medc_way_dscr", 200),
        FieldRule("bilg_dr_codg", 30),
        FieldRule("bilg_dr_name", 50),
        FieldRule("tcmdrug_used_way", 6),
    )
)
CANCELLATION: Final = FieldRules(
    (  # 2103
        FieldRule("psn_no", 30, must=True),
        FieldRule("setl_id", 30, must=True),
        FieldRule("mdtrt_id", 30, must=True),
        FieldRule("exp_content", 4000),
    )
)
REVERSAL: Final = FieldRules(
    (  # 2601
        FieldRule("psn_no", 30),
        FieldRule("omsgid", 30, must=True),
        FieldRule("oinfno", 6, must=True),
    )
)

BASEINFO: Final = node(
    "baseinfo",
    ("psn_no", 30, Y),
    ("psn_cert_type", 6, False, "PSN_CERT_TYPE"),
    ("certno", 50),
    ("psn_name", 50),
    ("gend", 6, False, "GEND"),
    ("naty", 3),
    ("brdy", DAY),
    ("age", 5, Y),
)
INSUINFO: Final = node(
    "insuinfo",
    ("balc", AMOUNT, Y),
    ("insutype", 6, Y, "INSUTYPE"),
    ("psn_type", 6, False, "PSN_TYPE"),
    ("psn_insu_stas", 6, Y, "PSN_INSU_STAS"),
    ("psn_insu_date", DAY),
    ("paus_insu_date", DAY),
    ("cvlserv_flag", 3, Y, "CVLSERV_FLAG"),
    ("insuplc_admdvs", 6, Y),
    ("emp_name", 200),
    most=20,
)
IDETINFO: Final = NodeRule(
    "idetinfo",
    rules(
        ("psn_idet_type", 6, Y),
        ("psn_type_lv", 3),
        ("memo", 500),
        ("begntime", TIME),
        ("endtime", TIME),
    ),
    most=20,
    must=False,
)
_WHOSE: Final = (
    ("psn_no", 30, Y),
    ("psn_name", 50),
    ("psn_cert_type", 6, False, "PSN_CERT_TYPE"),
    ("certno", 50),
    ("gend", 6, False, "GEND"),
    ("naty", 3),
    ("brdy", DAY),
    ("age", 5, Y),
    ("insutype", 6, False, "INSUTYPE"),
    ("psn_type", 6, False, "PSN_TYPE"),
    ("cvlserv_flag", 3, Y, "CVLSERV_FLAG"),
)
_AMOUNTS: Final = tuple(
    (name, AMOUNT, Y)
    for name in (
        "medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt",
        "inscp_scp_amt", "act_pay_dedc", "hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay",
        "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay", "fund_pay_sumamt", "acct_pay", "balc",
        "acct_mulaid_pay", "hosp_part_amt",
    )
)  # fmt: skip
_CLEARED: Final = (
    ("medins_setl_id", 30, Y),
    ("clr_optins", 6, Y),
    ("clr_way", 6, Y, "CLR_WAY"),
    ("clr_type", 6, Y, "CLR_TYPE"),
)


def setlinfo_rule(
    *names: tuple[str, str], new: bool = True, more: tuple[tuple[Any, ...], ...] = ()
) -> NodeRule:
    """``setlinfo`` with the names that the person's share and the cash have in a transaction."""
    number = ("setl_id", 30, Y) if new else ("setl_id", 30)
    shares = tuple((name, AMOUNT, Y) for pair in names for name in pair)
    return node(
        "setlinfo",
        ("mdtrt_id", 30, new),
        number,
        *_WHOSE,
        ("setl_time", TIME, Y),
        ("mdtrt_cert_type", 3, False, "MDTRT_CERT_TYPE"),
        ("med_type", 6, Y, "MED_TYPE"),
        *_AMOUNTS,
        *shares,
        ("pool_prop_selfpay", RATIO, Y),
        *_CLEARED,
        ("exp_content", 4000),
        *more,
    )


NEWER: Final = ("psn_part_amt", "psn_cash_pay")
OLDER: Final = ("psn_pay", "cash_payamt")
SETLDETAIL: Final = NodeRule(
    "setldetail",
    rules(
        ("fund_pay_type", 6, Y, "FUND_PAY_TYPE"),
        ("inscp_scp_amt", AMOUNT, Y),
        ("crt_payb_lmt_amt", AMOUNT, Y),
        ("fund_payamt", AMOUNT, Y),
        ("fund_pay_type_name", 200),
        ("setl_proc_info", 4000),
    ),
    most=20,
    must=False,
)
DETLCUTINFO: Final = node(
    "detlcutinfo",
    ("feedetl_sn", 30, Y),
    ("det_item_fee_sumamt", AMOUNT, Y),
    ("cnt", QUANTITY, Y),
    ("pric", PRICE, Y),
    ("pric_uplmt_amt", AMOUNT, Y),
    ("selfpay_prop", RATIO, Y),
    ("fulamt_ownpay_amt", AMOUNT, Y),
    ("overlmt_amt", AMOUNT, Y),
    ("preselfpay_amt", AMOUNT, Y),
    ("inscp_scp_amt", AMOUNT, Y),
    ("chrgitm_lv", 3, Y, "CHRGITM_LV"),
    ("med_chrgitm_type", 6, Y, "MED_CHRGITM_TYPE"),
    ("med_list_codg", 50),
    ("medins_list_codg", 150),
    ("memo", 500),
    most=MOST_LINES,
)
_BILL: Final = (NodeRule("druginfo", DRUGINFO), NodeRule("drugdetail", DRUGDETAIL, MOST_LINES))
_SETTLED: Final = (setlinfo_rule(NEWER), SETLDETAIL, DETLCUTINFO)

SALES: Final = (
    TransactionRule(
        "1101", "人员基本信息获取", "person and insurance",
        (NodeRule("data", PERSON),), (BASEINFO, INSUINFO, IDETINFO),
    ),
    TransactionRule(
        "2101", "药店预结算", "trial of a sale",
        _BILL, (setlinfo_rule(NEWER, new=False), SETLDETAIL, DETLCUTINFO),
    ),
    TransactionRule(
        HOLD, "药店结算（冻结）", "hold of a sale",
        _BILL, _SETTLED, Keeps.MESSAGE, "money of the account is held",
    ),
    TransactionRule(
        "2102", "药店结算", "settlement of a sale",
        _BILL, _SETTLED, Keeps.MESSAGE, "money goes from account and fund to the pharmacy",
    ),
    TransactionRule(
        "2103", "药店结算撤销", "cancellation of a settled sale",
        (NodeRule("data", CANCELLATION),), (setlinfo_rule(NEWER, OLDER), SETLDETAIL),
        Keeps.MESSAGE, "the money goes back by a counter-entry",
    ),
    TransactionRule(
        "2601", "冲正交易", "reversal of a message",
        (NodeRule("data", REVERSAL),), (), Keeps.MESSAGE,
        "what the message has done is undone, or it is never done",
    ),
)  # fmt: skip
