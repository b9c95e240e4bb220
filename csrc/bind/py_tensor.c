/* py_tensor.c -- the type rushlight.Tensor: making instances, attributes, shape and storage questions.
 *
 * A mutable C heap type, so that Python may subclass it, assign __class__ and add methods.  Arithmetic is in py_number.c,
 * indexing in py_index.c, conversions of dtype in py_cast.c, gradients in py_autograd.c. */
#include "bind.h"

#include <string.h>

PyTypeObject *TensorType, *ParameterType;

int tensor_traverse(PyObject *self, visitproc visit, void *arg);
int tensor_clear(PyObject *self);
void tensor_dealloc(PyObject *self);

/* ---- making ---- */

static PyObject *dispatch_key, *dispatch_off;      /* "__torch_dispatch__", and the value of it that asks for nothing */

static PyObject *refuse_dispatch(PyTypeObject *type) {
    return PyErr_Format(PyExc_NotImplementedError, "%s: operations here are calls into one engine, without a dispatcher beneath that __torch_dispatch__ or _make_wrapper_subclass() could take part in; "
                        "define __torch_function__, which sees every function of torch's", type->tp_name);
}

/* A class that counts on being asked beneath every operation would be passed over silently. */
static bool may_be_made(PyTypeObject *type) {
    PyObject *found = RL_LIKELY(type == TensorType || type == ParameterType) ? NULL : _PyType_Lookup(type, dispatch_key);
    return RL_LIKELY(!found || found == dispatch_off || found == Py_None) || refuse_dispatch(type);
}

static PyObject *make_wrapper_subclass(PyObject *unused, PyObject *args, PyObject *kwargs) {
    PyObject *type = PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : NULL;
    return refuse_dispatch(type && PyType_Check(type) ? (PyTypeObject *)type : TensorType);
}

PyObject *tensor_make_subclass(PyTypeObject *type, Tensor *data, bool requires_grad) {
    if (!may_be_made(type)) return NULL;
    if (requires_grad && !rl_dtype_is(data->dtype, CLASS_INEXACT))
        return PyErr_Format(PyExc_RuntimeError, "Only Tensors of floating point and complex dtype can require gradients; this one is %s: give requires_grad=False", rl_dtypes[data->dtype].name);
    Scope s = rl_scope_open();
    host_tensor_type_next(type);
    Tensor *t = rl_alias(data);
    host_tensor_type_next(TensorType);
    if (t && requires_grad && !rl_require_grad_new(t)) t = NULL;
    return finish(s, t);
}

static bool is_tensor_type(PyObject *o) {
    if (PyType_Check(o) && PyType_IsSubtype((PyTypeObject *)o, TensorType)) return true;
    PyErr_Format(PyExc_TypeError, "cls must be a type that inherits from Tensor, not %R", o);
    return false;
}

/* A differentiable look at the same data as another type; the argument itself where the type is the same. */
static PyObject *tensor_as_subclass(PyObject *self, PyObject *type) {
    if (!is_tensor_type(type) || !may_be_made((PyTypeObject *)type)) return NULL;
    Tensor *t = tensor_of(self);
    Scope s = rl_scope_open();
    Tensor *alias;
    host_tensor_type_next((PyTypeObject *)type);
    if ((rl_requires_grad(t) && rl_thread.grad_mode) || t->flags & T_DUAL) {
        Op *op = rl_find("alias");
        Arg arg[2] = {a_t(t), a_ints(t->ndim, t->shape)};
        alias = rl_apply_n(op ? op : RL_OP("view"), op ? 1 : 2, arg);
    } else alias = rl_alias(t);
    host_tensor_type_next(TensorType);
    return finish(s, alias);
}

static PyObject *make_subclass(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"cls", "data", "require_grad", "requires_grad", NULL};
    PyObject *type, *data;
    int one = 0, other = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|pp:_make_subclass", names, &type, &data, &one, &other) || !is_tensor_type(type)) return NULL;
    if (!is_tensor(data)) return PyErr_Format(PyExc_TypeError, "_make_subclass(): argument 'data' (position 2) must be Tensor, not %s", type_name(data));
    return tensor_make_subclass((PyTypeObject *)type, tensor_of(data), one || other);
}

/* Tensor(), Tensor(2, 3), Tensor([1, 2]), Tensor(tensor): the old constructor, float32 always. */
static PyObject *legacy_tensor(PyObject *args, Dtype dtype, Scope s) {
    int64_t sizes[RL_MAX_DIMS];
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject *first = n ? PyTuple_GET_ITEM(args, 0) : NULL;
    if (n == 0) return finish(s, rl_empty(1, (int64_t[]){0}, dtype));
    if (n == 1 && is_tensor(first)) return finish(s, rl_alias(tensor_of(first)));
    if (n == 1 && (Py_TYPE(first) == SizeType || PyLong_Check(first))) {
        int dims = sizes_from(first, sizes, RL_MAX_DIMS);
        return finish(s, dims < 0 ? fail_from_python() : rl_empty(dims, sizes, dtype));
    }
    if (n == 1 && PySequence_Check(first) && !PyUnicode_Check(first)) return finish(s, data_tensor(first, dtype));
    if (n == 1) {
        rl_fail(RL_TYPE_ERROR, "new(): data must be a sequence (got %s)", type_name(first));
        return finish(s, NULL);
    }
    int dims = sizes_from(args, sizes, RL_MAX_DIMS);
    return finish(s, dims < 0 ? fail_from_python() : rl_empty(dims, sizes, dtype));
}

