# SPDX-License-Identifier: Apache-2.0
"""What is on a PSAM: environments and files as data, and the memory they make (PSAM guide, 5).

The MF is the DES environment (sx1); the SM4 environment (sx3) is a DDF below it. Each has its
own complete set of files: 0001, 0015, 0016 and DF01 with 0019, 001A to 001C, 0011 to 0013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.applications.psam import PSAM_KIND
from sscard_chip.applications.psam.keys import KEY_FILES, KeyType, encode_psam_key_record, use_byte
from sscard_chip.applications.psam.purchase import ANSWERS_63CF
from sscard_chip.applications.psam.transport import TRANSPORT
from sscard_chip.filesystem.layout import (
    COUNT_IN_HEADER,
    STATE_AT,
    DirectoryHeader,
    FileHeader,
    FileType,
    LifeCycle,
    create_directory,
    format_memory,
    stage_file,
)
from sscard_chip.memory import Memory
from sscard_chip.profile.build import binary, cn, raw
from sscard_chip.profile.compiler import MEMORY_SIZE
from sscard_chip.profile.model import (
    FREE,
    NEVER,
    FileDeclaration,
    Item,
    Rule,
    key,
)
from sscard_chip.profile.psam_keys import SamKeyRow, key_file
from sscard_chip.security.access import encode_rule
from sscard_chip.security.keys import RECORD_LENGTH
from sscard_chip.security.suite import SUITES, Suite
from sscard_chip.standard.identifiers import (
    ALGORITHM_3DES,
    ALGORITHM_SM4,
    MF,
    PSAM_AID,
    PSAM_CITY,
    PSAM_COUNTRY,
    PSAM_DF,
    PSAM_DIR,
    PSAM_NUMBER,
    PSAM_PROVINCE,
    PSAM_PUBLIC,
    PSAM_TERMINAL,
    SX1_NAME,
    SX3_NAME,
    TRANSIT_AID,
)
from sscard_chip.standard.messages.directory import DIR_ENTRY
from sscard_chip.standard.text import encode_text

_CLAUSE: Final = "PSAM guide, part 9 of the draft of LD/T 32, section 5"


def _file(fid: int, name: str, english: str, write: Rule, *fields: Item) -> FileDeclaration:
    """A transparent file that anybody reads."""
    return raw(fid, name, english, FREE, write, *fields, clause=_CLAUSE)


# The guide lets the environment's master key write these two; it has no command to prove that
# key with, so after issuing nobody writes them.
PUBLIC_DATA: Final = _file(
    PSAM_PUBLIC,
    "卡片公共信息文件",
    "public data of the PSAM",
    NEVER,
    binary(1, "发行机构标识", "issuer"),
    cn(0, 10, "PSAM序列号", "serial number"),
    binary(1, "PSAM版本号", "version of the PSAM"),
    binary(1, "密钥卡类型", "kind of key card"),
    binary(2, "发卡方自定义FCI数据", "issuer's own FCI data"),
)
TERMINAL: Final = _file(
    PSAM_TERMINAL,
    "终端信息文件",
    "terminal",
    NEVER,
    cn(0, 6, "终端机编号", "terminal number"),
)
TRANSACTION_NUMBER: Final = _file(
    PSAM_NUMBER,
    "终端交易序号文件",
    "terminal transaction number",
    NEVER,
    binary(4, "终端交易序号", "terminal transaction number"),
)


def _information(fid: int, name: str, english: str, kid: int) -> FileDeclaration:
    return _file(
        fid,
        f"{name}应用信息文件",
        f"application data, {english}",
        key(kid),
        binary(1, "医疗消费密钥索引号", "index of the purchase key"),
        binary(1, "鉴别密钥版本号", "version of the authentication keys"),
        cn(0, 4, "启用日期", "valid from"),
        cn(0, 4, "有效日期", "valid to"),
    )


# KID-01 to KID-03 are keys of DF01 itself: bit 8 set.
INFORMATION: Final = (
    _information(PSAM_COUNTRY, "国家级", "country", 0x81),
    _information(PSAM_PROVINCE, "省级", "province", 0x82),
    _information(PSAM_CITY, "地市级", "city", 0x83),
)

ENVIRONMENT_FILES: Final = (PUBLIC_DATA, TERMINAL)
APPLICATION_FILES: Final = (TRANSACTION_NUMBER, *INFORMATION)

_SX3_FID: Final = 0xDDF2  # the guide gives DDF1 to sx2; nobody prints that of sx3 [L]
_DIR_SIZE: Final = 0x80
_BY_MASTER: Final = 0x80  # access byte: master key of the environment
_APPLICATION_WRITES: Final = 0x30  # key file: enciphered and MACed
_TLV: Final = 0x01
_RECORDS: Final = 96  # room for keys in each key file
ACCESS_TRIES: Final = 3


@dataclass(frozen=True, slots=True, repr=False)
class SamSecrets:
    """The keys of one environment: its own, and by row and version those that it serves.

    ``master_key`` is the environment's (MF or DDF), ``application_key`` that of DF01, ``access``
    are KID-01 to KID-03; 16 bytes each. ``keys`` are those of the PSAM's level.
    """

    master_key: bytes
    application_key: bytes
    access: tuple[bytes, bytes, bytes]
    keys: Mapping[tuple[SamKeyRow, int], bytes]


@dataclass(frozen=True, slots=True)
class SamApplication:
    """The application of a PSAM: its FID, name and label, and ``options`` in its header."""

    fid: int
    name: bytes
    label: str
    options: int = 0


SOCIAL_SECURITY: Final = SamApplication(PSAM_DF, PSAM_AID, "社会保障应用")
TRANSPORT_SAM: Final = SamApplication(PSAM_DF, TRANSIT_AID, "交通联合", TRANSPORT)
"""FID and name are the emulator's own [L]: gates know theirs."""


