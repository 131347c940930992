# SPDX-License-Identifier: Apache-2.0
"""What the platform answers: ``setlinfo``, ``setldetail``, ``detlcutinfo``, ``baseinfo`` (A4, A5).

The sums hold by construction: fund_pay_sumamt is the sum of the fund items, psn_part_amt that of
acct_pay and psn_cash_pay, medfee_sumamt that of both and hosp_part_amt [M].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import show_time
from sscard_chip.standard.insurance import PHARMACY_VISIT
from sscard_chip.standard.settlement_mode import Split

_PER_ITEM: Final = "1"
"""clr_way [L]."""
_EMPLOYEE_POOL: Final = "310100"
"""fund_pay_type of the employees' pooled fund [L]."""
_ZERO: Final = "0.00"
_NOT_COMPUTED: Final = (
    "overlmt_selfpay",
    "preselfpay_amt",
    "act_pay_dedc",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "maf_pay",
    "oth_pay",
    "hosp_part_amt",
    "acct_mulaid_pay",
)
"""Amounts that a ledger of accounts does not distinguish: zero."""


def setlinfo(
    split: Split,
    balance_fen: int,
    *,
    psn_no: str,
    time: str,
    msgid: str,
    division: str,
    setl_id: str = "",
    mdtrt_id: str = "",
    insutype: str = "",
    cancellation: bool = False,
) -> dict[str, str]:
    """The settlement's amounts; of a cancellation two of them have other names.

    Money that no insurance pays counts as outside the catalogue [L].
    """
    share, cash = ("psn_pay", "cash_payamt") if cancellation else ("psn_part_amt", "psn_cash_pay")
    amounts = {
        "medfee_sumamt": split.total_fen,
        "fulamt_ownpay_amt": split.self_paid_fen,
        "inscp_scp_amt": split.account_fen + split.pooled_fen,
        "hifp_pay": split.pooled_fen,
        "fund_pay_sumamt": split.pooled_fen,
        share: split.account_fen + split.self_paid_fen,
        "acct_pay": split.account_fen,
        cash: split.self_paid_fen,
        "balc": balance_fen,
    }
    return {
        "mdtrt_id": mdtrt_id,
        "setl_id": setl_id,
        "psn_no": psn_no,
        "insutype": insutype,
        "setl_time": show_time(time),
        "med_type": PHARMACY_VISIT,
        **dict.fromkeys(_NOT_COMPUTED, _ZERO),
        **{name: yuan(amount) for name, amount in amounts.items()},
        "pool_prop_selfpay": "0",
        "medins_setl_id": msgid,
        "clr_optins": division,
        "clr_way": _PER_ITEM,
        "clr_type": PHARMACY_VISIT,
    }


def setldetail(split: Split) -> list[dict[str, str]]:
    """The funds that pay; none when the pooled fund pays nothing."""
    if not split.pooled_fen:
        return []
    return [
        {
            "fund_pay_type": _EMPLOYEE_POOL,
            "inscp_scp_amt": yuan(split.account_fen + split.pooled_fen),
            "crt_payb_lmt_amt": _ZERO,
            "fund_payamt": yuan(split.pooled_fen),
            "fund_pay_type_name": "基本医疗保险统筹基金",
            "setl_proc_info": "",
        }
    ]


def detlcutinfo(bill: DrugBill) -> list[dict[str, str]]:
    """The lines of a bill, as they were taken: nothing is cut from them."""
    return [
        {
            "feedetl_sn": line["feedetl_sn"],
            "det_item_fee_sumamt": line["det_item_fee_sumamt"],
            "cnt": line["cnt"],
            "pric": line["pric"],
            "pric_uplmt_amt": _ZERO,
            "selfpay_prop": "0",
            "fulamt_ownpay_amt": _ZERO,
            "overlmt_amt": _ZERO,
            "preselfpay_amt": _ZERO,
            "inscp_scp_amt": line["det_item_fee_sumamt"],
            "memo": "",
        }
        for line in bill.details
    ]


def person(psn_no: str, division: str, balance_fen: int, *, insutype: str) -> Mapping[str, Any]:
    """The answer of 1101. A ledger knows no names and no identity numbers: these are empty."""
    unknown = ("psn_cert_type", "certno", "psn_name", "gend", "naty", "brdy")
    return {
        "baseinfo": {"psn_no": psn_no, **dict.fromkeys(unknown, ""), "age": "0"},
        "insuinfo": [
            {
                "balc": yuan(balance_fen),
                "insutype": insutype,
                "psn_type": "",
                "psn_insu_stas": "1",
                "psn_insu_date": "",
                "paus_insu_date": "",
                "cvlserv_flag": "0",
                "insuplc_admdvs": division,
                "emp_name": "",
            }
        ],
        "idetinfo": [],
    }
