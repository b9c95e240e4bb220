/* numpy_api.h -- NumPy's C API as this folder uses it: one table, filled by py_numpy.c. */
#ifndef RUSHLIGHT_NUMPY_API_H
#define RUSHLIGHT_NUMPY_API_H

#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL rushlight_numpy
#ifndef RUSHLIGHT_NUMPY_OWNER
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>
#undef complex      /* Arg has a member of that name */

#endif