static PyObject *tensor_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    if (kwargs && PyDict_GET_SIZE(kwargs)) {
        PyObject *device = PyDict_GetItemString(kwargs, "device"), *data = PyDict_GetItemString(kwargs, "data");
        if (device && device != Py_None && !device_check(device)) return NULL;
        PyObject *size = PyDict_GetItemString(kwargs, "size");
        if (size && PyTuple_GET_SIZE(args) == 0) {
            PyObject *sizes = PySequence_Tuple(size), *result = sizes ? tensor_new(type, sizes, NULL) : NULL;
            Py_XDECREF(sizes);
            return result;
        }
        if (data && PyTuple_GET_SIZE(args) == 0) {
            PyObject *one = PyTuple_Pack(1, data), *result = one ? tensor_new(type, one, NULL) : NULL;
            Py_XDECREF(one);
            return result;
        }
    }
    PyObject *made = legacy_tensor(args, rl_default_dtype(), rl_scope_open());
    if (!made || type == TensorType) return made;
    PyObject *result = tensor_make_subclass(type, tensor_of(made), false);
    Py_DECREF(made);
    return result;
}

static PyObject *parameter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"data", "requires_grad", NULL};
    PyObject *data = Py_None;
    int requires_grad = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Op:Parameter", names, &data, &requires_grad)) return NULL;
    Scope s = rl_scope_open();
    if (data == Py_None) {
        Tensor *empty = rl_empty(1, (int64_t[]){0}, rl_default_dtype());
        PyObject *made = empty ? tensor_make_subclass(type, empty, requires_grad) : raise_pending();
        rl_scope_close(s);
        return made;
    }
    rl_scope_close(s);
    if (!is_tensor(data)) return PyErr_Format(PyExc_TypeError, "Parameter(): argument 'data' must be Tensor, not %s", type_name(data));
    return tensor_make_subclass(type, tensor_of(data), requires_grad);
}

/* ---- attributes ---- */

static PyObject *get_shape(PyObject *self, void *unused) { return size_new(tensor_of(self)->ndim, tensor_of(self)->shape); }
static PyObject *get_dtype(PyObject *self, void *unused) { return Py_NewRef(dtype_object(tensor_of(self)->dtype)); }
static PyObject *get_device(PyObject *self, void *unused) { return device_of(tensor_of(self)); }
static PyObject *get_cpu(PyObject *self, void *unused) { return PyBool_FromLong(!rl_is_meta(tensor_of(self))); }
static PyObject *get_meta(PyObject *self, void *unused) { return PyBool_FromLong(rl_is_meta(tensor_of(self))); }
static PyObject *get_layout(PyObject *self, void *unused) { return layout_strided(); }
static PyObject *get_ndim(PyObject *self, void *unused) { return PyLong_FromLong(tensor_of(self)->ndim); }
static PyObject *get_itemsize(PyObject *self, void *unused) { return PyLong_FromLong(rl_dtype_bytes(tensor_of(self)->dtype)); }
static PyObject *get_nbytes(PyObject *self, void *unused) { return PyLong_FromLongLong(tensor_of(self)->numel * rl_dtype_bytes(tensor_of(self)->dtype)); }
static PyObject *get_version(PyObject *self, void *unused) { return PyLong_FromUnsignedLong(rl_version(tensor_of(self))); }
static PyObject *get_base(PyObject *self, void *unused) { return none_or(tensor_of(self)->base); }
static PyObject *get_false(PyObject *self, void *unused) { Py_RETURN_FALSE; }
static PyObject *get_none(PyObject *self, void *unused) { Py_RETURN_NONE; }
static PyObject *get_id(PyObject *self, void *unused) { return PyLong_FromVoidPtr(self); }
static PyObject *get_cut_reason(PyObject *self, void *unused) {
    static const char *const words[] = {NULL, "no_grad", "inference", "detach", "not_differentiable", "integer_result", "data"};
    uint8_t reason = tensor_of(self)->cut_reason;
    return reason && reason < RL_COUNT(words) ? PyUnicode_FromString(words[reason]) : Py_NewRef(Py_None);
}

static PyObject *get_dict(PyObject *self, void *unused) {
    ensure_linked(tensor_of(self));
    return PyObject_GenericGetDict(self, NULL);
}
static int set_dict(PyObject *self, PyObject *value, void *unused) {
    ensure_linked(tensor_of(self));
    return PyObject_GenericSetDict(self, value, NULL);
}

