# SPDX-License-Identifier: Apache-2.0
"""The broken cards by name: state, PIN and keys here, contents in :mod:`.contents`."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from issuance.broken.contents import CONTENTS
from issuance.broken.edit import BrokenCard, CardEditor, CardNotBreakableError
from sscard_chip.filesystem.layout import ApplicationState, LifeCycle
from sscard_chip.memory import Memory
from sscard_chip.security.keys import KeyRecord
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.identifiers import DIR_FILE
from sscard_chip.standard.keys import (
    BK_KID,
    USE_EXTERNAL,
    USE_INTERNAL,
    USE_LOAD,
    USE_MAINTENANCE,
    USE_PURCHASE,
    USE_TAC,
)

_MAX_COUNTER: Final = 0xFFFF
_FOREIGN: Final = bytes.fromhex("0031C173C8211064")
"""Historical bytes of some other card, our own invention."""


def _pin_tries(tries: int) -> Callable[[CardEditor], None]:
    def edit(card: CardEditor) -> None:
        card.pin.stage_retry_counter(tries)

    return edit


def _initial_pin(card: CardEditor) -> None:
    card.pin.stage_value(bytes.fromhex("123456"))


def _no_pin(card: CardEditor) -> None:
    card.pin.stage_value(b"")


def _wrong_keys(*uses: int) -> Callable[[CardEditor], None]:
    def edit(card: CardEditor) -> None:
        for key in list(card.keys()):
            if not uses or key.use in uses:
                card.replace(key)

    return edit


def _versions(card: CardEditor) -> list[tuple[KeyRecord, KeyRecord]]:
    """Each later version of the purchase keys, with the first."""
    found = {(key.use, key.version): key for key in card.keys(USE_PURCHASE)}
    if not found:
        raise CardNotBreakableError("the card has no medical account: give the holder one")
    first = found[USE_PURCHASE, 1]
    return [(key, first) for (_, version), key in found.items() if version > 1]


def _equal_versions(card: CardEditor) -> None:
    for later, first in _versions(card):
        later.stage_secret(first.secret)


def _later_versions_wrong(card: CardEditor) -> None:
    for later, _ in _versions(card):
        card.replace(later)


def _locked_keys(card: CardEditor) -> None:
    for key in card.keys(USE_EXTERNAL):
        if key.kid != BK_KID:
            key.stage_retry_counter(0)


def _log_full(card: CardEditor) -> None:
    log = card.log
    for number in range(1, log.capacity + 1):
        day = bytes.fromhex(f"202601{number % 28 + 1:02d}")
        record = number.to_bytes(2, "big") + bytes(2) + (100 * number).to_bytes(4, "big")
        log.stage_append((record + day).ljust(log.record_length, b"\0"))
        card.memory.commit()
    card.account(purchase_counter=log.capacity)


def _dir_empty(card: CardEditor) -> None:
    card.records(_dir_fid(card), lambda records: [])


def _dir_short(card: CardEditor) -> None:
    card.records(_dir_fid(card), lambda records: records[:-1])


def _dir_fid(card: CardEditor) -> int:
    sfi = card.environment.header.dir_sfi
    return card.environment.files_by_sfi[sfi].fid if sfi else DIR_FILE


_STATE: Final = (
    BrokenCard(
        "pin-locked",
        "个人密码已锁定",
        "The PIN has no tries left: VERIFY answers 6983.",
        "Say that the PIN is locked and where it is unlocked; never ask for it again.",
        _pin_tries(0),
    ),
    BrokenCard(
        "pin-last-try",
        "个人密码仅剩一次",
        "The PIN has one try left.",
        "Warn before asking: a wrong PIN locks the card.",
        _pin_tries(1),
    ),
    BrokenCard(
        "pin-initial",
        "初始密码未修改",
        "The PIN is still the initial 123456.",
        "Make the holder choose another one before anything is paid.",
        _initial_pin,
    ),
    BrokenCard(
        "pin-not-set",
        "个人密码未设置",
        "No PIN is set: VERIFY answers 6984.",
        "Send the holder to the counter that sets one.",
        _no_pin,
    ),
    BrokenCard(
        "environment-blocked",
        "社会保障系统环境已锁定",
        "SSSE is blocked for good: SELECT answers 9303.",
        "Refuse the card, name the service centre, and do nothing else with it.",
        lambda card: card.block(card.environment),
    ),
    BrokenCard(
        "medical-blocked",
        "医疗保险应用已锁定",
        "The medical application is blocked: what is there answers 9303. The rest works.",
        "Refuse to debit; show who the holder is.",
        lambda card: card.block(card.medical),
        needs_account=True,
    ),
    BrokenCard(
        "card-blocked",
        "卡片已锁定",
        "The whole card is blocked: every command answers 6A81.",
        "Refuse the card; do not take it for a reader's fault.",
        lambda card: card.life_cycle(LifeCycle.BLOCKED),
    ),
    BrokenCard(
        "keys-locked",
        "外部认证密钥已锁定",
        "All keys of EXTERNAL AUTHENTICATE are locked: it answers 6983.",
        "Do not repeat; the card must be replaced.",
        _locked_keys,
    ),
    BrokenCard(
        "wrong-keys",
        "密钥不符",
        "Every key is another one: no authentication, debit or secure message succeeds.",
        "Stop at the first failed authentication, before the retry counter falls further.",
        _wrong_keys(),
    ),
    BrokenCard(
        "counterfeit",
        "伪卡（内部认证失败）",
        "The internal authentication key is another one: the card cannot prove itself.",
        "Refuse the card: INTERNAL AUTHENTICATE is there to find it.",
        _wrong_keys(USE_INTERNAL),
    ),
    BrokenCard(
        "wrong-update-keys",
        "更新密钥不符",
        "EXTERNAL AUTHENTICATE fails for every key; reading and debits work.",
        "Leave the counters alone after the first 63Cx.",
        _wrong_keys(USE_EXTERNAL),
    ),
    BrokenCard(
        "wrong-maintenance-keys",
        "应用维护密钥不符",
        "Secure messages are refused: the maintenance keys are other ones.",
        "Stop at 6988, after three of them the application may be blocked.",
        _wrong_keys(USE_MAINTENANCE),
    ),
    BrokenCard(
        "wrong-debit-key",
        "消费密钥不符",
        "The card refuses MAC1 of every debit with 9302.",
        "Give up the sale; do not retry with another key version.",
        _wrong_keys(USE_PURCHASE),
        needs_account=True,
    ),
    BrokenCard(
        "wrong-load-key",
        "划入密钥不符",
        "MAC1 of the card and MAC2 of the host do not agree in a load.",
        "Check MAC1 before the host books anything.",
        _wrong_keys(USE_LOAD),
        needs_account=True,
    ),
    BrokenCard(
        "wrong-tac-key",
        "TAC密钥不符",
        "Debits go through, but the centre finds every TAC wrong (code 1).",
        "A terminal cannot see it: the day file is refused, and the terminal must show that.",
        _wrong_keys(USE_TAC),
        needs_account=True,
    ),
    BrokenCard(
        "later-keys-wrong",
        "密钥版本2、3不符",
        "Debits work with key version 1, and not with version 2 or 3.",
        "Use the version that the PSAM is told to, and report a refusal with that version.",
        _later_versions_wrong,
        needs_account=True,
    ),
    BrokenCard(
        "equal-key-versions",
        "密钥版本相同",
        "Versions 2 and 3 of the debit key are version 1 again.",
        "A terminal cannot see it; an acceptance test of cards must.",
        _equal_versions,
        needs_account=True,
    ),
    BrokenCard(
        "foreign-atr",
        "非社会保障卡复位应答",
        "The ATR is that of some other card; the files are right.",
        "Decide by SELECT of SSSE, not by the ATR.",
        lambda card: card.historical_bytes(lambda own: _FOREIGN + own[-5:]),
    ),
    BrokenCard(
        "serial-mismatch",
        "卡序列号与识别码不符",
        "The serial in the ATR is not that in the identification code.",
        "Diversify by the ATR, and refuse the card where both are compared.",
        lambda card: card.historical_bytes(lambda own: own[:-1] + bytes((own[-1] ^ 0xFF,))),
    ),
    BrokenCard(
        "dir-empty",
        "DIR文件为空",
        "The directory file has no entries.",
        "Select the applications by their names.",
        _dir_empty,
    ),
    BrokenCard(
        "dir-short",
        "DIR缺少一项应用",
        "The directory file lacks its last application.",
        "Select the applications by their names.",
        _dir_short,
    ),
    BrokenCard(
        "balance-zero",
        "个人账户余额为零",
        "The medical account is empty.",
        "Offer to pay by other means; do not send the debit.",
        lambda card: card.account(balance_fen=0),
        needs_account=True,
    ),
    BrokenCard(
        "balance-full",
        "个人账户余额达上限",
        "The balance is the greatest that the card holds: a load would overflow.",
        "Show all of it, and refuse a load before it is booked.",
        lambda card: card.account(balance_fen=MAX_FEN),
        needs_account=True,
    ),
    BrokenCard(
        "counter-at-end",
        "脱网交易序号用尽",
        "The purchase counter is FFFF: INITIALIZE FOR PURCHASE answers 9402.",
        "Say that the card must be replaced; never wrap the number.",
        lambda card: card.account(purchase_counter=_MAX_COUNTER),
        needs_account=True,
    ),
    BrokenCard(
        "load-counter-at-end",
        "联网交易序号用尽",
        "The load counter is FFFF: INITIALIZE FOR LOAD answers 9402.",
        "As above: nothing may be booked at the centre.",
        lambda card: card.account(load_counter=_MAX_COUNTER),
        needs_account=True,
    ),
    BrokenCard(
        "totals-at-end",
        "年度累计达上限",
        "The yearly total of self-paid amounts is the greatest that the card holds.",
        "Expect a refused debit, and settle on line.",
        lambda card: card.account(self_paid_total_fen=MAX_FEN, year="2026"),
        needs_account=True,
    ),
    BrokenCard(
        "year-in-future",
        "支付年度在未来",
        "The settlement year on the card is later than any terminal's clock: 2099.",
        "Do not debit: the totals would start again.",
        lambda card: card.account(year="2099"),
        needs_account=True,
    ),
    BrokenCard(
        "log-full",
        "交易明细已满",
        "Every record of the transaction log is used, the next one overwrites the oldest.",
        "Read the newest first, and never stop at a fixed number of records.",
        _log_full,
        needs_account=True,
    ),
    BrokenCard(
        "bank-dormant",
        "银行应用未激活",
        "The bank application is there and not activated: SELECT does not find it.",
        "Show the card as one without a bank account; send the holder to the bank.",
        lambda card: card.bank.stage_state(ApplicationState.DORMANT),
        generations=frozenset({2, 3}),
        needs_bank=True,
    ),
    BrokenCard(
        "bank-suspended",
        "银行应用已锁定",
        "The bank has blocked its application for the time being.",
        "Refuse to pay with it; social security works.",
        lambda card: card.bank.stage_state(ApplicationState.SUSPENDED),
        generations=frozenset({2, 3}),
        needs_bank=True,
    ),
)

BROKEN: Final = MappingProxyType({one.name: one for one in (*_STATE, *CONTENTS)})
"""All ways in which a card can be broken, by name."""


def break_card(memory: Memory, name: str) -> Memory:
    """A copy of an issued card's memory with one thing wrong.

    :raises CardNotBreakableError: there is no such way, or the card lacks what it would break.
    """
    if name not in BROKEN:
        raise CardNotBreakableError(f"{name!r}: no such broken card, sscard broken list has them")
    card = CardEditor(memory)
    BROKEN[name].apply(card)
    return card.finish()
