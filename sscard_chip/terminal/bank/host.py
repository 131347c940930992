# SPDX-License-Identifier: Apache-2.0
"""The issuer's host for tests and benches: checks cryptograms, answers with its own, sends scripts.

It reaches the bank's keys through a key store alone and never sees a master key; session keys
come from the store too, so a hardware module may be the store. Only a PIN block needs bytes of a
card key.

>>> from sscard_chip.terminal.bank.scripts import ECASH_BALANCE
>>> host = IssuerHost(store)
>>> host.queue(request.pan, lambda script: script.put_amount(ECASH_BALANCE, 50_000))
>>> host.authorise(request).response_code
b'00'
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from sscard_chip.security.emv import (
    BANK_SUITE_OF_CODE,
    CVN_01,
    CVN_17,
    BankSession,
    BankSuite,
    cvn01_input,
    cvn17_input,
    issuer_data_mac,
    pan_block,
    session_input,
)
from sscard_chip.security.keystore import KeyStore, KeyStoreError
from sscard_chip.terminal.bank.cryptograms import IssuerData
from sscard_chip.terminal.bank.data import (
    APPROVED,
    CRYPTOGRAM_TAGS,
    SUSPECTED_FRAUD,
    AuthorisationRequest,
    AuthorisationResponse,
)
from sscard_chip.terminal.bank.errors import BankTerminalError
from sscard_chip.terminal.bank.scripts import AFTER, BEFORE, ScriptBuilder

MDK_AC: Final = "MDK_AC"
MDK_MAC: Final = "MDK_MAC"
MDK_ENC: Final = "MDK_ENC"

_LOG: Final = logging.getLogger(__name__)

ScriptFill = Callable[[ScriptBuilder], object]
Decide = Callable[[AuthorisationRequest, IssuerData], bytes]


class WrongCryptogramError(BankTerminalError):
    """A cryptogram that is not the card's over these data."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A cryptogram that proved right: what it says, its suite and the session of its key."""

    issuer_data: IssuerData
    suite: BankSuite
    session: BankSession


class IssuerHost:
    """One issuer. ``decide`` answers with 8A what a right cryptogram gets; by default it approves.

    An ATC that is not above the last one of its card is refused as a copy. The object belongs
    to one thread.
    """

    def __init__(self, store: KeyStore, decide: Decide = lambda _request, _data: APPROVED) -> None:
        self._store = store
        self._decide = decide
        self._last: dict[tuple[str, str], int] = {}
        self._queued: defaultdict[str | None, list[tuple[int, ScriptFill]]] = defaultdict(list)

    def queue(self, pan: str | None, fill: ScriptFill, *, before: bool = False) -> None:
        """Have ``fill`` write a script for the next authorisation of ``pan``, None: of anybody.

        ``before``: the card is to run it before its second GENERATE AC.
        """
        self._queued[pan].append((BEFORE if before else AFTER, fill))

    def authorise(self, request: AuthorisationRequest) -> AuthorisationResponse:
        """Check the ARQC, decide, answer with an ARPC and what scripts wait.

        A cryptogram that is wrong or old, or of a key that the store has not, gets 8A 59 and
        neither ARPC nor script.
        """
        try:
            verified = self.verify(request)
        except (BankTerminalError, KeyStoreError) as error:
            _LOG.warning("authorisation refused: %s", error)
            return AuthorisationResponse(SUSPECTED_FRAUD)
        who, atc = (request.pan, request.sequence), request.data[0x9F36]
        if int.from_bytes(atc) <= self._last.get(who, -1):
            _LOG.warning("authorisation refused: the ATC was used before")
            return AuthorisationResponse(SUSPECTED_FRAUD)
        self._last[who] = int.from_bytes(atc)
        code = self._decide(request, verified.issuer_data)
        arqc = request.data[0x9F26]
        arpc = verified.session.arpc(arqc, code)
        return AuthorisationResponse(code, arpc + code, self._scripts(request, verified))

    def verify(self, request: AuthorisationRequest) -> Verified:
        """Check any cryptogram (ARQC, TC, AAC) of a card.

        :raises WrongCryptogramError: it is not the card's over these data.
        :raises CardDataError: 9F10 is of another form.
        :raises KeyStoreError: the store has no such key.
        """
        data = request.data
        issuer_data = IssuerData.parse(data[0x9F10])
        suite = BANK_SUITE_OF_CODE.get(issuer_data.algorithm)
        if suite is None or issuer_data.version not in (CVN_01, CVN_17):
            raise WrongCryptogramError("the card's algorithm or cryptogram version is not known")
        atc = data[0x9F36]
        if issuer_data.version == CVN_01:
            terminal = b"".join(data[tag] for tag in CRYPTOGRAM_TAGS)
            message = cvn01_input(terminal, data[0x82], atc, issuer_data.cvr)
        else:
            message = cvn17_input(data[0x9F02], data[0x9F37], atc, issuer_data.cvr)
        session = self._session(suite, MDK_AC, request, issuer_data.key_index)
        if not compare_digest(session.cryptogram(message), data[0x9F26]):
            raise WrongCryptogramError("the cryptogram is not the card's over these data")
        if issuer_data.mac:
            of_mac = self._session(suite, MDK_MAC, request, issuer_data.key_index)
            mac = issuer_data_mac(of_mac, atc, issuer_data.balance)
            if not compare_digest(mac, issuer_data.mac):
                raise WrongCryptogramError("the balance in 9F10 is not the card's")
        return Verified(issuer_data, suite, session)

    def script(self, request: AuthorisationRequest, verified: Verified) -> ScriptBuilder:
        """A builder of the scripts that belong to this transaction."""
        suite, version = verified.suite, verified.issuer_data.key_index
        (card_key,) = self._store.diversify(suite.name, MDK_AC, version, [[_factor(request)]])
        return ScriptBuilder(
            self._session(suite, MDK_MAC, request, version),
            self._session(suite, MDK_ENC, request, version),
            card_key,
            request.data[0x9F36],
            request.data[0x9F26],
            verified.issuer_data,
        )

    def _scripts(self, request: AuthorisationRequest, verified: Verified) -> tuple[bytes, ...]:
        waiting = [*self._queued.pop(request.pan, ()), *self._queued.pop(None, ())]
        if not waiting:
            return ()
        builder = self.script(request, verified)
        templates = []
        # The MACs are chained in the order in which the card gets the commands: 71, then 72.
        for tag in (BEFORE, AFTER):
            begin = len(builder.commands)
            for own, fill in waiting:
                if own == tag:
                    fill(builder)
            if len(builder.commands) > begin:
                templates.append(builder.template(tag, begin=begin))
        return tuple(templates)

    def _session(
        self, suite: BankSuite, name: str, request: AuthorisationRequest, version: int
    ) -> BankSession:
        atc = request.data[0x9F36]
        factors = [_factor(request)]
        key = self._store.encrypt(suite.name, name, version, factors, session_input(atc))
        return suite.session(key)


def _factor(request: AuthorisationRequest) -> bytes:
    return pan_block(request.pan, request.sequence)
