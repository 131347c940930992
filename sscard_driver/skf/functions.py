# SPDX-License-Identifier: Apache-2.0
"""The functions of GM/T 0016 that the library exports, and their C source.

Each parameter goes to Python as a number or as a pointer, in the order of the standard.
"""

from __future__ import annotations

from typing import Final

NAME: Final = "sscard_skf"
HEADER: Final = "SKF.h"
MODULE: Final = "_sscard_skf"

CALL: Final = """\
struct skf_value {
    unsigned long long number;
    void *pointer;
};

/* The function's answer, 0 when there is no Python to give it. */
int skf_call(char *function, struct skf_value *values, int count, unsigned int *answer);
"""

_SIGNATURES: Final = """\
SKF_EnumDev(BOOL bPresent, LPSTR szNameList, ULONG *pulSize)
SKF_ConnectDev(LPSTR szName, DEVHANDLE *phDev)
SKF_DisConnectDev(DEVHANDLE hDev)
SKF_GetDevState(LPSTR szDevName, ULONG *pulDevState)
SKF_GetDevInfo(DEVHANDLE hDev, DEVINFO *pDevInfo)
SKF_LockDev(DEVHANDLE hDev, ULONG ulTimeOut)
SKF_UnlockDev(DEVHANDLE hDev)
SKF_DevAuth(DEVHANDLE hDev, BYTE *pbAuthData, ULONG ulLen)
SKF_ChangePIN(HAPPLICATION hApplication, ULONG ulPINType, LPSTR szOldPin, LPSTR szNewPin, ULONG *pulRetryCount)
SKF_GetPINInfo(HAPPLICATION hApplication, ULONG ulPINType, ULONG *pulMaxRetryCount, ULONG *pulRemainRetryCount, BOOL *pbDefaultPin)
SKF_VerifyPIN(HAPPLICATION hApplication, ULONG ulPINType, LPSTR szPIN, ULONG *pulRetryCount)
SKF_ClearSecureState(HAPPLICATION hApplication)
SKF_EnumApplication(DEVHANDLE hDev, LPSTR szAppName, ULONG *pulSize)
SKF_OpenApplication(DEVHANDLE hDev, LPSTR szAppName, HAPPLICATION *phApplication)
SKF_CloseApplication(HAPPLICATION hApplication)
SKF_EnumContainer(HAPPLICATION hApplication, LPSTR szContainerName, ULONG *pulSize)
SKF_OpenContainer(HAPPLICATION hApplication, LPSTR szContainerName, HCONTAINER *phContainer)
SKF_CloseContainer(HCONTAINER hContainer)
SKF_GetContainerType(HCONTAINER hContainer, ULONG *pulContainerType)
SKF_ImportCertificate(HCONTAINER hContainer, BOOL bSignFlag, BYTE *pbCert, ULONG ulCertLen)
SKF_ExportCertificate(HCONTAINER hContainer, BOOL bSignFlag, BYTE *pbCert, ULONG *pulCertLen)
SKF_ExportPublicKey(HCONTAINER hContainer, BOOL bSignFlag, BYTE *pbBlob, ULONG *pulBlobLen)
SKF_GenECCKeyPair(HCONTAINER hContainer, ULONG ulAlgId, ECCPUBLICKEYBLOB *pBlob)
SKF_ImportECCKeyPair(HCONTAINER hContainer, ENVELOPEDKEYBLOB *pEnvelopedKeyBlob)
SKF_ECCSignData(HCONTAINER hContainer, BYTE *pbData, ULONG ulDataLen, ECCSIGNATUREBLOB *pSignature)
SKF_ECCVerify(DEVHANDLE hDev, ECCPUBLICKEYBLOB *pECCPubKeyBlob, BYTE *pbData, ULONG ulDataLen, ECCSIGNATUREBLOB *pSignature)
SKF_GenRandom(DEVHANDLE hDev, BYTE *pbRandom, ULONG ulRandomLen)
SKF_SetSymmKey(DEVHANDLE hDev, BYTE *pbKey, ULONG ulAlgID, HANDLE *phKey)
SKF_EncryptInit(HANDLE hKey, BLOCKCIPHERPARAM EncryptParam)
SKF_Encrypt(HANDLE hKey, BYTE *pbData, ULONG ulDataLen, BYTE *pbEncryptedData, ULONG *pulEncryptedLen)
SKF_CloseHandle(HANDLE hHandle)
"""  # noqa: E501 (a function a line, as the header has them)

SIGNATURES: Final = {
    line.partition("(")[0]: f"ULONG DEVAPI {line}" for line in _SIGNATURES.splitlines()
}
"""Head in C by name."""
_NUMBERS: Final = ("ULONG", "BOOL")


def parameters(name: str) -> list[tuple[str, str]]:
    """Type and name of a function's parameters; the asterisk is the type's."""
    inner = SIGNATURES[name].partition("(")[2].rstrip(")")
    found = []
    for text in inner.split(", "):
        kind, _, own = text.rpartition(" ")
        found.append((kind + "*" * own.startswith("*"), own.lstrip("*")))
    return found


def source() -> str:
    """All functions in C: what a program gives becomes values for ``skf_call``."""
    return "\n".join(_function(name) for name in SIGNATURES)


def _function(name: str) -> str:
    values = ", ".join(_value(kind, own) for kind, own in parameters(name))
    count = len(parameters(name))
    return f"""\
{SIGNATURES[name]}
{{
    struct skf_value values[] = {{{values}}};

    return answer("{name}", values, {count});
}}
"""


def _value(kind: str, name: str) -> str:
    if kind in _NUMBERS:
        return f"{{(unsigned long long){name}, NULL}}"
    return f"{{0, {'&' if kind == 'BLOCKCIPHERPARAM' else '(void *)'}{name}}}"
