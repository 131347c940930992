# SPDX-License-Identifier: Apache-2.0
"""A card's contents as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sscard_chip.profile.contents import (
    AccountState,
    BankState,
    CardContents,
    DecodedItem,
    DirectoryContents,
    FileContents,
    KeyPairState,
    KeyState,
    PinState,
    PurseState,
    TransitState,
)
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import NOT_GIVEN
from sscard_cli.screen import facts, listing

_LOG_FILE: Final = "EF08"
_PURSE_LOG: Final = "0018"
_TRANSIT_LOGS: Final = ("001A", "001E")
_SHORT_BODY: Final = 16


def render(card: CardContents, *, with_keys: bool) -> Iterator[RenderableType]:
    """The parts of the display, from the card down to its files."""
    yield _card(card)
    for directory in card.directories:
        if not (directory.files or directory.keys or directory.pin or directory.bank):
            continue
        yield Text(f"\n{directory.fid} {directory.name} {directory.english}".rstrip(), "bold")
        yield from _directory(directory, with_keys=with_keys)


def _card(card: CardContents) -> Table:
    grid = facts()
    interfaces = "contact and contactless" if card.contactless else "contact"
    grid.add_row("generation", f"{card.generation or 'unknown'} (规范版本 {card.version or '-'})")
    grid.add_row("ATR", card.atr)
    grid.add_row("algorithm", card.algorithm)
    grid.add_row("interface", interfaces)
    grid.add_row("state", card.life_cycle)
    return grid


def _directory(directory: DirectoryContents, *, with_keys: bool) -> Iterator[RenderableType]:
    grid = facts()
    if directory.df_name:
        grid.add_row("name", directory.df_name)
    if directory.blocked:
        grid.add_row("state", Text("blocked for good", "red"))
    if directory.pin:
        grid.add_row("PIN", describe_pin(directory.pin))
    locked = [key for key in directory.keys if key.limit and 0 in key.tries]
    if locked:
        grid.add_row("locked keys", ", ".join(f"{key.name} {key.kid}" for key in locked))
    if grid.row_count:
        yield grid
    if with_keys and directory.keys:
        yield _keys(directory.keys)
    if directory.files:
        # The log of an account is shown with the account.
        # What is shown with the account, the purse or the journeys.
        folded = [*(_TRANSIT_LOGS if directory.transit else ())]
        if directory.account or directory.purse:
            folded.append(_LOG_FILE if directory.account else _PURSE_LOG)
        yield _files(directory.files, folded)
    if directory.account:
        yield from _account(directory.account)
    if directory.purse:
        yield from _purse(directory.purse)
    if directory.transit:
        yield from _transit(directory.transit)
    if directory.key_pairs:
        yield _pairs(directory.key_pairs)
    if directory.bank:
        yield from _bank(directory.bank)


def _pairs(pairs: tuple[KeyPairState, ...]) -> Table:
    table = listing("key pair", "public key", "private key", "certificate")
    for pair in pairs:
        key = f"{pair.public_key[:16]}…" if pair.public_key else "none"
        certificate = f"{pair.certificate_length} bytes" if pair.certificate_length else "none"
        private = "in the card" if pair.has_private_key else "none"
        table.add_row(f"{pair.name} {pair.english}", key, private, certificate)
    return table


def describe_pin(pin: PinState) -> str:
    """The state of the PIN in words."""
    if not pin.is_set:
        return "none set"
    return f"{pin.tries} of {pin.limit} tries left" if pin.tries else "locked"


def _keys(keys: tuple[KeyState, ...]) -> Table:
    table = listing("key", "kid", "use", "versions", "tries left")
    for key in keys:
        tries = " ".join(map(str, key.tries)) or "never locked"
        table.add_row(
            key.name or "-",
            key.kid,
            key.purpose or key.use,
            " ".join(map(str, key.versions)),
            tries,
        )
    return table


def _files(files: tuple[FileContents, ...], folded: list[str]) -> Table:
    table = listing("file", "item", "", "value")
    for file in files:
        title = Text(file.fid, "bold"), Text(file.name, "bold"), Text(file.english, "bold")
        table.add_row(*title, Text(_summary(file), "dim"))
        records = file.records if file.fid not in folded else ()
        for number, record in enumerate(records, 1):
            if len(record) > 1:
                table.add_row("", Text(f"#{number}", "dim"), "", "")
            for value in record:
                _add_value(table, value, 0)
    return table


def _summary(file: FileContents) -> str:
    rights = f"read {file.read}, write {file.write}"
    if file.structure == "transparent":
        if file.size <= _SHORT_BODY:
            return f"{file.body.ljust(2 * file.size, '0')}  {rights}"
        return f"{rights}; {len(file.body) // 2} of {file.size} bytes in use"
    return f"{rights}; {len(file.records)} records" if file.structure == "cyclic" else rights


def _add_value(table: Table, value: DecodedItem, depth: int) -> None:
    name = "  " * depth + (value.name or "?")
    shown = Text(value.text or ("" if value.items else "-"))
    if value.meaning:
        shown.append(f"  {value.meaning}", "green")
    table.add_row(value.tag, name, value.english, shown)
    for item in value.items:
        _add_value(table, item, depth + 1)


def _account(account: AccountState) -> Iterator[RenderableType]:
    yield Text("医疗账户 medical account, yuan", "bold")
    grid = facts()
    grid.add_row("个人账户余额 balance", yuan(account.balance_fen))
    if not account.account_only:
        grid.add_row("个人自付累计 self-paid total", yuan(account.self_paid_total_fen))
        grid.add_row("统筹累计 pooled total", yuan(account.pooled_total_fen))
        grid.add_row("支付年度 settlement year", account.year)
        day = account.starting_day
        grid.add_row("年度起始日期 starting day", f"{day[:2]}-{day[2:]}")
    grid.add_row("划入序号 loads", str(account.load_counter))
    grid.add_row("消费序号 purchases", str(account.purchase_counter))
    yield grid
    if not account.log:
        return
    amounts_of = ("account", "self-paid", "pooled")
    table = listing("no.", "kind", "local time", "terminal", *amounts_of, right=amounts_of)
    for entry in account.log:
        amounts = [entry.account_fen]
        if entry.kind == "purchase" and not account.account_only:
            amounts += [entry.self_paid_fen, entry.pooled_fen]
        table.add_row(
            str(entry.number), entry.kind, entry.time, entry.terminal, *map(yuan, amounts)
        )
    yield table


def _purse(purse: PurseState) -> Iterator[RenderableType]:
    which = "电子存折 deposit, 电子钱包 purse" if purse.deposit else "电子钱包 purse"
    yield Text(f"{which}, yuan", "bold")
    grid = facts()
    grid.add_row("state", purse.state)
    grid.add_row("valid", f"{purse.start} to {purse.expiry}")
    places = (purse.province, purse.province_name), (purse.city, purse.city_name)
    given = [f"{code} {name}".rstrip() for code, name in places if code.strip("0F")]
    shown = ", ".join(given) or NOT_GIVEN
    grid.add_row("from", f"{shown}; {'' if purse.interoperable else 'not '}interoperable")
    for name, one in (("存折 deposit", purse.deposit), ("钱包 purse", purse.purse)):
        if one is None:
            continue
        lent = f", overdraft limit {yuan(one.limit_fen)} of it" if one.limit_fen else ""
        locked = ", grey-locked" if one.grey_locked else ""
        grid.add_row(name, f"{yuan(one.balance_fen)}{lent}{locked}")
        grid.add_row("", f"next number on-line {one.online_number}, off-line {one.offline_number}")
    yield grid
    if not purse.log:
        return
    table = listing("no.", "kind", "local time", "terminal", "amount", right=("amount",))
    for entry in purse.log:
        amount = yuan(entry.amount_fen)
        table.add_row(str(entry.number), entry.kind, entry.time, entry.terminal, amount)
    yield table


def _visit(city: str, station: str, time: str) -> tuple[str, str]:
    """Where and when, empty for none."""
    return (f"{city} {station}", time) if station.strip("0") else ("", "")


def _transit(transit: TransitState) -> Iterator[RenderableType]:
    grid = facts()
    grid.add_row("AIDs", ", ".join(transit.names))
    reached = "contact and contactless" if transit.on_contacts else "contactless"
    grid.add_row("interface", reached)
    yield grid
    journeys = listing("journey", "status", "in", "since", "out", "at")
    for one in transit.journeys:
        status = f"{one.status}, locked" if one.locked else one.status
        entry = _visit(one.entry_city, one.entry_station, one.entry_time)
        left = _visit(one.exit_city, one.exit_station, one.exit_time)
        journeys.add_row(one.identifier, status, *entry, *left)
    yield journeys
    if not transit.trips:
        return
    right = ("amount", "balance")
    trips = listing(
        "trip", "mode", "local time", "city", "line", "station", "terminal", *right, right=right
    )
    for trip in transit.trips:
        amounts = yuan(trip.amount_fen), yuan(trip.balance_fen)
        where = trip.city, trip.line, trip.station, trip.terminal
        trips.add_row(trip.kind, trip.mode, trip.time, *where, *amounts)
    yield trips


def _bank(bank: BankState) -> Iterator[RenderableType]:
    grid = facts()
    grid.add_row("application", f"{bank.label} {bank.aid}")
    active = Text(bank.state) if bank.state == "active" else Text(bank.state, "yellow")
    grid.add_row("state", active)
    grid.add_row("主账号 PAN", f"{bank.pan}, sequence number {bank.pan_sequence}")
    grid.add_row("valid", f"{bank.effective} to {bank.expiry}")
    grid.add_row("algorithm", bank.algorithm)
    grid.add_row("offline authentication", bank.offline_authentication)
    grid.add_row("transactions", f"{bank.atc}, the last on-line {bank.last_online_atc}")
    cash = f"{yuan(bank.balance_fen)} of at most {yuan(bank.limit_fen)} yuan"
    if bank.single_limit_fen:
        cash += f", {yuan(bank.single_limit_fen)} at a time"
    if bank.reset_threshold_fen:
        cash += f", on-line below {yuan(bank.reset_threshold_fen)}"
    grid.add_row("电子现金 electronic cash", cash)
    yield grid
    if not bank.log:
        return
    table = listing("ATC", "local time", "yuan", "type", "merchant", right=("yuan",))
    for entry in bank.log:
        table.add_row(
            str(entry.atc), entry.time, yuan(entry.amount_fen), entry.kind, entry.merchant
        )
    yield table
