# SPDX-License-Identifier: Apache-2.0
"""Build the DLLs with mingw-w64: ``python -m sscard_driver.windows.build DIRECTORY``.

The same compiler gives the same bytes. Those in :mod:`.files` are of Debian 12; the sums beside
them name the compiler, and ``--check`` builds anew and compares.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import SscardError
from sscard_driver import wrappers
from sscard_driver.build import BuildError
from sscard_driver.exports import Export
from sscard_driver.libraries import LIBRARIES, Library
from sscard_driver.windows.files import FOLDER, SUMS, read_sums

_SOURCE: Final = Path(__file__).with_name("client.c")
_FLAGS: Final = (
    "-Os",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-asynchronous-unwind-tables",
    "-fno-ident",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-attributes",
)
_LINK: Final = ("-shared", "-nostdlib", "-s", "-Wl,--no-insert-timestamp")
_SYSTEM: Final = ("-lgcc", "-lws2_32", "-lkernel32")
_EMPTY: Final = """
#include <windows.h>
BOOL WINAPI DllMainCRTStartup(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
    (void)instance;
    (void)reason;
    (void)reserved;
    return TRUE;
}
"""
_PACKAGES: Final = "on Debian: apt-get install gcc-mingw-w64-i686-win32 gcc-mingw-w64-x86-64-win32"


@dataclass(frozen=True, slots=True)
class WindowsTarget:
    """A kind of program: folder of its DLLs, compiler, and whether functions are cdecl.

    On 64 bits there is one convention.
    """

    folder: str
    triple: str
    cdecl: bool = False

    @property
    def compiler(self) -> str:
        """The C compiler."""
        return f"{self.triple}-gcc-win32"

    @property
    def decorated(self) -> bool:
        """Whether names have the size of their parameters, as stdcall's on 32 bits."""
        return self.triple.startswith("i686") and not self.cdecl


TARGETS: Final = (
    WindowsTarget("win32", "i686-w64-mingw32"),
    WindowsTarget("win64", "x86_64-w64-mingw32"),
    WindowsTarget("win32-cdecl", "i686-w64-mingw32", cdecl=True),
)


def compiler_version() -> str:
    """What the compiler says that it is.

    :raises BuildError: there is none.
    """
    said = []
    for name in sorted({target.compiler for target in TARGETS}):
        if shutil.which(name) is None:
            raise BuildError(f"there is no {name} ({_PACKAGES})")
        said.append(_run(name, "--version").splitlines()[0])
        linker = name.replace("gcc-win32", "ld")
        said.append(_run(linker, "--version").splitlines()[0])
    return "; ".join(said)


def build_dlls(directory: Path) -> list[Path]:
    """Build all DLLs into folders of ``directory``; their paths.

    :raises BuildError: no compiler, or what it says.
    """
    compiler_version()
    paths = []
    for target in TARGETS:
        folder = directory / target.folder
        folder.mkdir(parents=True, exist_ok=True)
        for library in LIBRARIES.values():
            # Names of files are in the DLL's symbols: the same everywhere.
            with tempfile.TemporaryDirectory(prefix="sscard-dll-") as work:
                paths.append(_build(library, target, Path(work), folder))
    return paths


def exported_names(export: Export, target: WindowsTarget) -> list[str]:
    """Under which names GetProcAddress finds a function.

    >>> exported_names(LIBRARIES["SSCardDriver"].exports["iReadCardBas"], TARGETS[0])
    ['iReadCardBas', '_iReadCardBas@8']
    """
    if not target.decorated:
        return [export.name]
    return [export.name, f"_{export.name}@{4 * export.words}"]


def _build(library: Library, target: WindowsTarget, work: Path, folder: Path) -> Path:
    source = work / "library.c"
    if library.exports:
        functions = wrappers.source(_without_others(library), _head)
        source.write_text(f"{_SOURCE.read_text('utf-8')}\n{functions}", "utf-8")
    else:
        source.write_text(_EMPTY, "utf-8")
    rows = []
    for export in library.exports.values():
        inner = f"{export.name}@{4 * export.words}" if target.decorated else export.name
        rows += [f"  {name} = {inner}" for name in exported_names(export, target)]
    name = f"{library.name}.dll"
    definition = work / "library.def"
    definition.write_text("\n".join([f"LIBRARY {name}", "EXPORTS", *rows, ""]), "utf-8")
    defines = [f'-DLIBRARY="{library.name}"'] + ["-DSSCARD_CDECL"] * target.cdecl
    made = work / name
    inputs = (source.name, definition.name)
    command = (target.compiler, *_FLAGS, *defines, *_LINK, "-o", name, *inputs, *_SYSTEM)
    _run(*command, directory=work)
    shutil.copyfile(made, folder / name)
    return folder / name


def _without_others(library: Library) -> Library:
    """On Windows nobody asks for the names that do nothing."""
    return Library(library.name, library.exports, library.functions, {})


def _head(signature: str) -> str:
    """Results are long long: programs that declare 64 bits see the code, others notice nothing."""
    if signature.startswith("char *"):
        return signature.replace("char *", "char *API ", 1)
    return re.sub(r"^(long|int) ", "long long API ", signature)


def _run(*command: str, directory: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)
    if done.returncode:
        raise BuildError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    return done.stdout


def write_sums(directory: Path) -> None:
    """SHA-256 of all DLLs below ``directory``, and the compiler that made them.

    :raises BuildError: there is no compiler.
    """
    lines = [f"# {compiler_version()}"]
    for path in sorted(directory.glob("*/*.dll")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  {path.relative_to(directory).as_posix()}")
    (directory / SUMS).write_text("\n".join([*lines, ""]), "utf-8")


def check_dlls() -> str:
    """Build anew and compare with what ships; one line that says what was found.

    :raises BuildError: there is no compiler, or the same compiler gives other bytes.
    """
    compiler, shipped = read_sums(FOLDER)
    here = compiler_version()
    with tempfile.TemporaryDirectory(prefix="sscard-dlls-") as name:
        built = build_dlls(Path(name))
        different = [
            path.relative_to(name).as_posix()
            for path in built
            if hashlib.sha256(path.read_bytes()).hexdigest()
            != shipped.get(path.relative_to(name).as_posix())
        ]
    if here != compiler:
        return f"{len(built)} DLLs built by another compiler than those that ship ({here})"
    if different or len(built) != len(shipped):
        raise BuildError(f"built anew these differ: {', '.join(different)}")
    return f"{len(built)} DLLs built anew, byte for byte those that ship"


def main(arguments: list[str] | None = None) -> int:
    """The command; errors are one line on stderr with exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m sscard_driver.windows.build", description=__doc__
    )
    parser.add_argument("directory", type=Path, nargs="?", help="default: where they ship")
    parser.add_argument("--check", action="store_true", help="compare with those that ship")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            print(check_dlls())
            return 0
        directory = options.directory or FOLDER
        for path in build_dlls(directory):
            print(path)
        write_sums(directory)
    except (SscardError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
