# SPDX-License-Identifier: Apache-2.0
"""Build ``libSSCardDriver.so`` with the C compiler: ``python -m sscard_driver.build``.

The library belongs to the Python that builds it: it starts as that one, with its packages (those
of its virtual environment, installed or editable).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import SscardError, TerminalError, importing
from sscard_driver.exports import EXPORTS, Export

NAME: Final = "libSSCardDriver.so"
HEADER: Final = "SSCardDriver.h"
TEST_PROGRAM: Final = "driver_test"
DEFAULT_DIRECTORY: Final = Path("build/native")

_SOURCES: Final = Path(__file__).resolve().parent
_MODULE: Final = "_sscard_driver"
_START: Final = f"""
from {_MODULE} import ffi
from sscard_driver.bridge import define_call
define_call(ffi)
"""
_FLAGS: Final = ("-std=gnu11", "-O2", "-fPIC", "-pthread")
_WARNINGS: Final = ("-Wall", "-Wextra", "-Werror")
_PACKAGES: Final = "on Debian: apt-get install gcc libc6-dev python3-dev"


class BuildError(TerminalError, RuntimeError):
    """Why there is no library; one line, or what the compiler says."""


def build_library(directory: Path) -> Path:
    """Build the library, its header and the test program into ``directory``; the library's path.

    :raises BuildError: no C compiler, no cffi, no shared library of Python, or a compiler error.
    """
    compiler = find_compiler()
    library = find_python_library()
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sscard-driver-") as name:
        work = Path(name)
        cffi_source = work / "python.c"
        _emit(cffi_source)
        glue = work / "driver.c"
        wrappers = "\n".join(map(_wrapper, EXPORTS.values()))
        glue.write_text((_SOURCES / "glue.c").read_text("utf-8") + "\n" + wrappers, "utf-8")
        symbols = work / "symbols"
        symbols.write_text(f"{{ global: {'; '.join(EXPORTS)}; local: *; }};\n")
        include = (f"-I{_SOURCES}", f"-I{sysconfig.get_path('include')}")
        objects = []
        for source, warnings in ((cffi_source, ()), (glue, _WARNINGS)):
            objects.append(str(source.with_suffix(".o")))
            defines = _defines() if source is glue else ()
            options = (*_FLAGS, *warnings, *include, *defines)
            _run(*compiler, *options, "-c", str(source), "-o", objects[-1])
        link = (
            f"-Wl,--version-script={symbols}",
            f"-Wl,-soname,{NAME}",
            "-Wl,-z,defs",
            f"-L{library.parent}",
            f"-Wl,-rpath,{library.parent}",
            f"-lpython{sysconfig.get_config_var('LDVERSION')}",
            "-ldl",
        )
        # The old library may be in use: what uses it keeps its file.
        built = work / NAME
        _run(*compiler, "-shared", "-pthread", *objects, *link, "-o", str(built))
        _replace(built, directory / NAME)
    shutil.copyfile(_SOURCES / HEADER, directory / HEADER)
    _build_test_program(compiler, directory)
    return directory / NAME


def find_compiler() -> list[str]:
    """The C compiler as words: ``$CC``, else that of Python, else cc.

    :raises BuildError:
    """
    for line in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc"):
        words = shlex.split(line or "")
        if words and shutil.which(words[0]):
            return words[:1]
    raise BuildError(f"there is no C compiler ({_PACKAGES})")


def find_python_library() -> Path:
    """The shared library of this Python.

    :raises BuildError: when it or Python.h is missing.
    """
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        raise BuildError(f"there is no Python.h ({_PACKAGES})")
    name = f"libpython{sysconfig.get_config_var('LDVERSION')}.so"
    for variable in ("LIBDIR", "LIBPL"):
        path = Path(sysconfig.get_config_var(variable) or "") / name
        if path.exists():
            return path
    raise BuildError(f"this Python has no {name}; it must be built with --enable-shared")


def _emit(path: Path) -> None:
    """The C source of sscard_call, which starts the Python side."""
    with importing("driver", "the driver library"):
        from cffi import FFI
    declarations = (_SOURCES / "call.h").read_text("utf-8")
    ffi = FFI()
    ffi.embedding_api(declarations)
    ffi.embedding_init_code(_START)
    structure, _, _ = declarations.partition("int sscard_call(")
    ffi.set_source(_MODULE, structure)
    with contextlib.redirect_stdout(io.StringIO()):
        ffi.emit_c_code(str(path))


def _defines() -> tuple[str, ...]:
    """What glue.c knows of this Python."""
    packages = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), _SOURCES.parent)
    paths = dict.fromkeys(map(str, packages))
    library = sysconfig.get_config_var("INSTSONAME")
    values = {
        "SSCARD_PYTHON": sys.executable,
        "SSCARD_LIBPYTHON": library,
        "SSCARD_PATHS": ascii(list(paths)),
    }
    return tuple(f"-D{name}={_c_string(value)}" for name, value in values.items())


def _c_string(text: str) -> str:
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in os.fsencode(text)
    )
    return f'"{escaped}"'


def _wrapper(export: Export) -> str:
    texts = [parameter.name for parameter in export.parameters if parameter.type is str]
    missing = " || ".join(f"{name} == NULL" for name in [*texts, "pOutInfo"])
    values = ", ".join(
        f"{{0, {parameter.name}}}" if parameter.type is str else f"{{{parameter.name}, NULL}}"
        for parameter in export.parameters
    )
    return f"""\
{export.signature}
{{
    struct sscard_argument arguments[] = {{{values}}};

    if ({missing})
        return no_parameter(pOutInfo);
    return call("{export.name}", arguments, {len(export.parameters)}, pOutInfo);
}}
"""


def _build_test_program(compiler: list[str], directory: Path) -> None:
    program = directory / TEST_PROGRAM
    source = str(_SOURCES / f"{TEST_PROGRAM}.c")
    link = (f"-L{directory}", "-lSSCardDriver", "-Wl,-rpath,$ORIGIN", "-pthread")
    # libpython is found by the rpath of the library, not by the linker of this program.
    options = (*_FLAGS, *_WARNINGS, f"-I{directory}", "-Wl,--allow-shlib-undefined")
    _run(*compiler, *options, source, *link, "-o", str(program))


def _replace(source: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, beside)
    shutil.copymode(source, beside)
    beside.replace(target)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")


def main(arguments: list[str] | None = None) -> int:
    """The command: prints the library's path, or the error to stderr with exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m sscard_driver.build", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="default: %(default)s"
    )
    try:
        print(build_library(parser.parse_args(arguments).directory))
    except (SscardError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
