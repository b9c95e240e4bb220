/* py_convert.c -- Python values to Args and back, one function per kind of parameter.
 *
 * A conversion answers MATCH, MISMATCH (the value is not of this kind: another overload may take it; no exception is set)
 * or RAISED.  Exact Python types are asked first, NumPy scalars and 0-d tensors last. */
#include "bind.h"

#include <math.h>
#include <string.h>

const char *type_name(PyObject *o) {
    if (o == Py_None) return "NoneType";
    if (dtype_absent_text(o)) return dtype_absent_text(o);
    if (is_tensor(o)) {
        if (Py_TYPE(o) == TensorType) return "Tensor";
        if (Py_TYPE(o) == ParameterType) return "Parameter";
    }
    const char *name = Py_TYPE(o)->tp_name, *dot = strrchr(name, '.');
    if (Py_TYPE(o) == DtypeType || Py_TYPE(o) == DeviceType || numpy_is_array(o)) return name;
    return dot ? dot + 1 : name;
}

/* ---- numbers ---- */

bool int_value(PyObject *o, Arg *a) {
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    *a = a_i(v);
    if (overflow > 0) *a = a_u(PyLong_AsUnsignedLongLong(o));
    if (overflow < 0 || (overflow && PyErr_Occurred())) {
        PyErr_Clear();
        *a = a_f(PyLong_AsDouble(o));
    }
    PyErr_Clear();
    return true;
}

static bool complex_value(PyObject *o, Arg *a, double store[2]) {
    Py_complex z = PyComplex_AsCComplex(o);
    store[0] = z.real;
    store[1] = z.imag;
    *a = (Arg){.tag = A_COMPLEX, .complex = store};
    return true;
}

bool number_from(PyObject *o, Arg *a, double store[2]) {
    if (PyFloat_CheckExact(o)) *a = a_f(PyFloat_AS_DOUBLE(o));
    else if (PyLong_CheckExact(o)) return int_value(o, a);
    else if (PyBool_Check(o)) *a = a_b(o == Py_True);
    else if (is_tensor(o)) return tensor_of(o)->numel == 1 && tensor_of(o)->ndim == 0 && !rl_requires_grad(tensor_of(o)) && rl_item(tensor_of(o), a, store);
    else if (numpy_scalar(o, a, store)) return true;
    else if (PyFloat_Check(o)) *a = a_f(PyFloat_AS_DOUBLE(o));
    else if (PyLong_Check(o)) return int_value(o, a);
    else if (PyComplex_Check(o)) return complex_value(o, a, store);
    else return false;
    return true;
}

int is_number(PyObject *o) {
    return PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o) || numpy_is_scalar(o);
}

/* An exception from __index__ other than TypeError is the caller's affair. */
static int index_slow(PyObject *o, int64_t *value) {
    if (is_tensor(o)) {
        Tensor *t = tensor_of(o);
        if (t->numel != 1 || !rl_dtype_is(t->dtype, CLASS_INT) || t->ndim) return MISMATCH;
        Arg a;
        double store[2];
        if (!rl_item(t, &a, store)) return raise_pending(), RAISED;
        *value = a_int(&a);
        return MATCH;
    }
    if (PyFloat_Check(o) || PyBool_Check(o) || numpy_is_bool(o) || !PyIndex_Check(o)) return MISMATCH;
    PyObject *number = PyNumber_Index(o);
    if (!number) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return RAISED;
        PyErr_Clear();
        return MISMATCH;
    }
    *value = PyLong_AsLongLong(number);
    Py_DECREF(number);
    if (*value == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        PyErr_SetString(PyExc_RuntimeError, "Overflow when unpacking long long: the integer does not fit 64 bits");
        return RAISED;
    }
    return MATCH;
}

int index_from(PyObject *o, int64_t *value) {
    if (RL_LIKELY(PyLong_CheckExact(o))) {
        int overflow;
        *value = PyLong_AsLongLongAndOverflow(o, &overflow);
        if (RL_LIKELY(!overflow)) return MATCH;
        PyErr_SetString(PyExc_RuntimeError, "Overflow when unpacking long long: the integer does not fit 64 bits");
        return RAISED;
    }
    return index_slow(o, value);
}

PyObject *number_object(const Arg *a) {
    switch (a->tag) {
    case A_BOOL: return PyBool_FromLong(a->b);
    case A_INT: return PyLong_FromLongLong(a->i);
    case A_FLOAT: return a->n ? PyLong_FromUnsignedLongLong(a_uint(a)) : PyFloat_FromDouble(a->f);
    case A_COMPLEX: return PyComplex_FromDoubles(a->complex[0], a->complex[1]);
    case A_STR: return PyUnicode_FromStringAndSize(a->str, a->n ? a->n : (Py_ssize_t)strlen(a->str));
    case A_DTYPE: return Py_NewRef(dtype_object(a->dtype));
    case A_OBJECT: return Py_NewRef((PyObject *)a->object);
    case A_TENSOR: return none_or(a->tensor);
    case A_INTS: return size_new(a->n, a->ints);
    default: Py_RETURN_NONE;
    }
}