/* x.T and its kin: dims in reverse, or the last two swapped. */
static PyObject *get_transposed(PyObject *self, void *which) {
    Tensor *t = tensor_of(self);
    const char *name = which;
    bool matrix = name[0] == 'm', conj = strchr(name, 'H') != NULL;
    if (matrix ? t->ndim == 1 : conj && t->ndim != 2 && t->ndim != 0) {
        return PyErr_Format(PyExc_RuntimeError, matrix ? "tensor.%s is only supported on matrices or batches of matrices. Got %d-D tensor."
                            : "tensor.%s is only supported on matrices (2-D tensors). Got %d-D tensor. For batches of matrices, consider using tensor.mH", name, t->ndim);
    }
    int64_t dims[RL_MAX_DIMS];
    for (int i = 0; i < t->ndim; i++) dims[i] = matrix ? i : t->ndim - 1 - i;
    if (matrix && t->ndim) dims[t->ndim - 1] = t->ndim - 2, dims[t->ndim - 2] = t->ndim - 1;
    Scope s = rl_scope_open();
    Tensor *y = rl_permute(t, t->ndim, dims);
    return finish(s, conj ? rl_conj(y) : y);
}

static PyObject *get_part(PyObject *self, void *name) {
    Tensor *t = tensor_of(self);
    bool complex = rl_dtype_is(t->dtype, CLASS_COMPLEX), real = !strcmp(name, "real");
    if (!complex && real) return Py_NewRef(self);
    if (!complex) return PyErr_Format(PyExc_RuntimeError, "imag is not implemented for tensors with non-complex dtypes.");
    Scope s = rl_scope_open();
    Arg arg = a_t(t);
    return finish(s, rl_apply_n(rl_find(name), 1, &arg));
}

static int set_part(PyObject *self, PyObject *value, void *name) {
    PyObject *part = get_part(self, name), *done = part && value ? PyObject_CallMethod(part, "copy_", "O", value) : NULL;
    Py_XDECREF(part);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static PyObject *get_data(PyObject *self, void *unused) {
    Scope s = rl_scope_open();
    if (Py_TYPE(self) != ParameterType) host_tensor_type_next(Py_TYPE(self));
    Tensor *t = rl_data_alias(tensor_of(self));
    host_tensor_type_next(TensorType);
    return finish(s, t);
}

/* x.data = y: x becomes a second name for y's numbers and keeps everything else. */
static int set_data(PyObject *self, PyObject *value, void *unused) {
    if (!value || !is_tensor(value)) {
        PyErr_Format(PyExc_TypeError, "Variable data has to be a tensor, but got %s", value ? type_name(value) : "nothing");
        return -1;
    }
    Tensor *t = tensor_of(self), *from = tensor_of(value);
    if (rl_requires_grad(t) && !rl_dtype_is(from->dtype, CLASS_INEXACT)) {
        PyErr_Format(PyExc_RuntimeError, "data set to a tensor that requires gradients must be floating point or complex dtype, not %s", rl_dtypes[from->dtype].name);
        return -1;
    }
    Storage *old = t->storage;
    uint8_t dtype = t->dtype;
    rl_storage_keep(from->storage);
    t->storage = from->storage;
    t->dtype = from->dtype;
    if (!rl_set_geometry(t, from->ndim, from->shape, from->stride, from->offset)) {
        t->storage = old;
        t->dtype = dtype;
        rl_storage_drop(from->storage);
        raise_pending();
        return -1;
    }
    rl_storage_drop(old);
    if (t->node && !t->base) t->view_version = rl_version(t);
    return 0;
}

static int tensor_setattr(PyObject *self, PyObject *name, PyObject *value) {
    PyObject *known = _PyType_Lookup(Py_TYPE(self), name);
    if (!known || !Py_TYPE(known)->tp_descr_set) ensure_linked(tensor_of(self));
    return PyObject_GenericSetAttr(self, name, value);
}

PyGetSetDef tensor_getset[] = {
    {"shape", get_shape, NULL, "The sizes as a Size.", NULL}, {"dtype", get_dtype, NULL, "The type of the elements.", NULL},
    {"device", get_device, NULL, "device(type='cpu')", NULL}, {"layout", get_layout, NULL, "strided", NULL},
    {"ndim", get_ndim, NULL, "The number of dimensions.", NULL}, {"data", get_data, set_data, "The same numbers without history.", NULL},
    {"itemsize", get_itemsize, NULL, "Bytes per element.", NULL}, {"nbytes", get_nbytes, NULL, "Bytes of all elements.", NULL},
    {"T", get_transposed, NULL, "The dimensions in reverse.", "T"}, {"mT", get_transposed, NULL, "The last two dimensions swapped.", "mT"},
    {"H", get_transposed, NULL, "The conjugate transpose of a matrix.", "H"}, {"mH", get_transposed, NULL, "The last two dimensions swapped, conjugated.", "mH"},
    {"real", get_part, set_part, "The real part.", "real"}, {"imag", get_part, set_part, "The imaginary part.", "imag"},
    {"_version", get_version, NULL, "How often the storage was written in place.", NULL}, {"_base", get_base, NULL, "The tensor this is a view of.", NULL},
    {"_cdata", get_id, NULL, NULL, NULL}, {"_cut_reason", get_cut_reason, NULL, "Why there is no grad_fn although an input required a gradient.", NULL},
    {"name", get_none, NULL, NULL, NULL}, {"__dict__", get_dict, set_dict, NULL, NULL},
    {"is_cpu", get_cpu, NULL, NULL, NULL}, {"is_cuda", get_false, NULL, NULL, NULL}, {"is_mps", get_false, NULL, NULL, NULL}, {"is_xpu", get_false, NULL, NULL, NULL},
    {"is_meta", get_meta, NULL, NULL, NULL}, {"is_sparse", get_false, NULL, NULL, NULL}, {"is_sparse_csr", get_false, NULL, NULL, NULL},
    {"is_quantized", get_false, NULL, NULL, NULL}, {"is_mkldnn", get_false, NULL, NULL, NULL}, {"is_nested", get_false, NULL, NULL, NULL},
    {"is_xla", get_false, NULL, NULL, NULL}, {"is_vulkan", get_false, NULL, NULL, NULL}, {"is_ipu", get_false, NULL, NULL, NULL}, {"is_maia", get_false, NULL, NULL, NULL}, {"is_mtia", get_false, NULL, NULL, NULL},
    {NULL},
};

/* ---- questions ---- */

static PyObject *size_or_stride(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, const char *what, bool stride) {
    Tensor *t = tensor_of(self);
    const int64_t *values = stride ? t->stride : t->shape;
    bool axis = kwnames && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "axis") == 0;
    PyObject *dim = only_argument(what, axis ? "axis" : "dim", args, n, kwnames);
    if (PyErr_Occurred()) return NULL;
    if (dim && dim != Py_None) {
        int64_t k;
        int ok = index_from(dim, &k);
        if (ok != MATCH) return ok == RAISED ? NULL : PyErr_Format(PyExc_TypeError, "%s(): argument 'dim' (position 1) must be int, not %s", what, type_name(dim));
        if (t->ndim == 0) {
            PyErr_Format(PyExc_IndexError, "Dimension specified as %lld but tensor has no dimensions", (long long)k);
            return NULL;
        }
        int at = rl_wrap_dim(t->ndim, k);
        return at < 0 ? raise_pending() : PyLong_FromLongLong(values[at]);
    }
    if (!stride) return size_new(t->ndim, values);
    PyObject *tuple = PyTuple_New(t->ndim);
    for (int i = 0; tuple && i < t->ndim; i++) PyTuple_SET_ITEM(tuple, i, PyLong_FromLongLong(values[i]));
    return tuple;
}

