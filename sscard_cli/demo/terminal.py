# SPDX-License-Identifier: Apache-2.0
"""A terminal with a key store, small enough to read: what the demonstration does with a card.

It talks T=0 and holds no card key: session keys come out of the store (a hardware module in
the field). LD/T 32.5 (commands), 32.7 (flows).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Final

from rich.cells import cell_len

from sscard_chip.card import Card
from sscard_chip.profile.codec import decode_value, join_name
from sscard_chip.profile.model import Profile
from sscard_chip.reader import ContactInterface
from sscard_chip.security.diversify import card_chain
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES, SessionCipher, pad
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    EXTERNAL_AUTHENTICATE,
    GET_BALANCE,
    GET_CHALLENGE,
    GET_RESPONSE,
    GET_TRANSACTION_PROOF,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    INTERNAL_AUTHENTICATE,
    READ_RECORD,
    SELECT,
    VERIFY,
    StandardCommand,
)
from sscard_chip.standard.dates import TIME, bcd
from sscard_chip.standard.identifiers import (
    ALGORITHM_3DES,
    ALGORITHM_SM4,
    DF04,
    EF,
    HOLDER_FILE,
    LOAD,
    PURCHASE,
    SSSE_NAME,
)
from sscard_chip.standard.keys import DLK, DPK, DTK, IRK, KID_OF_ROOT, RKSSSE
from sscard_chip.standard.messages import medical
from sscard_chip.standard.status import describe_status_word
from sscard_cli.errors import RefusedError

_TERMINAL: Final = bytes.fromhex("330100000001")
_KEY_INDEX: Final = 1


def _yesterday() -> bytes:
    """The terminal's local time, YYYYMMDDhhmmss in BCD: a day before the pharmacy's sale, so that
    the centre's ledger begins between the two."""
    return bytes.fromhex((datetime.now() - timedelta(days=1)).strftime(TIME))


def line(step: str, result: str) -> str:
    """A step and what came of it, in columns."""
    return f"  {step}{' ' * (26 - cell_len(step))}{result}"