@dataclass(frozen=True, slots=True, repr=False)
class SamContents:
    """All that is particular to one PSAM.

    ``steps`` of diversification are left to it: 3 ministry, 2 province, 1 city. ``files`` are
    whole contents by FID, the same in every environment [L]. An environment without secrets has
    its files and no keys.
    """

    historical_bytes: bytes
    steps: int
    secrets: Mapping[str, SamSecrets]
    files: Mapping[int, bytes] = field(default_factory=dict)
    stk_type: KeyType = KeyType.MAC_AND_ENCRYPTION
    wrong_mac2_is_63cf: bool = False
    application: SamApplication = SOCIAL_SECURITY


def compile_psam(contents: SamContents) -> Memory:
    """The memory of a PSAM, ready for use; sx3 is there when it has secrets.

    :raises ValueError: for secrets of another suite than 3des or sm4, or of a wrong length.
    """
    if not contents.secrets or not set(contents.secrets) <= set(SUITES):
        raise ValueError(f"a PSAM has keys of {' or '.join(SUITES)}")
    memory = format_memory(MEMORY_SIZE, historical_bytes=contents.historical_bytes, kind=PSAM_KIND)
    with_sm4 = ALGORITHM_SM4 in contents.secrets
    below = (_dir_record(SX3_NAME),) if with_sm4 else ()
    mf = _create_environment(memory, 0, FileType.MF, contents, ALGORITHM_3DES, below)
    if with_sm4:
        _create_environment(memory, mf, FileType.DDF, contents, ALGORITHM_SM4)
    memory.write(STATE_AT, bytes((LifeCycle.WORKING,)))
    memory.commit()
    return memory


