/* py_types.c -- the small value types: dtype, device, layout, memory_format, Size, Generator, and named tuples of results.
 *
 * dtypes, layouts and memory formats are singletons that pickle by name; the CPU is the only device there is, beside meta, which is none. */
#include "bind.h"

#include <string.h>

static PyTypeObject *AbsentDtypeType;
PyTypeObject *DtypeType, *DeviceType, *LayoutType, *MemoryFormatType, *SizeType, *GeneratorType;

/* A named singleton: dtypes, layouts, memory formats. */
typedef struct PyNamed { PyObject_HEAD int value; const char *name; } PyNamed;

static PyObject *dtype_objects[RL_NDTYPES], *layout_object, *format_objects[4];

static char own_name[16] = "rushlight";    /* what reprs begin with; "torch" for scripts that read them */

PyObject *types_called(PyObject *unused, PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    if (!text) return NULL;
    snprintf(own_name, sizeof own_name, "%s", text);
    Py_RETURN_NONE;
}

static PyObject *named_repr(PyObject *self) { return PyUnicode_FromFormat("%s.%s", own_name, ((PyNamed *)self)->name); }
static PyObject *named_reduce(PyObject *self, PyObject *unused) { return PyUnicode_FromString(((PyNamed *)self)->name); }
static PyObject *named_copy(PyObject *self, PyObject *unused) { return Py_NewRef(self); }
static void plain_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef named_methods[] = {
    {"__reduce__", named_reduce, METH_NOARGS, NULL},
    {"__copy__", named_copy, METH_NOARGS, NULL},
    {"__deepcopy__", named_copy, METH_O, NULL},
    {NULL},
};

static PyObject *named_new(PyTypeObject *type, int value, const char *name) {
    PyNamed *o = PyObject_New(PyNamed, type);
    if (!o) return NULL;
    o->value = value;
    o->name = name;
    return (PyObject *)o;
}

/* ---- dtype ---- */

PyObject *dtype_object(Dtype d) { return dtype_objects[d]; }
Dtype dtype_value(PyObject *o) { return (Dtype)((PyNamed *)o)->value; }

bool dtype_from(PyObject *o, Dtype *d) {
    if (Py_TYPE(o) == DtypeType) *d = dtype_value(o);
    else if (o == (PyObject *)&PyFloat_Type) *d = RL_FLOAT64;
    else if (o == (PyObject *)&PyLong_Type) *d = RL_INT64;
    else if (o == (PyObject *)&PyBool_Type) *d = RL_BOOL;
    else if (o == (PyObject *)&PyComplex_Type) *d = RL_COMPLEX128;
    else return false;
    return true;
}

static PyObject *dtype_get(PyObject *self, void *which) {
    Dtype d = dtype_value(self);
    switch ((intptr_t)which) {
    case 0: return PyBool_FromLong(rl_dtype_is(d, CLASS_FLOATING));
    case 1: return PyBool_FromLong(rl_dtype_is(d, CLASS_COMPLEX));
    case 2: return PyBool_FromLong(rl_is_signed(d));
    default: return PyLong_FromLong(rl_dtype_bytes(d));
    }
}
static PyObject *dtype_to_real(PyObject *self, PyObject *unused) { return Py_NewRef(dtype_objects[rl_to_real(dtype_value(self))]); }
static PyObject *dtype_to_complex(PyObject *self, PyObject *unused) {
    Dtype d = dtype_value(self);
    if (d == RL_FLOAT16) return PyObject_GetAttrString(the_module, "complex32");
    if (!rl_dtype_is(d, CLASS_INEXACT)) return PyErr_Format(PyExc_RuntimeError, "Unknown Complex ScalarType for %s", rl_dtypes[d].word);
    return Py_NewRef(dtype_objects[rl_to_complex(d)]);
}

