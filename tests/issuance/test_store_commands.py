# SPDX-License-Identifier: Apache-2.0
"""``sscard keys`` and ``--keys`` with an encrypted store, and a key ceremony at a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from issuance.ceremony import CeremonyError, Component, combine, import_key
from issuance.roots import RootKeys, create_roots, root_slots
from issuance.stores import check_value, create_file_store, open_store
from issuance.stores.encrypted import Cost, EncryptedStore
from sscard_cli.main import main

Capture = pytest.CaptureFixture[str]

PASSPHRASE = "correct horse battery"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FIRST, SECOND, THIRD = (bytes([byte] * 8 + [byte + 1] * 8) for byte in (0x31, 0x52, 0x94))


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """An encrypted store with every root."""
    path = tmp_path / "issuer.keys"
    EncryptedStore.create(path, PASSPHRASE, cost=Cost(n=2**14)).add(create_roots())
    return path


@pytest.fixture
def passphrase_file(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    return str(path)


def error_of(arguments: list[str], capsys: Capture, code: int = 2) -> str:
    assert main(arguments) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"sscard: error: [^\n]+\n", output.err)
    return output.err


# --- ceremony -------------------------------------------------------------------------------------


def test_components_make_a_key(tmp_path: Path) -> None:
    parts = [Component.parse(part.hex(" ").upper()) for part in (FIRST, SECOND, THIRD)]
    wanted = bytes(a ^ b ^ c for a, b, c in zip(FIRST, SECOND, THIRD, strict=True))
    with create_file_store(tmp_path / "roots", "plain") as store:
        for slot in (("3des", "DPK", 1), ("sm4", "DPK", 255)):
            expected = check_value(RootKeys({slot: wanted}), slot)
            assert import_key(store, slot, parts, expected=expected) == expected
            assert store.diversify(*slot, [()]) == [wanted]
            with pytest.raises(CeremonyError, match="is not the expected one"):
                import_key(store, slot, parts[:2], expected=expected, replace=True)
            assert store.diversify(*slot, [()]) == [wanted]


def test_check_value_of_a_component() -> None:
    component = Component(bytes(range(16)))
    assert component.check_value("3des").hex() == "ddada1"
    assert "DDADA1" not in repr(component)
    assert component.check_value("sm4") != component.check_value("3des")


@pytest.mark.parametrize("text", ["", "00" * 15, "00" * 17, "0G" * 16, "１" * 32, "00" * 16])
def test_what_is_no_component(text: str) -> None:
    with pytest.raises(CeremonyError, match="component: must") as caught:
        Component.parse(text)
    assert not text or text not in str(caught.value)


def test_keys_that_are_none() -> None:
    first, parity = Component(FIRST), bytes(byte ^ 1 for byte in FIRST[8:])
    with pytest.raises(CeremonyError, match="2 to 3"):
        combine(("3des", "DPK", 1), [first])
    with pytest.raises(CeremonyError, match="2 to 3"):
        combine(("3des", "DPK", 1), [first] * 4)
    for algorithm in ("3des", "sm4"):
        with pytest.raises(CeremonyError, match="all zero"):
            combine((algorithm, "DPK", 1), [first, first])
    # Both halves the same but for parity bits.
    half = Component(bytes(8) + bytes(a ^ b for a, b in zip(FIRST[:8], parity, strict=True)))
    with pytest.raises(CeremonyError, match="a single DES key"):
        combine(("3des", "DPK", 1), [first, half])
    assert combine(("sm4", "DPK", 1), [first, half]).slots() == [("sm4", "DPK", 1)]


# --- commands -------------------------------------------------------------------------------------


def test_an_encrypted_store_from_its_making_to_a_card(
    tmp_path: Path, passphrase_file: str, capsys: Capture
) -> None:
    keys, card, psam = (str(tmp_path / name) for name in ("issuer.keys", "a.ssc", "b.ssc"))
    create = ["keys", "create", keys, "--store", "encrypted"]
    assert main([*create, "--new-passphrase-file", passphrase_file]) == 0
    assert capsys.readouterr().out == (f"{keys}: random root keys for 3des and sm4, encrypted\n")
    issue = ["issue", "--generation", "1", "--keys", keys, "--out", card]
    issue += ["--holder", str(EXAMPLES / "holder.json")]
    holder = json.loads((EXAMPLES / "holder.json").read_text())
    holder.pop("files")
    (tmp_path / "holder.json").write_text(json.dumps(holder))
    issue[-1] = str(tmp_path / "holder.json")
    assert main([*issue, "--passphrase-file", passphrase_file]) == 0
    make = ["psam", "--keys", keys, "--level", "1", "--terminal-id", "510100000001", "--out", psam]
    assert main([*make, "--passphrase-file", passphrase_file]) == 0
    capsys.readouterr()
    with open_store(keys, PASSPHRASE) as store:
        assert store.slots() == sorted(root_slots())


def test_the_shell_and_the_driver_take_an_encrypted_store(
    sealed: Path, tmp_path: Path, passphrase_file: str, capsys: Capture
) -> None:
    card, lines = str(tmp_path / "a.ssc"), tmp_path / "lines"
    keys = ["--keys", str(sealed), "--passphrase-file", passphrase_file]
    issue = ["issue", "--generation", "3", "--out", card, *keys]
    assert main([*issue, "--holder", str(EXAMPLES / "holder.json")]) == 0
    lines.write_text("select SSSE\nia\n")
    assert main(["shell", "--card", card, "-c", str(lines), *keys]) == 0
    capsys.readouterr()
    assert main(["driver", "iReadCardBas_HSM", "1", "--card", card, *keys]) == 0
    assert "Z00000013" in capsys.readouterr().out


def test_the_passphrase_comes_from_the_environment(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    show = ["keys", "show", str(sealed)]
    assert "needs its passphrase" in error_of(show, capsys)
    monkeypatch.setenv("SSCARD_PASSPHRASE", PASSPHRASE)
    assert main(show) == 0
    capsys.readouterr()
    monkeypatch.setenv("SSCARD_PASSPHRASE", "wrong" * 4)
    assert "the passphrase is wrong or the file is damaged" in error_of(show, capsys)
    absent = str(tmp_path / "absent")
    assert absent in error_of([*show, "--passphrase-file", absent], capsys)
    (tmp_path / "latin1").write_bytes(b"caf\xe9 caf\xe9 caf\xe9")
    latin1 = str(tmp_path / "latin1")
    error = error_of([*show, "--passphrase-file", latin1], capsys)
    assert error == f"sscard: error: {latin1}: must be UTF-8 text\n"


def test_show_tells_check_values_and_no_key(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "roots.json"
    roots = create_roots()
    roots.save(path)
    assert main(["keys", "show", str(path), "--json"]) == 0
    shown = capsys.readouterr().out
    document = json.loads(shown)
    assert document["roots"] == str(path)
    assert document["kind"] == "plain"
    listed = {(k["algorithm"], k["name"], k["version"]): k["check_value"] for k in document["keys"]}
    assert list(listed) == roots.slots()
    assert main(["keys", "show", str(path)]) == 0
    text = capsys.readouterr().out
    assert f"{path}: plain, {len(listed)} keys" in text
    for slot, value in listed.items():
        assert value == check_value(roots, slot).hex().upper()
        assert f"{slot[2]} {value}" in text
        (key,) = roots.diversify(*slot, [()])
        assert key.hex().upper()[6:] not in shown + text


def test_convert_between_files(tmp_path: Path, passphrase_file: str, capsys: Capture) -> None:
    plain, sealed, back = (str(tmp_path / name) for name in ("a.json", "b.keys", "c.json"))
    roots = create_roots()
    roots.save(plain)
    new, old = ["--new-passphrase-file", passphrase_file], ["--passphrase-file", passphrase_file]
    assert main(["keys", "convert", plain, sealed, *new]) == 0
    assert f"{len(roots.slots())} keys, all check values as in {plain}" in capsys.readouterr().out
    assert main(["keys", "convert", sealed, back, "--store", "plain", *old, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["keys"]) == len(roots.slots())
    assert Path(back).read_bytes() == roots.document()
    assert "--force" in error_of(["keys", "convert", plain, sealed, *new], capsys, 1)
    (tmp_path / "short").write_text("short\n")
    short = ["--new-passphrase-file", str(tmp_path / "short"), "--force"]
    error = error_of(["keys", "convert", plain, sealed, *short], capsys)
    assert f"{sealed}: a new passphrase must have 12 characters or more" in error
    with open_store(sealed, PASSPHRASE) as store:  # still the first one
        assert store.slots() == roots.slots()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["keys", "create", "pkcs11:token=a", "--store", "plain"], "do not go with a token"),
        (["keys", "create", "pkcs11:token=a", "--force"], "do not go with a token"),
        (["keys", "create", "pkcs11:token=a"], "module-path is missing"),
        (["keys", "create", "x.json", "--empty"], "--empty goes with --store encrypted"),
        (["keys", "convert", "x.json", "pkcs11:token=a", "--force"], "do not go with a token"),
        (["keys", "import", "x.json", "dpk", "--algorithm", "sm4"], "capital letters"),
        (["keys", "import", "x.json", "DPK"], "--algorithm"),
        (["keys", "show", "nothere.json"], "nothere.json: cannot be read"),
    ],
)
def test_wrong_usage(arguments: list[str], part: str, capsys: Capture) -> None:
    assert part in error_of(arguments, capsys)


def test_components_are_not_read_from_a_pipe(sealed: Path, capsys: Capture) -> None:
    arguments = ["keys", "import", str(sealed), "DPK", "--algorithm", "sm4"]
    assert "typed at a terminal" in error_of(arguments, capsys, 1)


# --- at a terminal --------------------------------------------------------------------------------


class Terminal:
    """A person at a terminal of their own, in front of ``sscard``."""

    def __init__(self, *arguments: str) -> None:
        self._own, theirs = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SSCARD_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sscard_cli", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment | {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"},
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = ""
        self._seen = 0

    def wait_for(self, text: str) -> str:
        """Read on until ``text`` stands on the screen behind what was seen before."""
        deadline = time.monotonic() + 60
        while text not in self.screen[self._seen :]:
            ready, _, _ = select.select([self._own], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} does not come: {self.screen!r}"
            try:
                part = os.read(self._own, 4096).decode()
            except OSError:
                part = ""
            assert part, f"{text!r} does not come any more: {self.screen!r}"
            self.screen += part
        at = self.screen.index(text, self._seen) + len(text)
        before, self._seen = self.screen[self._seen : at], at
        return before

    def answer(self, prompt: str, line: str) -> None:
        self.wait_for(prompt)
        time.sleep(0.05)  # the prompt is written just before the echo is switched off
        os.write(self._own, line.encode() + b"\n")

    def end(self) -> int:
        while True:
            try:
                part = os.read(self._own, 4096)
            except OSError:
                break
            if not part:
                break
            self.screen += part.decode()
        code = self._process.wait(60)
        os.close(self._own)
        return code


def test_a_ceremony_at_a_terminal(tmp_path: Path) -> None:
    path = str(tmp_path / "issuer.keys")
    terminal = Terminal("keys", "create", path, "--store", "encrypted", "--empty")
    terminal.answer(f"New passphrase of {path}: ", PASSPHRASE)
    terminal.answer("Repeat for confirmation: ", PASSPHRASE)
    terminal.wait_for("no keys yet, encrypted")
    assert terminal.end() == 0
    assert PASSPHRASE not in terminal.screen

    arguments = ["keys", "import", path, "DPK", "--algorithm", "sm4", "--version", "2"]
    terminal = Terminal(*arguments, "--components", "3")
    terminal.answer(f"Passphrase of {path}: ", PASSPHRASE)
    for number, part in enumerate((FIRST, SECOND, THIRD), 1):
        value = Component(part).check_value("sm4").hex().upper()
        prompt = f"Component {number} of 3, 32 hex digits: "
        if number == 2:  # mistyped: first no component at all, then another one
            terminal.answer(prompt, part.hex()[1:])
            terminal.wait_for("component: must be 32 hex digits")
            terminal.answer(prompt, part.hex().replace("5", "6"))
            terminal.answer("Right? [y/N]: ", "n")
        terminal.answer(prompt, part.hex())
        terminal.wait_for(f"Component {number}: check value {value}. ")
        terminal.answer("Right? [y/N]: ", "y")
    terminal.answer("Store it? [y/N]: ", "y")
    terminal.wait_for("sm4 DPK version 2, check value ")
    assert terminal.end() == 0
    for part in (FIRST, SECOND, THIRD):
        assert part.hex() not in terminal.screen
    wanted = bytes(a ^ b ^ c for a, b, c in zip(FIRST, SECOND, THIRD, strict=True))
    with open_store(path, PASSPHRASE) as store:
        assert store.slots() == [("sm4", "DPK", 2)]
        assert store.diversify("sm4", "DPK", 2, [()]) == [wanted]

    terminal = Terminal(*arguments)
    terminal.answer(f"Passphrase of {path}: ", PASSPHRASE)
    terminal.wait_for("is there already")  # before anybody types a component
    assert terminal.end() == 2


def test_a_ceremony_that_is_broken_off(tmp_path: Path) -> None:
    path = tmp_path / "roots.json"
    RootKeys({("sm4", "IRK", 1): FIRST}).save(path)
    before = path.read_bytes()
    arguments = ["keys", "import", str(path), "MYOWN", "--algorithm", "3des"]
    terminal = Terminal(*arguments, "--check-value", "000000")
    terminal.wait_for("note: MYOWN is no key of the standard's own files")
    for number, part in enumerate((FIRST, SECOND), 1):
        terminal.answer(f"Component {number} of 2, 32 hex digits: ", part.hex())
        terminal.answer("Right? [y/N]: ", "y")
    terminal.wait_for("3des: MYOWN: 1: the check value is not the expected one")
    assert terminal.end() == 2
    terminal = Terminal(*arguments)
    for _ in range(3):
        terminal.answer("Component 1 of 2, 32 hex digits: ", FIRST.hex())
        terminal.answer("Right? [y/N]: ", "n")
    terminal.wait_for("component 1: not confirmed in 3 tries, nothing is stored")
    assert terminal.end() == 1
    assert path.read_bytes() == before
