/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSCardDriver: the terminal interface for social security cards (社会保障卡读写终端接口, LD/T 33).
 *
 * All functions return 0 or one of the codes below and write a string that ends with NUL into
 * pOutInfo: the answer, or on an error one line for people (iReadCardBas of a closed card: what can
 * be read all the same). They never write behind SSCARD_OUT_SIZE bytes of pOutInfo, those marked
 * [large] never behind SSCARD_OUT_SIZE_LARGE; an answer that does not fit is SSCARD_E_LENGTH. No
 * parameter may be NULL (SSCARD_E_PARAMETER). pOutInfo may be the same buffer as a parameter.
 *
 * Strings are GBK, and GB18030 for characters outside of GBK; UTF-8 when the configuration says so.
 * A field ends with '|', a file with '$', a part of an item with '^'.
 *
 * The library may be called from any thread. There is one terminal in a process: calls wait for
 * each other, and the steps of an HSM function must not be mixed with other calls.
 *
 * Which reader, card image, PSAM and PIN pad there is: environment variables SSCARD_DRIVER_... or
 * the file that SSCARD_DRIVER_CONFIG names; see docs/native.md.
 */
#ifndef SSCARDDRIVER_H
#define SSCARDDRIVER_H

#define SSCARD_OUT_SIZE 1024
#define SSCARD_OUT_SIZE_LARGE (20 * 1024)

/* iType */
#define SSCARD_CONTACT 1
#define SSCARD_CONTACTLESS 2
#define SSCARD_CONTACT_FIRST 3
#define SSCARD_CONTACTLESS_FIRST 4

/* iAuthType of iReadCard: what opens a file whose rule is "PIN or key" */
#define SSCARD_BY_PIN 1
#define SSCARD_BY_KEY 2

/* Return codes. A status word SW of the card without a code of its own is -(SW), in decimal. */
#define SSCARD_OK 0
#define SSCARD_E_CARD_TYPE (-1)
#define SSCARD_E_NO_CARD (-2)
#define SSCARD_E_NOT_POWERED (-3)             /* also: a step without the one before it */
#define SSCARD_E_NO_ANSWER (-4)
#define SSCARD_E_LIBRARY (-5)                 /* a fault in the library; its log says where */
#define SSCARD_E_READER (-11)
#define SSCARD_E_NOT_CONNECTED (-12)          /* also: wrong configuration, image not there */
#define SSCARD_E_COMMAND (-13)
#define SSCARD_E_PARAMETER (-14)
#define SSCARD_E_CHECKSUM (-15)
#define SSCARD_E_CARD_ID_FORMAT (-20)
#define SSCARD_E_INTERNAL_AUTHENTICATION (-21)
#define SSCARD_E_OTHER_CARD (-22)             /* the card is not the one in pCardInfo */
#define SSCARD_E_INPUT (-23)
#define SSCARD_E_PSAM_LEVEL (-24)
#define SSCARD_E_HSM_DIFFERS (-25)
#define SSCARD_E_PIN_CANCELLED (-31)
#define SSCARD_E_PIN_TIMEOUT (-32)
#define SSCARD_E_PIN_LENGTH (-33)
#define SSCARD_E_PINS_DIFFER (-34)
#define SSCARD_E_INITIAL_PIN_PAYS (-35)
#define SSCARD_E_NEW_PIN_IS_INITIAL (-36)
#define SSCARD_E_ILLEGAL_CHARACTER (-41)
#define SSCARD_E_LENGTH (-42)
#define SSCARD_E_PIN_WRONG (-51)
#define SSCARD_E_PIN_LOCKED (-52)
/* With these five a program turns from the PSAM to the HSM steps: also SSCARD_E_PSAM_LEVEL. */
#define SSCARD_E_NO_PSAM (-2201)
#define SSCARD_E_PSAM_ALGORITHM (-2202)
#define SSCARD_E_NO_RKSSSE (-2203)
#define SSCARD_E_KEY_NOT_FOUND (-27272)
#define SSCARD_E_NO_HSM_NEEDED (-2204)
#define SSCARD_E_MAC_WRONG (-37634)           /* iDoDebit: the card has paid, MAC2 is wrong */