static PyObject *tensor_size(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) { return size_or_stride(self, args, n, kwnames, "size", false); }
static PyObject *tensor_stride(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) { return size_or_stride(self, args, n, kwnames, "stride", true); }
static PyObject *tensor_numel(PyObject *self, PyObject *unused) { return PyLong_FromLongLong(tensor_of(self)->numel); }
static PyObject *tensor_dim(PyObject *self, PyObject *unused) { return PyLong_FromLong(tensor_of(self)->ndim); }
static PyObject *tensor_element_size(PyObject *self, PyObject *unused) { return PyLong_FromLong(rl_dtype_bytes(tensor_of(self)->dtype)); }
static PyObject *tensor_data_ptr(PyObject *self, PyObject *unused) { return PyLong_FromVoidPtr(tensor_of(self)->numel ? rl_data(tensor_of(self)) : NULL); }
static PyObject *tensor_offset(PyObject *self, PyObject *unused) { return PyLong_FromLongLong(tensor_of(self)->offset); }
static PyObject *tensor_is_floating(PyObject *self, PyObject *unused) { return PyBool_FromLong(rl_dtype_is(tensor_of(self)->dtype, CLASS_FLOATING)); }
static PyObject *tensor_is_complex(PyObject *self, PyObject *unused) { return PyBool_FromLong(rl_dtype_is(tensor_of(self)->dtype, CLASS_COMPLEX)); }
static PyObject *tensor_is_signed(PyObject *self, PyObject *unused) { return PyBool_FromLong(rl_is_signed(tensor_of(self)->dtype)); }
static PyObject *tensor_get_device(PyObject *self, PyObject *unused) { return PyLong_FromLong(-1); }
static PyObject *tensor_is_inference(PyObject *self, PyObject *unused) { return PyBool_FromLong(tensor_of(self)->flags & T_INFERENCE); }
static PyObject *tensor_is_view(PyObject *self, PyObject *unused) { return PyBool_FromLong(tensor_of(self)->base != NULL); }
static PyObject *tensor_false(PyObject *self, PyObject *unused) { Py_RETURN_FALSE; }
static PyObject *tensor_self(PyObject *self, PyObject *unused) { return Py_NewRef(self); }
static PyObject *tensor_is_shared(PyObject *self, PyObject *unused) { return PyBool_FromLong(tensor_of(self)->storage->flags & STORAGE_SHARED); }
static PyObject *tensor_share_memory(PyObject *self, PyObject *unused) {
    tensor_of(self)->storage->flags |= STORAGE_SHARED;
    return Py_NewRef(self);
}
/* What utils.swap_tensors does below the attributes. */
static PyObject *tensor_swap_contents(PyObject *self, PyObject *other) {
    if (!is_tensor(other)) return PyErr_Format(PyExc_TypeError, "_swap_contents() takes a Tensor, not %s", type_name(other));
    Tensor *a = tensor_of(self), *b = tensor_of(other);
    for (int i = 0; i < 2; i++) {
        Tensor *t = i ? b : a;
        if (t->node || t->base || t->flags & T_DUAL)
            return PyErr_Format(PyExc_RuntimeError, "Expected use_count of t%d to be 1 or 2 with an AccumulateGrad node but it %s: only leaves that are no views can be swapped", i + 1,
                                t->base ? "is a view of another tensor" : t->node ? "was computed from other tensors" : "has a tangent");
    }
    ensure_linked(a);
    ensure_linked(b);
    if (a != b) rl_swap_contents(a, b);
    Py_RETURN_NONE;
}
static PyObject *tensor_is_same_size(PyObject *self, PyObject *other) {
    if (!is_tensor(other)) return PyErr_Format(PyExc_TypeError, "is_same_size(): argument 'other' (position 1) must be Tensor, not %s", type_name(other));
    return PyBool_FromLong(rl_same_shape(tensor_of(self), tensor_of(other)));
}

