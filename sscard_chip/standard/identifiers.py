# SPDX-License-Identifier: Apache-2.0
"""File identifiers (FID), names and AIDs, algorithm codes and transaction types, each once.

LD/T 32.6 and letter 37 for the card, the PSAM guide (part 9 of the draft of LD/T 32) for the
PSAM, JR/T 0025 for bank and purse. A name in Chinese is GBK on the card. Root keys and key
identifiers stand in :mod:`sscard_chip.standard.keys`.
"""

from __future__ import annotations

from typing import Final, Literal

MF: Final = 0x3F00
"""FID of the master file (主文件) of every card."""

# --- the social security card -------------------------------------------------------------------

SSSE: Final = 0xDDF1
"""FID of 社会保障系统环境, the environment of the social security applications [M]."""
DF01: Final = 0xDF01
"""公共应用."""
DF02: Final = 0xDF02
"""就业与失业."""
DF03: Final = 0xDF03
"""社会保险1, all insurances but the medical one."""
DF04: Final = 0xDF04
"""社会保险2, medical insurance."""
DF05: Final = 0xDF05
"""生命与健康, optional."""
DF06: Final = 0xDF06
"""社会救助与优待抚恤, optional."""
DF07: Final = 0xDF07
"""人事与人才."""

SX1_NAME: Final = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
"""``sx1.sh.社会保障``: SSSE of a card, the DES environment of a PSAM."""
SX2_NAME: Final = bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF")
"""``sx2.sh.社会保障``: the SSF33 environment of a PSAM."""
SX3_NAME: Final = bytes.fromhex("7378332E73682EC9E7BBE1B1A3D5CF")
"""``sx3.sh.社会保障``: the SM4 environment of a PSAM [M]."""
SSSE_NAME: Final = SX1_NAME
PKI_NAME: Final = bytes.fromhex("504B492EC9E7BBE1B1A3D5CF")
"""``PKI.社会保障``: the environment of the certificates of generation 3."""
PKI_DF: Final = 0xDDF2
"""FID of that environment: names alone are known [L]."""
CERTIFICATE_NAME: Final = b"SS.CERT.ADF1"
CERTIFICATE_DF: Final = 0xDF01
SIGNATURE_PUBLIC_KEY: Final = 0x0012
SIGNATURE_PRIVATE_KEY: Final = 0x0013
ENCRYPTION_PUBLIC_KEY: Final = 0x0014
ENCRYPTION_PRIVATE_KEY: Final = 0x0015
SIGNATURE_CERTIFICATE: Final = 0x0018
ENCRYPTION_CERTIFICATE: Final = 0x0019

RID: Final = bytes.fromhex("D156000005")
"""Registered identifier of the social security applications; also bytes 4 to 8 of 卡识别码."""
AID_OF_DF: Final = {
    DF01: RID + b"\x00",
    DF02: RID + b"\x01",
    DF03: RID + b"\x02",
    DF04: RID + b"\x03",
    DF07: RID + b"\x04",
}
"""Registered AIDs by FID. DF05 and DF06 have none: they are selected by their labels."""
PSAM_AID: Final = RID + b"\x90"
"""社会保障应用 of a PSAM, its DF01."""

EF: Final = 0xEF00
"""FID of an EF less its short file identifier (SFI), 01 to 1E: EF05 is SFI 05."""
SFI_MASK: Final = 0x1F
HIGHEST_SFI: Final = 30

ISSUER_FILE: Final = 0xEF05
"""SSSE EF05 发卡机构数据."""
HOLDER_FILE: Final = 0xEF06
"""SSSE EF06 持卡人基本信息."""
PHOTO_FILE: Final = 0xEF08
"""SSSE EF08 照片."""
FCI_FILE: Final = 0xEF1D
"""FCI of SSSE."""
DIR_FILE: Final = 0xEF1E
"""DIR of SSSE."""

HOUSEHOLD_FILE: Final = 0xEF05
"""DF01 EF05 户籍信息."""
UNEMPLOYMENT_FILE: Final = 0xEF05
"""DF03 EF05 失业保险."""
INSURED_FILE: Final = 0xEF05
"""DF04 EF05 医保基本信息."""
OFFLINE_FILE: Final = 0xEF06
"""DF04 EF06 临时脱网结算."""
MEDICAL_LOG: Final = 0xEF08
"""DF04 EF08 医疗交易明细."""
SPECIAL_FILE: Final = 0xEF15
"""DF04 EF15 特殊医疗结算."""
AMOUNT_FILE: Final = 0xEF81
"""医疗保险金额文件 of DF04, which the card alone knows [M]."""

# Records of SSSE EF05, by tag.
IDENTIFICATION_TAG: Final = 0x01
"""卡识别码: division 3, RID 5, serial 4, 认证码 4."""
VERSION_TAG: Final = 0x03
"""规范版本: 4 characters."""
CARD_NUMBER_TAG: Final = 0x07
"""卡号."""

