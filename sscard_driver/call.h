/* SPDX-License-Identifier: Apache-2.0 */
/* Between glue.c and the function that cffi makes of sscard_driver.bridge. */

/* One parameter before pOutInfo: a string, or a number when text is NULL. */
struct sscard_argument {
    int number;
    char *text;
};

/* 1 when code and out are set; 0 when there is no Python to do it. */
int sscard_call(char *function, struct sscard_argument *arguments, int count, char *out,
                long *code);
