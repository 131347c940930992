# SPDX-License-Identifier: Apache-2.0
"""Cards of generation 3 with the certificate application, and a half that speaks to it.

What it sends is worked out here with ``cryptography`` and ``gmalg``, and not with the house's own
functions: SM4 and SM3 by their standard, SM2 by the other library than the card uses.
"""

from __future__ import annotations

import os
from typing import Any

import gmalg
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.hashes import SM3, Hash

from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.pki import PkiContents, add_pki
from tests.bench import account_cards as medical
from tests.bench import transit_cards
from tests.bench.exchange import SUCCESS, Exchange

SELECT_PKI = "00A404000C504B492EC9E7BBE1B1A3D5CF"
SELECT_CERT = "00A404000C53532E434552542E41444631"
USER, ADMIN = bytes.fromhex("123456"), bytes.fromhex("12345678")
MASTER = "四川省社会保障卡".encode("gbk")
GENERATE = "8040000008C0020012C2020013"
NAME_SIGNATURE, NAME_ENCRYPTION = "80C9820008C0020012C2020013", "80C9820008C0020014C2020015"
EXPORT = "80C9828042"
READ_PUBLIC = "00B0000042"


def sm3(message: bytes) -> bytes:
    digest = Hash(SM3())
    digest.update(message)
    return digest.finalize()


def sm4(key: bytes, data: bytes) -> bytes:
    """ECB, whole blocks."""
    return Cipher(SM4(key), ECB()).encryptor().update(data)


def mac(key: bytes, challenge: bytes, message: bytes) -> bytes:
    """CBC, the challenge the initial value; the four words of the last block, added."""
    padded = message + b"\x80"
    padded += bytes(-len(padded) % 16)
    last = Cipher(SM4(key), CBC(challenge)).encryptor().update(padded)[-16:]
    words = [int.from_bytes(last[at : at + 4]) for at in range(0, 16, 4)]
    return (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4)


def pin_key(pin: bytes) -> bytes:
    return sm3(pin)[:16]


class PkiTerminal(Exchange):
    """The terminal's half."""

    def enter(self) -> None:
        self.ok(SELECT_PKI, SELECT_CERT)

    def proof(self, key: bytes) -> bytes:
        return sm4(key, self.challenge(16))

    def login(self, pin: bytes = USER, *, admin: bool = False) -> int:
        return self.sw(
            bytes((0x00, 0x20, 0x01, 0x00 if admin else 0x81, 16)) + self.proof(pin_key(pin))
        )

    def ready(self) -> None:
        """The application, both PINs proven."""
        self.enter()
        assert self.login() == SUCCESS
        assert self.login(ADMIN, admin=True) == SUCCESS

    def new_pin(self, old: bytes, new: bytes, p2: int = 0x00) -> bytes:
        """CHANGE PIN."""
        key = pin_key(old)
        plain = bytes((len(new),)) + new + b"\x80"
        head = bytes((0x84, 0x5E, 0x01, p2, 0x14))
        cryptogram = sm4(key, plain.ljust(16, b"\0"))
        return head + cryptogram + mac(key, self.challenge(16), head + cryptogram)

    def new_master(self, old: bytes, new: bytes) -> bytes:
        """CHANGE KEY of the current directory's master key."""
        head = bytes.fromhex("84D4010024")
        cryptogram = sm4(old, (b"\x13\0\0\0" + new + b"\x80").ljust(32, b"\0"))
        return head + cryptogram + mac(old, self.challenge(16), head + cryptogram)

    def master(self, key: bytes = MASTER) -> int:
        return self.sw(bytes.fromhex("0082000010") + self.proof(key))

    def public(self, fid: int = 0x12) -> bytes:
        """X || Y by READ BINARY."""
        self.ok(bytes((0x00, 0xA4, 0x00, 0x00, 0x02, 0x00, fid)))
        content = self.ok(READ_PUBLIC)
        assert len(content) == 66
        return content[2:]

    def generate(self) -> bytes:
        self.ok(GENERATE)
        return self.public()

    def import_pair(self, secret: bytes, public: bytes, key: bytes | None = None) -> int:
        """The way of an authority's answer: envelope, session key, public, private key; the
        status word of the last."""
        session = key or os.urandom(16)
        envelope = gmalg.SM2(pk=b"\x04" + self.public()).encrypt(session)[1:]
        opened = self.ok(bytes.fromhex("804E000178C2020013C1820070") + envelope)
        assert opened == session
        self.ok(bytes.fromhex("804A021012C110") + opened)
        self.ok(bytes.fromhex("80C2400046C0020014CA40") + public)
        return self.sw(bytes.fromhex("80C2C00126C2020015CB20") + sm4(session, secret))

    def update(self, fid: int, content: bytes, block: int = 0x70) -> None:
        self.ok(bytes((0x00, 0xA4, 0x00, 0x00, 0x02, 0x00, fid)))
        for at in range(0, len(content), block):
            part = content[at : at + block]
            self.ok(bytes((0x00, 0xD6, at >> 8, at & 0xFF, len(part))) + part)

    def sign(self, digest: bytes) -> bytes:
        return self.ok(bytes.fromhex("002A9E9A20") + digest)


def pair() -> tuple[bytes, bytes]:
    """A private key of 32 bytes and its public key of 64, from gmalg."""
    secret, public = gmalg.SM2().generate_keypair()
    return secret.rjust(32, b"\0"), public[1:]


def verifies(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether r || s signs e, by GB/T 32918.2 with gmalg's curve."""
    curve = gmalg.SM2()._core.ecdlp
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    order = int(curve.fpn.p)
    if not (0 < r < order and 0 < s < order):
        return False
    point = (int.from_bytes(public[:32]), int.from_bytes(public[32:]))
    x, _ = curve.ec.add(curve.kG(s), curve.ec.mul((r + s) % order, point))
    return bool((int.from_bytes(digest) + x) % order == r)


def new_memory(*, with_all: bool = False, master_key: bytes = MASTER, **options: Any) -> Memory:
    """A card's memory; ``with_all`` it has bank, purse and transport application too."""
    if with_all:
        card = transit_cards.new_memory("sm4", with_bank=True, with_purse=True)
    else:
        card = medical.new_memory("sm4", balance_fen=10_000)
    add_pki(card, PkiContents(master_key, **options))
    return card


def new_card(**options: Any) -> Card:
    """The same, powered."""
    card = Card(new_memory(**options))
    card.power_on()
    return card