class DemoTerminal:
    """One card in one reader. ``say`` gets one line per step."""

    def __init__(
        self,
        card: Card,
        profile: Profile,
        roots: KeyStore,
        city: str,
        say: Callable[[str], None],
    ) -> None:
        self._files = profile.environment
        self._reader = ContactInterface(card)
        self._roots = roots
        self._say = say
        atr = self._reader.power_on()
        self._chain = card_chain(city, atr[-13:])
        self._say_result("power on", f"ATR {atr.hex().upper()}")

    def _say_result(self, step: str, result: str) -> None:
        self._say(line(step, result))

    def _send(self, command: str | bytes, *, expect: int = 0x9000) -> bytes:
        """Exchange one command over T=0, fetching what waits; anything unexpected ends it."""
        apdu = command if isinstance(command, bytes) else bytes.fromhex(command)
        answer = self._reader.transmit(apdu)
        if answer[-2] == 0x6C:
            answer = self._reader.transmit(apdu[:4] + answer[-1:])
        if answer[-2] == 0x61:
            answer = self._reader.transmit(GET_RESPONSE.header() + answer[-1:])
        sw = int.from_bytes(answer[-2:])
        if sw != expect:
            raise RefusedError(f"demo: the card answered {sw:04X}, {describe_status_word(sw)}")
        return answer[:-2]

    def _command(
        self,
        command: StandardCommand,
        data: bytes = b"",
        *,
        p1: int | None = None,
        p2: int | None = None,
        expect: int = 0x9000,
    ) -> bytes:
        """A command of the standard with ``data``."""
        return self._send(command.apdu(p1, p2, data), expect=expect)

    def _session(self, key: str, factor: bytes) -> SessionCipher:
        """A session under a card key that stays in the store."""
        block = self._suite.block
        session_key = self._roots.encrypt(
            self._suite.name, key, _KEY_INDEX, self._chain, factor.ljust(block, b"\0")
        )
        return self._suite.session(session_key)

    def _read(self, tag: int, sfi: int) -> bytes:
        """The value of a record of SSSE, addressed by tag."""
        return self._send(READ_RECORD.header(tag, sfi << 3) + b"\x00")[2:]

    def _read_text(self, tag: int, sfi: int) -> str:
        """Name and value of a record, by the declaration of its file."""
        items = self._files.file(EF | sfi).items
        item = next(item for item in items if item.tag == tag)
        return f"{item.name} {decode_value(item, self._read(tag, sfi))}"

    def open_environment(self) -> None:
        """SELECT 社会保障系统环境; the FCI names the algorithm of third-generation cards."""
        fci = self._command(SELECT, SSSE_NAME, p1=0x04)
        at = fci.find(bytes.fromhex("9F0C03860103"))
        self._suite = SUITES[ALGORITHM_SM4 if at >= 0 else ALGORITHM_3DES]
        self._say_result("SELECT 社会保障系统环境", f"FCI {fci.hex().upper()}")

    def authenticate_card(self) -> None:
        """INTERNAL AUTHENTICATE: only a card with the right IRK finds this answer."""
        factor, original = token_bytes(8), token_bytes(8)
        answer = self._command(INTERNAL_AUTHENTICATE, factor + original)
        if answer != self._session(IRK, factor).authentication_data(original):
            raise RefusedError("demo: the card is not genuine")
        self._say_result(INTERNAL_AUTHENTICATE.name, f"{self._suite.name}: the card is genuine")

    def read_issuer_data(self) -> None:
        """EF05 is free to read on every generation."""
        self._say_result(
            "READ RECORD EF05", f"{self._read_text(0x03, 5)}, {self._read_text(0x07, 5)}"
        )

    def read_holder(self) -> None:
        """EF06: where it is not free, RKSSSE first; where the name may go on, its extension."""
        file = self._files.file(HOLDER_FILE)
        if not file.read.free:
            self._send(READ_RECORD.header(0x09, 6 << 3) + b"\x00", expect=0x6982)
            self._say_result("READ RECORD EF06", f"6982, {describe_status_word(0x6982)}")
            self._authenticate_terminal(RKSSSE, KID_OF_ROOT[RKSSSE])
        extension = self._read(0x4E, 6) if file.record_numbers(0x4E) else b""  # 姓名扩展
        name = join_name(self._read(0x09, 6), extension)
        self._say_result("READ RECORD EF06", f"{self._read_text(0x08, 6)}, 姓名 {name}")

    def _authenticate_terminal(self, key: str, kid: int) -> None:
        challenge, original = self._send(GET_CHALLENGE.header() + b"\x08"), token_bytes(8)
        data = self._session(key, challenge).authentication_data(original)
        self._command(EXTERNAL_AUTHENTICATE, data + original, p2=kid)
        self._say_result(EXTERNAL_AUTHENTICATE.name, f"{key}: the terminal may read")

    def open_account(self, pin: str) -> None:
        """SELECT DF04, VERIFY the holder's PIN, show the balance."""
        self._command(SELECT, DF04.to_bytes(2))
        self._command(VERIFY, bcd(pin))
        self._say_result("SELECT DF04, VERIFY", f"PIN checked, balance {self._balance()} yuan")

    def _balance(self) -> str:
        return yuan(int.from_bytes(self._send(GET_BALANCE.header(0x00, 0x01) + b"\x04")))

    def _tac(self, message: bytes) -> bytes:
        """The TAC that the settlement centre finds for a transaction."""
        (key,) = self._roots.diversify(self._suite.name, DTK, _KEY_INDEX, [self._chain])
        return self._suite.tac_mac(key)(pad(message, self._suite.block))

    def _receipt(self, amount_fen: int, tac: bytes) -> str:
        checked = f"TAC {tac.hex().upper()} checked"
        return f"{yuan(amount_fen)} yuan, {checked}, balance {self._balance()}"

    def load(self, amount_fen: int) -> None:
        """账户划入: INITIALIZE FOR LOAD, CREDIT FOR LOAD."""
        asked = {
            "key_index": _KEY_INDEX,
            "amount_fen": amount_fen,
            "transaction_type": LOAD,
            "terminal": _TERMINAL,
        }
        answer = self._command(INITIALIZE_FOR_LOAD, medical.LOAD.build(asked))
        done = {**asked, **medical.LOAD_ANSWER.parse(answer), "time": _yesterday()}
        session = self._session(DLK, medical.LOAD_SESSION.build(done))
        if session.mac(medical.LOAD_MAC1.build(done)) != done["MAC1"]:
            raise RefusedError("demo: MAC1 of the load is wrong")
        done["MAC2"] = session.mac(medical.LOAD_MAC2.build(done))
        tac = self._command(CREDIT_FOR_LOAD, medical.CREDIT.build(done))
        done["balance_fen"] += amount_fen
        if tac != self._tac(medical.LOAD_TAC.build(done)):
            raise RefusedError("demo: TAC of the load is wrong")
        self._say_result("账户划入 load", self._receipt(amount_fen, tac))

    def debit(self, *, account_fen: int, self_paid_fen: int, pooled_fen: int) -> None:
        """医疗消费: INITIALIZE FOR PURCHASE, DEBIT FOR PURCHASE, then the proof of it."""
        asked = {
            "key_index": _KEY_INDEX,
            "account_fen": account_fen,
            "self_paid_fen": self_paid_fen,
            "pooled_fen": pooled_fen,
            "transaction_type": PURCHASE,
            "terminal": _TERMINAL,
        }
        answer = self._command(INITIALIZE_FOR_PURCHASE, medical.PURCHASE.build(asked))
        sequence = token_bytes(4)
        done = {
            **asked,
            **medical.PURCHASE_ANSWER.parse(answer),
            "terminal_number": int.from_bytes(sequence),
            "terminal_number_end": sequence[2:],
            "time": _yesterday(),
        }
        session = self._session(DPK, medical.PURCHASE_SESSION.build(done))
        done["MAC1"] = session.mac(medical.PURCHASE_MAC1.build(done))
        answer = self._command(DEBIT_FOR_PURCHASE, medical.DEBIT.build(done))
        paid = medical.DEBIT_ANSWER.parse(answer)
        mac2 = session.mac(medical.PURCHASE_MAC2.build(done))
        if mac2 != paid.MAC2 or self._tac(medical.PURCHASE_TAC.build(done)) != paid.TAC:
            raise RefusedError("demo: MAC2 or TAC of the debit is wrong")
        self._say_result("医疗消费 debit", self._receipt(account_fen, paid.TAC))
        number = medical.PROOF.build(done)
        proof = self._command(GET_TRANSACTION_PROOF, number, p2=PURCHASE)
        if proof != paid.MAC2 + paid.TAC:
            raise RefusedError("demo: the proof of the debit is another one")
        self._say_result(GET_TRANSACTION_PROOF.name, f"number {done['number']}: same MAC and TAC")
