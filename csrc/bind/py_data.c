/* py_data.c -- torch.tensor and its kin: numbers, nested lists, arrays and tensors become tensors; tolist goes back.
 *
 * Two passes over nested lists: the first finds the shape and the common dtype, the second writes.  Plain lists of
 * Python floats and ints take the short way in both. */
#include "bind.h"
#include "numpy_api.h"

#include <math.h>
#include <string.h>

/* ---- what is there ---- */

typedef struct Look { int ndim; int64_t shape[RL_MAX_DIMS]; Dtype dtype; bool want_dtype; } Look;

static bool is_leaf(PyObject *o) {
    if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o)) return true;
    if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) return false;
    if (is_tensor(o)) return true;      /* of one element, or an error when it is written */
    if (PyArray_Check(o)) return PyArray_NDIM((PyArrayObject *)o) == 0;
    return is_number(o) || PyUnicode_Check(o) || PyBytes_Check(o) || !PySequence_Check(o);
}

static bool find_shape(PyObject *data, Look *look) {
    PyObject *o = Py_NewRef(data);
    look->ndim = 0;
    while (!is_leaf(o)) {
        Py_ssize_t n = PySequence_Size(o);
        if (n < 0) break;
        if (look->ndim == RL_MAX_DIMS) {
            rl_fail(RL_VALUE_ERROR, "too many dimensions: lists are nested more than %d deep", RL_MAX_DIMS);
            break;
        }
        look->shape[look->ndim++] = n;
        PyObject *first = n ? PySequence_GetItem(o, 0) : NULL;
        if (!first) {
            if (n && !PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
                PyErr_Clear();
                rl_fail(RL_VALUE_ERROR, "could not determine the shape of object type '%s'", type_name(o));
            }
            break;
        }
        if (first == o) {
            rl_fail(RL_VALUE_ERROR, "too many dimensions '%s': it is an element of itself", type_name(o));
            Py_DECREF(first);
            break;
        }
        Py_DECREF(o);
        o = first;
    }
    if (PyUnicode_Check(o) || PyBytes_Check(o)) {
        if (look->ndim) rl_fail(RL_VALUE_ERROR, "too many dimensions '%s'", type_name(o));
        else rl_fail(RL_TYPE_ERROR, "new(): invalid data type '%s'", type_name(o));
    }
    Py_DECREF(o);
    if (PyErr_Occurred()) fail_from_python();
    return !rl_thread.failed;
}

static Dtype leaf_dtype(PyObject *o) {
    if (PyFloat_CheckExact(o)) return rl_default_dtype();
    if (PyBool_Check(o)) return RL_BOOL;
    if (PyLong_CheckExact(o)) return RL_INT64;
    if (is_tensor(o)) return (Dtype)tensor_of(o)->dtype;
    if (PyArray_Check(o) || PyArray_CheckScalar(o)) {
        PyArray_Descr *descr = PyArray_Check(o) ? (PyArray_Descr *)Py_NewRef(PyArray_DESCR((PyArrayObject *)o)) : PyArray_DescrFromScalar(o);
        static const Dtype by_kind[] = {RL_FLOAT16, RL_FLOAT32, RL_FLOAT64};
        char kind = descr->kind;
        Py_ssize_t size = PyDataType_ELSIZE(descr);
        Py_DECREF(descr);
        if (kind == 'b') return RL_BOOL;
        if (kind == 'f') return size <= 8 ? by_kind[size / 4] : RL_FLOAT64;
        if (kind == 'c') return size == 8 ? RL_COMPLEX64 : RL_COMPLEX128;
        if (kind == 'i') return size == 1 ? RL_INT8 : size == 2 ? RL_INT16 : size == 4 ? RL_INT32 : RL_INT64;
        if (kind == 'u') return size == 1 ? RL_UINT8 : size == 2 ? RL_UINT16 : size == 4 ? RL_UINT32 : RL_UINT64;
        return RL_NO_DTYPE;
    }
    if (PyFloat_Check(o)) return rl_default_dtype();
    if (PyComplex_Check(o)) return rl_default_complex();
    if (PyLong_Check(o)) return RL_INT64;
    return RL_NO_DTYPE;
}

static bool merge_leaf(PyObject *o, Look *look) {
    Dtype d = leaf_dtype(o);
    if (d == RL_NO_DTYPE) {
        if (PyUnicode_Check(o) || PyBytes_Check(o)) return rl_fail(RL_TYPE_ERROR, "new(): invalid data type '%s'", type_name(o));
        return rl_fail(RL_RUNTIME_ERROR, "Could not infer dtype of %s", type_name(o));
    }
    if (d != look->dtype) look->dtype = look->dtype == RL_NO_DTYPE ? d : rl_promote(look->dtype, d);
    return !rl_thread.failed;
}

