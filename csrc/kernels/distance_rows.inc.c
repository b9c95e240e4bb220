/* distance_rows.inc.c -- distance.inc.c for T, named TAG, with whole numbers BITS of its width. */
#define LANES ((int64_t)(64 / sizeof(T)))

typedef T FN(Far) __attribute__((vector_size(64)));
typedef BITS FN(Mask) __attribute__((vector_size(64)));
#define V FN(Far)
#define I FN(Mask)

/* Powers are worked many at a time, apart from the sums: y = |a - x|^p of rows of lanes, or rise by that with the sign of a - x. */
static __attribute__((noinline)) void FN(powers)(int64_t n, T *y, double p) {
    const T by = (T)p;
    SIMD for (int64_t i = 0; i < n; i++) y[i] = M(pow)(y[i], by);
}

static void FN(far_power)(int64_t rows, int64_t left, int64_t width, const T *x, const T *packed, double p, T *y, int64_t ldy) {
    T room[FAR_PART];
    for (int64_t r = 0; r < rows; r++, x += width, y += ldy) {
        T whole[LANES] = {0};
        for (int64_t k = 0, most = FAR_PART / LANES, m; k < width; k += m) {
            m = width - k < most ? width - k : most;
            for (int64_t q = 0; q < m; q++) SIMD for (int64_t i = 0; i < LANES; i++) room[q * LANES + i] = M(abs)(packed[(k + q) * LANES + i] - x[k + q]);
            FN(powers)(m * LANES, room, p);
            for (int64_t q = 0; q < m; q++) SIMD for (int64_t i = 0; i < LANES; i++) whole[i] += room[q * LANES + i];
        }
        FN(powers)(LANES, whole, 1 / p);
        memcpy(y, whole, (size_t)(left < LANES ? left : LANES) * sizeof *y);
    }
}

static void FN(slope_power)(int64_t rows, int64_t left, int64_t others, int64_t width, const T *x, const T *packed, const T *weight, int64_t ldw, double p, T *dx) {
    T room[FAR_PART], at[LANES] = {0};
    size_t bytes = (size_t)(left < LANES ? left : LANES) * sizeof *x;
    for (int64_t r = 0; r < rows; r++, x += width, dx += width, weight += ldw) {
        T whole[LANES] = {0};
        memcpy(at, x, bytes);
        for (int64_t j = 0, most = FAR_PART / LANES, m; j < others; j += m) {
            m = others - j < most ? others - j : most;
            for (int64_t q = 0; q < m; q++) SIMD for (int64_t i = 0; i < LANES; i++) room[q * LANES + i] = M(abs)(at[i] - packed[(j + q) * LANES + i]);
            FN(powers)(m * LANES, room, p - 1);
            for (int64_t q = 0; q < m; q++)
                SIMD for (int64_t i = 0; i < LANES; i++) {
                    T gap = at[i] - packed[(j + q) * LANES + i], rise = weight[j + q] * room[q * LANES + i];
                    whole[i] += gap > 0 ? rise : gap < 0 ? -rise : gap != gap ? gap : 0;
                }
        }
        memcpy(dx, whole, bytes);
    }
}

#ifndef __clang__
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif
FAR_INLINE V FN(size_of)(V gap) { return (V)((I)gap & ~(I)(-(V){0})); }
FAR_INLINE V FN(choose)(I mask, V a, V b) { return (V)(((I)a & mask) | ((I)b & ~mask)); }

/* What one coordinate adds to a sum. */
FAR_INLINE V FN(with_gap)(const int order, V sum, V gap) {
    FAR_FUSED
    V size = FN(size_of)(gap);
    if (order == FAR_EUCLID) return sum + gap * gap;
    if (order == FAR_CITY) return sum + size;
    if (order == FAR_COUNT) return sum + (V)(((I)((V){0} + 1) & (gap != 0)) | ((I)gap & (gap != gap)));
    return FN(choose)((size > sum) | (size != size), size, sum);
}

/* `rows` and `order` are constants where this is inlined. */
FAR_INLINE void FN(far_rows)(const int rows, const int order, int64_t left, int64_t width, const T *x, const T *packed, T *y, int64_t ldy) {
    V whole[FAR_ROWS] = {0}, sum[FAR_ROWS], b;
    for (int64_t k = 0; k < width;) {
        int64_t end = width - k > FAR_PART ? k + FAR_PART : width;
        for (int r = 0; r < rows; r++) sum[r] = (V){0};
        for (; k < end; k++) {
            memcpy(&b, packed + k * LANES, sizeof b);
            _Pragma("GCC unroll 16") for (int r = 0; r < rows; r++) sum[r] = FN(with_gap)(order, sum[r], b - x[r * width + k]);
        }
        for (int r = 0; r < rows; r++) whole[r] = order == FAR_MOST ? FN(with_gap)(order, whole[r], sum[r]) : whole[r] + sum[r];
    }
    for (int r = 0; r < rows; r++, y += ldy) {
        T lane[LANES];
        memcpy(lane, &whole[r], sizeof lane);
        if (order == FAR_EUCLID) SIMD for (int64_t i = 0; i < LANES; i++) lane[i] = M(sqrt)(lane[i]);
        memcpy(y, lane, (size_t)(left < LANES ? left : LANES) * sizeof *lane);
    }
}

