/* lapack.h -- the LAPACK and BLAS routines of the private OpenBLAS that linear algebra calls, declared by hand.
 *
 * Fortran conventions: everything by pointer, column-major, 32-bit integers.  Arrays are void * so that the four precisions
 * share a type: RL_LAPACK(gesv, dtype) is the routine for that dtype. */
#ifndef RUSHLIGHT_LAPACK_H
#define RUSHLIGHT_LAPACK_H

#include "rushlight.h"

#define REAL(name, ...) extern void scipy_s##name##_(__VA_ARGS__), scipy_d##name##_(__VA_ARGS__);
#define COMPLEX(name, ...) extern void scipy_c##name##_(__VA_ARGS__), scipy_z##name##_(__VA_ARGS__);
#define ALL(name, ...) REAL(name, __VA_ARGS__) COMPLEX(name, __VA_ARGS__)

/* LU: solve, factor, use, invert */
ALL(gesv, int *n, int *nrhs, void *a, int *lda, int *ipiv, void *b, int *ldb, int *info)
ALL(getrf, int *m, int *n, void *a, int *lda, int *ipiv, int *info)
ALL(getrs, const char *trans, int *n, int *nrhs, const void *a, int *lda, const int *ipiv, void *b, int *ldb, int *info)
ALL(getri, int *n, void *a, int *lda, const int *ipiv, void *work, int *lwork, int *info)
ALL(gecon, const char *norm, int *n, const void *a, int *lda, const void *anorm, void *rcond, void *work, void *iwork_or_rwork, int *info)

/* Cholesky */
ALL(potrf, const char *uplo, int *n, void *a, int *lda, int *info)
ALL(potrs, const char *uplo, int *n, int *nrhs, const void *a, int *lda, void *b, int *ldb, int *info)
ALL(potri, const char *uplo, int *n, void *a, int *lda, int *info)

/* Triangular */
ALL(trtrs, const char *uplo, const char *trans, const char *diag, int *n, int *nrhs, const void *a, int *lda, void *b, int *ldb, int *info)
ALL(trtri, const char *uplo, const char *diag, int *n, void *a, int *lda, int *info)
ALL(trsm, const char *side, const char *uplo, const char *trans, const char *diag, int *m, int *n, const void *alpha, const void *a, int *lda, void *b, int *ldb)

/* Symmetric or Hermitian indefinite */
ALL(sytrf, const char *uplo, int *n, void *a, int *lda, int *ipiv, void *work, int *lwork, int *info)
ALL(sytrs, const char *uplo, int *n, int *nrhs, const void *a, int *lda, const int *ipiv, void *b, int *ldb, int *info)
ALL(sytri, const char *uplo, int *n, void *a, int *lda, const int *ipiv, void *work, int *info)
COMPLEX(hetrf, const char *uplo, int *n, void *a, int *lda, int *ipiv, void *work, int *lwork, int *info)
COMPLEX(hetrs, const char *uplo, int *n, int *nrhs, const void *a, int *lda, const int *ipiv, void *b, int *ldb, int *info)
COMPLEX(hetri, const char *uplo, int *n, void *a, int *lda, const int *ipiv, void *work, int *info)

/* QR */
ALL(geqrf, int *m, int *n, void *a, int *lda, void *tau, void *work, int *lwork, int *info)
ALL(geqp3, int *m, int *n, void *a, int *lda, int *jpvt, void *tau, void *work, int *lwork, int *info)
REAL(orgqr, int *m, int *n, int *k, void *a, int *lda, const void *tau, void *work, int *lwork, int *info)
COMPLEX(ungqr, int *m, int *n, int *k, void *a, int *lda, const void *tau, void *work, int *lwork, int *info)
REAL(ormqr, const char *side, const char *trans, int *m, int *n, int *k, const void *a, int *lda, const void *tau, void *c, int *ldc, void *work, int *lwork, int *info)
COMPLEX(unmqr, const char *side, const char *trans, int *m, int *n, int *k, const void *a, int *lda, const void *tau, void *c, int *ldc, void *work, int *lwork, int *info)

/* Eigenvalues and singular values */
REAL(syevd, const char *jobz, const char *uplo, int *n, void *a, int *lda, void *w, void *work, int *lwork, int *iwork, int *liwork, int *info)
COMPLEX(heevd, const char *jobz, const char *uplo, int *n, void *a, int *lda, void *w, void *work, int *lwork, void *rwork, int *lrwork, int *iwork, int *liwork, int *info)
REAL(geev, const char *jobvl, const char *jobvr, int *n, void *a, int *lda, void *wr, void *wi, void *vl, int *ldvl, void *vr, int *ldvr, void *work, int *lwork, int *info)
COMPLEX(geev, const char *jobvl, const char *jobvr, int *n, void *a, int *lda, void *w, void *vl, int *ldvl, void *vr, int *ldvr, void *work, int *lwork, void *rwork, int *info)
REAL(gesdd, const char *jobz, int *m, int *n, void *a, int *lda, void *s, void *u, int *ldu, void *vt, int *ldvt, void *work, int *lwork, int *iwork, int *info)
COMPLEX(gesdd, const char *jobz, int *m, int *n, void *a, int *lda, void *s, void *u, int *ldu, void *vt, int *ldvt, void *work, int *lwork, void *rwork, int *iwork, int *info)
REAL(gesvd, const char *jobu, const char *jobvt, int *m, int *n, void *a, int *lda, void *s, void *u, int *ldu, void *vt, int *ldvt, void *work, int *lwork, int *info)
COMPLEX(gesvd, const char *jobu, const char *jobvt, int *m, int *n, void *a, int *lda, void *s, void *u, int *ldu, void *vt, int *ldvt, void *work, int *lwork, void *rwork, int *info)

/* Least squares */
ALL(gels, const char *trans, int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, void *work, int *lwork, int *info)
REAL(gelsd, int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, void *s, const void *rcond, int *rank, void *work, int *lwork, int *iwork, int *info)
COMPLEX(gelsd, int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, void *s, const void *rcond, int *rank, void *work, int *lwork, void *rwork, int *iwork, int *info)
REAL(gelss, int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, void *s, const void *rcond, int *rank, void *work, int *lwork, int *info)
COMPLEX(gelss, int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, void *s, const void *rcond, int *rank, void *work, int *lwork, void *rwork, int *info)
REAL(gelsy, int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, int *jpvt, const void *rcond, int *rank, void *work, int *lwork, int *info)
COMPLEX(gelsy, int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, int *jpvt, const void *rcond, int *rank, void *work, int *lwork, void *rwork, int *info)

#undef REAL
#undef COMPLEX
#undef ALL

#define RL_LAPACK_REAL(name, dtype) ((dtype) == RL_FLOAT64 ? scipy_d##name##_ : scipy_s##name##_)
#define RL_LAPACK_COMPLEX(name, dtype) ((dtype) == RL_COMPLEX128 ? scipy_z##name##_ : scipy_c##name##_)
#define RL_LAPACK(name, dtype) (rl_dtype_is(dtype, CLASS_COMPLEX) ? RL_LAPACK_COMPLEX(name, dtype) : RL_LAPACK_REAL(name, dtype))

#endif
