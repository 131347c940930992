# SPDX-License-Identifier: Apache-2.0
"""CREATE FILE and WRITE KEY of a blank card (personalisation page, sections 2.2 to 2.4 [M]).

P2 of CREATE FILE says which layout its data field has; a name of at most 16 bytes ends that of a
directory, and bytes of the first records may end that of a file of variable records. WRITE KEY
carries the information of a key, then the key, in clear or enciphered behind its length.
"""

from __future__ import annotations

from typing import Any, Final

from construct import Const, GreedyBytes, Int8ub, Int16ub, Struct

from sscard_chip.standard.messages.fields import ALGORITHM, KEY_VERSION

_FID: Final = "fid" / Int16ub
_QUOTA: Final = "quota" / Int16ub
_FCI: Final = "fci_sfi" / Int8ub
_OF_DIRECTORY: Final = (
    "write_access" / Int8ub,
    "reload_kid" / Int8ub,
    "block_kid" / Int8ub,
    "limit" / Int8ub,
    "name" / GreedyBytes,
)
_RIGHTS: Final = (
    "read_access" / Int8ub,
    "write_access" / Int8ub,
    "read_right" / Int16ub,
    "write_right" / Int16ub,
    "read_kid" / Int8ub,
    "write_kid" / Int8ub,
)
_RECORDS: Final = (_FID, "record_length" / Int8ub, "records" / Int8ub, "opened" / Int8ub)


def _rfu(length: int) -> Any:
    return Const(bytes(length))


CREATE_MF: Final = Struct(
    _FID, "app_type" / Int8ub, ALGORITHM, "atr_sfi" / Int8ub, "dir_sfi" / Int8ub, _FCI,
    *_OF_DIRECTORY,
)  # fmt: skip
CREATE_DDF: Final = Struct(
    _FID, _QUOTA, "app_type" / Int8ub, ALGORITHM, _rfu(1), "dir_sfi" / Int8ub, _FCI, *_OF_DIRECTORY
)
CREATE_ADF: Final = Struct(
    _FID, _QUOTA, ALGORITHM, "app_type" / Int8ub, _rfu(2), _FCI, *_OF_DIRECTORY
)
CREATE_TRANSPARENT: Final = Struct(_FID, "size" / Int16ub, _rfu(1), *_RIGHTS)
CREATE_FIXED: Final = Struct(*_RECORDS, _rfu(1), "record_format" / Int8ub, *_RIGHTS)
CREATE_VARIABLE: Final = Struct(
    _FID, "size" / Int16ub, _rfu(1), "record_format" / Int8ub, *_RIGHTS, "lengths" / GreedyBytes
)
CREATE_CYCLIC: Final = Struct(*_RECORDS, "record_format" / Int8ub, *_RIGHTS)
CREATE_KEY_FILE: Final = Struct(
    _FID, "size" / Int16ub, "write_kid" / Int8ub, "write_access" / Int8ub, "write_right" / Int16ub
)
CREATE_AMOUNTS: Final = Struct(_FID, "account" / GreedyBytes)
"""医疗保险金额文件; the account when it is not to start at zero [L]."""

CREATE_FILE_OF_TYPE: Final = {
    0x00: CREATE_MF,
    0x01: CREATE_DDF,
    0x02: CREATE_ADF,
    0x03: CREATE_TRANSPARENT,
    0x04: CREATE_FIXED,
    0x05: CREATE_VARIABLE,
    0x07: CREATE_CYCLIC,
    0x0B: CREATE_KEY_FILE,
    0x0C: CREATE_AMOUNTS,
}
"""By P2 of CREATE FILE."""

KEY_INFORMATION: Final = Struct(
    "use" / Int8ub,
    "kid" / Int8ub,
    KEY_VERSION,
    ALGORITHM,
    _rfu(2),
    "limit" / Int8ub,
    "level" / Int8ub,
)
"""What a new key is, WRITE KEY P1 00: 密钥用途, identifier, version, algorithm, tries, level."""
PIN_INFORMATION: Final = Struct(
    "use" / Int8ub,
    "kid" / Int8ub,
    "unblock_kid" / Int8ub,
    "reload_kid" / Int8ub,
    _rfu(2),
    "limit" / Int8ub,
    _rfu(1),
)
"""The same of the PIN."""
KEY_REPLACED: Final = Struct("use" / Int8ub, "kid" / Int8ub, KEY_VERSION)
"""Which key gets another secret, WRITE KEY P1 01; of a master key use and identifier are 00."""
NEW_KEY: Final = Struct(*KEY_INFORMATION.subcons, "key" / GreedyBytes)
"""A new key in clear."""
