/* py_optim.c -- what optimizers do to every parameter at every step, without a loop in Python: collect the tensors of a fused step,
 * forget the gradients.
 *
 * Nothing is remembered between steps: groups, states and gradients are read anew each time, so that whatever the user put
 * there counts.  Refused: knowing what any optimizer computes. */
#include "bind.h"

enum { MOST_KEYS = 8 };

static bool append(PyObject *list, PyObject *value) { return PyList_Append(list, value) == 0; }

/* Add the states of p, one to each list.  1; 0 if one is missing or no tensor; -1 with an exception. */
static int append_states(PyObject *state, PyObject *p, PyObject *keys, PyObject *const *lists) {
    PyObject *own = PyDict_GetItemWithError(state, p);
    if (!own || !PyDict_Check(own)) return PyErr_Occurred() ? -1 : 0;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keys); k++) {
        PyObject *value = PyDict_GetItemWithError(own, PyTuple_GET_ITEM(keys, k));
        if (!value || !is_tensor(value)) return PyErr_Occurred() ? -1 : 0;
        if (!append(lists[k], value)) return -1;
    }
    return 1;
}

/* 1; 0 where the fused step cannot be used; -1 with an exception. */
static int collect(PyObject *params, PyObject *state, PyObject *keys, PyObject *const *lists) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(params); i++) {
        PyObject *p = PyList_GET_ITEM(params, i);
        if (!is_exact(p)) return 0;
        Tensor *grad = tensor_of(p)->grad;
        if (!grad) continue;
        if (!append(lists[0], p) || !append(lists[1], object_of(grad))) return -1;
        int there = PyTuple_GET_SIZE(keys) ? append_states(state, p, keys, lists + 2) : 1;
        if (there != 1) return there;
    }
    return 1;
}

static PyObject *optim_lists(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    if (nargs != 3 || !PyList_Check(args[0]) || !PyDict_Check(args[1]) || !PyTuple_Check(args[2]) || PyTuple_GET_SIZE(args[2]) > MOST_KEYS) {
        PyErr_SetString(PyExc_TypeError, "_optim_lists(params: list, state: dict, keys: tuple)");
        return NULL;
    }
    Py_ssize_t n = 2 + PyTuple_GET_SIZE(args[2]);
    PyObject *lists[2 + MOST_KEYS], *result = PyTuple_New(n);
    if (!result) return NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        lists[i] = PyList_New(0);
        if (!lists[i]) {
            Py_DECREF(result);
            return NULL;
        }
        PyTuple_SET_ITEM(result, i, lists[i]);
    }
    int there = collect(args[0], args[1], args[2], lists);
    if (there == 1) return result;
    Py_DECREF(result);
    if (there < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *drop_grads(PyObject *module, PyObject *params) {
    if (!PyList_Check(params)) {
        PyErr_SetString(PyExc_TypeError, "_drop_grads(params: list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(params); i++) {
        PyObject *p = PyList_GET_ITEM(params, i);
        if (is_exact(p)) {
            Tensor *grad = tensor_of(p)->grad;
            tensor_of(p)->grad = NULL;
            rl_drop(grad);
        } else if (PyObject_SetAttrString(p, "grad", Py_None) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"_optim_lists", AS_METHOD(optim_lists), METH_FASTCALL,
     "_optim_lists(params, state, keys): (parameters with a gradient, their gradients, their states by each key), or None where a fused step cannot be used."},
    {"_drop_grads", drop_grads, METH_O, "_drop_grads(params): set every .grad to None."},
    {NULL},
};

bool optim_start(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
