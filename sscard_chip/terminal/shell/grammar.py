# SPDX-License-Identifier: Apache-2.0
"""The grammar of the shell: one line of text becomes one command, or one clear error.

::

    line     = [command] ["=" sw {"|" sw}] ["#" comment]
    command  = name {word} | [CLA] INS [P1P2] {data} ["/" [LE]] | whole APDU

Nothing here depends on a card, and no error quotes what was typed beyond a word that is letters
and nothing else: a PIN may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from sscard_chip.standard.errors import InputError
from sscard_chip.standard.identifiers import LOAD, PURCHASE
from sscard_chip.standard.status import WORD_PATTERN
from sscard_chip.terminal.shell import commands
from sscard_chip.terminal.shell.commands import CardCommand, Expected, ShellCommand, ShellLine, Word

PIN_DIGITS: Final = (4, 16)
"""Fewest and most digits of a PIN (LD/T 32.4)."""

_WORD: Final = re.compile(r"""\s+|"([^"]*)"(?!\S)|'([^']*)'(?!\S)|(\#.*)|([^\s"']\S*)""", re.DOTALL)
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BYTE: Final = re.compile(r"[0-9A-Fa-f]{2}")
_DECIMAL: Final = re.compile(r"[0-9]{1,5}")
_STATUS: Final = re.compile(WORD_PATTERN)
_PIN: Final = re.compile(f"[0-9]{{{PIN_DIGITS[0]},{PIN_DIGITS[1]}}}")
_CHALLENGES: Final = (4, 8, 16)
_MOST_RECORDS: Final = 254
_MOST_OFFSET: Final = 0x7FFF
_MOST_VERSIONS: Final = 255
_BALANCES: Final = {
    "account": 1,
    "账户": 1,
    "1": 1,
    "self": 2,
    "自付": 2,
    "2": 2,
    "pool": 3,
    "统筹": 3,
    "3": 3,
}
_TRANSACTIONS: Final = {"31": LOAD, "load": LOAD, "32": PURCHASE, "purchase": PURCHASE}

Words: TypeAlias = Sequence[Word]


class GrammarError(InputError):
    """A line that is not of the grammar: one line of text that quotes no data."""


def is_hex(text: str) -> bool:
    """Whether ``text`` is whole bytes in hexadecimal, one at least."""
    return _HEX.fullmatch(text) is not None


def parse_line(text: str) -> ShellLine:
    """The meaning of one line; any text has one, or raises :class:`GrammarError`.

    >>> str(parse_line("00B2072C00 =9000|61xx").expected)
    '9000 or 61xx'
    """
    words = split_words(text)
    expected = None
    if words and words[-1].text.startswith("=") and not words[-1].quoted:
        expected = _expected(words.pop().text)
        if not words:
            raise GrammarError("an expected status word stands behind a command")
    if not words:
        return ShellLine()
    name = "" if words[0].quoted else words[0].text.casefold()
    parser = _COMMANDS.get(name)
    command = parser(words[1:]) if parser else _apdu(words)
    if expected and isinstance(command, ShellCommand):
        raise GrammarError(f"{name}: no status word comes back, so none can be expected")
    return ShellLine(command, expected)


def split_words(text: str) -> list[Word]:
    """The words of a line without its comment.

    :raises GrammarError: for an open quote.
    """
    words: list[Word] = []
    position = 0
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            raise GrammarError('a quote must close, and a blank follow it: "text"')
        position = match.end()
        double, single, _, plain = match.groups()
        if plain is not None:
            words.append(Word(plain))
        elif double is not None or single is not None:
            words.append(Word(double if double is not None else single, quoted=True))
    return words


def _expected(text: str) -> Expected:
    """``=`` alone stands for 9000."""
    if text == "=":
        return Expected(("9000",))
    patterns = tuple(pattern.upper().replace("X", "x") for pattern in text[1:].split("|"))
    if not all(_STATUS.fullmatch(pattern) for pattern in patterns):
        raise GrammarError("expected status words are four digits, x for any: =9000|63Cx")
    return Expected(patterns)


# --- APDUs in hexadecimal -----------------------------------------------------------------------


