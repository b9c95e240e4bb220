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
    if (rl_same_shape(t, &(Tensor){.ndim = (uint8_t)n, .shape = (int64_t *)shape})) return Py_NewRef(self);
    if (!rl_resize_out(t, n, shape)) return raise_pending();
    rl_bump_version(t);
    return Py_NewRef(self);
}

/* Whether no keyword is given but these two. */
static bool only_keys(const char *method, PyObject *kwargs, const char *one, const char *other) {
    PyObject *key, *value;
    for (Py_ssize_t at = 0; kwargs && PyDict_Next(kwargs, &at, &key, &value);)
        if (PyUnicode_CompareWithASCIIString(key, one) && PyUnicode_CompareWithASCIIString(key, other)) return PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", method, key), false;
    return true;
}

/* The geometry of a format, over the sizes that the tensor has by now; < 0: as it is. */
static bool take_format(Tensor *t, int format) {
    if (format < 0) return true;
    int64_t stride[RL_MAX_DIMS];
    if (format == FORMAT_CONTIGUOUS) {
        rl_strides_of(t->ndim, t->shape, stride);
        return rl_set_geometry(t, t->ndim, t->shape, stride, t->offset);
    }
    int rank = format == FORMAT_CHANNELS_LAST ? 4 : 5;
    if (t->ndim != rank) return rl_fail(RL_RUNTIME_ERROR, "required rank %d tensor to use channels_last%s format, not one of shape %s", rank, rank == 4 ? "" : "_3d", rl_text_shape(t));
    int64_t step = t->shape[1];
    for (int i = rank - 1; i >= 2; step *= t->shape[i--]) stride[i] = step;
    stride[0] = step;
    stride[1] = 1;
    return rl_set_geometry(t, rank, t->shape, stride, t->offset);
}

/* The sizes that a tensor has already leave its strides as they are, unless a format is asked for. */
static PyObject *resized_in(PyObject *self, int n, const int64_t *shape, int format) {
    Tensor *t = tensor_of(self);
    if (format == FORMAT_PRESERVE) return PyErr_Format(PyExc_RuntimeError, "Unsupported memory format: resize_ has no other tensor whose format could be preserved (torch.preserve_format)");
    PyObject *result = resized(self, n, shape);
    if (!result || take_format(t, format)) return result;
    Py_DECREF(result);
    return raise_pending();
}

static bool format_from(PyObject *o, int *format) {
    *format = -1;
    if (!o || o == Py_None) return true;
    if (Py_TYPE(o) != MemoryFormatType) return PyErr_Format(PyExc_TypeError, "argument 'memory_format' must be torch.memory_format, not %s", type_name(o));
    *format = memory_format_value(o);
    return true;
}

/* resize_(*sizes, memory_format=contiguous_format) */
static PyObject *resize_(PyObject *self, PyObject *args, PyObject *kwargs) {
    int64_t shape[RL_MAX_DIMS];
    PyObject *format = kwargs ? PyDict_GetItemString(kwargs, "memory_format") : NULL, *size = kwargs ? PyDict_GetItemString(kwargs, "size") : NULL;
    if (!only_keys("resize_", kwargs, "size", "memory_format")) return NULL;
    if (!size) size = PyTuple_GET_SIZE(args) == 1 && !PyLong_Check(PyTuple_GET_ITEM(args, 0)) ? PyTuple_GET_ITEM(args, 0) : args;
    int wanted, n = sizes_from(size, shape, RL_MAX_DIMS);
    return n < 0 || !format_from(format, &wanted) ? NULL : resized_in(self, n, shape, wanted);
}

static PyObject *resize_as_(PyObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *other = PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : kwargs ? PyDict_GetItemString(kwargs, "the_template") : NULL;
    if (!only_keys("resize_as_", kwargs, "the_template", "memory_format")) return NULL;
    if (!other || !is_tensor(other)) return PyErr_Format(PyExc_TypeError, "resize_as_(): argument 'the_template' (position 1) must be Tensor, not %s", other ? type_name(other) : "nothing");
    Tensor *like = tensor_of(other);
    int wanted;
    if (!format_from(kwargs ? PyDict_GetItemString(kwargs, "memory_format") : NULL, &wanted)) return NULL;
    if (wanted == FORMAT_PRESERVE)
        wanted = rl_is_contiguous(like) || !rl_is_channels_last(like) ? FORMAT_CONTIGUOUS : like->ndim == 4 ? FORMAT_CHANNELS_LAST : FORMAT_CHANNELS_LAST_3D;
    return resized_in(self, like->ndim, like->shape, wanted);
}

#define ENTRY(name, function, doc) {name, AS_METHOD(function), METH_FASTCALL | METH_KEYWORDS, doc}
PyMethodDef reshape_methods[] = {
    ENTRY("t_", t_, "t_($self)\n--\n\nt(), in place."), ENTRY("transpose_", transpose_, "transpose_($self, dim0, dim1)\n--\n\ntranspose(), in place."), ENTRY("swapaxes_", transpose_, "swapaxes_($self, axis0, axis1)\n--\n\ntranspose_() by another name."), ENTRY("swapdims_", transpose_, "swapdims_($self, dim0, dim1)\n--\n\ntranspose_() by another name."),
    ENTRY("squeeze_", squeeze_, "squeeze_($self, dim=None)\n--\n\nsqueeze(), in place."), ENTRY("unsqueeze_", unsqueeze_, "unsqueeze_($self, dim)\n--\n\nunsqueeze(), in place."), ENTRY("as_strided_", as_strided_, "as_strided_($self, size, stride, storage_offset=None)\n--\n\nas_strided(), in place."),
    {"resize_", AS_METHOD(resize_), METH_VARARGS | METH_KEYWORDS, "resize_(*sizes, memory_format=contiguous_format) -> Tensor\n\nOther sizes over the same memory, which grows if needed; new elements are not set."},
    {"resize_as_", AS_METHOD(resize_as_), METH_VARARGS | METH_KEYWORDS, "resize_as_(tensor, memory_format=contiguous_format) -> Tensor\n\nThe sizes of another tensor."}, {NULL},
};
