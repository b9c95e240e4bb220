/* fourier_passes.inc.c -- fourier.inc.c for T, float or double. */
typedef struct FN(Planes) { T *re, *im; } FN(Planes);

static FN(Planes) FN(turned)(FN(Planes) p) { return (FN(Planes)){p.im, p.re}; }

static void FN(fourier_roots)(int64_t n, void *re_, void *im_) {
    T *restrict re = re_, *restrict im = im_;
    int64_t made = n % 4 ? n / 2 : n / 4;
    SIMD for (int64_t k = 0; k <= made; k++) {
        double c, s;
        root_of_unity(k, n, &c, &s);
        re[k] = (T)c;
        im[k] = (T)s;
    }
    for (int64_t k = 1; made < n / 2 && k <= made; k++) re[made + k] = im[k], im[made + k] = -re[k];
    for (int64_t k = n / 2 + 1; k < n; k++) re[k] = re[n - k], im[k] = -im[n - k];
}

/* ---- passes: m butterflies over runs of s neighbours; `root` is the power of the first root that belongs to one step of p --------------- */

static void FN(fourier_by_2)(int64_t m, int64_t s, const Fourier *f, int64_t root, FN(Planes) x, FN(Planes) y) {
    for (int64_t p = 0; p < m; p++) {
        T wr = ((const T *)f->re)[p * root], wi = ((const T *)f->im)[p * root];
        const T *restrict ar = x.re + s * p, *restrict ai = x.im + s * p, *restrict br = ar + s * m, *restrict bi = ai + s * m;
        T *restrict ur = y.re + s * 2 * p, *restrict ui = y.im + s * 2 * p;
        SIMD for (int64_t q = 0; q < s; q++) {
            T r = ar[q] - br[q], i = ai[q] - bi[q];
            ur[q] = ar[q] + br[q], ui[q] = ai[q] + bi[q];
            ur[s + q] = r * wr - i * wi, ui[s + q] = r * wi + i * wr;
        }
    }
}

static void FN(fourier_by_4)(int64_t m, int64_t s, const Fourier *f, int64_t root, FN(Planes) x, FN(Planes) y) {
    const T *wr = f->re, *wi = f->im;
    for (int64_t p = 0; p < m; p++) {
        int64_t k = p * root;
        T vr = wr[k], vi = wi[k], v2r = wr[2 * k], v2i = wi[2 * k], v3r = wr[3 * k], v3i = wi[3 * k];
        const T *restrict xr = x.re + s * p, *restrict xi = x.im + s * p;
        T *restrict yr = y.re + s * 4 * p, *restrict yi = y.im + s * 4 * p;
        int64_t far = s * m;
        SIMD for (int64_t q = 0; q < s; q++) {
            T er = xr[q] + xr[q + 2 * far], ei = xi[q] + xi[q + 2 * far], gr = xr[q] - xr[q + 2 * far], gi = xi[q] - xi[q + 2 * far];
            T or = xr[q + far] + xr[q + 3 * far], oi = xi[q + far] + xi[q + 3 * far], hr = xi[q + far] - xi[q + 3 * far], hi = xr[q + 3 * far] - xr[q + far];
            T br = gr + hr, bi = gi + hi, cr = er - or, ci = ei - oi, dr = gr - hr, di = gi - hi;
            yr[q] = er + or, yi[q] = ei + oi;
            yr[q + s] = br * vr - bi * vi, yi[q + s] = br * vi + bi * vr;
            yr[q + 2 * s] = cr * v2r - ci * v2i, yi[q + 2 * s] = cr * v2i + ci * v2r;
            yr[q + 3 * s] = dr * v3r - di * v3i, yi[q + 3 * s] = dr * v3i + di * v3r;
        }
    }
}

