/* py_reshape.c -- the in-place forms that change how a tensor looks at its memory and no element: t_, squeeze_, resize_.
 *
 * They run the view operation and take over its geometry and, when recording, its history. */
#include "bind.h"

#include <string.h>

static PyObject *become(PyObject *self, Scope s, Tensor *view) {
    Tensor *t = tensor_of(self);
    if (view && rl_set_geometry(t, view->ndim, view->shape, view->stride, view->offset)) {
        rl_bump_version(t);
        if (view->node && rl_thread.grad_mode) rl_set_history(t, view->node, view->out_nr);
        if (view->flags & T_DUAL) rl_set_tangent(t, rl_tangent(view));
    }
    rl_scope_close(s);
    return rl_thread.failed ? raise_pending() : Py_NewRef(self);
}

static PyObject *run(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, const char *name) {
    Op *first = rl_find(name), *op;
    Frame f;
    PyObject *all[8] = {self};
    Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    if (!first || total > 6) return PyErr_Format(PyExc_TypeError, "%s_() takes fewer arguments than %zd", name, total);
    for (Py_ssize_t i = 0; i < total; i++) all[i + 1] = args[i];
    Scope s = rl_scope_open();
    if (bind_args(first, true, all, n + 1, kwnames, &f, &op) != MATCH || f.overloaded) {
        rl_scope_close(s);
        return f.overloaded && !PyErr_Occurred() ? PyErr_Format(PyExc_NotImplementedError, "%s_() of a tensor subclass with __torch_function__", name) : NULL;
    }
    Tensor *view = rl_check_history_inplace(tensor_of(self)) ? rl_apply(op, f.arg) : NULL;
    return become(self, s, view);
}

#define INPLACE(method, row) static PyObject *method(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) { return run(self, args, n, kwnames, row); }
INPLACE(t_, "t") INPLACE(transpose_, "transpose") INPLACE(squeeze_, "squeeze") INPLACE(unsqueeze_, "unsqueeze") INPLACE(as_strided_, "as_strided")

static PyObject *resized(PyObject *self, int n, const int64_t *shape) {
    Tensor *t = tensor_of(self);
    if (rl_requires_grad(t) && !(t->flags & T_INFERENCE)) return PyErr_Format(PyExc_RuntimeError, "cannot resize variables that require grad");
    if (t->storage->flags & STORAGE_FIXED) {
        int64_t numel;
        if (!rl_numel_of(n, shape, &numel)) return raise_pending();
        if ((numel + t->offset) * rl_dtype_bytes(t->dtype) > t->storage->bytes)
            return PyErr_Format(PyExc_RuntimeError, "Trying to resize storage that is not resizable: an array or buffer shares the memory of this tensor of shape %s", rl_text_shape(t));
    }
    bool other = n != t->ndim || memcmp(shape, t->shape, (size_t)n * sizeof *shape);
    if (!rl_resize_out(t, n, shape)) return raise_pending();
    if (other) rl_bump_version(t);
    return Py_NewRef(self);
}

/* Whether no keyword is given but these two. */
static bool only_keys(const char *method, PyObject *kwargs, const char *one, const char *other) {
    PyObject *key, *value;
    for (Py_ssize_t at = 0; kwargs && PyDict_Next(kwargs, &at, &key, &value);)
        if (PyUnicode_CompareWithASCIIString(key, one) && PyUnicode_CompareWithASCIIString(key, other)) return PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", method, key), false;
    return true;
}

/* resize_(*sizes, memory_format=contiguous_format) */
static PyObject *resize_(PyObject *self, PyObject *args, PyObject *kwargs) {
    int64_t shape[RL_MAX_DIMS];
    PyObject *format = kwargs ? PyDict_GetItemString(kwargs, "memory_format") : NULL, *size = kwargs ? PyDict_GetItemString(kwargs, "size") : NULL;
    if (!only_keys("resize_", kwargs, "size", "memory_format")) return NULL;
    if (!size) size = PyTuple_GET_SIZE(args) == 1 && !PyLong_Check(PyTuple_GET_ITEM(args, 0)) ? PyTuple_GET_ITEM(args, 0) : args;
    if (format && format != Py_None && (Py_TYPE(format) != MemoryFormatType || memory_format_value(format) >= FORMAT_CHANNELS_LAST))
        return PyErr_Format(PyExc_RuntimeError, "resize_: only contiguous_format and preserve_format are supported, not %R", format);
    int n = sizes_from(size, shape, RL_MAX_DIMS);
    return n < 0 ? NULL : resized(self, n, shape);
}

static PyObject *resize_as_(PyObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *other = PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : kwargs ? PyDict_GetItemString(kwargs, "the_template") : NULL;
    if (!only_keys("resize_as_", kwargs, "the_template", "memory_format")) return NULL;
    if (!other || !is_tensor(other)) return PyErr_Format(PyExc_TypeError, "resize_as_(): argument 'the_template' (position 1) must be Tensor, not %s", other ? type_name(other) : "nothing");
    return resized(self, tensor_of(other)->ndim, tensor_of(other)->shape);
}

#define ENTRY(name, function, doc) {name, AS_METHOD(function), METH_FASTCALL | METH_KEYWORDS, doc}
PyMethodDef reshape_methods[] = {
    ENTRY("t_", t_, "t_($self)\n--\n\nt(), in place."), ENTRY("transpose_", transpose_, "transpose_($self, dim0, dim1)\n--\n\ntranspose(), in place."), ENTRY("swapaxes_", transpose_, "swapaxes_($self, axis0, axis1)\n--\n\ntranspose_() by another name."), ENTRY("swapdims_", transpose_, "swapdims_($self, dim0, dim1)\n--\n\ntranspose_() by another name."),
    ENTRY("squeeze_", squeeze_, "squeeze_($self, dim=None)\n--\n\nsqueeze(), in place."), ENTRY("unsqueeze_", unsqueeze_, "unsqueeze_($self, dim)\n--\n\nunsqueeze(), in place."), ENTRY("as_strided_", as_strided_, "as_strided_($self, size, stride, storage_offset=None)\n--\n\nas_strided(), in place."),
    {"resize_", AS_METHOD(resize_), METH_VARARGS | METH_KEYWORDS, "resize_(*sizes, memory_format=contiguous_format) -> Tensor\n\nOther sizes over the same memory, which grows if needed; new elements are not set."},
    {"resize_as_", AS_METHOD(resize_as_), METH_VARARGS | METH_KEYWORDS, "resize_as_(tensor, memory_format=contiguous_format) -> Tensor\n\nThe sizes of another tensor."}, {NULL},
};
