# SPDX-License-Identifier: Apache-2.0
"""The header, the exported functions and the table of functions say the same."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import sscard_driver
from sscard_chip.terminal.codes import FAIL_OVER, ReturnCode
from sscard_chip.terminal.driver.functions import LARGE, SMALL
from sscard_driver import build
from sscard_driver.exports import EXPORTS
from sscard_driver.libraries import LIBRARIES, Library
from tests.native.native import Native

SOURCES = Path(sscard_driver.__file__).parent
HEADER = (SOURCES / build.HEADER).read_text("utf-8")
WITH_FUNCTIONS = [library for library in LIBRARIES.values() if library.exports]


@pytest.mark.parametrize("library", WITH_FUNCTIONS, ids=lambda library: library.name)
def test_the_header_declares_every_function(library: Library) -> None:
    text = (SOURCES / library.header).read_text("utf-8")
    declared = re.findall(r"^(?:long|int|char) [^;/]*\)(?=;)", text, re.MULTILINE)
    assert declared == [export.signature for export in library.exports.values()]


def test_the_names_that_programs_load() -> None:
    """Literally, as public programs load and call them."""
    names = {
        "SSCardDriver": "iReadCardBas iReadCard iWriteCard iVerifyPIN iChangePIN iDoDebit "
        "iReloadPIN iUnblockPIN iReadDebitRecord iReadCardBas_HSM_Step1 iReadCardBas_HSM_Step2",
        "HeaSecReadInfo": "Init ReadCardBas VerifyPIN ChangePIN ReadSFZ EcQuery GetPersonInfo",
        "SSCard": "Init ReadCardBas GetQRBase ReadSFZ VerifyPIN ChangePIN ReadCardBasGZ "
        "ReadMedicalCardGZ ReadIDCardGZ GetTwoBarCodes NationEcTrans",
        "NationECCode": "NationEcTrans",
        "dcrf32": "",
    }
    assert set(names) == set(LIBRARIES)
    for library, functions in names.items():
        assert set(functions.split()) <= set(LIBRARIES[library].exports)
    assert LIBRARIES["SSCard"].exports["GetQRBase"].signature == (
        "int GetQRBase(int nTimeout, char *pOut, int nOutLen, char *pSign, int nSignLen)"
    )
    assert LIBRARIES["HeaSecReadInfo"].exports["ReadSFZ"].signature == (
        "long ReadSFZ(char *pPath, char *pOutBuff, char *pOutBusiBuff)"
    )
    assert LIBRARIES["NationECCode"].exports["NationEcTrans"].signature == (
        "char *NationEcTrans(char *url, char *in, char *out)"
    )


def test_the_header_names_every_code() -> None:
    rows = re.findall(r"^#define SSCARD_(?:E_)?(\w+) \(?(-?\d+)\)?", HEADER, re.MULTILINE)
    values = {name: int(value) for name, value in rows}
    assert {code.name: values[code.name] for code in ReturnCode} == {
        c.name: int(c) for c in ReturnCode
    }
    assert {ReturnCode.PSAM_LEVEL, ReturnCode.KEY_NOT_FOUND} < FAIL_OVER
    assert len(FAIL_OVER) == 5


def test_the_header_names_the_sizes_of_buffers() -> None:
    assert f"#define SSCARD_OUT_SIZE {SMALL}\n" in HEADER
    assert f"#define SSCARD_OUT_SIZE_LARGE ({LARGE // 1024} * 1024)\n" in HEADER
    large = {name for name, export in EXPORTS.items() if export.buffer == LARGE}
    marked = re.findall(r"\[large\] .*\*/\nlong (\w+)", HEADER)
    assert set(marked) == large == {"iReadCard", "iReadCard_HSM_Step2", "iReadDebitRecord"}


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=lambda library: library.name)
def test_a_library_exports_its_functions_and_nothing_else(native: Native, library: Library) -> None:
    for name in build.file_names(library):
        listing = subprocess.check_output(
            ["nm", "--dynamic", "--defined-only", native.directory / name], text=True
        )
        exported = {line.split()[-1] for line in listing.splitlines()}
        assert exported == {*library.exports, *library.others}
    if library.exports:
        header = (native.directory / library.header).read_bytes()
        assert header == (SOURCES / library.header).read_bytes()


def test_the_name_with_the_kind_of_processor(native: Native) -> None:
    machine = os.uname().machine
    assert (native.directory / f"libHeaSecReadInfo.{machine}.so").exists()


def test_without_a_compiler_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert build.main(["--directory", str(tmp_path / "out")]) == 1
    output, error = capsys.readouterr()
    assert output == ""
    assert error.count("\n") == 1
    assert "apt-get install gcc libc6-dev python3-dev" in error
    assert not (tmp_path / "out").exists()


def test_what_the_compiler_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'no space left' >&2\nexit 3\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(build.BuildError, match="no space left"):
        build.build_libraries(tmp_path / "out")