static bool is_set_to(const Tensor *a, const Tensor *b) {
    if (a->storage != b->storage || a->offset != b->offset || !rl_same_shape(a, b)) return false;
    return !memcmp(a->stride, b->stride, a->ndim * sizeof *a->stride);
}
static PyObject *tensor_is_set_to(PyObject *self, PyObject *other) {
    if (!is_tensor(other)) return PyErr_Format(PyExc_TypeError, "is_set_to(): argument 'tensor' (position 1) must be Tensor, not %s", type_name(other));
    return PyBool_FromLong(is_set_to(tensor_of(self), tensor_of(other)));
}

TAKES_ONE(tensor_is_same_size_by_name, tensor_is_same_size, "is_same_size", "other")
TAKES_ONE(tensor_is_set_to_by_name, tensor_is_set_to, "is_set_to", "tensor")
TAKES_ONE(tensor_as_subclass_by_name, tensor_as_subclass, "as_subclass", "cls")

static PyObject *tensor_is_contiguous(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    Tensor *t = tensor_of(self);
    PyObject *o = only_argument("is_contiguous", "memory_format", args, n, kwnames);
    if (!o) return PyErr_Occurred() ? NULL : PyBool_FromLong(rl_is_contiguous(t));
    if (Py_TYPE(o) != MemoryFormatType) return PyErr_Format(PyExc_TypeError, "is_contiguous(): argument 'memory_format' must be torch.memory_format, not %s", type_name(o));
    int format = memory_format_value(o);
    if (format == FORMAT_CONTIGUOUS || format == FORMAT_PRESERVE) return PyBool_FromLong(rl_is_contiguous(t));
    int dims = format == FORMAT_CHANNELS_LAST ? 4 : 5;
    return PyBool_FromLong(t->ndim == dims && rl_is_channels_last(t));
}

PyObject *tensor_item(PyObject *self, PyObject *unused) {
    Tensor *t = tensor_of(self);
    if (RL_UNLIKELY(t->numel != 1)) return PyErr_Format(PyExc_RuntimeError, "a Tensor with %lld elements cannot be converted to Scalar (its shape is %s)", (long long)t->numel, rl_text_shape(t));
    return tensor_number(t);
}

static PyObject *tensor_complex(PyObject *self, PyObject *unused) {
    if (tensor_of(self)->numel != 1) return PyErr_Format(PyExc_ValueError, "only one element tensors can be converted to Python scalars; this one has shape %s", rl_text_shape(tensor_of(self)));
    PyObject *number = tensor_item(self, NULL), *result = number ? PyObject_CallOneArg((PyObject *)&PyComplex_Type, number) : NULL;
    Py_XDECREF(number);
    return result;
}

/* ---- container ---- */

static Py_ssize_t tensor_length(PyObject *self) {
    if (tensor_of(self)->ndim) return tensor_of(self)->shape[0];
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
}

static PyObject *tensor_iter(PyObject *self) {
    if (tensor_of(self)->ndim == 0) return PyErr_Format(PyExc_TypeError, "iteration over a 0-d tensor");
    PyObject *unbind = op_method("unbind"), *tuple = unbind ? PyObject_CallOneArg(unbind, self) : NULL;
    if (!unbind) return PySeqIter_New(self);
    PyObject *iter = tuple ? PyObject_GetIter(tuple) : NULL;
    Py_XDECREF(tuple);
    return iter;
}

