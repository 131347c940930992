# SPDX-License-Identifier: Apache-2.0
"""Papers by touch: what comes out of the terminal's printer is looked at."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import zxingcpp
from PIL import Image, ImageChops
from playwright.sync_api import Browser

from sscard_service.papers import check_signature
from tests.service.city import KEYS, VALID, photo
from tests.service.pages.conftest import (
    HOLDER,
    SIZES,
    Hall,
    confirm,
    push,
    screen,
    shows,
    sign_in,
    tap,
    touch,
)


def words(pdf: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, check=True,
                          timeout=60)  # fmt: skip
    return re.sub(r"\s+", " ", done.stdout.decode())


def signed(pdf: Path) -> bool:
    """Whether its signature is good; in a thread without a browser's loop."""
    assert KEYS.papers is not None
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(check_signature, pdf.read_bytes(), KEYS.papers.authority)
        return work.result().good


def picture(pdf: Path) -> Image.Image:
    """Its first page at 100 dpi."""
    command = ["pdftoppm", "-r", "100", "-f", "1", "-l", "1", "-png", "-singlefile"]
    subprocess.run([*command, str(pdf), str(pdf.with_suffix(""))], check=True, timeout=60)
    return Image.open(pdf.with_suffix(".png")).convert("RGB")


def test_papers_come_out_of_the_printer_by_touch(
    chromium: Browser, hall: Hall, tmp_path: Path
) -> None:
    details = {**VALID, "reason": "damaged"}
    receipt = hall.city.ask("replace", HOLDER, photo=photo(), details=details).data["receipt"]

    def taken(name: str) -> Path:
        """What the printer has got, taken out of it."""
        (found,) = hall.papers.iterdir()
        return found.rename(tmp_path / f"{name}.pdf")

    upright, wide = ({"width": size[0], "height": size[1]} for size in SIZES)
    with screen(chromium, SIZES[0]) as page:
        sign_in(page, hall)
        for size, item, choice, title in (
            (wide, "社会保险权益记录单", "2024", "2024年度社会保险个人权益记录单"),
            (upright, "社会保险权益记录单", "2025", "2025年度社会保险个人权益记录单"),
            (upright, "参保证明", "12个月", "12个月"),
            (wide, "参保证明", "24个月", "24个月"),
            (upright, "领卡证明", "", receipt),
        ):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            tap(page, "公共服务")
            tap(page, item)
            if choice:
                touch(page, page.locator("label", has_text=choice))
            confirm(page)
            shows(page, "正在打印")
            paper = taken(item)
            assert title in words(paper)
            assert "副 本" not in words(paper)
            assert signed(paper)
        page.set_viewport_size(wide)  # type: ignore[arg-type]
        tap(page, "公共服务")
        tap(page, "重新打印（副本）")
        confirm(page)  # the newest
        shows(page, "正在打印")
        again = taken("again")
        assert receipt in words(again)
        assert "副 本" in words(again)
        push(page, "结束服务")
        assert again.exists()  # taken papers are the visitor's

    seen = picture(tmp_path / "社会保险权益记录单.pdf")
    codes = {str(one.format).rpartition(".")[2]: one.text for one in zxingcpp.read_barcodes(seen)}
    assert any(text.startswith("http://127.0.0.1:8098/verify/") for text in codes.values())
    assert "51000099" in codes.values()
    red, green, _ = seen.split()
    seal = ImageChops.subtract(red, green).point([255 * (one > 60) for one in range(256)])
    assert seal.histogram()[255] > 500  # red
    (paper,) = [
        one for one in hall.city.ask("papers", HOLDER).data["papers"] if one["kind"] == "voucher"
    ]
    assert [one["event"] for one in paper["prints"]] == ["made", "made"]
