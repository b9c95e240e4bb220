/* py_storage.c -- UntypedStorage: the bytes behind tensors as an object of their own; set_, resize_, DLPack.
 *
 * The object holds the storage, so arrays and capsules made from a tensor outlive it. */
#include "bind.h"

#include <string.h>

PyTypeObject *StorageType;

typedef struct PyStorage { PyObject_HEAD Storage *s; PyObject *weakrefs; } PyStorage;

static Storage *storage_of(PyObject *o) { return ((PyStorage *)o)->s; }

static PyObject *storage_wrap(Storage *s) {
    PyStorage *o = (PyStorage *)StorageType->tp_alloc(StorageType, 0);
    if (!o) return NULL;
    rl_storage_keep(s);
    o->s = s;
    return (PyObject *)o;
}

PyObject *tensor_storage(PyObject *self, PyObject *unused) { return storage_wrap(tensor_of(self)->storage); }

static PyObject *storage_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"size", "device", NULL};
    PyObject *size = NULL, *device = Py_None;
    int64_t n = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:UntypedStorage", names, &size, &device) || (device != Py_None && !device_check(device))) return NULL;
    PyObject *bytes = NULL;
    if (size && index_from(size, &n) != MATCH) {
        if (PyErr_Occurred()) return NULL;
        bytes = PyObject_CallOneArg((PyObject *)&PyBytes_Type, size);
        if (!bytes) return NULL;
        n = PyBytes_GET_SIZE(bytes);
    }
    Storage *s = n < 0 ? rl_fail(RL_RUNTIME_ERROR, "a storage of %lld bytes cannot be", (long long)n) : rl_storage_new(n);
    if (!s) {
        Py_XDECREF(bytes);
        return raise_pending();
    }
    if (bytes) memcpy(s->data, PyBytes_AS_STRING(bytes), (size_t)n);
    Py_XDECREF(bytes);
    PyStorage *o = (PyStorage *)type->tp_alloc(type, 0);
    if (o) o->s = s;
    else rl_storage_drop(s);
    return (PyObject *)o;
}

