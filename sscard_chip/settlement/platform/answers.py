# SPDX-License-Identifier: Apache-2.0
"""What the platform answers: ``setlinfo``, ``setldetail``, ``detlcutinfo``, ``baseinfo`` (A4, A5).

The sums hold by construction: fund_pay_sumamt is the sum of the fund items, psn_part_amt that of
acct_pay and psn_cash_pay, medfee_sumamt that of both and hosp_part_amt [M]. What is said of the
person is the register's, else what the bill itself says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sscard_chip.settlement.platform.catalogue import find_drug
from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.settlement.platform.persons import InsuredPerson
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import show_time
from sscard_chip.standard.insurance import EMPLOYEE_BASIC, PHARMACY_VISIT
from sscard_chip.standard.settlement_mode import Split

_PER_ITEM: Final = "1"
"""clr_way [HN]."""
_POOLS: Final = {
    EMPLOYEE_BASIC: ("310100", "基本医疗保险统筹基金"),
    "390": ("390100", "城乡居民基本医疗保险基金"),
}
"""fund_pay_type of the pooled fund by insutype, and its name [HN]."""
_ACCOUNT: Final = ("310200", "个人账户")
"""fund_pay_type of the personal account [HN]."""
_ZERO: Final = "0.00"
_NOT_COMPUTED: Final = (
    "overlmt_selfpay",
    "preselfpay_amt",
    "act_pay_dedc",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "hifdm_pay",
    "maf_pay",
    "oth_pay",
    "hosp_part_amt",
    "acct_mulaid_pay",
)
"""Amounts that a ledger of accounts does not distinguish: zero."""
BY_AMOUNT: Final = "0"
"""med_list_codg of a till that sells by amount and not by article [ours]."""
_OF_BILL: Final = ("psn_name", "psn_cert_type", "certno", "psn_type")
_OF_PERSON: Final = (
    "psn_name", "psn_cert_type", "certno", "gend", "naty", "brdy", "psn_type", "cvlserv_flag",
)  # fmt: skip

NOBODY: Final[Mapping[str, str]] = dict.fromkeys(_OF_PERSON, "") | {"cvlserv_flag": "0", "age": "0"}
_ZEROES: Final = dict.fromkeys(_NOT_COMPUTED, _ZERO)


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
    bill: DrugBill | None = None,
    person: InsuredPerson | None = None,
    shared: bool = False,
) -> dict[str, str]:
    """The settlement's amounts; of a cancellation they are below zero, under both names.

    Money that no insurance pays counts as outside the catalogue [L]. ``shared`` says that the
    account is a relative's: acct_mulaid_pay is then inside acct_pay [L].
    """
    sign = -1 if cancellation else 1
    amounts = {
        "medfee_sumamt": split.total_fen,
        "fulamt_ownpay_amt": split.self_paid_fen,
        "inscp_scp_amt": split.account_fen + split.pooled_fen,
        "hifp_pay": split.pooled_fen,
        "fund_pay_sumamt": split.pooled_fen,
        "psn_part_amt": split.account_fen + split.self_paid_fen,
        "acct_pay": split.account_fen,
        "psn_cash_pay": split.self_paid_fen,
    }
    if cancellation:
        amounts["psn_pay"] = amounts["psn_part_amt"]
        amounts["cash_payamt"] = amounts["psn_cash_pay"]
    if shared:
        amounts["acct_mulaid_pay"] = split.account_fen
    return {
        "mdtrt_id": mdtrt_id,
        "setl_id": setl_id,
        "psn_no": psn_no,
        **whose(time, bill, person),
        "insutype": insutype or (person.insutype if person else ""),
        "setl_time": show_time(time),
        "mdtrt_cert_type": bill.info["mdtrt_cert_type"] if bill else "",
        "med_type": PHARMACY_VISIT if bill is None else bill.info["med_type"],
        **_ZEROES,
        **{name: yuan(sign * amount) for name, amount in amounts.items()},
        "balc": yuan(balance_fen),
        "pool_prop_selfpay": "0",
        "medins_setl_id": msgid,
        "clr_optins": division,
        "clr_way": _PER_ITEM,
        "clr_type": PHARMACY_VISIT,
    }


def whose(time: str, bill: DrugBill | None, person: InsuredPerson | None) -> Mapping[str, str]:
    """The members of ``setlinfo`` about the person, at ``time`` (YYYYMMDDhhmmss)."""
    if person is not None:
        found = {name: getattr(person, name) for name in _OF_PERSON}
        return found | {"age": person.age(time)}
    if bill is None:
        return NOBODY
    info = bill.info
    known = {name: info[name] for name in _OF_BILL if info[name]}
    return {**NOBODY, **known} if known else NOBODY


def setldetail(
    split: Split, *, account: bool | None = None, insutype: str = "", cancellation: bool = False
) -> list[dict[str, str]]:
    """A row for each payer: the pooled fund where it pays, the personal account.

    ``account`` says whether the account has a row; without it, when it pays something.
    """
    fund, fund_name = _POOLS[pool_of(insutype)]
    payers = [(fund, fund_name, split.pooled_fen)] if split.pooled_fen else []
    if split.account_fen if account is None else account:
        payers.append((*_ACCOUNT, split.account_fen))
    sign = -1 if cancellation else 1
    return [
        {
            "fund_pay_type": number,
            "inscp_scp_amt": yuan(sign * (split.account_fen + split.pooled_fen)),
            "crt_payb_lmt_amt": _ZERO,
            "fund_payamt": yuan(sign * fen),
            "fund_pay_type_name": name,
            "setl_proc_info": "",
        }
        for number, name, fen in payers
    ]


def funds(insutype: str, *, pooled: bool) -> list[tuple[str, str, bool]]:
    """fund_pay_type and name of the pooled fund and the account, and whether each pays."""
    return [(*_POOLS[pool_of(insutype)], pooled), (*_ACCOUNT, True)]


def pool_of(insutype: str) -> str:
    """The insutype whose pooled fund pays for an insutype."""
    return insutype if insutype in _POOLS else EMPLOYEE_BASIC


def detlcutinfo(bill: DrugBill) -> list[dict[str, str]]:
    """The lines of a bill, as they were taken: nothing is cut from them."""
    return [line_cut(line) for line in bill.details]


def line_cut(line: Mapping[str, str]) -> dict[str, str]:
    """A line of a bill in ``detlcutinfo``; one that is by article has the article's codes."""
    level, kind = levels(line["med_list_codg"])
    found = {
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
        "chrgitm_lv": level,
        "med_chrgitm_type": kind,
        "memo": "",
    }
    if line["med_list_codg"] != BY_AMOUNT:
        found |= {name: line[name] for name in ("med_list_codg", "medins_list_codg")}
    return found


