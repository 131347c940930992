/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uses a card through libsscard_skf.so and prints what it found.
 *
 *   skf_test [-p PIN] [-a ADMINPIN] [-k MASTERKEY] [-g] [-c]
 *
 *   -p  user PIN, default 123456: sign 32 bytes 5A and verify the signature
 *   -a  administrator's PIN: verify it, change it to 24680135 and back
 *   -k  32 hex digits: prove the device's master key, by way of SKF_SetSymmKey
 *   -g  make a new key pair for signatures first
 *   -c  copy each certificate out of the card and in again
 *
 * Exit code: 0 when all functions answered SAR_OK, 1 when one did not, 2 when the library wrote
 * outside of a buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "SKF.h"

#define GUARD 16
#define FILL 0xA5

static int failed;

static int ok(const char *function, ULONG answer)
{
    printf("%s %08X\n", function, (unsigned)answer);
    if (answer != SAR_OK)
        failed = 1;
    return answer == SAR_OK;
}

static void print(const char *name, const BYTE *data, size_t length)
{
    printf("%s ", name);
    while (length-- > 0)
        printf("%02X", *data++);
    printf("\n");
}

static void check(const BYTE *guard)
{
    size_t at;

    for (at = 0; at < GUARD; at++) {
        if (guard[at] != FILL) {
            fprintf(stderr, "written behind a buffer\n");
            exit(2);
        }
    }
}

/* The administrator's PIN to another one and back. */
static void change(HAPPLICATION application, char *pin)
{
    static char other[] = "24680135";
    ULONG left = 0, most = 0;
    BOOL initial = 0;

    if (!ok("SKF_VerifyPIN", SKF_VerifyPIN(application, ADMIN_TYPE, pin, &left)))
        return;
    ok("SKF_ChangePIN", SKF_ChangePIN(application, ADMIN_TYPE, pin, other, &left));
    ok("SKF_ChangePIN", SKF_ChangePIN(application, ADMIN_TYPE, other, pin, &left));
    ok("SKF_GetPINInfo", SKF_GetPINInfo(application, ADMIN_TYPE, &most, &left, &initial));
    printf("administrator %u of %u\n", (unsigned)left, (unsigned)most);
}

static void prove(DEVHANDLE device, const char *hex)
{
    BLOCKCIPHERPARAM parameter;
    BYTE key[16], data[16], proof[16];
    ULONG length = sizeof proof;
    HANDLE handle = NULL;
    size_t at;
    unsigned byte;

    memset(&parameter, 0, sizeof parameter);
    memset(data, 0, sizeof data);
    for (at = 0; at < sizeof key && sscanf(hex + 2 * at, "%2x", &byte) == 1; at++)
        key[at] = (BYTE)byte;
    if (ok("SKF_GenRandom", SKF_GenRandom(device, data, 8))
        && ok("SKF_SetSymmKey", SKF_SetSymmKey(device, key, SGD_SM4_ECB, &handle))
        && ok("SKF_EncryptInit", SKF_EncryptInit(handle, parameter))
        && ok("SKF_Encrypt", SKF_Encrypt(handle, data, sizeof data, proof, &length)))
        ok("SKF_DevAuth", SKF_DevAuth(device, proof, length));
    if (handle != NULL)
        ok("SKF_CloseHandle", SKF_CloseHandle(handle));
}

static void copy(HCONTAINER container)
{
    BYTE der[2048 + GUARD];
    ULONG length;
    BOOL signs;

    for (signs = 1; signs >= 0; signs--) {
        length = 0;
        memset(der, FILL, sizeof der);
        if (!ok("SKF_ExportCertificate", SKF_ExportCertificate(container, signs, NULL, &length)))
            continue;
        ok("SKF_ExportCertificate", SKF_ExportCertificate(container, signs, der, &length));
        check(der + length);
        print(signs ? "signature-certificate" : "encryption-certificate", der, length);
        ok("SKF_ImportCertificate", SKF_ImportCertificate(container, signs, der, length));
    }
}

