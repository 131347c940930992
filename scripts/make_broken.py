# SPDX-License-Identifier: Apache-2.0
"""Write docs/broken-cards.md from the catalogue: ``python scripts/make_broken.py``.

A test fails when the page is not what the catalogue gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from issuance.broken import BROKEN

PAGE: Final = Path(__file__).parent.parent / "docs" / "broken-cards.md"
_HEAD: Final = """\
# Cards that are broken

A terminal is tested with cards that are not as they should be. Each of these is an issued card
with one thing wrong; everything else on it is right. This page is made of the catalogue in
`issuance/broken` by `python scripts/make_broken.py`.

```sh
sscard broken list
sscard issue --generation 2 --keys roots.json --holder zhang.json --out expired.ssc --broken expired
```

In pytest a fixture makes them, with PIN, account or bank where the card must have what is broken:

```python
def test_a_locked_pin_is_not_asked_for(issue_sscard):
    card = issue_sscard(2, broken="pin-locked")
    card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    assert card.transmit(bytes.fromhex("0020000000")) == b"\\x69\\x83"
```

In a program: `issuance.broken.break_card(memory, "pin-locked")` gives a broken copy. Cards that
fail in the reader (mute, slow, pulled out, without power) are on the page of
[the reader](vpcd.md#cards-that-fail).

*Needs*: the holder must have a PIN, an account (`account`) or a linked bank account (`bank`),
else it is refused.

| name | generations | needs | what is wrong | what a terminal should do |
|---|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    rows = []
    for one in BROKEN.values():
        needs = [
            name
            for name, needed in (
                ("PIN", one.name.startswith("pin-")),
                ("account", one.needs_account),
                ("bank", one.needs_bank),
            )
            if needed
        ]
        generations = ", ".join(map(str, sorted(one.generations)))
        wrong, terminal = (text.replace("|", "\\|") for text in (one.wrong, one.terminal))
        rows.append(
            f"| `{one.name}` {one.chinese} | {generations} | {', '.join(needs)} | {wrong} |"
            f" {terminal} |\n"
        )
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