static void storage_dealloc(PyObject *self) {
    PyStorage *o = (PyStorage *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (o->weakrefs) PyObject_ClearWeakRefs(self);
    if (o->s) rl_storage_drop(o->s);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *storage_nbytes(PyObject *self, PyObject *unused) { return PyLong_FromLongLong(storage_of(self)->bytes); }
static PyObject *storage_data_ptr(PyObject *self, PyObject *unused) { return PyLong_FromVoidPtr(storage_of(self)->data); }
static PyObject *storage_bytes(PyObject *self, PyObject *unused) { return PyBytes_FromStringAndSize(storage_of(self)->data, storage_of(self)->bytes); }
static Py_ssize_t storage_length(PyObject *self) { return storage_of(self)->bytes; }
static PyObject *storage_at(PyObject *self, Py_ssize_t i) {
    Storage *s = storage_of(self);
    if (i < 0 || i >= s->bytes) return PyErr_Format(PyExc_IndexError, "index %zd is out of bounds for a storage of %lld bytes", i, (long long)s->bytes);
    return PyLong_FromLong(((uint8_t *)s->data)[i]);
}
static int storage_set_at(PyObject *self, Py_ssize_t i, PyObject *value) {
    Storage *s = storage_of(self);
    if (i < 0 || i >= s->bytes || !value) {
        PyErr_Format(PyExc_IndexError, "index %zd is out of bounds for a storage of %lld bytes", i, (long long)s->bytes);
        return -1;
    }
    long byte = PyLong_AsLong(value);
    if (byte == -1 && PyErr_Occurred()) return -1;
    ((uint8_t *)s->data)[i] = (uint8_t)byte;
    s->version++;
    return 0;
}
static PyObject *storage_resize(PyObject *self, PyObject *size) {
    int64_t n;
    if (index_from(size, &n) != MATCH || n < 0) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "resize_ expects a number of bytes, not %R", size);
    return rl_storage_resize(storage_of(self), n) ? Py_NewRef(self) : raise_pending();
}
static PyObject *storage_clone(PyObject *self, PyObject *unused) {
    Storage *from = storage_of(self), *to = rl_storage_new(from->bytes);
    if (!to) return raise_pending();
    if (from->bytes) memcpy(to->data, from->data, (size_t)from->bytes);
    PyObject *o = storage_wrap(to);
    rl_storage_drop(to);
    return o;
}
static PyObject *storage_copy(PyObject *self, PyObject *other) {
    if (!PyObject_TypeCheck(other, StorageType) || storage_of(other)->bytes != storage_of(self)->bytes)
        return PyErr_Format(PyExc_RuntimeError, "copy_: expected a storage of %lld bytes", (long long)storage_of(self)->bytes);
    if (storage_of(self)->bytes) memmove(storage_of(self)->data, storage_of(other)->data, (size_t)storage_of(self)->bytes);
    storage_of(self)->version++;
    return Py_NewRef(self);
}
static PyObject *storage_is_shared(PyObject *self, PyObject *unused) { return PyBool_FromLong(storage_of(self)->flags & STORAGE_SHARED); }
static PyObject *storage_share(PyObject *self, PyObject *unused) {
    storage_of(self)->flags |= STORAGE_SHARED;
    return Py_NewRef(self);
}
static PyObject *storage_resizable(PyObject *self, PyObject *unused) { return PyBool_FromLong(!(storage_of(self)->flags & STORAGE_FIXED)); }
static PyObject *storage_element_size(PyObject *self, PyObject *unused) { return PyLong_FromLong(1); }
static PyObject *storage_device(PyObject *self, void *unused) { return device_of(&(Tensor){.storage = storage_of(self)}); }
static PyObject *storage_id(PyObject *self, void *unused) { return PyLong_FromVoidPtr(storage_of(self)); }
static PyObject *storage_false(PyObject *self, void *unused) { Py_RETURN_FALSE; }
static PyObject *storage_repr(PyObject *self) {
    return PyUnicode_FromFormat("[rushlight.storage.UntypedStorage(device=cpu) of size %lld]", (long long)storage_of(self)->bytes);
}
static PyObject *storage_compare(PyObject *a, PyObject *b, int op) {
    if ((op != Py_EQ && op != Py_NE) || !PyObject_TypeCheck(b, StorageType)) Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong((storage_of(a) == storage_of(b)) == (op == Py_EQ));
}
static Py_hash_t storage_hash(PyObject *self) { return _Py_HashPointer(storage_of(self)); }
static PyObject *storage_reduce(PyObject *self, PyObject *unused) {
    PyObject *bytes = storage_bytes(self, NULL);
    return bytes ? Py_BuildValue("O(N)", StorageType, bytes) : NULL;
}
static int storage_buffer(PyObject *self, Py_buffer *view, int flags) {
    Storage *s = storage_of(self);
    s->flags |= STORAGE_FIXED;
    return PyBuffer_FillInfo(view, self, s->data ? s->data : (void *)s, s->bytes, (s->flags & STORAGE_READONLY) != 0, flags);
}

/* A storage's bytes as elements of a dtype, in one line. */
Tensor *storage_elements(PyObject *o, Dtype dtype) {
    Storage *s = storage_of(o);
    int64_t n = s->bytes / rl_dtype_bytes(dtype);
    Tensor *t = rl_empty(1, (int64_t[]){0}, dtype);
    if (!t) return NULL;
    rl_storage_keep(s);
    rl_storage_drop(t->storage);
    t->storage = s;
    return rl_set_geometry(t, 1, &n, (int64_t[]){1}, 0) ? t : NULL;
}

/* ---- set_ ---- */

static PyObject *set_to(PyObject *self, PyObject *source, long long offset, PyObject *size, PyObject *stride) {
    int64_t shape[RL_MAX_DIMS], step[RL_MAX_DIMS], extent = 1;
    Tensor *t = tensor_of(self), *from = source && is_tensor(source) ? tensor_of(source) : NULL;
    if (source && !from && !PyObject_TypeCheck(source, StorageType)) return PyErr_Format(PyExc_TypeError, "set_(): argument 'source' (position 1) must be Tensor or UntypedStorage, not %s", type_name(source));
    if (from && from->dtype != t->dtype) return PyErr_Format(PyExc_RuntimeError, "Could not set tensor of type %s to a tensor of type %s", rl_dtypes[from->dtype].name, rl_dtypes[t->dtype].name);
    if (rl_thread.grad_mode && rl_requires_grad(t) && !t->node) return PyErr_Format(PyExc_RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation (set_).");
    int n = 1, item = rl_dtype_bytes(t->dtype);
    if (size) {
        n = sizes_from(size, shape, RL_MAX_DIMS);
        if (n < 0) return NULL;
        rl_strides_of(n, shape, step);
        if (stride && sizes_from(stride, step, RL_MAX_DIMS) != n) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_RuntimeError, "set_: size and stride have different lengths");
    } else if (from) {
        n = from->ndim;
        memcpy(shape, from->shape, n * sizeof *shape);
        memcpy(step, from->stride, n * sizeof *step);
        offset += from->offset;
    } else shape[0] = source ? storage_of(source)->bytes / item : 0, step[0] = 1;
    for (int i = 0; i < n; i++) {
        if (shape[i] < 0 || step[i] < 0) return PyErr_Format(PyExc_RuntimeError, "set_: sizes and strides must not be negative, got %s and %s", rl_text_sizes(n, shape), rl_text_sizes(n, step));
        int64_t reach;
        if (shape[i] > 1 && (!rl_mul_size(shape[i] - 1, step[i], &reach) || !rl_add_size(extent, reach, &extent))) return PyErr_Format(PyExc_RuntimeError, "set_: sizes are too large");
    }
    for (int i = 0; i < n; i++) if (!shape[i]) extent = 0;
    Storage *s = from ? from->storage : source ? storage_of(source) : rl_storage_new(0);
    if (!s) return raise_pending();
    if (from || source) rl_storage_keep(s);
    if (offset < 0 || extent + offset > INT64_MAX / 16 || (extent && (extent + offset) * item > s->bytes)) {
        PyErr_Format(PyExc_RuntimeError, "setStorage: sizes %s, strides %s, storage offset %lld, and itemsize %d requiring a storage size of %lld are out of bounds for storage of size %lld",
                     rl_text_sizes(n, shape), rl_text_sizes(n, step), offset, item, (long long)((extent + offset) * item), (long long)s->bytes);
        rl_storage_drop(s);
        return NULL;
    }
    Storage *old = t->storage;
    t->storage = s;
    if (!rl_set_geometry(t, n, shape, step, offset)) {
        t->storage = old;
        rl_storage_drop(s);
        return raise_pending();
    }
    rl_storage_drop(old);
    return Py_NewRef(self);
}

/* The bytes behind a TypedStorage of the tensor's dtype: a new reference. */
static PyObject *untyped_of(PyObject *typed, Tensor *t) {
    Dtype dtype;
    PyObject *own = PyObject_GetAttrString(typed, "dtype");
    if (!own) return NULL;
    bool same = dtype_from(own, &dtype) && dtype == t->dtype;
    PyObject *bytes = same ? PyObject_CallMethod(typed, "untyped", NULL)
                           : PyErr_Format(PyExc_RuntimeError, "Expected a Storage of type %s or an UntypedStorage, but got one of %R for argument 1 'storage'", rl_dtypes[t->dtype].name, own);
    Py_DECREF(own);
    return bytes;
}

PyObject *tensor_set(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"source", "storage_offset", "size", "stride", NULL};
    PyObject *source = NULL, *size = NULL, *stride = NULL;
    long long offset = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OLOO:set_", names, &source, &offset, &size, &stride)) return NULL;
    if (!source || is_tensor(source) || PyObject_TypeCheck(source, StorageType) || !PyObject_HasAttrString(source, "untyped")) return set_to(self, source, offset, size, stride);
    PyObject *bytes = untyped_of(source, tensor_of(self)), *result = bytes ? set_to(self, bytes, offset, size, stride) : NULL;
    Py_XDECREF(bytes);
    return result;
}

