/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSCard: the library of several provinces for card, identity card and QR code, whose buffers have
 * their sizes as parameters.
 *
 * All functions but NationEcTrans return 0 or a code of SSCardDriver.h; the text of a failure is
 * in pOut. Sizes are in bytes, NUL included; what does not fit is -42. No pointer may be NULL but
 * those of Init. Strings are GBK, and GB18030 outside of GBK; UTF-8 when the configuration says so.
 */
#ifndef SSCARD_H
#define SSCARD_H

#ifdef __cplusplus
extern "C" {
#endif

/* Address of the electronic credential's service; before all others. */
int Init(char *pUrl, char *pUser);
/* The eleven fields of iReadCardBas, and what the centre signs. */
int ReadCardBas(char *pOut, int nOutLen, char *pSign, int nSignLen);
/* A QR code is read within nTimeout milliseconds; pOut says in JSON whose it is. */
int GetQRBase(int nTimeout, char *pOut, int nOutLen, char *pSign, int nSignLen);
/* The nine fields of an identity card. */
int ReadSFZ(char *pOut, int nOutLen, char *pSign, int nSignLen);
/* The PIN is typed at the pad. */
int VerifyPIN(char *pOut, int nOutLen);
int ChangePIN(char *pOut, int nOutLen);
/* The same under the names of one city. */
int ReadCardBasGZ(char *pOut, int nOutLen, char *pSign, int nSignLen);
int ReadMedicalCardGZ(char *pOut, int nOutLen, char *pSign, int nSignLen);
int ReadIDCardGZ(char *pOut, int nOutLen, char *pSign, int nSignLen);
int GetTwoBarCodes(int nTimeout, char *pOut, int nOutLen, char *pSign, int nSignLen);
/* As in NationECCode.h. */
char *NationEcTrans(char *url, char *in, char *out);

#ifdef __cplusplus
}
#endif

#endif
