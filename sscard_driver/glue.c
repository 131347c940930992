/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C side of a library: starts the interpreter as the Python that the library was built with,
 * and passes calls to sscard_driver.bridge. wrappers.py writes the exported functions behind it.
 *
 * SSCARD_PYTHON        program of that Python, that of its virtual environment if it has one
 * SSCARD_LIBPYTHON     file name of its shared library
 * SSCARD_PATHS         Python list of its package directories
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "LIBRARY_HEADER"
#include "call.h"

#ifndef SSCARD_E_LIBRARY
#define SSCARD_E_LIBRARY (-5)
#define SSCARD_E_PARAMETER (-14)
#endif

#define TEXT(x) #x
#define VERSION(major, minor) TEXT(major) "." TEXT(minor) "."

/* The virtual environment may lack the package (it was built from a source tree), and a program
 * that is Python itself may have other packages than those that the library needs. */
static const char find[] =
    "try:\n"
    "    import _cffi_backend, sscard_driver\n"
    "except ImportError:\n"
    "    import site\n"
    "    for directory in " SSCARD_PATHS ":\n"
    "        site.addsitedir(directory)\n";

/* Call with the GIL. */
static int find_packages(void)
{
    PyObject *names = PyDict_New(), *result = NULL;

    if (names != NULL && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0)
        result = PyRun_String(find, Py_file_input, names, names);
    if (result == NULL)
        PyErr_Print();
    Py_XDECREF(result);
    Py_XDECREF(names);
    return result != NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int usable;

static void start_python(void)
{
    PyConfig config;
    PyStatus status;
    const char *program = getenv("SSCARD_DRIVER_PYTHON");

    /* Modules of Python in C look for its symbols among the global ones, where they are not if
     * this library was loaded with RTLD_LOCAL. */
    if (dlopen(SSCARD_LIBPYTHON, RTLD_NOW | RTLD_GLOBAL) == NULL) {
        fprintf(stderr, "sscard driver: %s\n", dlerror());
        return;
    }
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    config.install_signal_handlers = 0;
    status = PyConfig_SetBytesString(&config, &config.program_name,
                                     program != NULL && *program ? program : SSCARD_PYTHON);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "sscard driver: Python does not start: %s\n",
                status.err_msg != NULL ? status.err_msg : "no message");
        return;
    }
    usable = find_packages();
    PyEval_SaveThread();
}

static void start(void)
{
    const char *built = VERSION(PY_MAJOR_VERSION, PY_MINOR_VERSION);
    PyGILState_STATE state;

    if (!Py_IsInitialized()) {
        start_python();
        return;
    }
    if (strncmp(Py_GetVersion(), built, strlen(built)) != 0) {
        fprintf(stderr, "sscard driver: the library is for Python %s*, this program is %s\n", built,
                Py_GetVersion());
        return;
    }
    state = PyGILState_Ensure();
    usable = find_packages();
    PyGILState_Release(state);
}

/* --- calls of texts and numbers --------------------------------------------------------------- */

static long call(char *function, struct sscard_argument *arguments, int count,
                 struct sscard_buffer *buffers, int number)
{
    long code = SSCARD_E_LIBRARY;

    pthread_once(&once, start);
    /* cffi answers 0 when its Python side could not be loaded; that says so on stderr. */
    if (!usable || !sscard_call(function, arguments, count, buffers, number, &code)) {
        while (number-- > 0)
            buffers[number].data[0] = '\0';
        code = SSCARD_E_LIBRARY;
    }
    return code;
}

static long no_parameter(struct sscard_buffer *buffers, int number)
{
    while (number-- > 0)
        if (buffers[number].data != NULL && buffers[number].size > 0)
            buffers[number].data[0] = '\0';
    return SSCARD_E_PARAMETER;
}

/* --- the exported functions ------------------------------------------------------------------ */
