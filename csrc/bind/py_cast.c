/* py_cast.c -- to(), type(), float(), cpu(): the same numbers in another dtype, and devices that are all the CPU. */
#include "bind.h"

#include <string.h>

typedef struct Target { Dtype dtype; bool copy; int format, device; } Target;

/* To meta goes the shape, and from it nothing. */
static PyObject *moved(PyObject *self, Dtype d, int device) {
    if (device == DEVICE_CPU) return PyErr_Format(PyExc_NotImplementedError, "Cannot copy out of meta tensor; no data! (Module.to_empty() gives a module new memory)");
    Scope s = rl_scope_open();
    Tensor *y = rl_apply_n(rl_find("empty_like"), 2, (Arg[]){a_t(tensor_of(self)), a_dtype(d)});
    if (y) y->storage->flags |= STORAGE_META;
    return finish(s, y);
}

static PyObject *converted(PyObject *self, Target to) {
    Tensor *t = tensor_of(self);
    Dtype d = to.dtype == RL_NO_DTYPE ? (Dtype)t->dtype : to.dtype;
    if (RL_UNLIKELY(rl_meta_seen) && to.device && rl_is_meta(t) != (to.device == DEVICE_META)) return moved(self, d, to.device);
    bool formatted = to.format == FORMAT_CONTIGUOUS || to.format >= FORMAT_CHANNELS_LAST;
    if (d == t->dtype && !to.copy && !formatted) return Py_NewRef(self);
    Scope s = rl_scope_open();
    if (formatted) {
        Arg arg[5] = {a_t(t), a_dtype(d), a_b(false), a_b(to.copy), a_i(to.format)};
        return finish(s, rl_apply_n(rl_find("to"), 5, arg));
    }
    return finish(s, d == t->dtype ? rl_clone(t) : rl_cast(t, d));
}

static bool refuse(const char *name, PyObject *value) {
    PyErr_Format(PyExc_TypeError, "to() received an invalid combination of arguments - got (%s%s%s), but expected one of:\n"
                 " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
                 " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
                 " * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n", name, *name ? "=" : "", type_name(value));
    return false;
}

/* One positional argument of to(); flags counts the booleans seen: non_blocking, then copy. */
static bool take_positional(PyObject *o, Target *to, int *flags) {
    Dtype d;
    if (PyBool_Check(o)) {
        if ((*flags)++ == 1) to->copy = o == Py_True;
        return *flags <= 2 || refuse("", o);
    }
    if (o == Py_None) return true;
    if (is_tensor(o)) *to = (Target){(Dtype)tensor_of(o)->dtype, to->copy, to->format, rl_is_meta(tensor_of(o)) ? DEVICE_META : DEVICE_CPU};
    else if (dtype_from(o, &d)) to->dtype = d;
    else if (Py_TYPE(o) == MemoryFormatType) to->format = memory_format_value(o);
    else if (device_like(o)) return (to->device = device_kind(o)) != 0;
    else return refuse("", o);
    return true;
}

static bool take_keyword(PyObject *key, PyObject *o, Target *to) {
    const char *name = PyUnicode_AsUTF8(key);
    Dtype d;
    if (!name) return false;
    if (!strcmp(name, "non_blocking")) return true;
    if (!strcmp(name, "copy")) {
        int truth = PyObject_IsTrue(o);
        to->copy = truth == 1;
        return truth >= 0;
    }
    if (!strcmp(name, "device")) return o == Py_None || (device_like(o) ? (to->device = device_kind(o)) != 0 : refuse(name, o));
    if (!strcmp(name, "dtype")) {
        if (o == Py_None) return true;
        if (!dtype_from(o, &d)) return refuse(name, o);
        to->dtype = d;
        return true;
    }
    if (!strcmp(name, "memory_format")) {
        if (o == Py_None) return true;
        if (Py_TYPE(o) != MemoryFormatType) return refuse(name, o);
        to->format = memory_format_value(o);
        return true;
    }
    if (!strcmp(name, "other") || !strcmp(name, "tensor")) {
        if (!is_tensor(o)) return refuse(name, o);
        to->dtype = (Dtype)tensor_of(o)->dtype;
        to->device = rl_is_meta(tensor_of(o)) ? DEVICE_META : DEVICE_CPU;
        return true;
    }
    PyErr_Format(PyExc_TypeError, "to() got an unexpected keyword argument '%s'", name);
    return false;
}

static PyObject *through_subclass(PyObject *self, const char *method, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    PyObject *func = PyObject_GetAttrString((PyObject *)TensorType, method), *all[12], *result = NULL;
    Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    if (func && total < RL_COUNT(all)) {
        all[0] = self;
        for (Py_ssize_t i = 0; i < total; i++) all[i + 1] = args[i];
        result = call_torch_function(func, all, n + 1, kwnames);
    }
    Py_XDECREF(func);
    return result;
}

static PyObject *tensor_to(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    if (!is_exact(self) && torch_function_of(self)) return through_subclass(self, "to", args, n, kwnames);
    Target to = {RL_NO_DTYPE, false, FORMAT_PRESERVE, DEVICE_UNSAID};
    int flags = 0;
    if (n == 0 && !kwnames) return PyErr_Format(PyExc_RuntimeError, "to(): say to which dtype or device");
    for (Py_ssize_t i = 0; i < n; i++)
        if (!take_positional(args[i], &to, &flags)) return NULL;
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); i++)
        if (!take_keyword(PyTuple_GET_ITEM(kwnames, i), args[n + i], &to)) return NULL;
    return converted(self, to);
}

