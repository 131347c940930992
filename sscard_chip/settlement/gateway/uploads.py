# SPDX-License-Identifier: Apache-2.0
"""9101 as multipart (a message and a file) and 9102 as a ZIP."""

from __future__ import annotations

import base64
import binascii
import io
import json
import zipfile
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final

from sscard_chip.settlement.gateway.http import HttpAnswer
from sscard_chip.settlement.platform.fields import MessageError

MOST_UPLOAD: Final = 4 << 20
"""Bytes of a multipart body."""
_MOST_PARTS: Final = 20
_NODE: Final = "fsUploadIn"
_ZIP: Final = "application/octet-stream"


def message_of_upload(content_type: str, body: bytes) -> Any:
    """The message of a multipart body, its file as base64 in the node ``fsUploadIn``.

    Two forms are known [HN; JL]: a text part ``jsonStr`` with the whole message and a file part
    ``file``; parts of the envelope and a file part ``in``.

    :raises MessageError: it is none of them.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    whole = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = whole.get_payload()
    if not whole.is_multipart() or not isinstance(parts, list) or len(parts) > _MOST_PARTS:
        raise MessageError("body: must be multipart/form-data with a message and a file")
    texts: dict[str, str] = {}
    file: tuple[str, bytes] | None = None
    for part in parts:
        if not isinstance(part, Message):
            continue
        name, content = _named(part), part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if name in ("file", "in") or part.get_filename():
            file = (part.get_filename() or name, content)
            continue
        try:
            texts[name] = content.decode("utf-8")
        except UnicodeDecodeError:
            raise MessageError(f"body: part {name[:20]!r} is not UTF-8") from None
    if file is None:
        raise MessageError("body: has no file part: name it file or in")
    message = _message(texts)
    node = message.get("input")
    inner = node.get(_NODE) if isinstance(node, dict) else None
    upload: dict[str, Any] = {"filename": file[0]} | (inner if isinstance(inner, dict) else {})
    upload["in"] = base64.b64encode(file[1]).decode()
    upload.setdefault("fixmedins_code", message.get("fixmedins_code"))
    return message | {"input": {_NODE: upload}}


def _named(part: Message) -> str:
    return str(part.get_param("name", "", header="content-disposition") or "")


def _message(texts: dict[str, str]) -> dict[str, Any]:
    whole = texts.get("jsonStr")
    if whole is None:
        found: dict[str, Any] = dict(texts)
        try:
            found["input"] = json.loads(texts.get("input", "{}"))
        except (ValueError, RecursionError):
            raise MessageError("body: part 'input' is no JSON") from None
        return found
    try:
        message = json.loads(whole)
    except (ValueError, RecursionError):
        raise MessageError("body: part 'jsonStr' is no JSON") from None
    if not isinstance(message, dict):
        raise MessageError("body: part 'jsonStr' must be a JSON object")
    return message


def download_answer(body: bytes) -> HttpAnswer:
    """The answer of 9102: the ZIP itself, or the JSON of a refusal."""
    try:
        output = json.loads(body)["output"]
        content = base64.b64decode(output["out"], validate=True)
        name = str(output["filename"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        return HttpAnswer(200, body)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        content, name = _zipped(name, content), f"{name}.zip"
    quoted = "".join(one if one.isalnum() and one.isascii() else "_" for one in name[:-4])
    headers = {"content-disposition": f'attachment; filename="{quoted}{name[-4:]}"'}
    if not name[-4:].isascii():
        headers = {}
    return HttpAnswer(200, content, _ZIP, headers)


def _zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()
