# SPDX-License-Identifier: Apache-2.0
"""SELECT, FCI, directories and DIR (LD/T 32.3; LD/T 32.5, 7.11)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.generations import whole_profile
from sscard_chip.profile.model import Confidence, DirectoryDeclaration
from sscard_chip.standard.commands import SELECT
from sscard_chip.standard.identifiers import (
    CODE_OF_ALGORITHM,
    DF05,
    DF06,
    ISSUER_FILE,
    MF,
    PKI_NAME,
    SSF33_CODE,
    SSSE_NAME,
)
from sscard_chip.standard.messages.directory import DIR_RECORD, fci_algorithm, parse_fci
from sscard_chip.standard.messages.fields import templates
from sscard_chip.standard.text import encode_text
from sscard_chip.terminal.conformance.cases.build import (
    Chapter,
    RefusedCommand,
    record,
    refusals,
    select_issuer,
)
from sscard_chip.terminal.conformance.groups import (
    ANSWER,
    ASYMMETRIC,
    DATA,
    FUNCTION,
    MESSAGE,
    STATES,
    WORDS,
    clause_of,
)
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, UndecidedError

_FCI: Final = "LD/T 32.3, FCI"
_SELECT: Final = "SELECT"
_MOST_RECORDS: Final = 32
_EMPTY_FID: Final = "DF7E"

cases = Chapter(FUNCTION)


def _environment_fci(trial: Trial) -> bytes:
    return trial.expect(trial.send(SELECT, 0x04, 0x00, SSSE_NAME, 0), "9000").data


@cases.command(_SELECT, ANSWER, 1, "SSSE is selected by its name sx1.sh.社会保障")
def _(trial: Trial) -> None:
    trial.check(bool(_environment_fci(trial)), "a FCI", "nothing")


@cases.command(_SELECT, ANSWER, 2, "The FCI of SSSE has the form of its generation")
def _(trial: Trial) -> None:
    received = _environment_fci(trial)
    sfi = received[23:24] if trial.subject.generation == 1 else b"\x1e"
    name = "6F{:02X}840F7378312E73682EC9E7BBE1B1A3D5CFA5{}"
    if trial.subject.generation == 3:
        code = received[-1:].hex().upper()
        expected = name.format(0x1C, "0988011E9F0C038601" + code)
    else:
        expected = name.format(0x16, "038801" + sfi.hex().upper())
    trial.equal(received, bytes.fromhex(expected), "FCI")


@cases.command(_SELECT, ANSWER, 3, "Tag 84 of the FCI is the name that was selected")
def _(trial: Trial) -> None:
    found = parse_fci(_environment_fci(trial))
    trial.equal(found.get(0x84, b""), SSSE_NAME, "tag 84")


@cases.command(_SELECT, ANSWER, 4, "Tag A5 of the FCI of SSSE has the SFI of DIR",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    own = templates(parse_fci(_environment_fci(trial)).get(0xA5, b""))
    sfi = own.get(0x88, b"")
    trial.check(len(sfi) == 1 and 1 <= sfi[0] <= 30, "tag 88 with an SFI", sfi.hex() or "none")


@cases.command(_SELECT, ANSWER, 5, "The FCI of 3.0 names the algorithm: 9F0C with tag 86",
               generations=frozenset({3}))  # fmt: skip
def _(trial: Trial) -> None:
    code = fci_algorithm(parse_fci(_environment_fci(trial)))
    known = {bytes((one,)) for one in (*CODE_OF_ALGORITHM.values(), SSF33_CODE)}
    trial.check(code in known, "01, 02 or 03 in tag 86", code.hex() or "nothing")


@cases.command(_SELECT, ANSWER, 6, "The FCI of 1.0 and 2.0 has no 9F0C",
               generations=frozenset({1, 2}))  # fmt: skip
def _(trial: Trial) -> None:
    own = templates(parse_fci(_environment_fci(trial)).get(0xA5, b""))
    trial.check(0x9F0C not in own, "no tag 9F0C", "one")


@cases.command(_SELECT, ANSWER, 7, "SELECT of SSSE again gives the same FCI")
def _(trial: Trial) -> None:
    trial.equal(_environment_fci(trial), _environment_fci(trial), "FCI")


@cases.command(_SELECT, ANSWER, 8, "Le behind the name makes no difference")
def _(trial: Trial) -> None:
    first = _environment_fci(trial)
    second = trial.whole(SELECT.apdu(0x04, 0x00, SSSE_NAME, 0))
    trial.expect(second, "9000")
    trial.equal(second.data, first, "FCI")


@cases.command(_SELECT, DATA, 1, "The MF is selected by 3F00")
def _(trial: Trial) -> None:
    trial.enter()
    trial.expect(trial.send(SELECT, data=MF.to_bytes(2), le=0), "9000")


@cases.command(_SELECT, DATA, 2, "The MF is selected by a command without data")
def _(trial: Trial) -> None:
    trial.enter(trial.subject.profile.applications[0].fid)
    trial.expect(trial.whole("00A4000000"), "9000")
    _environment_fci(trial)


@cases.command(_SELECT, DATA, 3, "From the MF no EF of SSSE can be selected",
               confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    trial.given(trial.send(SELECT, data=MF.to_bytes(2), le=0), "SELECT of the MF")
    trial.refused(trial.send(SELECT, 0x02, 0x00, ISSUER_FILE.to_bytes(2)), "6A82")


def _directories() -> dict[int, tuple[DirectoryDeclaration, frozenset[int]]]:
    """Applications by FID, with the generations that have them."""
    found: dict[int, tuple[DirectoryDeclaration, frozenset[int]]] = {}
    for generation in (1, 2, 3):
        for directory in whole_profile(generation).applications:
            known = found.get(directory.fid, (directory, frozenset()))[1]
            found[directory.fid] = directory, known | {generation}
    return found


def _of_directory(directory: DirectoryDeclaration, generations: frozenset[int]) -> None:
    name, fid, df_name = directory.short_name, directory.fid, directory.df_name
    clauses = clause_of(_SELECT, ANSWER), f"LD/T 32.3, {name}"
    low = Confidence.LOW if fid in (DF05, DF06) else Confidence.HIGH
    common = {"generations": generations, "confidence": low}

    @cases.case(f"SSC-32.3-{name}-01", f"{name} is selected by its name", *clauses, **common)
    def _(trial: Trial) -> None:
        trial.directory(fid)
        trial.enter()
        trial.expect(trial.send(SELECT, 0x04, 0x00, df_name, 0), "9000")

    @cases.case(f"SSC-32.3-{name}-02", f"{name} is selected by its FID", *clauses, **common)
    def _(trial: Trial) -> None:
        trial.directory(fid)
        trial.enter()
        trial.expect(trial.send(SELECT, data=fid.to_bytes(2), le=0), "9000")

    @cases.case(f"SSC-32.3-{name}-03", f"The FCI of {name} is 6F with its name in 84 alone",
                *clauses, **common)  # fmt: skip
    def _(trial: Trial) -> None:
        trial.directory(fid)
        trial.enter()
        length = len(df_name)
        expected = bytes((0x6F, length + 2, 0x84, length)) + df_name
        for reply in (
            trial.send(SELECT, 0x04, 0x00, df_name, 0),
            trial.send(SELECT, data=fid.to_bytes(2), le=0),
        ):
            trial.given(reply)
            trial.equal(reply.data, expected, f"FCI of {name}")

    @cases.case(f"SSC-32.3-{name}-04", f"{name} is selected by its name from a sister", *clauses,
                **common)  # fmt: skip
    def _(trial: Trial) -> None:
        trial.directory(fid)
        for sister in trial.subject.profile.applications:
            if sister.fid != fid and not trial.subject.statement.lacks(sister.short_name):
                trial.enter(sister.fid)
                trial.expect(trial.send(SELECT, 0x04, 0x00, df_name, 0), "9000")

    @cases.case(f"SSC-32.3-{name}-05", f"{name} is current after its SELECT: its files answer",
                *clauses, generations=generations)  # fmt: skip
    def _(trial: Trial) -> None:
        declared = trial.directory(fid)
        trial.enter(fid)
        for file in declared.files:
            if file.fid & 0xE0:
                continue
            trial.expect(
                trial.send(SELECT, 0x02, 0x00, file.fid.to_bytes(2)),
                "9000",
                what=f"to SELECT of {name} EF{file.fid & 0xFF:02X}",
            )

    absent = frozenset({1, 2, 3}) - generations
    if absent:

        @cases.case(f"SSC-32.3-{name}-06", f"A card without {name} refuses it", *clauses,
                    generations=absent)  # fmt: skip
        def _(trial: Trial) -> None:
            trial.enter()
            trial.refused(trial.send(SELECT, 0x04, 0x00, df_name, 0), "6A82")


for _fid, (_directory, _generations) in _directories().items():
    _of_directory(_directory, _generations)


def _keeps(number: int, title: str, *apdus: str) -> None:
    """A failed SELECT changes neither directory nor file."""

    @cases.case(f"SSC-32.3-KEEP-{number:02}", title, clause_of(_SELECT, WORDS), group=STATES)
    def _(trial: Trial) -> None:
        select_issuer(trial)
        before = trial.given(trial.whole("00B2070400"), "READ RECORD").data
        for apdu in apdus:
            trial.given_word(trial.whole(apdu), "6xxx")
            after = trial.whole("00B2070400")
            trial.expect(after, "9000", what="to READ RECORD of the current EF")
            trial.same(after.data, before, "record of the EF that was current")
            trial.expect(
                trial.whole("00B2012C00"), "9000",
                what="to READ RECORD by SFI in the directory that was current",
            )  # fmt: skip


_keeps(1, "A failed SELECT by name keeps the current file", "00A4040005A000000999")
_keeps(2, "A failed SELECT by FID keeps the current file", f"00A4000002{_EMPTY_FID}")
_keeps(3, "A failed SELECT of an EF keeps the current file", "00A4020002EF1C")
_keeps(4, "A SELECT with wrong parameters keeps the current file", "00A4090002DF01",
       "00A4040405A000000999")  # fmt: skip


@cases.case("SSC-32.3-KEEP-05", "A failed SELECT in an application keeps it current",
            clause_of(_SELECT, WORDS), group=STATES)  # fmt: skip
def _(trial: Trial) -> None:
    for directory in trial.subject.profile.applications:
        if trial.subject.statement.lacks(directory.short_name):
            continue
        trial.enter(directory.fid)
        for apdu in ("00A4040005A000000999", f"00A4000002{_EMPTY_FID}", "00A4020002EF1C"):
            trial.given_word(trial.whole(apdu), "6xxx")
            fid = directory.files[0].fid.to_bytes(2)
            trial.expect(
                trial.send(SELECT, 0x02, 0x00, fid), "9000",
                what=f"to SELECT of a file of {directory.short_name}",
            )  # fmt: skip


@cases.case("SSC-32.3-CURRENT-01", "After SELECT of a directory no EF is current",
            clause_of(_SELECT, ANSWER), group=STATES)  # fmt: skip
def _(trial: Trial) -> None:
    select_issuer(trial)
    trial.given(trial.whole("00B2010400"), "READ RECORD of EF05")
    trial.enter(trial.subject.profile.applications[0].fid)
    trial.refused(trial.whole("00B2010400"), "6986", "6A82", "6982")


@cases.case("SSC-32.3-CURRENT-02", "After SELECT of SSSE again no EF is current",
            clause_of(_SELECT, ANSWER), group=STATES)  # fmt: skip
def _(trial: Trial) -> None:
    select_issuer(trial)
    trial.enter()
    trial.refused(trial.whole("00B2010400"), "6986", "6A82")


@cases.case("SSC-32.3-CURRENT-03", "A file is found by its SFI and makes itself current",
            clause_of("READ RECORD", MESSAGE), group=STATES)  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    by_sfi = trial.expect(trial.whole("00B2072C00"), "9000")
    trial.same(trial.expect(trial.whole("00B2070400"), "9000").data, by_sfi.data, "record 7")


refusals(
    cases,
    _SELECT,
    WORDS,
    1,
    RefusedCommand("An unknown name: 6A82", "00A4040005A000000999", ("6A82",)),
    RefusedCommand("An unknown name of 16 bytes: 6A82", "00A4040010" + "5A" * 16, ("6A82",)),
    RefusedCommand("An unknown FID: 6A82", f"00A4000002{_EMPTY_FID}", ("6A82",)),
    RefusedCommand("An unknown EF: 6A82", "00A4020002EF1C", ("6A82",)),
    RefusedCommand(
        "The FID of a directory is no EF: 6A82", "00A4020002DF01", ("6A82", "6A80", "6981")
    ),
    RefusedCommand(
        "The name with its last byte changed: 6A82",
        "00A404000F" + SSSE_NAME[:-1].hex() + "00",
        ("6A82",),
    ),
    RefusedCommand(
        "The name with a byte behind it: 6A82", "00A4040010" + SSSE_NAME.hex() + "00", ("6A82",)
    ),
    RefusedCommand("An AID with its last byte changed: 6A82", "00A4040006D156000005FE", ("6A82",)),
    RefusedCommand(
        "The key file cannot be selected", "00A40200020002", ("6A82", "6982", "6985", "6A81")
    ),
)
refusals(
    cases,
    _SELECT,
    MESSAGE,
    1,
    *(
        RefusedCommand(f"P1 {p1}: 6A86", f"00A4{p1}0002DF01", ("6A86", "6A81"))
        for p1 in ("05", "08", "09", "10", "FF")
    ),
    *(
        RefusedCommand(
            f"P2 {p2} of SELECT by name: 6A86", f"00A404{p2}0F{SSSE_NAME.hex()}", ("6A86", "6A81")
        )
        for p2 in ("01", "03", "08", "FF")
    ),
    *(
        RefusedCommand(f"P2 {p2} of SELECT by FID: 6A86", f"00A400{p2}02DF01", ("6A86", "6A81"))
        for p2 in ("01", "FF")
    ),
    RefusedCommand("An FID of one byte: 6700", "00A4000001DF", ("6700", "6A80")),
    RefusedCommand("An FID of three bytes: 6700", "00A4000003DF0100", ("6700", "6A80")),
    RefusedCommand("An EF's FID of one byte: 6700", "00A4020001EF", ("6700", "6A80")),
    RefusedCommand("A name of four bytes: 6700", "00A4040004D1560000", ("6700", "6A80", "6A82")),
    RefusedCommand("A name of 17 bytes: 6700", "00A4040011" + "5A" * 17, ("6700", "6A80", "6A82")),
)


@cases.command(_SELECT, DATA, 4, "The beginning of an AID finds the first application",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    reply = trial.expect(trial.whole("00A4040005D156000005"), "9000")
    found = parse_fci(reply.data).get(0x84, b"")
    trial.check(found.startswith(bytes.fromhex("D156000005")), "an AID of the RID", found.hex())


@cases.command(_SELECT, DATA, 5, "P2 02 goes through the applications of a RID and ends in 6A82",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    wanted = {
        directory.df_name
        for directory in trial.subject.profile.applications
        if directory.df_name.startswith(bytes.fromhex("D156000005"))
        and not trial.subject.statement.lacks(directory.short_name)
    }
    trial.enter()
    found: list[bytes] = []
    reply = trial.whole("00A4040005D156000005")
    while reply.sw == 0x9000 and len(found) < _MOST_RECORDS:
        found.append(parse_fci(reply.data).get(0x84, b""))
        reply = trial.whole("00A4040205D156000005")
    trial.refused(reply, "6A82", what="after the last application")
    trial.check(wanted <= set(found), "every application once", f"{len(set(found))} of them")
    trial.equal(len(found), len(set(found)), "applications, each once:")


@cases.command(_SELECT, ANSWER, 9, "An EF of SSSE is selected by P1 00 too",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    trial.expect(trial.send(SELECT, data=ISSUER_FILE.to_bytes(2)), "9000")
    trial.expect(trial.whole("00B2010400"), "9000")


# --- DIR -----------------------------------------------------------------------------------------


def _dir_sfi(trial: Trial) -> int:
    own = templates(parse_fci(_environment_fci(trial)).get(0xA5, b""))
    sfi = own.get(0x88, b"")
    if len(sfi) != 1 or not 1 <= sfi[0] <= 30:
        raise NotApplicableError("the FCI announces no DIR")
    return sfi[0]


def _entries(trial: Trial) -> list[bytes]:
    sfi = _dir_sfi(trial)
    found: list[bytes] = []
    for number in range(1, _MOST_RECORDS):
        reply = record(trial, number, sfi)
        if reply.sw == 0x6A83:
            return found
        trial.expect(reply, "9000", "6A83", what=f"to record {number} of DIR")
        found.append(reply.data)
    raise UndecidedError("DIR does not end")


@cases.case("SSC-32.3-DIR-01", "DIR is read free and ends in 6A83", "LD/T 32.3, DIR")
def _(trial: Trial) -> None:
    trial.check(bool(_entries(trial)), "entries", "none")


@cases.case("SSC-32.3-DIR-02", "Each record of DIR is 70{61{4F, 50}}", "LD/T 32.3, DIR")
def _(trial: Trial) -> None:
    for number, entry in enumerate(_entries(trial), 1):
        trial.check(_whole(entry), f"record {number} as 70{{61{{4F, 50}}}}", f"{len(entry)} bytes")


def _whole(entry: bytes) -> bool:
    if len(entry) < 6 or entry[0] != 0x70 or entry[1] != len(entry) - 2:
        return False
    if entry[2] != 0x61 or entry[3] != len(entry) - 4:
        return False
    try:
        parsed = DIR_RECORD.parse(entry)
    except Exception:
        return False
    return 5 <= len(parsed.name) <= 16


@cases.case("SSC-32.3-DIR-03", "Every application stands in DIR with its name", "LD/T 32.3, DIR")
def _(trial: Trial) -> None:
    names = _names(trial)
    for directory in trial.subject.profile.applications:
        if not trial.subject.statement.lacks(directory.short_name):
            trial.check(directory.df_name in names, f"{directory.short_name} in DIR", "none")


@cases.case("SSC-32.3-DIR-04", "Every application in DIR can be selected", "LD/T 32.3, DIR")
def _(trial: Trial) -> None:
    for number, name in enumerate(_names(trial), 1):
        trial.expect(
            trial.send(SELECT, 0x04, 0x00, name, 0), "9000", "9303", "6283",
            what=f"to SELECT of the name in record {number}",
        )  # fmt: skip


@cases.case("SSC-32.3-DIR-05", "The labels in DIR are those of the standard", "LD/T 32.3, DIR")
def _(trial: Trial) -> None:
    labels = {one.df_name: encode_text(one.label) for one in trial.subject.profile.applications}
    for entry in _entries(trial):
        if not _whole(entry):
            raise UndecidedError("a record of DIR is no entry")
        parsed = DIR_RECORD.parse(entry)
        if labels.get(parsed.name):
            trial.equal(parsed.label or b"", labels[parsed.name], "label")


@cases.case("SSC-32.3-DIR-06", "No application stands in DIR twice", "LD/T 32.3, DIR")
def _(trial: Trial) -> None:
    names = _names(trial)
    trial.equal(len(names), len(set(names)), "names, each once:")


def _names(trial: Trial) -> list[bytes]:
    found: list[bytes] = []
    for entry in _entries(trial):
        if not _whole(entry):
            raise UndecidedError("a record of DIR is no entry")
        found.append(DIR_RECORD.parse(entry).name)
    return found


# --- what is not public --------------------------------------------------------------------------


def _not_public(number: int, title: str) -> None:
    @cases.case(f"SSC-6001.3-10-{number:02}", title, f"LD/T 6001.3, 10.{number}", group=ASYMMETRIC,
                generations=frozenset({3}))  # fmt: skip
    def _(trial: Trial) -> None:
        trial.enter()
        raise NotApplicableError("the layout of this application is not public")


_not_public(1, "ACSE_RECORD: files of the asymmetric authentication")
_not_public(2, "ACSE_SAFETY: rights of the asymmetric authentication")


@cases.case("SSC-6001.3-10-03", "CHECK_CERT: the certificate application, where there is one",
            "LD/T 6001.3, 10.3", group=ASYMMETRIC, confidence=Confidence.LOW,
            generations=frozenset({3}))  # fmt: skip
def _(trial: Trial) -> None:
    reply = trial.send(SELECT, 0x04, 0x00, PKI_NAME, 0)
    if reply.sw == 0x6A82:
        raise NotApplicableError("the card has no certificate application")
    trial.expect(reply, "9000")
    trial.equal(parse_fci(reply.data).get(0x84, b""), PKI_NAME, "tag 84")
