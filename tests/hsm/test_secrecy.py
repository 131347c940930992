# SPDX-License-Identifier: Apache-2.0
"""No clear root key in a file, log, repr, error or traceback of an encrypted store or a token.

Tracebacks are searched with the local variables of every frame, as debuggers show them.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from issuance.ceremony import Component, combine, import_key
from issuance.roots import RootKeys
from issuance.stores import RootStore, WorkingKeys, create_file_store, open_store
from sscard_chip.security.keystore import KeyStoreError
from sscard_cli.main import main
from tests.hsm.conftest import PIN, SLOTS, Tokens
from tests.hsm.secrets import Search

PASSPHRASE = "correct horse battery"
CHAIN = (b"510000sh", b"510100sx", bytes(8))

Request = Callable[[RootStore], object]


@pytest.fixture(scope="module")
def search(roots: RootKeys) -> Search:
    return Search(roots)


@pytest.fixture(scope="module", params=["encrypted", "pkcs11"])
def location(
    request: pytest.FixtureRequest,
    tokens: Tokens,
    roots: RootKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A store of each kind with ``roots``."""
    if request.param == "pkcs11":
        address = tokens.make()
        with open_store(address, PIN) as store:
            store.add(roots)
        return address
    path = tmp_path_factory.mktemp("encrypted") / "issuer.keys"
    with create_file_store(path, "encrypted", PASSPHRASE) as made:
        made.add(roots)
    return str(path)


def secret_of(location: str) -> str:
    return PIN if location.startswith("pkcs11:") else PASSPHRASE


@pytest.fixture
def store(location: str) -> Iterator[RootStore]:
    with open_store(location, secret_of(location)) as opened:
        yield opened


def test_the_search_finds_what_it_looks_for(
    roots: RootKeys, search: Search, tmp_path: Path
) -> None:
    (tmp_path / "plain.json").write_bytes(roots.document())
    assert len(search.in_files(tmp_path)) >= len(SLOTS)
    (key,) = roots.diversify(*SLOTS[0], [()])
    assert search.in_text(repr(key))
    assert search.in_bytes(pickle.dumps(roots))
    with pytest.raises(ValueError, match="not shown") as caught:
        raise ValueError("not shown")
    assert search.in_error(caught.value)  # for the local variable above
    assert search.in_text(repr(search)) == []


def test_files(location: str, search: Search, store: RootStore, tokens: Tokens) -> None:
    store.diversify(*SLOTS[0], [CHAIN])
    folder = tokens.folder if location.startswith("pkcs11:") else Path(location).parent
    assert search.in_files(folder) == []


def test_reprs(store: RootStore, search: Search, roots: RootKeys) -> None:
    with WorkingKeys(store) as working:
        working.diversify(*SLOTS[0], [CHAIN])
        shown = [store, working, roots, vars(store), vars(working), store.slots()]
        assert search.in_text(" ".join(map(repr, shown)) + str(store)) == []


WRONG: list[Request] = [
    lambda store: store.diversify("3des", "IRK", 3, [CHAIN]),
    lambda store: store.diversify("ssf33", "DPK", 1, [CHAIN]),
    lambda store: store.diversify("3des", "DPK", 1, [CHAIN, (bytes(7),)]),
    lambda store: store.diversify("sm4", "DPK", 1, [(b"", b"")]),
    lambda store: store.encrypt("3des", "DPK", 1, CHAIN, bytes(5)),
    lambda store: store.encrypt("sm4", "DPK", 1, (), bytes(5)),
    lambda store: store.encrypt("sm4", "DPK", 1, (bytes(9),), bytes(16)),
    lambda store: store.mac("sm4", "DPK", 1, CHAIN, bytes(17), b""),
    lambda store: store.mac("3des", "DPK", 1, CHAIN, bytes(17), b""),
    lambda store: store.generate(SLOTS),
    lambda store: open_store(store.source + "x", "wrong" * 5),
]


@pytest.mark.parametrize("request_number", range(len(WRONG)))
def test_errors_and_tracebacks(request_number: int, store: RootStore, search: Search) -> None:
    with pytest.raises(KeyStoreError) as caught:
        WRONG[request_number](store)
    assert search.in_error(caught.value) == []


