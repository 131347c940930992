/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Windows side of a library: passes calls to `sscard driver-server` over TCP; the messages are
 * described in sscard_driver/wire.py. It needs KERNEL32 and WS2_32 and no C runtime. build.py
 * writes the exported functions behind it and defines:
 *
 * LIBRARY       name of the library
 * SSCARD_CDECL  its functions are cdecl, else stdcall
 */
#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0501
#include <winsock2.h>
#include <windows.h>

#ifdef SSCARD_CDECL
#define API __cdecl
#else
#define API __stdcall
#endif

#define STANDARD_SERVER "127.0.0.1:33033"
#define STANDARD_PORT 33033
#define STANDARD_CONNECT_MS "3000"
#define STANDARD_ANSWER_MS "150000"
#define VERSION 1
#define MOST 8             /* parameters and buffers of a function */
#define TEXT_LIMIT 65536   /* bytes of a parameter */
#define BUFFER_LIMIT 65536 /* bytes of a buffer that are used */
#define TOKEN_LIMIT 255

#define SSCARD_E_NO_ANSWER (-4)
#define SSCARD_E_LIBRARY (-5)
#define SSCARD_E_NOT_CONNECTED (-12)
#define SSCARD_E_PARAMETER (-14)
#define SSCARD_E_LENGTH (-42)

struct sscard_argument {
    int number;
    const char *text;
};

struct sscard_buffer {
    char *data;
    int size;
};

static CRITICAL_SECTION lock;
static HINSTANCE self;
static SOCKET server = INVALID_SOCKET;
static BOOL sockets;

/* The compiler may call these even where there is no C runtime. */
__attribute__((optimize("no-tree-loop-distribute-patterns")))
void *memcpy(void *to, const void *from, size_t size)
{
    char *target = to;
    const char *source = from;

    while (size-- > 0)
        *target++ = *source++;
    return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns")))
void *memset(void *to, int byte, size_t size)
{
    char *target = to;

    while (size-- > 0)
        *target++ = (char)byte;
    return to;
}

BOOL WINAPI DllMainCRTStartup(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        self = instance;
        DisableThreadLibraryCalls(instance);
        InitializeCriticalSection(&lock);
    }
    return TRUE;
}

/* --- settings -------------------------------------------------------------------------------- */

/* A variable of the environment, else the key under [driver] of SSCardDriver.ini beside the DLL. */
static void setting(const char *variable, const char *key, const char *standard, char *value,
                    DWORD size)
{
    static const char file[] = "SSCardDriver.ini";
    char path[MAX_PATH];
    DWORD length = GetEnvironmentVariableA(variable, value, size), end;

    if (length > 0 && length < size)
        return;
    end = GetModuleFileNameA(self, path, sizeof path);
    while (end > 0 && path[end - 1] != '\\')
        end--;
    if (end + sizeof file > sizeof path)
        end = 0;
    memcpy(path + end, file, sizeof file);
    GetPrivateProfileStringA("driver", key, standard, value, size, path);
}

static int decimal(const char *text)
{
    int value = 0;

    while (*text >= '0' && *text <= '9' && value < 10000000)
        value = value * 10 + *text++ - '0';
    return value;
}

static DWORD milliseconds(const char *variable, const char *key, const char *standard)
{
    char text[16];

    setting(variable, key, standard, text, sizeof text);
    return (DWORD)decimal(text);
}

/* --- the connection -------------------------------------------------------------------------- */

static void hang_up(void)
{
    if (server != INVALID_SOCKET)
        closesocket(server);
    server = INVALID_SOCKET;
}

/* Wait until the socket can be read, or written. 1 it can, 0 not in time, -1 it failed. */
static int wait_for(BOOL writing, DWORD time)
{
    struct timeval most = {(long)(time / 1000), (long)(time % 1000 * 1000)};
    fd_set ready, failed;

    FD_ZERO(&ready);
    FD_SET(server, &ready);
    FD_ZERO(&failed);
    FD_SET(server, &failed);
    if (select(0, writing ? NULL : &ready, writing ? &ready : NULL, &failed, &most) <= 0)
        return 0;
    return FD_ISSET(server, &ready) ? 1 : -1;
}

static BOOL send_all(const char *data, int size, DWORD time)
{
    while (size > 0) {
        int sent = send(server, data, size, 0);

        if (sent > 0) {
            data += sent;
            size -= sent;
        } else if (WSAGetLastError() != WSAEWOULDBLOCK || wait_for(TRUE, time) != 1) {
            return FALSE;
        }
    }
    return TRUE;
}