/* ---- DLPack ---- */

typedef struct { int32_t type, id; } DLDevice;
typedef struct { uint8_t code, bits; uint16_t lanes; } DLDataType;
typedef struct { void *data; DLDevice device; int32_t ndim; DLDataType dtype; int64_t *shape, *strides; uint64_t byte_offset; } DLTensor;
typedef struct DLManagedTensor { DLTensor tensor; void *context; void (*deleter)(struct DLManagedTensor *); } DLManagedTensor;
typedef struct Exported { DLManagedTensor managed; Storage *storage; int64_t dims[2 * RL_MAX_DIMS]; } Exported;

enum { DL_CPU = 1, DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_COMPLEX = 5, DL_BOOL = 6 };

static void exported_delete(DLManagedTensor *managed) {
    Exported *e = managed->context;
    PyGILState_STATE state = PyGILState_Ensure();
    rl_storage_drop(e->storage);
    PyMem_Free(e);
    PyGILState_Release(state);
}

static void capsule_delete(PyObject *capsule) {
    if (!PyCapsule_IsValid(capsule, "dltensor")) return;      /* consumed */
    DLManagedTensor *managed = PyCapsule_GetPointer(capsule, "dltensor");
    managed->deleter(managed);
}

static uint8_t dlpack_code(Dtype d) {
    if (d == RL_BFLOAT16) return DL_BFLOAT;
    if (rl_dtype_is(d, CLASS_FLOATING)) return DL_FLOAT;
    if (rl_dtype_is(d, CLASS_COMPLEX)) return DL_COMPLEX;
    return d == RL_BOOL ? DL_BOOL : rl_is_signed(d) ? DL_INT : DL_UINT;
}

