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
    static void scale_shift_##name(int64_t n, const char *x_, double mul, double add, char *y_) {                       \
        const T *restrict x = (const T *)x_;                                                                            \
        T *restrict y = (T *)y_, m = (T)mul, a = (T)add;                                                                \
        SIMD for (int64_t i = 0; i < n; i++) y[i] = x[i] * m + a;                                                       \
    }                                                                                                                   \
    static void channel_grad_##name(int64_t n, const char *g_, const char *x_, double mul, double x_mul, double add, char *dx_) { \
        const T *restrict g = (const T *)g_, *restrict x = (const T *)x_;                                               \
        T *restrict dx = (T *)dx_, m = (T)mul, k = (T)x_mul, a = (T)add;                                                \
        SIMD for (int64_t i = 0; i < n; i++) dx[i] = g[i] * m + x[i] * k + a;                                           \
    }
NORM(float, f32) NORM(double, f64)
#undef NORM
