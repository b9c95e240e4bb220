/* py_older.c -- other forms of calls: the order of arguments of torch's first years, and the names of torch's documentation.
 *
 * Asked only when a call did not fit today's signature.  In p.add_(-lr, grad) the numbers become keywords, with a warning; the
 * documented forms are those of rushlight._documented.  The call is then made again. */
#include "bind.h"

#include <string.h>

enum { MOST = 8 };

typedef struct Form { const char *name; int tensors; const char *first, *second; } Form;

static const Form forms[] = {
    {"add", 2, "alpha", NULL}, {"sub", 2, "alpha", NULL}, {"addcmul", 3, "value", NULL}, {"addcdiv", 3, "value", NULL}, {"addmm", 3, "beta", "alpha"},
    {"addmv", 3, "beta", "alpha"}, {"addr", 3, "beta", "alpha"}, {"addbmm", 3, "beta", "alpha"}, {"baddbmm", 3, "beta", "alpha"},
};

static const Form *find(const char *name) {
    for (int i = 0; i < RL_COUNT(forms); i++)
        if (!strcmp(forms[i].name, name)) return &forms[i];
    return NULL;
}

/* Tensors and numbers of a call apart, each in their order; whether they are as many as the form has. */
static bool take_apart(const Form *form, PyObject *const *args, Py_ssize_t nargs, PyObject **tensors, PyObject **numbers, int *nnumbers) {
    int ntensors = 0;
    *nnumbers = 0;
    if (nargs > 5 || !is_tensor(args[nargs - 1])) return false;         /* the numbers stand before the last tensor */
    for (Py_ssize_t i = 0; i < nargs; i++) {
        if (is_tensor(args[i])) tensors[ntensors++] = args[i];
        else if (is_number(args[i])) numbers[(*nnumbers)++] = args[i];
        else return false;
    }
    return ntensors == form->tensors && *nnumbers >= 1 && *nnumbers <= (form->second ? 2 : 1);
}

/* The keywords of a call, and one for each number. */
static PyObject *names_with(const Form *form, PyObject *kwnames, int nnumbers) {
    Py_ssize_t n = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    PyObject *names = PyTuple_New(n + nnumbers);
    for (Py_ssize_t i = 0; names && i < n; i++) PyTuple_SET_ITEM(names, i, Py_NewRef(PyTuple_GET_ITEM(kwnames, i)));
    for (int i = 0; names && i < nnumbers; i++) PyTuple_SET_ITEM(names, n + i, PyUnicode_InternFromString(i ? form->second : form->first));
    return names;
}

/* Positional arguments and keywords of a vectorcall as objects; false without memory. */
static bool as_objects(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **tuple, PyObject **dict) {
    *tuple = PyTuple_New(nargs);
    *dict = PyDict_New();
    for (Py_ssize_t i = 0; *tuple && i < nargs; i++) PyTuple_SET_ITEM(*tuple, i, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; *dict && kwnames && i < PyTuple_GET_SIZE(kwnames); i++)
        if (PyDict_SetItem(*dict, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) return false;
    return *tuple && *dict;
}

/* The call in its documented form; NULL with the pending error where it has none. */
static PyObject *documented_form(PyObject *callable, PyObject *name, bool method, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    PyObject *type, *value, *trace, *tuple, *dict;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *module = PyImport_ImportModule("rushlight._documented");
    PyObject *result = as_objects(args, nargs, kwnames, &tuple, &dict) && module ?
        PyObject_CallMethod(module, "call", "OOOOO", callable, name, method ? Py_True : Py_False, tuple, dict) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(tuple);
    Py_XDECREF(dict);
    if (result == Py_NotImplemented) {
        Py_CLEAR(result);
        PyErr_Restore(type, value, trace);
        return NULL;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return result;
}

/* The result of a call that did not fit, in another of its forms; NULL with the call's own error where it has none. */
PyObject *older_form(PyObject *callable, PyObject *title, bool method, const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    PyObject *all[2 * MOST], *numbers[MOST];
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    int nnumbers;
    const Form *form = find(name);
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return NULL;
    if (!form || nargs < 1 || nkw > 2 || !take_apart(form, args, nargs, all, numbers, &nnumbers)) return documented_form(callable, title, method, args, nargs, kwnames);
    PyErr_Clear();
    if (PyErr_WarnFormat(PyExc_UserWarning, 1, "This overload of %s is deprecated: numbers go behind the tensors, by keyword: %s(..., %s=...)", name, name, form->first) < 0)
        return NULL;
    for (Py_ssize_t i = 0; i < nkw; i++) all[form->tensors + i] = args[nargs + i];
    for (int i = 0; i < nnumbers; i++) all[form->tensors + nkw + i] = numbers[i];
    PyObject *names = names_with(form, kwnames, nnumbers);
    PyObject *result = names ? PyObject_Vectorcall(callable, all, (size_t)form->tensors, names) : NULL;
    Py_XDECREF(names);
    return result;
}
