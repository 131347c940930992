# SPDX-License-Identifier: Apache-2.0
"""libSSCardDriver.so and its C test program, built once, with cards on which to try them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from sscard_chip.standard.errors import ExtraMissingError
from sscard_driver.build import NAME, BuildError, build_libraries
from tests.bench.desk import PIN, Desk

Options = Mapping[str, str]
_NO_OPTIONS: Options = MappingProxyType({})
_KEPT = ("PATH", "PCSCLITE_CSOCK_NAME")

FILES = "DF01EF05|20|21|$"


@dataclass(frozen=True)
class Native:
    """``directory`` has the library, its header and the test program."""

    directory: Path

    @property
    def library(self) -> Path:
        return self.directory / NAME

    def run(
        self,
        *arguments: str,
        options: Options = _NO_OPTIONS,
        code: int = 0,
        codec: str = "gb18030",
    ) -> list[tuple[str, int, str]]:
        """Run the test program; function, return code and pOutInfo of each call it made."""
        lines = self.output(*arguments, options=options, code=code, codec=codec).splitlines()
        calls = []
        for head, text in zip(lines[::2], lines[1::2], strict=True):
            name, _, result = head.partition(" ")
            calls.append((name, int(result), text))
        return calls

    def output(
        self, *arguments: str, options: Options = _NO_OPTIONS, code: int = 0, codec: str = "gb18030"
    ) -> str:
        """What the test program prints. Non-ASCII arguments go to it in ``codec``."""
        command = [str(self.directory / "driver_test").encode()]
        command += [argument.encode(codec) for argument in arguments]
        return execute(command, environment(options), code).decode(codec)


@dataclass(frozen=True)
class Images:
    """Image files of a desk's card and PSAM, as a configuration names them."""

    card: Path
    psam: Path
    desk: Desk
    options: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.options.update(card=str(self.card), psam=str(self.psam), pin=PIN)

    @classmethod
    def of(cls, desk: Desk, folder: Path) -> Images:
        """Save both; the desk keeps cards of its own, equal to those in the files."""
        assert desk.psam_card is not None
        images = cls(folder / "card.ssc", folder / "psam.ssc", desk)
        desk.card.save(images.card)
        desk.psam_card.save(images.psam)
        return images


def environment(options: Options = _NO_OPTIONS) -> dict[str, str]:
    """Only the options, and what a program needs to be found: the library must do with that."""
    kept = {
        name: os.environ[name] for name in ("PATH", "PCSCLITE_CSOCK_NAME") if name in os.environ
    }
    return kept | {f"SSCARD_DRIVER_{name.upper()}": value for name, value in options.items()}


def execute(command: list[bytes] | list[str], variables: dict[str, str], code: int = 0) -> bytes:
    """Run a program, which must end with ``code``; its stdout."""
    done = subprocess.run(
        command, env=variables, cwd="/", capture_output=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def build_or_skip(directory: Path) -> Native:
    """Build; without compiler or cffi skip, or fail where nobody would ever run the tests."""
    try:
        build_libraries(directory)
    except (BuildError, ExtraMissingError) as error:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI must build the library: {error}", pytrace=False)
        pytest.skip(str(error))
    return Native(directory)
