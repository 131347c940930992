/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NationECCode: the library of the electronic credential (医保电子凭证).
 *
 * NationEcTrans passes a request {"orgId","transType","data","extra"} to the service at url, with
 * the QR code that it reads where the request asks for one, and gives the answer in out (at most
 * NATIONEC_OUT_SIZE bytes, NUL included). It returns a pointer to "0000", or to "9999" when there
 * was no answer; out then says why: {"code","message","data":null}. The pointer stays valid and
 * must not be freed.
 */
#ifndef NATIONECCODE_H
#define NATIONECCODE_H

#define NATIONEC_OUT_SIZE 8192

#ifdef __cplusplus
extern "C" {
#endif

char *NationEcTrans(char *url, char *in, char *out);

#ifdef __cplusplus
}
#endif

#endif
