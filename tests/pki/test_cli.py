# SPDX-License-Identifier: Apache-2.0
"""``sscard pki``: a user's way from a card without certificates to a signature that holds."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_cli.main import main
from tests.bench.issued import roots

ROOT = Path(__file__).parents[2]
DISTID = "distid:1234567812345678"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card with certificates, its authority, a letter."""
    folder = tmp_path_factory.mktemp("pki")
    roots().save(folder / "roots.json")
    holder = ROOT / "examples" / "holder.json"
    run = [
        ["issue", "--generation", "3", "--keys", f"{folder}/roots.json", "--holder", f"{holder}"],
        ["pki", "authority", f"{folder}/ca.json", "--certificate", f"{folder}/ca.pem"],
        ["pki", "init", f"{folder}/card.ssc"],
    ]
    run[0] += ["--out", f"{folder}/card.ssc"]
    for line in run:
        assert main(line) == 0
    shutil.copy(folder / "card.ssc", folder / "without.ssc")
    card = f"{folder}/card.ssc"
    line = ["pki", "write", card, "--authority", f"{folder}/ca.json", "--name", "林知夏"]
    assert main([*line, "--answer", f"{folder}/answer.json"]) == 0
    (folder / "letter.txt").write_bytes("一封信\n".encode() * 1000)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in made.iterdir():
        shutil.copy(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str, capsys: pytest.CaptureFixture[str], code: int = 0, *, words: str = "") -> str:
    capsys.readouterr()
    assert main(line.split()) == code
    output, error = capsys.readouterr()
    if code:
        assert error.count("\n") == 1
        assert words in error
    return output


