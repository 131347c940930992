# SPDX-License-Identifier: Apache-2.0
"""Root keys by name, their key identifiers (KID) on the card, and 用途 of key records, each once.

A key of the card is diversified from the root of its name. Its KID is what P2 of EXTERNAL
AUTHENTICATE names: bit 8 says a key of the selected application, else it is one of SSSE.
LD/T 32.6, access tables; card page, section 5.3.
"""

from __future__ import annotations

from typing import Final

# --- keys without an identifier -----------------------------------------------------------------

IRK: Final = "IRK"
"""内部认证密钥: the card proves itself."""
DPK: Final = "DPK"
"""消费密钥 of the medical account."""
DLK: Final = "DLK"
"""划入密钥 of the medical account."""
DTK: Final = "DTK"
"""TAC密钥 of the medical account."""
MF_MASTER_KEY: Final = "MKMF"
SSSE_MASTER_KEY: Final = "MKSSSE"
DF01_MASTER_KEY: Final = "MKDF01"
"""Of DF01 on a card, and of the application of a PSAM."""

# --- keys by which a terminal gets a right, and their identifiers -------------------------------

STKSSSE: Final = "STKSSSE"
"""应用维护密钥 of SSSE: secure messaging."""
UKSSSE: Final = "UKSSSE"
BK: Final = "BK"
"""卡片锁定密钥."""
PUK: Final = "PUK"
"""个人密码解锁密钥."""
RKSSSE: Final = "RKSSSE"
DSK: Final = "DSK"
"""年度起始日期修改密钥."""

LOCAL_KEY: Final = 0x80
"""Bit 8 of a KID: a key of the selected application."""
STK_KID: Final = 0x02
"""应用维护密钥, in SSSE and, with bit 8, in each application."""
BK_KID: Final = 0x05
PUK_KID: Final = 0x06
LK_KID: Final = 0x83
"""应用锁定密钥 of DF03 and DF04."""
DSK_KID: Final = 0x8E
"""[L]."""


def _table() -> dict[str, int]:
    """Each directory's keys in the order of their identifiers, 82 first."""
    found = {STKSSSE: STK_KID, UKSSSE: 0x04, BK: BK_KID, PUK: PUK_KID, RKSSSE: 0x0A, DSK: DSK_KID}
    for directory, keys in (
        ("DF01", "STK UK1 UK2 UK3 UK4 UK5 RK1 UK6 UK7 UK8 UK9 UKA UKB"),
        ("DF02", "STK UK1 UK2 UK3 UK4 UK5 RK1 UK6"),
        ("DF03", "STK LK RK1 RK2 UK1 UK2 UK3 UK4 UK5 UK6 UK7 UK8"),
        ("DF04", "STK LK RK1 UK1 UK2"),
        ("DF05", "STK UK1"),
        ("DF06", "STK RK1 UK1 UK2 LK"),
        ("DF07", "STK RK1 RK2 RK3 UK1 UK2 UK3"),
    ):
        for number, key in enumerate(keys.split(), start=LOCAL_KEY | STK_KID):
            found[key + directory] = number
    return found


KID_OF_ROOT: Final = _table()
"""Key identifier by root name, the same in all generations: 02 to 0A of SSSE, 82 to 8E of a DF.

UK7DF01 to UKBDF01, and all of DF05 to DF07, are inferred [L].
"""

# --- 用途: the use byte of key records ------------------------------------------------------------

USE_EXTERNAL: Final = 0x00
USE_MAINTENANCE: Final = 0x01
USE_PURCHASE: Final = 0x02
USE_LOAD: Final = 0x09
USE_TAC: Final = 0x0C
USE_INTERNAL: Final = 0x1C
USE_PIN: Final = 0x1F

# Of deposit and purse only: DPUK, DRPK, DUK, DULK. The codes are those of a card family of the
# field [L]; only the card itself knows them.
USE_PIN_UNBLOCK: Final = 0x37
USE_PIN_RELOAD: Final = 0x38
USE_OVERDRAFT: Final = 0x3B
USE_UNLOAD: Final = 0x3C

# Of the bank application only; codes of the emulator's own [L].
USE_CRYPTOGRAM: Final = 0x40
USE_SCRIPT_MAC: Final = 0x41
USE_SCRIPT_CIPHER: Final = 0x42

# Of the certificate application only: what VERIFY proves, half the digest of a PIN [L].
USE_PIN_KEY: Final = 0x50

# Of the PSAM only.
USE_MAC: Final = 0x06
USE_ENCRYPTION: Final = 0x07
USE_MAC_AND_ENCRYPTION: Final = 0x08
USE_SAM_MAINTENANCE: Final = 0x05
"""应用维护密钥 of a transport PSAM: its card key itself makes MACs [M]."""