static BOOL receive_all(char *data, int size, DWORD begin, DWORD time)
{
    while (size > 0) {
        int got = recv(server, data, size, 0);
        DWORD gone = GetTickCount() - begin;

        if (got > 0) {
            data += got;
            size -= got;
        } else if (got == 0 || WSAGetLastError() != WSAEWOULDBLOCK || gone >= time ||
                   wait_for(FALSE, time - gone) != 1) {
            return FALSE;
        }
    }
    return TRUE;
}

static char *put(char *at, unsigned value)
{
    at[0] = (char)(value >> 24);
    at[1] = (char)(value >> 16);
    at[2] = (char)(value >> 8);
    at[3] = (char)value;
    return at + 4;
}

static unsigned get(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;

    return (unsigned)bytes[0] << 24 | (unsigned)bytes[1] << 16 | (unsigned)bytes[2] << 8 | bytes[3];
}

static BOOL find_address(struct sockaddr_in *address)
{
    char host[256];
    char *colon = host;
    struct hostent *entry;

    setting("SSCARD_DRIVER_SERVER", "server", STANDARD_SERVER, host, sizeof host);
    while (*colon != '\0' && *colon != ':')
        colon++;
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons((u_short)(*colon == ':' ? decimal(colon + 1) : STANDARD_PORT));
    *colon = '\0';
    address->sin_addr.s_addr = inet_addr(host);
    if (address->sin_addr.s_addr != INADDR_NONE)
        return TRUE;
    entry = gethostbyname(host);
    if (entry == NULL || entry->h_length != 4)
        return FALSE;
    memcpy(&address->sin_addr, entry->h_addr_list[0], 4);
    return TRUE;
}

/* The first message: version and token. Its answer of 8 bytes says "good". */
static BOOL greet(DWORD time)
{
    char token[TOKEN_LIMIT + 1], hello[4 + 4 + 2 + TOKEN_LIMIT], answer[8];
    char *at;
    unsigned length;

    setting("SSCARD_DRIVER_TOKEN", "token", "", token, sizeof token);
    length = (unsigned)lstrlenA(token);
    at = put(hello, 4 + 2 + length);
    memcpy(at, "SSCD", 4);
    at[4] = VERSION;
    at[5] = (char)length;
    memcpy(at + 6, token, length);
    return send_all(hello, (int)(10 + length), time) &&
           receive_all(answer, sizeof answer, GetTickCount(), time) && get(answer) == 4 &&
           get(answer + 4) == 0;
}

static BOOL connect_server(void)
{
    struct sockaddr_in address;
    DWORD time;
    WSADATA data;
    u_long on = 1;
    int yes = 1;

    if (server != INVALID_SOCKET) {
        if (wait_for(FALSE, 0) == 0) /* nothing has come: the server is there */
            return TRUE;
        hang_up(); /* it has closed the connection since */
    }
    if (!sockets) {
        HMODULE kept;

        if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
            return FALSE;
        /* Programs free the DLL after each call: it stays, and so does its connection. */
        GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                           (const char *)&connect_server, &kept);
        sockets = TRUE;
    }
    if (!find_address(&address))
        return FALSE;
    server = socket(AF_INET, SOCK_STREAM, 0);
    if (server == INVALID_SOCKET)
        return FALSE;
    ioctlsocket(server, FIONBIO, &on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes);
    time = milliseconds("SSCARD_DRIVER_CONNECT_MS", "connect_ms", STANDARD_CONNECT_MS);
    if ((connect(server, (struct sockaddr *)&address, sizeof address) == 0 ||
         wait_for(TRUE, time) == 1) &&
        greet(time))
        return TRUE;
    hang_up();
    return FALSE;
}

/* --- a call ---------------------------------------------------------------------------------- */

/* Empty buffers, the first one with a text. */
static long fail(struct sscard_buffer *buffers, int number, const char *text, long code)
{
    int index;

    for (index = 0; index < number; index++)
        lstrcpynA(buffers[index].data, index == 0 ? text : "", buffers[index].size);
    return code;
}

static unsigned room(const struct sscard_buffer *buffer)
{
    return buffer->size < BUFFER_LIMIT ? (unsigned)buffer->size : BUFFER_LIMIT;
}

