/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HeaSecReadInfo: the library of the medical insurance for card, identity card and electronic
 * credential.
 *
 * All functions return 0 or a code of SSCardDriver.h. The text of a failure is in the first
 * buffer, for EcQuery as JSON. Nothing is written behind the sizes below, NUL included. No pointer
 * may be NULL but pPath. Strings are GBK, and GB18030 outside of GBK; UTF-8 when the configuration
 * says so. Which card, PSAM, keys, PIN pad and scanner there are: see docs/native.md.
 */
#ifndef HEASECREADINFO_H
#define HEASECREADINFO_H

#define HEASEC_ERROR_SIZE 2048
#define HEASEC_CARD_SIZE 2048
#define HEASEC_TEXT_SIZE 1024
#define HEASEC_BUSINESS_SIZE 8192

#ifdef __cplusplus
extern "C" {
#endif

/* A JSON object; before all others. */
long Init(char *pInitInfo, char *pErrMsg);
/* pCardInfo: the eleven fields of iReadCardBas. pBusiCardInfo: what the centre signs, Base64. */
long ReadCardBas(char *pCardInfo, char *pBusiCardInfo);
/* The PIN is typed at the pad. */
long VerifyPIN(char *pOutBuff);
long ChangePIN(char *pOutBuff);
/* 姓名|性别|民族|出生|地址|身份证号|发卡日期|有效日期|签发机关|; the picture into the file pPath. */
long ReadSFZ(char *pPath, char *pOutBuff, char *pOutBusiBuff);
/* Request and answer of NationEcTrans (NationECCode.h). */
long EcQuery(char *pInData, char *pOutData);
/* {"mdtrt_cert_type":"01", "02" or "03"}; the answer is what goes into 1101. */
long GetPersonInfo(char *pInData, char *pOutData);

#ifdef __cplusplus
}
#endif

#endif
