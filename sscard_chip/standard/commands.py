# SPDX-License-Identifier: Apache-2.0
"""Every command of the social security card, of bank and purse, and of the PSAM, once.

The card's instruction tables, the trace, the shell, the terminal and the tests take them from
here. The coding of data and answers stands in :mod:`sscard_chip.standard.messages`.

>>> UPDATE_RECORD.secured().header(0x07, 0x2C).hex()
'04dc072c'
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class StandardCommand:
    """A command by its names, CLA and INS. ``clause`` says where it is defined.

    ``p1`` and ``p2`` are set where they show commands of one CLA and INS apart, or may only
    have one value. ``secure_cla`` is the CLA with secure messaging (安全报文), where there is one
    besides ``cla``.
    """

    name: str
    chinese: str
    cla: int
    ins: int
    clause: str
    p1: int | None = None
    p2: int | None = None
    secure_cla: int | None = None

    @property
    def code(self) -> bytes:
        """CLA and INS."""
        return bytes((self.cla, self.ins))

    def header(self, p1: int | None = None, p2: int | None = None) -> bytes:
        """CLA INS P1 P2; what is not given is the command's own, or 00."""
        own = (self.p1 or 0, self.p2 or 0)
        return bytes(
            (self.cla, self.ins, own[0] if p1 is None else p1, own[1] if p2 is None else p2)
        )

    def apdu(
        self,
        p1: int | None = None,
        p2: int | None = None,
        data: bytes = b"",
        le: int | None = None,
    ) -> bytes:
        """The command: header, Lc and ``data`` of at most 255 bytes, Le (0 for "all there is").

        >>> READ_RECORD.apdu(0x07, 0x2C, le=11).hex(), VERIFY.apdu(data=b"\x12\x34").hex()
        ('00b2072c0b', '00200000021234')
        """
        body = bytes((len(data),)) + data if data else b""
        return self.header(p1, p2) + body + (b"" if le is None else bytes((le & 0xFF,)))

    def matches(self, apdu: bytes) -> bool:
        """Whether a command APDU is this command, with secure messaging or without.

        >>> VERIFY.matches(bytes.fromhex("0020000003123456")), VERIFY.matches(b"")
        (True, False)
        """
        return (
            len(apdu) >= 4
            and apdu[1] == self.ins
            and apdu[0] in (self.cla, self.secure_cla)
            and self.p1 in (None, apdu[2])
            and self.p2 in (None, apdu[3])
        )

    def secured(self) -> StandardCommand:
        """The same with secure messaging.

        :raises ValueError: where that is no CLA of its own.
        """
        if self.secure_cla is None:
            raise ValueError(f"{self.name} has no CLA for secure messaging")
        return replace(self, cla=self.secure_cla, secure_cla=None)

    def variant(
        self, name: str, chinese: str, p1: int | None = None, p2: int | None = None
    ) -> StandardCommand:
        """The command that P1 and P2 make of this CLA and INS."""
        return replace(self, name=name, chinese=chinese, p1=p1, p2=p2)


# --- the social security card -------------------------------------------------------------------

_CARD: Final = "LD/T 32.5"

SELECT: Final = StandardCommand("SELECT", "选择", 0x00, 0xA4, _CARD)
READ_RECORD: Final = StandardCommand("READ RECORD", "读记录", 0x00, 0xB2, _CARD)
UPDATE_RECORD: Final = StandardCommand(
    "UPDATE RECORD", "修改记录", 0x00, 0xDC, _CARD, secure_cla=0x04
)
READ_BINARY: Final = StandardCommand("READ BINARY", "读二进制文件", 0x00, 0xB0, _CARD)
UPDATE_BINARY: Final = StandardCommand(
    "UPDATE BINARY", "修改二进制文件", 0x00, 0xD6, _CARD, secure_cla=0x04
)
GET_CHALLENGE: Final = StandardCommand("GET CHALLENGE", "取随机数", 0x00, 0x84, _CARD)
GET_RESPONSE: Final = StandardCommand("GET RESPONSE", "取响应", 0x00, 0xC0, _CARD)
INTERNAL_AUTHENTICATE: Final = StandardCommand(
    "INTERNAL AUTHENTICATE", "内部认证", 0x00, 0x88, _CARD
)
EXTERNAL_AUTHENTICATE: Final = StandardCommand(
    "EXTERNAL AUTHENTICATE", "外部认证", 0x00, 0x82, _CARD
)
VERIFY: Final = StandardCommand("VERIFY", "校验个人密码", 0x00, 0x20, _CARD)
CHANGE_OR_RELOAD_PIN: Final = StandardCommand(
    "CHANGE/RELOAD PIN", "修改/重装个人密码", 0x80, 0x5E, _CARD
)
CHANGE_PIN: Final = CHANGE_OR_RELOAD_PIN.variant("CHANGE PIN", "修改个人密码", 0x01)
PIN_CHANGE_UNBLOCK: Final = StandardCommand(
    "PIN CHANGE/UNBLOCK", "个人密码修改/解锁", 0x84, 0x24, _CARD
)
APPLICATION_BLOCK: Final = StandardCommand("APPLICATION BLOCK", "应用锁定", 0x84, 0x1E, _CARD)
CARD_BLOCK: Final = StandardCommand("CARD BLOCK", "卡片锁定", 0x84, 0x16, _CARD)

