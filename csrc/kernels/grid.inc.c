/* grid.inc.c -- pictures read at the places that a grid names, and the adjoint of that; a block of places at a time.
 *
 * Along each dim a place has a few neighbours, whose weights are polynomials of where it lies between them.  Everything about
 * places is in double, as are the neighbours' numbers, -1 outside of the picture, so that it is vector code. */
enum { GRID_PLACES = 64, GRID_MOST = 16 };

/* Along one dim: neighbour i of place p. */
typedef struct Near { int n; double index[4][GRID_PLACES], weight[4][GRID_PLACES]; } Near;

/* Of all dims together; at[j][p] is where neighbour j of place p lies in a channel. */
typedef struct Taps { int n; double at[GRID_MOST][GRID_PLACES], weight[GRID_MOST][GRID_PLACES]; } Taps;

static inline __attribute__((always_inline)) double grid_floor(double x) {   /* also of what is too large to have a fraction */
    double t = (x + F64_ROUND) - F64_ROUND;
    return t > x ? t - 1 : t;
}

static inline __attribute__((always_inline)) double grid_index(double at, double n) {
    double k = at >= 0 ? at : -1;
    return k < n ? k : -1;
}

/* Places beyond the borders by the rule for them; slope, a factor, by what that does to it. */
static void grid_inside(const GridSpec *g, int d, int64_t count, double *at, double *slope) {
    const double last = (double)(g->in[d] - 1), low = g->align ? 0 : -0.5, span = g->align ? last : last + 1;
    if (g->padding == GRID_ZEROS) return;
    if (g->padding == GRID_REFLECTION && span == 0) {
        memset(at, 0, (size_t)count * sizeof *at);
        memset(slope, 0, (size_t)count * sizeof *slope);
        return;
    }
    if (g->padding == GRID_REFLECTION)
        SIMD for (int64_t p = 0; p < count; p++) {
            double x = at[p] - low, size = x < 0 ? -x : x, sign = x < 0 ? -1 : 1;
            double flips = grid_floor(size / span), extra = size - flips * span, back = flips - 2 * grid_floor(flips * 0.5);
            at[p] = (back != 0 ? span - extra : extra) + low;
            slope[p] *= back != 0 ? -sign : sign;
        }
    SIMD for (int64_t p = 0; p < count; p++) {
        double x = at[p], y = x > 0 ? x : 0, s = x > 0 ? slope[p] : 0;
        at[p] = y < last ? y : last;
        slope[p] = y < last ? s : 0;
    }
}

/* Place -1 is the first element's centre, or its outer edge; 1 the last one's. */
static void grid_positions(const GridSpec *g, int d, int64_t count, double *at, double *slope) {
    const double n = (double)g->in[d], rise = g->align ? (n - 1) / 2 : n / 2;
    if (g->align) SIMD for (int64_t p = 0; p < count; p++) at[p] = (at[p] + 1) / 2 * (n - 1);
    else SIMD for (int64_t p = 0; p < count; p++) at[p] = ((at[p] + 1) * n - 1) / 2;
    if (g->single) SIMD for (int64_t p = 0; p < count; p++) at[p] = (double)(float)at[p];
    for (int64_t p = 0; p < count; p++) slope[p] = rise;
}

static void grid_nearest(const GridSpec *g, int d, int64_t count, double *at, double *slope, Near *r) {
    const double n = (double)g->in[d];
    r->n = 1;
    grid_inside(g, d, count, at, slope);
    SIMD for (int64_t p = 0; p < count; p++) {
        r->index[0][p] = grid_index((at[p] + F64_ROUND) - F64_ROUND, n);
        r->weight[0][p] = g->order[d] == 0;
    }
}

static void grid_linear(const GridSpec *g, int d, int64_t count, double *at, double *slope, Near *r) {
    const double n = (double)g->in[d];
    const int order = g->order[d];
    r->n = 2;
    grid_inside(g, d, count, at, slope);
    SIMD for (int64_t p = 0; p < count; p++) {
        double low = grid_floor(at[p]), up = at[p] - low;
        r->index[0][p] = grid_index(low, n);
        r->index[1][p] = grid_index(low + 1, n);
        r->weight[0][p] = order == 0 ? 1 - up : order == 1 ? -slope[p] : 0;
        r->weight[1][p] = order == 0 ? up : order == 1 ? slope[p] : 0;
    }
}

/* Keys' cubic convolution with a = -3/4: neighbour i is x away, its weight (c3 x + c2) x^2 + c1 x + c0, or the order-th derivative. */
static void grid_cubic(const GridSpec *g, int d, int64_t count, double *at, const double *slope, Near *r) {
    const double n = (double)g->in[d], a = -0.75;
    const int order = g->order[d];
    double low[GRID_PLACES], unused[GRID_PLACES];
    r->n = 4;
    SIMD for (int64_t p = 0; p < count; p++) low[p] = grid_floor(at[p]);
    for (int i = 0; i < 4; i++) {
        const bool far = i == 0 || i == 3;
        const double c3 = far ? a : a + 2, c2 = far ? -5 * a : -(a + 3), c1 = far ? 8 * a : 0, c0 = far ? -4 * a : 1, sign = i > 1 ? -1 : 1, shift = 1 - i;
        SIMD for (int64_t p = 0; p < count; p++) {
            double v = sign * (at[p] - low[p] + shift), s = sign * slope[p];
            r->weight[i][p] = order == 0 ? ((c3 * v + c2) * v + c1) * v + c0 : order == 1 ? ((3 * c3 * v + 2 * c2) * v + c1) * s : order == 2 ? (6 * c3 * v + 2 * c2) * s * s : order == 3 ? 6 * c3 * s * s * s : 0;
            r->index[i][p] = low[p] - shift;
            unused[p] = 1;
        }
        grid_inside(g, d, count, r->index[i], unused);
        SIMD for (int64_t p = 0; p < count; p++) r->index[i][p] = grid_index(r->index[i][p], n);
    }
}

