# SPDX-License-Identifier: Apache-2.0
"""A second judge of day files, from the rules of docs/settlement.md, a function a rule.

It is slow and plain on purpose, and shares nothing with what it judges but the TAC's keys. Where
the rules leave a choice it follows what was chosen, so that a change of that is seen. What depends
on other rows it works out anew from all files that it has been given, as if they had come at once.
Settlements that the ledger has authorised on-line are not in its world.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import xor
from typing import Any, Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sscard_chip.security.keystore import KeyStore, KeyStoreError

NAMES: Final = (
    "setl_id",
    "mdtrt_id",
    "psn_no",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
    "psn_cash_pay",
    "refd_setl_flag",
    "msgid",
    "mdtrtarea_admvs",
    "insuplc_admdvs",
    "card_id_code",
    "card_number",
    "diversification_factor",
    "algorithm",
    "key_version",
    "transaction_number",
    "transaction_type",
    "terminal_id",
    "terminal_transaction_number",
    "time",
    "account_amount_fen",
    "self_paid_amount_fen",
    "pooled_amount_fen",
    "tac",
    "grey",
)
YUAN: Final = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay", "psn_cash_pay")
FEN: Final = ("account_amount_fen", "self_paid_amount_fen", "pooled_amount_fen")
NUMBERS: Final = ("key_version", "transaction_number", "terminal_transaction_number", *FEN)
_HEX: Final = {"card_id_code": 32, "diversification_factor": 16, "transaction_type": 2, "tac": 8}
_DIGITS: Final = {"mdtrtarea_admvs": 6, "insuplc_admdvs": 6, "terminal_id": 12, "time": 14}
_TEXT: Final = {"setl_id": 30, "mdtrt_id": 30, "psn_no": 30, "msgid": 30, "card_number": 9}
_OPTIONAL: Final = ("setl_id", "mdtrt_id", "psn_no", "insuplc_admdvs", "tac")
BLOCKING: Final = frozenset({1, 2, 3, 5, 6, 7, 8, 10, 12, 14, 102, 104, 105})

Row = dict[str, Any]


@dataclass(frozen=True)
class RegisteredCard:
    """A card of the register; ``lost`` are times from and until (None: for ever)."""

    code: str
    number: str
    factor: str
    psn_no: str | None
    valid_to: str | None
    opening_fen: int
    lost: tuple[tuple[str, str | None], ...] = ()

    @property
    def division(self) -> str:
        return self.code[:6]

    @property
    def account(self) -> str:
        return self.psn_no or f"card:{self.code}"


@dataclass(frozen=True)
class File:
    """A day file: header, lines of D rows, and the digest that orders files of one day."""

    pharmacy: str
    terminal: str
    date: str
    version: str | None
    psam: str
    lines: tuple[str, ...]
    digest: str


@dataclass
class Law:
    """What is judged by: lists as plain tuples. ``register`` None when nobody loaded one."""

    keys: KeyStore
    register: list[RegisteredCard] | None = None
    hot_version: str | None = None
    hot_cards: list[tuple[str | None, str | None, str | None]] = field(default_factory=list)
    hot_ranges: list[tuple[str, str, str | None]] = field(default_factory=list)
    pharmacies: dict[str, tuple[set[str], set[str]]] | None = None
    late_days: int = 30
    cap_fen: int = 1_000_000


# --- a cell at a time ----------------------------------------------------------------------------


def read(line: str) -> Row | None:
    """The cells of a row; None when one cannot be read."""
    letter, *cells = line.split("\t")
    if letter != "D" or len(cells) != len(NAMES):
        return None
    row: Row = {}
    for name, cell in zip(NAMES, cells, strict=True):
        if cell == "null" and name in _OPTIONAL:
            row[name] = None
            continue
        value = _cell(name, cell)
        if value is None:
            return None
        row[name] = value
    return row


def _cell(name: str, cell: str) -> Any:
    if name in YUAN:
        ok = re.fullmatch(r"-?(0|[1-9][0-9]{0,13})\.[0-9]{2}", cell) and cell != "-0.00"
        return int(cell.replace(".", "")) if ok else None
    if name in NUMBERS:
        ok = re.fullmatch("0|[1-9][0-9]{0,9}", cell) and int(cell) < 1 << 32
        return int(cell) if ok else None
    if name in _HEX:
        return cell if re.fullmatch(f"[0-9A-F]{{{_HEX[name]}}}", cell) else None
    if name in _DIGITS:
        return cell if re.fullmatch(f"[0-9]{{{_DIGITS[name]}}}", cell) else None
    if name in _TEXT:
        fits = 0 < len(cell) <= _TEXT[name] and cell.isprintable() and cell != "null"
        return cell if fits else None
    allowed = ("01", "03") if name == "algorithm" else ("0", "1")
    return cell if cell in allowed else None


# --- the TAC -------------------------------------------------------------------------------------


def message(row: Row) -> bytes:
    """The 30 bytes that a TAC is over."""
    amounts: bytes = b"".join(row[name].to_bytes(4) for name in FEN)
    number: bytes = row["terminal_transaction_number"].to_bytes(4)
    kind, terminal, time = (row[n] for n in ("transaction_type", "terminal_id", "time"))
    return amounts + bytes.fromhex(kind + terminal) + number + bytes.fromhex(time)


def tac(row: Row, keys: KeyStore) -> str | None:
    """The TAC of the card that a row names; None when there is no key for it."""
    area = row["card_id_code"][:6]
    if not area.isdecimal():
        return None
    city = area[:4] + "00" if area.startswith("33") else area
    factors = f"{area[:2]}0000sh".encode(), f"{city}sx".encode()
    chain = (*factors, bytes.fromhex(row["diversification_factor"]))
    suite = "3des" if row["algorithm"] == "01" else "sm4"
    version: int = row["key_version"]
    try:
        key = keys.diversify(suite, "DTK", version, [chain])[0]
    except (KeyStoreError, ValueError):
        return None
    return mac(suite, key, message(row)).hex().upper()


def mac(suite: str, key: bytes, text: bytes) -> bytes:
    """CBC MAC with 80 00 …: DES by the folded key and left four bytes, SM4 by four words."""
    size = 8 if suite == "3des" else 16
    padded = text + b"\x80" + bytes(-(len(text) + 1) % size)
    if suite == "3des":
        folded = bytes(a ^ b for a, b in zip(key[:8], key[8:], strict=True))
        done: bytes = Cipher(TripleDES(folded * 3), modes.CBC(bytes(8))).encryptor().update(padded)
        return done[-8:-4]
    last: bytes = Cipher(algorithms.SM4(key), modes.CBC(bytes(16))).encryptor().update(padded)[-16:]
    words = (int.from_bytes(last[at : at + 4]) for at in range(0, 16, 4))
    return int(reduce(xor, words)).to_bytes(4)


# --- one rule, one function ----------------------------------------------------------------------


def code_6(row: Row, file: File) -> bool:
    """Field or sums."""
    return not (
        is_message_id(row["msgid"])
        and parts_sum_up(row)
        and (row["refd_setl_flag"] == "1" or card_amounts_fit(row))
        and time_of_calendar(row["time"])
        and row["time"] < after_the_night(file.date)
        and row["transaction_type"] == "32"
        and row["transaction_number"] < 1 << 16
        and (row["tac"] is not None or row["grey"] == "1")
    )


def is_message_id(text: str) -> bool:
    """Institution 12, time 14, sequence 4."""
    form = re.fullmatch("[0-9A-Za-z]{12}([0-9]{14})[0-9A-Za-z]{4}", text)
    return form is not None and time_of_calendar(form[1])


def setl_id_of_nobody(row: Row, law: Law) -> bool:
    """A setl_id for a person of this place, whom this centre has given none."""
    if row["setl_id"] is None:
        return False
    division = row["insuplc_admdvs"] or row["card_id_code"][:6]
    return find(row, law) is not None or bool(division[:4] == row["mdtrtarea_admvs"][:4])


def parts_sum_up(row: Row) -> bool:
    total, *parts = (row[name] for name in YUAN)
    sign = -1 if row["refd_setl_flag"] == "1" else 1
    return total * sign > 0 and total == sum(parts) and all(part * sign >= 0 for part in parts)


def card_amounts_fit(row: Row) -> bool:
    total, fund, account, cash = (row[name] for name in YUAN)
    given = tuple(row[name] for name in FEN)
    if given == (account, cash, fund):
        return True
    if row["setl_id"] is not None:
        return given == (0, total, account + fund)
    return given == (0, total, total) and fund == cash == 0


def time_of_calendar(time: str) -> bool:
    try:
        datetime.strptime(time, "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return time[:4] != "0000"


def after_the_night(date: str) -> str:
    """The first time that a file of this date cannot have."""
    return (datetime.strptime(date, "%Y%m%d") + timedelta(days=2)).strftime("%Y%m%d%H%M%S")


def code_3(row: Row, law: Law) -> bool:
    """On the hotlist, or not normal by the register, at that time."""
    code, number, time = row["card_id_code"], row["card_number"], row["time"]
    for of_code, of_number, since in law.hot_cards:
        if of_code in (None, code) and of_number in (None, number) and (since or "") <= time:
            return True
    for first, last, since in law.hot_ranges:
        if len(first) == len(number) and first <= number <= last and (since or "") <= time:
            return True
    card = find(row, law)
    lost = card.lost if card else ()
    return any(since <= time and (until is None or time < until) for since, until in lost)


def code_5(row: Row, file: File, law: Law) -> bool:
    """Made more than ``late_days`` before the business date."""
    try:
        made = datetime.strptime(row["time"][:8], "%Y%m%d")
    except ValueError:
        return False
    return (datetime.strptime(file.date, "%Y%m%d") - made).days > law.late_days


def code_7(row: Row, law: Law) -> bool:
    """Over the cap."""
    return bool(law.cap_fen) and row["medfee_sumamt"] > law.cap_fen


def find(row: Row, law: Law) -> RegisteredCard | None:
    """The card by its 卡识别码."""
    cards = law.register or ()
    return next((card for card in cards if card.code == row["card_id_code"]), None)


def of_register(row: Row, law: Law) -> set[int]:
    """8, 10, 12, 14."""
    if law.register is None:
        return set()
    card = find(row, law)
    if card is None:
        known = {one.division[:4] for one in law.register}
        if row["card_id_code"][:4] not in known:
            return set()
        numbers = {one.number for one in law.register}
        return {12} if row["card_number"] in numbers else {8}
    found = set()
    if card.valid_to is not None and row["time"][:8] > card.valid_to:
        found.add(10)
    if card.factor != row["diversification_factor"]:
        found.add(12)
    other_person = None not in (card.psn_no, row["psn_no"]) and card.psn_no != row["psn_no"]
    if card.number != row["card_number"] or other_person:
        found.add(14)
    return found


def code_102(row: Row, file: File, law: Law) -> bool:
    """Terminal or PSAM not of this pharmacy."""
    if row["terminal_id"] != file.terminal:
        return True
    if law.pharmacies is None:
        return False
    terminals, psams = law.pharmacies.get(file.pharmacy, (set(), set()))
    return file.terminal not in terminals or file.psam not in psams


def code_103(file: File, law: Law) -> bool:
    """The terminal had another hotlist."""
    return law.hot_version is not None and file.version != law.hot_version


# --- the centre ----------------------------------------------------------------------------------


@dataclass
class Seen:
    """A row that has come: where, what it says, what is found about it by itself."""

    file: File
    place: int
    row: Row | None
    own: set[int]
    right: bool
    codes: set[int] = field(default_factory=set)

    @property
    def debit(self) -> bool:
        return self.row is not None and self.row["refd_setl_flag"] == "0"

    @property
    def good(self) -> bool:
        return self.right and not self.own & BLOCKING


class Centre:
    """What has come, in its order, and what follows from all of it."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self.rows: dict[str, list[Seen]] = {}
        self.stands: set[int] = set()
        """Rows that are posted, by their identity here: of copies they go first."""
        self.money: Counter[tuple[str, str]] = Counter()

    def run(self, files: list[File], batch_rows: int) -> list[str]:
        """Codes of all rows of the files that are given, in the order of the verdict file."""
        once = {file.digest: file for file in files}
        order = sorted(once.values(), key=lambda one: (one.date, one.terminal, one.digest))
        for batch in _batches(order, batch_rows):
            for file in batch:
                if file.digest not in self.rows:
                    seen = [self._seen(file, place, line) for place, line in enumerate(file.lines)]
                    self.rows[file.digest] = seen
            self._judge()
        return [
            ",".join(map(str, sorted(one.codes)))
            for file in order
            for one in self.rows[file.digest]
        ]

    def _seen(self, file: File, place: int, line: str) -> Seen:
        row, law = read(line), self.law
        if row is None:
            return Seen(file, place, None, {6}, False)
        right = row["tac"] is not None and tac(row, law.keys) == row["tac"]
        if row["tac"] is None and row["grey"] == "1":
            return Seen(file, place, row, {104}, False)
        codes = of_register(row, law)
        codes |= set() if right else {1}
        codes |= {104} if row["grey"] == "1" and not right else set()
        codes |= {3} if code_3(row, law) else set()
        codes |= {5} if code_5(row, file, law) else set()
        codes |= {6} if code_6(row, file) or setl_id_of_nobody(row, law) else set()
        codes |= {7} if code_7(row, law) else set()
        codes |= {102} if code_102(row, file, law) else set()
        codes |= {103} if code_103(file, law) else set()
        return Seen(file, place, row, codes, right)

    def _judge(self) -> None:
        every = [one for rows in self.rows.values() for one in rows]
        for one in every:
            one.codes = set(one.own)
        self._gaps(every)
        posted = self._debits(every)
        posted |= self._refunds(every, posted)
        self.stands = posted
        for one in every:
            if not one.codes & BLOCKING:
                one.codes.add(0)
        self._pay([one for one in every if id(one) in posted])

    def _gaps(self, every: list[Seen]) -> None:
        standing: dict[tuple[str, str], set[int]] = {}
        for one in every:
            if one.row is None or not one.debit:
                continue
            if one.right or not code_102(one.row, one.file, self.law):
                numbers = standing.setdefault(_counter(one.row), set())
                numbers.add(one.row["terminal_transaction_number"])
        for one in every:
            if one.debit and one.right:
                assert one.row is not None
                known, number = standing[_counter(one.row)], one.row["terminal_transaction_number"]
                if number - 1 not in known and number > min(known):
                    one.codes.add(101)

    def _debits(self, every: list[Seen]) -> set[int]:
        """The debits that are posted; 2 of the others that share a number with one."""
        came = {id(one): at for at, one in enumerate(every)}
        claims = [one for one in every if one.debit and one.good]
        claims.sort(key=lambda one: (_content(one.row), id(one) not in self.stands, came[id(one)]))
        taken: set[Any] = set()
        posted: set[int] = set()
        for one in claims:
            assert one.row is not None
            if _debit(one.row) not in taken and _card(one.row) not in taken:
                taken |= {_debit(one.row), _card(one.row)}
                posted.add(id(one))
        for one in every:
            if one.debit and one.right and id(one) not in posted:
                assert one.row is not None
                if one.good or _debit(one.row) in taken or _card(one.row) in taken:
                    one.codes.add(2)
        return posted

    def _refunds(self, every: list[Seen], posted: set[int]) -> set[int]:
        debits = {_debit(one.row): one.row for one in every if id(one) in posted and one.row}
        groups: dict[Any, list[Seen]] = {}
        for one in every:
            if one.row and not one.debit and one.good:
                groups.setdefault(_debit(one.row), []).append(one)
        found: set[int] = set()
        for key, refunds in groups.items():
            debit = debits.get(key)
            if debit is None:
                for one in refunds:
                    one.codes.add(105)
            else:
                found |= self._refunds_of(debit, refunds)
        return found

    def _refunds_of(self, debit: Row, refunds: list[Seen]) -> set[int]:
        of_msgid: dict[str, list[Seen]] = {}
        for one in refunds:
            if _may_refund(debit, one.row):
                assert one.row is not None
                of_msgid.setdefault(one.row["msgid"], []).append(one)
            else:
                one.codes.add(6)
        chosen: list[Seen] = []
        for _, rows in sorted(of_msgid.items()):
            # the largest; of equal ones the posted one, then the first to come
            best = min(rows, key=lambda one: (_back(one, -1), id(one) not in self.stands))
            chosen.append(best)
            for one in rows:
                if one is not best:
                    one.codes.add(2)
        left = [debit[name] for name in _PARTS]
        fit: Counter[tuple[int, ...]] = Counter()
        for one in chosen:
            back = _back(one)
            if all(part <= most for part, most in zip(back, left, strict=True)):
                left = [most - part for part, most in zip(back, left, strict=True)]
                fit[back] += 1
        came = [one for one in refunds if one in chosen]
        came.sort(key=lambda one: id(one) not in self.stands)
        found = set()
        for one in came:
            if fit[_back(one)]:
                fit[_back(one)] -= 1
                found.add(id(one))
            else:
                one.codes.add(6)
        return found

    def _pay(self, posted: list[Seen]) -> None:
        self.money = Counter()
        money = self.money
        asked: Counter[str] = Counter()
        homes: dict[str, str] = {}
        for known in self.law.register or ():
            money["personal", known.account] += known.opening_fen
            money["funding", known.division] -= known.opening_fen
            homes.setdefault(known.account, known.division)
        for one in posted:
            assert one.row is not None
            row = one.row
            _, fund, account, cash = (row[name] for name in YUAN)
            here, card = row["mdtrtarea_admvs"], find(row, self.law)
            division = row["insuplc_admdvs"] or row["card_id_code"][:6]
            money["pharmacy", one.file.pharmacy] += account + fund
            money["collected", one.file.pharmacy] += cash
            money["self_paid", here] -= cash
            if card is None and division[:4] != here[:4]:
                money["receivable", division] -= account + fund
                continue
            money["fund", division] -= fund
            if card is None:
                money["suspense", division] -= account
                continue
            asked[card.account] += account
        for person, fen in asked.items():
            balance = money["personal", person] - fen
            money["personal", person] = max(balance, 0)
            money["suspense", homes[person]] -= max(-balance, 0)