static PyObject *dtype_abbr(PyObject *self, void *unused) {
    static const char *const words[RL_NDTYPES] = {"b8", "u8", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64", "c64", "c128", "u16", "u32", "u64"};
    return PyUnicode_FromString(words[dtype_value(self)]);
}

static PyGetSetDef dtype_getset[] = {
    {"is_floating_point", dtype_get, NULL, "float16, bfloat16, float32 or float64", (void *)0},
    {"is_complex", dtype_get, NULL, "complex64 or complex128", (void *)1},
    {"is_signed", dtype_get, NULL, "whether negative numbers exist", (void *)2},
    {"itemsize", dtype_get, NULL, "bytes per element", (void *)3},
    {"abbr", dtype_abbr, NULL, "a short name, such as f32", NULL},
    {NULL},
};
static PyMethodDef dtype_methods[] = {
    {"__reduce__", named_reduce, METH_NOARGS, NULL},
    {"__copy__", named_copy, METH_NOARGS, NULL},
    {"__deepcopy__", named_copy, METH_O, NULL},
    {"to_real", dtype_to_real, METH_NOARGS, "The dtype of the parts of a complex dtype; others as they are."},
    {"to_complex", dtype_to_complex, METH_NOARGS, "The complex dtype with parts of this dtype."},
    {NULL},
};
static PyType_Slot dtype_slots[] = {
    {Py_tp_dealloc, plain_dealloc}, {Py_tp_repr, named_repr}, {Py_tp_methods, dtype_methods}, {Py_tp_getset, dtype_getset},
    {Py_tp_doc, "The type of a tensor's elements."}, {0, NULL},
};
static PyType_Spec dtype_spec = {"rushlight.dtype", sizeof(PyNamed), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, dtype_slots};

/* dtypes of torch that no tensor here has: names to compare with and to look up in tables.  They are of a type of their own, so that
 * dtype_from refuses them. */
#define ABSENT(name, bytes, is_float, is_complex, is_signed) {name, name " (no tensor here has that dtype)", bytes, is_float, is_complex, is_signed}
static const struct { const char *name, *text; uint8_t bytes; bool is_float, is_complex, is_signed; } absent_dtypes[] = {
    ABSENT("complex32", 4, false, true, true), ABSENT("float8_e4m3fn", 1, true, false, true), ABSENT("float8_e5m2", 1, true, false, true),
    ABSENT("float8_e4m3fnuz", 1, true, false, true), ABSENT("float8_e5m2fnuz", 1, true, false, true), ABSENT("float8_e8m0fnu", 1, true, false, false),
    ABSENT("qint8", 1, false, false, true), ABSENT("quint8", 1, false, false, false), ABSENT("qint32", 4, false, false, true),
    ABSENT("quint4x2", 1, false, false, false), ABSENT("quint2x4", 1, false, false, false), ABSENT("float4_e2m1fn_x2", 1, true, false, true),
};

static PyObject *absent_get(PyObject *self, void *which) {
    int i = ((PyNamed *)self)->value;
    switch ((intptr_t)which) {
    case 0: return PyBool_FromLong(absent_dtypes[i].is_float);
    case 1: return PyBool_FromLong(absent_dtypes[i].is_complex);
    case 2: return PyBool_FromLong(absent_dtypes[i].is_signed);
    default: return PyLong_FromLong(absent_dtypes[i].bytes);
    }
}
static bool is_complex32(PyObject *self) { return absent_dtypes[((PyNamed *)self)->value].is_complex; }
static PyObject *absent_to_real(PyObject *self, PyObject *unused) { return Py_NewRef(is_complex32(self) ? dtype_objects[RL_FLOAT16] : self); }
static PyObject *absent_to_complex(PyObject *self, PyObject *unused) {
    return is_complex32(self) ? Py_NewRef(self) : PyErr_Format(PyExc_RuntimeError, "Unknown Complex ScalarType for %s", ((PyNamed *)self)->name);
}

static PyGetSetDef absent_getset[] = {
    {"is_floating_point", absent_get, NULL, "whether it is a float", (void *)0},
    {"is_complex", absent_get, NULL, "whether it is complex", (void *)1},
    {"is_signed", absent_get, NULL, "whether negative numbers exist", (void *)2},
    {"itemsize", absent_get, NULL, "bytes per element", (void *)3},
    {NULL},
};
static PyMethodDef absent_methods[] = {
    {"to_real", absent_to_real, METH_NOARGS, "The dtype of the parts of a complex dtype; others as they are."},
    {"to_complex", absent_to_complex, METH_NOARGS, "The complex dtype with parts of this dtype."}, {NULL},
};
static PyType_Slot absent_slots[] = {
    {Py_tp_methods, absent_methods}, {Py_tp_getset, absent_getset}, {Py_tp_doc, "A dtype that no tensor here has."}, {0, NULL},
};
static PyType_Spec absent_spec = {"rushlight._absent_dtype", sizeof(PyNamed), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, absent_slots};

const char *dtype_absent_text(PyObject *o) { return Py_TYPE(o) == AbsentDtypeType ? absent_dtypes[((PyNamed *)o)->value].text : NULL; }

static PyType_Slot named_slots[] = {
    {Py_tp_dealloc, plain_dealloc}, {Py_tp_repr, named_repr}, {Py_tp_methods, named_methods}, {0, NULL},
};
static PyType_Spec layout_spec = {"rushlight.layout", sizeof(PyNamed), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, named_slots};
static PyType_Spec format_spec = {"rushlight.memory_format", sizeof(PyNamed), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, named_slots};

PyObject *layout_strided(void) { return Py_NewRef(layout_object); }
bool layout_is_strided(PyObject *layout) { return layout == layout_object; }
int memory_format_value(PyObject *o) { return ((PyNamed *)o)->value; }
PyObject *memory_format_object(int format) { return Py_NewRef(format_objects[format]); }

/* ---- device ---- */

typedef struct PyDevice { PyObject_HEAD PyObject *type; int index; } PyDevice;

static PyObject *cpu_object, *meta_object;

PyObject *device_cpu(void) { return Py_NewRef(cpu_object); }
PyObject *device_of(const Tensor *t) { return Py_NewRef(RL_UNLIKELY(rl_is_meta(t)) ? meta_object : cpu_object); }

static RL_TLS uint64_t outer_meta;      /* a bit for each block around: whether meta is the default outside of it */
static RL_TLS bool default_meta;

int device_default(void) { return default_meta ? DEVICE_META : DEVICE_CPU; }

static const char *const device_types[] = {"cpu", "cuda", "mps", "meta", "xpu", "xla", "hpu", "mtia", "ipu", "mkldnn", "vulkan", "privateuseone"};

static bool known_device(const char *name, Py_ssize_t n) {
    for (int i = 0; i < RL_COUNT(device_types); i++)
        if ((Py_ssize_t)strlen(device_types[i]) == n && !strncmp(device_types[i], name, (size_t)n)) return true;
    return false;
}

static PyObject *device_make(PyTypeObject *type, const char *name, Py_ssize_t n, int index) {
    PyDevice *o = PyObject_New(PyDevice, type);
    if (!o) return NULL;
    o->type = PyUnicode_FromStringAndSize(name, n);
    o->index = index;
    if (!o->type) Py_CLEAR(o);
    return (PyObject *)o;
}

/* "cuda:1" -> a device. */
static PyObject *device_parse(PyTypeObject *type, const char *text) {
    const char *colon = strchr(text, ':');
    Py_ssize_t n = colon ? colon - text : (Py_ssize_t)strlen(text);
    char *end = NULL;
    long index = colon ? strtol(colon + 1, &end, 10) : -1;
    bool padded = colon && (colon[1] < '0' || colon[1] > '9' || (colon[1] == '0' && colon[2]));
    if (n == 0 || (colon && (*end || end == colon + 1 || index < 0 || padded))) return PyErr_Format(PyExc_RuntimeError, "Invalid device string: '%s'", text);
    if (!known_device(text, n))
        return PyErr_Format(PyExc_RuntimeError, "Expected one of cpu, cuda, mps, meta, xpu device type at start of device string: %s", text);
    return device_make(type, text, n, (int)index);
}

static PyObject *device_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"type", "index", NULL}, *whole[] = {"device", NULL};
    PyObject *name = NULL;
    int index = -1;
    if (kwargs && PyDict_GetItemString(kwargs, "device") ? !PyArg_ParseTupleAndKeywords(args, kwargs, "O:device", whole, &name) : !PyArg_ParseTupleAndKeywords(args, kwargs, "O|i:device", names, &name, &index)) return NULL;
    if (Py_TYPE(name) == DeviceType) return Py_NewRef(name);
    if (PyLong_Check(name)) return PyErr_Format(PyExc_RuntimeError, "device(%R): an index alone names an accelerator, and rushlight has none; use device('cpu')", name);
    if (!PyUnicode_Check(name)) return PyErr_Format(PyExc_TypeError, "device(): argument 'type' must be str, not %s", type_name(name));
    const char *text = PyUnicode_AsUTF8(name);
    if (!text) return NULL;
    PyObject *o = device_parse(type, text);
    if (!o || index < 0) return o;
    if (((PyDevice *)o)->index >= 0) {
        Py_DECREF(o);
        return PyErr_Format(PyExc_RuntimeError, "type (string) must not include an index because index was passed explicitly: %s", text);
    }
    ((PyDevice *)o)->index = index;
    return o;
}