/* All of a line must be of one length; on the way the dtypes meet. */
static bool inspect(PyObject *o, int depth, Look *look) {
    if (depth == look->ndim) {
        if (!look->want_dtype) return true;
        return merge_leaf(o, look);
    }
    if (is_leaf(o)) return rl_fail(RL_TYPE_ERROR, "not a sequence: expected sequence of length %lld at dim %d, got %s", (long long)look->shape[depth], depth, type_name(o));
    PyObject *list = PySequence_Fast(o, "not a sequence");
    if (!list) return fail_from_python();
    Py_ssize_t n = PySequence_Fast_GET_SIZE(list);
    bool ok = true;
    if (n != look->shape[depth])
        ok = rl_fail(RL_VALUE_ERROR, "expected sequence of length %lld at dim %d (got %zd)", (long long)look->shape[depth], depth, n);
    for (Py_ssize_t i = 0; ok && i < n && i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        if (depth + 1 == look->ndim && PyFloat_CheckExact(item) && look->dtype == rl_default_dtype()) continue;
        ok = inspect(item, depth + 1, look);
    }
    Py_DECREF(list);
    return ok;
}

/* ---- writing ---- */

static bool too_big(Dtype d) { return rl_fail(RL_RUNTIME_ERROR, "value cannot be converted to type %s without overflow", rl_dtypes[d].name); }

static bool store_int(void *p, Dtype d, int64_t v) {
    switch (d) {
    case RL_UINT8: *(uint8_t *)p = (uint8_t)v; return (v >= -255 && v <= 255) || too_big(d);
    case RL_UINT16: *(uint16_t *)p = (uint16_t)v; return (v >= -UINT16_MAX && v <= UINT16_MAX) || too_big(d);
    case RL_UINT32: *(uint32_t *)p = (uint32_t)v; return (v >= -(int64_t)UINT32_MAX && v <= UINT32_MAX) || too_big(d);
    case RL_INT8: *(int8_t *)p = (int8_t)v; return (v >= -128 && v <= 127) || too_big(d);
    case RL_INT16: *(int16_t *)p = (int16_t)v; return (v >= INT16_MIN && v <= INT16_MAX) || too_big(d);
    case RL_INT32: *(int32_t *)p = (int32_t)v; return (v >= INT32_MIN && v <= INT32_MAX) || too_big(d);
    default: *(int64_t *)p = v; return true;
    }
}

static bool store_number(void *p, Dtype d, const Arg *a) {
    if (a->tag == A_COMPLEX && !rl_dtype_is(d, CLASS_COMPLEX)) return rl_fail(RL_TYPE_ERROR, "must be real number, not complex (dtype=%s)", rl_dtypes[d].name);
    double re = a_double(a), im = a->tag == A_COMPLEX ? a->complex[1] : 0;
    switch (d) {
    case RL_BOOL: *(bool *)p = a->tag == A_FLOAT ? a->f != 0 : a_int(a) != 0; return true;
    case RL_FLOAT32: *(float *)p = (float)re; return true;
    case RL_FLOAT64: *(double *)p = re; return true;
    case RL_COMPLEX64: ((float *)p)[0] = (float)re, ((float *)p)[1] = (float)im; return true;
    case RL_COMPLEX128: ((double *)p)[0] = re, ((double *)p)[1] = im; return true;
    default:
        if (a->tag == A_FLOAT && !(re > -9.3e18 && re < 9.3e18 && (re >= 0 || rl_is_signed(d)))) return too_big(d);
        if (d == RL_UINT64) return *(uint64_t *)p = a_uint(a), true;
        return store_int(p, d, a_int(a));
    }
}

/* uint64 takes ints only, and none is wrapped. */
static bool store_uint64(PyObject *o, void *p) {
    Arg a;
    double store[2];
    if (!number_from(o, &a, store) || (a.tag == A_FLOAT && !a.n && !PyLong_Check(o)) || a.tag == A_COMPLEX)
        return rl_thread.failed ? NULL : rl_fail(RL_TYPE_ERROR, "an integer is required for uint64, not %s", type_name(o));
    if (a_double(&a) < 0) return rl_fail(RL_OVERFLOW_ERROR, "can't convert negative int to unsigned: uint64 starts at 0");
    if (a.tag == A_FLOAT && !a.n) return rl_fail(RL_OVERFLOW_ERROR, "int too big to convert: uint64 ends at 2**64 - 1");
    *(uint64_t *)p = a_uint(&a);
    return true;
}