/* The request, from the process heap; NULL where there is no memory. */
static char *write_request(const char *function, const struct sscard_argument *arguments, int count,
                           const unsigned *lengths, const struct sscard_buffer *buffers, int number,
                           unsigned *size)
{
    unsigned library = sizeof LIBRARY - 1, name = (unsigned)lstrlenA(function);
    char *request, *at;
    int index;

    *size = 4 + 1 + library + 1 + name + 1 + 1 + 4 * (unsigned)number;
    for (index = 0; index < count; index++)
        *size += 5 + lengths[index];
    request = HeapAlloc(GetProcessHeap(), 0, *size);
    if (request == NULL)
        return NULL;
    at = put(request, *size - 4);
    *at++ = (char)library;
    memcpy(at, LIBRARY, library);
    at += library;
    *at++ = (char)name;
    memcpy(at, function, name);
    at += name;
    *at++ = (char)count;
    for (index = 0; index < count; index++) {
        const char *text = arguments[index].text;

        *at++ = text == NULL ? 'i' : 's';
        at = put(at, text == NULL ? (unsigned)arguments[index].number : lengths[index]);
        if (text != NULL)
            memcpy(at, text, lengths[index]);
        at += lengths[index];
    }
    *at++ = (char)number;
    for (index = 0; index < number; index++)
        at = put(at, room(&buffers[index]));
    return request;
}

/* Reads an answer into the buffers. 1 done, 0 there is none, -1 it is wrong. */
static int read_answer(struct sscard_buffer *buffers, int number, long *code, DWORD begin,
                       DWORD time)
{
    char head[8];
    unsigned left;
    int index;

    if (!receive_all(head, sizeof head, begin, time))
        return 0;
    left = get(head);
    if (left < 4)
        return -1;
    left -= 4;
    for (index = 0; index < number && left >= 4; index++) {
        char bytes[4];
        unsigned length;

        if (!receive_all(bytes, sizeof bytes, begin, time))
            return 0;
        length = get(bytes);
        left -= 4;
        if (length > left || length >= room(&buffers[index]))
            return -1;
        if (!receive_all(buffers[index].data, (int)length, begin, time))
            return 0;
        buffers[index].data[length] = '\0';
        left -= length;
    }
    *code = (long)(int)get(head + 4);
    return index == number && left == 0 ? 1 : -1;
}

static long locked_call(const char *function, const struct sscard_argument *arguments, int count,
                        struct sscard_buffer *buffers, int number)
{
    unsigned lengths[MOST], size;
    char *request;
    DWORD begin, time;
    BOOL sent;
    long code;
    int index, got;

    for (index = 0; index < count; index++) {
        lengths[index] = 0;
        if (arguments[index].text == NULL)
            continue;
        while (arguments[index].text[lengths[index]] != '\0')
            if (++lengths[index] >= TEXT_LIMIT)
                return fail(buffers, number, "a parameter is too long", SSCARD_E_LENGTH);
    }
    if (!connect_server())
        return fail(buffers, number,
                    "the driver server does not answer, or wants another token: is sscard "
                    "driver-server running?",
                    SSCARD_E_NOT_CONNECTED);
    request = write_request(function, arguments, count, lengths, buffers, number, &size);
    if (request == NULL)
        return fail(buffers, number, "no memory", SSCARD_E_LIBRARY);
    time = milliseconds("SSCARD_DRIVER_ANSWER_MS", "answer_ms", STANDARD_ANSWER_MS);
    begin = GetTickCount();
    sent = send_all(request, (int)size, time);
    HeapFree(GetProcessHeap(), 0, request);
    got = sent ? read_answer(buffers, number, &code, begin, time) : 0;
    if (got == 1)
        return code;
    hang_up(); /* and never send it again: it may have been a debit */
    if (got == 0)
        return fail(buffers, number, "the driver server gave no answer", SSCARD_E_NO_ANSWER);
    return fail(buffers, number, "the driver server gave a wrong answer", SSCARD_E_LIBRARY);
}

static long call(const char *function, const struct sscard_argument *arguments, int count,
                 struct sscard_buffer *buffers, int number)
{
    long code;

    EnterCriticalSection(&lock);
    code = locked_call(function, arguments, count, buffers, number);
    LeaveCriticalSection(&lock);
    return code;
}

static long no_parameter(struct sscard_buffer *buffers, int number)
{
    int index;

    for (index = 0; index < number; index++)
        if (buffers[index].data != NULL && buffers[index].size > 0)
            buffers[index].data[0] = '\0';
    return SSCARD_E_PARAMETER;
}

/* --- the exported functions ------------------------------------------------------------------ */