static int tensor_contains(PyObject *self, PyObject *value) {
    if (!is_tensor(value) && !is_number(value)) {
        PyErr_Format(PyExc_RuntimeError, "Tensor.__contains__ only supports Tensor or scalar, but you passed in a %R.", Py_TYPE(value));
        return -1;
    }
    PyObject *equal = PyObject_RichCompare(self, value, Py_EQ), *any = equal ? PyObject_CallMethod(equal, "any", NULL) : NULL;
    int truth = any ? PyObject_IsTrue(any) : -1;
    Py_XDECREF(equal);
    Py_XDECREF(any);
    return truth;
}

static Py_hash_t tensor_hash(PyObject *self) { return _Py_HashPointer(self); }

/* ---- set_ ---- */

/* x.set_(y): x shares y's storage from now on.  x.set_(storage, offset, size, stride) is in py_storage.c. */
PyObject *tensor_set(PyObject *self, PyObject *args, PyObject *kwargs);

/* ---- __torch_function__ ---- */

static PyObject *to_subclass(PyObject *result, PyObject *type) {
    if (!result) return NULL;
    if (is_tensor(result)) {
        if (PyObject_TypeCheck(result, (PyTypeObject *)type)) return result;
        PyObject *converted = tensor_as_subclass(result, type);
        Py_DECREF(result);
        return converted;
    }
    if (!PyTuple_Check(result) && !PyList_Check(result)) return result;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(result);
    PyObject *list = PyList_New(n);
    for (Py_ssize_t i = 0; list && i < n; i++) {
        PyObject *item = to_subclass(Py_NewRef(PySequence_Fast_GET_ITEM(result, i)), type);
        if (!item) Py_CLEAR(list);
        else PyList_SET_ITEM(list, i, item);
    }
    PyObject *same = list ? PyObject_CallOneArg((PyObject *)Py_TYPE(result), list) : NULL;
    Py_XDECREF(list);
    Py_DECREF(result);
    return same;
}

/* The inherited default: the operation itself, and results of the subclass. */
static PyObject *torch_function(PyObject *type, PyObject *const *args, Py_ssize_t n) {
    if (n < 2 || n > 4) return PyErr_Format(PyExc_TypeError, "__torch_function__(func, types, args=(), kwargs=None)");
    PyObject *types = args[1], *kwargs = n > 3 && args[3] != Py_None ? args[3] : NULL;
    Py_ssize_t count = PySequence_Check(types) ? PySequence_Size(types) : -1;
    if (count < 0) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "__torch_function__: types must be a sequence, not %s", type_name(types));
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *other = PySequence_GetItem(types, i);
        int fits = other ? PyObject_IsSubclass(type, other) : -1;
        Py_XDECREF(other);
        if (fits < 0) return NULL;
        if (!fits) Py_RETURN_NOTIMPLEMENTED;
    }
    PyObject *positional = n > 2 ? PySequence_Tuple(args[2]) : PyTuple_New(0);
    if (!positional) return NULL;
    torch_function_off++;
    PyObject *result = PyObject_Call(args[0], positional, kwargs);
    torch_function_off--;
    Py_DECREF(positional);
    return type == (PyObject *)TensorType ? result : to_subclass(result, type);
}