static bool store_leaf(PyObject *o, void *p, Dtype d) {
    Arg a;
    double store[2];
    if (d == RL_UINT64 && !(is_tensor(o) && tensor_of(o)->ndim)) return store_uint64(o, p);
    if (PyFloat_CheckExact(o)) a = a_f(PyFloat_AS_DOUBLE(o));
    else if (PyLong_Check(o) && !PyBool_Check(o)) {
        int overflow;
        long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
        if (overflow && !rl_dtype_is(d, CLASS_INEXACT | CLASS_BOOL)) return rl_fail(RL_VALUE_ERROR, "Overflow when unpacking long long: an integer does not fit %s", rl_dtypes[d].name);
        a = overflow ? a_f(PyLong_AsDouble(o)) : a_i(v);
        PyErr_Clear();
    } else if (is_tensor(o)) {
        if (tensor_of(o)->numel != 1) return rl_fail(RL_VALUE_ERROR, "only one element tensors can be converted to Python scalars; use torch.stack for a list of tensors");
        if (!rl_item(tensor_of(o), &a, store)) return false;
    } else if (!number_from(o, &a, store)) {
        if (PyUnicode_Check(o)) return rl_fail(RL_TYPE_ERROR, "new(): invalid data type 'str'");
        return rl_fail(RL_TYPE_ERROR, "must be real number, not %s", type_name(o));
    }
    return store_number(p, d, &a);
}

typedef struct Writer { char *p; Dtype dtype; int bytes; Look *look; } Writer;

static bool write_down(PyObject *o, int depth, Writer *w) {
    if (depth == w->look->ndim) {
        if (!store_leaf(o, w->p, w->dtype)) return false;
        w->p += w->bytes;
        return true;
    }
    PyObject *list = PySequence_Fast(o, "not a sequence");
    if (!list) return fail_from_python();
    bool ok = PySequence_Fast_GET_SIZE(list) == w->look->shape[depth] || rl_fail(RL_VALUE_ERROR, "a list changed its length while it was read");
    bool last = depth + 1 == w->look->ndim;
    for (Py_ssize_t i = 0; ok && i < w->look->shape[depth] && i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        if (last && w->dtype == RL_FLOAT32 && PyFloat_CheckExact(item)) {
            *(float *)w->p = (float)PyFloat_AS_DOUBLE(item);
            w->p += 4;
        } else ok = write_down(item, depth + 1, w);
    }
    Py_DECREF(list);
    return ok;
}

static Tensor *from_array(PyObject *o, Dtype dtype, bool copy) {
    Tensor *t = numpy_tensor(o);
    if (!t) return NULL;
    Tensor *y = dtype == RL_NO_DTYPE || dtype == t->dtype ? t : rl_cast(t, dtype);
    return y == t && copy ? rl_clone(t) : y;
}

static Tensor *nested_tensor(PyObject *data, Dtype dtype) {
    Look look = {.dtype = RL_NO_DTYPE, .want_dtype = dtype == RL_NO_DTYPE};
    if (!find_shape(data, &look) || !inspect(data, 0, &look)) return NULL;
    Dtype final = dtype != RL_NO_DTYPE ? dtype : look.dtype == RL_NO_DTYPE ? rl_default_dtype() : look.dtype;
    Dtype written = rl_dtype_is(final, CLASS_HALF) ? RL_FLOAT32 : final;
    Tensor *t = rl_empty(look.ndim, look.shape, written);
    if (!t) return NULL;
    Writer w = {rl_data(t), written, rl_dtype_bytes(written), &look};
    if (t->numel && !write_down(data, 0, &w)) return NULL;
    return written == final ? t : rl_cast(t, final);
}

Tensor *dlpack_tensor(PyObject *o);
Tensor *storage_elements(PyObject *o, Dtype dtype);

/* An object of another library that hands over its memory, or a capsule with some. */
static bool exports_dlpack(PyObject *o) {
    if (PyList_CheckExact(o) || PyTuple_CheckExact(o) || is_number(o) || PyArray_CheckScalar(o)) return false;
    return PyCapsule_IsValid(o, "dltensor") || PyObject_HasAttrString(o, "__dlpack__");
}