FAR_INLINE void FN(far_order)(const int order, int64_t rows, int64_t left, int64_t width, const T *x, const T *packed, T *y, int64_t ldy) {
    int64_t r = 0;
    for (; r + FAR_ROWS <= rows; r += FAR_ROWS) FN(far_rows)(FAR_ROWS, order, left, width, x + r * width, packed, y + r * ldy, ldy);
    for (; r < rows; r++) FN(far_rows)(1, order, left, width, x + r * width, packed, y + r * ldy, ldy);
}

static void FN(far_euclid)(int64_t rows, int64_t left, int64_t width, const T *x, const T *packed, T *y, int64_t ldy) {
    FN(far_order)(FAR_EUCLID, rows, left, width, x, packed, y, ldy);
}

static void FN(distances)(int64_t rows, int64_t columns, int64_t width, const void *from, const void *to, double p, void *result, int64_t ldy) {
    const T *x = from;
    for (int64_t j = 0; j < columns; j += LANES) {
        const T *packed = (const T *)to + j * width;
        T *y = (T *)result + j;
        switch (order_of(p)) {
        case FAR_EUCLID: FN(far_euclid)(rows, columns - j, width, x, packed, y, ldy); break;
        case FAR_CITY: FN(far_order)(FAR_CITY, rows, columns - j, width, x, packed, y, ldy); break;
        case FAR_COUNT: FN(far_order)(FAR_COUNT, rows, columns - j, width, x, packed, y, ldy); break;
        case FAR_MOST: FN(far_order)(FAR_MOST, rows, columns - j, width, x, packed, y, ldy); break;
        default: FN(far_power)(rows, columns - j, width, x, packed, p, y, ldy);
        }
    }
}

/* ---- slopes ---- */

/* How a distance, of which the weight is what is left, rises with one coordinate. */
FAR_INLINE V FN(rise)(const int order, V gap, T distance) {
    if (order == FAR_EUCLID) return gap;
    V one = (V){0} + 1, sign = (V)((I)one & (gap > 0)) - (V)((I)one & (gap < 0));
    if (order == FAR_CITY) return sign;
    return (V)((I)sign & (FN(size_of)(gap) == distance));
}

FAR_INLINE void FN(slope_rows)(const int rows, const int order, int64_t left, int64_t others, int64_t width, const T *x, const T *packed, const T *weight, const T *distance, int64_t ldw, T *dx) {
    FAR_FUSED
    V at[FAR_ROWS] = {0}, whole[FAR_ROWS] = {0}, sum[FAR_ROWS], b;
    size_t bytes = (size_t)(left < LANES ? left : LANES) * sizeof(T);
    for (int r = 0; r < rows; r++) memcpy(&at[r], x + r * width, bytes);
    for (int64_t j = 0; j < others;) {
        int64_t end = others - j > FAR_PART ? j + FAR_PART : others;
        for (int r = 0; r < rows; r++) sum[r] = (V){0};
        for (; j < end; j++) {
            memcpy(&b, packed + j * LANES, sizeof b);
            _Pragma("GCC unroll 16") for (int r = 0; r < rows; r++) sum[r] += weight[r * ldw + j] * FN(rise)(order, at[r] - b, order == FAR_MOST ? distance[r * ldw + j] : 0);
        }
        for (int r = 0; r < rows; r++) whole[r] += sum[r];
    }
    for (int r = 0; r < rows; r++) memcpy(dx + r * width, &whole[r], bytes);
}

FAR_INLINE void FN(slope_order)(const int order, int64_t rows, int64_t left, int64_t others, int64_t width, const T *x, const T *packed, const T *weight, const T *distance, int64_t ldw, T *dx) {
    int64_t r = 0;
    for (; r + FAR_ROWS <= rows; r += FAR_ROWS) FN(slope_rows)(FAR_ROWS, order, left, others, width, x + r * width, packed, weight + r * ldw, distance + r * ldw, ldw, dx + r * width);
    for (; r < rows; r++) FN(slope_rows)(1, order, left, others, width, x + r * width, packed, weight + r * ldw, distance + r * ldw, ldw, dx + r * width);
}

static void FN(slope_euclid)(int64_t rows, int64_t left, int64_t others, int64_t width, const T *x, const T *packed, const T *weight, int64_t ldw, T *dx) {
    FN(slope_order)(FAR_EUCLID, rows, left, others, width, x, packed, weight, weight, ldw, dx);
}

static void FN(distance_slopes)(int64_t rows, int64_t others, int64_t width, const void *from, const void *to, const void *weights, const void *distances, int64_t ldw, double p, void *result) {
    const T *weight = weights, *distance = distances;
    for (int64_t k = 0; k < width; k += LANES) {
        const T *x = (const T *)from + k, *packed = (const T *)to + k * others;
        T *dx = (T *)result + k;
        switch (order_of(p)) {
        case FAR_EUCLID: FN(slope_euclid)(rows, width - k, others, width, x, packed, weight, ldw, dx); break;
        case FAR_CITY: FN(slope_order)(FAR_CITY, rows, width - k, others, width, x, packed, weight, distance, ldw, dx); break;
        case FAR_MOST: FN(slope_order)(FAR_MOST, rows, width - k, others, width, x, packed, weight, distance, ldw, dx); break;
        default: FN(slope_power)(rows, width - k, others, width, x, packed, weight, ldw, p, dx);
        }
    }
}

#ifndef __clang__
#pragma GCC pop_options
#endif
#undef T
#undef BITS
#undef TAG
#undef NAMESPACE
#undef V
#undef I
#undef LANES