# --- the medical account ------------------------------------------------------------------------

_MEDICAL: Final = "LD/T 32.5, medical commands"

INITIALIZE: Final = StandardCommand("INITIALIZE", "初始化", 0xB0, 0x28, _MEDICAL)
INITIALIZE_FOR_PURCHASE: Final = INITIALIZE.variant(
    "INITIALIZE FOR PURCHASE", "医疗消费初始化", 0x01, 0x01
)
INITIALIZE_FOR_LOAD: Final = INITIALIZE.variant("INITIALIZE FOR LOAD", "划入初始化", 0x00, 0x01)
DEBIT_FOR_PURCHASE: Final = StandardCommand(
    "DEBIT FOR PURCHASE", "医疗消费", 0xB0, 0x2C, _MEDICAL, 0x01, 0x00
)
CREDIT_FOR_LOAD: Final = StandardCommand("CREDIT FOR LOAD", "账户划入", 0xB0, 0x2A, _MEDICAL)
GET_BALANCE: Final = StandardCommand("GET BALANCE", "读余额", 0xB0, 0x26, _MEDICAL)
GET_TRANSACTION_PROOF: Final = StandardCommand(
    "GET TRANSACTION PROOF", "取交易认证", 0xB0, 0x2E, _MEDICAL
)
STARTING_DAY: Final = StandardCommand("STARTING DAY", "年度起始日期", 0xB0, 0x56, _MEDICAL)
UPDATE_STARTING_DAY: Final = STARTING_DAY.variant("UPDATE STARTING DAY", "修改年度起始日期", 0x00)
GET_STARTING_DAY: Final = STARTING_DAY.variant("GET STARTING DAY", "读年度起始日期", 0x01)

# --- blank cards: structure and keys ------------------------------------------------------------

_BLANK: Final = "D10; MCOS"

APPEND_RECORD: Final = StandardCommand(
    "APPEND RECORD", "追加记录", 0x00, 0xE2, "MCOS", secure_cla=0x04
)
CREATE_FILE: Final = StandardCommand("CREATE FILE", "建立文件", 0x80, 0xE0, _BLANK)
WRITE_KEY: Final = StandardCommand("WRITE KEY", "写密钥", 0x80, 0xD4, _BLANK, secure_cla=0x84)
CREATE_KEY: Final = WRITE_KEY.variant("CREATE KEY", "装载密钥", 0x00)
CHANGE_KEY: Final = WRITE_KEY.variant("CHANGE KEY", "修改密钥", 0x01)
CLEAR_DF: Final = StandardCommand("CLEAR DF", "清除目录", 0xBF, 0xCE, _BLANK)
FREEZE_MF: Final = StandardCommand("FREEZE MF", "冻结主文件", 0xBF, 0xFE, _BLANK)
GET_INFO: Final = StandardCommand("GET INFO", "读卡片信息", 0xBF, 0xC8, _BLANK)

# --- the bank application -----------------------------------------------------------------------

_BANK: Final = "JR/T 0025 part 5"

