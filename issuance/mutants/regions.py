# SPDX-License-Identifier: Apache-2.0
"""Faulty terminals of modes 1 and 2, and of the checks that come before a sale."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from issuance.mutants.model import Fault, FaultyCard, Mutant
from issuance.mutants.tills import at_place, in_command, placed, till_mutant, word_taken_for
from issuance.mutants.workshop import OurTill
from sscard_chip.dayfile.authoriser import CentreRefusedError, CentreUnreachableError
from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.standard.settlement_mode import OfflineUse, SettlementMode, SettlementRegion, Split
from sscard_chip.terminal.conformance.tills import (
    CAP_FEN,
    CAP_TIMES,
    SaleCentre,
    TerminalMaker,
    Workplace,
)

_OK: Final = b"\x90\x00"
_RECORD, _UPDATE, _INTERNAL, _INIT, _DEBIT, _INIT_SAM = 0xB2, 0xDC, 0x88, 0x28, 0x2C, 0x70


class _Centre:
    """A centre as a faulty terminal hears it."""

    def __init__(self, centre: SaleCentre) -> None:
        self._centre = centre

    def hold(self, bill: Split) -> Split:
        """As the centre answers."""
        return self._centre.hold(bill)

    def settle(self, tac: bytes) -> OfflineUse | None:
        """As the centre answers."""
        return self._centre.settle(tac)


class _AlwaysYes(_Centre):
    def hold(self, bill: Split) -> Split:
        try:
            return super().hold(bill)
        except CentreRefusedError:
            return bill


class _NeverAway(_Centre):
    def hold(self, bill: Split) -> Split:
        try:
            return super().hold(bill)
        except CentreUnreachableError:
            return bill


class _OwnShares(_Centre):
    def hold(self, bill: Split) -> Split:
        super().hold(bill)
        return bill


class _Silent(_Centre):
    def settle(self, tac: bytes) -> OfflineUse | None:
        return None


class _OtherTac(_Centre):
    def settle(self, tac: bytes) -> OfflineUse | None:
        return super().settle(tac[::-1])


class _Twice(_Centre):
    def settle(self, tac: bytes) -> OfflineUse | None:
        super().settle(tac)
        return super().settle(tac)


def _hears(kind: type[_Centre]) -> TerminalMaker:
    return placed(lambda one: replace(one, centre=kind(one.centre)) if one.centre else one)


def _caps(fen: int, times: int) -> TerminalMaker:
    """Our till in a region with other caps."""

    class Generous(OurTill):
        def __init__(self, place: Workplace) -> None:
            super().__init__(place)
            region = self._settings.region
            self._settings = replace(
                self._settings,
                region=SettlementRegion(region.division, region.mode, CAP_FEN + fen,
                                        CAP_TIMES + times),
            )  # fmt: skip

    return Generous


def _item(tag: int, value: bytes) -> Fault:
    """What is read of an item is always the same."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        ours = apdu[1] == _RECORD and answer[:2] == bytes((tag, len(value)))
        return answer[:2] + value + _OK if ours and answer[-2:] == _OK else answer

    return fault


def _without_write(card: FaultyCard, apdu: bytes) -> bytes:
    return _OK if apdu[1] == _UPDATE else card.right(apdu)


def _same_random(body: bytes) -> bytes:
    return b"\x11" * 8 + body[8:]


def _stubborn_debit(card: FaultyCard, apdu: bytes) -> bytes:
    """9302 is answered by the same DEBIT."""
    answer = card.right(apdu)
    if apdu[1] == _DEBIT and answer == b"\x93\x02":
        card.right(apdu)
    return answer


def _mode_three(place: Workplace) -> Workplace:
    return replace(place, mode=SettlementMode.OFFLINE, centre=None)


def _by_code_only(place: Workplace) -> Workplace:
    listed = [one for one in place.hotlist.cards if one.card_id_code is not None]
    return replace(place, hotlist=Hotlist(place.hotlist.version, listed))


REGIONS: Final[tuple[Mutant, ...]] = (
    till_mutant("version-one", "The PSAM is always named key version 1", "SALE-20",
                at_place(psam=in_command(_INIT_SAM, lambda b: b[:26] + b"\x01" + b[27:]))),
    till_mutant("index-one", "The card is always named key index 1", "SALE-20",
                at_place(in_command(_INIT, lambda body: b"\x01" + body[1:]))),
    till_mutant("mode-three", "In mode 1 the card is told the real amounts", "ONLINE-01",
                placed(_mode_three)),
    till_mutant("own-shares", "The centre's shares are not heard", "ONLINE-02",
                _hears(_OwnShares)),
    till_mutant("centre-refused", "What the centre refuses is sold", "ONLINE-04",
                _hears(_AlwaysYes)),
    till_mutant("without-centre", "Mode 1 sells without the centre", "ONLINE-05",
                _hears(_NeverAway)),
    till_mutant("centre-untold", "The centre is told of no settlement", "ONLINE-01",
                _hears(_Silent)),
    till_mutant("centre-other-tac", "The centre is told another TAC", "ONLINE-01",
                _hears(_OtherTac)),
    till_mutant("centre-twice", "The centre is told twice", "ONLINE-03", _hears(_Twice)),
    till_mutant("use-unwritten", "EF06 is not written", "SPARE-01", at_place(_without_write)),
    till_mutant("use-kept", "EF06 does not become what the centre answers", "ONLINE-09",
                at_place(_without_write)),
    till_mutant("flag-ignored", "The flag 90 does not count", "SPARE-02",
                at_place(_item(0x90, b"1"))),
    till_mutant("cap-amount", "The cap of the amount itself is paid", "SPARE-04", _caps(1, 0)),
    till_mutant("cap-times", "The cap of the times itself is paid", "SPARE-06", _caps(0, 1)),
    till_mutant("cap-early", "The last amount below the cap is refused", "SPARE-03",
                _caps(-1, 0)),
    till_mutant("same-random", "The session key's random is always the same", "BEGIN-03",
                at_place(in_command(_INTERNAL, _same_random))),
    till_mutant("debit-after-9302", "A DEBIT that was answered 9302 is sent again", "SALE-16",
                at_place(_stubborn_debit)),
    till_mutant("any-class", "卡类别 does not count", "CARD-04", at_place(_item(0x02, b"3"))),
    till_mutant("hotlist-codes", "Numbers and ranges of the hotlist do not count", "CARD-14",
                placed(_by_code_only)),
    till_mutant("locked-pin", "The holder of a locked PIN is asked", "PIN-07",
                at_place(word_taken_for(b"\x69\x83", b"\x63\xc3", 0x20))),
)  # fmt: skip