Tensor *data_tensor(PyObject *data, Dtype dtype) {
    bool mode = rl_thread.grad_mode;
    rl_thread.grad_mode = false;
    Tensor *t;
    if (PyArray_Check(data)) t = from_array(data, dtype, true);
    else if (is_tensor(data)) {
        Tensor *from = rl_alias(tensor_of(data));
        t = dtype == RL_NO_DTYPE || (from && dtype == from->dtype) ? rl_clone(from) : rl_cast(from, dtype);
    } else if (PyObject_TypeCheck(data, StorageType)) {
        Tensor *bytes = storage_elements(data, dtype == RL_NO_DTYPE ? rl_default_dtype() : dtype);
        t = bytes ? rl_clone(bytes) : NULL;
    } else if (exports_dlpack(data)) {
        Tensor *from = dlpack_tensor(data);
        t = !from ? NULL : dtype == RL_NO_DTYPE || dtype == from->dtype ? rl_clone(from) : rl_cast(from, dtype);
    } else t = nested_tensor(data, dtype);
    rl_thread.grad_mode = mode;
    if (t) t->cut_reason = 0;
    return t;
}

/* ---- the functions ---- */

typedef struct Options { PyObject *data, *dtype_object, *copy; Dtype dtype; bool requires_grad, grad_given; int device; } Options;

static bool take_options(const char *name, int positional, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, Options *o) {
    *o = (Options){.dtype = RL_NO_DTYPE, .copy = Py_None};
    if (n > positional) {
        PyErr_Format(PyExc_TypeError, positional == 1 ? "%s() takes %d positional argument but %zd were given" : "%s() takes from 1 to %d positional arguments but %zd were given", name, positional, n);
        return false;
    }
    PyObject *dtype = Py_None, *device = Py_None;
    if (n > 0) o->data = args[0];
    if (n > 1) dtype = args[1];
    if (n > 2) device = args[2];
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); i++) {
        const char *key = PyUnicode_AsUTF8(PyTuple_GET_ITEM(kwnames, i));
        PyObject *value = args[n + i];
        if (!key) return false;
        if (!strcmp(key, "dtype")) dtype = value;
        else if (!strcmp(key, "device")) device = value;
        else if (!strcmp(key, "requires_grad")) {
            int truth = PyObject_IsTrue(value);
            if (truth < 0) return false;
            o->requires_grad = truth;
            o->grad_given = value != Py_None;
        } else if (!strcmp(key, "copy")) o->copy = value;
        else if (!strcmp(key, "data") || !strcmp(key, "obj") || !strcmp(key, "buffer")) o->data = value;
        else if (strcmp(key, "pin_memory") && strcmp(key, "layout")) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%s'", name, key);
            return false;
        }
    }
    if (!o->data) {
        PyErr_Format(PyExc_TypeError, "%s() missing 1 required positional arguments: \"data\"", name);
        return false;
    }
    if (dtype != Py_None && !dtype_from(dtype, &o->dtype)) {
        PyErr_Format(PyExc_TypeError, "%s(): argument 'dtype' must be torch.dtype, not %s", name, type_name(dtype));
        return false;
    }
    if (device != Py_None && !(o->device = device_kind(device))) return false;
    if (!o->device) o->device = device_default();
    return true;
}

/* A tensor made from data, on the device asked for. */
static Tensor *on_device(Tensor *t, const Options *o) {
    if (t && o->device == DEVICE_META) t->storage->flags |= STORAGE_META;
    return t;
}

static PyObject *with_grad(Scope s, Tensor *t, bool requires_grad) {
    if (t && requires_grad) rl_require_grad_new(t);
    return finish(s, t);
}

