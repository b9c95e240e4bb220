/* py_numpy.c -- arrays without copying, both ways; NumPy scalars as numbers; the buffer protocol.
 *
 * An array made from a tensor holds the storage, not the tensor: nobody can swap or resize it away underneath.  A tensor
 * made from an array holds the array.  bfloat16 has no counterpart. */
#include "bind.h"

#define RUSHLIGHT_NUMPY_OWNER
#include "numpy_api.h"

#include <math.h>
#include <string.h>

static const int8_t type_numbers[RL_NDTYPES] = {
    [RL_BOOL] = NPY_BOOL, [RL_UINT8] = NPY_UINT8, [RL_INT8] = NPY_INT8, [RL_INT16] = NPY_INT16, [RL_INT32] = NPY_INT32, [RL_INT64] = NPY_INT64,
    [RL_FLOAT16] = NPY_HALF, [RL_BFLOAT16] = -1, [RL_FLOAT32] = NPY_FLOAT, [RL_FLOAT64] = NPY_DOUBLE, [RL_COMPLEX64] = NPY_CFLOAT, [RL_COMPLEX128] = NPY_CDOUBLE,
    [RL_UINT16] = NPY_UINT16, [RL_UINT32] = NPY_UINT32, [RL_UINT64] = NPY_UINT64,
};

static Dtype dtype_of_number(int number) {
    if (number == NPY_LONGLONG) return RL_INT64;
    if (number == NPY_ULONGLONG) return RL_UINT64;
    for (int d = 0; d < RL_NDTYPES; d++)
        if (type_numbers[d] == number) return (Dtype)d;
    return RL_NO_DTYPE;
}

/* ---- scalars ---- */

bool numpy_is_array(PyObject *o) { return PyArray_Check(o); }
bool numpy_is_scalar(PyObject *o) { return PyArray_IsScalar(o, Number) || PyArray_IsScalar(o, Bool); }
bool numpy_is_bool(PyObject *o) { return PyArray_IsScalar(o, Bool); }

/* A Python number made by NumPy's own conversion, taken apart. */
static int from_python_number(PyObject *number, Arg *a, double store[2]) {
    if (!number) {
        PyErr_Clear();
        return 0;
    }
    int ok = 1;
    if (PyBool_Check(number)) *a = a_b(number == Py_True);
    else if (PyLong_Check(number)) int_value(number, a);
    else if (PyFloat_Check(number)) *a = a_f(PyFloat_AS_DOUBLE(number));
    else if (PyComplex_Check(number)) {
        store[0] = PyComplex_RealAsDouble(number), store[1] = PyComplex_ImagAsDouble(number);
        *a = (Arg){.tag = A_COMPLEX, .complex = store};
    } else ok = 0;
    Py_DECREF(number);
    return ok;
}

int numpy_scalar(PyObject *o, Arg *a, double store[2]) {
    if (PyArray_IsScalar(o, Double)) return *a = a_f(((PyDoubleScalarObject *)o)->obval), 1;
    if (PyArray_IsScalar(o, Float)) return *a = a_f(((PyFloatScalarObject *)o)->obval), 1;
    if (PyArray_IsScalar(o, Long)) return *a = a_i(((PyLongScalarObject *)o)->obval), 1;
    bool array = PyArray_Check(o) && PyArray_NDIM((PyArrayObject *)o) == 0 && PyTypeNum_ISNUMBER(PyArray_TYPE((PyArrayObject *)o));
    if (!array && !numpy_is_scalar(o)) return 0;
    return from_python_number(PyObject_CallMethod(o, "item", NULL), a, store);
}

/* ---- array to tensor ---- */

static Tensor *refuse_dtype(PyArrayObject *array) {
    PyObject *name = PyObject_GetAttrString((PyObject *)PyArray_DESCR(array)->typeobj, "__name__");
    const char *text = name ? PyUnicode_AsUTF8(name) : NULL;
    rl_fail(RL_TYPE_ERROR, "can't convert np.ndarray of type numpy.%s. The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, "
            "int16, int8, uint64, uint32, uint16, uint8, and bool. (array.astype(...) converts.)", text ? text : "object_");
    Py_XDECREF(name);
    PyErr_Clear();
    return NULL;
}

static Tensor *share(PyArrayObject *array, Dtype d) {
    int n = PyArray_NDIM(array), size = rl_dtype_bytes(d);
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS], extent = 1;
    for (int i = 0; i < n; i++) {
        npy_intp step = PyArray_STRIDE(array, i);
        shape[i] = PyArray_DIM(array, i);
        if (step < 0 && shape[i] > 1)
            return rl_fail(RL_VALUE_ERROR, "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
                           "(You can probably work around this by making a copy of your array  with array.copy().) Its strides are %s bytes.", rl_text_sizes(n, (const int64_t *)PyArray_STRIDES(array)));
        if (step % size && shape[i] > 1)
            return rl_fail(RL_VALUE_ERROR, "given numpy array strides not a multiple of the element byte size. Copy array to reallocate the memory.");
        stride[i] = shape[i] > 1 ? step / size : 1;
        extent = shape[i] ? extent + (shape[i] - 1) * stride[i] : 0;
        if (!shape[i]) break;
    }
    for (int i = 0; i < n; i++) shape[i] = PyArray_DIM(array, i);
    if (extent == 0 || PyArray_SIZE(array) == 0) {
        rl_strides_of(n, shape, stride);
        extent = 0;
    }
    return rl_from_data(PyArray_DATA(array), extent * size, array, n, shape, stride, d, false);
}

