# SPDX-License-Identifier: Apache-2.0
"""What the shared library is set up with: environment variables, and a file in TOML beneath them.

Every option is a row of :data:`OPTIONS`. ``SSCARD_DRIVER_CARD`` is the option ``card``, and so on;
``SSCARD_DRIVER_CONFIG`` names the file. Paths in the file are relative to it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import InputError

FORMAT: Final = "sscard-driver/1"
PREFIX: Final = "SSCARD_DRIVER_"
FILE_VARIABLE: Final = PREFIX + "CONFIG"

CODECS: Final = {"gbk": "gb18030", "utf-8": "utf-8"}
"""Codings of strings in C programs. GB18030 writes the characters of GBK as GBK does, and has a
way to write all others."""

_PATHS: Final = frozenset({"card", "psam", "addresses", "log"})
_CHOICES: Final = {"encoding": tuple(CODECS), "interface": ("contact", "contactless")}
_TOKEN: Final = "pkcs11:"


class ConfigurationError(InputError):
    """An option that cannot be used; one line that names file or variable and the rule."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The options. None: not set.

    ``card`` and ``psam`` are image files, ``reader`` and ``psam_reader`` names of PC/SC readers or
    parts of them. ``interface`` says in which slot the card is; without it an image is in all that
    the card has, and a reader is the contact slot. ``pin`` and ``new_pin`` are what is typed at
    the PIN pad, ``pin_program`` a program that asks for it. ``keys`` is where the root keys of
    the HSM are, ``addresses`` its key addresses. ``log`` is a file for faults, else stderr.
    """

    card: str | None = None
    reader: str | None = None
    psam: str | None = None
    psam_reader: str | None = None
    interface: str | None = None
    pin: str | None = field(default=None, repr=False)
    new_pin: str | None = field(default=None, repr=False)
    pin_program: str | None = None
    keys: str | None = None
    addresses: str | None = None
    device_number: str | None = None
    terminal_id: str | None = None
    encoding: str = "gbk"
    log: str | None = None


OPTIONS: Final = tuple(Configuration.__dataclass_fields__)

_EXCLUSIVE: Final = (("card", "reader"), ("psam", "psam_reader"), ("pin", "pin_program"))


def load(environment: Mapping[str, str]) -> Configuration:
    """The configuration in the variables and the file that they name.

    A variable replaces the row of the file, and rows that exclude it; an empty one is not set.

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
    for name, value in given.items():
        _check(name, value, PREFIX + name.upper())
        for pair in _EXCLUSIVE:
            if value and name in pair:
                options = {k: v for k, v in options.items() if k not in pair}
    options |= given
    options = {name: value for name, value in options.items() if value}
    for first, second in _EXCLUSIVE:
        if first in options and second in options:
            raise ConfigurationError(f"driver configuration: not both {first} and {second}")
    if "card" not in options and "reader" not in options:
        where = f"{PREFIX}CARD, {PREFIX}READER or the file of {FILE_VARIABLE}"
        raise ConfigurationError(f"driver configuration: {where} must name the card")
    return Configuration(**options)


def _from_file(path: Path) -> dict[str, str]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path}: is not TOML in UTF-8") from None
    if document.pop("format", None) != FORMAT:
        raise ConfigurationError(f'{path}: format: must be "{FORMAT}"')
    options: dict[str, str] = {}
    for name, value in document.items():
        if name not in OPTIONS:
            raise ConfigurationError(f"{path}: {name}: there is no such option")
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {name}: must be a string")
        _check(name, value, f"{path}: {name}")
        is_path = name in _PATHS or (name == "keys" and not value.startswith(_TOKEN))
        options[name] = str(path.parent / value) if value and is_path else value
    return options


def _check(name: str, value: str, place: str) -> None:
    choices = _CHOICES.get(name)
    if choices and value and value not in choices:
        raise ConfigurationError(f"{place}: must be one of {', '.join(choices)}")