static void device_dealloc(PyObject *self) {
    Py_CLEAR(((PyDevice *)self)->type);
    plain_dealloc(self);
}

static PyObject *device_repr(PyObject *self) {
    PyDevice *d = (PyDevice *)self;
    return d->index < 0 ? PyUnicode_FromFormat("device(type='%U')", d->type) : PyUnicode_FromFormat("device(type='%U', index=%d)", d->type, d->index);
}
static PyObject *device_str(PyObject *self) {
    PyDevice *d = (PyDevice *)self;
    return d->index < 0 ? Py_NewRef(d->type) : PyUnicode_FromFormat("%U:%d", d->type, d->index);
}
static Py_hash_t device_hash(PyObject *self) {
    PyDevice *d = (PyDevice *)self;
    return PyObject_Hash(d->type) ^ (d->index + 2);
}
static PyObject *device_compare(PyObject *a, PyObject *b, int op) {
    if ((op != Py_EQ && op != Py_NE) || Py_TYPE(b) != DeviceType) Py_RETURN_NOTIMPLEMENTED;
    PyDevice *x = (PyDevice *)a, *y = (PyDevice *)b;
    bool equal = x->index == y->index && PyUnicode_Compare(x->type, y->type) == 0;
    return PyBool_FromLong(equal == (op == Py_EQ));
}
static PyObject *device_type_get(PyObject *self, void *unused) { return Py_NewRef(((PyDevice *)self)->type); }
static PyObject *device_index_get(PyObject *self, void *unused) {
    int index = ((PyDevice *)self)->index;
    return index < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(index);
}
static PyObject *device_reduce(PyObject *self, PyObject *unused) {
    PyDevice *d = (PyDevice *)self;
    return d->index < 0 ? Py_BuildValue("O(O)", DeviceType, d->type) : Py_BuildValue("O(Oi)", DeviceType, d->type, d->index);
}
static PyObject *device_enter(PyObject *self, PyObject *unused) {
    int kind = device_kind(self);
    if (!kind) return NULL;
    outer_meta = outer_meta << 1 | default_meta;
    default_meta = kind == DEVICE_META;
    return Py_NewRef(self);
}
static PyObject *device_exit(PyObject *self, PyObject *args) {
    default_meta = outer_meta & 1;
    outer_meta >>= 1;
    Py_RETURN_FALSE;
}