def levels(code: str) -> tuple[str, str]:
    """chrgitm_lv and med_chrgitm_type of an article, by its med_list_codg."""
    drug = None if code == BY_AMOUNT else find_drug(code)
    return (drug.chrgitm_lv, drug.med_chrgitm_type) if drug else ("01", "14")


def person(
    psn_no: str,
    division: str,
    balance_fen: int,
    *,
    insutype: str,
    who: InsuredPerson | None = None,
    day: str = "",
) -> Mapping[str, Any]:
    """The answer of 1101 on a day (YYYYMMDD or longer).

    A ledger knows no names and no identity numbers: without a register of persons these are
    empty.
    """
    known = who or InsuredPerson("", "", psn_cert_type="", psn_type="")
    names = ("psn_cert_type", "certno", "psn_name", "gend", "naty", "brdy")
    return {
        "baseinfo": {
            "psn_no": psn_no,
            **{name: getattr(known, name) for name in names},
            "age": known.age(day),
        },
        "insuinfo": [
            {
                "balc": yuan(balance_fen),
                "insutype": who.insutype if who else insutype,
                "psn_type": known.psn_type,
                "psn_insu_stas": known.psn_insu_stas,
                "psn_insu_date": known.psn_insu_date,
                "paus_insu_date": "",
                "cvlserv_flag": known.cvlserv_flag,
                "insuplc_admdvs": division,
                "emp_name": known.emp_name,
            }
        ],
        "idetinfo": [
            {"psn_idet_type": one, "psn_type_lv": "", "memo": "", "begntime": "", "endtime": ""}
            for one in known.psn_idet_types
        ],
    }