PyMethodDef tensor_methods[] = {
    {"size", AS_METHOD(tensor_size), METH_FASTCALL | METH_KEYWORDS, "size(dim=None) -> Size | int\n\nAll sizes, or one of them."},
    {"stride", AS_METHOD(tensor_stride), METH_FASTCALL | METH_KEYWORDS, "stride(dim=None) -> tuple | int\n\nThe step in elements, per dimension or of one."},
    {"is_contiguous", AS_METHOD(tensor_is_contiguous), METH_FASTCALL | METH_KEYWORDS, "is_contiguous(memory_format=contiguous_format) -> bool\n\nWhether the elements lie in memory in reading order, or in the order of the format."},
    {"numel", tensor_numel, METH_NOARGS, "numel($self)\n--\n\nThe number of elements."}, {"nelement", tensor_numel, METH_NOARGS, "nelement($self)\n--\n\nThe number of elements."},
    {"dim", tensor_dim, METH_NOARGS, "dim($self)\n--\n\nThe number of dimensions."}, {"ndimension", tensor_dim, METH_NOARGS, "ndimension($self)\n--\n\nThe number of dimensions."},
    {"element_size", tensor_element_size, METH_NOARGS, "element_size($self)\n--\n\nBytes per element."}, {"data_ptr", tensor_data_ptr, METH_NOARGS, "data_ptr($self)\n--\n\nThe address of the first element."},
    {"storage_offset", tensor_offset, METH_NOARGS, "storage_offset($self)\n--\n\nWhere in the storage the first element is."},
    {"untyped_storage", tensor_storage, METH_NOARGS, "untyped_storage($self)\n--\n\nThe memory behind the tensor."},
    {"is_floating_point", tensor_is_floating, METH_NOARGS, "is_floating_point($self)\n--\n\nWhether the dtype is a floating-point one."}, {"is_complex", tensor_is_complex, METH_NOARGS, "is_complex($self)\n--\n\nWhether the dtype is complex."}, {"is_signed", tensor_is_signed, METH_NOARGS, "is_signed($self)\n--\n\nWhether the dtype has negative numbers."},
    {"is_inference", tensor_is_inference, METH_NOARGS, "is_inference($self)\n--\n\nWhether it was made in inference mode."}, {"_is_view", tensor_is_view, METH_NOARGS, NULL},
    {"is_conj", tensor_false, METH_NOARGS, "is_conj($self)\n--\n\nFalse: conjugation is done at once."}, {"is_neg", tensor_false, METH_NOARGS, "is_neg($self)\n--\n\nFalse: negation is done at once."}, {"_is_zerotensor", tensor_false, METH_NOARGS, NULL}, {"is_distributed", tensor_false, METH_NOARGS, NULL},
    {"resolve_conj", tensor_self, METH_NOARGS, "resolve_conj($self)\n--\n\nThe tensor itself."}, {"resolve_neg", tensor_self, METH_NOARGS, "resolve_neg($self)\n--\n\nThe tensor itself."}, {"is_coalesced", tensor_false, METH_NOARGS, NULL},
    {"is_pinned", tensor_false, METH_VARARGS, NULL}, {"pin_memory", tensor_self, METH_VARARGS, "pin_memory(device=None) -> Tensor\n\nNothing to pin without a device: the tensor itself."},
    {"is_shared", tensor_is_shared, METH_NOARGS, "is_shared($self)\n--\n\nWhether the memory is shared with other processes."}, {"share_memory_", tensor_share_memory, METH_NOARGS, "share_memory_($self)\n--\n\nThe tensor itself: workers inherit it by fork."},
    {"is_same_size", AS_METHOD(tensor_is_same_size_by_name), METH_FASTCALL | METH_KEYWORDS, "is_same_size($self, other)\n--\n\nWhether two tensors have one shape."}, {"is_set_to", AS_METHOD(tensor_is_set_to_by_name), METH_FASTCALL | METH_KEYWORDS, "is_set_to($self, tensor)\n--\n\nSame storage, offset, sizes and strides."},
    {"get_device", tensor_get_device, METH_NOARGS, "get_device($self)\n--\n\n-1: the CPU."}, {"item", tensor_item, METH_NOARGS, "item($self)\n--\n\nThe only element as a Python number."},
    {"tolist", tensor_tolist, METH_NOARGS, "tolist($self)\n--\n\nThe elements as nested lists of Python numbers."}, {"__complex__", tensor_complex, METH_NOARGS, NULL},
    {"as_subclass", AS_METHOD(tensor_as_subclass_by_name), METH_FASTCALL | METH_KEYWORDS, "as_subclass($self, cls)\n--\n\nThe same data as an instance of cls; gradients flow."},
    {"_swap_contents", tensor_swap_contents, METH_O, "_swap_contents(self, other)"},
    {"_make_wrapper_subclass", AS_METHOD(make_wrapper_subclass), METH_VARARGS | METH_KEYWORDS | METH_STATIC, "Refused: there is no dispatcher for __torch_dispatch__ to take part in."},
    {"_make_subclass", AS_METHOD(make_subclass), METH_VARARGS | METH_KEYWORDS | METH_STATIC, "_make_subclass(cls, data, require_grad=False)"},
    {"set_", AS_METHOD(tensor_set), METH_VARARGS | METH_KEYWORDS, "set_($self, source=None, storage_offset=0, size=None, stride=None)\n--\n\nLook at another storage."},
    {"__torch_function__", AS_METHOD(torch_function), METH_FASTCALL | METH_CLASS, "Runs the function; results become instances of the subclass."},
    {NULL},
};

/* ---- the types ---- */

static PyMemberDef tensor_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, NULL},
    {NULL},
};

static const PyType_Slot plain_slots[] = {
    {Py_tp_new, tensor_new}, {Py_tp_dealloc, tensor_dealloc}, {Py_tp_traverse, tensor_traverse}, {Py_tp_clear, tensor_clear},
    {Py_tp_members, tensor_members}, {Py_tp_getset, tensor_getset}, {Py_tp_methods, tensor_methods}, {Py_tp_setattro, tensor_setattr},
    {Py_tp_richcompare, tensor_compare}, {Py_tp_hash, tensor_hash}, {Py_tp_iter, tensor_iter}, {Py_mp_length, tensor_length},
    {Py_mp_subscript, tensor_getitem}, {Py_mp_ass_subscript, tensor_setitem}, {Py_sq_contains, tensor_contains}, {Py_sq_length, tensor_length},
    {Py_bf_getbuffer, NULL}, {Py_tp_doc, "A box of numbers of one dtype with sizes and strides, and, if asked, the history of how it was made."},
};