static PyObject *export_capsule(Tensor *t) {
    Exported *e = PyMem_Malloc(sizeof *e);
    if (!e) return PyErr_NoMemory();
    for (int i = 0; i < t->ndim; i++) e->dims[i] = t->shape[i], e->dims[RL_MAX_DIMS + i] = t->stride[i];
    e->managed = (DLManagedTensor){
        .tensor = {t->numel ? rl_data(t) : NULL, {DL_CPU, 0}, t->ndim, {dlpack_code((Dtype)t->dtype), (uint8_t)(rl_dtype_bytes(t->dtype) * 8), 1}, e->dims, e->dims + RL_MAX_DIMS, 0},
        .context = e, .deleter = exported_delete,
    };
    e->storage = t->storage;
    rl_storage_keep(t->storage);
    t->storage->flags |= STORAGE_FIXED;
    PyObject *capsule = PyCapsule_New(&e->managed, "dltensor", capsule_delete);
    if (!capsule) exported_delete(&e->managed);
    return capsule;
}

static PyObject *tensor_dlpack(PyObject *self, PyObject *args, PyObject *kwargs) {
    Tensor *t = tensor_of(self);
    PyObject *stream = kwargs ? PyDict_GetItemString(kwargs, "stream") : NULL;
    if (stream && stream != Py_None) {
        if (!PyLong_Check(stream)) return PyErr_Format(PyExc_TypeError, "stream must be ``int`` or ``none``, not %s", type_name(stream));
        if (PyLong_AsLong(stream) != -1) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_AssertionError, "stream should be None on cpu, not %R.", stream);
    }
    if (rl_requires_grad(t)) return PyErr_Format(PyExc_BufferError, "Can't export tensors that require gradient, use tensor.detach()");
    PyObject *device = kwargs ? PyDict_GetItemString(kwargs, "dl_device") : NULL;
    if (device && device != Py_None) {
        long type = PyTuple_Check(device) && PyTuple_GET_SIZE(device) == 2 ? PyLong_AsLong(PyTuple_GET_ITEM(device, 0)) : -1;
        if (type != DL_CPU) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_BufferError, "tensors are on the CPU and can be exported to the CPU only, not to %R", device);
    }
    PyObject *copy = kwargs ? PyDict_GetItemString(kwargs, "copy") : NULL;
    int copied = copy && copy != Py_None ? PyObject_IsTrue(copy) : 0;
    if (copied < 0) return NULL;
    Scope s = rl_scope_open();
    if (copied) t = rl_clone(t);
    PyObject *capsule = t ? export_capsule(t) : NULL;
    rl_scope_close(s);
    return rl_thread.failed ? raise_pending() : capsule;
}

