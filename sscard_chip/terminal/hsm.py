# SPDX-License-Identifier: Apache-2.0
"""An HSM (加密机) for the HSM steps of the terminal interface: request strings in, pKey out.

It works on root keys in a :class:`~sscard_chip.security.keystore.KeyStore` and shows none of
them. A request of ``iReadCardBas_HSM_Step1`` names its card; those of the other functions do not,
so they are put to :meth:`Hsm.card` (LD/T 33; card specification, key addresses).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

from sscard_chip.security.diversify import card_chain
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES, SessionCipher, pad
from sscard_chip.standard.commands import PIN_UNBLOCK_HEADER, pin_reload_header
from sscard_chip.standard.dates import bcd, is_digits
from sscard_chip.standard.errors import KeyStoreError
from sscard_chip.standard.identifiers import ALGORITHM_OF_DIGITS
from sscard_chip.standard.keys import DPK, DTK, IRK, RKSSSE
from sscard_chip.standard.messages import medical as messages
from sscard_chip.terminal.addresses import KeyAddressError, KeyAddresses

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_DIVISION: Final = re.compile(r"[0-9]{6}")
_RELOADS: Final = {
    digits: pin_reload_header(SUITES[name].block) for digits, name in ALGORITHM_OF_DIGITS.items()
}


class HsmError(KeyStoreError):
    """A request that cannot be answered; one line that names the field and the rule."""


@dataclass(frozen=True, slots=True)
class DebitRequest:
    """What ``iDoDebit_HSM_Step1`` asks, taken apart."""

    algorithm: str
    version: int
    factor: bytes
    amounts: bytes
    kind: bytes
    terminal: bytes
    time: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """What MAC and TAC are over, by field. The interface has no account amount: it is 0."""
        return {
            "account_fen": 0,
            "self_paid_fen": int.from_bytes(self.amounts[:4]),
            "pooled_fen": int.from_bytes(self.amounts[4:]),
            "transaction_type": self.kind[0],
            "terminal": self.terminal,
            "time": self.time,
        }


class Hsm:
    """Root keys behind the HSM steps.

    ``first_number`` is the first 终端交易序号 that it gives out. One instance serves one
    terminal at a time.
    """

    def __init__(
        self, store: KeyStore, addresses: KeyAddresses | None = None, *, first_number: int = 1
    ) -> None:
        self._store = store
        self._addresses = addresses or KeyAddresses()
        self._number = first_number

    def read_card_bas(self, request: str) -> str:
        """The pKey for ``iReadCardBas_HSM_Step2``.

        Request: 区划|复位信息|算法|卡识别码|内认证过程因子|内认证原始|外认证过程因子|外认证原始|,
        behind it perhaps a terminal number. Answer: 鉴别数据 and original of the internal
        authentication (32 hex digits), of the external one (empty when it was not asked for).

        :raises HsmError:
        :raises KeyStoreError:
        """
        fields = _fields(request, 8, extra=True)
        card = self.card(fields[0], fields[1])
        suite = fields[2]
        internal = card.proof(suite, IRK, 1, fields[4], fields[5])
        external = ""
        if fields[6] or fields[7]:
            external = card.proof(suite, RKSSSE, 1, fields[6], fields[7])
        return f"{internal}|{external}|"

    def card(self, division: str, reset_information: str) -> CardHsm:
        """The HSM for one card: its 区划 (6 digits) and 复位信息 (26 hex digits).

        :raises HsmError:
        """
        if not _DIVISION.fullmatch(division):
            raise HsmError("区划: must be 6 digits")
        historical = _bytes("复位信息", reset_information, 13)
        return CardHsm(self, card_chain(division, historical))

    def _next_number(self) -> int:
        number = self._number
        self._number += 1
        return number

    def _key(self, address: str) -> tuple[str, int]:
        try:
            return self._addresses.key(address)
        except KeyAddressError as error:
            raise HsmError(str(error)) from None


class CardHsm:
    """The HSM answering for one card; ``hsm`` has the keys.

    Every method raises :class:`HsmError` or KeyStoreError.
    """

    def __init__(self, hsm: Hsm, chain: tuple[bytes, bytes, bytes]) -> None:
        self.hsm = hsm
        self._chain = chain

    def proof(self, code: str, root: str, version: int, factor: str, original: str) -> str:
        """鉴别数据 and original, 32 hex digits, under a key by name."""
        session = self._session(_algorithm(code), root, version, _bytes("过程因子", factor, 8))
        data = _bytes("原始信息", original, 8)
        return (session.authentication_data(data) + data).hex().upper()

    def authenticate(self, request: str) -> str:
        """The pKey for Step 2 of reading, writing, PIN reload and unblock.

        Request: 算法|密钥地址|过程因子|原始信息|. Answer: 鉴别数据 and original, 32 hex digits.
        """
        code, address, factor, original = _fields(request, 4)
        root, version = self.hsm._key(address)
        return self.proof(code, root, version, factor, original)

    def pin_command(self, request: str) -> str:
        """The pKey for Step 3 of PIN reload and unblock: the whole command in hex.

        Request: 算法|密钥地址|随机数|命令头|新PIN or nothing|.
        """
        code, address, challenge, header, pin = _fields(request, 5)
        root, version = self.hsm._key(address)
        session = self._session(_algorithm(code), root, version, _bytes("随机数", challenge, 8))
        if header.upper() == PIN_UNBLOCK_HEADER.hex().upper() and not pin:
            message = PIN_UNBLOCK_HEADER
        elif header.upper() == _RELOADS[code].hex().upper():
            if not is_digits(pin, *range(4, 13)):
                raise HsmError("PIN: must be 4 to 12 digits")
            plain = bcd(pin)
            message = _RELOADS[code] + session.encipher(plain)
        else:
            raise HsmError("命令头: is not that of PIN reload or unblock for this algorithm")
        return (message + session.mac(message)).hex().upper()

    def init_debit(self, request: str) -> str:
        """The pKey for ``iDoDebit_HSM_Step2``: 终端交易序号|时间|MAC1|.

        Request: the output of Step 1, 算法|密钥地址|随机数|序号|金额|类型|终端机编号|时间|.
        """
        asked = self._debit_request(request)
        number = self.hsm._next_number()
        session = self._purchase(asked, number)
        mac1 = session.mac(messages.PURCHASE_MAC1.build(asked.fields))
        return f"{number:08X}|{asked.time.hex()}|{mac1.hex().upper()}|"

    def check_debit(self, request: str, result: str) -> bool:
        """Whether MAC2 and TAC in the output of ``iDoDebit_HSM_Step2`` are the card's own.

        ``request`` is the output of Step 1. The TAC key has the version of the purchase key.
        """
        asked = self._debit_request(request)
        fields = _fields(result, 9)
        number = _bytes("终端交易序号", fields[6], 4)
        session = self._purchase(asked, int.from_bytes(number))
        done = {
            **asked.fields,
            "terminal_number": int.from_bytes(number),
            "time": _bytes("时间", fields[7], 7),
        }
        suite = SUITES[asked.algorithm]
        (key,) = self.hsm._store.diversify(asked.algorithm, DTK, asked.version, [self._chain])
        message = messages.PURCHASE_TAC.build(done)
        tac = suite.tac_mac(key)(pad(message, suite.block))
        mac2 = session.mac(messages.PURCHASE_MAC2.build(done))
        return compare_digest(mac2, _bytes("MAC2", fields[0], 4)) and compare_digest(
            tac, _bytes("TAC", fields[8], 4)
        )

    def _debit_request(self, request: str) -> DebitRequest:
        code, address, random, number, amounts, kind, terminal, time = _fields(request, 8)
        root, version = self.hsm._key(address)
        if root != DPK:
            raise HsmError("密钥地址: is not that of a purchase key")
        if not is_digits(time, 14):
            raise HsmError("时间: must be 14 digits")
        return DebitRequest(
            _algorithm(code),
            version,
            _bytes("随机数", random, 4) + _bytes("序号", number, 2),
            _bytes("金额", amounts, 8),
            _bytes("类型", kind, 1),
            _bytes("终端机编号", terminal, 6),
            bytes.fromhex(time),
        )

    def _purchase(self, asked: DebitRequest, number: int) -> SessionCipher:
        factor = asked.factor + number.to_bytes(4)[2:]
        return self._session(asked.algorithm, DPK, asked.version, factor)

    def _session(self, algorithm: str, root: str, version: int, factor: bytes) -> SessionCipher:
        """The session of a card key that never leaves the store, but for single DES keys."""
        suite = SUITES[algorithm]
        store = self.hsm._store
        if suite.block == 8 and root.startswith("STK"):
            (key,) = store.diversify(algorithm, root, version, [self._chain])
            return suite.session(suite.session_key(suite.encryptor(key[:8]), factor))
        block = factor.ljust(suite.block, b"\0")
        return suite.session(store.encrypt(algorithm, root, version, self._chain, block))


def _algorithm(code: str) -> str:
    if code not in ALGORITHM_OF_DIGITS:
        raise HsmError(f"算法: must be one of {', '.join(ALGORITHM_OF_DIGITS)}")
    return ALGORITHM_OF_DIGITS[code]


def _fields(text: str, count: int, *, extra: bool = False) -> list[str]:
    """The fields of a string in which each ends with a bar; ``extra`` allows one more."""
    fields = text.split("|")
    if fields[-1] or len(fields) - 1 not in ((count, count + 1) if extra else (count,)):
        raise HsmError(f"a string of {count} fields, each ending with |, is needed")
    return fields[:-1]


def _bytes(name: str, text: str, length: int) -> bytes:
    if not _HEX.fullmatch(text) or len(text) != 2 * length:
        raise HsmError(f"{name}: must be {2 * length} hex digits")
    return bytes.fromhex(text)
