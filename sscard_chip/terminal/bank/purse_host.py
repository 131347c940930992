# SPDX-License-Identifier: Apache-2.0
"""The bank's host of deposit and purse, for tests and benches: load, unload, overdraft, TAC, and
the commands with which the issuer looks after a card.

It reaches the bank's keys through a key store; session keys come from the store too.

>>> from sscard_chip.standard.purse_transactions import TransactionType
>>> host = PurseHost(store, "3des")
>>> initialized = terminal.initialize(TransactionType.PURSE_LOAD, 5_000)
>>> answer = host.authorise(initialized, bytes.fromhex("20240315101112"))
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.purse import (
    PURSE_SUITES,
    PurseSession,
    PurseSuite,
    command_mac,
    encipher_pin,
    online_factor,
    reload_mac,
)
from sscard_chip.standard.commands import PIN_CHANGE_UNBLOCK, RELOAD_PIN, before_mac
from sscard_chip.standard.identifiers import ALGORITHM_3DES
from sscard_chip.standard.messages import purse as messages
from sscard_chip.standard.purse_transactions import Course
from sscard_chip.terminal.bank.purse_exchange import (
    Debited,
    HostAnswer,
    PublicData,
    PurseInitialization,
    PurseMacError,
)

BANK_ROOTS: Final = "PURSE"
TRANSPORT_ROOTS: Final = "TRANSIT"
"""How the names of a bank's and of a transport issuer's roots begin."""
_ROOTS: Final = {
    Course.LOAD: "{}_DLK",
    Course.UNLOAD: "{}_DULK",
    Course.OVERDRAFT: "{}_DUK",
}
_TAC_ROOT: Final = "{}_DTK"
_MAINTENANCE_ROOT: Final = "{}_DAMK"
_UNBLOCK_ROOT: Final = "{}_DPUK"
_RELOAD_ROOT: Final = "{}_DRPK"


class PurseHost:
    """The host of one bank, or with ``roots`` TRANSPORT_ROOTS of a transport issuer.

    Every method raises KeyStoreError when the store has no such key. ``key_version`` is that of
    the roots. ``algorithm`` (``"3des"`` or ``"sm4"``) is that of the cards it looks after;
    transactions name their own.
    """

    def __init__(
        self,
        store: KeyStore,
        algorithm: str = ALGORITHM_3DES,
        *,
        key_version: int = 1,
        roots: str = BANK_ROOTS,
    ) -> None:
        self._roots = roots
        self._store = store
        self._purse = PURSE_SUITES[algorithm]
        self._version = key_version

    # --- on-line transactions -------------------------------------------------------------------

    def authorise(
        self, opened: PurseInitialization, time: bytes, *, limit_fen: int = 0
    ) -> HostAnswer:
        """MAC2 of a load, an unload or, with the new ``limit_fen``, an overdraft limit.

        ``time`` is the host's, 7 bytes of BCD.

        :raises PurseMacError: when the card's MAC1 is wrong.
        :raises CardDataError: for an algorithm that is not known.
        :raises ValueError: for a transaction that no host makes.
        """
        session = self._online_session(opened)
        overdraft = opened.kind.course is Course.OVERDRAFT
        mac1 = messages.OVERDRAFT_MAC1 if overdraft else messages.ONLINE_MAC1
        _check(session.mac(mac1.build(opened.fields)), opened.mac1, "MAC1")
        asked = {**opened.fields, "time": time, "limit_fen": limit_fen}
        mac2 = messages.OVERDRAFT_MAC2 if overdraft else messages.TIMED
        return HostAnswer(time, session.mac(mac2.build(asked)))

    def confirm(
        self, opened: PurseInitialization, time: bytes, answer: bytes, *, limit_fen: int = 0
    ) -> None:
        """Check the card's answer: the TAC of a load or an overdraft limit, MAC3 of an unload.

        :raises PurseMacError:
        """
        course, done = opened.kind.course, {**opened.fields, "time": time}
        if course is Course.OVERDRAFT:
            done["balance_fen"] += limit_fen - (opened.limit_fen or 0)
            done["limit_fen"] = limit_fen
            _check(self._tac(opened, messages.OVERDRAFT_TAC.build(done)), answer, "TAC")
            return
        unload = course is Course.UNLOAD
        done["balance_fen"] += -opened.amount_fen if unload else opened.amount_fen
        message = messages.ONLINE_TAC.build(done)
        if unload:
            _check(self._online_session(opened).mac(message), answer, "MAC3")
        else:
            _check(self._tac(opened, message), answer, "TAC")

    def settle(self, debited: Debited) -> None:
        """Check the TAC of a purchase, cash withdrawal or compound purchase: PurseMacError."""
        opened = debited.initialized
        done = {"terminal_number": int.from_bytes(debited.sequence), "time": debited.time}
        message = messages.PURCHASE_TAC.build({**opened.fields, **done})
        _check(self._tac(opened, message), debited.tac, "TAC")

    def _online_session(self, opened: PurseInitialization) -> PurseSession:
        root = _ROOTS.get(opened.kind.course)
        if root is None:
            raise ValueError("a purchase is made with a PSAM")
        purse = opened.suite
        return purse.session(
            lambda block: self._store.encrypt(
                purse.suite.name,
                root.format(self._roots),
                self._version,
                opened.public.factors,
                block,
            ),
            online_factor(opened.random, opened.number.to_bytes(2)),
        )

    def _tac(self, opened: PurseInitialization, message: bytes) -> bytes:
        return opened.suite.tac(self._card_key(_TAC_ROOT, opened.public, opened.suite), message)

    def _card_key(self, root: str, public: PublicData, purse: PurseSuite) -> bytes:
        name = purse.suite.name
        chains = [public.factors]
        (key,) = self._store.diversify(name, root.format(self._roots), self._version, chains)
        return key

    # --- looking after a card -------------------------------------------------------------------

    def command(
        self, public: PublicData, challenge: bytes, header: bytes, data: bytes = b""
    ) -> bytes:
        """A command with its MAC: ``header`` CLA INS P1 P2, ``challenge`` the card's last.

        For UPDATE BINARY and RECORD (CLA 04), APPLICATION BLOCK and UNBLOCK, CARD BLOCK.
        """
        return self._with_mac(_MAINTENANCE_ROOT, public, challenge, header, data)

    def unblock_pin(self, public: PublicData, challenge: bytes, pin: bytes, key: int = 1) -> bytes:
        """PIN UNBLOCK with the holder's PIN from then on, BCD; ``key`` is DPUK's identifier."""
        sealed = encipher_pin(self._purse, self._card_key(_UNBLOCK_ROOT, public, self._purse), pin)
        header = PIN_CHANGE_UNBLOCK.header(0x00, key)
        return self._with_mac(_UNBLOCK_ROOT, public, challenge, header, sealed)

    def reload_pin(self, public: PublicData, pin: bytes) -> bytes:
        """RELOAD PIN with the new PIN, BCD."""
        mac = reload_mac(self._purse, self._card_key(_RELOAD_ROOT, public, self._purse), pin)
        return RELOAD_PIN.apdu(data=pin + mac)

    def _with_mac(
        self, root: str, public: PublicData, challenge: bytes, header: bytes, data: bytes
    ) -> bytes:
        head = before_mac(header, data)
        key = self._card_key(root, public, self._purse)
        return head + command_mac(self._purse, key, challenge, head)


def _check(computed: bytes, given: bytes, name: str) -> None:
    if not compare_digest(computed, given):
        raise PurseMacError(f"{name}: is not the card's over these data")
