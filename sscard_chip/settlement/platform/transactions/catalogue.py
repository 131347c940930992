# SPDX-License-Identifier: Apache-2.0
"""1301, 1302, 1306, 1312, 1317 to 1319: catalogues as files, and page by page."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.settlement.platform.fields import COUNT, DAY, RATIO
from sscard_chip.settlement.platform.transactions.rules import (
    NodeRule,
    TransactionRule,
    Y,
    node,
    rules,
)

MOST_PAGE: Final = 100
"""Rows of a page."""
_PAGE_NUMBER: Final = "[1-9][0-9]{0,3}"
_FILE_OUT: Final = NodeRule(
    "",
    rules(
        ("file_qury_no", 40, Y), ("filename", 100, Y), ("dld_end_time", DAY, Y),
        ("data_cnt", COUNT, Y),
    ),
)  # fmt: skip
_FILE_IN: Final = (node("data", ("ver", 20, Y)),)
_PAGE: Final = (
    ("updt_time", 19, Y),
    ("page_num", (4, _PAGE_NUMBER), Y),
    ("page_size", (4, _PAGE_NUMBER), Y),
)
_VALID: Final = (
    ("vali_flag", 3, Y),
    ("rid", 40, Y),
    ("updt_time", DAY, Y),
    ("crte_time", DAY, Y),
)


def _asked(*fields: tuple[Any, ...]) -> tuple[NodeRule, ...]:
    return (node("data", ("query_date", DAY), *fields, ("vali_flag", 3), *_PAGE),)


def _rows(*fields: tuple[Any, ...]) -> tuple[NodeRule, ...]:
    return (NodeRule("data", rules(*fields, *_VALID), most=MOST_PAGE, must=False),)


_LIST: Final = ("hilist_code", 50, Y)
_PLACE: Final = ("insu_admdvs", 6, Y)
_SINCE: Final = (("begndate", DAY, Y), ("enddate", DAY))

CATALOGUES: Final = (
    TransactionRule("1301", "西药中成药目录下载", "drugs, as a file", _FILE_IN, (_FILE_OUT,)),
    TransactionRule("1302", "中药饮片目录下载", "herbal pieces, as a file", _FILE_IN, (_FILE_OUT,)),
    TransactionRule("1306", "医用耗材目录下载", "consumables, as a file", _FILE_IN, (_FILE_OUT,)),
    TransactionRule(
        "1312", "医保目录信息查询", "list of the insurance",
        _asked(
            ("hilist_code", 50), ("hilist_name", 200), ("insu_admdvs", 6), ("begndate", DAY),
            ("wubi", 30), ("pinyin", 30), ("med_chrgitm_type", 6), ("chrgitm_lv", 3),
            ("lmt_used_flag", 3), ("list_type", 30), ("med_use_flag", 3), ("matn_used_flag", 3),
            ("hilist_use_type", 3), ("lmt_cpnd_type", 3),
        ),
        _rows(
            _LIST, ("hilist_name", 200, Y), _PLACE, *_SINCE,
            ("med_chrgitm_type", 6, Y, "MED_CHRGITM_TYPE"), ("chrgitm_lv", 3, Y, "CHRGITM_LV"),
            ("lmt_used_flag", 3, Y), ("list_type", 3, Y, "LIST_TYPE"), ("med_use_flag", 3, Y),
            ("matn_used_flag", 3, Y), ("hilist_use_type", 3, Y), ("lmt_cpnd_type", 3, Y),
            ("wubi", 30), ("pinyin", 30), ("memo", 500),
        ),
    ),
    TransactionRule(
        "1317", "医药机构目录匹配信息查询", "goods of an institution in the list",
        _asked(
            ("fixmedins_code", 30), ("medins_list_codg", 150), ("medins_list_name", 200),
            ("insu_admdvs", 6), ("list_type", 30), ("med_list_codg", 50), ("begndate", DAY),
        ),
        _rows(
            ("fixmedins_code", 30, Y), ("medins_list_codg", 150, Y),
            ("medins_list_name", 200, Y), _PLACE, ("list_type", 3, Y, "LIST_TYPE"),
            ("med_list_codg", 50, Y), *_SINCE,
        ),
    ),
    TransactionRule(
        "1318", "医保目录限价信息查询", "price limits",
        _asked(
            ("hilist_code", 50), ("hilist_lmtpric_type", 6), ("overlmt_dspo_way", 6),
            ("insu_admdvs", 6), ("begndate", DAY), ("enddate", DAY), ("rid", 40),
            ("tabname", 100), ("poolarea_no", 6),
        ),
        _rows(
            _LIST, ("hilist_lmtpric_type", 6, Y), ("overlmt_dspo_way", 6, Y), _PLACE, *_SINCE,
            ("hilist_pric_uplmt_amt", 17, Y),
        ),
    ),
    TransactionRule(
        "1319", "医保目录先自付比例信息查询", "first-pay shares",
        _asked(
            ("hilist_code", 50), ("selfpay_prop_psn_type", 6), ("selfpay_prop_type", 6),
            ("insu_admdvs", 6), ("begndate", DAY), ("enddate", DAY), ("rid", 40),
            ("tabname", 100), ("poolarea_no", 6),
        ),
        _rows(
            _LIST, ("selfpay_prop_psn_type", 6, Y), ("selfpay_prop_type", 6, Y), _PLACE, *_SINCE,
            ("selfpay_prop", RATIO, Y),
        ),
    ),
)  # fmt: skip