PyObject *types_set_default_device(PyObject *unused, PyObject *device) {
    int kind = device == Py_None ? DEVICE_CPU : device_kind(device);
    if (!kind) return NULL;
    default_meta = kind == DEVICE_META;
    Py_RETURN_NONE;
}
PyObject *types_default_device(PyObject *unused, PyObject *none) { return Py_NewRef(default_meta ? meta_object : cpu_object); }

/* As a decorator: the CPU is where everything happens anyway. */
static PyObject *device_call(PyObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *function;
    if (!PyArg_ParseTuple(args, "O:device.__call__", &function)) return NULL;
    int kind = device_kind(self);
    if (kind == DEVICE_META) return PyErr_Format(PyExc_NotImplementedError, "device('meta') as a decorator: write `with torch.device('meta'):` inside the function");
    return kind ? Py_NewRef(function) : NULL;
}

bool device_like(PyObject *o) { return Py_TYPE(o) == DeviceType || PyUnicode_Check(o) || (PyLong_Check(o) && !PyBool_Check(o)); }

int device_kind(PyObject *o) {
    PyObject *device = Py_TYPE(o) == DeviceType ? Py_NewRef(o) : PyObject_CallOneArg((PyObject *)DeviceType, o);
    if (!device) return 0;
    const char *type = PyUnicode_AsUTF8(((PyDevice *)device)->type);
    int index = ((PyDevice *)device)->index, kind = 0;
    if (type && !strcmp(type, "cpu")) {
        if (index > 0) PyErr_Format(PyExc_RuntimeError, "CPU device index must be -1 or zero, got %d", index);
        else kind = DEVICE_CPU;
    } else if (type && !strcmp(type, "meta")) {
        kind = DEVICE_META;
        rl_meta_seen = true;
    } else if (type && !strcmp(type, "cuda"))
        PyErr_SetString(PyExc_AssertionError, "Torch not compiled with CUDA enabled (rushlight runs on the CPU: use device='cpu', or ask cuda.is_available() first)");
    else if (type) PyErr_Format(PyExc_NotImplementedError, "device '%s' is not there: rushlight runs on the CPU (device='cpu')", type);
    Py_DECREF(device);
    return kind;
}

bool device_check(PyObject *o) { return device_kind(o) != 0; }

static PyGetSetDef device_getset[] = {
    {"type", device_type_get, NULL, "'cpu'", NULL}, {"index", device_index_get, NULL, "the number of the device, or None", NULL}, {NULL},
};
static PyMethodDef device_methods[] = {
    {"__reduce__", device_reduce, METH_NOARGS, NULL}, {"__enter__", device_enter, METH_NOARGS, NULL}, {"__exit__", device_exit, METH_VARARGS, NULL}, {NULL},
};
static PyType_Slot device_slots[] = {
    {Py_tp_new, device_new}, {Py_tp_dealloc, device_dealloc}, {Py_tp_repr, device_repr}, {Py_tp_str, device_str}, {Py_tp_hash, device_hash},
    {Py_tp_richcompare, device_compare}, {Py_tp_getset, device_getset}, {Py_tp_methods, device_methods}, {Py_tp_call, device_call},
    {Py_tp_doc, "device(type, index=None): where a tensor lives. Names of other devices exist, so that code may ask; tensors live on the CPU."},
    {0, NULL},
};
static PyType_Spec device_spec = {"rushlight.device", sizeof(PyDevice), 0, Py_TPFLAGS_DEFAULT, device_slots};

/* ---- Size: a tuple of ints that slices and adds to a Size ---- */

