# SPDX-License-Identifier: Apache-2.0
"""Build the libraries with the C compiler: ``python -m sscard_driver.build``.

They belong to the Python that builds them: they start as that one, with its packages (those of
its virtual environment, installed or editable).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import SscardError, TerminalError, importing
from sscard_driver import wrappers
from sscard_driver.libraries import DRIVER, LIBRARIES, Library
from sscard_driver.skf import functions as skf

NAME: Final = f"lib{DRIVER}.so"
HEADER: Final = f"{DRIVER}.h"
TEST_PROGRAMS: Final = {
    "driver_test": DRIVER,
    "medical_test": "HeaSecReadInfo",
    "skf_test": skf.NAME,
}
"""A program in C for each, and the library with which it is linked."""
DEFAULT_DIRECTORY: Final = Path("build/native")

_SOURCES: Final = Path(__file__).resolve().parent
_START: Final = """
from {module} import ffi
from sscard_driver.bridge import define_call
define_call(ffi, {library!r})
"""
_SKF_SOURCES: Final = _SOURCES / "skf"
_SKF_CALL: Final = "skf_call.h"
_SKF_START: Final = f"""
from {skf.MODULE} import ffi
from sscard_driver.skf.bridge import define_skf_call
define_skf_call(ffi)
"""
_CALLS: Final = "/* --- calls of texts and numbers"
"""Where in glue.c the start of Python ends."""
_FLAGS: Final = ("-std=gnu11", "-O2", "-fPIC", "-pthread")
_WARNINGS: Final = ("-Wall", "-Wextra", "-Werror")
_PACKAGES: Final = "on Debian: apt-get install gcc libc6-dev python3-dev"


class BuildError(TerminalError, RuntimeError):
    """Why there is no library; one line, or what the compiler says."""


def build_libraries(directory: Path) -> list[Path]:
    """Build all libraries, their headers and test programs into ``directory``; their paths.

    :raises BuildError: no C compiler, no cffi, no shared library of Python, or a compiler error.
    """
    compiler = find_compiler()
    python = find_python_library()
    directory.mkdir(parents=True, exist_ok=True)
    built = []
    with tempfile.TemporaryDirectory(prefix="sscard-driver-") as name:
        for library in LIBRARIES.values():
            built += _build(compiler, python, library, Path(name), directory)
        built.append(_build_skf(compiler, python, Path(name), directory))
    for program, library_name in TEST_PROGRAMS.items():
        _build_test_program(compiler, directory, program, library_name)
    return built


def file_names(library: Library) -> tuple[str, ...]:
    """Under which names a library is loaded; that of the machine's kind of processor is the last.

    >>> file_names(LIBRARIES["SSCardDriver"])
    ('libSSCardDriver.so',)
    """
    plain = f"lib{library.name}.so"
    if library.name != "HeaSecReadInfo":
        return (plain,)
    return plain, f"lib{library.name}.{platform.machine()}.so"


def _build(
    compiler: list[str], python: Path, library: Library, work: Path, directory: Path
) -> list[Path]:
    objects = []
    if library.exports:
        objects = _compile(compiler, library, work)
    symbols = work / "symbols"
    names = "; ".join([*library.exports, *library.others])
    exported = f"global: {names}; " if names else ""
    symbols.write_text(f"{{ {exported}local: *; }};\n")
    link = [*_link(symbols)]
    if objects:
        link += _python_link(python)
    paths = []
    for name in file_names(library):
        # The old library may be in use: what uses it keeps its file.
        made = work / name
        soname = f"-Wl,-soname,{name}"
        _run(*compiler, "-shared", "-pthread", *objects, *link, soname, "-o", str(made))
        _replace(made, directory / name)
        paths.append(directory / name)
    if library.exports:
        shutil.copyfile(_SOURCES / library.header, directory / library.header)
    return paths


def _compile(compiler: list[str], library: Library, work: Path) -> list[str]:
    """The object files of a library."""
    python_side = work / f"{library.name}-python.c"
    _emit(library, python_side)
    glue = work / f"{library.name}.c"
    text = (_SOURCES / "glue.c").read_text("utf-8").replace("LIBRARY_HEADER", library.header)
    glue.write_text(f"{text}\n{wrappers.source(library)}", "utf-8")
    include = (f"-I{_SOURCES}", f"-I{sysconfig.get_path('include')}")
    objects = []
    for source, options in ((python_side, ()), (glue, (*_WARNINGS, *_defines()))):
        objects.append(str(source.with_suffix(".o")))
        _run(*compiler, *_FLAGS, *options, *include, "-c", str(source), "-o", objects[-1])
    return objects


def _build_skf(compiler: list[str], python: Path, work: Path, directory: Path) -> Path:
    """The library of GM/T 0016: its calls have places in the program's memory, not texts."""
    declared, _, _ = skf.CALL.partition("/* The function's answer")
    python_side = work / f"{skf.NAME}-python.c"
    _emit_embedding(skf.MODULE, skf.CALL, declared, _SKF_START, python_side)
    start = (_SOURCES / "glue.c").read_text("utf-8").partition(_CALLS)[0]
    start = start.replace("LIBRARY_HEADER", skf.HEADER).replace("call.h", _SKF_CALL)
    (work / _SKF_CALL).write_text(skf.CALL, "utf-8")
    calls = (_SKF_SOURCES / "glue.c").read_text("utf-8")
    glue = work / f"{skf.NAME}.c"
    glue.write_text(f"{start}\n{calls}\n{skf.source()}", "utf-8")
    include = (f"-I{_SKF_SOURCES}", f"-I{work}", f"-I{sysconfig.get_path('include')}")
    objects = []
    for source, options in ((python_side, ()), (glue, (*_WARNINGS, *_defines()))):
        objects.append(str(source.with_suffix(".o")))
        _run(*compiler, *_FLAGS, *options, *include, "-c", str(source), "-o", objects[-1])
    symbols = work / "symbols"
    symbols.write_text(f"{{ global: {'; '.join(skf.SIGNATURES)}; local: *; }};\n")
    name = f"lib{skf.NAME}.so"
    link = (*_link(symbols), *_python_link(python), f"-Wl,-soname,{name}")
    _run(*compiler, "-shared", "-pthread", *objects, *link, "-o", str(work / name))
    _replace(work / name, directory / name)
    shutil.copyfile(_SKF_SOURCES / skf.HEADER, directory / skf.HEADER)
    return directory / name