def _apdu(words: Words) -> CardCommand:
    first = words[0]
    if first.quoted or not is_hex(first.text):
        shown = first.text if first.text.isalpha() and first.text.isprintable() else ""
        what = f"unknown command {shown[:20]!r}" if shown else "neither a command nor hexadecimal"
        raise GrammarError(f"{what}: try help")
    pairs = all(_BYTE.fullmatch(word.text) and not word.quoted for word in words)
    if len(first.text) > 8 or (pairs and len(words) >= 4):
        return commands.Apdu(_whole(words))
    head, rest = bytes.fromhex(first.text), list(words[1:])
    place: bytes | Word = bytes(2)
    if len(head) > 2:
        head, place = head[:-2], head[-2:]
    elif rest and not _is_length(rest[0]):
        place = _place(rest.pop(0))
    le = None
    if rest and _is_length(rest[-1]):
        le = _length(rest.pop().text)
    for word in rest:
        if _is_length(word):
            raise GrammarError("/Le stands behind the data")
    cla = head[0] if len(head) == 2 else 0
    return commands.Composed(cla, head[-1], place, tuple(rest), le)


def _whole(words: Words) -> bytes:
    if not all(is_hex(word.text) and not word.quoted for word in words):
        raise GrammarError("a whole APDU is hexadecimal to its end, two digits a byte")
    return bytes.fromhex("".join(word.text for word in words))


def _is_length(word: Word) -> bool:
    return word.text.startswith("/") and not word.quoted


def _length(text: str) -> int:
    """Le as it is sent, 00 for 256."""
    if text == "/":
        return 0
    if not _BYTE.fullmatch(text[1:]):
        raise GrammarError("Le is two hexadecimal digits: /08, / alone is 00")
    return int(text[1:], 16)


def _place(word: Word) -> bytes | Word:
    """P1 P2, or a word that is no number at all: the name of a key."""
    if is_hex(word.text) and len(word.text) == 4 and not word.quoted:
        return bytes.fromhex(word.text)
    if word.text[:1].isalpha() and not is_hex(word.text):
        return word
    raise GrammarError("P1 P2 are four hexadecimal digits, or the name of a key")


# --- commands with a name -----------------------------------------------------------------------


def _select(words: Words) -> CardCommand:
    if len(words) != 1:
        raise GrammarError("select what? one name, or a path such as SSSE/DF04/EF05")
    (word,) = words
    if word.quoted:
        return commands.Select((word,))
    parts = tuple(Word(part) for part in word.text.split("/"))
    if not all(part.text for part in parts):
        raise GrammarError("select: a path has a name on both sides of each /")
    return commands.Select(parts)


def _which(words: Words) -> commands.Which:
    """A number, ``tag HH``, ``bytes OFFSET [LENGTH]``, or a name."""
    first, rest = words[0], words[1:]
    keyword = "" if first.quoted else first.text.casefold()
    if keyword == "bytes" and 1 <= len(rest) <= 2:
        numbers = [_number(word, 0, _MOST_OFFSET, "offset or length") for word in rest]
        return commands.Bytes(*numbers)
    if keyword == "tag" and len(rest) == 1:
        if not _BYTE.fullmatch(rest[0].text):
            raise GrammarError("a tag is two hexadecimal digits")
        return commands.Tag(int(rest[0].text, 16))
    if rest or keyword in ("bytes", "tag"):
        raise GrammarError("which one? N, tag HH, an item's name, or bytes OFFSET [LENGTH]")
    if _DECIMAL.fullmatch(first.text) and not first.quoted:
        return commands.RecordNumber(_number(first, 1, _MOST_RECORDS, "record number"))
    return commands.Named(first)


_WHICH_WORDS: Final = ("tag", "bytes")


def _read(words: Words) -> CardCommand:
    """``read [all] [FILE] [WHICH]``."""
    rest = list(words)
    if rest and rest[0].text.casefold() == "all" and not rest[0].quoted:
        if len(rest) > 2:
            raise GrammarError("read all [FILE]")
        return commands.Read(rest[1] if len(rest) == 2 else None, commands.Whole())
    if not rest:
        return commands.Read(None, commands.Whole())
    file: Word | None = rest[0]
    if _starts_which(rest[0]):
        file = None
    elif len(rest) == 1 and not (is_file_name(rest[0].text) or _short_fid(rest[0].text)):
        return commands.Read(None, commands.Named(rest[0]))
    else:
        rest.pop(0)
    return commands.Read(file, _which(rest) if rest else commands.Whole())


def _starts_which(word: Word) -> bool:
    text = word.text.casefold()
    if word.quoted or _short_fid(text):
        return False
    return text in _WHICH_WORDS or _DECIMAL.fullmatch(text) is not None


def _short_fid(text: str) -> bool:
    """Whether ``text`` is the FID of a file of a transport application, as 0018: no record number
    has four digits."""
    return re.fullmatch(r"(?i)00[0-9A-F]{2}", text) is not None


def is_file_name(text: str) -> bool:
    """Whether ``text`` names a file by its FID, as ``EF05`` does."""
    return re.fullmatch(r"(?i)EF[0-9A-F]{2}", text) is not None


