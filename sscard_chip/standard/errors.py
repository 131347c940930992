# SPDX-License-Identifier: Apache-2.0
"""The one family of errors: a base, and eight families that say whose error it is.

Every error of this project is a :class:`SscardError` of exactly one family; its text is one line
and holds no PIN, key or citizen's data. ``exit_code`` is what the command line ends with. Where
callers of the standard library's types must find them, ValueError or OSError is mixed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, ClassVar, Final

REFUSED: Final = 1
"""Exit code of an operation that was understood and not done."""
BAD_INPUT: Final = 2
"""Exit code of wrong usage or bad input."""

_PACKAGES: Final = {
    "_cffi_backend": "cffi",
    "gmssl_pyx": "gmssl-pyx",
    "PIL": "pillow",
    "argon2": "argon2-cffi",
    "pkcs11": "python-pkcs11",
    "smartcard": "pyscard",
}
"""Modules whose package has another name."""


class SscardError(Exception):
    """Whatever this project reports to its caller."""

    exit_code: ClassVar[int] = REFUSED

    def __reduce__(self) -> str | tuple[Any, ...]:
        """A worker's error arrives as it was raised, whatever its class is made from."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[SscardError], arguments: tuple[Any, ...]) -> SscardError:
    return kind.__new__(kind, *arguments)


class CardError(SscardError):
    """The card: what it answers, its memory and image, its data and their cryptography."""


class CardReaderError(SscardError):
    """The reader and the connection through it: no reader, no card, no answer."""


class InputError(SscardError, ValueError):
    """A document, row, line or value that was handed in and is not as it must be."""

    exit_code = BAD_INPUT


class KeyStoreError(SscardError, ValueError):
    """A store cannot serve a request; one line that names store, suite, key and version."""

    exit_code = BAD_INPUT


class IssuingError(SscardError):
    """Making cards, PSAMs and bank applications: one that cannot be made, a batch that stopped."""


class TerminalError(SscardError):
    """A terminal, its driver, a till or the command line did not do what it was asked."""


class SettlementError(SscardError):
    """The settlement centre and its ledgers refused an operation or could not be asked."""


class LedgerError(SettlementError):
    """An operation that a ledger did not do; one line."""


class ExtraMissingError(SscardError, ImportError):
    """An optional package is not installed; the text names the extra that brings it."""

    exit_code = BAD_INPUT

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        """``purpose`` needs ``package``, which ``pip install '.[extra]'`` in a clone installs."""
        text = f"{purpose} needs {package}, which is not installed"
        ImportError.__init__(self, f"{text}: pip install '.[{extra}]' in a clone of sscard-chip")
        self.extra = extra


def require(extra: str, purpose: str, *modules: str) -> None:
    """See that the optional ``modules`` are installed, without importing them.

    :raises ExtraMissingError: one is not.
    """
    for module in modules:
        if find_spec(module) is None:
            raise ExtraMissingError(purpose, _PACKAGES.get(module, module), extra)


@contextmanager
def importing(
    extra: str, purpose: str, error: type[ExtraMissingError] = ExtraMissingError
) -> Iterator[None]:
    """A block that imports the packages of an extra.

    :raises ExtraMissingError: one cannot be imported; ``error`` is raised then.
    """
    try:
        yield
    except ImportError as fault:
        module = (fault.name or extra).partition(".")[0]
        raise error(purpose, _PACKAGES.get(module, module), extra) from None
