# SPDX-License-Identifier: Apache-2.0
"""The project as a whole: what the pages promise works as pasted, and the wheel is complete.

Fenced blocks of README.md and docs/*.md run in the order of the page, all in one scratch folder
that has ``examples/`` and ``vectors/``. ``python`` blocks are executed, by pytest if they hold
tests. ``console`` blocks hold lines ``$ command``, run with exit code 0, and the expected output
below them: there ``…`` stands for anything, and eight or more hex digits for as many others,
since keys are random. Other blocks (``sh``, and ``py`` for fragments) are for people alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = [
    path
    for folder in (
        "sscard_chip",
        "issuance",
        "sscard_service",
        "sscard_cli",
        "sscard_driver",
        "tests",
        "benchmarks",
        "examples",
    )
    for path in sorted((ROOT / folder).rglob("*.py"))
]

_FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEX = re.compile(r"\b[0-9A-F]{8,}\b")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]


def commands(block: Block) -> list[tuple[str, str]]:
    """The ``$`` lines of a console block, each with the output expected of it."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"line {block.line}: a console block begins with '$ '"
    split = [part.partition("\n") for part in parts[1:]]
    return [(command, output) for command, _, output in split]


def as_pattern(expected: str) -> str:
    def line_pattern(line: str) -> str:
        fixed = re.escape(line.rstrip()).replace("…", "[^\0]*?")
        return _HEX.sub(lambda match: f"[0-9A-F]{{{len(match[0])}}}", fixed)

    return r"\s*\n".join(map(line_pattern, expected.strip().splitlines())) + r"\s*"


def run(
    arguments: list[str], folder: Path, modules: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONUTF8": "1", "COLUMNS": "100", "NO_COLOR": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = f"{modules}{os.pathsep}{ROOT}"
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_page(page: Path, tmp_path: Path) -> None:
    run_examples(page, tmp_path)


def run_examples(page: Path, tmp_path: Path, modules: Path = ROOT) -> None:
    for folder in ("examples", "vectors"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for block in blocks(page):
        place = f"{page.name} line {block.line}"
        if block.language == "python":
            script = tmp_path / f"test_line_{block.line}.py"
            script.write_text(block.text, encoding="utf-8")
            how = ["-m", "pytest", "-q"] if "\ndef test_" in f"\n{block.text}" else []
            result = run([sys.executable, *how, str(script)], tmp_path, modules)
            assert result.returncode == 0, f"{place}: {result.stdout}{result.stderr}"
            continue
        for command, expected in commands(block):
            result = run(["bash", "-c", command], tmp_path, modules)
            assert result.returncode == 0, f"{place}: {command}: {result.stderr}"
            if expected.strip():
                pattern = as_pattern(expected)
                assert re.fullmatch(pattern, result.stdout), f"{place}: {command}\n{result.stdout}"


# What of the extras `make demo` does not install, by the names under which it is imported.
BEYOND_DEMO = ("cffi", "distributed", "gmalg", "gmssl_pyx", "openpyxl", "pkcs11", "smartcard")


@pytest.mark.parametrize(
    "name", ["bank-issuing", "bank", "purse", "transit", "batch", "keys", "pos"]
)
def test_a_page_works_after_make_demo(name: str, tmp_path: Path) -> None:
    """Other extras are not needed for its examples: their packages cannot be imported here."""
    lines = "".join(f"sys.modules[{module!r}] = None\n" for module in BEYOND_DEMO)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sitecustomize.py").write_text(f"import sys\n{lines}")
    run_examples(ROOT / "docs" / f"{name}.md", tmp_path, tmp_path / "modules")


_EXTRA = re.compile(r"\(extra `([a-z0-9]+)`\)|\.\[([a-z0-9]+)\]|\bextra `([a-z0-9]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_that_needs_an_extra_begins_with_it(page: Path) -> None:
    """With a line that installs from a clone: nothing of the project is published."""
    text = page.read_text(encoding="utf-8")
    assert "pip install sscard" not in text
    assert "sscard-chip[" not in text
    named = {one for match in _EXTRA.finditer(text) for one in match.groups() if one}
    if not named or page.name in ("README.md", "api.md", "architecture.md", "releasing.md"):
        return
    head = "\n".join(text.splitlines()[:4])
    assert "**" in head
    assert "pip install '.[" in head
    assert all(f"`{extra}`" in head for extra in named), named


def test_readme_has_tested_examples() -> None:
    languages = {block.language for block in blocks(ROOT / "README.md")}
    assert languages == {"python", "console"}


def test_the_chinese_readme_has_the_same_commands_in_the_same_order() -> None:
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
    )
    fence = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

    def of(page: str) -> list[tuple[str, str]]:
        return [
            # comments of a shell are in the language of the page
            (match[1], re.sub(r" +# .*", "", match[2]) if match[1] == "sh" else match[2])
            for match in fence.finditer(page)
        ]

    assert of(chinese) == of(english)
    assert len(of(english)) > 10
    assert english.count("\n## ") == chinese.count("\n## ")
    assert re.findall(r"\]\((docs/[^)]+)\)", chinese) == re.findall(r"\]\((docs/[^)]+)\)", english)
    # the figures of the speed table, which make bench prints
    figures = re.compile(r"^\| (\d+) \|[^|]*\|([^|]*)\|([^|]*)\|", re.MULTILINE)
    numbers = [
        [(row[1], re.findall(r"[\d.]+", row[2] + row[3])) for row in figures.finditer(page)]
        for page in (english, chinese)
    ]
    assert numbers[0] == numbers[1]
    rows = [int(row) for row, _ in numbers[0]]
    assert rows == sorted(set(rows))
    assert rows[:16] == list(range(1, 17))


@pytest.mark.parametrize(
    "page",
    [*PAGES, *(ROOT / name for name in ("README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md"))],
    ids=lambda page: page.name,
)
def test_links_of_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_file_names_its_licence(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first == "# SPDX-License-Identifier: Apache-2.0"


def test_news_tells_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    heading = re.search(r"^## (\S+)", (ROOT / "NEWS.md").read_text(), re.MULTILINE)
    assert heading is not None
    assert heading[1] == version


def test_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    packages = ("sscard_chip", "issuance", "sscard_service", "sscard_cli", "sscard_driver")
    wanted = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {f"{package}/py.typed" for package in packages} <= shipped
    assert wanted <= shipped
