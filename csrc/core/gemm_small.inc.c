/* gemm_small.inc.c -- a matrix product without preparations; included once per type T, as NAME.
 *
 * The order of the loops is the only choice made: along rows of B where these are contiguous, else one dot product
 * per element. */
static inline void NAME(const Product *restrict p) {
    const T *a = (const T *)p->a, *b = (const T *)p->b;
    int64_t ai = p->ta ? 1 : p->lda, ap = p->ta ? p->lda : 1, bp = p->tb ? 1 : p->ldb, bj = p->tb ? p->ldb : 1;
    T alpha, beta;
    double both[4] = {p->alpha[0], p->alpha[1], p->beta[0], p->beta[1]};
    alpha = (T)(both[0] + both[1] * 1.0i);
    beta = (T)(both[2] + both[3] * 1.0i);
    for (int64_t i = 0; i < p->m; i++) {
        T *restrict c = (T *)p->c + i * p->ldc;
        for (int64_t j = 0; j < p->n; j++) c[j] = beta == (T)0 ? (T)0 : beta * c[j];
        if (bj != 1) {
            for (int64_t j = 0; j < p->n; j++) {
                T sum = 0;
                for (int64_t q = 0; q < p->k; q++) sum += a[i * ai + q * ap] * b[q * bp + j * bj];
                c[j] += alpha * sum;
            }
            continue;
        }
        for (int64_t q = 0; q < p->k; q++) {
            T factor = alpha * a[i * ai + q * ap];
            const T *restrict row = b + q * bp;
#pragma omp simd
            for (int64_t j = 0; j < p->n; j++) c[j] += factor * row[j];
        }
    }
}
#undef T
#undef NAME
