# SPDX-License-Identifier: Apache-2.0
"""Write what ships in ``issuance/schemas``: JSON Schemas from the models, columns of tables.

``python scripts/make_schemas.py``; a test fails when a file is not what the models give.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from issuance.bank.account import AccountFile
from issuance.bank.authority import AuthorityFile
from issuance.bank.head import LedgerHead
from issuance.batch.container import ContainerHeader
from issuance.holder import HolderDocument
from issuance.holders.mapping import MappingFile
from issuance.pki.authority import PkiAuthorityFile
from issuance.plan.script import PersonalisationScript
from issuance.region import RegionDocument
from issuance.roots import RootKeyFile
from issuance.stores.encrypted import EncryptedKeyFile
from sscard_chip.profile.localmodel import LocalFiles
from sscard_chip.reader.scenario import Scenario
from sscard_chip.settlement.documents import StatementDocument, SummaryDocument
from sscard_chip.settlement.gateway.faults import FaultsDocument
from sscard_chip.settlement.gateway.secrets import GatewaySecrets
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.standard.models import Model, schema
from sscard_chip.terminal.addresses import AddressFile
from sscard_chip.terminal.conformance.document import SuiteDocument
from sscard_chip.terminal.conformance.ics import ImplementationStatement
from sscard_chip.terminal.recorded import RecordedCardFile
from sscard_chip.terminal.recording import RecordedCall
from sscard_chip.terminal.script_model import ExchangeScript
from sscard_chip.terminal.transit.region import TransitRegion
from sscard_driver.configuration import DriverFile
from sscard_driver.families.identity import IdentityCard
from sscard_service.ivr.flow import IvrFlow
from sscard_service.records import PersonLine
from sscard_service.region.model import ServiceRegion
from sscard_service.store.secrets import ServiceKeyFile

FOLDER: Final = Path(__file__).parent.parent / "issuance" / "schemas"
DOCUMENTS: Final[dict[str, tuple[type[Model], str]]] = {
    "account": (AccountFile, "JSON or TOML"),
    "bank-authority": (AuthorityFile, "JSON"),
    "bank-ledger-head": (LedgerHead, "JSON"),
    "card-container": (ContainerHeader, "JSON"),
    "conformance": (SuiteDocument, "JSON"),
    "driver": (DriverFile, "TOML"),
    "encrypted-root-keys": (EncryptedKeyFile, "JSON"),
    "exchange-script": (ExchangeScript, "JSON"),
    "faults": (FaultsDocument, "TOML"),
    "gateway": (GatewaySecrets, "TOML"),
    "holder": (HolderDocument, "JSON or TOML"),
    "holder-mapping": (MappingFile, "TOML"),
    "identity-card": (IdentityCard, "JSON or TOML"),
    "implementation-statement": (ImplementationStatement, "JSON or TOML"),
    "key-addresses": (AddressFile, "JSON or TOML"),
    "local-files": (LocalFiles, "TOML"),
    "pki-authority": (PkiAuthorityFile, "JSON"),
    "personalisation": (PersonalisationScript, "JSON"),
    "recorded-card": (RecordedCardFile, "JSON"),
    "recording": (RecordedCall, "JSON lines"),
    "policy": (CentrePolicy, "TOML"),
    "region": (RegionDocument, "TOML"),
    "transit-region": (TransitRegion, "TOML or JSON"),
    "root-keys": (RootKeyFile, "JSON"),
    "service-ivr": (IvrFlow, "TOML"),
    "service-keys": (ServiceKeyFile, "JSON"),
    "service-person": (PersonLine, "JSON lines"),
    "service-region": (ServiceRegion, "TOML"),
    "statement": (StatementDocument, "JSON"),
    "summary": (SummaryDocument, "JSON"),
    "scenario": (Scenario, "JSON or TOML"),
}
"""Name of a format, its model, the kind of its files."""


NULL: Final = "or null"
_YUAN, _FEN, _SHA = "yuan with two decimals", "fen", "SHA-256 of all rows before, hex"
_TRAILER: Final = {"T": "the letter T", "rows": "number of rows between header and trailer"}
_DAY: Final = {
    "setl_id": f"settlement, {NULL} off-line",
    "mdtrt_id": f"visit, {NULL}",
    "psn_no": f"person at the centre, {NULL}",
    "medfee_sumamt": f"total, {_YUAN}; negative in a refund",
    "fund_pay_sumamt": f"paid by the pooled fund, {_YUAN}",
    "acct_pay": f"paid from the personal account, {_YUAN}",
    "psn_cash_pay": f"paid in cash, {_YUAN}",
    "refd_setl_flag": "1 for a refund, else 0",
    "msgid": "number of the transaction, at most 30 characters",
    "mdtrtarea_admvs": "division of the pharmacy, 6 digits",
    "insuplc_admdvs": f"division of the insured place, 6 digits, {NULL}",
    "card_id_code": "卡识别码, 32 hex",
    "card_number": "卡号",
    "diversification_factor": "of the card's keys, 16 hex",
    "algorithm": "01 3DES, 03 SM4",
    "key_version": "of the debit key",
    "transaction_number": "脱网交易序号 of the card",
    "transaction_type": "2 hex",
    "terminal_id": "12 digits",
    "terminal_transaction_number": "终端交易序号",
    "time": "YYYYMMDDhhmmss",
    "account_amount_fen": f"from the account as the card was told, {_FEN}",
    "self_paid_amount_fen": f"self-paid as the card was told, {_FEN}",
    "pooled_amount_fen": f"by the fund as the card was told, {_FEN}",
    "tac": f"8 hex, {NULL} when the card's answer never came",
    "grey": "1 when nobody knows whether the card was debited, else 0",
}
_EXCHANGE: Final = {
    "state": "codes of the findings, joined by commas; 0 for none",
    "setl_optins": "division of the place of treatment",
    "insuplc_admdvs": "division of the insured place",
    "medfee_sumamt": f"total, {_YUAN}",
    "fund_pay_sumamt": f"paid by the pooled fund, {_YUAN}",
    "acct_pay": f"paid from the personal account, {_YUAN}",
    "psn_cash_pay": f"paid in cash, {_YUAN}",
    "setl_time": "YYYYMMDDhhmmss",
    "infno": "2102 a sale, 2103 a refund",
    "mdtrt_id": f"visit, {NULL}",
    "setl_id": f"settlement, {NULL} off-line",
    "msgid": "number of the transaction",
    "refd_setl_flag": "1 for a refund, else 0",
    "succ_flag": "1 when the row is settled, else 0",
}
_RETURN: Final = {
    "card_number": "卡号", "social_security_number": "社会保障号码", "atr": "hex",
    "card_id_code": "卡识别码, hex", "bank_account": "as in the list", "result": "ok or failed",
    "reason": "失败原因", "sequence": "row of the list", "batch": "批次号", "name": "姓名",
    "issue_date": "YYYYMMDD", "expiry_date": "YYYYMMDD", "reset_code": "historical bytes, hex",
    "version": "规范版本", "division": "of issue, 6 digits", "failed_step": "失败环节",
}  # fmt: skip
_PRINT: Final = {
    "card_number": "卡号", "name": "姓名", "social_security_number": "社会保障号码",
    "issue_date": "YYYYMMDD", "expiry_date": "YYYYMMDD", "photo": "path of the photo",
    "barcode": "Code 128 of the card number, widths of the bars",
}  # fmt: skip
_TSV: Final = "tab-separated UTF-8"
TABLES: Final[dict[str, tuple[str, str, dict[str, dict[str, str]]]]] = {
    "day": (
        "A till's day: sales and refunds (sscard-day/1)",
        f"{_TSV}, Parquet for the D rows",
        {
            "header": {
                "H": "the letter H", "format": "sscard-day/1", "fixmedins_code": "the pharmacy",
                "terminal_id": "12 digits", "business_date": "YYYYMMDD",
                "hotlist_version": NULL, "psam_number": "of the terminal's PSAM",
            },
            "row": {"D": "the letter D", **_DAY},
            "trailer": {
                **_TRAILER, "medfee_sumamt": f"sum, {_YUAN}", "fund_pay_sumamt": f"sum, {_YUAN}",
                "acct_pay": f"sum, {_YUAN}", "psn_cash_pay": f"sum, {_YUAN}", "digest": _SHA,
            },
        },
    ),
    "hotlist": (
        "Cards that are not taken, 黑名单 (sscard-hotlist/1)",
        _TSV,
        {
            "header": {"H": "the letter H", "format": "sscard-hotlist/1", "version": "of the list"},
            "card": {
                "C": "the letter C", "card_id_code": f"卡识别码, 32 hex, {NULL} for any",
                "card_number": f"卡号, {NULL} for any",
                "since": f"YYYYMMDDhhmmss, {NULL} for always",
            },
            "range": {
                "R": "the letter R", "first": "first 卡号", "last": "last 卡号",
                "since": f"YYYYMMDDhhmmss, {NULL} for always",
            },
            "trailer": {**_TRAILER, "digest": _SHA},
        },
    ),
    "pharmacies": (
        "Pharmacies of a centre with their terminals (sscard-pharmacies/1)",
        _TSV,
        {
            "header": {"H": "the letter H", "format": "sscard-pharmacies/1"},
            "row": {
                "P": "the letter P", "fixmedins_code": "letters and digits, at most 30",
                "name": "printable text", "division": "6 digits",
                "terminal_ids": f"12 digits each, joined by commas, {NULL}",
                "psam_numbers": f"joined by commas, {NULL}",
            },
            "trailer": {**_TRAILER, "digest": _SHA},
        },
    ),
    "cards": (
        "Cards and opening balances for a centre (sscard-cards/1)",
        _TSV,
        {
            "header": {"H": "the letter H", "format": "sscard-cards/1", "date": "YYYYMMDD"},
            "row": {
                "C": "the letter C", "card_number": "卡号, 1 to 9 characters",
                "card_id_code": "卡识别码, 32 hex", "division": "of the insured place, 6 digits",
                "psn_no": f"at most 30 characters, {NULL}", "diversification_factor": "16 hex",
                "valid_to": f"YYYYMMDD, {NULL}", "opening_fen": _FEN,
            },
            "trailer": {**_TRAILER, "digest": _SHA},
        },
    ),
    "allocations": (
        "Money for personal accounts (sscard-allocations/1)",
        _TSV,
        {
            "header": {
                "H": "the letter H", "format": "sscard-allocations/1", "month": "YYYYMM",
                "business_date": "YYYYMMDD", "batch": "1 to 40 characters",
            },
            "row": {"A": "the letter A", "psn_no": "or 卡识别码, 32 hex", "fen": "above 0"},
            "trailer": {**_TRAILER, "digest": _SHA},
        },
    ),
    "exchange": (
        "Sales to cards of another region, 异地 (sscard-exchange/1 of settle)",
        _TSV,
        {
            "header": {
                "H": "the letter H", "format": "sscard-exchange/1",
                "treatment_division": "6 digits", "insured_division": "6 digits",
            },
            "row": {"D": "the letter D", **_EXCHANGE},
            "trailer": {
                **_TRAILER, "settled": "rows that are settled",
                "medfee_sumamt": f"sum over these, {_YUAN}", "fund_pay_sumamt": f"sum, {_YUAN}",
                "acct_pay": f"sum, {_YUAN}", "psn_cash_pay": f"sum, {_YUAN}",
                "first_day": "YYYYMMDD", "last_day": "YYYYMMDD", "digest": _SHA,
            },
        },
    ),
    "personalisation-batch": (
        "Scripts of many cards (sscard-personalisation-batch/1)",
        "JSON lines",
        {
            "template": {
                "format": "sscard-personalisation-batch/1",
                "template": "its number, from 1",
                "generation": "of the cards",
                "keys": "names of the keys that are used, each with its algorithm",
                "steps": "as in personalisation, with {value:N} for what differs from card to card",
            },
            "card": {
                "template": "the number of its template, which stands above",
                "historical_bytes": "hex",
                "values": "hex, value N for {value:N}, from 0",
            },
        },
    ),
    "return": ("Return file of a batch (回盘)", "CSV", {"row": _RETURN}),
    "print": ("What is printed on the cards of a batch", "CSV", {"row": _PRINT}),
    "rejects": (
        "Broken rules of the rows of a list of holders",
        "CSV",
        {"row": {"row": "of the list", "column": "what it means", "rule": "that is broken"}},
    ),
}  # fmt: skip
"""Name of a table: title, kind, and of each kind of row the columns with what they hold."""


def texts() -> dict[str, str]:
    """The content of each schema file by its name."""
    found = {}
    for name, (model, kind) in DOCUMENTS.items():
        document = {"$comment": f"{kind} file", **schema(model)}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        found[f"{name}.schema.json"] = f"{text}\n"
    for name, (title, kind, rows) in TABLES.items():
        document = {
            "$comment": kind if "JSON" in kind else f"{kind} table",
            "title": title,
            "rows": rows,
        }
        found[f"{name}.table.json"] = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    return found


if __name__ == "__main__":
    for file_name, text in texts().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
