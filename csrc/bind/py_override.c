/* Functions written in Python that ask their arguments for __torch_function__ first, as rows of the table do.
 *
 * An Asking stands before such a function: where an argument, or an item of a list or tuple among them, brings an override, that one is asked and
 * given the Asking itself, which is the name that the caller knows; otherwise the function runs.  To whoever looks, it is the function: attributes
 * (so signature, source, documentation), repr and isinstance are the function's, and what is set on it is set there.  Only calling, binding and
 * pickling are its own.  It decides nothing about which functions ask: python/rushlight/_asking.py does. */
#include "bind.h"
#include <structmember.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *function, *weak;
} Asking;

static PyTypeObject *AskingType;
static PyObject *own_names;

static bool overrides(PyObject *o) {
    if (!PyTuple_Check(o) && !PyList_Check(o)) return torch_function_of(o) != NULL;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++)
        if (torch_function_of(PySequence_Fast_GET_ITEM(o, i))) return true;
    return false;
}

static PyObject *asking_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf), all = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    for (Py_ssize_t i = 0; i < all && !torch_function_off; i++)
        if (overrides(args[i])) return call_torch_function(self, args, nargs, kwnames);
    return PyObject_Vectorcall(((Asking *)self)->function, args, nargsf, kwnames);
}

static PyObject *asking_bind(PyObject *self, PyObject *instance, PyObject *owner) {
    return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

static PyObject *asking_attribute(PyObject *self, PyObject *name) {
    int own = PySet_Contains(own_names, name);
    if (own < 0) return NULL;
    return own ? PyObject_GenericGetAttr(self, name) : PyObject_GetAttr(((Asking *)self)->function, name);
}

static int asking_set_attribute(PyObject *self, PyObject *name, PyObject *value) { return PyObject_SetAttr(((Asking *)self)->function, name, value); }
static PyObject *asking_repr(PyObject *self) { return PyObject_Repr(((Asking *)self)->function); }
static PyObject *asking_reduce(PyObject *self, PyObject *protocol) { return PyObject_GetAttrString(((Asking *)self)->function, "__qualname__"); }

static int asking_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Asking *)self)->function);
    return 0;
}

static int asking_clear(PyObject *self) {
    Py_CLEAR(((Asking *)self)->function);
    return 0;
}

static void asking_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (((Asking *)self)->weak) PyObject_ClearWeakRefs(self);
    asking_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *asking(PyObject *unused, PyObject *function) {
    Asking *self = (Asking *)AskingType->tp_alloc(AskingType, 0);
    if (!self) return NULL;
    self->call = asking_call;
    self->function = Py_NewRef(function);
    return (PyObject *)self;
}

static PyMethodDef methods[] = {
    {"__reduce_ex__", asking_reduce, METH_O, "The name that pickle finds it by."},
    {NULL},
};
static PyMemberDef members[] = {
    {"__wrapped__", T_OBJECT_EX, offsetof(Asking, function), READONLY, "The function."},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Asking, call), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Asking, weak), READONLY, NULL},
    {NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_doc, "A Python function that asks its arguments for __torch_function__ first."}, {Py_tp_dealloc, asking_dealloc}, {Py_tp_traverse, asking_traverse},
    {Py_tp_clear, asking_clear}, {Py_tp_call, PyVectorcall_Call}, {Py_tp_descr_get, asking_bind}, {Py_tp_getattro, asking_attribute},
    {Py_tp_setattro, asking_set_attribute}, {Py_tp_repr, asking_repr}, {Py_tp_methods, methods}, {Py_tp_members, members}, {0, NULL},
};
static PyType_Spec spec = {
    .name = "rushlight._C.Asking", .basicsize = sizeof(Asking), .slots = slots,
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
};
static PyMethodDef functions[] = {
    {"_asking", asking, METH_O, "_asking(function): the function, asking its arguments for __torch_function__ first."},
    {NULL},
};

bool override_start(PyObject *module) {
    AskingType = (PyTypeObject *)PyType_FromSpec(&spec);
    own_names = Py_BuildValue("[ssss]", "__call__", "__get__", "__reduce_ex__", "__wrapped__");
    PyObject *list = own_names;
    own_names = list ? PyFrozenSet_New(list) : NULL;
    Py_XDECREF(list);
    return AskingType && own_names && PyModule_AddFunctions(module, functions) == 0;
}