PyObject *size_from(PyObject *tuple) {
    if (!tuple) return NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    PyObject *size = SizeType->tp_alloc(SizeType, n);
    for (Py_ssize_t i = 0; size && i < n; i++) PyTuple_SET_ITEM(size, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    Py_DECREF(tuple);
    return size;
}

static PyObject *size_made(int n, const int64_t *sizes) {
    PyObject *size = SizeType->tp_alloc(SizeType, n);
    for (int i = 0; size && i < n; i++) {
        PyObject *item = PyLong_FromLongLong(sizes[i]);
        if (!item) Py_CLEAR(size);
        else PyTuple_SET_ITEM(size, i, item);
    }
    return size;
}

/* Programs ask for the same few shapes over and over, and a Size never changes: those met last are kept. */
PyObject *size_new(int n, const int64_t *sizes) {
    enum { KEPT = 64, MOST = 5 };
    static struct { PyObject *size; int64_t n, sizes[MOST]; } kept[KEPT];
    if (n > MOST) return size_made(n, sizes);
    uint64_t hash = (uint64_t)n;
    for (int i = 0; i < n; i++) hash = (hash ^ (uint64_t)sizes[i]) * 0x9E3779B97F4A7C15u;
    int at = (int)(hash >> 58);
    bool same = kept[at].size && kept[at].n == n;
    for (int i = 0; same && i < n; i++) same = kept[at].sizes[i] == sizes[i];
    if (same) return Py_NewRef(kept[at].size);
    PyObject *size = size_made(n, sizes);
    if (!size) return NULL;
    kept[at].n = n;
    for (int i = 0; i < n; i++) kept[at].sizes[i] = sizes[i];
    Py_XSETREF(kept[at].size, Py_NewRef(size));
    return size;
}

PyObject *construct(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
    Py_ssize_t n = PyVectorcall_NARGS(nargsf), named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    PyObject *tuple = PyTuple_New(n), *keywords = named ? PyDict_New() : NULL, *result = NULL;
    for (Py_ssize_t i = 0; tuple && i < n; i++) PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    bool ok = tuple && (keywords || !named);
    for (Py_ssize_t i = 0; ok && i < named; i++) ok = PyDict_SetItem(keywords, PyTuple_GET_ITEM(kwnames, i), args[n + i]) == 0;
    if (ok) result = PyType_Type.tp_call(type, tuple, keywords);
    Py_XDECREF(tuple);
    Py_XDECREF(keywords);
    return result;
}

/* Size([2, 3]): few small ints in a list or tuple need no detour. */
static PyObject *size_call(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
    enum { FEW = 5 };
    int64_t sizes[FEW];
    bool plain = PyVectorcall_NARGS(nargsf) == 1 && !kwnames && (PyList_CheckExact(args[0]) || PyTuple_CheckExact(args[0])) && PySequence_Fast_GET_SIZE(args[0]) <= FEW;
    int n = plain ? (int)PySequence_Fast_GET_SIZE(args[0]) : 0, beyond = 0;
    for (int i = 0; plain && i < n; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(args[0], i);
        plain = PyLong_CheckExact(item);
        if (plain) sizes[i] = PyLong_AsLongLongAndOverflow(item, &beyond);
        plain = plain && !beyond;
    }
    return plain ? size_new(n, sizes) : construct(type, args, nargsf, kwnames);
}

static PyObject *size_type_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *tuple = PyTuple_Type.tp_new(&PyTuple_Type, args, kwargs);
    if (!tuple) return NULL;
    PyObject *size = type->tp_alloc(type, PyTuple_GET_SIZE(tuple));
    for (Py_ssize_t i = 0; size && i < PyTuple_GET_SIZE(tuple); i++) {
        int64_t value;
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        int ok = PyBool_Check(item) ? (value = item == Py_True, MATCH) : index_from(item, &value);
        PyObject *number = ok == MATCH ? PyLong_FromLongLong(value) : NULL;
        if (!number) {
            if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "Size() takes an iterable of 'int' (item %zd is '%s')", i, type_name(item));
            Py_CLEAR(size);
        } else PyTuple_SET_ITEM(size, i, number);
    }
    Py_DECREF(tuple);
    return size;
}