/* ---- lists ---- */

static int64_t *room_for_ints(Frame *f, Py_ssize_t n) {
    if (f->nints + n <= FRAME_INTS) {
        int64_t *room = f->ints + f->nints;
        f->nints += (int)n;
        return room;
    }
    return rl_scope_bytes(n * (int64_t)sizeof(int64_t));
}

static Tensor **room_for_tensors(Frame *f, Py_ssize_t n) {
    if (f->ntensors + n <= FRAME_TENSORS) {
        Tensor **room = f->tensors + f->ntensors;
        f->ntensors += (int)n;
        return room;
    }
    return rl_scope_bytes(n * (int64_t)sizeof(Tensor *));
}

static inline bool is_list(PyObject *o) { return PyTuple_Check(o) || PyList_Check(o); }

/* The items of a list or tuple; MISMATCH where one is not an int. */
static int ints_from(Frame *f, PyObject *o, Arg *a) { return convert_ints(f, PySequence_Fast_ITEMS(o), PySequence_Fast_GET_SIZE(o), a); }

int convert_ints(Frame *f, PyObject *const *items, Py_ssize_t n, Arg *a) {
    int64_t *ints = room_for_ints(f, n);
    if (!ints) return raise_pending(), RAISED;
    for (Py_ssize_t i = 0; i < n; i++) {
        int ok = index_from(items[i], &ints[i]);
        if (RL_LIKELY(ok == MATCH)) continue;
        if (ok == MISMATCH) {
            f->why_position = (int)i;
            f->why_value = items[i];
            f->why_text = "item";
        }
        return ok;
    }
    *a = a_ints((int)n, ints);
    return MATCH;
}

static int floats_from(Frame *f, PyObject *o, Arg *a) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    double *floats = (double *)room_for_ints(f, n), store[2];
    if (!floats) return raise_pending(), RAISED;
    for (Py_ssize_t i = 0; i < n; i++) {
        Arg number;
        if (!number_from(PySequence_Fast_GET_ITEM(o, i), &number, store) || number.tag == A_COMPLEX) return MISMATCH;
        floats[i] = a_double(&number);
    }
    *a = a_floats((int)n, floats);
    return MATCH;
}

static int tensors_from(Frame *f, const Param *p, PyObject *o, Arg *a) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    Tensor **tensors = room_for_tensors(f, n);
    if (!tensors) return raise_pending(), RAISED;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(o, i);
        if (item == Py_None && p->entries_optional) tensors[i] = NULL;
        else if (is_tensor(item)) {
            tensors[i] = tensor_of(item);
            if (RL_UNLIKELY(!is_exact(item)) && !f->overloaded && wants_torch_function(item)) f->overloaded = item;
        } else {
            f->why_position = (int)i;
            f->why_value = item;
            f->why_text = "element";
            return MISMATCH;
        }
    }
    *a = a_ts((int)n, tensors);
    return MATCH;
}

int sizes_from(PyObject *o, int64_t *out, int room) {
    int64_t one;
    if (index_from(o, &one) == MATCH) {
        out[0] = one;
        return 1;
    }
    if (PyErr_Occurred()) return -1;
    if (!is_list(o) || PySequence_Fast_GET_SIZE(o) > room) {
        PyErr_Format(PyExc_TypeError, "expected a tuple of ints, but got %s", type_name(o));
        return -1;
    }
    int n = (int)PySequence_Fast_GET_SIZE(o);
    for (int i = 0; i < n; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(o, i);
        if (index_from(item, &out[i]) == MATCH) continue;
        if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "expected a tuple of ints, but item %d is %s", i, type_name(item));
        return -1;
    }
    return n;
}

/* ---- one function per kind ---- */

static int to_tensor(Frame *f, PyObject *v, Arg *a) {
    if (RL_UNLIKELY(!is_tensor(v))) return MISMATCH;
    *a = a_t(tensor_of(v));
    if (RL_UNLIKELY(!is_exact(v)) && !f->overloaded && wants_torch_function(v)) f->overloaded = v;
    return MATCH;
}

static int to_number(Frame *f, PyObject *v, Arg *a) {
    double *store = f->complex[f->ncomplex & 3];
    if (!number_from(v, a, store)) return rl_thread.failed ? (raise_pending(), RAISED) : MISMATCH;
    if (a->tag == A_COMPLEX) f->ncomplex++;
    return MATCH;
}

static int to_bool(PyObject *v, Arg *a) {
    if (RL_LIKELY(PyBool_Check(v))) *a = a_b(v == Py_True);
    else if (numpy_is_bool(v)) *a = a_b(PyObject_IsTrue(v) == 1);
    else return MISMATCH;
    return MATCH;
}