static void grid_taps(const GridSpec *g, int64_t count, const void *grid, Taps *t) {
    Near r;
    double at[GRID_PLACES], slope[GRID_PLACES];
    int m = 1;
    for (int64_t p = 0; p < count; p++) t->at[0][p] = 0, t->weight[0][p] = 1;
    for (int d = 0; d < g->n; d++) {
        const int from = g->n - 1 - d;
        const double n = (double)g->in[d];
        if (g->single) for (int64_t p = 0; p < count; p++) at[p] = (double)((const float *)grid)[p * g->n + from];
        else for (int64_t p = 0; p < count; p++) at[p] = ((const double *)grid)[p * g->n + from];
        grid_positions(g, d, count, at, slope);
        if (g->mode == GRID_BILINEAR) grid_linear(g, d, count, at, slope, &r);
        else if (g->mode == GRID_NEAREST) grid_nearest(g, d, count, at, slope, &r);
        else grid_cubic(g, d, count, at, slope, &r);
        for (int i = m * r.n - 1; i >= 0; i--) {      /* from the last on, so that what is still read is not written */
            const double *before = t->at[i / r.n], *weight = t->weight[i / r.n], *here = r.index[i % r.n], *by = r.weight[i % r.n];
            SIMD for (int64_t p = 0; p < count; p++) {
                double k = before[p] * n + here[p];
                k = before[p] < 0 ? -1 : k;
                t->at[i][p] = here[p] < 0 ? -1 : k;
                t->weight[i][p] = weight[p] * by[p];
            }
        }
        m *= r.n;
    }
    t->n = m;
}

#define GRID_LOOPS(T, tag)                                                                                                         \
    static void grid_read_##tag(const GridSpec *g, int64_t count, const void *grid, void *picture, void *values) {                \
        Taps t;                                                                                                                    \
        int32_t at[GRID_MOST][GRID_PLACES];                                                                                        \
        T weight[GRID_MOST][GRID_PLACES];                                                                                          \
        for (int64_t from = 0, m; from < count; from += m) {                                                                       \
            m = count - from < GRID_PLACES ? count - from : GRID_PLACES;                                                           \
            grid_taps(g, m, (const T *)grid + from * g->n, &t);                                                                    \
            const bool small = g->area <= INT32_MAX;                                                                               \
            for (int j = 0; j < t.n; j++)                                                                                          \
                SIMD for (int64_t p = 0; p < m; p++) at[j][p] = small ? (int32_t)t.at[j][p] : 0, weight[j][p] = (T)t.weight[j][p]; \
            for (int64_t c = 0; c < g->channels; c++) {                                                                            \
                const T *x = (const T *)picture + c * g->area;                                                                     \
                T *y = (T *)values + c * g->places + from, sum[GRID_PLACES] = {0};                                                 \
                for (int j = 0; j < t.n; j++)                                                                                      \
                    if (small)                                                                                                     \
                        SIMD for (int64_t p = 0; p < m; p++) {                                                                     \
                            int32_t k = at[j][p];                                                                                  \
                            T v = weight[j][p] * x[k < 0 ? 0 : k];                                                                 \
                            sum[p] += k < 0 ? 0 : v;                                                                               \
                        }                                                                                                          \
                    else for (int64_t p = 0; p < m; p++) sum[p] += t.at[j][p] < 0 ? 0 : weight[j][p] * x[(int64_t)t.at[j][p]];     \
                memcpy(y, sum, (size_t)m * sizeof *y);                                                                             \
            }                                                                                                                      \
        }                                                                                                                          \
    }                                                                                                                              \
    static void grid_write_##tag(const GridSpec *g, int64_t count, const void *grid, void *picture, void *values) {               \
        Taps t;                                                                                                                    \
        int64_t at[GRID_MOST][GRID_PLACES];                                                                                        \
        for (int64_t from = 0, m; from < count; from += m) {                                                                       \
            m = count - from < GRID_PLACES ? count - from : GRID_PLACES;                                                           \
            grid_taps(g, m, (const T *)grid + from * g->n, &t);                                                                    \
            for (int j = 0; j < t.n; j++)                                                                                          \
                SIMD for (int64_t p = 0; p < m; p++) at[j][p] = (int64_t)t.at[j][p];                                               \
            for (int64_t c = 0; c < g->channels; c++) {                                                                            \
                T *x = (T *)picture + c * g->area;                                                                                 \
                const T *y = (const T *)values + c * g->places + from;                                                             \
                for (int j = 0; j < t.n; j++)                                                                                      \
                    for (int64_t p = 0; p < m; p++)                                                                                \
                        if (at[j][p] >= 0) x[at[j][p]] += (T)t.weight[j][p] * y[p];                                                \
            }                                                                                                                      \
        }                                                                                                                          \
    }
GRID_LOOPS(float, f32) GRID_LOOPS(double, f64)
#undef GRID_LOOPS
