# SPDX-License-Identifier: Apache-2.0
"""A login to a PKCS#11 token: opened when needed, dropped after a fault, opened anew.

python-pkcs11 is imported when a token is used, so that the core installs without it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from issuance.roots import RootKeyError, Slot, missing_key, slot_rule
from issuance.stores.tokenurl import TokenUrl
from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.standard.errors import REFUSED, ExtraMissingError, importing
from sscard_chip.standard.identifiers import ALGORITHM_3DES

if TYPE_CHECKING:
    from pkcs11 import Attribute, Object, Session, Token

_Result = TypeVar("_Result")

APPLICATION: Final = "sscard-chip"
IN_TOKEN: Final = ALGORITHM_3DES
"""The suite whose keys are secret keys of the token; those of others are data objects."""

_PREFIX: Final = "sscard"
_LOST: Final = frozenset(
    (
        "CryptokiNotInitialized",
        "DeviceError",
        "DeviceRemoved",
        "FunctionFailed",
        "GeneralError",
        "KeyHandleInvalid",
        "ObjectHandleInvalid",
        "SessionClosed",
        "SessionHandleInvalid",
        "TokenNotPresent",
        "UserNotLoggedIn",
    )
)


class TokenError(KeyStoreError):
    """The token does not answer, or not as it should; one line."""


class SessionLostError(TokenError):
    """The session with the token is gone. The next request logs in again."""

    exit_code = REFUSED


class _PackageMissingError(ExtraMissingError, TokenError):
    """The package that speaks PKCS#11 is not installed."""


class TokenLogin:
    """A token with its PIN, and what it has under our names.

    Several threads may share one, in turn; a forked process logs in for itself. The PIN is kept
    until :meth:`close`, so that a batch survives a lost session.
    """

    def __init__(self, url: TokenUrl, pin: str) -> None:
        """Log in.

        :raises TokenError: no such module or token, wrong PIN.
        """
        self.source = f"token {url.token}"
        self.objects: dict[Slot, Object] = {}
        self._url = url
        self._pin: str | None = pin
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._writable = False
        self._process = os.getpid()
        self.run(lambda session: None)

    def object(self, slot: Slot) -> Any:
        """The object that holds a root, for use inside :meth:`run`.

        :raises RootKeyError:
        """
        found = self.objects.get(slot)
        if found is None:
            raise missing_key(self.source, *slot)
        return found

    def close(self) -> None:
        """Log out and forget the PIN."""
        with self._lock:
            self._drop()
            self._pin = None

    def run(self, work: Callable[[Session], _Result], *, writable: bool = False) -> _Result:
        """Do something in a session. Whatever the token refuses ends that session.

        The next request then begins with a new one: after a fault nobody knows which handles
        and which login still hold.
        """
        _import(self.source)
        from pkcs11.exceptions import PKCS11Error

        with self._lock:
            session = self._connected(writable)
            try:
                return work(session)
            except PKCS11Error as error:
                fault = type(error).__name__
            self._drop()
        if fault in _LOST:
            raise SessionLostError(
                f"{self.source}: the session is lost ({fault}), the next request logs in again"
            )
        raise TokenError(f"{self.source}: the token refused the request ({fault})")

    def _connected(self, writable: bool) -> Session:
        from pkcs11.exceptions import PinIncorrect, PinLocked, PKCS11Error

        if self._process != os.getpid():  # handles are those of the parent: not ours to close
            self._session, self._process = None, os.getpid()
            forked = True
        else:
            forked = False
        if self._session is not None and (self._writable or not writable):
            return self._session
        if self._pin is None:
            raise TokenError(f"{self.source}: is closed")
        self._drop()
        try:
            self._session = _log_in(self._url, self._pin, writable=writable, forked=forked)
            self._writable = writable
            self.objects = self._list(self._session)
            return self._session
        except PinIncorrect:
            fault, self._pin = "the PIN is wrong", None  # a second try would come nearer to a lock
        except PinLocked:
            fault, self._pin = "the PIN is locked", None
        except PKCS11Error as error:
            fault = _reason(self._url, error)
        self._drop()
        raise TokenError(f"{self.source}: {fault}")

    def _list(self, session: Session) -> dict[Slot, Object]:
        """The keys that the token has, by what they are named."""
        from pkcs11 import Attribute, ObjectClass

        searches: dict[bool, dict[Attribute, Any]] = {
            True: {Attribute.CLASS: ObjectClass.SECRET_KEY},
            False: {Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: APPLICATION},
        }
        found: dict[Slot, Object] = {}
        for is_key, search in searches.items():
            for item in session.get_objects(search):
                slot = _slot(_label(item))
                if slot is None or (slot[0] == IN_TOKEN) != is_key:
                    continue
                if slot in found:
                    name = ": ".join(map(str, slot))
                    raise RootKeyError(f"{self.source}: {name}: the token has two of this key")
                found[slot] = item
        return found

    def _drop(self) -> None:
        """Leave the session, which may be gone already."""
        session, self._session = self._session, None
        self.objects = {}
        if session is None:
            return
        from pkcs11.exceptions import PKCS11Error

        try:
            session.close()
        except PKCS11Error:
            return


def _import(source: str) -> None:
    with importing("hsm", source, _PackageMissingError):
        import pkcs11  # noqa: F401


def _log_in(url: TokenUrl, pin: str, *, writable: bool, forked: bool) -> Session:
    import pkcs11
    from pkcs11.exceptions import UserAlreadyLoggedIn

    library = pkcs11.lib(url.module)
    if forked:
        library.reinitialize()
    token: Token = library.get_token(
        token_label=url.token, **({"token_serial": url.serial.encode()} if url.serial else {})
    )
    try:
        return token.open(rw=writable, user_pin=pin)
    except UserAlreadyLoggedIn:  # by another store of this process; the login is the process's
        return token.open(rw=writable)


def _reason(url: TokenUrl, error: Exception) -> str:
    """Why a token does not open."""
    name = type(error).__name__
    if name == "NoSuchToken":
        return f"there is no such token in {url.module}"
    if name == "MultipleTokensReturned":
        return "several tokens have this label, add ;serial=NUMBER"
    if name == "PKCS11Error":  # raised as such when the loader fails
        return f"the module {url.module} cannot be loaded"
    return f"does not open ({name})"


def label_of(slot: Slot) -> str:
    """What the object of a root is called in the token."""
    return "/".join((_PREFIX, *map(str, slot)))


def _label(item: Object) -> str:
    """The label of any object, also of one that is not ours and has none or no text in it."""
    from pkcs11 import Attribute
    from pkcs11.exceptions import AttributeTypeInvalid

    try:
        return str(item[Attribute.LABEL])
    except (AttributeTypeInvalid, UnicodeDecodeError):
        return ""


def _slot(label: str) -> Slot | None:
    """What an object holds, None when it is none of ours."""
    prefix, *parts = label.split("/")
    if prefix != _PREFIX or len(parts) != 3 or slot_rule(*parts):
        return None
    suite, name, version = parts
    return suite, name, int(version)
