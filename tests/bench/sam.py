# SPDX-License-Identifier: Apache-2.0
"""A PSAM on a test bench, with the keys of the published vectors, and its administration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sscard_chip.applications.psam.keys import KeyType
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import psam
from sscard_chip.profile.psam import SamContents, SamSecrets, compile_psam
from sscard_chip.profile.psam_keys import SamKeyRow
from sscard_chip.standard.commands import (
    CIPHER_DATA,
    DELIVERY_SESSION_KEY,
    EXTERNAL_AUTHENTICATE,
    INIT_SAM_FOR_MEDICAL_PURCHASE,
    SELECT,
    before_mac,
)
from sscard_chip.standard.identifiers import PSAM_AID, SX1_NAME, SX3_NAME
from sscard_chip.standard.messages import psam as messages
from tests.bench.exchange import Answer, CardBench, FixedRandom
from tests.bench.reference import social as reference

ROOT: Final = bytes(range(16))
MASTER: Final = bytes(range(0xC0, 0xD0))
ACCESS: Final = bytes(range(0xD0, 0xE0))
CHALLENGE: Final = bytes.fromhex("5A6B7C8D")
ORIGINAL: Final = bytes.fromhex("0102030405060708")
CARD, CITY, PROVINCE = "86845101C0666779", "3531303130307378", "3531303030307368"
FACTORS: Final = CARD + CITY + PROVINCE
SESSION_FACTOR: Final = {"3des": "1122334455667788", "sm4": "1122334455667788" + "00" * 8}
TERMINAL: Final = "330400815985"
ALGORITHMS: Final = ("3des", "sm4")
BLOCK: Final = reference.BLOCK
ENVIRONMENT: Final = {"3des": SX1_NAME, "sm4": SX3_NAME}
KEY_CODE: Final = {"3des": "00", "sm4": "03"}
PURCHASE: Final = {
    "random": bytes.fromhex("A1B2C3D4"),
    "number": 5,
    "account_fen": 0,
    "self_paid_fen": 1000,
    "pooled_fen": 500,
    "transaction_type": 0x32,
    "time": bytes.fromhex("20151118185001"),
}

SELECT_DF01: Final = SELECT.apdu(0x04, data=PSAM_AID)


def key(key_type: KeyType, identifier: int, *, single: bool = False) -> SamKeyRow:
    """A row for a key of one's own."""
    return SamKeyRow("OWN", key_type, identifier, single=single)


IRK: Final = key(KeyType.ENCRYPTION, 0x08)
RKSSSE: Final = key(KeyType.ENCRYPTION, 0x0A)
STK: Final = key(KeyType.MAC_AND_ENCRYPTION, 0x09)
MAC_ONLY: Final = key(KeyType.MAC, 0x20)
LOAD: Final = key(KeyType.LOAD, 0x21)
DPK: Final = key(KeyType.PURCHASE, 0x01)
SERVED: Final = {IRK: ROOT, RKSSSE: ROOT, STK: ROOT, MAC_ONLY: ROOT, LOAD: ROOT, DPK: ROOT}


def make(
    algorithms: tuple[str, ...],
    served: Mapping[SamKeyRow, bytes],
    *,
    steps: int = 3,
    number: int = 0x12C,
    wrong_mac2_is_63cf: bool = False,
) -> Memory:
    """A PSAM with the master and access keys of the vectors."""
    versions = {(row, row.identifier): secret for row, secret in served.items()}
    secrets = SamSecrets(MASTER, MASTER, (ACCESS, ACCESS, ACCESS), versions)
    return compile_psam(
        SamContents(
            historical_bytes=bytes(13),
            steps=steps,
            secrets=dict.fromkeys(algorithms, secrets),
            files={
                psam.TERMINAL.fid: bytes.fromhex(TERMINAL),
                psam.TRANSACTION_NUMBER.fid: number.to_bytes(4),
            },
            wrong_mac2_is_63cf=wrong_mac2_is_63cf,
        )
    )


class Sam(CardBench):
    """A powered PSAM whose DF01 is current in the environment of ``algorithm``."""

    def __init__(
        self,
        algorithm: str = "3des",
        served: Mapping[SamKeyRow, bytes] = SERVED,
        *,
        memory: Memory | None = None,
        steps: int = 3,
        number: int = 0x12C,
        wrong_mac2_is_63cf: bool = False,
    ) -> None:
        self.algorithm = algorithm
        self.memory = memory or make(
            (algorithm,), served, steps=steps, number=number, wrong_mac2_is_63cf=wrong_mac2_is_63cf
        )
        super().__init__(Card(self.memory))
        self.enter()

    def power_on(self) -> None:
        self.card.power_on()
        self.enter()

    def enter(self) -> None:
        """Select the environment and its application."""
        self.ok(SELECT.apdu(0x04, data=ENVIRONMENT[self.algorithm]))
        self.ok(SELECT_DF01)

    # --- rights and key loading -----------------------------------------------------------------

    def known_challenge(self, value: bytes = CHALLENGE) -> bytes:
        """GET CHALLENGE that answers ``value``."""
        self.set_random(FixedRandom(value))
        return self.challenge(len(value))

    def authentication(self, kid: int, challenge: bytes, secret: bytes = ACCESS) -> bytes:
        """EXTERNAL AUTHENTICATION with the KID of a level."""
        session = reference.session_key(self.algorithm, secret, challenge)
        data = reference.authentication_data(self.algorithm, session, ORIGINAL) + ORIGINAL
        return EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=data)

    def authenticate(self, kid: int, secret: bytes = ACCESS) -> int:
        return self.sw(self.authentication(kid, self.known_challenge(), secret))

    def load(
        self, header: str, content: str, challenge: bytes, *, length: int | None = None
    ) -> bytes:
        """CREATE or CHANGE KEY: ``content`` enciphered with its length, and a MAC."""
        plain = bytes.fromhex(content)
        data = reference.enciphered(self.algorithm, MASTER, plain, length)
        head = before_mac(bytes.fromhex(header), data)
        return head + reference.key_mac(self.algorithm, MASTER, challenge, head)

    def create(self, content: str, file: int = 0x11) -> int:
        """The right of the file's level, a challenge and CREATE KEY."""
        assert self.authenticate(file - 0x10) == 0x9000
        return self.sw(self.load(f"84D400{file:02X}", content, self.known_challenge()))

    # --- use ------------------------------------------------------------------------------------

    def deliver(self, use: int, identifier: int, factors: str = FACTORS) -> int:
        """DELIVERY SESSION KEY with the session factor of the vectors."""
        return self.sw(self.delivery(use, identifier, factors))

    def delivery(self, use: int, identifier: int, factors: str = FACTORS) -> bytes:
        data = bytes.fromhex(factors + SESSION_FACTOR[self.algorithm])
        return DELIVERY_SESSION_KEY.apdu(use, identifier, data)

    def cipher(self, p1: int, data: bytes) -> Answer:
        return self.send(CIPHER_DATA.apdu(p1, data=data))

    def init_purchase(self, factors: str = FACTORS, *, version: int = 1, code: str = "") -> Answer:
        """INIT SAM FOR PURCHASE with the amounts of the vectors."""
        fields = PURCHASE | {
            "key_version": version,
            "algorithm": int(code or KEY_CODE[self.algorithm], 16),
        }
        data = messages.INIT_PURCHASE.build(fields) + bytes.fromhex(factors)
        return self.send(INIT_SAM_FOR_MEDICAL_PURCHASE.apdu(data=data, le=8))