static PyObject *tensor_dlpack_device(PyObject *self, PyObject *unused) { return Py_BuildValue("ii", DL_CPU, 0); }

static Dtype dlpack_dtype(DLDataType dt) {
    for (int d = 0; d < RL_NDTYPES; d++)
        if (dlpack_code((Dtype)d) == dt.code && rl_dtype_bytes((Dtype)d) * 8 == dt.bits && dt.lanes == 1) return (Dtype)d;
    return RL_NO_DTYPE;
}

/* The capsule that stands for an imported tensor's owner: deletes when the storage lets go. */
static void owner_delete(PyObject *capsule) {
    DLManagedTensor *managed = PyCapsule_GetPointer(capsule, "used_dltensor");
    if (managed && managed->deleter) managed->deleter(managed);
}

static Tensor *import_managed(PyObject *capsule, DLManagedTensor *managed) {
    DLTensor *dl = &managed->tensor;
    Dtype d = dlpack_dtype(dl->dtype);
    int64_t stride[RL_MAX_DIMS], extent = 1;
    if (dl->device.type != DL_CPU) return rl_fail(RL_RUNTIME_ERROR, "from_dlpack: the data is on device type %d; rushlight reads the CPU's memory", dl->device.type);
    if (d == RL_NO_DTYPE) return rl_fail(RL_RUNTIME_ERROR, "from_dlpack: unsupported type code %d with %d bits and %d lanes", dl->dtype.code, dl->dtype.bits, dl->dtype.lanes);
    if (dl->ndim > RL_MAX_DIMS || dl->ndim < 0) return rl_fail(RL_RUNTIME_ERROR, "from_dlpack: %d dimensions; a tensor has at most %d", dl->ndim, RL_MAX_DIMS);
    if (dl->strides) memcpy(stride, dl->strides, (size_t)dl->ndim * sizeof *stride);
    else rl_strides_of(dl->ndim, dl->shape, stride);
    for (int i = 0; i < dl->ndim; i++) {
        if (stride[i] < 0 && dl->shape[i] > 1) return rl_fail(RL_RUNTIME_ERROR, "from_dlpack: negative strides %s are not supported; make a copy first", rl_text_sizes(dl->ndim, stride));
        extent = dl->shape[i] && extent ? extent + (dl->shape[i] - 1) * stride[i] : 0;
    }
    PyCapsule_SetName(capsule, "used_dltensor");
    PyCapsule_SetDestructor(capsule, owner_delete);
    return rl_from_data((char *)dl->data + dl->byte_offset, extent * rl_dtype_bytes(d), capsule, dl->ndim, dl->shape, stride, d, false);
}

Tensor *dlpack_tensor(PyObject *o) {
    PyObject *capsule = PyCapsule_CheckExact(o) ? Py_NewRef(o) : PyObject_CallMethod(o, "__dlpack__", NULL);
    if (!capsule) return fail_from_python();
    DLManagedTensor *managed = PyCapsule_IsValid(capsule, "dltensor") ? PyCapsule_GetPointer(capsule, "dltensor") : NULL;
    Tensor *t = managed ? import_managed(capsule, managed)
                        : rl_fail(RL_RUNTIME_ERROR, "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have already constructed a tensor from it once.");
    Py_DECREF(capsule);
    return t;
}

static PyObject *from_dlpack(PyObject *unused, PyObject *o) {
    Scope s = rl_scope_open();
    return finish(s, dlpack_tensor(o));
}

