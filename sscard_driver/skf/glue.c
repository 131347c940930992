/* SPDX-License-Identifier: Apache-2.0 */
/* Behind the start of Python (glue.c): calls of GM/T 0016. functions.py writes what is exported. */

static ULONG answer(char *function, struct skf_value *values, int count)
{
    unsigned int result = SAR_NOTINITIALIZEERR;

    pthread_once(&once, start);
    /* cffi answers 0 when its Python side could not be loaded; that says so on stderr. */
    if (!usable || !skf_call(function, values, count, &result))
        return SAR_NOTINITIALIZEERR;
    return result;
}

/* --- the exported functions ------------------------------------------------------------------ */
