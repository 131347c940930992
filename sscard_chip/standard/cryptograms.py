# SPDX-License-Identifier: Apache-2.0
"""Kinds of an application cryptogram (EMV book 3, 6.5.5; 应用密文类型)."""

from enum import IntEnum


class CryptogramType(IntEnum):
    """Kind of an application cryptogram: the two high bits of P1 and of the CID."""

    AAC = 0x00  # declined
    TC = 0x40  # approved
    ARQC = 0x80  # to be decided by the issuer