GET_PROCESSING_OPTIONS: Final = StandardCommand(
    "GET PROCESSING OPTIONS", "取处理选项", 0x80, 0xA8, _BANK
)
GENERATE_AC: Final = StandardCommand("GENERATE AC", "产生应用密文", 0x80, 0xAE, _BANK)
GET_DATA: Final = StandardCommand("GET DATA", "取数据", 0x80, 0xCA, _BANK)
PUT_DATA: Final = StandardCommand("PUT DATA", "设置数据", 0x04, 0xDA, _BANK)
APPLICATION_UNBLOCK: Final = StandardCommand("APPLICATION UNBLOCK", "应用解锁", 0x84, 0x18, _BANK)
DEACTIVATE_APPLICATION: Final = StandardCommand(
    "DEACTIVATE APPLICATION", "应用停用", 0x84, 0x04, _BANK
)
ACTIVATE_APPLICATION: Final = StandardCommand(
    "ACTIVATE APPLICATION", "应用激活", 0x84, 0x44, "our own [L]"
)

# --- deposit and purse --------------------------------------------------------------------------

_PURSE: Final = "JR/T 0025"

PURSE_INITIALIZE: Final = StandardCommand("INITIALIZE", "初始化", 0x80, 0x50, _PURSE)
PURSE_INITIALIZE_FOR_LOAD: Final = PURSE_INITIALIZE.variant(
    "INITIALIZE FOR LOAD", "圈存初始化", 0x00
)
PURSE_INITIALIZE_FOR_PURCHASE: Final = PURSE_INITIALIZE.variant(
    "INITIALIZE FOR PURCHASE", "消费初始化", 0x01
)
PURSE_INITIALIZE_FOR_CASH: Final = PURSE_INITIALIZE.variant(
    "INITIALIZE FOR CASH WITHDRAW", "取现初始化", 0x02
)
PURSE_INITIALIZE_FOR_COMPOUND: Final = PURSE_INITIALIZE.variant(
    "INITIALIZE FOR CAPP PURCHASE", "复合应用消费初始化", 0x03
)
PURSE_INITIALIZE_FOR_OVERDRAFT: Final = PURSE_INITIALIZE.variant(
    "INITIALIZE FOR UPDATE", "修改透支限额初始化", 0x04
)
PURSE_INITIALIZE_FOR_UNLOAD: Final = PURSE_INITIALIZE.variant(
    "INITIALIZE FOR UNLOAD", "圈提初始化", 0x05
)
PURSE_CREDIT_FOR_LOAD: Final = StandardCommand("CREDIT FOR LOAD", "圈存", 0x80, 0x52, _PURSE)
PURSE_DEBIT: Final = StandardCommand("DEBIT", "消费/取现/圈提", 0x80, 0x54, _PURSE)
PURSE_DEBIT_FOR_PURCHASE: Final = PURSE_DEBIT.variant("DEBIT", "消费/取现", 0x01)
PURSE_DEBIT_FOR_UNLOAD: Final = PURSE_DEBIT.variant("DEBIT FOR UNLOAD", "圈提", 0x03)
UPDATE_OVERDRAW_LIMIT: Final = StandardCommand(
    "UPDATE OVERDRAW LIMIT", "修改透支限额", 0x80, 0x58, _PURSE
)
GET_TRANSACTION_PROVE: Final = StandardCommand(
    "GET TRANSACTION PROVE", "取交易认证", 0x80, 0x5A, _PURSE
)
PURSE_GET_BALANCE: Final = StandardCommand("GET BALANCE", "读余额", 0x80, 0x5C, _PURSE)
RELOAD_PIN: Final = CHANGE_OR_RELOAD_PIN.variant("RELOAD PIN", "重装个人密码", 0x00)
UPDATE_CAPP_DATA_CACHE: Final = StandardCommand(
    "UPDATE CAPP DATA CACHE", "更新复合应用数据缓存", 0x80, 0xDC, _PURSE, secure_cla=0x84
)

# --- the certificate application ----------------------------------------------------------------

_PKI: Final = "certificate application of generation 3 [M]"