static PyObject *size_repr(PyObject *self) {
    PyObject *list = PySequence_List(self), *text = list ? PyUnicode_FromFormat("%s.Size(%R)", own_name, list) : NULL;
    Py_XDECREF(list);
    return text;
}
static PyObject *size_concat(PyObject *a, PyObject *b) {
    if (!PyTuple_Check(b)) return PyErr_Format(PyExc_TypeError, "can only concatenate tuple (not %s) to rushlight.Size", Py_TYPE(b)->tp_name);
    return size_from(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
static PyObject *size_add(PyObject *a, PyObject *b) {
    if (!PyTuple_Check(a) || !PyTuple_Check(b)) Py_RETURN_NOTIMPLEMENTED;
    return size_from(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
static PyObject *size_repeat(PyObject *a, Py_ssize_t n) {
    PyObject *plain = PyTuple_GetSlice(a, 0, PyTuple_GET_SIZE(a));
    if (plain == a) {      /* sq_repeat of a subclass would give it back unchanged for n == 1, which is right */
        PyObject *result = PyTuple_Type.tp_as_sequence->sq_repeat(a, n);
        Py_DECREF(plain);
        return size_from(result);
    }
    PyObject *result = plain ? PySequence_Repeat(plain, n) : NULL;
    Py_XDECREF(plain);
    return size_from(result);
}
static PyObject *size_subscript(PyObject *self, PyObject *key) {
    PyObject *r = PyTuple_Type.tp_as_mapping->mp_subscript(self, key);
    return r && PySlice_Check(key) ? size_from(r) : r;
}
static PyObject *size_numel(PyObject *self, PyObject *unused) {
    int64_t n = 1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); i++) n *= PyLong_AsLongLong(PyTuple_GET_ITEM(self, i));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(n);
}
static PyObject *size_reduce(PyObject *self, PyObject *unused) {
    PyObject *list = PySequence_List(self), *tuple = list ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return tuple ? Py_BuildValue("O(N)", SizeType, tuple) : NULL;
}
static PyMethodDef size_methods[] = {
    {"numel", size_numel, METH_NOARGS, "numel($self)\n--\n\nThe product of the sizes."}, {"__reduce__", size_reduce, METH_NOARGS, NULL}, {NULL},
};
static PyType_Slot size_slots[] = {
    {Py_tp_new, size_type_new}, {Py_tp_repr, size_repr}, {Py_tp_methods, size_methods}, {Py_sq_concat, size_concat}, {Py_nb_add, size_add},
    {Py_sq_repeat, size_repeat}, {Py_mp_subscript, size_subscript}, {Py_tp_doc, "The shape of a tensor: a tuple of ints with numel()."}, {0, NULL},
};
static PyType_Spec size_spec = {"rushlight.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, size_slots};

/* ---- Generator ---- */

typedef struct PyGenerator { PyObject_HEAD Generator *g; PyObject *weakrefs; } PyGenerator;

Generator *generator_of(PyObject *o) { return ((PyGenerator *)o)->g; }

PyObject *generator_wrap(Generator *g) {
    if (g->host) return Py_NewRef((PyObject *)g->host);
    PyGenerator *o = (PyGenerator *)GeneratorType->tp_alloc(GeneratorType, 0);
    if (!o) return NULL;
    rl_generator_keep(g);
    o->g = g;
    g->host = o;
    return (PyObject *)o;
}

static PyObject *generator_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"device", NULL};
    PyObject *device = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", names, &device)) return NULL;
    int kind = device && device != Py_None ? device_kind(device) : DEVICE_CPU;
    if (kind == DEVICE_META) return PyErr_Format(PyExc_RuntimeError, "META device type not an accelerator: no numbers are drawn for it");
    if (!kind) {
        if (PyErr_ExceptionMatches(PyExc_AssertionError)) PyErr_SetString(PyExc_RuntimeError, "Cannot get CUDA generator without ATen_cuda library: rushlight runs on the CPU");
        else if (PyErr_ExceptionMatches(PyExc_NotImplementedError)) PyErr_Format(PyExc_RuntimeError, "%S device type not an accelerator: rushlight runs on the CPU", device);
        return NULL;
    }
    PyGenerator *o = (PyGenerator *)type->tp_alloc(type, 0);
    if (!o) return NULL;
    o->g = rl_generator_new();
    if (!o->g) {
        Py_DECREF(o);
        return raise_pending();
    }
    o->g->host = o;
    return (PyObject *)o;
}

static void generator_dealloc(PyObject *self) {
    PyGenerator *o = (PyGenerator *)self;
    if (o->weakrefs) PyObject_ClearWeakRefs(self);
    if (o->g) {
        o->g->host = NULL;
        rl_generator_drop(o->g);
    }
    plain_dealloc(self);
}

/* What index() takes, but neither bools nor tensors. */
static PyObject *generator_manual_seed(PyObject *self, PyObject *seed) {
    PyObject *number = PyBool_Check(seed) || is_tensor(seed) ? NULL : PyNumber_Index(seed);
    if (!number) {
        PyErr_Clear();
        return PyErr_Format(PyExc_RuntimeError, "manual_seed expected a long, but got %s", type_name(seed));
    }
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    uint64_t bits = (uint64_t)value;
    if (overflow > 0) bits = PyLong_AsUnsignedLongLong(number);
    if (overflow < 0 || PyErr_Occurred()) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "Overflow when unpacking long long: a seed is at least -2**63 and below 2**64, not %S", number);
        Py_DECREF(number);
        return NULL;
    }
    Py_DECREF(number);
    rl_generator_seed(generator_of(self), bits);
    return Py_NewRef(self);
}
static PyObject *generator_seed(PyObject *self, PyObject *unused) { return PyLong_FromUnsignedLongLong(rl_generator_reseed(generator_of(self))); }
static PyObject *generator_initial_seed(PyObject *self, PyObject *unused) { return PyLong_FromUnsignedLongLong(generator_of(self)->seed); }