_PARTS: Final = ("acct_pay", "psn_cash_pay", "fund_pay_sumamt")


def _batches(files: list[File], most: int) -> Iterator[list[File]]:
    batch: list[File] = []
    for file in files:
        if batch and sum(len(one.lines) for one in (*batch, file)) > most:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _back(one: Seen, sign: int = 1) -> tuple[int, ...]:
    """What a refund takes back of account, cash and fund."""
    assert one.row is not None
    return tuple(-one.row[name] * sign for name in _PARTS)


def _may_refund(debit: Row, row: Row | None) -> bool:
    assert row is not None
    same = ("transaction_number", "time", "tac", *FEN)
    if _card(row) != _card(debit) or any(row[name] != debit[name] for name in same):
        return False
    parts = [(-row[name], debit[name]) for name in _PARTS]
    if debit["setl_id"] is not None:
        return all(part == most for part, most in parts)
    return all(part <= most for part, most in parts)


def _content(row: Row | None) -> tuple[Any, ...]:
    """What debits with one number are ordered by: the TAC's content, then what money hangs on."""
    assert row is not None
    names = ("time", "terminal_id", *FEN, "transaction_type", "terminal_transaction_number", "tac")
    money = ("transaction_number", *_PARTS, "mdtrtarea_admvs")
    insured = row["insuplc_admdvs"] or "~"  # behind all divisions
    return (*(row[name] for name in (*names, *money)), insured)


def _counter(row: Row) -> tuple[str, str]:
    return row["terminal_id"], row["algorithm"]


def _debit(row: Row) -> tuple[str, str, int]:
    return row["terminal_id"], row["algorithm"], row["terminal_transaction_number"]


def _card(row: Row) -> tuple[str, str, int]:
    return row["card_id_code"][:6], row["diversification_factor"], row["transaction_number"]