@pytest.mark.parametrize("form", ["", " --raw"])
def test_a_signature_that_openssl_and_we_verify(
    place: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    run(f"pki sign letter.txt --card card.ssc --pin 123456 --out letter.sig{form}", capsys)
    line = "pki verify letter.txt --signature letter.sig"
    assert "signed by 林知夏\n" in run(f"{line} --card card.ssc --trust ca.pem", capsys)
    run("pki show card.ssc --trust ca.pem --export c", capsys)
    told = run(f"{line} --certificate c/signature.pem --json", capsys)
    assert json.loads(told) == {
        "signer": {"C": "CN", "ST": "四川省", "L": "成都市", "CN": "林知夏"},
        "trusted": False,
    }
    if not form:
        options = ["-rawin", "-digest", "sm3", "-pkeyopt", DISTID, "-certin"]
        files = ["-inkey", "c/signature.pem", "-in", "letter.txt", "-sigfile", "letter.sig"]
        subprocess.run(["openssl", "pkeyutl", "-verify", *options, *files], check=True)
        chain = ["openssl", "verify", "-CAfile", "ca.pem", "-vfyopt", DISTID]
        subprocess.run([*chain, "c/signature.pem", "c/encryption.pem"], check=True)
    (place / "letter.txt").write_text("another")
    run(f"{line} --card card.ssc", capsys, 1, words="is not the signer's under this file")


def test_what_is_not_trusted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("pki authority other.json --name 别的CA --certificate other.pem", capsys)
    run("pki show card.ssc --trust other.pem", capsys, 1, words="is not that authority's")
    run("pki sign letter.txt --card card.ssc --pin 123456 --out s", capsys)
    line = "pki verify letter.txt --signature s"
    run(f"{line} --card card.ssc --trust other.pem", capsys, 1, words="is not that authority's")
    run("pki show card.ssc --export c", capsys)
    words = "is not the signer's"
    run(f"{line} --certificate c/encryption.pem", capsys, 1, words=words)
    run(f"{line} --certificate ca.json", capsys, 2, words="must be DER, PEM or Base64")
    run(f"{line} --certificate c/signature.pem --card card.ssc", capsys, 2, words="one of")


def test_a_card_that_lacks_something(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "pki verify letter.txt --signature letter.txt --card without.ssc"
    run(line, capsys, 1, words="no certificate for signatures")
    shown = json.loads(run("pki show without.ssc --json", capsys))
    assert shown["key_proven"] is True
    assert shown["signature"]["certificate"] is None
    assert shown["encryption"] == {"public_key": None, "certificate": None}
    assert shown["tries"] == {"user": 6, "administrator": 6}


def test_a_card_without_the_application(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    issue = (
        f"issue --generation 3 --keys roots.json --holder {ROOT}/examples/holder.json --out n.ssc"
    )
    run(issue, capsys)
    words = "the card has no certificate application"
    run("pki show n.ssc", capsys, 1, words=words)
    run("pki sign letter.txt --card n.ssc --pin 1234 --out s", capsys, 1, words=words)
    run("pki write n.ssc --authority ca.json --name 林知夏", capsys, 1, words=words)
    run("pki init n.ssc --pin 2468 --admin-pin 13579246", capsys)
    request = json.loads(run("pki init n.ssc --json", capsys))
    assert len(request["public_key"]) == 128
    assert request["card_number"] == "Z00000013"
    again = json.loads(run("pki init n.ssc --renew --pin 2468 --admin-pin 13579246 --json", capsys))
    assert again["public_key"] != request["public_key"]
    run("pki init n.ssc --renew", capsys, 2, words="user PIN: wrong, 5 tries left")
    run(issue.replace("--generation 3", "--generation 2").replace("n.ssc", "o.ssc"), capsys)
    run("pki init o.ssc", capsys, 2, words="certificates: they came with generation 3")


def test_at_issue(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holder = json.loads((ROOT / "examples" / "holder.json").read_text("utf-8"))
    holder["certificates"] = {"user_pin": "2468", "master_key": "00" * 16}
    (place / "h.json").write_text(json.dumps(holder))
    line = "issue --generation {} --keys roots.json --holder h.json --out {}.ssc"
    run(line.format(3, "three"), capsys)
    assert "证书应用" in run("info three.ssc", capsys)
    run("pki init three.ssc --pin 2468", capsys)
    run(line.format(2, "two"), capsys, 2, words="certificates: a card of generation 2 has no")
    for field, value, rule in (
        ("user_pin", "12", "must be 4 to 16 digits"),
        ("administrator_pin", 12345678, "must be a text of digits"),
        ("master_key", "00", "must be 16 bytes, 32 hex digits"),
        ("pin", "1", "is not a field of it"),
    ):
        holder["certificates"] = {field: value}
        (place / "h.json").write_text(json.dumps(holder))
        run(line.format(3, "x"), capsys, 2, words=f"certificates {field}: {rule}")


def test_pins(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "pki sign letter.txt --card card.ssc --out s --pin"
    for left in range(5, 0, -1):
        run(f"{line} 999999", capsys, 1, words=f"PIN: wrong, {left} tries left")
    run(f"{line} 999999", capsys, 1, words="PIN: locked")
    run(f"{line} 123456", capsys, 1, words="PIN: locked")
    run(f"{line} 12x4", capsys, 2, words="--pin: must be 4 to 16 digits")
    assert not (place / "s").exists()


def test_new_certificates_in_place_of_old_ones(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The card has the authority's PIN and master keys by now, and all its tries afterwards."""
    line = "pki write card.ssc --authority ca.json --name 林知夏 --json"
    first = json.loads(run(line, capsys))
    second = json.loads(run(line, capsys))
    assert first["signature_serial"] != second["signature_serial"]
    shown = json.loads(run("pki show card.ssc --trust ca.pem --json", capsys))
    assert shown["tries"] == {"user": 6, "administrator": 6}
    assert shown["signature"]["certificate"]["serial"] == second["signature_serial"]


def test_what_is_written_is_private_and_not_overwritten(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ca.json", "answer.json"):
        assert stat.S_IMODE((place / name).stat().st_mode) & 0o077 == 0
    answer = json.loads((place / "answer.json").read_text())
    assert list(answer) == ["QMZS", "JMZS", "JMMY", "GLYPIN", "ZKMY"]
    run("pki authority ca.json", capsys, 1, words="exists already")
    run("pki sign letter.txt --card card.ssc --out ca.json", capsys, 1, words="exists already")
    line = "pki write card.ssc --authority ca.json --name x --answer answer.json"
    run(line, capsys, 1, words="exists already")
    run("pki authority new.json --name", capsys, 2)


def test_a_certificate_of_another_key(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("pki init card.ssc --renew --admin-pin 00000000", capsys, 2, words="administrator's PIN")
    answer = json.loads((place / "answer.json").read_text())
    run(f"pki init card.ssc --renew --admin-pin {answer['GLYPIN']}", capsys)
    words = "the signature certificate is of another key than the card's"
    run("pki show card.ssc", capsys, 1, words=words)


def test_secrets_are_nowhere(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither info nor show has a private key, a PIN or a master key."""
    with Card.open(place / "card.ssc") as card:
        directory = next(d for d in card.files.directories if d.name == b"SS.CERT.ADF1")
        secrets = [
            bytes(file.memory.cells[file.body + 2 : file.body + 34])
            for file in directory.internal.values()
        ]
    answer = json.loads((place / "answer.json").read_text())
    shown = run("info card.ssc --json", capsys) + run("pki show card.ssc --json", capsys)
    assert len(secrets) == 2
    for secret in (*(one.hex().upper() for one in secrets), answer["GLYPIN"], answer["ZKMY"]):
        assert secret not in shown
