# SPDX-License-Identifier: Apache-2.0
"""The catalogue of invented drugs, herbal pieces and consumables: 1301, 1302, 1306, 1312 to 1319.

Fifty articles of ``drugs.tsv``; none of them exists. As files they have the columns of the
national tables, in the order that programs read them [M; 1302 and 1306 shorter, L], ``null``
where nothing is invented.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.fields import MessageError
from sscard_chip.settlement.platform.transactions import TRANSACTIONS
from sscard_chip.settlement.platform.transactions.catalogue import MOST_PAGE

VERSION: Final = "v0001"
"""What a program has after the first download; before it, ``v0000``."""
_SINCE: Final = "2026-01-01"
_NEVER: Final = "2099-12-31"
_NULL: Final = "null"
_FIRST: Final = "v0000"

_COLUMNS: Final = {
    "1301": (92, {
        1: "med_list_codg", 2: "name", 4: "name", 8: "name", 11: "dosform", 14: "spec",
        37: "since", 40: "unit", 45: "unit", 54: "maker", 62: "aprvno", 79: "valid", 80: "rid",
        81: "since", 82: "since", 83: "version", 92: "chrgitm_lv",
    }),
    "1302": (29, {
        1: "med_list_codg", 2: "name", 12: "since", 14: "valid", 15: "rid", 16: "since",
        17: "since", 18: "version", 20: "name",
    }),
    "1306": (30, {
        1: "med_list_codg", 2: "name", 5: "name", 8: "spec", 16: "unit", 18: "unit",
        25: "maker", 26: "aprvno", 27: "since", 28: "valid", 29: "rid", 30: "version",
    }),
}  # fmt: skip
"""Columns of a file, counted from 1: how many, and which hold what; the others are ``null``."""


@dataclass(frozen=True, slots=True)
class Drug:
    """An article of the catalogue; prices in yuan, selfpay_prop from 0 to 1."""

    catalogue: str
    med_list_codg: str
    name: str
    dosform: str
    spec: str
    unit: str
    maker: str
    aprvno: str
    chrgitm_lv: str
    med_chrgitm_type: str
    list_type: str
    pric_uplmt_amt: str
    selfpay_prop: str

    @property
    def rid(self) -> str:
        """唯一记录号."""
        return sha256(self.med_list_codg.encode()).hexdigest()[:32].upper()


@cache
def drugs() -> Mapping[str, Drug]:
    """All articles by med_list_codg."""
    text = files(__package__).joinpath("drugs.tsv").read_text("utf-8")
    _, *lines = text.splitlines()
    found = (Drug(*line.split("\t")) for line in lines)
    return {one.med_list_codg: one for one in found}


def find_drug(code: str) -> Drug | None:
    """An article by med_list_codg."""
    return drugs().get(code)


# --- files ---------------------------------------------------------------------------------------


@cache
def catalogue_file(infno: str) -> tuple[str, str, bytes]:
    """file_qury_no, filename and ZIP of the catalogue 1301, 1302 or 1306."""
    width, places = _COLUMNS[infno]
    rows = []
    for one in drugs().values():
        if one.catalogue == infno:
            cells = [_NULL] * width
            extra = {"since": f"{_SINCE} 00:00:00", "valid": "1", "version": VERSION}
            for place, name in places.items():
                cells[place - 1] = extra.get(name) or str(getattr(one, name))
            rows.append("\t".join(cells))
    return _zipped(f"{infno}_{VERSION}", rows)


def _zipped(name: str, rows: list[str]) -> tuple[str, str, bytes]:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(f"{name}.txt", (2026, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, "".join(f"{row}\n" for row in rows))
    zipped = content.getvalue()
    return sha256(name.encode()).hexdigest()[:30].upper(), f"{name}.zip", zipped


@cache
def catalogue_files() -> Mapping[str, tuple[str, bytes]]:
    """What 9102 gives of catalogues: filename and ZIP by file_qury_no."""
    found = (catalogue_file(infno) for infno in _COLUMNS)
    return {number: (name, content) for number, name, content in found}


def download(_: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    """1301, 1302, 1306: where the file of the catalogue is; nothing new is no rows."""
    (data,) = TRANSACTIONS[request.infno].input[0].check(request.input)
    number, name, _content = catalogue_file(request.infno)
    count = sum(one.catalogue == request.infno for one in drugs().values())
    if data["ver"].lower() > _FIRST and data["ver"].lower() >= VERSION:
        count = 0
    return {
        "file_qury_no": number,
        "filename": name,
        "dld_end_time": _NEVER,
        "data_cnt": str(count),
    }


# --- pages ---------------------------------------------------------------------------------------


def page(_: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    """1312, 1317, 1318, 1319: a page of rows that are as asked.

    :raises MessageError: the page is too large.
    """
    (data,) = TRANSACTIONS[request.infno].input[0].check(request.input)
    number, size = int(data["page_num"]), int(data["page_size"])
    if size > MOST_PAGE:
        raise MessageError(f"data.page_size: at most {MOST_PAGE}")
    asked = {name: value for name, value in data.items() if value and name in _ASKED}
    rows = [_row(request, one) for one in drugs().values()]
    updated = data["updt_time"][:10]
    found = [
        row
        for row in rows
        if row["updt_time"] >= updated
        and all(row[name] == value for name, value in asked.items() if name in row)
        and (data.get("hilist_name") or "") in row.get("hilist_name", "")
        and (data.get("medins_list_name") or "") in row.get("medins_list_name", "")
    ]
    first = (number - 1) * size
    pages = -(-len(found) // size)
    return {
        "data": found[first : first + size],
        "recordCounts": len(found),
        "pages": pages,
        "pageNum": number,
        "pageSize": size,
        "startRow": first + 1 if found else 0,
        "firstPage": number <= 1,
        "lastPage": number >= pages,
        "size": len(found[first : first + size]),
    }


_ASKED: Final = frozenset(
    {
        "hilist_code", "insu_admdvs", "med_chrgitm_type", "chrgitm_lv", "list_type",
        "med_list_codg", "medins_list_codg", "fixmedins_code", "vali_flag", "rid",
        "hilist_lmtpric_type", "overlmt_dspo_way", "selfpay_prop_psn_type", "selfpay_prop_type",
        "lmt_used_flag", "med_use_flag", "matn_used_flag", "hilist_use_type", "lmt_cpnd_type",
    }
)  # fmt: skip


def _row(request: Request, drug: Drug) -> dict[str, str]:
    common = {
        "insu_admdvs": request.treatment_division,
        "begndate": _SINCE,
        "enddate": _NEVER,
        "vali_flag": "1",
        "rid": drug.rid,
        "updt_time": _SINCE,
        "crte_time": _SINCE,
    }
    if request.infno == "1317":
        return common | {
            "fixmedins_code": request.institution,
            "medins_list_codg": drug.med_list_codg,
            "medins_list_name": drug.name,
            "list_type": drug.list_type,
            "med_list_codg": drug.med_list_codg,
        }
    common["hilist_code"] = drug.med_list_codg
    if request.infno == "1318":
        return common | {
            "hilist_lmtpric_type": "1",
            "overlmt_dspo_way": "1",
            "hilist_pric_uplmt_amt": drug.pric_uplmt_amt,
        }
    if request.infno == "1319":
        return common | {
            "selfpay_prop_psn_type": "1",
            "selfpay_prop_type": "1",
            "selfpay_prop": drug.selfpay_prop,
        }
    return common | {
        "hilist_name": drug.name,
        "med_chrgitm_type": drug.med_chrgitm_type,
        "chrgitm_lv": drug.chrgitm_lv,
        "lmt_used_flag": "0",
        "list_type": drug.list_type,
        "med_use_flag": "1",
        "matn_used_flag": "0",
        "hilist_use_type": "1",
        "lmt_cpnd_type": "0",
        "wubi": "",
        "pinyin": "",
        "memo": "",
    }