/* x.float() and its kin: one C function per dtype, from the list of dtypes. */
static PyObject *to_dtype(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, Dtype d, const char *name) {
    if (!is_exact(self) && torch_function_of(self)) return through_subclass(self, name, args, n, kwnames);
    int format = FORMAT_PRESERVE;
    PyObject *o = n || kwnames ? only_argument(name, "memory_format", args, n, kwnames) : NULL;
    if (o && !n && Py_TYPE(o) == MemoryFormatType) format = memory_format_value(o);
    else if (o != Py_None && (o || PyErr_Occurred())) return o ? PyErr_Format(PyExc_TypeError, "%s() takes no arguments but memory_format", name) : NULL;
    return converted(self, (Target){d, false, format, !strcmp(name, "cpu") ? DEVICE_CPU : DEVICE_UNSAID});
}
#define CAST(word, d) static PyObject *cast_##word(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) { return to_dtype(self, args, n, kwnames, d, #word); }
CAST(float, RL_FLOAT32) CAST(double, RL_FLOAT64) CAST(half, RL_FLOAT16) CAST(bfloat16, RL_BFLOAT16) CAST(int, RL_INT32) CAST(long, RL_INT64)
CAST(short, RL_INT16) CAST(char, RL_INT8) CAST(byte, RL_UINT8) CAST(bool, RL_BOOL) CAST(cfloat, RL_COMPLEX64) CAST(cdouble, RL_COMPLEX128) CAST(cpu, RL_NO_DTYPE)

static PyObject *cast_cuda(PyObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *name = PyUnicode_FromString("cuda");
    if (name) device_check(name);
    Py_XDECREF(name);
    return NULL;
}

static PyObject *type_as(PyObject *self, PyObject *other) {
    if (!is_tensor(other)) return PyErr_Format(PyExc_TypeError, "type_as(): argument 'other' (position 1) must be Tensor, not %s", type_name(other));
    return converted(self, (Target){(Dtype)tensor_of(other)->dtype, false, FORMAT_PRESERVE, DEVICE_UNSAID});
}

static PyObject *type_as_by_name(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    bool documented = kwnames && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "tensor") == 0;
    PyObject *o = needed_argument("type_as", documented ? "tensor" : "other", args, n, kwnames);
    return o ? type_as(self, o) : NULL;
}

/* "torch.FloatTensor" */
static bool type_string(PyObject *o, Dtype *d) {
    const char *text = PyUnicode_AsUTF8(o), *dot = text ? strrchr(text, '.') : NULL;
    if (!text) return false;
    const char *word = dot ? dot + 1 : text;
    for (int k = 0; k < RL_NDTYPES; k++) {
        size_t n = strlen(rl_dtypes[k].word);
        if (!strncmp(word, rl_dtypes[k].word, n) && !strcmp(word + n, "Tensor")) return *d = (Dtype)k, true;
    }
    if (!strcmp(word, "Tensor")) return *d = rl_default_dtype(), true;
    PyErr_Format(PyExc_ValueError, "invalid type: '%s'", text);
    return false;
}

static PyObject *tensor_type(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"dtype", "non_blocking", NULL};
    PyObject *o = Py_None;
    int non_blocking = 0;
    Dtype d;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Op:type", names, &o, &non_blocking)) return NULL;
    if (o == Py_None) return PyUnicode_FromFormat("torch.%sTensor", rl_dtypes[tensor_of(self)->dtype].word);
    if (PyUnicode_Check(o)) {
        if (!type_string(o, &d)) return NULL;
    } else if (!dtype_from(o, &d)) {
        PyObject *word = PyType_Check(o) ? PyObject_GetAttrString(o, "dtype") : NULL;     /* FloatTensor and its kin */
        PyErr_Clear();
        bool ok = (word && dtype_from(word, &d)) || (o == (PyObject *)TensorType && ((d = rl_default_dtype()), true));
        Py_XDECREF(word);
        if (!ok) return PyErr_Format(PyExc_TypeError, "dtype must be a type, str, or dtype object, not %s", type_name(o));
    }
    return converted(self, (Target){d, false, FORMAT_PRESERVE, DEVICE_UNSAID});
}

#define ENTRY(word) {#word, AS_METHOD(cast_##word), METH_FASTCALL | METH_KEYWORDS, #word "(memory_format=preserve_format) -> Tensor\n\nThe numbers in this dtype; itself where it has it."}
PyMethodDef cast_methods[] = {
    {"to", AS_METHOD(tensor_to), METH_FASTCALL | METH_KEYWORDS, "to(dtype, non_blocking=False, copy=False, memory_format=preserve_format) -> Tensor\n\nAlso to(device, dtype) and to(other): itself where nothing changes."},
    ENTRY(float), ENTRY(double), ENTRY(half), ENTRY(bfloat16), ENTRY(int), ENTRY(long), ENTRY(short), ENTRY(char), ENTRY(byte), ENTRY(bool), ENTRY(cfloat), ENTRY(cdouble),
    {"cpu", AS_METHOD(cast_cpu), METH_FASTCALL | METH_KEYWORDS, "cpu(memory_format=preserve_format) -> Tensor\n\nItself: it is on the CPU."},
    {"cuda", AS_METHOD(cast_cuda), METH_VARARGS | METH_KEYWORDS, "cuda(device=None, non_blocking=False, memory_format=preserve_format) -> Tensor\n\nThere is no CUDA here."},
    {"type_as", AS_METHOD(type_as_by_name), METH_FASTCALL | METH_KEYWORDS, "type_as($self, tensor)\n--\n\nIn the dtype of another tensor."},
    {"type", AS_METHOD(tensor_type), METH_VARARGS | METH_KEYWORDS, "type(dtype=None, non_blocking=False, **kwargs)\n\nThe name of the type, or the numbers in another dtype."},
    {NULL},
};
