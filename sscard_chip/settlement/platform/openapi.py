# SPDX-License-Identifier: Apache-2.0
"""The interface as an OpenAPI 3.1 document, written from the declarations of the transactions.

Tools of others make clients and tests of it. Each transaction has a path of its own there; the
centre takes its number from the body, so any other path does as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from sscard_chip.dayfile.envelope import FAILURE, SUCCESS
from sscard_chip.settlement.platform.dictionaries import DICTIONARIES
from sscard_chip.settlement.platform.fields import ENVELOPE, TIME, FieldRule, FieldRules
from sscard_chip.settlement.platform.transactions import TRANSACTIONS, NodeRule, TransactionRule

PATH: Final = "/fsi/api/rsfComIfsService/callService"
"""Where programs of the field post to [H]; a number may stand behind it."""
_DOWNLOAD: Final = "9102"
_MSGID: Final = "^[0-9A-Za-z]{12}[0-9]{18}$"
"""Institution, time, sequence."""

Schema = dict[str, Any]


@cache
def openapi_json() -> bytes:
    """The document as JSON in UTF-8."""
    return json.dumps(openapi(), ensure_ascii=False, separators=(",", ":")).encode()


def openapi() -> Schema:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "医保信息平台接口",
            "version": version("sscard-chip"),
            "description": "The national interface of pharmacies and hospitals, as"
            " sscard settle serve answers it. All values are text; amounts are yuan.",
        },
        "paths": {
            f"{PATH}/{one.infno}": {"post": _operation(one)} for one in TRANSACTIONS.values()
        },
        "components": {
            "schemas": {"Failure": _answer(FAILURE, {"type": "object"})},
            "responses": {
                status: {"description": text}
                for status, text in (
                    ("401", "the log-in refuses it"),
                    ("408", "too slow"),
                    ("413", "too large"),
                    ("500", "begun, and there is no answer: send it again"),
                    ("503", "not begun: too busy, or the database cannot be reached"),
                )
            },
        },
    }


def _operation(rule: TransactionRule) -> Schema:
    success = _answer(SUCCESS, _nodes(rule.output, answered=True))
    content: Schema = {
        "application/json": {
            "schema": {"oneOf": [success, {"$ref": "#/components/schemas/Failure"}]}
        }
    }
    if rule.infno == _DOWNLOAD:
        content["application/octet-stream"] = {}
    responses: Schema = {"200": {"description": "an answer or a refusal", "content": content}}
    for status in ("401", "408", "413", "500", "503"):
        responses[status] = {"$ref": f"#/components/responses/{status}"}
    return {
        "operationId": f"t{rule.infno}",
        "summary": f"{rule.chinese} {rule.english}",
        "description": rule.state or "It asks only, and changes nothing.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _request(rule)}},
        },
        "responses": responses,
    }


def _request(rule: TransactionRule) -> Schema:
    whole = _fields(ENVELOPE)
    whole["properties"]["infno"] = {"const": rule.infno}
    whole["properties"]["msgid"]["pattern"] = _MSGID
    whole["properties"]["input"] = _nodes(rule.input)
    whole["required"].append("input")
    return whole


def _answer(infcode: int, output: Schema) -> Schema:
    stamp = {"type": "string", "pattern": "^[0-9]{17}$"}
    return {
        "type": "object",
        "properties": {
            "infcode": {"const": infcode},
            "inf_refmsgid": {"type": "string", "maxLength": 30},
            "refmsg_time": stamp,
            "respond_time": stamp,
            "err_msg": {"type": "string", "maxLength": 200},
            "warn_msg": {"type": "string", "maxLength": 2000},
            "output": output,
        },
        "required": [
            "infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "output",
        ],
    }  # fmt: skip


def _nodes(nodes: Iterable[NodeRule], *, answered: bool = False) -> Schema:
    found: Schema = {"type": "object", "properties": {}, "required": []}
    for one in nodes:
        if not one.name:  # its fields stand without a node
            return _node(one)
        found["properties"][one.name] = _node(one)
        if one.must:
            found["required"].append(one.name)
    if answered and not found["properties"]:
        found["maxProperties"] = 0
    return found


def _node(rule: NodeRule) -> Schema:
    row = _fields(rule.fields)
    for inner in rule.inner:
        row["properties"][inner.name] = _node(inner)
        if inner.must:
            row["required"].append(inner.name)
    if not rule.most:
        return row
    return {"type": "array", "items": row, "minItems": int(rule.must), "maxItems": rule.most}


def _fields(fields: FieldRules) -> Schema:
    return {
        "type": "object",
        "properties": {field.name: _field(field) for field in fields},
        "required": [field.name for field in fields if field.must],
    }


def _field(rule: FieldRule) -> Schema:
    found: Schema = {"type": "string", "maxLength": rule.length}
    if rule.must:
        found["minLength"] = 1
    shape = TIME if rule.is_time else rule.shape
    if shape is not None:
        found["pattern"] = f"^(?:{shape})$" if rule.must else f"^(?:{shape})?$"
    codes = DICTIONARIES.get(rule.dictionary)
    if codes:
        found["description"] = " · ".join(f"{code} {text}" for code, text in codes.items())
    elif rule.kind != "text":
        found["description"] = rule.kind.value
    return found