static bool add_methods(PyTypeObject *type, PyMethodDef *methods) {
    for (; methods->ml_name; methods++) {
        PyObject *descriptor = PyDescr_NewMethod(type, methods);
        bool ok = descriptor && PyObject_SetAttrString((PyObject *)type, methods->ml_name, descriptor) == 0;
        Py_XDECREF(descriptor);
        if (!ok) return false;
    }
    return true;
}

static bool add_getset(PyTypeObject *type, PyGetSetDef *getset) {
    for (; getset->name; getset++) {
        PyObject *descriptor = PyDescr_NewGetSet(type, getset);
        bool ok = descriptor && PyObject_SetAttrString((PyObject *)type, getset->name, descriptor) == 0;
        Py_XDECREF(descriptor);
        if (!ok) return false;
    }
    return true;
}

static bool make_tensor_type(PyObject *module) {
    PyType_Slot slots[80];
    int n = 0;
    for (int i = 0; i < RL_COUNT(plain_slots); i++)
        if (plain_slots[i].pfunc) slots[n++] = plain_slots[i];
    for (int i = 0; i < number_slot_count; i++) slots[n++] = number_slots[i];
    slots[n++] = (PyType_Slot){Py_bf_getbuffer, tensor_buffer.bf_getbuffer};
    slots[n++] = (PyType_Slot){Py_bf_releasebuffer, tensor_buffer.bf_releasebuffer};
    slots[n] = (PyType_Slot){0, NULL};
    PyType_Spec spec = {"rushlight.Tensor", sizeof(PyTensor), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    TensorType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    if (!TensorType || PyModule_AddType(module, TensorType) < 0) return false;
    TensorType->tp_name = "Tensor";     /* as messages of Python show it; __module__ is set */
    return true;
}

static PyObject *disabled_torch_function(PyObject *unused, PyObject *const *args, Py_ssize_t n) {
    if (n < 2) return PyErr_Format(PyExc_TypeError, "_disabled_torch_function_impl(func, types, args=(), kwargs=None)");
    PyObject *positional = n > 2 ? PySequence_Tuple(args[2]) : PyTuple_New(0);
    if (!positional) return NULL;
    torch_function_off++;
    PyObject *result = PyObject_Call(args[0], positional, n > 3 && args[3] != Py_None ? args[3] : NULL);
    torch_function_off--;
    Py_DECREF(positional);
    return result;
}

static PyObject *torch_function_switch(PyObject *unused, PyObject *change) {
    long by = PyLong_AsLong(change);
    if (by == -1 && PyErr_Occurred()) return NULL;
    torch_function_off += (int)by;
    return PyLong_FromLong(torch_function_off);
}

static PyMethodDef function_methods[] = {
    {"_disabled_torch_function_impl", AS_METHOD(disabled_torch_function), METH_FASTCALL, "The __torch_function__ of types that need none."},
    {"_torch_function_off", torch_function_switch, METH_O, "Adds to the counter that switches __torch_function__ off; returns it."},
    {NULL},
};

static bool make_parameter_type(PyObject *module) {
    PyType_Slot slots[] = {
        {Py_tp_new, parameter_new}, {Py_tp_dealloc, tensor_dealloc}, {Py_tp_traverse, tensor_traverse}, {Py_tp_clear, tensor_clear},
        {Py_tp_setattro, tensor_setattr}, {Py_tp_doc, "Parameter(data=None, requires_grad=True)\n--\n\nA tensor that a Module takes note of when it is assigned to it."}, {0, NULL},
    };
    PyType_Spec spec = {"rushlight.nn.parameter.Parameter", sizeof(PyTensor), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    ParameterType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, (PyObject *)TensorType);
    if (!ParameterType || PyModule_AddType(module, ParameterType) < 0) return false;
    ParameterType->tp_name = "Parameter";
    PyObject *disabled = PyObject_GetAttrString(module, "_disabled_torch_function_impl");
    bool ok = disabled && PyObject_SetAttrString((PyObject *)ParameterType, "__torch_function__", disabled) == 0;
    Py_XDECREF(disabled);
    return ok;
}

bool tensor_start(PyObject *module) {
    dispatch_key = PyUnicode_InternFromString("__torch_dispatch__");
    if (!dispatch_key || PyModule_AddFunctions(module, function_methods) < 0) return false;
    dispatch_off = PyObject_GetAttrString(module, "_disabled_torch_function_impl");      /* one function serves both protocols where they are off */
    return dispatch_off && PyModule_AddObjectRef(module, "_disabled_torch_dispatch_impl", dispatch_off) == 0 && make_tensor_type(module) && make_parameter_type(module) &&
           add_methods(TensorType, cast_methods) && add_methods(TensorType, autograd_methods) && add_methods(TensorType, hook_methods) && add_methods(TensorType, numpy_methods) && add_methods(TensorType, reshape_methods) &&
           add_getset(TensorType, autograd_getset) && add_getset(TensorType, hook_getset);
}
