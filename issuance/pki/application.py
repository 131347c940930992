# SPDX-License-Identifier: Apache-2.0
"""The certificate application of a ``HOLDER.json``: the object ``certificates``.

::

    {"user_pin": "123456", "administrator_pin": "12345678", "master_key": ""}

Nothing is required: these are the values of delivery. Keys and certificates come later, from an
authority (``sscard pki``).
"""

from __future__ import annotations

from typing import Annotated, Final

from issuance import validity
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.pki import (
    DEFAULT_ADMINISTRATOR_PIN,
    DEFAULT_USER_PIN,
    KEY_LENGTH,
    PkiContents,
    add_pki,
    delivery_master_key,
)
from sscard_chip.standard.documents import Model, rule
from sscard_chip.standard.errors import BAD_INPUT, IssuingError
from sscard_chip.standard.status import StatusError
from sscard_chip.terminal.pki.client import pin_bytes

_MASTER_KEY: Final = f"([0-9A-Fa-f]{{{2 * KEY_LENGTH}}})?"


class PkiIssueError(IssuingError, ValueError):
    """A certificate application that cannot be made; one line without PIN or key."""

    exit_code = BAD_INPUT


class CertificateOptions(Model, frozen=True):
    """The certificate application of a card as it is delivered."""

    user_pin: Annotated[
        str,
        rule(
            "must be a text of digits",
            check=validity.check_personal_pin,
            title="User PIN of the certificates: 4 to 16 digits, apart from that of the card",
        ),
    ] = DEFAULT_USER_PIN.hex()
    administrator_pin: Annotated[
        str,
        rule(
            "must be a text of digits",
            check=validity.check_personal_pin,
            title="Administrator's PIN (管理员PIN): 4 to 16 digits",
        ),
    ] = DEFAULT_ADMINISTRATOR_PIN.hex()
    master_key: Annotated[
        str,
        rule(
            f"must be {KEY_LENGTH} bytes, {2 * KEY_LENGTH} hex digits",
            pattern=_MASTER_KEY,
            title="Master key (主控密钥) of both directories, hex; else that of delivery",
        ),
    ] = ""

    def __repr__(self) -> str:
        return "<CertificateOptions>"


def put_pki(memory: Memory, options: CertificateOptions) -> Memory:
    """A copy of a card's memory with the certificate application. ``memory`` stays as it was.

    The master key of delivery is that of the province in the card's historical bytes.

    :raises PkiIssueError:
    """
    division = FileSystem(memory).historical_bytes[7:9].hex()
    contents = PkiContents(
        bytes.fromhex(options.master_key) or delivery_master_key(division),
        pin_bytes(options.user_pin),
        pin_bytes(options.administrator_pin),
    )
    card, fault = memory.copy(), ""
    try:
        add_pki(card, contents)
    except StatusError:
        fault = "certificates: the card has no room for them"
    except ValueError as error:
        fault = str(error)
    if fault:
        raise PkiIssueError(fault)
    return card