# --- the PSAM -----------------------------------------------------------------------------------

PSAM_DF: Final = 0xDF01
PSAM_DIR: Final = 0x0001
"""DIR目录数据文件."""
PSAM_COUNTRY_KEYS: Final = 0x0011
PSAM_PROVINCE_KEYS: Final = 0x0012
PSAM_CITY_KEYS: Final = 0x0013
PSAM_PUBLIC: Final = 0x0015
"""卡片公共信息文件."""
PSAM_TERMINAL: Final = 0x0016
"""终端信息文件."""
PSAM_NUMBER: Final = 0x0019
"""终端交易序号文件."""
PSAM_COUNTRY: Final = 0x001A
"""国家级应用信息文件."""
PSAM_PROVINCE: Final = 0x001B
PSAM_CITY: Final = 0x001C

# --- bank and purse -----------------------------------------------------------------------------

PSE_NAME: Final = b"1PAY.SYS.DDF01"
"""支付系统环境 of the contact interface."""
PPSE_NAME: Final = b"2PAY.SYS.DDF01"
"""支付系统环境 of the contactless interface."""
BANK_RID: Final = bytes.fromhex("A000000333")
"""PBOC."""
DEBIT_AID: Final = BANK_RID + bytes.fromhex("010101")
CREDIT_AID: Final = BANK_RID + bytes.fromhex("010102")
QUASI_CREDIT_AID: Final = BANK_RID + bytes.fromhex("010103")
CASH_AID: Final = BANK_RID + bytes.fromhex("010106")
"""电子现金 only [L]."""
PURSE_AID: Final = bytes.fromhex("A00000000386980701")
"""电子存折/电子钱包."""
PURSE_DF: Final = 0x1001
DEPOSIT_FILE: Final = 0x0001
"""电子存折 ED, internal."""
PURSE_FILE: Final = 0x0002
"""电子钱包 EP, internal."""
PURSE_PUBLIC: Final = 0x0015
"""公共应用基本数据."""
PURSE_HOLDER: Final = 0x0016
"""持卡人基本数据."""
PURSE_MANAGEMENT: Final = 0x0017
PURSE_LOG: Final = 0x0018
"""交易明细."""
PURSE_COMPOUND: Final = 0x0019
"""复合应用专用文件."""

# --- the transport application ------------------------------------------------------------------

TRANSIT_AID: Final = bytes.fromhex("A000000632010105")
"""交通联合, the electronic purse (电子钱包)."""
TRANSIT_CASH_AID: Final = bytes.fromhex("A000000632010106")
"""交通联合, electronic cash (电子现金): another name of the same balance."""
TRANSIT_LABEL: Final = "MOT_T_EP"
TRANSIT_DF: Final = 0x1005
"""FID of its directory; of the second name 1006. Programs of the field try 1001 [L]."""
TRANSIT_CASH_DF: Final = 0x1006
TRANSIT_JOURNEY: Final = 0x001A
"""复合交易记录: the state of a journey, found by an identifier of two bytes."""
TRANSIT_TRIPS: Final = 0x001E
"""交通交易明细: entries and exits, newest first."""

# --- algorithms ---------------------------------------------------------------------------------

ALGORITHM_3DES: Final = "3des"
ALGORITHM_SM4: Final = "sm4"
AlgorithmName = Literal["3des", "sm4"]
ALGORITHMS: Final = (ALGORITHM_3DES, ALGORITHM_SM4)
"""The two suites as programs name them. SSF33, code 02, is not public."""
SSF33_CODE: Final = 0x02
CODE_OF_ALGORITHM: Final = {ALGORITHM_3DES: 0x01, ALGORITHM_SM4: 0x03}
"""Algorithm identifiers (算法标识): tag 86 of an FCI, day files, strings of the terminal."""
ALGORITHM_OF_CODE: Final = {code: name for name, code in CODE_OF_ALGORITHM.items()}
DIGITS_OF_ALGORITHM: Final = {name: f"{code:02X}" for name, code in CODE_OF_ALGORITHM.items()}
"""The same in the two digits that files and strings write."""
ALGORITHM_OF_DIGITS: Final = {digits: name for name, digits in DIGITS_OF_ALGORITHM.items()}
ALGORITHM_OF_KEY_CODE: Final = {0x00: ALGORITHM_3DES, 0x01: ALGORITHM_3DES, 0x03: ALGORITHM_SM4}
"""The algorithm byte of key records and of their answers: 01 is a key of 8 bytes."""

# --- transactions -------------------------------------------------------------------------------

LOAD: Final = 0x31
"""交易类型 '1' of the medical account, 账户划入."""
PURCHASE: Final = 0x32
"""交易类型 '2' of the medical account, 医疗消费."""
