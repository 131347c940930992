# SPDX-License-Identifier: Apache-2.0
"""Programs that load the library themselves: in C by dlopen, in Python by ctypes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sscard_driver.build import find_compiler
from sscard_driver.libraries import LIBRARIES
from tests.bank.bank import PAN
from tests.bank.bank import issue as issue_linked
from tests.bench.desk import NAME, Desk
from tests.bench.issued import roots
from tests.native.native import Images, Native, Options, environment, execute

# Plug-ins of hospital programs are loaded like this: late, and with local symbols.
LATE_C = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    char out[1024];
    void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
    long (*read)(int, char *);
    long code;
    if (library == NULL) { puts(dlerror()); return 2; }
    *(void **)&read = dlsym(library, "iReadCardBas");
    code = read(1, out);
    printf("%ld\n%s\n", code, out);
    return code != 0;
}
"""

BASICS_PY = r"""
import ctypes, sys
names = set(globals())
library = ctypes.CDLL(sys.argv[1])
library.iReadCardBas.restype = ctypes.c_long
out = ctypes.create_string_buffer(1024)
print(library.iReadCardBas(1, out), out.value.decode("gbk"))
assert set(globals()) == names | {"names", "library", "out"}
"""

# Every function of every library with every pointer NULL, and every size 0; what is not NULL, a
# short string. -14 ("9999" of a function that gives a text) and empty strings.
NULLS_PY = r"""
import ctypes, sys
from pathlib import Path
from sscard_driver.libraries import LIBRARIES
tried = 0
for library in LIBRARIES.values():
    loaded = ctypes.CDLL(str(Path(sys.argv[1]).parent / f"lib{library.name}.so"))
    for name, export in library.exports.items():
        function = getattr(loaded, name)
        text = export.result == "char *"
        function.restype = ctypes.c_char_p if text else ctypes.c_long
        if export.result == "int":
            function.restype = ctypes.c_int
        kinds = [p.name if p.type is str else int for p in export.parameters]
        for out in export.outs:
            kinds += [out, bool] if out.length else [out]
        for at, kind in enumerate(kinds):
            if kind is int or kind in export.optional:
                continue
            values = []
            for other in kinds:
                if other is int:
                    values.append(1)
                elif other is bool:
                    values.append(64)
                elif isinstance(other, str):
                    values.append(ctypes.c_char_p(b"x"))
                else:
                    values.append(ctypes.create_string_buffer(b"Z" * 64))
            values[at] = 0 if kind is bool else None
            assert function(*values) == (b"9999" if text else -14), (name, at)
            for index, (value, other) in enumerate(zip(values, kinds)):
                if hasattr(value, "raw"):
                    wrote = index != at - 1 or kind is not bool
                    assert value.raw[:1] == (b"\0" if wrote else b"Z"), (name, at)
                    assert value.raw[1:64] == b"Z" * 63
            tried += 1
print(tried)
"""

ACCOUNT_PY = r"""
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.iReadPBOCAccount.restype = ctypes.c_long
out = ctypes.create_string_buffer(1024)
print(library.iReadPBOCAccount(1, out), out.value.decode("gbk"))
"""

# A buffer of exactly 1024 bytes at the end of a page that nothing may write behind, which is also
# the parameter: iReadCardBas_HSM_Step2 with one buffer for the key and the answer.
ONE_BUFFER_PY = r"""
import ctypes, mmap, sys
library = ctypes.CDLL(sys.argv[1])
page = mmap.PAGESIZE
memory = mmap.mmap(-1, 2 * page)
base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mprotect(ctypes.c_void_p(base + page), page, 0) == 0
out = ctypes.c_void_p(base + page - 1024)
call = lambda name, *values: (getattr(library, name)(*values), ctypes.string_at(out).decode("gbk"))
print(*call("iReadCardBas_HSM_Step1", 1, out))
print(*call("iHSM_Answer", b"iReadCardBas_HSM_Step1", out, out))
print(*call("iReadCardBas_HSM_Step2", out, out))
print(*call("iReloadPIN", 1, b"x" * 2000, out))
print(*call("iReloadPIN", 1, b"x" * 70000, out))
"""


def python(native: Native, script: str, *flags: str, options: Options | None = None) -> list[str]:
    """Run a script as a program of its own, with the library as its argument."""
    command = [sys.executable, *flags, "-c", script, str(native.library)]
    variables = {**environment(options or {}), "PYTHONUTF8": "1"}
    return execute(command, variables).decode().splitlines()


def test_a_c_program_that_loads_it_late(native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    source, program = tmp_path / "late.c", tmp_path / "late"
    source.write_text(LATE_C)
    subprocess.run([*find_compiler(), source, "-ldl", "-o", program], check=True)
    output = execute([str(program), str(native.library)], environment(images.options))
    code, text = output.decode("gbk").splitlines()
    assert (int(code), text) == images.desk.call("iReadCardBas", 1)


def test_a_python_program(native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(3), tmp_path)
    (line,) = python(native, BASICS_PY, options=images.options)
    assert line.startswith("0 510100|")
    assert NAME in line


def test_a_python_program_without_any_packages(native: Native, tmp_path: Path) -> None:
    """-I -S: no site-packages, no environment; the library knows where its own are."""
    images = Images.of(Desk(3), tmp_path)
    (line,) = python(native, BASICS_PY, "-I", "-S", options=images.options)
    assert line.startswith("0 510100|")


def test_the_account_of_a_linked_card(native: Native, tmp_path: Path) -> None:
    card = tmp_path / "linked.ssc"
    issue_linked(pan_sequence="07").save(card)
    (line,) = python(native, ACCOUNT_PY, options={"card": str(card)})
    assert line == f"0 {PAN}|07|203607|"


def test_null_pointers(native: Native) -> None:
    root = os.fspath(Path(__file__).resolve().parents[2])
    script = f"import sys; sys.path.append({root!r})\n{NULLS_PY}"
    wanted = 0
    for library in LIBRARIES.values():
        for export in library.exports.values():
            pointers = [p.name for p in export.parameters if p.type is str]
            wanted += len(set(pointers) - export.optional)
            wanted += sum(2 if out.length else 1 for out in export.outs)
    assert wanted > 60
    assert python(native, script) == [str(wanted)]


def test_one_buffer_for_parameter_and_answer_and_none_behind_it(
    native: Native, tmp_path: Path
) -> None:
    images = Images.of(Desk(3), tmp_path)
    roots().save(tmp_path / "roots.json")
    lines = python(
        native, ONE_BUFFER_PY, options=images.options | {"keys": str(tmp_path / "roots.json")}
    )
    basics = images.desk.with_hsm("iReadCardBas", 1).output
    assert [line.split()[0] for line in lines] == ["0", "0", "0", "-14", "-42"]
    assert lines[2] == f"0 {basics}"
