# SPDX-License-Identifier: Apache-2.0
"""3501 to 3507: stock of an institution: counted, changed, bought, sold, returned, deleted."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.settlement.platform.fields import DAY, PRICE, QUANTITY, TIME
from sscard_chip.settlement.platform.transactions.rules import (
    FLAG,
    Keeps,
    NodeRule,
    TransactionRule,
    Y,
    rules,
)

MOST_GOODS: Final = 200
"""Lines of one message."""
MOST_CODES: Final = 1000
"""Trace codes of a line."""
_TRACE: Final = NodeRule(
    "drugtracinfo", rules(("drug_trac_codg", 100, Y)), most=MOST_CODES, must=False
)
_WHAT: Final = (
    ("med_list_codg", 50, Y),
    ("fixmedins_hilist_id", 30, Y),
    ("fixmedins_hilist_name", 200, Y),
    ("fixmedins_bchno", 30, Y),
)
_LOT: Final = (("manu_lotnum", 30, Y), ("manu_date", DAY, Y), ("expy_end", DAY))
_SOLD: Final = (
    ("rx_flag", FLAG, Y, "RX_FLAG"),
    ("trdn_flag", FLAG, Y, "TRDN_FLAG"),
    ("finl_trns_pric", PRICE),
    ("sel_retn_cnt", QUANTITY, Y),
    ("sel_retn_time", TIME, Y),
    ("sel_retn_opter_name", 50, Y),
    ("memo", 500),
)
_BUYER: Final = (
    ("setl_id", 30),
    ("psn_no", 30),
    ("psn_cert_type", 6, False, "PSN_CERT_TYPE"),
    ("certno", 50),
    ("psn_name", 50),
)
_PAPERS: Final = (
    ("finl_trns_pric", PRICE),
    ("purc_retn_cnt", QUANTITY, Y),
    ("purc_invo_codg", 50),
    ("purc_invo_no", 50),
    ("rx_flag", FLAG, Y, "RX_FLAG"),
    ("purc_retn_stoin_time", TIME, Y),
    ("purc_retn_opter_name", 50, Y),
    ("memo", 500),
)


def _goods(name: str, *fields: tuple[Any, ...]) -> NodeRule:
    return NodeRule(name, rules(*fields), MOST_GOODS, (_TRACE,))


STOCK: Final = (
    TransactionRule(
        "3501", "商品盘存上传", "stock as counted",
        (
            _goods(
                "invinfo", *_WHAT, ("rx_flag", FLAG, Y, "RX_FLAG"), ("invdate", DAY, Y),
                ("inv_cnt", QUANTITY, Y), ("manu_lotnum", 30), ("manu_date", DAY, Y),
                ("expy_end", DAY, Y), ("memo", 500),
            ),
        ),
        (), Keeps.MESSAGE, "the quantity of the batch becomes what was counted",
    ),
    TransactionRule(
        "3502", "商品库存变更", "stock changed",
        (
            _goods(
                "invinfo", *_WHAT,
                ("inv_chg_type", (6, "10[1-9]|11[01]"), Y, "INV_CHG_TYPE"),
                ("pric", PRICE, Y), ("cnt", QUANTITY, Y), ("rx_flag", FLAG, Y, "RX_FLAG"),
                ("inv_chg_time", TIME, Y), ("inv_chg_opter_name", 50), ("memo", 500),
                ("trdn_flag", FLAG, False, "TRDN_FLAG"),
            ),
        ),
        (), Keeps.MESSAGE, "more or less of the batch, by its inv_chg_type",
    ),
    TransactionRule(
        "3503", "商品采购", "goods bought",
        (
            _goods(
                "purcinfo", *_WHAT, ("dynt_no", 50), ("spler_name", 200, Y), ("spler_pmtno", 50),
                ("manu_lotnum", 30, Y), ("prdr_name", 200, Y), ("aprvno", 100, Y),
                ("manu_date", DAY, Y), ("expy_end", DAY, Y), *_PAPERS,
                ("prod_geay_flag", FLAG),
            ),
        ),
        (), Keeps.MESSAGE, "more of the batch",
    ),
    TransactionRule(
        "3504", "商品采购退货", "bought goods returned",
        (
            _goods(
                "purcinfo", *_WHAT, ("spler_name", 200, Y), ("spler_pmtno", 50),
                ("manu_lotnum", 30), ("manu_date", DAY, Y), ("expy_end", DAY, Y), *_PAPERS,
                ("medins_prod_purc_no", 50),
            ),
        ),
        (), Keeps.MESSAGE, "less of the batch",
    ),
    TransactionRule(
        "3505", "商品销售", "goods sold",
        (
            _goods(
                "selinfo", *_WHAT, ("prsc_dr_cert_type", 6), ("prsc_dr_certno", 50),
                ("prsc_dr_name", 50, Y), ("phar_cert_type", 6), ("phar_certno", 50),
                ("phar_name", 50, Y), ("phar_prac_cert_no", 50, Y),
                ("hi_feesetl_type", (6, "[012]"), False, "HI_FEESETL_TYPE"),
                ("mdtrt_sn", 30, Y), *_BUYER, *_LOT, *_SOLD,
                ("rxno", 40), ("rx_circ_flag", 3), ("rtal_docno", 40, Y), ("stoout_no", 40),
                ("bchno", 30), ("drug_prod_barc", 30), ("shelf_posi", 20),
            ),
        ),
        (), Keeps.MESSAGE, "less of the batch, tied to the setl_id of an insured sale",
    ),
    TransactionRule(
        "3506", "商品销售退货", "sold goods returned",
        (_goods("selinfo", *_WHAT, *_BUYER, *_LOT, *_SOLD, ("medins_prod_sel_no", 50)),),
        (), Keeps.MESSAGE, "more of the batch, never more than was sold of it",
    ),
    TransactionRule(
        "3507", "商品信息删除", "records deleted",
        (
            NodeRule(
                "data",
                rules(
                    ("fixmedins_bchno", 30, Y),
                    ("inv_data_type", (30, "[1-4]"), Y, "INV_DATA_TYPE"),
                ),
            ),
        ),
        (), Keeps.MESSAGE, "records of this kind about the batch do not count any more",
    ),
)  # fmt: skip
