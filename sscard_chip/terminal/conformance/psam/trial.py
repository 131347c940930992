# SPDX-License-Identifier: Apache-2.0
"""A PSAM under a case: what a case may send, and the steps that lead to its question."""

from __future__ import annotations

from typing import Final

from sscard_chip.applications.psam.keys import KeyType
from sscard_chip.profile.psam_keys import KEYS
from sscard_chip.security.suite import SessionCipher, Suite
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import PSAM_AID, PSAM_NUMBER
from sscard_chip.standard.keys import DPK
from sscard_chip.terminal.conformance.exchange import CardReply, Exchanges
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.psam.subject import (
    OwnSecrets,
    PsamSubject,
    SamEnvironment,
)
from sscard_chip.terminal.conformance.verdict import (
    NotApplicableError,
    NotRunError,
    UnaskedFailureError,
    UndecidedError,
)
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.psam_client import ENVIRONMENTS, PurchaseRequest

ROWS: Final = {row.root: row for row in KEYS}
_LEVELS: Final = {
    commands.DELIVERY_SESSION_KEY.ins: Level.SESSION,
    commands.CIPHER_DATA.ins: Level.SESSION,
    commands.INIT_SAM_FOR_MEDICAL_PURCHASE.ins: Level.WRITE,
    commands.CREDIT_SAM_FOR_PURCHASE.ins: Level.WRITE,
    commands.UPDATE_BINARY.ins: Level.WRITE,
    commands.UPDATE_RECORD.ins: Level.WRITE,
    commands.EXTERNAL_AUTHENTICATE.ins: Level.WRITE,
    commands.WRITE_KEY.ins: Level.DESTRUCTIVE,
}


def psam_level_of(apdu: bytes) -> Level:
    """The level from which on a command may be sent to a PSAM, whatever its class.

    INIT SAM takes a transaction number, a proof may cost a try: both are no matter of ``READ``.
    """
    return _LEVELS.get(apdu[1], Level.READ) if len(apdu) > 3 else Level.READ