#ifdef __cplusplus
extern "C" {
#endif

/* --- who the holder is ---------------------------------------------------------------------- */

/* 区划|社会保障号码|卡号|卡识别码|姓名|复位信息|规范版本|发卡日期|有效期|终端机编号|终端设备号| */
long iReadCardBas(int iType, char *pOutInfo);
/* 区划|复位信息|算法|卡识别码|内认证过程因子|内认证原始|外认证过程因子|外认证原始| */
long iReadCardBas_HSM_Step1(int iType, char *pOutInfo);
/* pKey: 鉴别数据 and original of both authentications, 32 hex digits each: XX|YY| or XX|| */
long iReadCardBas_HSM_Step2(char *pKey, char *pOutInfo);

/* --- files ---------------------------------------------------------------------------------- */
/*
 * pCardInfo: 卡识别码|卡号|
 * pFileAddr: DF01EF15|2A|40:2|$ and so on: items by tag, the second 40; without items all of them
 */

/* [large] DF01EF15|value|value|$ in the order of pFileAddr */
long iReadCard(int iType, int iAuthType, char *pCardInfo, char *pFileAddr, char *pOutInfo);
/* 算法|密钥地址|过程因子|原始信息| */
long iReadCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo);
/* [large] pKey: 鉴别数据 and original, 32 hex digits */
long iReadCard_HSM_Step2(char *pKey, char *pOutInfo);

/* pWriteData: value|value|$ for each file of pFileAddr; a cyclic file gets a new record */
long iWriteCard(int iType, char *pCardInfo, char *pFileAddr, char *pWriteData, char *pOutInfo);
long iWriteCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo);
long iWriteCard_HSM_Step2(char *pKey, char *pWriteData, char *pOutInfo);

/* --- PIN, typed at the PIN pad -------------------------------------------------------------- */

long iVerifyPIN(int iType, char *pOutInfo);
long iChangePIN(int iType, char *pOutInfo);

/* A new PIN for a holder who forgot his. Step 2 gives 算法|密钥地址|随机数|命令头|新PIN|, and the
 * pKey of Step 3 is the whole command in hex. */
long iReloadPIN(int iType, char *pCardInfo, char *pOutInfo);
long iReloadPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo);
long iReloadPIN_HSM_Step2(char *pKey, char *pOutInfo);
long iReloadPIN_HSM_Step3(char *pKey, char *pOutInfo);

/* All tries back. */
long iUnblockPIN(int iType, char *pCardInfo, char *pOutInfo);
long iUnblockPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo);
long iUnblockPIN_HSM_Step2(char *pKey, char *pOutInfo);
long iUnblockPIN_HSM_Step3(char *pKey, char *pOutInfo);

/* --- purchases ------------------------------------------------------------------------------ */

/* pPayInfo: total|account and pool|YYYYMMDDhhmmss| in yuan with two decimals
 * 算法|密钥地址|金额|类型|终端机编号|终端交易序号|时间|TAC| */
long iDoDebit(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo);
/* 算法|密钥地址|随机数|序号|金额|类型|终端机编号|时间| */
long iDoDebit_HSM_Step1(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo);
/* pKey: 终端交易序号|时间|MAC1|; MAC2 before what iDoDebit gives */
long iDoDebit_HSM_Step2(char *pKey, char *pOutInfo);

/* [large] 序号^终端机编号^时间^total^account and pool^|, newest first */
long iReadDebitRecord(int iType, char *pOutInfo);

/* --- not in LD/T 33, an addition of vendors -------------------------------------------------- */

/* The account of the bank application: 主账号|主账号序号|有效期YYYYMM|; -27266 without one, or
 * with one that is dormant. It counts as a transaction on the card. */
long iReadPBOCAccount(int iType, char *pOutInfo);

/* --- certificates of generation 3 (LD/T 6001.5, chapter 7; what stands in the strings is ours) -- */

/* Signs the text pInData with the card's key, after the PIN of the certificates (not that of the
 * card): r and s in Base64, then |. -27266 without the application, -27272 without a key. */
long PKI_SignData(char *pUserPin, char *pInData, int iType, char *pOutInfo);
/* pCert: the signer's certificate in Base64, empty for that of the card. A pUserPin that is not
 * empty is verified first. -15 when the signature is not the signer's under the text. */
long PKI_VerifySign(char *pUserPin, char *pCert, char *pClearText, char *pSignature, int iType, char *pOutInfo);

/* X and Y of the card's signature key, 128 hex digits, then |. A card in its state of delivery that
 * has no key makes one. */
long iReadSignatureKey(int iType, char *pOutInfo);
/* What the authority answered: certificates for signatures and encryption, the enveloped key of
 * GM/T 0016, all in Base64; the administrator's new PIN, 8 digits; the master key, 32 hex digits. */
long iWriteCA(int iType, char *pQMZS, char *pJMZS, char *pJMMY, char *pGLYPIN, char *pZKMY, char *pOutInfo);

/* --- not in LD/T 33, for test benches ------------------------------------------------------- */

/*
 * What an HSM (加密机) with the root keys of the configuration answers: pOutInfo is the pKey of the
 * next step. pFunction is the step just done, "iReadCard_HSM_Step1", pRequest what it gave.
 */
long iHSM_Answer(char *pFunction, char *pRequest, char *pOutInfo);

#ifdef __cplusplus
}
#endif

#endif