PKI_DIGEST: Final = StandardCommand("COMPUTE DIGEST", "计算杂凑", 0x80, 0xC4, _PKI, 0x01, 0x03)
PKI_VERIFY: Final = replace(VERIFY, name="VERIFY PIN", chinese="校验PIN码", clause=_PKI, p1=0x01)
PKI_CHANGE_PIN: Final = StandardCommand("CHANGE PIN", "修改PIN码", 0x84, 0x5E, _PKI, 0x01)
GENERATE_KEY_PAIR: Final = StandardCommand(
    "GENERATE KEY PAIR", "生成密钥对", 0x80, 0x40, _PKI, 0x00, 0x00
)
EXPORT_PUBLIC_KEY: Final = StandardCommand("EXPORT PUBLIC KEY", "导出公钥", 0x80, 0xC9, _PKI, 0x82)
OPEN_ENVELOPE: Final = StandardCommand(
    "OPEN ENVELOPE", "打开数字信封", 0x80, 0x4E, _PKI, 0x00, 0x01
)
SET_SESSION_KEY: Final = StandardCommand(
    "SET SESSION KEY", "设置会话密钥", 0x80, 0x4A, _PKI, 0x02, 0x10
)
IMPORT_KEY: Final = StandardCommand("IMPORT KEY", "导入密钥", 0x80, 0xC2, _PKI)
IMPORT_PUBLIC_KEY: Final = IMPORT_KEY.variant("IMPORT PUBLIC KEY", "导入公钥", 0x40, 0x00)
IMPORT_PRIVATE_KEY: Final = IMPORT_KEY.variant("IMPORT PRIVATE KEY", "导入私钥", 0xC0, 0x01)
COMPUTE_SIGNATURE: Final = StandardCommand(
    "COMPUTE DIGITAL SIGNATURE", "计算数字签名", 0x00, 0x2A, "ISO/IEC 7816-8 [L]", 0x9E, 0x9A
)

# --- the PSAM -----------------------------------------------------------------------------------

_PSAM: Final = "PSAM guide, part 9 of the draft of LD/T 32"

INITIALIZE_ENVIRONMENT: Final = StandardCommand(
    "INITIALIZE ENVIRONMENT", "环境初始化", 0xBF, 0xEC, _PSAM
)
DELIVERY_SESSION_KEY: Final = StandardCommand(
    "DELIVERY SESSION KEY", "生成过程密钥", 0xBF, 0xDE, _PSAM
)
CIPHER_DATA: Final = StandardCommand("CIPHER DATA", "数据加密", 0x80, 0xFA, _PSAM)
INIT_SAM_FOR_PURCHASE: Final = StandardCommand(
    "INIT SAM FOR PURCHASE", "消费初始化, MAC1", 0x80, 0x70, _PSAM
)
INIT_SAM_FOR_MEDICAL_PURCHASE: Final = INIT_SAM_FOR_PURCHASE.variant(
    "INIT SAM FOR PURCHASE", "消费初始化, MAC1", 0x01
)
INIT_SAM_FOR_PURSE_PURCHASE: Final = INIT_SAM_FOR_PURCHASE.variant(
    "INIT SAM FOR PURCHASE", "消费初始化, MAC1", 0x00
)
CREDIT_SAM_FOR_PURCHASE: Final = StandardCommand(
    "CREDIT SAM FOR PURCHASE", "校验MAC2", 0x80, 0x72, _PSAM
)
INIT_FOR_DESCRYPT: Final = StandardCommand(
    "INIT FOR DESCRYPT",
    "通用DES计算初始化",
    0x80,
    0x1A,
    "PSAM of transport and purse, as gates use it",
)
"""Of a transport PSAM, by the name that programs of the field have for it [M]."""


def before_mac(header: bytes, data: bytes = b"") -> bytes:
    """CLA INS P1 P2, Lc that counts a MAC of 4 bytes, and ``data``: what the MAC is over.

    >>> before_mac(UPDATE_BINARY.secured().header(0x88), bytes.fromhex("0102")).hex()
    '04d68800060102'
    """
    return header + bytes((len(data) + 4,)) + data


PIN_UNBLOCK_HEADER: Final = before_mac(PIN_CHANGE_UNBLOCK.header())
"""CLA INS P1 P2 Lc that gives the tries of the PIN back: nothing follows but the MAC."""


def pin_reload_header(block: int) -> bytes:
    """CLA INS P1 P2 Lc that sets a new PIN: one enciphered block of a suite, and the MAC."""
    return before_mac(PIN_CHANGE_UNBLOCK.header(0x00, 0x01), bytes(block))[:5]
