/* py_fourier.c -- Fourier transforms, by NumPy.
 *
 * The core lays lines out and says what it wants of them (rl_host.fourier); NumPy transforms them where they lie.  From 2.0 on its
 * transforms are ufuncs, whose loops over lines of any stride are called as they are, without the ceremony of arrays that costs more than
 * a small transform.  A NumPy that has none, or others than are expected here, is asked by way of numpy.fft, and its results are copied. */
#include "bind.h"

#include "numpy_api.h"
#include <numpy/ufuncobject.h>

#include <string.h>

enum { FORTH, BACK, REAL_EVEN, REAL_ODD, HALF, WAYS };

typedef struct Loop { PyUFuncGenericFunction run; void *data; } Loop;

static Loop loops[WAYS][2];              /* [][0]: single, [][1]: double precision */
static bool have_loops;
static PyObject *numpy_fft;

/* Lines, a scale of `real` -> lines. */
static bool take_loop(PyObject *object, int real, Loop *loop) {
    const PyUFuncObject *u = (const PyUFuncObject *)object;
    if (!object || strcmp(Py_TYPE(object)->tp_name, "numpy.ufunc") || u->nin != 2 || u->nout != 1 || !u->core_enabled || u->core_num_dim_ix != 2 || !u->core_signature) return false;
    if (strcmp(u->core_signature, "(n),()->(m)") && strcmp(u->core_signature, "(m),()->(n)")) return false;
    for (int k = 0; k < u->ntypes; k++)
        if (u->types[3 * k + 1] == real) *loop = (Loop){u->functions[k], u->data ? u->data[k] : NULL};
    return loop->run != NULL;
}

static bool find_numpy(void) {
    static const char *const names[WAYS] = {"fft", "ifft", "rfft_n_even", "rfft_n_odd", "irfft"};
    if (numpy_fft) return true;
    PyObject *fft = PyImport_ImportModule("numpy.fft"), *fast = fft ? PyImport_ImportModule("numpy.fft._pocketfft_umath") : NULL;
    have_loops = fast != NULL;
    for (int k = 0; have_loops && k < WAYS; k++) {
        PyObject *ufunc = PyObject_GetAttrString(fast, names[k]);
        have_loops = take_loop(ufunc, NPY_FLOAT, &loops[k][0]) && take_loop(ufunc, NPY_DOUBLE, &loops[k][1]);
        Py_XDECREF(ufunc);                /* its module keeps it */
    }
    if (fft) PyErr_Clear();
    return (numpy_fft = fft) != NULL;
}

static int64_t half_of(const FourierLines *f) { return f->n / 2 + 1; }
static int64_t x_places(const FourierLines *f) { return f->kind == FOURIER_HALF ? half_of(f) : f->n; }
static int64_t y_places(const FourierLines *f) { return f->kind == FOURIER_REAL ? half_of(f) : f->n; }
static npy_intp x_bytes(const FourierLines *f) { return rl_dtype_bytes(f->real) << (f->kind != FOURIER_REAL); }
static npy_intp y_bytes(const FourierLines *f) { return rl_dtype_bytes(f->real) << (f->kind != FOURIER_HALF); }

static bool call_loops(const FourierLines *f) {
    int way = f->kind == FOURIER_HALF ? HALF : f->kind == FOURIER_REAL ? (f->n % 2 ? REAL_ODD : REAL_EVEN) : f->inverse ? BACK : FORTH;
    const Loop *loop = &loops[way][f->real == RL_FLOAT64];
    float single = (float)f->scale;
    double scale = f->scale;
    bool one_block = f->inner == 1;
    npy_intp x_step = f->inner * x_bytes(f), y_step = f->inner * y_bytes(f), x_block = f->x_size * x_step, y_block = f->y_size * y_step;
    npy_intp count[3] = {one_block ? f->outer : f->inner, x_places(f), y_places(f)};
    npy_intp step[5] = {one_block ? x_block : x_bytes(f), 0, one_block ? y_block : y_bytes(f), x_step, y_step};
    for (int64_t block = 0; block < (one_block ? 1 : f->outer); block++) {
        char *args[3] = {(char *)f->x + block * x_block, f->real == RL_FLOAT32 ? (char *)&single : (char *)&scale, (char *)f->y + block * y_block};
        loop->run(args, count, step, loop->data);
        if (PyErr_Occurred()) return false;
    }
    return true;
}

/* The lines along the last axis of an array. */
static PyObject *lines(const FourierLines *f, void *data, int64_t size, int64_t places, npy_intp bytes, bool complex) {
    int number = f->real == RL_FLOAT32 ? (complex ? NPY_CFLOAT : NPY_FLOAT) : complex ? NPY_CDOUBLE : NPY_DOUBLE;
    npy_intp shape[3] = {f->outer, f->inner, places}, stride[3] = {size * f->inner * bytes, bytes, f->inner * bytes};
    return PyArray_New(&PyArray_Type, 3, shape, number, stride, data, 0, NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE, NULL);
}

/* numpy.fft divides by n on the way back. */
static bool call_public(const FourierLines *f) {
    const char *name = f->kind == FOURIER_HALF ? "irfft" : f->kind == FOURIER_REAL ? "rfft" : f->inverse ? "ifft" : "fft";
    bool back = f->kind == FOURIER_HALF || (f->kind == FOURIER_COMPLEX && f->inverse);
    PyObject *x = lines(f, (void *)f->x, f->x_size, x_places(f), x_bytes(f), f->kind != FOURIER_REAL), *y = lines(f, f->y, f->y_size, y_places(f), y_bytes(f), f->kind != FOURIER_HALF);
    PyObject *made = x && y ? PyObject_CallMethod(numpy_fft, name, "OL", x, (long long)f->n) : NULL, *scale = PyFloat_FromDouble(f->scale * (back ? (double)f->n : 1));
    PyObject *scaled = made && scale ? PyNumber_Multiply(made, scale) : NULL;
    bool ok = scaled && PyArray_CopyInto((PyArrayObject *)y, (PyArrayObject *)scaled) == 0;
    Py_XDECREF(x);
    Py_XDECREF(y);
    Py_XDECREF(made);
    Py_XDECREF(scale);
    Py_XDECREF(scaled);
    return ok;
}

bool host_fourier(const FourierLines *f) {
    PyGILState_STATE state = PyGILState_Ensure();
    bool ok = find_numpy() && (have_loops ? call_loops(f) : call_public(f));
    if (!ok) fail_from_python();
    PyGILState_Release(state);
    return ok;
}

/* For tests: without the loops, as on an older NumPy. */
PyObject *fourier_by_numpy_fft(PyObject *module, PyObject *on) {
    if (!find_numpy()) return NULL;
    static bool found;
    found |= have_loops;
    have_loops = found && on != Py_True;
    Py_RETURN_NONE;
}
