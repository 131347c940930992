/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a card through libSSCardDriver.so, pays with it, and prints codes and answers.
 *
 *   driver_test [-t ITYPE] [-f FILES] [-p PAYINFO] [-w FILES DATA] [-k] [-j THREADS]
 *
 *   -t  1 contact (default), 2 contactless, 3 contact first, 4 contactless first
 *   -f  pFileAddr of iReadCard, default DF01EF05|20|21|$
 *   -p  pPayInfo of iDoDebit: total|account and pool|YYYYMMDDhhmmss|; without it nothing is paid
 *   -w  pFileAddr and pWriteData of iWriteCard
 *   -k  the same through the HSM steps, with iHSM_Answer in place of a back office
 *   -j  call iReadCardBas from so many threads at the same time, ten times each
 *
 * Exit code: 0 when all functions returned 0, 1 when one did not, 2 when the library wrote outside
 * of a buffer.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "SSCardDriver.h"

#define GUARD 64
#define FILL 0x5A
#define CALLS 10
#define MOST_THREADS 32

struct buffer {
    char out[SSCARD_OUT_SIZE_LARGE + GUARD];
    size_t size;
};

static struct buffer answer;
static int failed;

/* A fresh pOutInfo of this size with a guard behind it. */
static char *out(struct buffer *buffer, size_t size)
{
    buffer->size = size;
    memset(buffer->out, FILL, sizeof buffer->out);
    return buffer->out;
}

static void check(const struct buffer *buffer)
{
    size_t at;

    if (memchr(buffer->out, '\0', buffer->size) == NULL) {
        fprintf(stderr, "pOutInfo has no end\n");
        exit(2);
    }
    for (at = buffer->size; at < sizeof buffer->out; at++) {
        if (buffer->out[at] != FILL) {
            fprintf(stderr, "written behind pOutInfo\n");
            exit(2);
        }
    }
}

static long show(const char *function, long code)
{
    check(&answer);
    printf("%s %ld\n%s\n", function, code, answer.out);
    if (code != SSCARD_OK)
        failed = 1;
    return code;
}

/* 卡识别码|卡号|, fields 4 and 3 of iReadCardBas */
static int card_info(const char *basics, char *info, size_t size)
{
    const char *field[5];
    int number;

    field[0] = basics;
    for (number = 1; number < 5; number++) {
        field[number] = strchr(field[number - 1], '|');
        if (field[number] == NULL)
            return 0;
        field[number]++;
    }
    snprintf(info, size, "%.*s%.*s", (int)(field[4] - field[3]), field[3],
             (int)(field[3] - field[2]), field[2]);
    return 1;
}

/* pKey for the step after `function`, which has just answered. */
static int ask_hsm(char *function, char *key)
{
    char request[SSCARD_OUT_SIZE];

    memcpy(request, answer.out, sizeof request);
    if (show("iHSM_Answer", iHSM_Answer(function, request, out(&answer, SSCARD_OUT_SIZE))))
        return 0;
    memcpy(key, answer.out, SSCARD_OUT_SIZE);
    return 1;
}

#define SMALL out(&answer, SSCARD_OUT_SIZE)
#define LARGE out(&answer, SSCARD_OUT_SIZE_LARGE)

static void with_hsm(int type, char *info, char *files, char *pay)
{
    char key[SSCARD_OUT_SIZE];

    if (!show("iReadCardBas_HSM_Step1", iReadCardBas_HSM_Step1(type, SMALL)) &&
        ask_hsm("iReadCardBas_HSM_Step1", key))
        show("iReadCardBas_HSM_Step2", iReadCardBas_HSM_Step2(key, SMALL));
    card_info(answer.out, info, SSCARD_OUT_SIZE);
    if (!show("iReadCard_HSM_Step1", iReadCard_HSM_Step1(type, info, files, SMALL)) &&
        ask_hsm("iReadCard_HSM_Step1", key))
        show("iReadCard_HSM_Step2", iReadCard_HSM_Step2(key, LARGE));
    if (pay != NULL && !show("iDoDebit_HSM_Step1", iDoDebit_HSM_Step1(type, info, pay, SMALL)) &&
        ask_hsm("iDoDebit_HSM_Step1", key))
        show("iDoDebit_HSM_Step2", iDoDebit_HSM_Step2(key, SMALL));
}

static void *read_often(void *parameter)
{
    struct buffer *buffer = parameter;
    int count;

    for (count = 0; count < CALLS; count++) {
        long code = iReadCardBas(SSCARD_CONTACT_FIRST, out(buffer, SSCARD_OUT_SIZE));

        check(buffer);
        if (code != SSCARD_OK)
            return NULL;
    }
    return buffer;
}

static int threads(int count)
{
    pthread_t thread[MOST_THREADS];
    struct buffer *buffers = calloc(MOST_THREADS, sizeof *buffers);
    int number, good = 0;

    if (buffers == NULL || count < 1 || count > MOST_THREADS)
        return 1;
    for (number = 0; number < count; number++)
        pthread_create(&thread[number], NULL, read_often, &buffers[number]);
    for (number = 0; number < count; number++) {
        void *result;

        pthread_join(thread[number], &result);
        good += result != NULL && strcmp(buffers[number].out, buffers[0].out) == 0;
    }
    printf("%d of %d threads\n", good, count);
    return good != count;
}

int main(int argc, char **argv)
{
    char info[SSCARD_OUT_SIZE] = "";
    char standard[] = "DF01EF05|20|21|$";
    char *files = standard, *pay = NULL, *written = NULL, *data = NULL;
    int type = SSCARD_CONTACT, hsm = 0, option;

    while ((option = getopt(argc, argv, "t:f:p:w:kj:")) != -1) {
        switch (option) {
        case 't': type = atoi(optarg); break;
        case 'f': files = optarg; break;
        case 'p': pay = optarg; break;
        case 'w':
            written = optarg;
            data = optind < argc ? argv[optind++] : NULL;
            break;
        case 'k': hsm = 1; break;
        case 'j': return threads(atoi(optarg));
        default: return 1;
        }
    }
    if (hsm) {
        with_hsm(type, info, files, pay);
        return failed;
    }
    show("iReadCardBas", iReadCardBas(type, SMALL));
    card_info(answer.out, info, sizeof info);
    show("iVerifyPIN", iVerifyPIN(type, SMALL));
    if (written != NULL)
        show("iWriteCard", iWriteCard(type, info, written, data, SMALL));
    show("iReadCard", iReadCard(type, SSCARD_BY_PIN, info, files, LARGE));
    if (pay != NULL)
        show("iDoDebit", iDoDebit(type, info, pay, SMALL));
    show("iReadDebitRecord", iReadDebitRecord(type, LARGE));
    return failed;
}