def test_keys_that_are_refused(store: RootStore, search: Search, roots: RootKeys) -> None:
    with pytest.raises(KeyStoreError) as caught:
        store.add(roots)
    assert search.in_error(caught.value) == []


@pytest.mark.parametrize("secret", ["wrong" * 5, ""])
def test_a_wrong_passphrase(secret: str, location: str, search: Search) -> None:
    with pytest.raises(KeyStoreError) as caught:
        open_store(location, secret)
    assert search.in_error(caught.value) == []
    trace = caught.getrepr(style="native")
    assert secret_of(location) not in str(trace)


def test_a_session_lost_with_a_key_in_hand(tokens: Tokens, roots: RootKeys, search: Search) -> None:
    """Any fault of the token while it is asked, or while a key is put in."""
    import pkcs11

    with open_store(tokens.make(), PIN) as store:
        store.add(roots)
        for work in (
            lambda: store.diversify("3des", "DPK", 1, [CHAIN]),
            lambda: store.diversify("sm4", "DPK", 1, [CHAIN]),
            lambda: store.encrypt("3des", "DPK", 1, (), bytes(8)),
        ):
            store.slots()  # logged in
            pkcs11.lib(tokens.module).reinitialize()
            with pytest.raises(KeyStoreError) as caught:
                work()
            assert search.in_error(caught.value) == []
    with open_store(tokens.make(), PIN) as store:
        store.generate([])  # now the session may write
        pkcs11.lib(tokens.module).reinitialize()
        with pytest.raises(KeyStoreError) as caught:
            store.add(roots)
        assert search.in_error(caught.value) == []


def test_a_file_that_cannot_be_written(roots: RootKeys, search: Search, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with create_file_store(folder / "issuer.keys", "encrypted", PASSPHRASE) as store:
        folder.rmdir()
        with pytest.raises(KeyStoreError, match="cannot be written") as caught:
            store.add(roots)
        assert store.slots() == []
    assert search.in_error(caught.value) == []


def test_a_ceremony(tmp_path: Path) -> None:
    """The root and both of its components."""
    slot = ("sm4", "DPK", 1)
    first, second = Component(os.urandom(16)), Component(os.urandom(16))
    keys = combine(slot, [first, second])
    parts = RootKeys({("sm4", "PARTA", 1): first.value, ("sm4", "PARTB", 1): second.value})
    searches = [Search(keys), Search(parts)]
    with create_file_store(tmp_path / "issuer.keys", "encrypted", PASSPHRASE) as store:
        import_key(store, slot, [first, second])
        with pytest.raises(KeyStoreError) as again:
            import_key(store, slot, [first, second])
        with pytest.raises(ValueError, match="the check value is not the expected one") as wrong:
            import_key(store, slot, [first, second], expected=bytes(3), replace=True)
        with pytest.raises(ValueError, match="cancel each other") as nothing:
            import_key(store, slot, [first, first])
    for one in searches:
        assert one.in_text(repr([first, second, keys])) == []
        assert one.in_files(tmp_path) == []
        for caught in (again, wrong, nothing):
            assert one.in_error(caught.value) == []


def test_logs_and_commands(
    location: str,
    search: Search,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Everything that commands print, with --debug, and everything that is logged."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        monkeypatch.setenv("SSCARD_PASSPHRASE", secret_of(location))
        psam = ["psam", "--keys", location, "--terminal-id", "510100000001"]
        out = ["--out", str(tmp_path / "psam.ssc")]
        codes = [
            main(["keys", "show", location, "--json"]),
            main(["keys", "show", location]),
            main(["--debug", *psam, "--level", "3", *out]),
            main(["--debug", "keys", "convert", location, location + "x"]),
            main(["--debug", "keys", "import", location, "DPK", "--algorithm", "sm4"]),
        ]
        monkeypatch.setenv("SSCARD_PASSPHRASE", "wrong" * 5)
        codes.append(main(["--debug", "keys", "show", location]))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    output = capfd.readouterr()
    assert codes[:2] == [0, 0]
    assert all(codes[2:])
    assert "Traceback" in output.err
    for text in (output.out, output.err, stream.getvalue()):
        assert search.in_text(text) == []
        assert secret_of(location) not in text
