# SPDX-License-Identifier: Apache-2.0
"""The example of docs/field.md against a served bridge."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.browser.served import Served
from tests.browser.test_functions import CARD3

FIELD = Path(__file__).resolve().parents[2] / "docs" / "field.md"


def test_the_example_in_python(served: Served) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", FIELD.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (code,) = [one for one in blocks if "websockets" in one]
    code = code.replace("127.0.0.1:12342", f"{served.host}:{served.port}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert CARD3 in done.stdout.decode("utf-8")
