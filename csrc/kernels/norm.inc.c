/* norm.inc.c -- rows brought to mean 0 and variance 1, and the gradient of that; sums and squares of channels.
 *
 * Sums run in LANES separate parts (the rest of a row in FEW_LANES), which vectorises without reordering and is more exact than one running sum;
 * rows above LONGEST are summed piece by piece, the pieces in a double. */
enum { LANES = 64, FEW_LANES = 16, LONGEST = 32768 };

#define PIECE_SUM(T, from, to, EXPR)                                                                                    \
    ({                                                                                                                  \
        T lane_[LANES] = {0}, total_ = 0;                                                                               \
        int64_t i = (from);                                                                                             \
        for (; i + LANES <= (to); i += LANES) {                                                                         \
            SIMD for (int l = 0; l < LANES; l++) { int64_t j = i + l; lane_[l] += (EXPR); }                             \
        }                                                                                                               \
        for (int f = FEW_LANES; i - (from) >= LANES && f < LANES; f += FEW_LANES)                                       \
            for (int l = 0; l < FEW_LANES; l++) lane_[l] += lane_[f + l];                                               \
        for (; i + FEW_LANES <= (to); i += FEW_LANES) {                                                                 \
            SIMD for (int l = 0; l < FEW_LANES; l++) { int64_t j = i + l; lane_[l] += (EXPR); }                         \
        }                                                                                                               \
        for (; i < (to); i++) { int64_t j = i; lane_[0] += (EXPR); }                                                    \
        for (int l = 0; l < FEW_LANES; l++) total_ += lane_[l];                                                         \
        total_;                                                                                                         \
    })

#define LANE_SUM(T, n, EXPR)                                                                                            \
    ({                                                                                                                  \
        double whole_ = 0;                                                                                              \
        if (__builtin_expect((n) > LONGEST, 0))                                                                         \
            for (int64_t at_ = 0; at_ < (n); at_ += LONGEST)                                                            \
                whole_ += (double)PIECE_SUM(T, at_, (n) - at_ > LONGEST ? at_ + LONGEST : (n), EXPR);                   \
        (n) > LONGEST ? (T)whole_ : PIECE_SUM(T, 0, n, EXPR);                                                           \
    })

