/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads card and identity card through libHeaSecReadInfo.so, asks for a credential, and prints
 * codes and answers.
 *
 *   medical_test INIT_JSON [EC_QUERY_JSON]
 *
 * Exit code: 0 when all functions returned 0, 1 when one did not, 2 when the library wrote outside
 * of a buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "HeaSecReadInfo.h"

#define GUARD 64
#define FILL 0x5A

struct buffer {
    char data[HEASEC_BUSINESS_SIZE + GUARD];
    size_t size;
};

static struct buffer first, second;
static int failed;

static char *fresh(struct buffer *buffer, size_t size)
{
    buffer->size = size;
    memset(buffer->data, FILL, sizeof buffer->data);
    return buffer->data;
}

static void check(const struct buffer *buffer)
{
    size_t at;

    if (memchr(buffer->data, '\0', buffer->size) == NULL) {
        fprintf(stderr, "a buffer has no end\n");
        exit(2);
    }
    for (at = buffer->size; at < sizeof buffer->data; at++) {
        if (buffer->data[at] != FILL) {
            fprintf(stderr, "written behind a buffer\n");
            exit(2);
        }
    }
}

static void show(const char *function, long code, int buffers)
{
    check(&first);
    printf("%s %ld\n%s\n", function, code, first.data);
    if (buffers == 2) {
        check(&second);
        printf("%s\n", second.data);
    }
    if (code != 0)
        failed = 1;
}

#define FIRST(size) fresh(&first, size)
#define SECOND fresh(&second, HEASEC_BUSINESS_SIZE)

int main(int argc, char **argv)
{
    if (argc < 2)
        return 1;
    show("Init", Init(argv[1], FIRST(HEASEC_ERROR_SIZE)), 1);
    show("VerifyPIN", VerifyPIN(FIRST(HEASEC_TEXT_SIZE)), 1);
    show("ReadCardBas", ReadCardBas(FIRST(HEASEC_CARD_SIZE), SECOND), 2);
    show("ReadSFZ", ReadSFZ(NULL, FIRST(HEASEC_TEXT_SIZE), SECOND), 2);
    if (argc > 2)
        show("EcQuery", EcQuery(argv[2], FIRST(HEASEC_BUSINESS_SIZE)), 1);
    return failed;
}