Tensor *numpy_tensor(PyObject *o) {
    PyArrayObject *array = (PyArrayObject *)o;
    Dtype d = dtype_of_number(PyArray_TYPE(array));
    if (d == RL_NO_DTYPE) return refuse_dtype(array);
    if (!PyArray_ISNOTSWAPPED(array))
        return rl_fail(RL_VALUE_ERROR, "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported.");
    if (PyArray_NDIM(array) > RL_MAX_DIMS) return rl_fail(RL_VALUE_ERROR, "given numpy array has %d dimensions; a tensor has at most %d", PyArray_NDIM(array), RL_MAX_DIMS);
    for (int i = 0; i < PyArray_NDIM(array); i++)
        if (PyArray_STRIDE(array, i) % PyArray_ITEMSIZE(array)) return rl_fail(RL_VALUE_ERROR, "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory.");
    if (!PyArray_ISALIGNED(array)) {
        PyObject *copy = PyArray_NewCopy(array, NPY_ANYORDER);
        Tensor *t = copy ? share((PyArrayObject *)copy, d) : fail_from_python();
        Py_XDECREF(copy);
        return t;
    }
    return share(array, d);
}

static PyObject *from_numpy(PyObject *unused, PyObject *o) {
    if (!PyArray_Check(o)) return PyErr_Format(PyExc_TypeError, "expected np.ndarray (got %s)", type_name(o));
    if (!PyArray_ISWRITEABLE((PyArrayObject *)o) &&
        PyErr_WarnEx(PyExc_UserWarning, "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this tensor will result in "
                     "undefined behavior. You may want to copy the array to protect its data or make it writable before converting it to a tensor.", 1) < 0) return NULL;
    Scope s = rl_scope_open();
    return finish(s, numpy_tensor(o));
}

/* ---- tensor to array ---- */

static PyObject *array_over(PyObject *self) {
    Tensor *t = tensor_of(self);
    int number = type_numbers[t->dtype], size = rl_dtype_bytes(t->dtype);
    if (RL_UNLIKELY(rl_is_meta(t))) return PyErr_Format(PyExc_TypeError, "can't convert meta device type tensor to numpy: it has no numbers");
    if (number < 0) return PyErr_Format(PyExc_TypeError, "Got unsupported ScalarType BFloat16: NumPy has no bfloat16; use tensor.float().numpy()");
    if (t->ndim > NPY_MAXDIMS) return PyErr_Format(PyExc_ValueError, "NumPy arrays have at most %d dimensions, not %d", NPY_MAXDIMS, t->ndim);
    npy_intp shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    for (int i = 0; i < t->ndim; i++) shape[i] = t->shape[i], stride[i] = t->stride[i] * size;
    PyObject *storage = tensor_storage(self, NULL);
    if (!storage) return NULL;
    static char nothing[16];
    void *data = t->storage->data ? rl_data(t) : nothing;
    int flags = NPY_ARRAY_ALIGNED | (t->storage->flags & STORAGE_READONLY ? 0 : NPY_ARRAY_WRITEABLE);
    PyObject *array = PyArray_New(&PyArray_Type, t->ndim, shape, number, stride, data, size, flags, NULL);
    if (!array || PyArray_SetBaseObject((PyArrayObject *)array, storage) < 0) {
        if (!array) Py_DECREF(storage);
        Py_XDECREF(array);
        return NULL;
    }
    t->storage->flags |= STORAGE_FIXED;
    return array;
}

static PyObject *refuse_grad(void) {
    return PyErr_Format(PyExc_RuntimeError, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
}

static PyObject *tensor_numpy(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    bool force = false;
    if (n) return PyErr_Format(PyExc_TypeError, "numpy() takes no positional arguments but %zd was given", n);
    if (kwnames) {
        if (PyTuple_GET_SIZE(kwnames) != 1 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "force")) return PyErr_Format(PyExc_TypeError, "numpy() takes one keyword, force");
        int truth = PyObject_IsTrue(args[0]);
        if (truth < 0) return NULL;
        force = truth;
    }
    if (rl_requires_grad(tensor_of(self)) && rl_thread.grad_mode && !force) return refuse_grad();
    return array_over(self);
}