def _link(symbols: Path) -> tuple[str, ...]:
    return (f"-Wl,--version-script={symbols}", "-Wl,-z,defs")


def _python_link(python: Path) -> tuple[str, ...]:
    """What a library that starts Python is linked with."""
    return (
        f"-L{python.parent}",
        f"-Wl,-rpath,{python.parent}",
        f"-lpython{sysconfig.get_config_var('LDVERSION')}",
        "-ldl",
    )


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


def _emit(library: Library, path: Path) -> None:
    """The C source of sscard_call, which starts the Python side."""
    declarations = (_SOURCES / "call.h").read_text("utf-8")
    module = f"_sscard_driver_{library.name.lower()}"
    structures, _, _ = declarations.partition("int sscard_call(")
    start = _START.format(module=module, library=library.name)
    _emit_embedding(module, declarations, structures, start, path)


def _emit_embedding(module: str, api: str, structures: str, start: str, path: Path) -> None:
    with importing("driver", "the driver library"):
        from cffi import FFI
    ffi = FFI()
    ffi.embedding_api(api)
    ffi.embedding_init_code(start)
    ffi.set_source(module, structures)
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


def _build_test_program(compiler: list[str], directory: Path, program: str, library: str) -> None:
    folder = _SKF_SOURCES if library == skf.NAME else _SOURCES
    source = str(folder / f"{program}.c")
    link = (f"-L{directory}", f"-l{library}", "-Wl,-rpath,$ORIGIN", "-pthread")
    # libpython is found by the rpath of the library, not by the linker of this program.
    options = (*_FLAGS, *_WARNINGS, f"-I{directory}", "-Wl,--allow-shlib-undefined")
    _run(*compiler, *options, source, *link, "-o", str(directory / program))


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
    """The command: prints the libraries' paths, or the error to stderr with exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m sscard_driver.build", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="default: %(default)s"
    )
    try:
        for path in build_libraries(parser.parse_args(arguments).directory):
            print(path)
    except (SscardError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
