/* random.inc.c -- from random words to numbers, with the roundings of torch on x86: fused multiply-adds are written as such,
 * so that every instruction set gives the same bits. */

/* 24 bits of a word each; what rounds up to the upper bound becomes the lower one. */
static void uniform_f32(int64_t n, float *restrict y, const uint32_t *restrict words, float from, float to) {
    float width = to - from;
    if (from == 0 && to == 1) {
        SIMD for (int64_t i = 0; i < n; i++) y[i] = (float)(int32_t)(words[i] & 0xffffff) * 0x1p-24f;
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        float v = __builtin_fmaf((float)(int32_t)(words[i] & 0xffffff) * 0x1p-24f, width, from);
        y[i] = v == to ? from : v;
    }
}

static inline int64_t word53(const uint32_t *words) { return (int64_t)((uint64_t)words[0] << 32 | words[1]) & ((INT64_C(1) << 53) - 1); }

/* 53 bits of two words each, the first word being the upper half. */
static void uniform_f64(int64_t n, double *restrict y, const uint32_t *restrict words, double from, double to) {
    double width = to - from;
    for (int64_t i = 0; i < n; i++) {
        double v = __builtin_fma((double)word53(words + 2 * i) * 0x1p-53, width, from);
        y[i] = v == to ? from : v;
    }
}

static void bernoulli_f32(int64_t n, float *restrict y, const uint32_t *restrict words, int64_t limit) {
    for (int64_t i = 0; i < n; i++) y[i] = word53(words + 2 * i) < limit ? 1.0f : 0.0f;
}

/* ---- normal numbers, sixteen at a time: y holds uniforms, the first eight give the radius ------------------------------ */

static inline __attribute__((always_inline)) float log_of(float x) {     /* 2^-24 <= x <= 1 */
    union { float f; int32_t i; } u = {.f = x};
    int32_t e = (u.i >> 23) - 126;
    u.i = (u.i & 0x7fffff) | 0x3f000000;
    bool low = u.f < 0.707106781186547524f;
    float t = (u.f - 1.0f) + (low ? u.f : 0.0f), k = (float)(low ? e - 1 : e), z = t * t, y = 7.0376836292e-2f;
    y = __builtin_fmaf(y, t, -1.1514610310e-1f);
    y = __builtin_fmaf(y, t, 1.1676998740e-1f);
    y = __builtin_fmaf(y, t, -1.2420140846e-1f);
    y = __builtin_fmaf(y, t, 1.4249322787e-1f);
    y = __builtin_fmaf(y, t, -1.6668057665e-1f);
    y = __builtin_fmaf(y, t, 2.0000714765e-1f);
    y = __builtin_fmaf(y, t, -2.4999993993e-1f);
    y = __builtin_fmaf(y, t, 3.3333331174e-1f) * t;
    y = __builtin_fmaf(y, z, k * -2.12194440e-4f) - 0.5f * z;
    return __builtin_fmaf(k, 0.693359375f, t + y);
}

static inline __attribute__((always_inline)) void sine_and_cosine(float x, float *sine, float *cosine) {     /* 0 <= x < 2 pi */
    int32_t j = ((int32_t)(x * 1.27323954473516f) + 1) & ~1;
    float y = (float)j;
    x = __builtin_fmaf(y, -0.78515625f, x);
    x = __builtin_fmaf(y, -2.4187564849853515625e-4f, x);
    x = __builtin_fmaf(y, -3.77489497744594108e-8f, x);
    float z = x * x, c = 2.443315711809948e-5f, s = -1.9515295891e-4f;
    c = __builtin_fmaf(c, z, -1.388731625493765e-3f);
    c = __builtin_fmaf(c, z, 4.166664568298827e-2f) * z;
    c = __builtin_fmaf(c, z, -0.5f * z) + 1.0f;
    s = __builtin_fmaf(s, z, 8.3321608736e-3f);
    s = __builtin_fmaf(s, z, -1.6666654611e-1f) * z;
    s = __builtin_fmaf(s, x, x);
    float a = j & 2 ? c : s, b = j & 2 ? s : c;
    *sine = j & 4 ? -a : a;
    *cosine = (j - 2) & 4 ? b : -b;
}

static void normal16_f32(int64_t blocks, float *y, float mean, float std) {
    for (; blocks > 0; blocks--, y += 16) {
        SIMD for (int j = 0; j < 8; j++) {
            float r = __builtin_sqrtf(-2.0f * log_of(1.0f - y[j])), sine, cosine;
            sine_and_cosine(6.283185307179586f * y[j + 8], &sine, &cosine);
            y[j] = __builtin_fmaf(r * cosine, std, mean);
            y[j + 8] = __builtin_fmaf(r * sine, std, mean);
        }
    }
}

static void normal16_f64(int64_t blocks, double *y, double mean, double std) {
    for (; blocks > 0; blocks--, y += 16)
        for (int j = 0; j < 8; j++) {
            double r = sqrt(-2.0 * log(1.0 - y[j])), angle = 6.283185307179586 * y[j + 8];
            y[j] = __builtin_fma(r * cos(angle), std, mean);
            y[j + 8] = __builtin_fma(r * sin(angle), std, mean);
        }
}
