/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a function of a DLL as Windows programs do: LoadLibrary, GetProcAddress, stdcall (or cdecl
 * with -c), buffers of a given size with a guard behind them.
 *
 *   caller [-c] [-n TIMES] [-f] [-t THREADS] [-s MS] DLL FUNCTION [i:NUMBER | s:TEXT | l:BYTES |
 *          h:HEX | b:SIZE | p:INDEX | n] ...
 *
 *   -n  so many times          -f  load and free the DLL around each, also in threads
 *   -t  from so many threads   -s  wait so long between two calls
 *   l:  a string of so many digits 1     p:  the buffer of an earlier argument     n  NULL
 *
 * Prints the result as 64 bits, the milliseconds, and each buffer in a line of its own. With
 * threads: how many gave what the first call gave.
 */
#define __USE_MINGW_ANSI_STDIO 1
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define GUARD 64
#define FILL 0x5A
#define MOST 6

typedef intptr_t word;
#define TYPES(convention, name)                                                                    \
    typedef long long(convention *name##0)(void);                                                  \
    typedef long long(convention *name##1)(word);                                                  \
    typedef long long(convention *name##2)(word, word);                                            \
    typedef long long(convention *name##3)(word, word, word);                                      \
    typedef long long(convention *name##4)(word, word, word, word);                                \
    typedef long long(convention *name##5)(word, word, word, word, word);
TYPES(__stdcall, s)
TYPES(__cdecl, c)
#define CALL(name)                                                                                 \
    switch (count) {                                                                               \
    case 0: return ((name##0)f)();                                                                 \
    case 1: return ((name##1)f)(w[0]);                                                             \
    case 2: return ((name##2)f)(w[0], w[1]);                                                       \
    case 3: return ((name##3)f)(w[0], w[1], w[2]);                                                 \
    case 4: return ((name##4)f)(w[0], w[1], w[2], w[3]);                                           \
    default: return ((name##5)f)(w[0], w[1], w[2], w[3], w[4]);                                    \
    }

static int cdecl_functions, again;
static const char *library, *function;
static char **given;
static int count;

static long long call(FARPROC f, word *w)
{
    if (cdecl_functions)
        CALL(c)
    CALL(s)
}

struct set {
    word words[MOST];
    char *buffers[MOST];
    size_t sizes[MOST];
};

static char *bytes(const char *hex)
{
    size_t size = strlen(hex) / 2, at;
    char *made = calloc(size + 1, 1);

    for (at = 0; at < size; at++) {
        char digits[3] = {hex[2 * at], hex[2 * at + 1], '\0'};

        made[at] = (char)strtoul(digits, NULL, 16);
    }
    return made;
}

static void prepare(struct set *set)
{
    int index;

    for (index = 0; index < count; index++) {
        const char *value = given[index] + 2;
        size_t size = strtoul(value, NULL, 10);

        set->buffers[index] = NULL;
        switch (given[index][0]) {
        case 'i': set->words[index] = atoi(value); break;
        case 's': set->words[index] = (word)value; break;
        case 'n': set->words[index] = 0; break;
        case 'h': set->words[index] = (word)bytes(value); break;
        case 'p': set->words[index] = set->words[size]; break;
        default:
            set->buffers[index] = malloc(size + GUARD);
            memset(set->buffers[index], FILL, size + GUARD);
            set->sizes[index] = size;
            set->words[index] = (word)set->buffers[index];
            if (given[index][0] == 'l') {
                memset(set->buffers[index], '1', size);
                set->buffers[index][size] = '\0';
                set->buffers[index] = NULL;
            }
        }
    }
}

static void check(const struct set *set)
{
    size_t at;
    int index;

    for (index = 0; index < count; index++) {
        if (set->buffers[index] == NULL)
            continue;
        for (at = 0; at < GUARD; at++)
            if (set->buffers[index][set->sizes[index] + at] != FILL) {
                puts("WRITTEN BEHIND");
                exit(2);
            }
        if (memchr(set->buffers[index], '\0', set->sizes[index]) == NULL) {
            puts("NO END");
            exit(2);
        }
    }
}

static FARPROC find(HMODULE *module)
{
    FARPROC found;

    *module = LoadLibraryA(library);
    if (*module == NULL) {
        printf("LoadLibrary %lu\n", GetLastError());
        exit(3);
    }
    found = GetProcAddress(*module, function);
    if (found == NULL) {
        puts("GetProcAddress");
        exit(3);
    }
    return found;
}

static void show(const struct set *set, long long code, DWORD time)
{
    int index;

    printf("%lld %lu\n", code, time);
    for (index = 0; index < count; index++)
        if (set->buffers[index] != NULL)
            puts(set->buffers[index]);
    fflush(stdout);
}

static FARPROC shared;
static struct set first;
static volatile LONG same;

static DWORD WINAPI work(void *times)
{
    int number, index;

    for (number = 0; number < *(int *)times; number++) {
        struct set set;
        HMODULE module;
        FARPROC f = again ? find(&module) : shared;
        int equal;

        prepare(&set);
        equal = call(f, set.words) == 0;
        check(&set);
        if (again)
            FreeLibrary(module);
        for (index = 0; index < count; index++)
            if (set.buffers[index] != NULL)
                equal = equal && strcmp(set.buffers[index], first.buffers[index]) == 0;
        if (equal)
            InterlockedIncrement(&same);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int times = 1, threads = 0, number;
    DWORD wait = 0;
    HMODULE module;
    FARPROC f;

    for (argv++; argc > 1 && argv[0][0] == '-'; argv++, argc--) {
        if (argv[0][1] == 'c')
            cdecl_functions = 1;
        else if (argv[0][1] == 'f')
            again = 1;
        else {
            char option = argv[0][1];

            argv++, argc--;
            if (option == 'n')
                times = atoi(argv[0]);
            else if (option == 't')
                threads = atoi(argv[0]);
            else
                wait = (DWORD)atoi(argv[0]);
        }
    }
    library = argv[0];
    function = argv[1];
    given = argv + 2;
    for (count = 0; given[count] != NULL; count++)
        ;
    f = find(&module);
    if (threads > 0) {
        HANDLE handles[32];

        shared = f;
        prepare(&first);
        call(f, first.words);
        for (number = 0; number < threads; number++)
            handles[number] = CreateThread(NULL, 0, work, &times, 0, NULL);
        WaitForMultipleObjects((DWORD)threads, handles, TRUE, INFINITE);
        printf("%ld of %d\n", same, threads * times);
        return 0;
    }
    for (number = 0; number < times; number++) {
        struct set set;
        long long code;
        DWORD begin = GetTickCount();

        if (number > 0 && again)
            f = find(&module);
        prepare(&set);
        code = call(f, set.words);
        check(&set);
        show(&set, code, GetTickCount() - begin);
        if (again)
            FreeLibrary(module);
        if (wait > 0 && number + 1 < times)
            Sleep(wait);
    }
    return 0;
}
