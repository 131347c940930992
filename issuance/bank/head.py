# SPDX-License-Identifier: Apache-2.0
"""The head of a ledger of links: how long it is and how it ends, in ``LEDGER.head`` beside it.

::

    {"format": "sscard-bank-ledger-head/1", "count": 3, "head": 64 HEX, "next": null, "mac": 64 HEX}

The lines of a ledger hold each other together, but nothing in them shows that the last ones are
gone, or that somebody has written all of them anew. The head does: ``count`` lines, the last of
them with the SHA-256 ``head``, under an HMAC-SHA-256 whose key is diversified from the bank's
MDK_MAC. Whoever puts back an older ledger together with its head is found by comparing the count
and the head that every command prints.

Before a line is written, its digest stands in ``next``; afterwards it is the head. So a crash
between the two writes leaves a head that fits the ledger with the line and without it.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec.structs import replace

from issuance.bank.roots import KEY_VERSION, MDK_MAC
from issuance.privatefile import write_private
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.documents import Document, DocumentError, Model, rule
from sscard_chip.standard.identifiers import ALGORITHM_3DES

FORMAT: Final = "sscard-bank-ledger-head/1"
BEGINNING: Final = "0" * 64
"""Digest before the first line."""
_FACTOR: Final = b"LINKHEAD"
"""In place of a PAN, whose factor is BCD: no card has this key."""

Digest = Annotated[str, rule("must be 64 lower-case hex digits", pattern="[0-9a-f]{64}")]


class LedgerHeadError(DocumentError):
    """A head that is not there, or is not that of its ledger; one line."""


class LedgerHead(Model, frozen=True):
    """Head of a ledger of links, beside it."""

    WHAT = "the head of a ledger"

    format: Annotated[Literal["sscard-bank-ledger-head/1"], rule(f'must be "{FORMAT}"')] = (
        "sscard-bank-ledger-head/1"
    )
    count: Annotated[int, rule(ge=0, title="Lines of the ledger")] = 0
    head: Annotated[Digest, rule(title="SHA-256 of its last line, 0 for none")] = BEGINNING
    next: Annotated[
        Digest | None, rule(title="SHA-256 of a line that may have been written behind it")
    ] = None
    mac: Annotated[Digest, rule(title="HMAC-SHA-256 over the fields above")] = BEGINNING

    def message(self) -> bytes:
        """What the MAC is over."""
        return "\n".join((self.format, str(self.count), self.head, self.next or "")).encode()


class LedgerSeal:
    """The bank's key of heads."""

    def __init__(self, store: KeyStore) -> None:
        """``store`` is the bank's.

        :raises KeyStoreError:
        """
        chains = [[_FACTOR]]
        (self._key,) = store.diversify(ALGORITHM_3DES, MDK_MAC, KEY_VERSION, chains)

    def mac(self, head: LedgerHead) -> str:
        """64 hex digits."""
        return hmac_digest(self._key, head.message(), sha256).hex()

    def write(self, ledger: Path, head: LedgerHead) -> LedgerHead:
        """Put the head of a ledger on the disk, whole or not at all.

        :raises OSError:
        """
        sealed = replace(head, mac=self.mac(head))
        write_private(head_path(ledger), msgspec.json.encode(sealed) + b"\n")
        return sealed


def head_path(ledger: Path) -> Path:
    """Where the head of a ledger is."""
    return ledger.with_name(f"{ledger.name}.head")


def read_head(ledger: Path, seal: LedgerSeal | None) -> LedgerHead | None:
    """The head of a ledger, None when it has none; its MAC is checked when there is a ``seal``.

    :raises LedgerHeadError:
    """
    path = head_path(ledger)
    if not path.exists():
        return None
    document = Document.load(path, LedgerHeadError)
    head = document.to(LedgerHead)
    if seal is not None and not compare_digest(seal.mac(head), head.mac):
        text = "is wrong: another bank's keys, or the head was tampered with"
        raise document.error("mac", text)
    return head


def fit(ledger: Path, head: LedgerHead | None, count: int, last: str) -> LedgerHead:
    """The head of a ledger of ``count`` lines, the last of them with the digest ``last``.

    A line that ``next`` announced is one of them, or was never written.

    :raises LedgerHeadError: it has none, or is not the ledger that the head is of.
    """
    if head is None and not count:
        return LedgerHead()
    if head is None:
        text = "is not there: if the ledger is whole, sscard bank seal makes it"
        raise LedgerHeadError(str(head_path(ledger)), "", text)
    if (count, last) == (head.count + 1, head.next):
        return replace(head, count=count, head=last, next=None)
    fault = ""
    if count < head.count:
        fault = "the end is cut off"
    elif count > head.count:
        fault = "lines were put behind the end"
    elif last != head.head:
        fault = "lines were written anew"
    if fault:
        text = f"{fault}: {count} lines, the head says {head.count}"
        raise LedgerHeadError(str(ledger), "", text)
    return replace(head, next=None)
