# SPDX-License-Identifier: Apache-2.0
"""Who may ask: addresses of this machine, pages by their origin, and what CORS says to them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from sscard_chip.standard.errors import TerminalError

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_HERE: Final = r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?"
_HOST: Final = re.compile(_HERE, re.IGNORECASE)
_LOCAL_PAGE: Final = re.compile(rf"https?://{_HERE}", re.IGNORECASE)
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
_TOKENS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1024}")
_FILE_PAGES: Final = "null"
_FOREIGN: Final = frozenset((b"cross-site", b"same-site"))


class BridgeError(TerminalError):
    """A bridge that cannot be started; one line."""


class NotAllowedError(TerminalError):
    """A request that this machine's pages do not make; one line."""


def loopback(address: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, which must be of this machine alone.

    >>> loopback("127.0.0.1:12342")
    ('127.0.0.1', 12342)

    :raises BridgeError:
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 0xFFFF:
        raise BridgeError(f"{address}: must be HOST:PORT")
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise BridgeError(f"{host}: a bridge is for pages on this machine: must be a loopback one")
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def read_origin(text: str) -> str:
    """An origin as browsers send it: scheme://host:port, or null for pages from files.

    :raises BridgeError:
    """
    origin = text.lower()
    if origin != _FILE_PAGES and not _ORIGIN.fullmatch(origin):
        raise BridgeError(f"{text}: must be an origin, https://host or http://host:port, or null")
    return origin


class Guard:
    """Checks the head of each request. ``origins``: of which pages; none: those of localhost."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._origins = frozenset(map(read_origin, origins))

    def admit(self, headers: Headers) -> str | None:
        """The origin of the page, None for a program that is no browser.

        :raises NotAllowedError: another name of this machine (DNS rebinding), a page that is not
            on the list, or one that does not say who it is.
        """
        check_host(headers)
        origin = only(headers, b"origin")
        if origin is None:
            if only(headers, b"sec-fetch-site") in _FOREIGN:
                raise NotAllowedError("a page must say its origin")
            return None
        text = origin.decode("ascii", "replace")
        known = text.lower() in self._origins if self._origins else _LOCAL_PAGE.fullmatch(text)
        if not known:
            raise NotAllowedError("the page is not on the list of origins")
        return text


def check_host(headers: Headers) -> str:
    """The Host of a request, which must be a name of this machine.

    :raises NotAllowedError:
    """
    host = (only(headers, b"host") or b"").decode("ascii", "replace")
    if not _HOST.fullmatch(host):
        raise NotAllowedError("Host: must be a name of this machine")
    return host


def check_same_page(headers: Headers) -> None:
    """See that a request is of the bridge's own page, or of a program that is no browser.

    :raises NotAllowedError:
    """
    host = check_host(headers)
    origin = only(headers, b"origin")
    if origin not in (None, f"http://{host}".encode()):
        raise NotAllowedError("only the bridge's own page may do this")
    if only(headers, b"sec-fetch-site") in _FOREIGN:
        raise NotAllowedError("only the bridge's own page may do this")


def only(headers: Headers, name: bytes) -> bytes | None:
    """The value of a header (its name in lower case), None without.

    :raises NotAllowedError: it is there twice.
    """
    found = [value for one, value in headers if one == name]
    if len(found) > 1:
        raise NotAllowedError(f"{name.decode().title()}: must be there once")
    return found[0] if found else None


def cors(origin: str | None, headers: Headers, *, preflight: bool = False) -> list[tuple[str, str]]:
    """The headers of an answer that let the page read it; of a preflight, what it asked for."""
    answer = [("Vary", "Origin")]
    if origin is None:
        return answer
    answer += [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
    ]
    if not preflight:
        return answer
    for asked, allowed in (
        (b"access-control-request-method", "Access-Control-Allow-Methods"),
        (b"access-control-request-headers", "Access-Control-Allow-Headers"),
    ):
        text = (only(headers, asked) or b"").decode("ascii", "replace")
        if _TOKENS.fullmatch(text):
            answer.append((allowed, text))
    for kind in ("Private", "Local"):
        if only(headers, f"access-control-request-{kind.lower()}-network".encode()) == b"true":
            answer.append((f"Access-Control-Allow-{kind}-Network", "true"))
    return answer