/* Any odd radix r: places j and r - j enter by their sum and difference.  unit: the power of the first root that is an r-th root of unity. */
static inline __attribute__((always_inline)) void FN(fourier_by_odd)(int r, int64_t m, int64_t s, const Fourier *f, int64_t root, FN(Planes) x, FN(Planes) y) {
    const T *wr = f->re, *wi = f->im;
    int h = r / 2;
    int64_t far = s * m, unit = root * m;
    for (int64_t p = 0; p < m; p++) {
        const T *restrict xr = x.re + s * p, *restrict xi = x.im + s * p;
        T *restrict yr = y.re + s * r * p, *restrict yi = y.im + s * r * p;
        SIMD for (int64_t q = 0; q < s; q++) {
            T sr[FOURIER_PRIME / 2], si[FOURIER_PRIME / 2], dr[FOURIER_PRIME / 2], di[FOURIER_PRIME / 2], tr = xr[q], ti = xi[q];
            for (int j = 0; j < h; j++) {
                int64_t a = q + (j + 1) * far, b = q + (r - 1 - j) * far;
                sr[j] = xr[a] + xr[b], si[j] = xi[a] + xi[b], dr[j] = xr[a] - xr[b], di[j] = xi[a] - xi[b];
                tr += sr[j], ti += si[j];
            }
            yr[q] = tr, yi[q] = ti;
            for (int k = 1; k <= h; k++) {
                T er = xr[q], ei = xi[q], gr = 0, gi = 0;
                for (int j = 0; j < h; j++) {
                    int64_t at = (j + 1) * k % r * unit;
                    er += sr[j] * wr[at], ei += si[j] * wr[at], gr -= di[j] * wi[at], gi += dr[j] * wi[at];
                }
                int64_t up = p * root * k, down = p * root * (r - k);
                T ar = er + gr, ai = ei + gi, br = er - gr, bi = ei - gi;
                yr[q + k * s] = ar * wr[up] - ai * wi[up], yi[q + k * s] = ar * wi[up] + ai * wr[up];
                yr[q + (r - k) * s] = br * wr[down] - bi * wi[down], yi[q + (r - k) * s] = br * wi[down] + bi * wr[down];
            }
        }
    }
}

static void FN(fourier_by_3)(int64_t m, int64_t s, const Fourier *f, int64_t root, FN(Planes) x, FN(Planes) y) { FN(fourier_by_odd)(3, m, s, f, root, x, y); }
static void FN(fourier_by_5)(int64_t m, int64_t s, const Fourier *f, int64_t root, FN(Planes) x, FN(Planes) y) { FN(fourier_by_odd)(5, m, s, f, root, x, y); }
static void FN(fourier_by_7)(int64_t m, int64_t s, const Fourier *f, int64_t root, FN(Planes) x, FN(Planes) y) { FN(fourier_by_odd)(7, m, s, f, root, x, y); }
static __attribute__((noinline)) void FN(fourier_by_prime)(int r, int64_t m, int64_t s, const Fourier *f, int64_t root, FN(Planes) x, FN(Planes) y) {
    FN(fourier_by_odd)(r, m, s, f, root, x, y);
}

/* The factors from `first` up to `last`, which make n, of `lines` neighbours; step: the power of the first root that is an n-th root of
 * unity.  Afterwards a holds the result. */
static void FN(fourier_passes)(const Fourier *f, int first, int last, int64_t n, int64_t step, int64_t lines, FN(Planes) *a, FN(Planes) *b) {
    int64_t s = lines;
    for (int i = first; i < last; i++) {
        int r = f->radix[i];
        int64_t m = n / r;
        switch (r) {
        case 2: FN(fourier_by_2)(m, s, f, step, *a, *b); break;
        case 3: FN(fourier_by_3)(m, s, f, step, *a, *b); break;
        case 4: FN(fourier_by_4)(m, s, f, step, *a, *b); break;
        case 5: FN(fourier_by_5)(m, s, f, step, *a, *b); break;
        case 7: FN(fourier_by_7)(m, s, f, step, *a, *b); break;
        default: FN(fourier_by_prime)(r, m, s, f, step, *a, *b);
        }
        FN(Planes) swap = *a;
        *a = *b, *b = swap;
        n = m, s *= r, step *= r;
    }
}