static PyObject *generator_get_state(PyObject *self, PyObject *unused) {
    Scope s = rl_scope_open();
    int64_t n = rl_generator_state_bytes();
    Tensor *t = rl_empty(1, &n, RL_UINT8);
    if (t) rl_generator_get_state(generator_of(self), rl_data(t));
    return finish(s, t);
}
static PyObject *generator_set_state(PyObject *self, PyObject *state) {
    if (!is_tensor(state)) return PyErr_Format(PyExc_TypeError, "expected a rushlight.ByteTensor, but got %s", type_name(state));
    Tensor *t = tensor_of(state);
    if (t->dtype != RL_UINT8) return PyErr_Format(PyExc_TypeError, "RNG state must be a rushlight.ByteTensor, not one of dtype %s", rl_dtypes[t->dtype].name);
    Scope s = rl_scope_open();
    Tensor *flat = rl_is_contiguous(t) ? t : rl_contiguous(t);
    bool ok = flat && rl_generator_set_state(generator_of(self), rl_data(flat), flat->numel);
    rl_scope_close(s);
    return ok ? Py_NewRef(self) : raise_pending();
}
static PyObject *generator_clone_state(PyObject *self, PyObject *unused) {
    PyObject *other = PyObject_CallNoArgs((PyObject *)GeneratorType);
    if (other) rl_generator_copy(generator_of(other), generator_of(self));
    return other;
}
/* As torch pickles them: the device, then seed, offset (which the CPU has none of) and state. */
static PyObject *generator_setstate(PyObject *self, PyObject *state) {
    if (!PyTuple_Check(state) || PyTuple_GET_SIZE(state) != 3) return PyErr_Format(PyExc_TypeError, "Generator.__setstate__ expects (seed, offset, state)");
    PyObject *r = generator_set_state(self, PyTuple_GET_ITEM(state, 2));
    Py_XDECREF(r);
    return r ? Py_NewRef(Py_None) : NULL;
}
static PyObject *generator_reduce(PyObject *self, PyObject *unused) {
    PyObject *state = generator_get_state(self, NULL);
    return state ? Py_BuildValue("O(N)(KON)", Py_TYPE(self), device_cpu(), (unsigned long long)generator_of(self)->seed, Py_None, state) : NULL;
}
static PyObject *generator_no_offset(PyObject *self, PyObject *unused) { return PyErr_Format(PyExc_RuntimeError, "CPU Generator does not use offset"); }
static PyObject *generator_no_graph_get(PyObject *self, PyObject *unused) {
    return PyErr_Format(PyExc_NotImplementedError, "graphsafe_get_state is not supported in this Generator: it is for graphs of CUDA; clone_state() copies");
}
static PyObject *generator_no_graph_set(PyObject *self, PyObject *other) {
    if (!PyObject_TypeCheck(other, GeneratorType)) return PyErr_Format(PyExc_TypeError, "expected a Generator, but got %s", type_name(other));
    return PyErr_Format(PyExc_NotImplementedError, "graphsafe_set_state is not supported in this Generator: it is for graphs of CUDA; set_state(other.get_state()) copies");
}
static PyObject *generator_device(PyObject *self, void *unused) { return device_cpu(); }

static PyMethodDef generator_methods[] = {
    {"manual_seed", generator_manual_seed, METH_O, "manual_seed($self, seed)\n--\n\nStart the stream that belongs to seed."},
    {"seed", generator_seed, METH_NOARGS, "seed($self)\n--\n\nSeed from the system; returns the seed."},
    {"initial_seed", generator_initial_seed, METH_NOARGS, "initial_seed($self)\n--\n\nThe seed the stream began with."},
    {"get_state", generator_get_state, METH_NOARGS, "get_state($self)\n--\n\nThe state as a tensor of bytes."},
    {"set_state", generator_set_state, METH_O, "set_state($self, new_state)\n--\n\nContinue from a state that get_state gave."},
    {"clone_state", generator_clone_state, METH_NOARGS, "clone_state($self)\n--\n\nA new generator at the same point of the same stream."},
    {"graphsafe_get_state", generator_no_graph_get, METH_NOARGS, "graphsafe_get_state($self)\n--\n\nRefused, as by torch on the CPU."},
    {"graphsafe_set_state", generator_no_graph_set, METH_O, "graphsafe_set_state($self, state)\n--\n\nRefused, as by torch on the CPU."},
    {"get_offset", generator_no_offset, METH_NOARGS, "get_offset($self)\n--\n\nRefused: streams of the CPU have no offset."},
    {"set_offset", generator_no_offset, METH_O, "set_offset($self, offset)\n--\n\nRefused: streams of the CPU have no offset."},
    {"__reduce__", generator_reduce, METH_NOARGS, NULL},
    {"__setstate__", generator_setstate, METH_O, NULL},
    {NULL},
};
static PyGetSetDef generator_getset[] = {{"device", generator_device, NULL, "the CPU", NULL}, {NULL}};
static PyMemberDef generator_members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyGenerator, weakrefs), READONLY, NULL}, {NULL}};
static PyType_Slot generator_slots[] = {
    {Py_tp_new, generator_new}, {Py_tp_dealloc, generator_dealloc}, {Py_tp_methods, generator_methods}, {Py_tp_getset, generator_getset},
    {Py_tp_members, generator_members}, {Py_tp_doc, "Generator(device='cpu'): a stream of random numbers."}, {0, NULL},
};
static PyType_Spec generator_spec = {"rushlight.Generator", sizeof(PyGenerator), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, generator_slots};