static PyObject *make_tensor(PyObject *unused, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    Options o;
    if (!take_options("tensor", 1, args, n, kwnames, &o)) return NULL;
    if (is_tensor(o.data) && PyErr_WarnEx(PyExc_UserWarning, "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                                          "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).", 1) < 0) return NULL;
    Scope s = rl_scope_open();
    return with_grad(s, on_device(data_tensor(o.data, o.dtype), &o), o.requires_grad);
}

static Tensor *buffer_tensor(PyObject *o, Dtype dtype);

static PyObject *as_tensor(PyObject *unused, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    Options o;
    if (!take_options("as_tensor", 3, args, n, kwnames, &o)) return NULL;
    if (is_tensor(o.data)) {
        Tensor *t = tensor_of(o.data);
        if (o.dtype == RL_NO_DTYPE || o.dtype == t->dtype) return Py_NewRef(o.data);
        Scope s = rl_scope_open();
        return finish(s, rl_cast(t, o.dtype));
    }
    Scope s = rl_scope_open();
    return finish(s, on_device(PyArray_Check(o.data) ? from_array(o.data, o.dtype, false) : data_tensor(o.data, o.dtype), &o));
}

/* Whether a tensor can look at the object's bytes; an empty storage is an empty sequence, and any other empty buffer is refused. */
static bool has_bytes(PyObject *o) {
    return PyObject_CheckBuffer(o) && !PyArray_CheckScalar(o) && !(PyObject_TypeCheck(o, StorageType) && PyObject_Size(o) == 0);
}

static PyObject *asarray(PyObject *unused, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    Options o;
    if (!take_options("asarray", 1, args, n, kwnames, &o)) return NULL;
    bool must_copy = o.copy == Py_True, must_share = o.copy == Py_False;
    Scope s = rl_scope_open();
    Tensor *t = NULL, *source = is_tensor(o.data) ? tensor_of(o.data) : PyArray_Check(o.data) && !PyArray_CheckScalar(o.data) ? numpy_tensor(o.data) : NULL;
    if (!source && !rl_thread.failed && exports_dlpack(o.data)) source = dlpack_tensor(o.data);
    if (!source && !rl_thread.failed && has_bytes(o.data)) source = buffer_tensor(o.data, o.dtype == RL_NO_DTYPE ? rl_default_dtype() : o.dtype);
    if (source) {
        bool same = o.dtype == RL_NO_DTYPE || o.dtype == source->dtype;
        if (must_share && !same) rl_fail(RL_VALUE_ERROR, "can't alias tensor with dtype '%s' into dtype '%s'.", rl_dtypes[source->dtype].name, rl_dtypes[o.dtype].name);
        else t = same ? (must_copy ? rl_clone(source) : source) : rl_cast(source, o.dtype);
        if (t && is_tensor(o.data) && o.grad_given && !o.requires_grad && rl_requires_grad(t)) t = rl_detach(t);
    } else if (!rl_thread.failed) {
        if (must_share && PyArray_CheckScalar(o.data)) rl_fail(RL_RUNTIME_ERROR, "can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray.");
        else if (must_share) rl_fail(RL_VALUE_ERROR, "can't alias arbitrary sequence into a tensor.");
        else t = data_tensor(o.data, o.dtype);
    }
    return with_grad(s, t, o.requires_grad);
}

/* ---- buffers ---- */

static Tensor *over_buffer(PyObject *view, Dtype dtype, int64_t offset, int64_t count) {
    Py_buffer *b = PyMemoryView_GET_BUFFER(view);
    int size = rl_dtype_bytes(dtype);
    if (b->len == 0 || count == 0) return rl_fail(RL_VALUE_ERROR, "both buffer length (%zd) and count (%lld) must not be 0", b->len, (long long)count);
    if (offset < 0 || offset >= b->len) return rl_fail(RL_VALUE_ERROR, "offset (%lld bytes) must be non-negative and no greater than buffer length (%zd bytes) minus 1", (long long)offset, b->len);
    if (count < 0) {
        if ((b->len - offset) % size)
            return rl_fail(RL_VALUE_ERROR, "buffer length (%zd bytes) after offset (%lld bytes) must be a multiple of element size (%d)", b->len - offset, (long long)offset, size);
        count = (b->len - offset) / size;
    }
    if (count > (b->len - offset) / size)
        return rl_fail(RL_VALUE_ERROR, "requested buffer length (%lld * %d bytes) after offset (%lld bytes) must not be greater than actual buffer length (%zd bytes)", (long long)count, size, (long long)offset, b->len);
    return rl_from_data((char *)b->buf + offset, count * size, view, 1, &count, (int64_t[]){1}, dtype, b->readonly);
}

static Tensor *buffer_tensor(PyObject *o, Dtype dtype) {
    PyObject *view = PyMemoryView_FromObject(o);
    Tensor *t = view ? over_buffer(view, dtype, 0, -1) : fail_from_python();
    Py_XDECREF(view);
    return t;
}

static PyObject *frombuffer(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"buffer", "dtype", "count", "offset", "requires_grad", NULL};
    PyObject *buffer, *dtype = NULL;
    long long count = -1, offset = 0;
    int requires_grad = 0;
    Dtype d;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OLLp:frombuffer", names, &buffer, &dtype, &count, &offset, &requires_grad)) return NULL;
    if (!dtype) return PyErr_Format(PyExc_TypeError, "frombuffer() missing 1 required keyword argument: 'dtype'");
    if (!dtype_from(dtype, &d)) return PyErr_Format(PyExc_TypeError, "frombuffer(): argument 'dtype' must be torch.dtype, not %s", type_name(dtype));
    PyObject *view = PyMemoryView_FromObject(buffer);
    if (!view) {
        PyErr_Clear();
        return PyErr_Format(PyExc_ValueError, "object does not implement Python buffer protocol: %s", type_name(buffer));
    }
    if (PyMemoryView_GET_BUFFER(view)->readonly && PyErr_WarnEx(PyExc_UserWarning, "The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can write "
                                                                "to the underlying (supposedly non-writable) buffer using the tensor. Copy the buffer to protect its data.", 1) < 0) {
        Py_DECREF(view);
        return NULL;
    }
    Scope s = rl_scope_open();
    PyObject *result = with_grad(s, over_buffer(view, d, offset, count), requires_grad);
    Py_DECREF(view);
    return result;
}

