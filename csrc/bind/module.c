/* module.c -- `import rushlight._C`: the host is installed, the types are made, every row becomes callable. */
#include "bind.h"

PyObject *the_module, *linalg_error, *memory_error;

/* ---- small functions of the module ---- */

static PyObject *default_dtype(PyObject *unused, PyObject *none) { return Py_NewRef(dtype_object(rl_default_dtype())); }

static PyObject *set_default_dtype(PyObject *unused, PyObject *o) {
    Dtype d;
    if (!dtype_from(o, &d) || Py_TYPE(o) != DtypeType) return PyErr_Format(PyExc_TypeError, "invalid dtype object: only floating-point types are supported as the default type, not %s", type_name(o));
    return rl_set_default_dtype(d) ? Py_NewRef(Py_None) : raise_pending();
}

static PyObject *get_threads(PyObject *unused, PyObject *none) { return PyLong_FromLong(rl_threads()); }
static PyObject *set_threads(PyObject *unused, PyObject *o) {
    int64_t n;
    if (index_from(o, &n) != MATCH) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "set_num_threads expects an int, but got %s", type_name(o));
    if (n <= 0) return PyErr_Format(PyExc_RuntimeError, "set_num_threads expects a positive integer, got %lld", (long long)n);
    return rl_set_threads((int)n) ? Py_NewRef(Py_None) : raise_pending();
}

static PyObject *default_generator(PyObject *unused, PyObject *none) { return generator_wrap(rl_default_generator()); }

static PyObject *promote_types(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"type1", "type2", NULL};
    PyObject *x, *y;
    Dtype a, b;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:promote_types", names, &x, &y)) return NULL;
    if (!dtype_from(x, &a) || !dtype_from(y, &b)) return PyErr_Format(PyExc_TypeError, "promote_types() expects two dtypes, not %s and %s", type_name(x), type_name(y));
    Dtype d = rl_promote(a, b);
    return rl_thread.failed ? raise_pending() : Py_NewRef(dtype_object(d));
}
static PyObject *can_cast(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"from_", "to", NULL};
    PyObject *x, *y;
    Dtype a, b;
    if (kwargs && PyDict_GetItemString(kwargs, "from")) {
        x = PyDict_GetItemString(kwargs, "from"), y = PyDict_GetItemString(kwargs, "to");
        if (!y) return PyErr_Format(PyExc_TypeError, "can_cast() missing 1 required positional arguments: \"to\"");
    } else if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:can_cast", names, &x, &y)) return NULL;
    if (!dtype_from(x, &a) || !dtype_from(y, &b)) return PyErr_Format(PyExc_TypeError, "can_cast() expects two dtypes, not %s and %s", type_name(x), type_name(y));
    return PyBool_FromLong(rl_can_cast(a, b));
}

/* The order of its arguments does not matter, so neither does which of the names torch gives them comes first. */
static bool is_result_type_key(PyObject *key) {
    static const char *const names[] = {"tensor", "other", "scalar", "tensor1", "tensor2", "scalar1", "scalar2"};
    for (int i = 0; i < RL_COUNT(names); i++)
        if (PyUnicode_CompareWithASCIIString(key, names[i]) == 0) return true;
    return false;
}

static PyObject *result_type(PyObject *unused, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    Arg both[2];
    double store[2][2];
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); i++, n++)
        if (!is_result_type_key(PyTuple_GET_ITEM(kwnames, i))) return PyErr_Format(PyExc_TypeError, "result_type() got an unexpected keyword argument '%U'", PyTuple_GET_ITEM(kwnames, i));
    if (n != 2) return PyErr_Format(PyExc_TypeError, "result_type() takes 2 arguments, tensors or numbers, but %zd were given", n);
    for (int i = 0; i < 2; i++) {
        PyObject *o = args[i];
        if (is_tensor(o)) both[i] = a_t(tensor_of(o));
        else if (!number_from(o, &both[i], store[i])) return PyErr_Format(PyExc_TypeError, "result_type(): argument %d must be Tensor or Number, not %s", i + 1, type_name(o));
    }
    Dtype d = rl_result_type(2, both);
    return rl_thread.failed || d == RL_NO_DTYPE ? raise_pending() : Py_NewRef(dtype_object(d));
}

/* ---- memory, for tests and the curious ---- */

