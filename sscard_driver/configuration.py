# SPDX-License-Identifier: Apache-2.0
"""What the shared library is set up with: environment variables, and a file in TOML beneath them.

Every option is a row of :data:`OPTIONS`. ``SSCARD_DRIVER_CARD`` is the option ``card``, and so on;
``SSCARD_DRIVER_CONFIG`` names the file. Paths in the file are relative to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from sscard_chip.standard.documents import Document, DocumentError, Model, find, rule

FORMAT: Final = "sscard-driver/1"
PREFIX: Final = "SSCARD_DRIVER_"
FILE_VARIABLE: Final = PREFIX + "CONFIG"

CODECS: Final = {"gbk": "gb18030", "utf-8": "utf-8"}
"""Codings of strings in C programs. GB 18030 writes the characters of GBK as GBK does, has a way to
write all others, and gives the bytes of the card on as they are."""

_PATHS: Final = frozenset({"card", "psam", "addresses", "log", "identity_card", "business_key"})
_TOKEN: Final = "pkcs11:"


class ConfigurationError(DocumentError):
    """An option that cannot be used; one line that names file or variable and the rule."""


def _one_of(*choices: str) -> Callable[[str], str | None]:
    text = f"must be one of {', '.join(choices)}"
    return lambda value: text if value and value not in choices else None


Text = Annotated[str, rule("must be a string")]


class Configuration(Model, frozen=True):
    """The options. None or empty: not set."""

    UNKNOWN_FIELD = "there is no such option"

    card: Annotated[Text, rule(title="Image file of the card")] | None = None
    reader: (
        Annotated[Text, rule(title="PC/SC reader of the card, or a part of its name")] | None
    ) = None
    psam: Annotated[Text, rule(title="Image file of the PSAM")] | None = None
    psam_reader: Annotated[Text, rule(title="PC/SC reader of the PSAM")] | None = None
    interface: (
        Annotated[
            Text,
            rule(
                check=_one_of("contact", "contactless"),
                title="Slot of the card; else an image is in all that it has, a reader is contact",
            ),
        ]
        | None
    ) = None
    pin: Annotated[Text, rule(title="What is typed at the PIN pad")] | None = None
    new_pin: Annotated[Text, rule(title="What is typed when a new PIN is asked for")] | None = None
    pin_program: Annotated[Text, rule(title="Command line that asks for the PIN")] | None = None
    keys: Annotated[Text, rule(title="Root keys of the HSM: a file or pkcs11:...")] | None = None
    addresses: Annotated[Text, rule(title="Key addresses of the HSM")] | None = None
    device_number: Text | None = None
    terminal_id: Text | None = None
    encoding: Annotated[
        Text, rule(check=_one_of(*CODECS), title="Coding of strings in C programs")
    ] = "gbk"
    log: Annotated[Text, rule(title="File for faults; else stderr")] | None = None
    identity_card: (
        Annotated[Text, rule(title="Identity card on its reader: a file, JSON or TOML")] | None
    ) = None
    qr: Annotated[Text, rule(title="What is read at the QR code scanner")] | None = None
    qr_program: Annotated[Text, rule(title="Command line that reads a QR code")] | None = None
    centre: (
        Annotated[Text, rule(title="URL of the electronic credential's service (hsecfc)")] | None
    ) = None
    business_key: (
        Annotated[Text, rule(title="File of the centre's key for business strings, 64 hex digits")]
        | None
    ) = None

    def __repr__(self) -> str:
        return "<Configuration>"


class DriverFile(Configuration, frozen=True, kw_only=True):
    """What the shared library (LD/T 33) is set up with; paths are relative to the file."""

    format: Annotated[Literal["sscard-driver/1"], rule(f'must be "{FORMAT}"')]


OPTIONS: Final = Configuration.__struct_fields__

_EXCLUSIVE: Final = (
    ("card", "reader"),
    ("psam", "psam_reader"),
    ("pin", "pin_program"),
    ("qr", "qr_program"),
)


def load_configuration(environment: Mapping[str, str], *, card: bool = True) -> Configuration:
    """The configuration in the variables and the file that they name.

    A variable replaces the row of the file, and rows that exclude it; an empty one is not set.
    ``card``: there must be one.

    :raises ConfigurationError: unknown option, wrong value, file that cannot be read, no card.
    """
    options: dict[str, str] = {}
    path = environment.get(FILE_VARIABLE)
    if path:
        options = _from_file(Path(path))
    given = {
        name: value
        for name in OPTIONS
        if (value := environment.get(PREFIX + name.upper())) is not None
    }
    for name, text, _ in find(Configuration, given):
        raise ConfigurationError(PREFIX + name.upper(), "", text)
    for name, value in given.items():
        for pair in _EXCLUSIVE:
            if value and name in pair:
                options = {k: v for k, v in options.items() if k not in pair}
    options |= given
    options = {name: value for name, value in options.items() if value}
    for first, second in _EXCLUSIVE:
        if first in options and second in options:
            raise ConfigurationError("driver configuration", "", f"not both {first} and {second}")
    if card and "card" not in options and "reader" not in options:
        where = f"{PREFIX}CARD, {PREFIX}READER or the file of {FILE_VARIABLE}"
        raise ConfigurationError("driver configuration", "", f"{where} must name the card")
    return Configuration(**options)


def _from_file(path: Path) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(str(path), "", error.strerror or "cannot be read") from None
    document = Document.toml(content, str(path), ConfigurationError)
    document.check(DriverFile)
    options: dict[str, str] = {}
    for name in OPTIONS:
        value = document.value.get(name, "")
        is_path = name in _PATHS or (name == "keys" and not value.startswith(_TOKEN))
        options[name] = str(path.parent / value) if value and is_path else value
    return options