/* y[j][k] = x[k][j] times root j k, tile by tile. */
static void FN(fourier_turn)(const Fourier *f, int64_t rows, int64_t columns, FN(Planes) x, FN(Planes) y) {
    const T *restrict wr = f->re, *restrict wi = f->im;
    for (int64_t j0 = 0; j0 < columns; j0 += FOURIER_TILE)
        for (int64_t k0 = 0; k0 < rows; k0 += FOURIER_TILE)
            for (int64_t j = j0; j < columns && j < j0 + FOURIER_TILE; j++) {
                int64_t count = rows - k0 < FOURIER_TILE ? rows - k0 : FOURIER_TILE, step = j * f->step;
                const T *restrict xr = x.re + k0 * columns + j, *restrict xi = x.im + k0 * columns + j;
                T *restrict yr = y.re + j * rows + k0, *restrict yi = y.im + j * rows + k0;
                SIMD for (int64_t k = 0; k < count; k++) {
                    T a = xr[k * columns], b = xi[k * columns], c = wr[(k0 + k) * step], d = wi[(k0 + k) * step];
                    yr[k] = a * c - b * d, yi[k] = a * d + b * c;
                }
            }
}

static void FN(fourier_smooth)(const Fourier *f, int64_t lines, FN(Planes) *a, FN(Planes) *b) {
    int64_t rows = 1;
    int cut = 0;
    if (lines == 1 && f->n >= FOURIER_LONG)
        while (rows * rows < f->n) rows *= f->radix[cut++];
    if (cut == 0 || cut == f->count) {
        FN(fourier_passes)(f, 0, f->count, f->n, f->step, lines, a, b);
        return;
    }
    int64_t columns = f->n / rows;
    FN(fourier_passes)(f, 0, cut, rows, f->step * columns, columns, a, b);
    FN(fourier_turn)(f, rows, columns, *a, *b);
    FN(Planes) swap = *a;
    *a = *b, *b = swap;
    FN(fourier_passes)(f, cut, f->count, columns, f->step * rows, rows, a, b);
}

/* ---- sizes with a large prime factor: k j = (k^2 + j^2 - (k - j)^2) / 2 makes a convolution of it ---------------------------------------- */

static void FN(fourier_times)(int64_t n, FN(Planes) y, FN(Planes) x, const T *c, const T *d) {
    SIMD for (int64_t k = 0; k < n; k++) {
        T re = x.re[k] * c[k] - x.im[k] * d[k];
        y.im[k] = x.re[k] * d[k] + x.im[k] * c[k];
        y.re[k] = re;
    }
}

/* Fills chirp and filter of f, whose roots are of order 2 n; room for two planes of the wide size. */
static void FN(fourier_chirp)(const Fourier *f, void *room) {
    int64_t n = f->n, m = f->wide->n, place = 0;
    const T *re = f->re, *im = f->im;
    T *c = f->chirp, *d = c + n;
    FN(Planes) filter = {f->filter, (T *)f->filter + m}, a = filter, b = {room, (T *)room + m};
    memset(f->filter, 0, (size_t)(2 * m) * sizeof(T));
    for (int64_t j = 0; j < n; j++) {
        c[j] = re[place], d[j] = im[place];
        filter.re[j] = filter.re[j ? m - j : 0] = c[j] / (T)m;
        filter.im[j] = filter.im[j ? m - j : 0] = -d[j] / (T)m;
        place = (place + 2 * j + 1) % (2 * n);
    }
    FN(fourier_smooth)(f->wide, 1, &a, &b);
    if (a.re == filter.re) return;
    memcpy(filter.re, a.re, (size_t)m * sizeof(T));
    memcpy(filter.im, a.im, (size_t)m * sizeof(T));
}

static void FN(fourier_convolved)(const Fourier *f, FN(Planes) x) {
    int64_t n = f->n, m = f->wide->n;
    const T *c = f->chirp, *d = c + n, *filter = f->filter;
    T *room = x.re + 4 * fourier_plane(n, 1);
    FN(Planes) a = {room, room + m}, b = {room + 2 * m, room + 3 * m};
    memset(room, 0, (size_t)(2 * m) * sizeof(T));
    FN(fourier_times)(n, a, x, c, d);
    FN(fourier_smooth)(f->wide, 1, &a, &b);
    FN(fourier_times)(m, a, a, filter, filter + m);
    a = FN(turned)(a), b = FN(turned)(b);
    FN(fourier_smooth)(f->wide, 1, &a, &b);
    FN(fourier_times)(n, x, FN(turned)(a), c, d);
}

static void FN(fourier_planes)(const Fourier *f, int64_t lines, FN(Planes) *a, FN(Planes) *b) {
    if (f->wide) FN(fourier_convolved)(f, *a);
    else FN(fourier_smooth)(f, lines, a, b);
}

/* ---- in and out ------------------------------------------------------------------------------------------------------------------------- */