static PyObject *memory_stats(PyObject *unused, PyObject *none) {
    return Py_BuildValue("{s:L,s:L,s:L,s:L}", "live", (long long)rl_memory_live(), "used", (long long)rl_memory_used(), "peak", (long long)rl_memory_peak(), "cached", (long long)rl_memory_cached());
}
static PyObject *memory_trim(PyObject *unused, PyObject *none) {
    rl_memory_trim();
    Py_RETURN_NONE;
}
static PyObject *fail_after(PyObject *unused, PyObject *args) {
    long long n;
    int once = 1;
    if (!PyArg_ParseTuple(args, "L|p:_fail_after", &n, &once)) return NULL;
    rl_memory_fail_after(n, once);
    return PyLong_FromLongLong(rl_memory_fail_count());
}

/* ---- storages as tensors, for reading and writing files ---- */

static PyObject *storage_bytes(PyObject *unused, PyObject *o) {
    if (!is_tensor(o)) return PyErr_Format(PyExc_TypeError, "_storage_bytes(): expected a Tensor, not %s", type_name(o));
    Scope s = rl_scope_open();
    int64_t n = tensor_of(o)->storage->bytes, one = 1;
    return finish(s, rl_view_dtype(rl_alias(tensor_of(o)), RL_UINT8, 1, &n, &one, 0));
}

static PyObject *from_storage(PyObject *unused, PyObject *args) {
    PyObject *bytes, *dtype, *size, *stride;
    long long offset = 0;
    int64_t shape[RL_MAX_DIMS], step[RL_MAX_DIMS], extent = 1;
    bool empty = false;
    Dtype d;
    if (!PyArg_ParseTuple(args, "OOOO|L:_from_storage", &bytes, &dtype, &size, &stride, &offset)) return NULL;
    if (!is_tensor(bytes) || !dtype_from(dtype, &d)) return PyErr_Format(PyExc_TypeError, "_from_storage(bytes: Tensor, dtype, size, stride, offset)");
    int n = sizes_from(size, shape, RL_MAX_DIMS), m = n < 0 ? -1 : sizes_from(stride, step, RL_MAX_DIMS);
    if (n < 0 || m < 0) return NULL;
    for (int i = 0; i < n && n == m; i++) {
        int64_t reach = 0;
        if (shape[i] < 0 || step[i] < 0 || (shape[i] > 1 && (!rl_mul_size(shape[i] - 1, step[i], &reach) || !rl_add_size(extent, reach, &extent)))) m = -1;
        empty |= shape[i] == 0;
    }
    if (empty) extent = 0;
    Storage *store = tensor_of(bytes)->storage;
    if (n != m || offset < 0 || offset > INT64_MAX / 64 || extent > INT64_MAX / 64 || (extent && (extent + offset) * rl_dtype_bytes(d) > store->bytes))
        return PyErr_Format(PyExc_RuntimeError, "size %R, stride %R and offset %lld reach outside a storage of %lld bytes", size, stride, offset, (long long)store->bytes);
    Scope s = rl_scope_open();
    Tensor *t = rl_view_dtype(rl_alias(tensor_of(bytes)), d, n, shape, step, offset);
    return finish(s, t ? rl_alias(t) : NULL);
}