def _create_environment(
    memory: Memory,
    parent: int,
    file_type: FileType,
    contents: SamContents,
    algorithm: str,
    below: tuple[bytes, ...] = (),
) -> int:
    suite, secrets = SUITES[algorithm], contents.secrets.get(algorithm)
    is_mf = file_type is FileType.MF
    environment = create_directory(
        memory,
        parent,
        DirectoryHeader(
            file_type,
            MF if is_mf else _SX3_FID,
            SX1_NAME if is_mf else SX3_NAME,
            dir_sfi=PSAM_DIR,
            algorithm=suite.key_code(16),
            master_key=_secret(secrets.master_key) if secrets else bytes(16),
        ),
    )
    memory.commit()
    application = contents.application
    records = b"".join((_dir_record(application.name, application.label), *below))
    directory_file = FileHeader(
        FileType.LINEAR_VARIABLE,
        PSAM_DIR,
        _DIR_SIZE,
        record_format=_TLV,
        write_access=_BY_MASTER,
    )
    _create(memory, environment, directory_file, records)
    _create_files(memory, environment, ENVIRONMENT_FILES, contents)
    directory = create_directory(
        memory,
        environment,
        DirectoryHeader(
            FileType.ADF,
            application.fid,
            application.name,
            app_type=application.options | ANSWERS_63CF * contents.wrong_mac2_is_63cf,
            algorithm=suite.key_code(16),
            master_key=_secret(secrets.application_key) if secrets else bytes(16),
        ),
    )
    memory.commit()
    _create_files(memory, directory, APPLICATION_FILES, contents)
    _create_key_files(memory, directory, contents, suite, secrets)
    return environment


def _create(memory: Memory, parent: int, header: FileHeader, content: bytes) -> int:
    offset = stage_file(memory, parent, header, content)
    memory.commit()
    return offset


def _create_files(
    memory: Memory, parent: int, files: tuple[FileDeclaration, ...], contents: SamContents
) -> None:
    for file in files:
        content = contents.files.get(file.fid, b"")
        if len(content) > file.size:
            raise ValueError(f"file {file.fid:04X}: has {file.size} bytes")
        write = file.write
        access, right = encode_rule(
            pin=write.pin, kid=write.kid, both=write.both, never=write.never
        )
        header = FileHeader(
            FileType.TRANSPARENT, file.fid, file.size, write_access=access, write_right=right
        )
        _create(memory, parent, header, content)


def _create_key_files(
    memory: Memory,
    parent: int,
    contents: SamContents,
    suite: Suite,
    secrets: SamSecrets | None,
) -> None:
    records: dict[int, list[bytes]] = {fid: [] for fid in KEY_FILES}
    if secrets:
        for kid, fid in enumerate(KEY_FILES, 1):
            secret = _secret(secrets.access[kid - 1])
            records[fid].append(
                encode_psam_key_record(
                    KeyType.ACCESS, kid, suite.key_code(16), secret, limit=ACCESS_TRIES
                )
            )
        for (row, version), secret in secrets.keys.items():
            records[key_file(row)].append(_record(row, version, secret, contents, suite))
    for fid, content in records.items():
        header = FileHeader(
            FileType.KEY, fid, _RECORDS * RECORD_LENGTH, write_access=_APPLICATION_WRITES
        )
        offset = _create(memory, parent, header, b"".join(content))
        memory.write(offset + COUNT_IN_HEADER, bytes((len(content),)))
        memory.commit()


def _record(
    row: SamKeyRow, version: int, secret: bytes, contents: SamContents, suite: Suite
) -> bytes:
    """The record of a served key; a single key carries code 01, and 16 bytes all the same [L]."""
    length = 8 if row.single and suite.block == 8 else 16
    use = use_byte(contents.stk_type if row.single else row.type, contents.steps)
    identifier = version if row.type is KeyType.PURCHASE else row.identifier
    return encode_psam_key_record(use, identifier, suite.key_code(length), _secret(secret))


def _secret(secret: bytes) -> bytes:
    if len(secret) != 16:
        raise ValueError("a key of the PSAM must be 16 bytes")
    return secret


def _dir_record(name: bytes, label: str = "") -> bytes:
    """An entry 61 {4F name, 50 label of an application}, a record of its own."""
    record: bytes = DIR_ENTRY.build({"name": name, "label": encode_text(label) or None})
    return record
