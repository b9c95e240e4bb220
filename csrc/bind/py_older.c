/* py_older.c -- the order of arguments of torch's first years: numbers between the tensors, as in p.add_(-lr, grad).
 *
 * Asked only when a call did not fit today's signature.  The numbers become keywords, with a warning, and the call is made again. */
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

/* The result of a call that did not fit, in today's order; NULL with the call's own error where it was no older form. */
PyObject *older_form(PyObject *callable, const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    PyObject *all[2 * MOST], *numbers[MOST];
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    int nnumbers;
    const Form *form = find(name);
    if (!form || nargs < 1 || nkw > 2 || !PyErr_ExceptionMatches(PyExc_TypeError) || !take_apart(form, args, nargs, all, numbers, &nnumbers)) return NULL;
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