static int to_int(PyObject *v, Arg *a) {
    int64_t value;
    int ok = index_from(v, &value);
    if (ok == MATCH) *a = a_i(value);
    return ok;
}

static int to_float(Frame *f, PyObject *v, Arg *a) {
    double store[2];
    if (RL_LIKELY(PyFloat_CheckExact(v))) *a = a_f(PyFloat_AS_DOUBLE(v));
    else {
        Arg number;
        if (!number_from(v, &number, store) || number.tag == A_COMPLEX) return rl_thread.failed ? (raise_pending(), RAISED) : MISMATCH;
        *a = a_f(a_double(&number));
    }
    return MATCH;
}

static int to_str(PyObject *v, Arg *a) {
    if (!PyUnicode_Check(v)) return MISMATCH;
    Py_ssize_t n;
    const char *text = PyUnicode_AsUTF8AndSize(v, &n);
    if (!text) return RAISED;
    *a = a_str(text);
    a->n = (int32_t)n;
    return MATCH;
}

static int to_ints(Frame *f, const Param *p, PyObject *v, Arg *a) {
    if (RL_LIKELY(is_list(v))) return ints_from(f, v, a);
    if (p->single || p->variadic) {
        int64_t *one = room_for_ints(f, 1);
        if (!one) return raise_pending(), RAISED;
        int ok = index_from(v, one);
        if (ok == MATCH) *a = a_ints(1, one);
        return ok;
    }
    return MISMATCH;
}

static int to_floats(Frame *f, const Param *p, PyObject *v, Arg *a) {
    if (is_list(v)) return floats_from(f, v, a);
    if (!p->single) return MISMATCH;
    double *one = (double *)room_for_ints(f, 1);
    if (!one) return raise_pending(), RAISED;
    int ok = to_float(f, v, a);
    if (ok == MATCH) *one = a->f, *a = a_floats(1, one);
    return ok;
}

static int to_dtype(PyObject *v, Arg *a) {
    Dtype d;
    if (!dtype_from(v, &d)) return MISMATCH;
    *a = a_dtype(d);
    return MATCH;
}

static int to_generator(PyObject *v, Arg *a) {
    if (!PyObject_TypeCheck(v, GeneratorType)) return MISMATCH;
    *a = a_generator(generator_of(v));
    return MATCH;
}

static int to_device(Frame *f, PyObject *v, Arg *a) {
    if (!device_like(v)) return MISMATCH;
    if (!(f->device = device_kind(v))) return RAISED;
    *a = a_none();
    return MATCH;
}

static int to_layout(PyObject *v, Arg *a) {
    if (Py_TYPE(v) != LayoutType) return MISMATCH;
    if (!layout_is_strided(v)) return PyErr_Format(PyExc_NotImplementedError, "rushlight has no tensors of layout %R: every tensor is strided", v), RAISED;
    *a = a_none();
    return MATCH;
}

static int to_format(PyObject *v, Arg *a) {
    if (Py_TYPE(v) != MemoryFormatType) return MISMATCH;
    *a = a_i(memory_format_value(v));
    return MATCH;
}

static int to_tensor_or_number(Frame *f, PyObject *v, Arg *a) {
    int ok = to_tensor(f, v, a);
    return ok == MISMATCH ? to_number(f, v, a) : ok;
}

/* torch's default is None where ours is the tensor's format. */
static bool keeps_format(const Param *p) { return p->kind == P_MEMORY_FORMAT && p->has_default && !strcmp(p->default_text, "preserve_format"); }

int convert(Frame *f, const Param *p, PyObject *v, Arg *a) {
    if (RL_UNLIKELY(v == Py_None)) {
        if (keeps_format(p)) return *a = p->value, MATCH;
        if (!p->optional) return p->kind == P_OBJECT ? (*a = (Arg){.tag = A_OBJECT, .object = v}, MATCH) : MISMATCH;
        *a = a_none();
        return MATCH;
    }
    switch ((ParamKind)p->kind) {
    case P_TENSOR: return to_tensor(f, v, a);
    case P_TENSOR_OR_NUMBER: return to_tensor_or_number(f, v, a);
    case P_TENSORS: return is_list(v) ? tensors_from(f, p, v, a) : MISMATCH;
    case P_NUMBER: return to_number(f, v, a);
    case P_BOOL: return to_bool(v, a);
    case P_INT: return to_int(v, a);
    case P_FLOAT: return to_float(f, v, a);
    case P_STR: return to_str(v, a);
    case P_DTYPE: return to_dtype(v, a);
    case P_INTS: return to_ints(f, p, v, a);
    case P_FLOATS: return to_floats(f, p, v, a);
    case P_GENERATOR: return to_generator(v, a);
    case P_LAYOUT: return to_layout(v, a);
    case P_DEVICE: return to_device(f, v, a);
    case P_MEMORY_FORMAT: return to_format(v, a);
    case P_OBJECT: *a = (Arg){.tag = A_OBJECT, .object = v}; return MATCH;
    }
    return MISMATCH;
}