static PyObject *to_dlpack(PyObject *unused, PyObject *o) {
    if (!is_tensor(o)) return PyErr_Format(PyExc_TypeError, "to_dlpack(): argument must be Tensor, not %s", type_name(o));
    return tensor_dlpack(o, NULL, NULL);
}

/* ---- the type ---- */

static PyMethodDef storage_methods[] = {
    {"nbytes", storage_nbytes, METH_NOARGS, "The number of bytes."}, {"size", storage_nbytes, METH_NOARGS, "The number of bytes."},
    {"data_ptr", storage_data_ptr, METH_NOARGS, "The address of the first byte."}, {"element_size", storage_element_size, METH_NOARGS, "1"},
    {"resize_", storage_resize, METH_O, "resize_(bytes): grow or shrink, keeping what is there."}, {"clone", storage_clone, METH_NOARGS, "A copy."},
    {"copy_", storage_copy, METH_O, "copy_(source): the source's bytes."}, {"is_shared", storage_is_shared, METH_NOARGS, NULL}, {"share_memory_", storage_share, METH_NOARGS, NULL},
    {"resizable", storage_resizable, METH_NOARGS, "Whether resize_ may be called: not while an array shares the memory."},
    {"tobytes", storage_bytes, METH_NOARGS, "The bytes as bytes."}, {"__reduce__", storage_reduce, METH_NOARGS, NULL}, {NULL},
};
static PyGetSetDef storage_getset[] = {
    {"device", storage_device, NULL, NULL, NULL}, {"_cdata", storage_id, NULL, NULL, NULL}, {"is_cuda", storage_false, NULL, NULL, NULL}, {"is_sparse", storage_false, NULL, NULL, NULL}, {NULL},
};
static PyMemberDef storage_members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyStorage, weakrefs), READONLY, NULL}, {NULL}};
static PyType_Slot storage_slots[] = {
    {Py_tp_new, storage_new}, {Py_tp_dealloc, storage_dealloc}, {Py_tp_methods, storage_methods}, {Py_tp_getset, storage_getset}, {Py_tp_members, storage_members},
    {Py_tp_repr, storage_repr}, {Py_tp_richcompare, storage_compare}, {Py_tp_hash, storage_hash}, {Py_sq_length, storage_length}, {Py_sq_item, storage_at},
    {Py_sq_ass_item, storage_set_at}, {Py_bf_getbuffer, storage_buffer}, {Py_tp_doc, "UntypedStorage(*args, **kwargs)\n--\n\nThe bytes that tensors look at: UntypedStorage(size=0, *, device=None), or of a sequence of bytes."}, {0, NULL},
};
static PyType_Spec storage_spec = {"rushlight.UntypedStorage", sizeof(PyStorage), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, storage_slots};

static PyMethodDef functions[] = {
    {"_from_dlpack", from_dlpack, METH_O, "_from_dlpack($module, ext_tensor)\n--\n\nThe memory of an object with __dlpack__ or of a capsule."},
    {"to_dlpack", to_dlpack, METH_O, "to_dlpack($module, tensor)\n--\n\nA DLPack capsule."}, {NULL},
};
static PyMethodDef dlpack_methods[] = {
    {"__dlpack__", AS_METHOD(tensor_dlpack), METH_VARARGS | METH_KEYWORDS, "__dlpack__($self, *, stream=-1, max_version=None, dl_device=None, copy=None)\n--\n\nA DLPack capsule over the same memory."}, {"__dlpack_device__", tensor_dlpack_device, METH_NOARGS, "__dlpack_device__($self)\n--\n\n(1, 0): the CPU."}, {NULL},
};

bool storage_start(PyObject *module) {
    StorageType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &storage_spec, NULL);
    if (!StorageType || PyModule_AddType(module, StorageType) < 0 || PyModule_AddFunctions(module, functions) < 0) return false;
    for (PyMethodDef *m = dlpack_methods; m->ml_name; m++) {
        PyObject *method = PyDescr_NewMethod(TensorType, m);
        if (!method || PyObject_SetAttrString((PyObject *)TensorType, m->ml_name, method) < 0) return false;
        Py_DECREF(method);
    }
    return true;
}