/* Complex numbers `step` apart into two planes, `to` apart; and back, times scale. */
static inline __attribute__((always_inline)) void FN(fourier_split_by)(int64_t n, const T *restrict x, int64_t step, T *restrict re, T *restrict im, int64_t to) {
    for (int64_t k = 0; k < n; k++) re[k * to] = x[2 * k * step], im[k * to] = x[2 * k * step + 1];
}
static void FN(fourier_split)(int64_t n, const T *x, int64_t step, T *re, T *im, int64_t to) {
    if (step == 1 && to == 1) FN(fourier_split_by)(n, x, 1, re, im, 1);
    else FN(fourier_split_by)(n, x, step, re, im, to);
}
static inline __attribute__((always_inline)) void FN(fourier_join_by)(int64_t n, T *restrict y, int64_t step, const T *restrict re, const T *restrict im, int64_t from, T scale) {
    for (int64_t k = 0; k < n; k++) y[2 * k * step] = re[k * from] * scale, y[2 * k * step + 1] = im[k * from] * scale;
}
static void FN(fourier_join)(int64_t n, T *y, int64_t step, const T *re, const T *im, int64_t from, T scale) {
    if (step == 1 && from == 1) FN(fourier_join_by)(n, y, 1, re, im, 1, scale);
    else FN(fourier_join_by)(n, y, step, re, im, from, scale);
}

/* n places of each line; the shorter stride runs inside. */
static void FN(fourier_load)(int64_t n, const FourierLines *l, const T *x, FN(Planes) a) {
    if (l->x_line < l->x_step)
        for (int64_t j = 0; j < n; j++) FN(fourier_split)(l->lines, x + 2 * j * l->x_step, l->x_line, a.re + j * l->lines, a.im + j * l->lines, 1);
    else
        for (int64_t i = 0; i < l->lines; i++) FN(fourier_split)(n, x + 2 * i * l->x_line, l->x_step, a.re + i, a.im + i, l->lines);
}
static void FN(fourier_store)(int64_t n, const FourierLines *l, T *y, FN(Planes) a, T scale) {
    if (l->y_line < l->y_step)
        for (int64_t j = 0; j < n; j++) FN(fourier_join)(l->lines, y + 2 * j * l->y_step, l->y_line, a.re + j * l->lines, a.im + j * l->lines, 1, scale);
    else
        for (int64_t i = 0; i < l->lines; i++) FN(fourier_join)(n, y + 2 * i * l->y_line, l->y_step, a.re + i, a.im + i, l->lines, scale);
}

#define FOURIER_ROOM                                                                                                                       \
    int64_t plane = fourier_plane(f->n, l->lines);                                                                                          \
    FN(Planes) a = {room, (T *)room + plane}, b = {(T *)room + 2 * plane, (T *)room + 3 * plane};

static void FN(fourier_complex)(const Fourier *f, const FourierLines *l, const void *x, void *y, void *room) {
    FOURIER_ROOM
    FN(fourier_load)(f->n, l, x, l->inverse ? FN(turned)(a) : a);
    FN(fourier_planes)(f, l->lines, &a, &b);
    FN(fourier_store)(f->n, l, y, l->inverse ? FN(turned)(a) : a, (T)l->scale);
}

/* The transform x of pairs (even place, odd place) at k and at n / 2 - k, and w, the k-th root: the transform of all places at k. */
VM void FN(fourier_unpair)(T xr, T xi, T cr, T ci, T wr, T wi, T *re, T *im) {
    T er = xr + cr, ei = xi - ci, or = xr - cr, oi = xi + ci;
    *re = (T)0.5 * (er + wr * oi + wi * or);
    *im = (T)0.5 * (ei - wr * or + wi * oi);
}
/* The way back, twice as large. */
VM void FN(fourier_pair)(T xr, T xi, T cr, T ci, T wr, T wi, T *re, T *im) {
    T er = xr + cr, ei = xi - ci, or = xr - cr, oi = xi + ci;
    *re = er - wr * oi + wi * or;
    *im = ei + wr * or + wi * oi;
}

