# SPDX-License-Identifier: Apache-2.0
"""The strings of the terminal interface (LD/T 33): parameters in, pOutInfo out.

A field ends with ``|``, a file with ``$``, a part of an item with ``^``. Nothing is escaped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Final

from sscard_chip.standard.amounts import MAX_FEN, yuan
from sscard_chip.standard.dates import parse_time
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.bank.account import CardAccount
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver.values import (
    Authentication,
    AuthenticationData,
    BasicsRequest,
    CardBasics,
    CardInfo,
    CommandRequest,
    DebitHsmRequest,
    DebitRecord,
    DebitResult,
    FileAddress,
    FileValues,
    InterfaceType,
    ProofRequest,
)

_HEX: Final = re.compile(r"[0-9A-Fa-f]*")
_AMOUNT: Final = re.compile(r"[0-9]{1,8}\.[0-9]{2}")
_FILE: Final = re.compile(r"(SSSE|DF[0-9A-F]{2})(EF[0-9A-F]{2})")
_CARD_NUMBER: Final = re.compile(r"[0-9A-Za-z]{9}")
_PURCHASE_TYPE: Final = b"2"


# --- parameters ----------------------------------------------------------------------------------


def interface(number: int) -> InterfaceType:
    """iType.

    :raises DriverError: -14.
    """
    try:
        return InterfaceType(number)
    except ValueError:
        raise DriverError(ReturnCode.PARAMETER, "iType: must be 1, 2, 3 or 4") from None


def authentication(number: int) -> Authentication:
    """iAuthType.

    :raises DriverError: -14.
    """
    try:
        return Authentication(number)
    except ValueError:
        raise DriverError(ReturnCode.PARAMETER, "iAuthType: must be 1 or 2") from None


def card_info(text: str) -> CardInfo:
    """pCardInfo, 卡识别码|卡号|.

    :raises DriverError: -14, -20, -41, -42.
    """
    identification, number = _fields("pCardInfo", text, 2)
    if len(identification) != 32 or not _HEX.fullmatch(identification):
        raise DriverError(ReturnCode.CARD_ID_FORMAT, "pCardInfo: 卡识别码 must be 32 hex digits")
    if len(number) != 9:
        raise DriverError(ReturnCode.LENGTH, "pCardInfo: 卡号 must be 9 characters")
    if not _CARD_NUMBER.fullmatch(number):
        raise DriverError(ReturnCode.ILLEGAL_CHARACTER, "pCardInfo: 卡号 is letters and digits")
    return CardInfo(identification, number)


def file_addresses(text: str) -> list[FileAddress]:
    """pFileAddr, ``DF01EF15|2A|40:2|$``; files of SSSE are ``SSSEEF05`` [L].

    :raises DriverError: -14.
    """
    addresses = []
    for part in _files("pFileAddr", text):
        name, *items = _fields("pFileAddr", part)
        match = _FILE.fullmatch(name)
        if match is None:
            raise DriverError(
                ReturnCode.PARAMETER, "pFileAddr: a file must be DFxxEFxx or SSSEEFxx"
            )
        directory = int(match[1], 16) if match[1].startswith("DF") else SSSE
        addresses.append(FileAddress(directory, int(match[2], 16), tuple(items)))
    return addresses


def file_values(text: str, addresses: Sequence[FileAddress]) -> list[FileValues]:
    """pWriteData, ``value|value|$`` for each file of pFileAddr.

    :raises DriverError: -14.
    """
    values = write_data(text)
    if len(values) != len(addresses):
        raise DriverError(ReturnCode.PARAMETER, "pWriteData and pFileAddr have unequal files")
    return [FileValues(*pair) for pair in zip(addresses, values, strict=True)]


def write_data(text: str) -> list[tuple[str, ...]]:
    """The values in pWriteData, file by file.

    :raises DriverError: -14.
    """
    return [tuple(_fields("pWriteData", part)) for part in _files("pWriteData", text)]


def pay_info(text: str) -> tuple[Split, str]:
    """pPayInfo, total|account+pool|YYYYMMDDhhmmss|, yuan with two decimals.

    Gives what goes to the card in modes 1 and 2: account 0, the bill, what account and pool pay.

    :raises DriverError: -14, -23, -41, -42.
    """
    total, insured, time = _fields("pPayInfo", text, 3)
    bill, part = fen(total), fen(insured)
    if part > bill:
        raise DriverError(ReturnCode.INPUT, "pPayInfo: account and pool must not exceed the total")
    return Split(0, bill, part), local_time(time)


def fen(text: str) -> int:
    """An amount in yuan, two decimals, below 42949672.95.

    :raises DriverError: -23, -41.
    """
    if text.strip("0123456789."):
        raise DriverError(ReturnCode.ILLEGAL_CHARACTER, "an amount is digits with a point")
    if not _AMOUNT.fullmatch(text):
        raise DriverError(ReturnCode.INPUT, "an amount must be yuan with two decimals")
    amount = int(text.replace(".", ""))
    if amount >= MAX_FEN:
        raise DriverError(ReturnCode.INPUT, f"an amount must be below {yuan(MAX_FEN)}")
    return amount


def local_time(text: str) -> str:
    """YYYYMMDDhhmmss.

    :raises DriverError: -23 no such moment, -41, -42.
    """
    if text.strip("0123456789"):
        raise DriverError(ReturnCode.ILLEGAL_CHARACTER, "a time is digits")
    if len(text) != 14:
        raise DriverError(ReturnCode.LENGTH, "a time must be YYYYMMDDhhmmss")
    if parse_time(text) is None:
        raise DriverError(ReturnCode.INPUT, "a time must be a real moment")
    return text


def proof(text: str) -> AuthenticationData:
    """pKey of one authentication: 32 hex digits, a bar behind them or not.

    :raises DriverError: -14, -41, -42.
    """
    (value,) = _fields("pKey", text if text.endswith("|") else text + "|", 1)
    return _proof(value)


def proofs(text: str) -> tuple[AuthenticationData, AuthenticationData | None]:
    """pKey of iReadCardBas_HSM_Step2; the second may be empty or missing.

    :raises DriverError: -14, -41, -42.
    """
    internal, *external = _fields("pKey", text)
    if len(external) > 1:
        raise DriverError(ReturnCode.PARAMETER, "pKey: must be one or two fields")
    return _proof(internal), _proof(external[0]) if any(external) else None


def command(text: str) -> bytes:
    """pKey of Step 3: a command in hex, a bar behind it or not.

    :raises DriverError: -41, -42.
    """
    return _hex("pKey", text.removesuffix("|"))


def debit_key(text: str) -> tuple[int, str, bytes]:
    """pKey of iDoDebit_HSM_Step2, 终端交易序号|时间|MAC1|.

    :raises DriverError: -14, -23, -41, -42.
    """
    number, time, mac1 = _fields("pKey", text, 3)
    return int.from_bytes(_hex("pKey", number, 4)), local_time(time), _hex("pKey", mac1, 4)


def _proof(text: str) -> AuthenticationData:
    value = _hex("pKey", text, 16)
    return AuthenticationData(value[:8], value[8:])


def _hex(name: str, text: str, length: int | None = None) -> bytes:
    if not _HEX.fullmatch(text):
        raise DriverError(ReturnCode.ILLEGAL_CHARACTER, f"{name}: must be hexadecimal")
    if len(text) % 2 or (length is not None and len(text) != 2 * length):
        raise DriverError(ReturnCode.LENGTH, f"{name}: has a wrong length")
    return bytes.fromhex(text)


def _fields(name: str, text: str, count: int | None = None) -> list[str]:
    found = text.split("|")
    if found.pop() or not found or count not in (None, len(found)):
        need = "fields" if count is None else f"{count} fields"
        raise DriverError(ReturnCode.PARAMETER, f"{name}: {need} are needed, each ending with |")
    return found


def _files(name: str, text: str) -> list[str]:
    files = text.split("$")
    if files.pop() or not files:
        raise DriverError(ReturnCode.PARAMETER, f"{name}: each file must end with $")
    return files


# --- results -------------------------------------------------------------------------------------


def basics(card: CardBasics) -> str:
    """pOutInfo of iReadCardBas, eleven fields."""
    return _line(*(getattr(card, field.name) for field in fields(card)))


def basics_request(request: BasicsRequest) -> str:
    """pOutInfo of iReadCardBas_HSM_Step1; the last two are empty where no key is wanted."""
    return _line(
        request.division,
        request.reset_information,
        _algorithm(request.algorithm_code),
        request.identification,
        _upper(request.internal_factor),
        _upper(request.internal_original),
        _upper(request.external_factor or b""),
        _upper(request.external_original or b""),
    )


def proof_request(request: ProofRequest) -> str:
    """算法|密钥地址|过程因子|原始信息|."""
    return _line(
        _algorithm(request.algorithm_code),
        request.address,
        _upper(request.factor),
        _upper(request.original),
    )


def command_request(request: CommandRequest) -> str:
    """算法|密钥地址|随机数|命令头|新PIN|; the PIN is empty for an unblock."""
    return _line(
        _algorithm(request.algorithm_code),
        request.address,
        _upper(request.challenge),
        _upper(request.header),
        request.new_pin,
    )


def files(contents: Iterable[FileValues]) -> str:
    """pOutInfo of iReadCard: pFileAddr with values in place of items."""
    return "".join(_line(str(content.address), *content.values) + "$" for content in contents)


def debit_request(request: DebitHsmRequest) -> str:
    """算法|密钥地址|随机数|序号|金额|类型|终端机编号|时间|, hex as in the MAC."""
    return _line(
        _algorithm(request.algorithm_code),
        request.address,
        _upper(request.random),
        f"{request.number:04X}",
        _amounts(request.amounts),
        _upper(_PURCHASE_TYPE),
        request.terminal_id,
        request.time,
    )


def debit_result(result: DebitResult, *, with_mac2: bool = False) -> str:
    """算法|密钥地址|金额|类型|终端机编号|终端交易序号|时间|TAC|, of Step 2 with MAC2 before it.

    All fields are hex as they enter the TAC, the type too: 32. The address is that of the
    purchase key, which shows the version for the TAC key as well [L].
    """
    parts = (
        _algorithm(result.algorithm_code),
        result.address,
        _amounts(result.amounts),
        _upper(_PURCHASE_TYPE),
        result.terminal_id,
        f"{result.terminal_number:08X}",
        result.time,
        _upper(result.tac),
    )
    return _line(*((_upper(result.mac2), *parts) if with_mac2 else parts))


def bank_account(account: CardAccount) -> str:
    """主账号|主账号序号|有效期| [L]; the expiry is YYYYMM."""
    return f"{account.pan}|{account.sequence}|{account.expiry}|"


def debit_records(records: Iterable[DebitRecord]) -> str:
    """序号^终端机编号^时间^总额^账户与统筹^| for each record; the number in decimal [L]."""
    return "".join(
        "^".join(
            (
                str(record.number),
                record.terminal_id,
                record.time,
                yuan(record.total_fen),
                yuan(record.insured_fen),
                "|",
            )
        )
        for record in records
    )


def _line(*fields: str) -> str:
    return "".join(field + "|" for field in fields)


def _upper(data: bytes) -> str:
    return data.hex().upper()


def _algorithm(code: int) -> str:
    return f"{code:02X}"


def _amounts(amounts: Split) -> str:
    """The last two of the three amounts, 4 bytes each: the first is 0 in modes 1 and 2."""
    return f"{amounts.self_paid_fen:08X}{amounts.pooled_fen:08X}"


# --- certificates ---------------------------------------------------------------------------------


def signature(value: bytes) -> str:
    """pOutInfo of PKI_SignData: r || s in Base64 [L]."""
    return f"{base64.b64encode(value).decode()}|"


def public_key(value: bytes) -> str:
    """pOutInfo of iReadSignatureKey: X || Y, 128 hex digits [L]."""
    return f"{value.hex().upper()}|"
