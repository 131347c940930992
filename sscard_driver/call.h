/* SPDX-License-Identifier: Apache-2.0 */
/* Between glue.c and the function that cffi makes of sscard_driver.bridge. */

/* One parameter before the buffers: a string, or a number when text is NULL. */
struct sscard_argument {
    int number;
    char *text;
};

/* A buffer of the caller of so many bytes. */
struct sscard_buffer {
    char *data;
    int size;
};

/* 1 when code and all buffers are set; 0 when there is no Python to do it. */
int sscard_call(char *function, struct sscard_argument *arguments, int count,
                struct sscard_buffer *buffers, int number, long *code);