/* ---- named tuples of results ---- */

static PyObject *structseqs;        /* name -> type */

static PyObject *structseq_repr(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject *text = PyUnicode_FromFormat("%s%s(", own_name, strchr(type->tp_name, '.'));
    for (Py_ssize_t i = 0; text && i < PyTuple_GET_SIZE(self); i++) {
        PyObject *line = PyUnicode_FromFormat("%s\n%s=%R", i ? "," : "", type->tp_members[i].name, PyTuple_GET_ITEM(self, i));
        PyUnicode_AppendAndDel(&text, line);
    }
    if (text) PyUnicode_AppendAndDel(&text, PyUnicode_FromString(")"));
    return text;
}

static const char *short_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

PyObject *structseq_type(const Op *op) {
    char name[96];
    const char *prefix = strchr(op->parsed->name, '.') ? "linalg_" : "";
    snprintf(name, sizeof name, "rushlight.return_types.%s%s", prefix, short_name(op->parsed->name));
    PyObject *known = PyDict_GetItemString(structseqs, name + 23);
    if (known) return known;
    PyStructSequence_Field fields[9] = {{NULL, NULL}};
    for (int i = 0; i < op->parsed->nout && i < 8; i++) fields[i].name = op->parsed->out_name[i];
    char *kept = PyMem_Malloc(strlen(name) + 1);     /* the type refers to it for ever */
    if (!kept) return PyErr_NoMemory();
    strcpy(kept, name);
    PyTypeObject *type = PyStructSequence_NewType(&(PyStructSequence_Desc){kept, "The results of one operation, by name.", fields, op->parsed->nout});
    if (!type) return NULL;
    type->tp_repr = structseq_repr;
    type->tp_str = structseq_repr;
    if (PyDict_SetItemString(structseqs, name + 23, (PyObject *)type) < 0) return NULL;
    Py_DECREF(type);
    return (PyObject *)type;
}

/* ---- start ---- */

static bool add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, PyObject *bases) {
    *slot = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, bases);
    return *slot && PyModule_AddType(module, *slot) == 0;
}

static bool add_named(PyObject *module, PyObject **slot, PyTypeObject *type, int value, const char *name) {
    *slot = named_new(type, value, name);
    return *slot && PyModule_AddObjectRef(module, name, *slot) == 0;
}

static bool add_absent(PyObject *module) {
    PyObject *named = NULL;
    AbsentDtypeType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &absent_spec, (PyObject *)DtypeType);
    for (int i = 0; AbsentDtypeType && i < RL_COUNT(absent_dtypes); i++)
        if (!add_named(module, &named, AbsentDtypeType, i, absent_dtypes[i].name) || (absent_dtypes[i].is_complex && PyModule_AddObjectRef(module, "chalf", named) < 0)) return false;
    return AbsentDtypeType;
}

bool types_start(PyObject *module) {
    static const char *const formats[] = {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"};
    static const struct { const char *name; Dtype dtype; } words[] = {
        {"float", RL_FLOAT32}, {"double", RL_FLOAT64}, {"half", RL_FLOAT16}, {"long", RL_INT64}, {"int", RL_INT32}, {"short", RL_INT16},
        {"cfloat", RL_COMPLEX64}, {"cdouble", RL_COMPLEX128},
    };
    static const char *const layouts[] = {"sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged"};   /* names to compare with */
    PyObject *tuple = (PyObject *)&PyTuple_Type, *named;
    if (!add_type(module, &DtypeType, &dtype_spec, NULL) || !add_type(module, &LayoutType, &layout_spec, NULL) ||
        !add_type(module, &MemoryFormatType, &format_spec, NULL) || !add_type(module, &DeviceType, &device_spec, NULL) ||
        !add_type(module, &SizeType, &size_spec, tuple) || !add_type(module, &GeneratorType, &generator_spec, NULL)) return false;
    SizeType->tp_vectorcall = size_call;
    for (int d = 0; d < RL_NDTYPES; d++)
        if (!add_named(module, &dtype_objects[d], DtypeType, d, rl_dtypes[d].name)) return false;
    for (int i = 0; i < RL_COUNT(words); i++)
        if (PyModule_AddObjectRef(module, words[i].name, dtype_objects[words[i].dtype]) < 0) return false;
    for (int i = 0; i < 4; i++)
        if (!add_named(module, &format_objects[i], MemoryFormatType, i, formats[i])) return false;
    if (!add_absent(module)) return false;
    for (int i = 0; i < RL_COUNT(layouts); i++)
        if (!add_named(module, &named, LayoutType, i + 1, layouts[i])) return false;
    structseqs = PyDict_New();
    cpu_object = device_make(DeviceType, "cpu", 3, -1);
    meta_object = device_make(DeviceType, "meta", 4, -1);
    return add_named(module, &layout_object, LayoutType, 0, "strided") && cpu_object && structseqs &&
           PyModule_AddObjectRef(module, "_return_types", structseqs) == 0;
}