def _update(words: Words) -> CardCommand:
    """``update FILE WHICH VALUE...``."""
    if len(words) < 3:
        raise GrammarError("update FILE WHICH VALUE, or update FILE append VALUE ...")
    file, first = words[0], words[1]
    keyword = "" if first.quoted else first.text.casefold()
    if keyword == "append":
        return commands.Update(file, commands.Append(), tuple(words[2:]))
    count = 2 if keyword in _WHICH_WORDS else 1
    which, values = words[1 : 1 + count], words[1 + count :]
    if not values:
        raise GrammarError("update: a value is missing")
    return commands.Update(file, _which(which), tuple(values))


def _pin(word: Word) -> str:
    if not _PIN.fullmatch(word.text):
        raise GrammarError(f"a PIN is {PIN_DIGITS[0]} to {PIN_DIGITS[1]} digits")
    return word.text


def _verify(words: Words) -> CardCommand:
    if len(words) > 1:
        raise GrammarError("verify [PIN], or verify ask")
    if not words:
        return commands.Verify("")
    return commands.Verify(None if words[0].text.casefold() == "ask" else _pin(words[0]))


def _change(words: Words) -> CardCommand:
    rest = words[1:] if words and words[0].text.casefold() == "pin" else words
    if len(rest) == 1 and rest[0].text.casefold() == "ask":
        return commands.ChangePin(None)
    if len(rest) != 2:
        raise GrammarError("change pin OLD NEW, or change pin ask")
    return commands.ChangePin((_pin(rest[0]), _pin(rest[1])))


def _challenge(words: Words) -> CardCommand:
    length = _number(words[0], 0, 99, "length") if len(words) == 1 else 8
    if len(words) > 1 or length not in _CHALLENGES:
        raise GrammarError("challenge [4, 8 or 16]")
    return commands.Challenge(length)


def _external(words: Words) -> CardCommand:
    if not 1 <= len(words) <= 2:
        raise GrammarError("ea KEY [VERSION]: the key's name or two digits, as 0A or RKSSSE")
    version = _number(words[1], 1, _MOST_VERSIONS, "key version") if len(words) == 2 else 0
    return commands.ExternalAuthentication(words[0], version)


def _internal(words: Words) -> CardCommand:
    if len(words) > 1:
        raise GrammarError("ia [VERSION]")
    version = _number(words[0], 1, _MOST_VERSIONS, "key version") if words else 0
    return commands.InternalAuthentication(version)


def _balance(words: Words) -> CardCommand:
    kind = _BALANCES.get(words[0].text.casefold()) if len(words) == 1 else 1
    if len(words) > 1 or kind is None:
        raise GrammarError("balance [account, self or pool]")
    return commands.Balance(kind)


def _proof(words: Words) -> CardCommand:
    kind = _TRANSACTIONS.get(words[0].text.casefold()) if len(words) == 2 else None
    if kind is None or not re.fullmatch("[0-9A-Fa-f]{4}", words[1].text):
        raise GrammarError("proof TYPE NUMBER: 31 (load) or 32 (purchase), four hex digits")
    return commands.GetProof(kind, int(words[1].text, 16))


def _raw(words: Words) -> ShellCommand:
    text = words[0].text.casefold() if len(words) == 1 else ""
    if text not in ("on", "off"):
        raise GrammarError("raw on, or raw off")
    return commands.BareExchange(text == "on")


def _help(words: Words) -> ShellCommand:
    return commands.Help(words[0].text if words else "")


def _without_operands(name: str, command: ShellCommand) -> Callable[[Words], ShellCommand]:
    def parse(words: Words) -> ShellCommand:
        if words:
            raise GrammarError(f"{name} takes nothing behind it")
        return command

    return parse


def _number(word: Word, least: int, most: int, what: str) -> int:
    number = int(word.text) if _DECIMAL.fullmatch(word.text) else -1
    if not least <= number <= most:
        raise GrammarError(f"{what}: a decimal number from {least} to {most}")
    return number


_COMMANDS: Final[dict[str, Callable[[Words], CardCommand | ShellCommand]]] = {
    "select": _select,
    "read": _read,
    "update": _update,
    "verify": _verify,
    "change": _change,
    "challenge": _challenge,
    "ea": _external,
    "ia": _internal,
    "balance": _balance,
    "proof": _proof,
    "raw": _raw,
    "reset": _without_operands("reset", commands.Reset()),
    "atr": _without_operands("atr", commands.ShowAtr()),
    "help": _help,
    "quit": _without_operands("quit", commands.Quit()),
    "exit": _without_operands("exit", commands.Quit()),
}

COMMAND_NAMES: Final = tuple(_COMMANDS)