#define NORM(T, name)                                                                                                   \
    static void norm_rows_##name(int64_t rows, int64_t n, const char *x_, const char *w_, const char *b_, double eps, char *y_, char *mean_, char *scale_) { \
        const T *restrict x = (const T *)x_, *restrict w = (const T *)w_, *restrict b = (const T *)b_;                  \
        T *restrict y = (T *)y_, *mean = (T *)mean_, *scale = (T *)scale_;                                              \
        for (int64_t r = 0; r < rows; r++, x += n, y += n) {                                                            \
            T mu = LANE_SUM(T, n, x[j]) / (T)n;                                                                         \
            T var = LANE_SUM(T, n, (x[j] - mu) * (x[j] - mu)) / (T)n, s = (T)1 / (T)__builtin_sqrt((double)var + eps);  \
            mean[r] = mu;                                                                                               \
            scale[r] = s;                                                                                               \
            if (w && b) { SIMD for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mu) * s * w[i] + b[i]; }                  \
            else if (w) { SIMD for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mu) * s * w[i]; }                         \
            else { SIMD for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mu) * s; }                                       \
        }                                                                                                               \
    }                                                                                                                   \
    static void norm_rows_grad_##name(int64_t rows, int64_t n, const char *g_, const char *x_, const char *w_, const char *mean_, const char *scale_, char *dx_, char *dw_, char *db_) { \
        const T *restrict g = (const T *)g_, *restrict x = (const T *)x_, *restrict w = (const T *)w_;                  \
        const T *mean = (const T *)mean_, *scale = (const T *)scale_;                                                   \
        T *restrict dx = (T *)dx_, *restrict dw = (T *)dw_, *restrict db = (T *)db_;                                    \
        for (int64_t r = 0; r < rows; r++, x += n, g += n) {                                                            \
            T mu = mean[r], s = scale[r];                                                                               \
            if (dw) { SIMD for (int64_t i = 0; i < n; i++) dw[i] += g[i] * (x[i] - mu) * s; }                           \
            if (db) { SIMD for (int64_t i = 0; i < n; i++) db[i] += g[i]; }                                             \
            if (!dx) continue;                                                                                          \
            T sum, dot;                                                                                                 \
            if (w) sum = LANE_SUM(T, n, g[j] * w[j]), dot = LANE_SUM(T, n, g[j] * w[j] * (x[j] - mu));                  \
            else sum = LANE_SUM(T, n, g[j]), dot = LANE_SUM(T, n, g[j] * (x[j] - mu));                                  \
            T a = sum / (T)n, c = dot * s * s / (T)n;                                                                   \
            if (w) { SIMD for (int64_t i = 0; i < n; i++) dx[i] = s * (g[i] * w[i] - a - (x[i] - mu) * c); }            \
            else { SIMD for (int64_t i = 0; i < n; i++) dx[i] = s * (g[i] - a - (x[i] - mu) * c); }                     \
            dx += n;                                                                                                    \
        }                                                                                                               \
    }                                                                                                                   \
    static double lane_sum_##name(int64_t n, const char *x_) {                                                          \
        const T *restrict x = (const T *)x_;                                                                            \
        return (double)LANE_SUM(T, n, x[j]);                                                                            \
    }                                                                                                                   \
    static double lane_square_##name(int64_t n, const char *x_, double mean) {                                          \
        const T *restrict x = (const T *)x_;                                                                            \
        T mu = (T)mean;                                                                                                 \
        return (double)LANE_SUM(T, n, (x[j] - mu) * (x[j] - mu));                                                       \
    }                                                                                                                   \
    static double lane_dot_##name(int64_t n, const char *g_, const char *x_, double mean) {                             \
        const T *restrict g = (const T *)g_, *restrict x = (const T *)x_;                                               \
        T mu = (T)mean;                                                                                                 \
        return (double)LANE_SUM(T, n, g[j] * (x[j] - mu));                                                              \
    }                                                                                                                   \
    static void scale_shift_##name(int64_t n, const char *x_, double sub, double mul, double add, char *y_) {           \
        const T *restrict x = (const T *)x_;                                                                            \
        T *restrict y = (T *)y_, s = (T)sub, m = (T)mul, a = (T)add;                                                    \
        SIMD for (int64_t i = 0; i < n; i++) y[i] = (x[i] - s) * m + a;                                                 \
    }                                                                                                                   \
    /* sum of g, and of g (x - mean), in one pass */                                                                    \
    static void lane_sums_##name(int64_t n, const char *g_, const char *x_, double mean, double *sum, double *dot) {    \
        const T *restrict g = (const T *)g_, *restrict x = (const T *)x_;                                               \
        double all = 0, both = 0;                                                                                       \
        T mu = (T)mean;                                                                                                 \
        for (int64_t from = 0, to; from < n; from = to) {      /* pieces, so that errors do not grow with length */      \
            T a[FEW_LANES] = {0}, b[FEW_LANES] = {0};                                                                   \
            int64_t i = from;                                                                                           \
            to = n - from < SUM_LINE ? n : from + SUM_LINE;                                                             \
            for (; i + FEW_LANES <= to; i += FEW_LANES) {                                                               \
                SIMD for (int l = 0; l < FEW_LANES; l++) a[l] += g[i + l], b[l] += g[i + l] * (x[i + l] - mu);          \
            }                                                                                                           \
            for (; i < to; i++) all += (double)g[i], both += (double)(g[i] * (x[i] - mu));                              \
            for (int l = 0; l < FEW_LANES; l++) all += (double)a[l], both += (double)b[l];                              \
        }                                                                                                               \
        *sum = all, *dot = both;                                                                                        \
    }                                                                                                                   \
    /* Columns: rows x n, added to what is there: sums of the distance from the first row, and of its square. */         \
    static void column_sums_##name(int64_t rows, int64_t n, int64_t row, const char *x_, double *restrict sum, double *restrict square) { \
        for (int64_t j = 0, w; j < n; j += w) {                                                                         \
            const T *restrict shift = (const T *)x_ + j;                                                                \
            w = n - j < SUM_COLUMNS ? n - j : SUM_COLUMNS;                                                              \
            for (int64_t r = 0, h; r < rows; r += h) {                                                                  \
                T part[SUM_COLUMNS] = {0}, squares[SUM_COLUMNS] = {0};                                                  \
                h = rows - r < SUM_ROWS ? rows - r : SUM_ROWS;                                                          \
                for (int64_t k = r; k < r + h; k++) {                                                                   \
                    const T *restrict x = shift + k * row;                                                              \
                    SIMD for (int64_t q = 0; q < w; q++) { T d = x[q] - shift[q]; part[q] += d; squares[q] += d * d; }  \
                }                                                                                                       \
                SIMD for (int64_t q = 0; q < w; q++) sum[j + q] += (double)part[q], square[j + q] += (double)squares[q]; \
            }                                                                                                           \
        }                                                                                                               \
    }                                                                                                                   \
    static void column_dots_##name(int64_t rows, int64_t n, int64_t row, const char *g_, const char *x_, const double *restrict mean, double *restrict sum, double *restrict dot) { \
        for (int64_t r = 0; r < rows; r++) {                                                                            \
            const T *restrict g = (const T *)g_ + r * row, *restrict x = (const T *)x_ + r * row;                       \
            SIMD for (int64_t j = 0; j < n; j++) {                                                                      \
                double d = (double)g[j];                                                                                \
                sum[j] += d;                                                                                            \
                dot[j] += d * ((double)x[j] - mean[j]);                                                                 \
            }                                                                                                           \
        }                                                                                                               \
    }                                                                                                                   \
    /* y = (x - sub) mul + add, by column; with g: g mul + (x - sub) x_mul + add. */                                    \
    static void column_mix_##name(int64_t rows, int64_t n, const char *g_, const char *x_, const char *const *factor, char *y_) { \
        const T *restrict mul = (const T *)factor[0], *restrict x_mul = (const T *)factor[1], *restrict add = (const T *)factor[2], *restrict sub = (const T *)factor[3]; \
        for (int64_t r = 0; r < rows; r++) {                                                                            \
            const T *restrict g = (const T *)g_ + r * n, *restrict x = (const T *)x_ + r * n;                           \
            T *restrict y = (T *)y_ + r * n;                                                                            \
            if (g_) { SIMD for (int64_t j = 0; j < n; j++) y[j] = g[j] * mul[j] + (x[j] - sub[j]) * x_mul[j] + add[j]; } \
            else { SIMD for (int64_t j = 0; j < n; j++) y[j] = (x[j] - sub[j]) * mul[j] + add[j]; }                     \
        }                                                                                                               \
    }                                                                                                                   \
    static void channel_grad_##name(int64_t n, const char *g_, const char *x_, double sub, double mul, double x_mul, double add, char *dx_) { \
        const T *restrict g = (const T *)g_, *restrict x = (const T *)x_;                                               \
        T *restrict dx = (T *)dx_, s = (T)sub, m = (T)mul, k = (T)x_mul, a = (T)add;                                    \
        SIMD for (int64_t i = 0; i < n; i++) dx[i] = g[i] * m + (x[i] - s) * k + a;                                     \
    }
NORM(float, f32) NORM(double, f64)
#undef NORM
