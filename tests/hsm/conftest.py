# SPDX-License-Identifier: Apache-2.0
"""Tokens of SoftHSM2 in a scratch folder.

Where softhsm2 is missing the tests are skipped, visibly; with CI=true they fail instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

from issuance.roots import RootKeys
from issuance.stores.pkcs11 import Pkcs11Store
from issuance.stores.tokenurl import TokenUrl

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
PIN = "31415926"
# One key of 3DES and one of SM4 with all their versions, and one that SM4 has alone.
SLOTS = [(suite, "DPK", version) for suite in ("3des", "sm4") for version in (1, 2, 3)]
SLOTS += [("3des", "MKMF", 1), ("sm4", "IRK", 1)]


def unavailable(reason: str) -> None:
    """Skip; or fail where a skip would mean that nobody ever runs the test."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"CI must have SoftHSM2: {reason}", pytrace=False)
    pytest.skip(reason)


class Tokens:
    """A folder of tokens, and the module that serves them."""

    def __init__(self, folder: Path, module: str) -> None:
        self.folder = folder
        self.module = module
        self._numbers = count(1)

    def make(self) -> str:
        """A new token; its address."""
        label = f"issuer {next(self._numbers)}"
        command = ["softhsm2-util", "--init-token", "--free", "--label", label]
        command += ["--pin", PIN, "--so-pin", "27182818"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        # The module reads the list of tokens when it starts.
        import pkcs11

        pkcs11.lib(self.module).reinitialize()
        return self.address(label)

    def address(self, label: str) -> str:
        return f"pkcs11:token={label.replace(' ', '%20')}?module-path={self.module}"


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    if find_spec("pkcs11") is None:
        unavailable("python-pkcs11 is not installed (pip install '.[hsm]' in a clone)")
    module = next((path for path in MODULES if os.path.exists(path)), None)
    if module is None or shutil.which("softhsm2-util") is None:
        unavailable("SoftHSM2 is not installed (apt-get install softhsm2)")
    assert module is not None
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
        "log.level = ERROR\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        yield Tokens(folder, module)


@pytest.fixture(scope="session")
def roots() -> RootKeys:
    """Random root keys for SLOTS."""
    return RootKeys({slot: os.urandom(16) for slot in SLOTS})


@pytest.fixture
def filled(tokens: Tokens, roots: RootKeys) -> str:
    """The address of a token with ``roots``."""
    address = tokens.make()
    with Pkcs11Store(TokenUrl.parse(address), PIN) as store:
        store.add(roots)
    return address


@pytest.fixture
def store(filled: str) -> Iterator[Pkcs11Store]:
    """A store on a token with ``roots``."""
    with Pkcs11Store(TokenUrl.parse(filled), PIN) as opened:
        yield opened
