# SPDX-License-Identifier: Apache-2.0
"""What the service centre answers when it does not do something: one code, two languages.

Codes are stable strings that programs go by; texts are for people, in Chinese and English. No
code tells at the levels 0 and 1 whether a person exists: there ``WRONG_PROOF`` stands for an
unknown person, for a name that does not match and for a wrong proof alike.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Any, Final

from sscard_chip.standard.errors import SettlementError


@unique
class Code(StrEnum):
    """Why something was not done."""

    NO_PERSON = "NO_PERSON"
    NAME_MISMATCH = "NAME_MISMATCH"
    WRONG_PROOF = "WRONG_PROOF"
    LOCKED = "LOCKED"
    LEVEL_TOO_LOW = "LEVEL_TOO_LOW"
    STATE = "STATE"
    ALREADY = "ALREADY"
    NOT_HERE = "NOT_HERE"
    RUNNING = "RUNNING"
    DEAD = "DEAD"
    MINOR = "MINOR"
    TOO_LATE = "TOO_LATE"
    FORMAT = "FORMAT"
    RATE = "RATE"
    STALE = "STALE"
    DOWN = "DOWN"
    CHANNEL = "CHANNEL"
    CLASS = "CLASS"
    DOCUMENTS = "DOCUMENTS"
    FOUR_EYES = "FOUR_EYES"
    BANK_FIRST = "BANK_FIRST"
    KEY_REUSED = "KEY_REUSED"
    NOT_FOUND = "NOT_FOUND"
    SIGNATURE = "SIGNATURE"


_TEXTS: Final[dict[Code, tuple[int, str, str]]] = {
    Code.NO_PERSON: (404, "查无此人", "There is no such person here"),
    Code.NAME_MISMATCH: (403, "姓名与证件号码不一致", "The name does not match the number"),
    Code.WRONG_PROOF: (401, "身份信息核验不通过", "The details do not prove who you are"),
    Code.LOCKED: (
        429,
        "核验失败次数过多，请稍后再试；挂失不受影响",
        "Too many wrong tries: wait; a loss can still be reported",
    ),
    Code.LEVEL_TOO_LOW: (403, "需要更高级别的身份核验", "This needs a stronger proof"),
    Code.STATE: (409, "卡当前状态不能办理此业务", "The card's present state does not allow this"),
    Code.ALREADY: (409, "已经办理", "This is done already"),
    Code.NOT_HERE: (403, "请到发卡地办理", "This is done at the place of issue"),
    Code.RUNNING: (409, "已有业务正在办理", "An application is running"),
    Code.DEAD: (403, "该人员已登记死亡", "The person is registered as dead"),
    Code.MINOR: (403, "未满规定年龄，须由监护人办理", "A guardian must do this for a minor"),
    Code.TOO_LATE: (409, "已过可办理的时间", "It is too late for this"),
    Code.FORMAT: (422, "输入内容不符合要求", "A value is not as it must be"),
    Code.RATE: (429, "操作过于频繁，请稍后再试", "Too many requests: wait"),
    Code.STALE: (409, "信息已过期，请重新开始", "This has expired: begin again"),
    Code.DOWN: (
        503,
        "系统暂不可用，业务未确认办理；请稍后用原请求号重试或拨打12333",
        "Not confirmed: the system is away. Repeat the same request later, or call 12333",
    ),
    Code.CHANNEL: (403, "本渠道不办理此业务", "This channel does not offer this"),
    Code.CLASS: (403, "该业务限灵活就业人员办理", "This is for flexible workers"),
    Code.DOCUMENTS: (422, "缺少证件或材料", "A document is missing or not the right one"),
    Code.FOUR_EYES: (403, "须由另一经办人复核", "A second clerk must confirm this"),
    Code.BANK_FIRST: (409, "须先经开户银行同意", "The bank must agree first"),
    Code.KEY_REUSED: (409, "请求号已用于其他请求", "This request number was used for another"),
    Code.NOT_FOUND: (404, "查无此记录", "There is no such record"),
    Code.SIGNATURE: (401, "渠道签名无效", "The channel's signature is not valid"),
}


class ServiceRefusedError(SettlementError):
    """Something was not done; ``code`` says why, ``details`` what would help.

    ``details`` are of: ``needs`` (a level), ``until`` (YYYYMMDDhhmmss), ``now`` (a state),
    ``field`` and ``rule``, ``retry`` (seconds), ``region``. None is a citizen's data.
    """

    def __init__(self, code: Code, **details: Any) -> None:
        self.code = code
        self.details = details
        self.request = ""
        self.level = 0
        """What was proven before it was refused, for the audit."""
        super().__init__(code)

    @property
    def http_status(self) -> int:
        """The status of an HTTP answer."""
        return _TEXTS[self.code][0]

    @property
    def chinese(self) -> str:
        """What a Chinese reader is told."""
        return _TEXTS[self.code][1]

    @property
    def english(self) -> str:
        """What an English reader is told."""
        return _TEXTS[self.code][2]

    def problem(self) -> dict[str, Any]:
        """The problem object of the interfaces (T5)."""
        return {
            "code": str(self.code),
            "title": self.chinese,
            "title_en": self.english,
            "detail": self.details,
            "request": self.request,
        }

    def __str__(self) -> str:
        said = ", ".join(f"{name}: {value}" for name, value in self.details.items())
        return f"{self.code}: {self.english} ({self.chinese}){f': {said}' if said else ''}"