static void sign(DEVHANDLE device, HCONTAINER container, int generate)
{
    struct {
        ECCPUBLICKEYBLOB key;
        BYTE guard[GUARD];
    } made;
    struct {
        ECCSIGNATUREBLOB value;
        BYTE guard[GUARD];
    } signature;
    BYTE digest[32];
    ULONG length = sizeof made.key, kind = 0;

    memset(&made, FILL, sizeof made);
    memset(&signature, FILL, sizeof signature);
    memset(digest, 0x5A, sizeof digest);
    ok("SKF_GetContainerType", SKF_GetContainerType(container, &kind));
    if (generate)
        ok("SKF_GenECCKeyPair", SKF_GenECCKeyPair(container, SGD_SM2_1, &made.key));
    ok("SKF_ExportPublicKey", SKF_ExportPublicKey(container, 1, (BYTE *)&made.key, &length));
    ok("SKF_ECCSignData",
       SKF_ECCSignData(container, digest, sizeof digest, &signature.value));
    check(made.guard);
    check(signature.guard);
    print("key", made.key.XCoordinate, 128);
    print("signature", signature.value.r, 128);
    ok("SKF_ECCVerify",
       SKF_ECCVerify(device, &made.key, digest, sizeof digest, &signature.value));
    digest[0] ^= 1;
    if (SKF_ECCVerify(device, &made.key, digest, sizeof digest, &signature.value) == SAR_OK)
        failed = 1;
}

int main(int argc, char **argv)
{
    char names[256], *pin = "123456", *administrator = NULL, *master = NULL;
    int option, generate = 0, copies = 0;
    ULONG size = sizeof names, state = 0, left = 0;
    DEVHANDLE device = NULL;
    HAPPLICATION application = NULL;
    HCONTAINER container = NULL;
    DEVINFO info;

    while ((option = getopt(argc, argv, "p:a:k:gc")) != -1) {
        switch (option) {
        case 'p': pin = optarg; break;
        case 'a': administrator = optarg; break;
        case 'k': master = optarg; break;
        case 'g': generate = 1; break;
        case 'c': copies = 1; break;
        default: return 1;
        }
    }
    if (!ok("SKF_EnumDev", SKF_EnumDev(1, names, &size)) || names[0] == '\0')
        return 1;
    printf("device %s\n", names);
    ok("SKF_GetDevState", SKF_GetDevState(names, &state));
    printf("state %u\n", (unsigned)state);
    if (!ok("SKF_ConnectDev", SKF_ConnectDev(names, &device)))
        return 1;
    ok("SKF_GetDevInfo", SKF_GetDevInfo(device, &info));
    printf("serial %s, maker %s\n", info.SerialNumber, info.Manufacturer);
    ok("SKF_LockDev", SKF_LockDev(device, 1000));
    if (master != NULL)
        prove(device, master);
    size = sizeof names;
    if (ok("SKF_EnumApplication", SKF_EnumApplication(device, names, &size))
        && ok("SKF_OpenApplication", SKF_OpenApplication(device, names, &application))) {
        printf("application %s\n", names);
        if (administrator != NULL)
            change(application, administrator);
        ok("SKF_VerifyPIN", SKF_VerifyPIN(application, USER_TYPE, pin, &left));
        printf("user %u left\n", (unsigned)left);
        size = sizeof names;
        if (ok("SKF_EnumContainer", SKF_EnumContainer(application, names, &size))
            && ok("SKF_OpenContainer", SKF_OpenContainer(application, names, &container))) {
            printf("container %s\n", names);
            sign(device, container, generate);
            if (copies)
                copy(container);
            ok("SKF_CloseContainer", SKF_CloseContainer(container));
        }
        ok("SKF_ClearSecureState", SKF_ClearSecureState(application));
        ok("SKF_CloseApplication", SKF_CloseApplication(application));
    }
    ok("SKF_UnlockDev", SKF_UnlockDev(device));
    ok("SKF_DisConnectDev", SKF_DisConnectDev(device));
    return failed;
}