class PsamTrial(Exchanges):
    """A PSAM under a case of one environment."""

    def __init__(
        self, connection: Connection, subject: PsamSubject, level: Level, algorithm: str
    ) -> None:
        super().__init__(connection)
        self.subject = subject
        self.level = level
        self.algorithm = algorithm
        self._failures_wanted = False

    @property
    def environment(self) -> SamEnvironment:
        """The environment of the case.

        :raises NotApplicableError: the PSAM has none.
        """
        found = self.subject.environments.get(self.algorithm)
        if found is None:
            raise NotApplicableError(f"the PSAM has no environment for {self.algorithm}")
        return found

    @property
    def suite(self) -> Suite:
        """Its algorithm."""
        return self.environment.suite

    @property
    def block(self) -> int:
        """Bytes of a block: 8 or 16."""
        return self.suite.block

    def enter(self, *, application: bool = True) -> None:
        """Select the environment, and DF01 in it."""
        name = ENVIRONMENTS[self.environment.algorithm]
        self.given(self.send(commands.SELECT, 0x04, 0x00, name), "SELECT of the environment")
        if application:
            self.given(self.send(commands.SELECT, 0x04, 0x00, PSAM_AID), "SELECT of DF01")

    def read(self, fid: int, length: int) -> CardReply:
        """SELECT of a file and READ BINARY of so many bytes."""
        self.given(self.send(commands.SELECT, 0x02, 0x00, fid.to_bytes(2)), f"SELECT of {fid:04X}")
        return self.send(commands.READ_BINARY, le=length)

    def number(self) -> int:
        """终端交易序号 of 0019; DF01 must be current."""
        data = self.given(self.read(PSAM_NUMBER, 4), "READ BINARY of 0019").data
        if len(data) != 4:
            raise UndecidedError("0019 has another length than 4")
        return int.from_bytes(data)

    # --- session keys ----------------------------------------------------------------------------

    def deliver(
        self,
        root: str,
        factor: bytes | None = None,
        *,
        kind: int | None = None,
        count: int | None = None,
        steps: int | None = None,
    ) -> CardReply:
        """DELIVERY SESSION KEY of a key, by its printed type and the PSAM's number of factors."""
        row = ROWS[root]
        steps = self.environment.steps if steps is None else steps
        count = steps if count is None else count
        data = self.subject.factors(count) + (factor or self.factor())
        p1 = steps << 5 | (row.type if kind is None else kind)
        return self.send(commands.DELIVERY_SESSION_KEY, p1, row.identifier, data)

    def factor(self) -> bytes:
        """An invented session factor of a block: 8 bytes, behind them 00."""
        return bytes.fromhex("1122334455667788").ljust(self.block, b"\0")

    def delivered(self, root: str, *kinds: int) -> int:
        """Deliver a key whatever of some types it has; the type.

        :raises NotApplicableError: the PSAM has not the key.
        """
        for kind in kinds or (ROWS[root].type,):
            reply = self.deliver(root, kind=kind)
            if reply.sw == 0x9000:
                return kind
            if reply.sw not in (0x6A88, 0x6A80):
                raise UndecidedError(f"DELIVERY SESSION KEY was answered {reply.word}")
        raise NotApplicableError(f"the PSAM has no key {root}")

    def cipher(self, p1: int, data: bytes, le: int | None = 0) -> CardReply:
        """CIPHER DATA."""
        return self.send(commands.CIPHER_DATA, p1, 0x00, data, le)

    def session(self, root: str) -> SessionCipher:
        """What the session key of :meth:`deliver` does, computed from the root keys.

        :raises NotRunError: none were given.
        """
        self.need_keys()
        return self.subject.session(self.algorithm, ROWS[root], self.version(root), self.factor())

    def need_keys(self) -> None:
        """See that root keys were given.

        :raises NotRunError:
        """
        if self.subject.store is None:
            raise NotRunError("needs the root keys")

    def version(self, root: str) -> int:
        """Which version of a key the PSAM has: that of its information file [L]."""
        row = ROWS[root]
        data = self.given(self.read(0x001A, 10), "READ BINARY of 001A").data
        return max(1, min(data[1] if len(data) > 1 else 1, row.versions))

    # --- purchases -------------------------------------------------------------------------------

    def init_purchase(self, request: PurchaseRequest, *, count: int | None = None) -> CardReply:
        """INIT SAM FOR PURCHASE with the PSAM's number of factors, or another."""
        data = request.encode()
        data += self.subject.factors(self.environment.steps if count is None else count)
        return self.send(commands.INIT_SAM_FOR_MEDICAL_PURCHASE, data=data, le=0x08)

    def purchase_session(self, request: PurchaseRequest, number: bytes) -> SessionCipher:
        """SESPK of a purchase, computed from the root keys.

        :raises NotRunError: none were given.
        """
        self.need_keys()
        factor = request.random + request.number.to_bytes(2) + number[2:]
        return self.subject.session(self.algorithm, ROWS[DPK], request.version, factor)

    # --- its own keys ----------------------------------------------------------------------------

    @property
    def own(self) -> OwnSecrets:
        """The PSAM's own keys.

        :raises NotRunError: they were not given.
        """
        if self.subject.own is None:
            raise NotRunError("needs the PSAM's own keys")
        return self.subject.own(self.environment.algorithm)

    def challenge(self, length: int = 8) -> bytes:
        """GET CHALLENGE.

        :raises UndecidedError: there is none of that length.
        """
        reply = self.given(self.send(commands.GET_CHALLENGE, le=length), "GET CHALLENGE")
        if len(reply.data) != length:
            raise UndecidedError(f"GET CHALLENGE gave {len(reply.data)} bytes")
        return reply.data

    def proof(self, kid: int, challenge: bytes) -> bytes:
        """鉴别数据 and original of KID-01 to KID-03."""
        original = bytes.fromhex("0102030405060708")
        suite = self.suite
        secret = self.own.access[kid - 1]
        key = suite.session_key(suite.encryptor(secret), challenge.ljust(suite.block, b"\0"))
        return suite.session(key).authentication_data(original) + original

    def authenticate(self, kid: int) -> CardReply:
        """GET CHALLENGE and the right proof of KID-01 to KID-03."""
        proof = self.proof(kid, self.challenge())
        return self.send(commands.EXTERNAL_AUTHENTICATE, 0x00, kid, proof)

    def load_key(self, p1: int, file: int, plain: bytes, challenge: bytes) -> bytes:
        """CREATE KEY (P1 00) or CHANGE KEY (01), enciphered and MACed by the key of DF01."""
        suite, key = self.suite, self.own.application_key
        text = bytes((len(plain),)) + plain
        if len(text) % suite.block:
            text += b"\x80"
            text += bytes(-len(text) % suite.block)
        enciphered = suite.encryptor(key)(text)
        head = bytes((0x84, 0xD4, p1, file, len(enciphered) + 4)) + enciphered
        return head + suite.key_mac(key, challenge, head)

    def wrong(self, apdu: bytes) -> CardReply:
        """A command that may cost a try, on purpose."""
        if self.level < Level.DESTRUCTIVE:
            raise RuntimeError("only a destructive case may be wrong on purpose")
        self._failures_wanted = True
        try:
            return self.whole(apdu)
        finally:
            self._failures_wanted = False

    def wrong_proof(self) -> CardReply:
        """GET CHALLENGE and a proof of KID-01 with one wrong bit, on purpose: 63Cx."""
        proof = self.proof(1, self.challenge())
        wrong = bytes((proof[0] ^ 1,)) + proof[1:]
        apdu = commands.EXTERNAL_AUTHENTICATE.apdu(0x00, 0x01, wrong)
        return self.expect(self.wrong(apdu), "63Cx")

    def _guard(self, command: bytes) -> None:
        if psam_level_of(command) > self.level:
            raise RuntimeError(f"{command[:4].hex().upper()} is above the level {self.level.word}")

    def _watch(self, command: bytes, sw: int) -> None:
        credit = command[1:2] == commands.CREDIT_SAM_FOR_PURCHASE.code[1:]
        if sw & 0xFFF0 == 0x63C0 and not (self._failures_wanted or credit):
            raise UnaskedFailureError(
                f"{command[:4].hex().upper()} without a failure", f"{sw:04X}: a try is gone"
            )


_MAC_TYPES: Final = (KeyType.MAC_AND_ENCRYPTION, KeyType.MAC)
__all__ = ["ROWS", "PsamTrial", "psam_level_of"]