/* __array__(dtype=None, *, copy=None) */
static PyObject *tensor_array(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"dtype", "copy", NULL};
    PyObject *dtype = Py_None, *copy = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:__array__", names, &dtype, &copy)) return NULL;
    if (rl_requires_grad(tensor_of(self)) && rl_thread.grad_mode) return refuse_grad();
    PyObject *array = array_over(self);
    if (!array || dtype == Py_None) {
        if (!array || copy != Py_True) return array;
        PyObject *made = PyArray_NewCopy((PyArrayObject *)array, NPY_KEEPORDER);
        Py_DECREF(array);
        return made;
    }
    PyArray_Descr *descr = NULL;
    if (!PyArray_DescrConverter(dtype, &descr)) {
        Py_DECREF(array);
        return NULL;
    }
    PyObject *cast = copy == Py_True || !PyArray_EquivTypes(descr, PyArray_DESCR((PyArrayObject *)array)) ? PyArray_CastToType((PyArrayObject *)array, descr, 0) : (Py_DECREF(descr), Py_NewRef(array));
    Py_DECREF(array);
    return cast;
}

/* ---- buffer protocol ---- */

static const char formats[RL_NDTYPES][3] = {
    [RL_BOOL] = "?", [RL_UINT8] = "B", [RL_INT8] = "b", [RL_INT16] = "h", [RL_INT32] = "i", [RL_INT64] = "q", [RL_FLOAT16] = "e", [RL_BFLOAT16] = "",
    [RL_FLOAT32] = "f", [RL_FLOAT64] = "d", [RL_COMPLEX64] = "Zf", [RL_COMPLEX128] = "Zd", [RL_UINT16] = "H", [RL_UINT32] = "I", [RL_UINT64] = "Q",
};

typedef struct BufferDims { PyObject *storage; Py_ssize_t dims[2 * RL_MAX_DIMS]; } BufferDims;

static int refuse_buffer(Py_buffer *view, const char *why) {
    view->obj = NULL;
    PyErr_SetString(PyExc_BufferError, why);
    return -1;
}

static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
    Tensor *t = tensor_of(self);
    if (rl_requires_grad(t)) return refuse_buffer(view, "Can't export tensors that require gradient, use tensor.detach()");
    if (!formats[t->dtype][0]) return refuse_buffer(view, "bfloat16 has no buffer format; use tensor.float()");
    if (flags & PyBUF_WRITABLE && t->storage->flags & STORAGE_READONLY) return refuse_buffer(view, "the tensor's memory is read-only");
    bool contiguous = rl_is_contiguous(t);
    if (!contiguous && (flags & PyBUF_STRIDES) != PyBUF_STRIDES) return refuse_buffer(view, "the tensor is not contiguous; use tensor.contiguous()");
    if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !contiguous) return refuse_buffer(view, "the tensor is not contiguous; use tensor.contiguous()");
    BufferDims *dims = PyMem_Malloc(sizeof *dims);
    if (!dims) return refuse_buffer(view, "out of memory");
    dims->storage = tensor_storage(self, NULL);
    if (!dims->storage) {
        PyMem_Free(dims);
        view->obj = NULL;
        return -1;
    }
    int size = rl_dtype_bytes(t->dtype);
    for (int i = 0; i < t->ndim; i++) dims->dims[i] = t->shape[i], dims->dims[RL_MAX_DIMS + i] = t->stride[i] * size;
    static char nothing[16];
    *view = (Py_buffer){
        .buf = t->storage->data ? rl_data(t) : nothing, .obj = Py_NewRef(self), .len = t->numel * size, .itemsize = size, .readonly = (t->storage->flags & STORAGE_READONLY) != 0,
        .ndim = t->ndim, .format = flags & PyBUF_FORMAT ? (char *)formats[t->dtype] : NULL, .shape = flags & PyBUF_ND ? dims->dims : NULL,
        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? dims->dims + RL_MAX_DIMS : NULL, .internal = dims,
    };
    t->storage->flags |= STORAGE_FIXED;
    return 0;
}

static void release_buffer(PyObject *self, Py_buffer *view) {
    BufferDims *dims = view->internal;
    Py_DECREF(dims->storage);
    PyMem_Free(dims);
}

PyBufferProcs tensor_buffer = {get_buffer, release_buffer};

/* ---- start ---- */

PyMethodDef numpy_methods[] = {
    {"numpy", AS_METHOD(tensor_numpy), METH_FASTCALL | METH_KEYWORDS, "numpy($self, *, force=False)\n--\n\nThe same memory as an array."},
    {"__array__", AS_METHOD(tensor_array), METH_VARARGS | METH_KEYWORDS, "__array__($self, dtype=None)\n--\n\nAs an array."},
    {NULL},
};
static PyMethodDef functions[] = {
    {"from_numpy", from_numpy, METH_O, "from_numpy(ndarray) -> Tensor: a tensor over the same memory."},
    {NULL},
};

static void *start_numpy(void) {
    import_array();
    return &tensor_buffer;
}

bool numpy_start(PyObject *module) { return start_numpy() && PyModule_AddFunctions(module, functions) == 0; }