/* y[k] of x[k] and x[h - k] for first <= k < end: over neighbouring lines, or over k for one line. */
#define FOURIER_PAIRS(name)                                                                                                                \
    static void FN(name##s)(const Fourier *f, int64_t v, int64_t first, int64_t end, FN(Planes) x, FN(Planes) y) {                          \
        const T *wr = f->re, *wi = f->im;                                                                                                   \
        int64_t h = f->n;                                                                                                                   \
        if (v == 1) {                                                                                                                       \
            SIMD for (int64_t k = first; k < end; k++) FN(name)(x.re[k], x.im[k], x.re[h - k], x.im[h - k], wr[k], wi[k], y.re + k, y.im + k); \
            return;                                                                                                                         \
        }                                                                                                                                   \
        for (int64_t k = first; k < end; k++) {                                                                                             \
            int64_t a = k * v, b = (h - k) * v;                                                                                             \
            SIMD for (int64_t i = 0; i < v; i++)                                                                                            \
                FN(name)(x.re[a + i], x.im[a + i], x.re[b + i], x.im[b + i], wr[k], wi[k], y.re + a + i, y.im + a + i);                      \
        }                                                                                                                                   \
    }
FOURIER_PAIRS(fourier_unpair)
FOURIER_PAIRS(fourier_pair)
#undef FOURIER_PAIRS

/* Real lines to the first n / 2 + 1 places of their spectrum, or to all of it. */
static void FN(fourier_real)(const Fourier *f, const FourierLines *l, const void *x_, void *y_, void *room) {
    int64_t n = l->n, v = l->lines, h = n / 2;
    const T *x = x_;
    T *y = y_;
    FOURIER_ROOM
    if (f->n == h) {
        FN(fourier_load)(h, l, x, a);
        FN(fourier_planes)(f, v, &a, &b);
        memcpy(a.re + h * v, a.re, (size_t)v * sizeof(T));          /* place h is place 0 */
        memcpy(a.im + h * v, a.im, (size_t)v * sizeof(T));
        FN(fourier_unpairs)(f, v, 0, h + 1, a, b);
        FN(Planes) swap = a;
        a = b, b = swap;
        for (int64_t i = 0; i < v; i++) a.im[i] = a.im[h * v + i] = 0;
    } else {
        for (int64_t i = 0; i < v; i++)
            for (int64_t j = 0; j < n; j++) a.re[j * v + i] = x[i * n + j], a.im[j * v + i] = 0;
        FN(fourier_planes)(f, v, &a, &b);
        for (int64_t i = 0; i < v; i++) a.im[i] = 0;
    }
    FN(fourier_store)(h + 1, l, y, a, (T)l->scale);
    if (!l->full) return;
    for (int64_t k = v; k < (h + 1) * v; k++) a.im[k] = -a.im[k];
    for (int64_t i = 0; i < v; i++) FN(fourier_join)((n - 1) / 2, y + 2 * (i * l->y_line + n - 1), -1, a.re + v + i, a.im + v + i, v, (T)l->scale);
}

/* The first n / 2 + 1 places of a spectrum to the real line that it belongs to: the inverse direction. */
static void FN(fourier_half)(const Fourier *f, const FourierLines *l, const void *x, void *y_, void *room) {
    int64_t n = l->n, v = l->lines, h = n / 2;
    T *y = y_, scale = (T)l->scale;
    FOURIER_ROOM
    FN(fourier_load)(h + 1, l, x, b);
    memset(b.im, 0, (size_t)v * sizeof(T));
    if (f->n == h) {
        memset(b.im + h * v, 0, (size_t)v * sizeof(T));
        FN(fourier_pairs)(f, v, 0, h, b, FN(turned)(a));
        FN(fourier_planes)(f, v, &a, &b);
        FN(fourier_store)(h, l, y, FN(turned)(a), scale);
        return;
    }
    for (int64_t k = 0; k < (h + 1) * v; k++) a.im[k] = b.re[k], a.re[k] = b.im[k];
    for (int64_t k = 1; k <= h; k++)
        for (int64_t i = 0; i < v; i++) a.im[(n - k) * v + i] = b.re[k * v + i], a.re[(n - k) * v + i] = -b.im[k * v + i];
    FN(fourier_planes)(f, v, &a, &b);
    for (int64_t i = 0; i < v; i++)
        for (int64_t j = 0; j < n; j++) y[i * n + j] = a.im[j * v + i] * scale;
}

#undef FOURIER_ROOM
#undef T
#undef TAG