static PyObject *op_table(PyObject *unused, PyObject *none) {
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < rl_op_count(); i++) {
        const Op *op = rl_op_at(i);
        PyObject *row = Py_BuildValue("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:O}", "name", op->parsed->name, "sig", op->sig, "doc", op->doc, "samples", op->samples,
                                      "formula", op->formula, "shape", op->shape, "aliases", op->aliases, "family", op->file, "where", (unsigned)op->where,
                                      "flags", (unsigned)op->flags, "dtypes", (unsigned)op->dtypes, "differentiable", op->vjp || op->program ? Py_True : Py_False);
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *blas_name(PyObject *unused, PyObject *none) { return PyUnicode_FromString(rl_blas_name()); }

/* A class whose instances are told apart by one argument, and those there are already. */
static struct { PyTypeObject *type; PyObject *known; } remembering;

static PyObject *construct_known(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
    PyObject *known = PyVectorcall_NARGS(nargsf) == 1 && !kwnames ? PyDict_GetItemWithError(remembering.known, args[0]) : NULL;
    if (known) return Py_NewRef(known);
    if (PyErr_Occurred()) PyErr_Clear();     /* it cannot be hashed: the class will say what is wrong */
    return construct(type, args, nargsf, kwnames);
}

static PyObject *remember(PyObject *unused, PyObject *args) {
    PyObject *type, *known;
    if (!PyArg_ParseTuple(args, "O!O!:_remember", &PyType_Type, &type, &PyDict_Type, &known)) return NULL;
    remembering.type = (PyTypeObject *)Py_NewRef(type);
    remembering.known = Py_NewRef(known);
    remembering.type->tp_vectorcall = construct_known;
    return Py_NewRef(type);
}

static PyMethodDef functions[] = {
    {"_remember", remember, METH_VARARGS, "_remember(cls, known): cls(argument) is what known has for it, if it has something."},
    {"get_default_dtype", default_dtype, METH_NOARGS, "get_default_dtype($module)\n--\n\nThe dtype of tensors made from Python floats."}, {"set_default_dtype", set_default_dtype, METH_O, "set_default_dtype(d)"},
    {"get_num_threads", get_threads, METH_NOARGS, "get_num_threads($module)\n--\n\nHow many threads kernels may use."}, {"set_num_threads", set_threads, METH_O, "set_num_threads($module, int, /)\n--\n\nHow many threads kernels may use from now on."},
    {"_default_generator", default_generator, METH_NOARGS, "The generator behind manual_seed."}, {"promote_types", AS_METHOD(promote_types), METH_VARARGS | METH_KEYWORDS, "promote_types(type1, type2) -> dtype"},
    {"can_cast", AS_METHOD(can_cast), METH_VARARGS | METH_KEYWORDS, "can_cast(from_, to) -> bool"}, {"result_type", AS_METHOD(result_type), METH_FASTCALL | METH_KEYWORDS, "result_type($module, tensor1, tensor2)\n--\n\nThe dtype of the result of arithmetic on two tensors or numbers."},
    {"_memory_stats", memory_stats, METH_NOARGS, "Blocks and bytes held."}, {"_memory_trim", memory_trim, METH_NOARGS, "Give cached memory back to the system."},
    {"_memory_fail_after", fail_after, METH_VARARGS, "_memory_fail_after(n, once=True): the n-th next allocation fails; returns how many have."},
    {"_storage_bytes", storage_bytes, METH_O, "All bytes of a tensor's storage as a uint8 tensor."}, {"_from_storage", from_storage, METH_VARARGS, "_from_storage(bytes, dtype, size, stride, offset=0)"},
    {"_op_table", op_table, METH_NOARGS, "Every row as a dict."}, {"_blas_name", blas_name, METH_NOARGS, NULL},
    {"_set_default_device", types_set_default_device, METH_O, "_set_default_device(device): where new tensors are made; None is the CPU."},
    {"_get_default_device", types_default_device, METH_NOARGS, "The device where new tensors are made."},
    {"_called", types_called, METH_O, "_called(name): reprs of dtypes, layouts, memory formats and sizes begin with this name."},
    {"_fourier_by_numpy_fft", fourier_by_numpy_fft, METH_O, "_fourier_by_numpy_fft(on): Fourier transforms go through numpy.fft's functions, as with a NumPy before 2.0."}, {NULL},
};

/* torch raises a plain RuntimeError when memory runs out on the CPU; Python's word for it is MemoryError: who catches either is served. */
static bool add_memory_error(PyObject *module) {
    PyObject *bases = PyTuple_Pack(2, PyExc_RuntimeError, PyExc_MemoryError);
    memory_error = bases ? PyErr_NewExceptionWithDoc("rushlight.OutOfMemoryError", "There is not enough memory for a tensor.", bases, NULL) : NULL;
    Py_XDECREF(bases);
    return memory_error && PyModule_AddObjectRef(module, "OutOfMemoryError", memory_error) == 0;
}

static bool add_linalg_error(PyObject *module) {
    linalg_error = PyErr_NewExceptionWithDoc("rushlight.linalg.LinAlgError", "A matrix is singular, or not positive definite, or an iteration did not converge.", PyExc_RuntimeError, NULL);
    return linalg_error && PyModule_AddObjectRef(module, "_LinAlgError", linalg_error) == 0;
}

static bool start_core(void) {
    host_start();
    if (rl_ops_start()) return true;
    raise_pending();
    return false;
}

static bool start(PyObject *module) {
    the_module = module;
    return numpy_start(module) && add_linalg_error(module) && add_memory_error(module) && types_start(module) && PyModule_AddFunctions(module, functions) == 0 && autograd_start(module) &&
           tensor_start(module) && storage_start(module) && hooks_start(module) && function_start(module) && data_start(module) && start_core() &&
           args_start() && ops_bind(module) && number_start() && optim_start(module) && tree_start(module) && override_start(module) && autograd_bind() && rl_bind_module_base(module) == 0;
}

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "rushlight._C", "The engine: types, and one callable per row of the operation table.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__C(void);
PyMODINIT_FUNC PyInit__C(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module && !start(module)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ImportError, "rushlight._C could not start");
        Py_CLEAR(module);
    }
    return module;
}