/* ---- back to lists ---- */

static PyObject *leaf_object(const char *p, Dtype d) {
    switch (d) {
    case RL_BOOL: return PyBool_FromLong(*(const uint8_t *)p);
    case RL_UINT8: return PyLong_FromLong(*(const uint8_t *)p);
    case RL_INT8: return PyLong_FromLong(*(const int8_t *)p);
    case RL_INT16: return PyLong_FromLong(*(const int16_t *)p);
    case RL_INT32: return PyLong_FromLong(*(const int32_t *)p);
    case RL_INT64: return PyLong_FromLongLong(*(const int64_t *)p);
    case RL_UINT16: return PyLong_FromLong(*(const uint16_t *)p);
    case RL_UINT32: return PyLong_FromUnsignedLong(*(const uint32_t *)p);
    case RL_UINT64: return PyLong_FromUnsignedLongLong(*(const uint64_t *)p);
    case RL_FLOAT32: return PyFloat_FromDouble(*(const float *)p);
    case RL_FLOAT64: return PyFloat_FromDouble(*(const double *)p);
    case RL_COMPLEX64: return PyComplex_FromDoubles(((const float *)p)[0], ((const float *)p)[1]);
    case RL_COMPLEX128: return PyComplex_FromDoubles(((const double *)p)[0], ((const double *)p)[1]);
    default: return NULL;
    }
}

static PyObject *list_from(const Tensor *t, int dim, const char *p) {
    if (dim == t->ndim) return leaf_object(p, (Dtype)t->dtype);
    PyObject *list = PyList_New(t->shape[dim]);
    int64_t step = t->stride[dim] * rl_dtype_bytes(t->dtype);
    for (int64_t i = 0; list && i < t->shape[dim]; i++) {
        PyObject *item = list_from(t, dim + 1, p + i * step);
        if (!item) Py_CLEAR(list);
        else PyList_SET_ITEM(list, i, item);
    }
    return list;
}

PyObject *tensor_tolist(PyObject *self, PyObject *unused) {
    Tensor *t = tensor_of(self);
    if (t->ndim == 0) return tensor_number(t);
    if (RL_UNLIKELY(rl_is_meta(t))) return PyErr_Format(PyExc_NotImplementedError, "Cannot copy out of meta tensor; no data! tolist() has nothing to show");
    Scope s = rl_scope_open();
    if (rl_dtype_is(t->dtype, CLASS_HALF)) t = rl_cast(rl_alias(t), RL_FLOAT32);
    PyObject *list = t ? list_from(t, 0, t->storage->data ? rl_data(t) : NULL) : NULL;
    rl_scope_close(s);
    return list || PyErr_Occurred() ? list : raise_pending();
}

static PyMethodDef functions[] = {
    {"tensor", AS_METHOD(make_tensor), METH_FASTCALL | METH_KEYWORDS, "tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False) -> Tensor: a copy of the data."},
    {"as_tensor", AS_METHOD(as_tensor), METH_FASTCALL | METH_KEYWORDS, "as_tensor(data, dtype=None, device=None) -> Tensor: shares memory where it can."},
    {"asarray", AS_METHOD(asarray), METH_FASTCALL | METH_KEYWORDS, "asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None) -> Tensor"},
    {"frombuffer", AS_METHOD(frombuffer), METH_VARARGS | METH_KEYWORDS, "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False) -> Tensor over the buffer's memory."},
    {NULL},
};

bool data_start(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
