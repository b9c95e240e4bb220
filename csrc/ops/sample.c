/* sample.c -- fills tensors with random numbers, bit for bit those of torch on x86-64 with the same seed.
 *
 * One serial stream of words; elements are visited as they lie in memory, largest stride outermost.  What is drawn for one
 * element depends on the operation and dtype alone, but for normal_: from 16 contiguous elements on it works in blocks of 16. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 1024 };             /* elements made from words at a time */

/* ---- where to write ------------------------------------------------------------------------------------------------- */

/* The tensor with its dims in the order of memory. */
static Tensor *in_memory_order(Tensor *t) {
    if (!t || rl_is_contiguous(t)) return t;
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    for (int i = 0; i < t->ndim; i++) {
        int k = i;
        for (; k > 0 && stride[k - 1] < t->stride[i]; k--) shape[k] = shape[k - 1], stride[k] = stride[k - 1];
        shape[k] = t->shape[i];
        stride[k] = t->stride[i];
    }
    return rl_view(t, t->ndim, shape, stride, t->offset);
}

/* The same memory as reals: complex numbers become two along a new last dim. */
static Tensor *as_reals(Tensor *t) {
    if (!t || !rl_dtype_is(t->dtype, CLASS_COMPLEX)) return t;
    int64_t shape[RL_MAX_DIMS + 1], stride[RL_MAX_DIMS + 1];
    if (t->ndim == RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "too many dimensions for complex random numbers: %d", t->ndim);
    for (int i = 0; i < t->ndim; i++) shape[i] = t->shape[i], stride[i] = 2 * t->stride[i];
    shape[t->ndim] = 2;
    stride[t->ndim] = 1;
    return rl_view_dtype(t, rl_to_real(t->dtype), t->ndim + 1, shape, stride, 2 * t->offset);
}

typedef struct Draw Draw;
struct Draw {                      /* fills n elements of the working dtype in a row */
    void (*fill)(const Draw *d, int64_t n, void *p);
    Generator *g;
    double a, b;
    int64_t from;
    uint64_t range;
};

static void draw_floats(const Draw *d, int64_t n, float *y) {
    double some[CHUNK];
    for (; n > 0; y += CHUNK, n -= CHUNK) {
        int64_t m = n < CHUNK ? n : CHUNK;
        d->fill(d, m, some);
        for (int64_t i = 0; i < m; i++) y[i] = (float)some[i];
    }
}

/* Draws in the working dtype, into t itself where it has that dtype and lies in a row. */
static Tensor *draw_into(Tensor *t, Dtype work, const Draw *d) {
    if (work == RL_FLOAT64 && t->dtype == RL_FLOAT32 && rl_is_contiguous(t)) {
        draw_floats(d, t->numel, rl_data(t));
        return t;
    }
    Scope scope = rl_scope_open();
    Tensor *to = in_memory_order(t), *from = to && to->dtype == work && rl_is_contiguous(to) ? to : to ? rl_empty(to->ndim, to->shape, work) : NULL;
    if (from) d->fill(d, from->numel, rl_data(from));
    bool done = from && (from == to || rl_copy_into(to, from));
    rl_scope_close(scope);
    return done ? t : NULL;
}

static bool refuse(Tensor *t, int classes, const char *name) {
    return (rl_dtype_is(t->dtype, classes) && (!rl_is_bare(t->dtype) || classes & CLASS_BARE)) || rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", name, rl_dtypes[t->dtype].word);
}

/* ---- uniform -------------------------------------------------------------------------------------------------------- */

static void fill_uniform_f32(const Draw *d, int64_t n, void *p) {
    uint32_t words[CHUNK];
    for (float *y = p; n > 0; y += CHUNK, n -= CHUNK) {
        int64_t m = n < CHUNK ? n : CHUNK;
        rl_random_fill32(d->g, words, m);
        rl_kernels->uniform_f32(m, y, words, (float)d->a, (float)d->b);
    }
}

static void fill_uniform_f64(const Draw *d, int64_t n, void *p) {
    uint32_t words[2 * CHUNK];
    for (double *y = p; n > 0; y += CHUNK, n -= CHUNK) {
        int64_t m = n < CHUNK ? n : CHUNK;
        rl_random_fill32(d->g, words, 2 * m);
        rl_kernels->uniform_f64(m, y, words, d->a, d->b);
    }
}

/* A half that rounding has put on the upper bound becomes the lower one. */
static bool mend_upper_bound(Tensor *t, double from, double to) {
    Tensor *low = rl_scalar(t->dtype, &(Arg){.tag = A_FLOAT, .f = from}), *high = rl_scalar(t->dtype, &(Arg){.tag = A_FLOAT, .f = to});
    if (!low || !high) return false;
    uint16_t a = *(uint16_t *)rl_data(low), b = *(uint16_t *)rl_data(high), *p = rl_data(t);
    for (int64_t i = 0; i < t->numel; i++)
        if (p[i] == b) p[i] = a;
    return true;
}

static Tensor *uniform_halves(Tensor *t, const Draw *d) {
    Tensor *row = rl_empty(1, &t->numel, t->dtype);
    if (!row || !draw_into(row, RL_FLOAT32, d) || !mend_upper_bound(row, d->a, d->b)) return NULL;
    Tensor *to = in_memory_order(t);
    return to && rl_copy_into(to, rl_reshape(row, to->ndim, to->shape)) ? t : NULL;
}

static double largest(Dtype dtype) {
    return dtype == RL_FLOAT16 ? 65504 : dtype == RL_BFLOAT16 ? 0x1.fep127 : dtype == RL_FLOAT32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
}

static bool bounds_fit(Tensor *t, double from, double to) {
    double most = largest(t->dtype);
    if (!(from >= -most && from <= most)) return rl_fail(RL_RUNTIME_ERROR, "from is out of bounds for %s: %g", rl_dtypes[t->dtype].name, from);
    if (!(to >= -most && to <= most)) return rl_fail(RL_RUNTIME_ERROR, "to is out of bounds for %s: %g", rl_dtypes[t->dtype].name, to);
    if (from > to) return rl_fail(RL_RUNTIME_ERROR, "uniform_ expects to return a [from, to) range, but found from=%g > to=%g", from, to);
    if (to - from > most)
        return rl_fail(RL_RUNTIME_ERROR, "uniform_ expects to-from <= std::numeric_limits<%s>::max(), but found to=%g and from=%g which result in to-from to exceed the limit", rl_dtypes[t->dtype].name, to, from);
    return true;
}

static Tensor *fill_uniform(Tensor *t, Generator *g, double from, double to) {
    if (!t || !refuse(t, CLASS_INEXACT, "check_uniform_bounds")) return NULL;
    Tensor *r = as_reals(t);
    if (!r || !bounds_fit(r, from, to)) return NULL;
    Draw d = {r->dtype == RL_FLOAT64 ? fill_uniform_f64 : fill_uniform_f32, g, from, to, 0, 0};
    if (rl_dtype_is(r->dtype, CLASS_HALF)) return uniform_halves(r, &d) ? t : NULL;
    return draw_into(r, r->dtype, &d) ? t : NULL;
}

/* ---- normal --------------------------------------------------------------------------------------------------------- */

static double uniform_double(Generator *g) { return (double)(rl_random64(g) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53; }

/* Box and Muller's pair: one now, one kept for the next call. */
static double next_normal(Generator *g) {
    if (g->has_next_normal_double) {
        g->has_next_normal_double = false;
        return g->next_normal_double;
    }
    double u1 = uniform_double(g), u2 = uniform_double(g), r = sqrt(-2.0 * log1p(-u2)), angle = 6.283185307179586 * u1;
    g->has_next_normal_double = true;
    g->next_normal_double = r * sin(angle);
    return r * cos(angle);
}

static void fill_normal_one_by_one(const Draw *d, int64_t n, void *p) {
    double *y = p;
    for (int64_t i = 0; i < n; i++) y[i] = fma(next_normal(d->g), d->b, d->a);
}

static void fill_normal16_f32(const Draw *d, int64_t n, void *p) {
    Draw u = {fill_uniform_f32, d->g, 0, 1, 0, 0};
    float *y = p, *last = y + n - 16;
    fill_uniform_f32(&u, n, y);
    rl_kernels->normal16_f32(n / 16, y, (float)d->a, (float)d->b);
    if (n % 16 == 0) return;
    fill_uniform_f32(&u, 16, last);
    rl_kernels->normal16_f32(1, last, (float)d->a, (float)d->b);
}

static void fill_normal16_f64(const Draw *d, int64_t n, void *p) {
    Draw u = {fill_uniform_f64, d->g, 0, 1, 0, 0};
    double *y = p, *last = y + n - 16;
    fill_uniform_f64(&u, n, y);
    rl_kernels->normal16_f64(n / 16, y, d->a, d->b);
    if (n % 16 == 0) return;
    fill_uniform_f64(&u, 16, last);
    rl_kernels->normal16_f64(1, last, d->a, d->b);
}

/* Halves: no words are drawn for what follows the last full block until that block is drawn anew. */
static void fill_normal16_half(const Draw *d, int64_t n, void *p) {
    float *y = p;
    Draw whole = *d;
    fill_normal16_f32(&whole, n / 16 * 16, y);
    if (n % 16) fill_normal16_f32(&whole, 16, y + n - 16);
}

static Tensor *fill_normal(Tensor *t, Generator *g, double mean, double std) {
    if (!t || !refuse(t, CLASS_INEXACT, "normal_kernel_cpu")) return NULL;
    if (!(std >= 0)) return rl_fail(RL_RUNTIME_ERROR, "normal expects std >= 0.0, but found std %g", std);
    Tensor *r = as_reals(t);
    if (!r) return NULL;
    if (r != t) std /= sqrt(2.0);
    Draw d = {fill_normal_one_by_one, g, mean, std, 0, 0};
    if (r->numel < 16 || !rl_is_contiguous(r)) return draw_into(r, RL_FLOAT64, &d) ? t : NULL;
    bool half = rl_dtype_is(r->dtype, CLASS_HALF);
    d.fill = half ? fill_normal16_half : r->dtype == RL_FLOAT64 ? fill_normal16_f64 : fill_normal16_f32;
    return draw_into(r, half ? RL_FLOAT32 : r->dtype, &d) ? t : NULL;
}

static bool no_negative(Tensor *std) {
    Tensor *flat = rl_contiguous(rl_cast(std, RL_FLOAT64));
    if (!flat) return false;
    const double *p = rl_data(flat);
    for (int64_t i = 0; i < flat->numel; i++)
        if (!(p[i] >= 0)) return rl_fail(RL_RUNTIME_ERROR, "normal expects all elements of std >= 0.0, but element %" PRId64 " is %g", i, p[i]);
    return true;
}

/* A result of the broadcast shape of both, of the dtype of the first. */
static Tensor *result_for(Call *c, Tensor *a, Tensor *b) {
    int64_t shape[RL_MAX_DIMS];
    int ndim = 0;
    if (!rl_broadcast_shapes(&ndim, shape, a) || (b && !rl_broadcast_shapes(&ndim, shape, b))) return NULL;
    return rl_out(c, 0, ndim, shape, a->dtype);
}

/* mean and std may be tensors: standard normal numbers, scaled and shifted in two rounded steps. */
static Tensor *normal_forward(Call *c) {
    Arg *a = c->arg;
    Generator *g = rl_generator_of(&a[2]);
    Tensor *mean = rl_arg_tensor(c, 0), *std = rl_arg_tensor(c, 1);
    if (std && rl_dtype_is(std->dtype, CLASS_COMPLEX)) return rl_fail(RL_RUNTIME_ERROR, "normal expects standard deviation to be non-complex");
    if (c->dest && !refuse(c->dest, CLASS_INEXACT, "normal_kernel_cpu")) return NULL;
    if (std && !no_negative(std)) return NULL;
    Tensor *y = mean ? result_for(c, mean, std) : result_for(c, std, NULL);
    y = fill_normal(y, g, 0, std ? 1 : a_double(&a[1]));
    if (!y) return NULL;
    if (std) y = rl_copy_into(y, rl_mul(y, std));
    return rl_copy_into(y, mean ? rl_add(y, mean) : a_double(&a[0]) != 0 ? rl_add_number(y, a_double(&a[0])) : y);
}

/* ---- integers ------------------------------------------------------------------------------------------------------- */

/* The remainder through a quotient in double, which is off by one at most: four times as fast as dividing integers. */
static void fill_range32(const Draw *d, int64_t n, void *p) {
    uint32_t words[CHUNK];
    int64_t range = (int64_t)d->range;
    double inverse = 1.0 / (double)range;
    for (int64_t *y = p; n > 0; y += CHUNK, n -= CHUNK) {
        int64_t m = n < CHUNK ? n : CHUNK;
        rl_random_fill32(d->g, words, m);
        for (int64_t i = 0; i < m; i++) {
            int64_t rest = words[i] - (int64_t)((double)words[i] * inverse) * range;
            y[i] = rest + (rest < 0 ? range : rest >= range ? -range : 0) + d->from;
        }
    }
}

static void fill_range64(const Draw *d, int64_t n, void *p) {      /* range 0 means all 2^64 */
    int64_t *y = p;
    for (int64_t i = 0; i < n; i++) {
        uint64_t word = rl_random64(d->g);
        y[i] = (int64_t)((d->range ? word % d->range : word) + (uint64_t)d->from);
    }
}

static int mantissa_bits(Dtype dtype) { return dtype == RL_FLOAT64 ? 53 : dtype == RL_FLOAT32 ? 24 : dtype == RL_FLOAT16 ? 11 : 8; }

static void whole_bounds(Dtype dtype, int64_t *low, int64_t *high) {
    if (rl_dtype_is(dtype, CLASS_FLOATING)) {
        double most = largest(dtype);
        *high = most < 0x1p63 ? (int64_t)most : INT64_MAX;
        *low = most < 0x1p63 ? -*high : INT64_MIN;
        return;
    }
    int bits = 8 * rl_dtype_bytes(dtype);
    bool is_signed = rl_is_signed(dtype);
    *high = dtype == RL_BOOL ? 1 : is_signed || bits == 64 ? (int64_t)(((UINT64_C(1) << (bits - 1)) - 1)) : (INT64_C(1) << bits) - 1;   /* bounds are int64 */
    *low = is_signed ? -*high - 1 : 0;
}

static double rounded_to(Dtype dtype, int64_t i) {
    int shift = 64 - __builtin_clzll((uint64_t)(i < 0 ? -(i + 1) : i) | 1) - mantissa_bits(dtype);
    if (shift <= 0) return (double)i;
    double unit = ldexp(1, shift);
    return nearbyint((double)((long double)i / unit)) * unit;
}

static int64_t log2_floor(int64_t i) { return 63 - __builtin_clzll((uint64_t)(i < 0 ? -i : i) | 1); }

/* Floating dtypes: bounds that rounding would carry outside move inside. */
static void pull_inside(Dtype dtype, int64_t *from, int64_t *to) {
    int bits = mantissa_bits(dtype);
    double last = rounded_to(dtype, *to - 1), first = rounded_to(dtype, *from + 1);
    if (last >= (double)*to && last < 0x1p63) *to = (int64_t)last - (INT64_C(1) << (log2_floor(*to - 1) - bits + 1));
    if (first < (double)*from) *from = (int64_t)first + (INT64_C(1) << (log2_floor(*from + 1) - bits + 1));
}

static bool range_fits(Tensor *t, int64_t from, int64_t to) {
    int64_t low, high;
    if (from >= to) return rl_fail(RL_RUNTIME_ERROR, "random_ expects 'from' to be less than 'to', but got from=%" PRId64 " >= to=%" PRId64, from, to);
    whole_bounds(t->dtype, &low, &high);
    if (from < low || from > high) return rl_fail(RL_RUNTIME_ERROR, "from is out of bounds for %s: %" PRId64, rl_dtypes[t->dtype].name, from);
    if (to - 1 < low || to - 1 > high) return rl_fail(RL_RUNTIME_ERROR, "to - 1 is out of bounds for %s: to is %" PRId64, rl_dtypes[t->dtype].name, to);
    return true;
}

static Tensor *fill_integers(Tensor *t, Generator *g, int64_t from, int64_t to) {
    if (!t || !refuse(t, CLASS_REAL | CLASS_BARE, "random_from_to_kernel_cpu")) return NULL;
    if (from < to && rl_dtype_is(t->dtype, CLASS_FLOATING)) pull_inside(t->dtype, &from, &to);
    if (!range_fits(t, from, to)) return NULL;
    uint64_t range = (uint64_t)to - (uint64_t)from;
    Draw d = {range >= UINT64_C(1) << 28 ? fill_range64 : fill_range32, g, 0, 0, from, range};
    return draw_into(t, RL_INT64, &d);
}

/* Without bounds: all numbers of the dtype from 0 on; floating ones as far as they are exact. */
static Tensor *fill_any_integers(Tensor *t, Generator *g) {
    if (!t || !refuse(t, CLASS_REAL, "random_kernel_cpu")) return NULL;
    Dtype dtype = t->dtype;
    Draw d = {fill_range32, g, 0, 0, 0, 0};
    if (rl_dtype_is(dtype, CLASS_FLOATING)) d.range = (UINT64_C(1) << mantissa_bits(dtype)) + 1;
    else d.range = dtype == RL_BOOL ? 2 : dtype == RL_UINT8 ? 256 : UINT64_C(1) << (8 * rl_dtype_bytes(dtype) - 1);
    if (dtype == RL_INT64 || dtype == RL_FLOAT64) d.fill = fill_range64;
    return draw_into(t, RL_INT64, &d);
}

static Tensor *random_to_the_top(Tensor *t, Generator *g, int64_t from) {
    int64_t low, high;
    if (from == INT64_MIN && !rl_is_bare(t->dtype)) return draw_into(t, RL_INT64, &(Draw){fill_range64, g, 0, 0, 0, 0});
    whole_bounds(t->dtype, &low, &high);
    if (rl_dtype_is(t->dtype, CLASS_FLOATING)) high = INT64_C(1) << mantissa_bits(t->dtype);
    if (from < low || from > high) return rl_fail(RL_RUNTIME_ERROR, "from is out of bounds for %s: %" PRId64, rl_dtypes[t->dtype].name, from);
    if (t->dtype == RL_UINT64) return rl_fail(RL_RUNTIME_ERROR, "to - 1 is out of bounds for uint64: bounds are int64 at most");
    uint64_t range = (uint64_t)high - (uint64_t)from + 1;
    return draw_into(t, RL_INT64, &(Draw){range >= UINT64_C(1) << 28 || range == 0 ? fill_range64 : fill_range32, g, 0, 0, from, range});
}

static void fill_permutation(const Draw *d, int64_t n, void *p) {
    int64_t *y = p;
    for (int64_t i = 0; i < n; i++) y[i] = i;
    bool large = n >= 214748364;
    for (int64_t i = 0; i < (large ? n : n - 1); i++) {
        int64_t from = large ? i : i + (int64_t)(rl_random32(d->g) % (uint32_t)(n - i));
        if (large) from = (int64_t)(rl_random64(d->g) % (uint64_t)(i + 1));
        int64_t swap = large ? i : y[i];
        y[i] = y[from];
        y[from] = swap;
    }
}

/* ---- zeros and ones ------------------------------------------------------------------------------------------------- */

static void fill_bernoulli(const Draw *d, int64_t n, void *p) {
    uint32_t words[2 * CHUNK];
    int64_t limit = (int64_t)ceil(d->a * 0x1p53);      /* k 2^-53 < p just where k < limit */
    for (float *y = p; n > 0; y += CHUNK, n -= CHUNK) {
        int64_t m = n < CHUNK ? n : CHUNK;
        rl_random_fill32(d->g, words, 2 * m);
        rl_kernels->bernoulli_f32(m, y, words, limit);
    }
}

static Tensor *fill_with_chance(Tensor *t, Generator *g, double p) {
    if (!t) return NULL;
    if (!(p >= 0 && p <= 1)) return rl_fail(RL_RUNTIME_ERROR, "bernoulli_ expects p to be in [0, 1], but got p=%g", p);
    if (!refuse(t, CLASS_REAL, "bernoulli_scalar_cpu_")) return NULL;
    return draw_into(t, RL_FLOAT32, &(Draw){fill_bernoulli, g, p, 0, 0, 0});
}

/* One where a uniform number is below the chance: of 53 bits, or of 24 for chances that were no doubles. */
static void meet_chances(Generator *g, int64_t n, const double *chance, bool exact, float *y) {
    uint32_t words[2 * CHUNK];
    for (; n > 0; chance += CHUNK, y += CHUNK, n -= CHUNK) {
        int64_t m = n < CHUNK ? n : CHUNK;
        rl_random_fill32(g, words, exact ? 2 * m : m);
        for (int64_t i = 0; exact && i < m; i++) {
            uint64_t word = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
            y[i] = (double)(int64_t)(word & ((UINT64_C(1) << 53) - 1)) * 0x1p-53 < chance[i];
        }
        for (int64_t i = 0; !exact && i < m; i++) y[i] = (float)(int32_t)(words[i] & 0xffffff) * 0x1p-24f < (float)chance[i];
    }
}

/* A chance per element: float64 ones are met by 53 bits, others by 24. */
static Tensor *fill_with_chances(Tensor *t, Generator *g, Tensor *p) {
    if (!t || !p || !refuse(p, CLASS_FLOATING, "bernoulli_tensor_cpu_p_")) return NULL;
    bool exact = p->dtype == RL_FLOAT64;
    Tensor *wide = rl_expand(p, t->ndim, t->shape), *to = in_memory_order(t);
    if (wide && to && to != t) {       /* the chances in the order in which they are met */
        Tensor *order = rl_empty(t->ndim, t->shape, RL_FLOAT64), *same = order ? rl_copy_into(rl_empty_strided(t->ndim, t->shape, t->stride, RL_FLOAT64), wide) : NULL;
        wide = in_memory_order(same);
    }
    Tensor *chance = rl_contiguous(rl_cast(wide, RL_FLOAT64)), *y = to ? rl_empty(to->ndim, to->shape, RL_FLOAT32) : NULL;
    if (!chance || !y) return NULL;
    const double *q = rl_data(chance);
    for (int64_t i = 0; i < chance->numel; i++)
        if (!(q[i] >= 0 && q[i] <= 1))
            return rl_fail(RL_RUNTIME_ERROR, "Expected p_in >= 0 && p_in <= 1 to be true, but got false: element %" PRId64 " of the probabilities is %g", i, q[i]);
    meet_chances(g, y->numel, q, exact, rl_data(y));
    return rl_copy_into(to, y) ? t : NULL;
}

/* ---- one double each ------------------------------------------------------------------------------------------------- */

static void fill_exponential(const Draw *d, int64_t n, void *p) {
    double *y = p, scale = -1.0 / d->a;
    for (int64_t i = 0; i < n; i++) y[i] = scale * log1p(-uniform_double(d->g));
}

static void fill_geometric(const Draw *d, int64_t n, void *p) {
    double *y = p, scale = log1p(-d->a);
    for (int64_t i = 0; i < n; i++) y[i] = ceil(log(uniform_double(d->g)) / scale);
}

static void fill_cauchy(const Draw *d, int64_t n, void *p) {
    double *y = p;
    for (int64_t i = 0; i < n; i++) y[i] = fma(d->b, tan(3.14159265358979323846 * (uniform_double(d->g) - 0.5)), d->a);
}

static void fill_log_normal(const Draw *d, int64_t n, void *p) {
    double *y = p;
    for (int64_t i = 0; i < n; i++) y[i] = exp(fma(next_normal(d->g), d->b, d->a));
}

/* ---- forwards: in place ----------------------------------------------------------------------------------------------- */

static Tensor *uniform_forward(Call *c) {
    return fill_uniform(c->arg[0].tensor, rl_generator_of(&c->arg[3]), a_double(&c->arg[1]), a_double(&c->arg[2]));
}

static Tensor *normal_inplace_forward(Call *c) {
    return fill_normal(c->arg[0].tensor, rl_generator_of(&c->arg[3]), a_double(&c->arg[1]), a_double(&c->arg[2]));
}

static Tensor *random_forward(Call *c) { return fill_any_integers(c->arg[0].tensor, rl_generator_of(&c->arg[1])); }
static Tensor *random_to_forward(Call *c) { return fill_integers(c->arg[0].tensor, rl_generator_of(&c->arg[2]), 0, c->arg[1].i); }

static Tensor *random_from_to_forward(Call *c) {
    Arg *a = c->arg;
    Generator *g = rl_generator_of(&a[3]);
    if (a[2].tag == A_NONE) return refuse(a[0].tensor, CLASS_REAL | CLASS_BARE, "random_from_to_kernel_cpu") ? random_to_the_top(a[0].tensor, g, a[1].i) : NULL;
    return fill_integers(a[0].tensor, g, a[1].i, a[2].i);
}

static Tensor *bernoulli_inplace_forward(Call *c) { return fill_with_chance(c->arg[0].tensor, rl_generator_of(&c->arg[2]), a_double(&c->arg[1])); }
static Tensor *bernoulli_inplace_tensor_forward(Call *c) { return fill_with_chances(c->arg[0].tensor, rl_generator_of(&c->arg[2]), c->arg[1].tensor); }

static Tensor *exponential_forward(Call *c) {
    Tensor *t = c->arg[0].tensor;
    double rate = a_double(&c->arg[1]);
    if (!rl_dtype_is(t->dtype, CLASS_FLOATING))
        return rl_fail(RL_RUNTIME_ERROR, "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you specified %s", rl_dtypes[t->dtype].word);
    if (!(rate > 0)) return rl_fail(RL_RUNTIME_ERROR, "exponential_ expects lambda > 0.0, but found lambda=%g", rate);
    return draw_into(t, RL_FLOAT64, &(Draw){fill_exponential, rl_generator_of(&c->arg[2]), rate, 0, 0, 0});
}

static Tensor *geometric_forward(Call *c) {
    double p = a_double(&c->arg[1]);
    if (!(p > 0 && p < 1)) return rl_fail(RL_RUNTIME_ERROR, "geometric_ expects p to be in (0, 1), but got p=%g", p);
    if (!refuse(c->arg[0].tensor, CLASS_INT | CLASS_FLOATING, "geometric_cpu")) return NULL;
    return draw_into(c->arg[0].tensor, RL_FLOAT64, &(Draw){fill_geometric, rl_generator_of(&c->arg[2]), p, 0, 0, 0});
}

static Tensor *cauchy_forward(Call *c) {
    Tensor *t = c->arg[0].tensor;
    double median = a_double(&c->arg[1]), sigma = a_double(&c->arg[2]);
    if (!(sigma > 0)) return rl_fail(RL_RUNTIME_ERROR, "cauchy_ expects sigma > 0.0, but found sigma=%g", sigma);
    if (!rl_dtype_is(t->dtype, CLASS_FLOATING))
        return rl_fail(RL_RUNTIME_ERROR, "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified %s", rl_dtypes[t->dtype].name);
    return draw_into(t, RL_FLOAT64, &(Draw){fill_cauchy, rl_generator_of(&c->arg[3]), median, sigma, 0, 0});
}

static Tensor *log_normal_forward(Call *c) {
    double mean = a_double(&c->arg[1]), std = a_double(&c->arg[2]);
    if (!(std > 0)) return rl_fail(RL_RUNTIME_ERROR, "log_normal_ expects std > 0.0, but found std=%g", std);
    if (!refuse(c->arg[0].tensor, CLASS_FLOATING, "log_normal_cpu")) return NULL;
    return draw_into(c->arg[0].tensor, RL_FLOAT64, &(Draw){fill_log_normal, rl_generator_of(&c->arg[3]), mean, std, 0, 0});
}

/* ---- forwards: new tensors ---------------------------------------------------------------------------------------------- */

#define OPTIONS_OF(dtype) "dtype: dtype | None = " dtype ", layout: layout | None = None, device: device | None = None, requires_grad: bool = False, pin_memory: bool = False"
#define OPTIONS OPTIONS_OF("None")
#define FORMAT "memory_format: memory_format | None = None"
enum { O_DTYPE, O_LAYOUT, O_DEVICE, O_GRAD, O_PIN, O_COUNT };

static Tensor *new_tensor(Call *c, const Arg *size, int options, Dtype otherwise) {
    return rl_out(c, 0, size->n, size->ints, a_dtype_or(&c->arg[options], c->dest ? (Dtype)c->dest->dtype : otherwise));
}

static Tensor *with_options(Call *c, int options, Tensor *t) { return t && c->arg[options + O_GRAD].b && !rl_require_grad_new(t) ? NULL : t; }
static Tensor *rand_forward(Call *c) { return with_options(c, 2, fill_uniform(new_tensor(c, &c->arg[0], 2, rl_default_dtype()), rl_generator_of(&c->arg[1]), 0, 1)); }
static Tensor *randn_forward(Call *c) { return with_options(c, 2, fill_normal(new_tensor(c, &c->arg[0], 2, rl_default_dtype()), rl_generator_of(&c->arg[1]), 0, 1)); }

static Tensor *normal_size_forward(Call *c) {
    Arg *a = c->arg;
    return with_options(c, 4, fill_normal(new_tensor(c, &a[2], 4, rl_default_dtype()), rl_generator_of(&a[3]), a_double(&a[0]), a_double(&a[1])));
}

static Tensor *randint_to_forward(Call *c) {
    return with_options(c, 3, fill_integers(new_tensor(c, &c->arg[1], 3, RL_INT64), rl_generator_of(&c->arg[2]), 0, c->arg[0].i));
}

static Tensor *randint_forward(Call *c) {
    return with_options(c, 4, fill_integers(new_tensor(c, &c->arg[2], 4, RL_INT64), rl_generator_of(&c->arg[3]), c->arg[0].i, c->arg[1].i));
}

static Tensor *like(Call *c, int options) {
    Tensor *x = c->arg[0].tensor;
    return rl_empty_in_format(x, a_dtype_or(&c->arg[options], x->dtype), &c->arg[options + O_COUNT]);
}

static Tensor *rand_like_forward(Call *c) { return with_options(c, 2, fill_uniform(like(c, 2), rl_generator_of(&c->arg[1]), 0, 1)); }
static Tensor *randn_like_forward(Call *c) { return with_options(c, 2, fill_normal(like(c, 2), rl_generator_of(&c->arg[1]), 0, 1)); }
static Tensor *randint_like_to_forward(Call *c) { return with_options(c, 3, fill_integers(like(c, 3), rl_generator_of(&c->arg[2]), 0, c->arg[1].i)); }
static Tensor *randint_like_forward(Call *c) { return with_options(c, 4, fill_integers(like(c, 4), rl_generator_of(&c->arg[3]), c->arg[1].i, c->arg[2].i)); }

/* Every number below n must be one of the dtype. */
static bool holds_numbers_to(Dtype dtype, int64_t n) {
    if (!rl_dtype_is(dtype, CLASS_INT | CLASS_FLOATING)) return rl_fail(RL_NOT_IMPLEMENTED, "\"randperm\" not implemented for '%s'", rl_dtypes[dtype].word);
    if (rl_dtype_is(dtype, CLASS_FLOATING) && dtype != RL_BFLOAT16) {
        int64_t most = (INT64_C(1) << mantissa_bits(dtype)) + 1;
        return n <= most || rl_fail(RL_RUNTIME_ERROR, "n cannot be greater than %" PRId64 " for %s type.", most, rl_dtypes[dtype].word);
    }
    int64_t low, high;
    whole_bounds(dtype, &low, &high);
    return n - 1 <= high || rl_fail(RL_RUNTIME_ERROR, "value cannot be converted to type %s without overflow: n is %" PRId64, rl_dtypes[dtype].name, n);
}

static Tensor *randperm_forward(Call *c) {
    int64_t n = c->arg[0].i;
    Tensor *t = new_tensor(c, &(Arg){.tag = A_INTS, .n = 1, .ints = &n}, 2, RL_INT64);
    if (!t || !holds_numbers_to(t->dtype, n) || (c->dest && !holds_numbers_to(c->dest->dtype, n))) return NULL;
    return with_options(c, 2, draw_into(t, RL_INT64, &(Draw){fill_permutation, rl_generator_of(&c->arg[1]), 0, 0, 0, 0}));
}

static Tensor *bernoulli_forward(Call *c) {
    Tensor *p = c->arg[0].tensor;
    return fill_with_chances(rl_out(c, 0, p->ndim, p->shape, c->dest ? (Dtype)c->dest->dtype : p->dtype), rl_generator_of(&c->arg[1]), p);
}

static Tensor *bernoulli_p_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    return fill_with_chance(rl_out(c, 0, x->ndim, x->shape, x->dtype), rl_generator_of(&c->arg[2]), a_double(&c->arg[1]));
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

#define G "generator: Generator | None = None"
#define FILLS .where = METHOD | METHOD_ONLY_INPLACE, .flags = TAKES_BARE | RANDOM | SELF_WRITES, .formula = "input: zeros_like(g)", .samples = "-"

Op rl_sample_ops[] = {
    {
        .sig = "uniform_(input: Tensor, from_: float = 0, to: float = 1, *, " G ") -> Tensor", FILLS, .node = "UniformBackward0", .forward = uniform_forward,
        .doc = "Fills with numbers from the range between two, every one as likely.\n\n>>> bool((rl.empty(3).uniform_(2, 3) >= 2).all())\nTrue",
    },
    {
        .sig = "normal_(input: Tensor, mean: float = 0, std: float = 1, *, " G ") -> Tensor", FILLS, .node = "NormalBackward0", .forward = normal_inplace_forward,
        .doc = "Fills with normally distributed numbers.\n\n>>> _ = rl.manual_seed(0); rl.empty(2).normal_()\ntensor([ 1.5410, -0.2934])",
    },
    {
        .sig = "random_(input: Tensor, *, " G ") -> Tensor", FILLS, .node = "RandomBackward2", .forward = random_forward,
        .doc = "Fills with integers from 0 to the largest of the dtype.\n\n>>> bool((rl.empty(3, dtype=rl.int8).random_() >= 0).all())\nTrue",
    },
    {
        .sig = "random_(input: Tensor, to: int, *, " G ") -> Tensor", FILLS, .node = "RandomBackward1", .forward = random_to_forward,
        .doc = "Fills with integers from 0 up to a bound, which is left out.\n\n>>> bool((rl.empty(3).random_(2) < 2).all())\nTrue",
    },
    {
        .sig = "random_(input: Tensor, from_: int, to: int | None, *, " G ") -> Tensor", FILLS, .node = "RandomBackward0", .forward = random_from_to_forward,
        .doc = "Fills with integers from the first bound up to the second, which is left out.\n\n>>> bool((rl.empty(3).random_(5, 7) >= 5).all())\nTrue",
    },
    {
        .sig = "bernoulli_(input: Tensor, p: float = 0.5, *, " G ") -> Tensor", FILLS, .node = "BernoulliBackward2", .forward = bernoulli_inplace_forward,
        .doc = "Fills with ones at a chance of p, zeros elsewhere.\n\n>>> rl.empty(3).bernoulli_(1)\ntensor([1., 1., 1.])",
    },
    {
        .sig = "bernoulli_(input: Tensor, p: Tensor, *, " G ") -> Tensor", .where = METHOD | METHOD_ONLY_INPLACE, .flags = RANDOM | SELF_WRITES, .samples = "-",
        .formula = "input: zeros_like(g); p: zeros_like(g)", .node = "BernoulliBackward1", .forward = bernoulli_inplace_tensor_forward,
        .doc = "Fills with ones at the chances given, zeros elsewhere.\n\n>>> rl.empty(2).bernoulli_(rl.tensor([0.0, 1.0]))\ntensor([0., 1.])",
    },
    {
        .sig = "exponential_(input: Tensor, lambd: float = 1, *, " G ") -> Tensor", FILLS, .node = "ExponentialBackward0", .forward = exponential_forward,
        .doc = "Fills with exponentially distributed numbers of rate lambd.\n\n>>> bool((rl.empty(3).exponential_() > 0).all())\nTrue",
    },
    {
        .sig = "geometric_(input: Tensor, p: float, *, " G ") -> Tensor", FILLS, .node = "GeometricBackward0", .forward = geometric_forward,
        .doc = "Fills with the number of trials up to the first success, each at a chance of p.\n\n>>> bool((rl.empty(3).geometric_(0.5) >= 1).all())\nTrue",
    },
    {
        .sig = "cauchy_(input: Tensor, median: float = 0, sigma: float = 1, *, " G ") -> Tensor", FILLS, .node = "CauchyBackward0", .forward = cauchy_forward,
        .doc = "Fills with numbers of a Cauchy distribution.\n\n>>> rl.empty(3).cauchy_().shape\ntorch.Size([3])",
    },
    {
        .sig = "log_normal_(input: Tensor, mean: float = 1, std: float = 2, *, " G ") -> Tensor", FILLS, .node = "LogNormalBackward0", .forward = log_normal_forward,
        .doc = "Fills with numbers whose logarithms are normally distributed.\n\n>>> bool((rl.empty(3).log_normal_() > 0).all())\nTrue",
    },
    {
        .sig = "rand(*size: int, " G ", " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = RANDOM, .forward = rand_forward, .samples = "-",
        .doc = "Numbers from 0 up to 1, which is left out.\n\n>>> _ = rl.manual_seed(0); rl.rand(2)\ntensor([0.4963, 0.7682])",
    },
    {
        .sig = "randn(*size: int, " G ", " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = RANDOM, .forward = randn_forward, .samples = "-",
        .doc = "Normally distributed numbers of mean 0 and standard deviation 1.\n\n>>> _ = rl.manual_seed(0); rl.randn(2)\ntensor([ 1.5410, -0.2934])",
    },
    {
        .sig = "randint(high: int, size: list[int], *, " G ", " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | RANDOM, .forward = randint_to_forward, .samples = "-",
        .doc = "Integers from 0 up to high, which is left out.\n\n>>> _ = rl.manual_seed(0); rl.randint(10, (4,))\ntensor([4, 9, 3, 0])",
    },
    {
        .sig = "randint(low: int, high: int, size: list[int], *, " G ", " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | RANDOM, .forward = randint_forward, .samples = "-",
        .doc = "Integers from low up to high, which is left out.\n\n>>> _ = rl.manual_seed(0); rl.randint(0, 10, (4,))\ntensor([4, 9, 3, 0])",
    },
    {
        .sig = "randperm(n: int, *, " G ", " OPTIONS_OF("int64") ") -> Tensor", .where = FUNCTION | OUT, .flags = RANDOM, .forward = randperm_forward, .samples = "-",
        .doc = "The numbers below n in random order.\n\n>>> _ = rl.manual_seed(0); rl.randperm(4)\ntensor([2, 0, 1, 3])",
    },
    {
        .sig = "rand_like(input: Tensor, *, " G ", " OPTIONS ", " FORMAT ") -> Tensor", .where = FUNCTION, .flags = RANDOM, .forward = rand_like_forward, .samples = "-",
        .doc = "Numbers from 0 up to 1 in the shape and dtype of a tensor.\n\n>>> rl.rand_like(rl.zeros(2)).shape\ntorch.Size([2])",
    },
    {
        .sig = "randn_like(input: Tensor, *, " G ", " OPTIONS ", " FORMAT ") -> Tensor", .where = FUNCTION, .flags = RANDOM, .forward = randn_like_forward, .samples = "-",
        .doc = "Normally distributed numbers in the shape and dtype of a tensor.\n\n>>> rl.randn_like(rl.zeros(2)).shape\ntorch.Size([2])",
    },
    {
        .sig = "randint_like(input: Tensor, high: int, *, " G ", " OPTIONS ", " FORMAT ") -> Tensor", .where = FUNCTION, .flags = TAKES_BARE | RANDOM, .forward = randint_like_to_forward, .samples = "-",
        .doc = "Integers from 0 up to high, in the shape and dtype of a tensor.\n\n>>> bool((rl.randint_like(rl.zeros(3), 2) < 2).all())\nTrue",
    },
    {
        .sig = "randint_like(input: Tensor, low: int, high: int, *, " G ", " OPTIONS ", " FORMAT ") -> Tensor", .where = FUNCTION, .flags = TAKES_BARE | RANDOM, .forward = randint_like_forward, .samples = "-",
        .doc = "Integers from low up to high, in the shape and dtype of a tensor.\n\n>>> bool((rl.randint_like(rl.zeros(3), 1, 2) == 1).all())\nTrue",
    },
    {
        .sig = "normal(mean: Tensor, std: Tensor | Number = 1, *, " G ") -> Tensor", .where = FUNCTION | OUT, .flags = RANDOM, .forward = normal_forward, .samples = "-",
        .formula = "mean: zeros_like(g); std: zeros_like(g)",
        .doc = "Normally distributed numbers, each with its own mean and standard deviation.\n\n>>> rl.normal(rl.zeros(3), rl.ones(3)).shape\ntorch.Size([3])",
    },
    {
        .sig = "normal(mean: Number, std: Tensor, *, " G ") -> Tensor", .where = FUNCTION | OUT, .flags = RANDOM, .forward = normal_forward, .samples = "-",
        .formula = "std: zeros_like(g)",
        .doc = "Normally distributed numbers, each with its own standard deviation.\n\n>>> rl.normal(2.0, rl.zeros(3))\ntensor([2., 2., 2.])",
    },
    {
        .sig = "normal(mean: Number, std: Number, size: list[int], *, " G ", " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = RANDOM, .forward = normal_size_forward, .samples = "-",
        .doc = "Normally distributed numbers in a tensor of the size given.\n\n>>> rl.normal(2.0, 0.0, (3,))\ntensor([2., 2., 2.])",
    },
    {
        .sig = "bernoulli(input: Tensor, *, " G ") -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = RANDOM, .forward = bernoulli_forward, .samples = "-",
        .formula = "input: zeros_like(g)",
        .doc = "Ones at the chances given, zeros elsewhere.\n\n>>> rl.bernoulli(rl.tensor([0.0, 1.0]))\ntensor([0., 1.])",
    },
    {
        .sig = "bernoulli(input: Tensor, p: float, *, " G ") -> Tensor", .where = FUNCTION | METHOD, .flags = RANDOM, .forward = bernoulli_p_forward, .samples = "-",
        .formula = "input: zeros_like(g)",
        .doc = "Ones at a chance of p, zeros elsewhere.\n\n>>> rl.bernoulli(rl.zeros(3), 1.0)\ntensor([1., 1., 1.])",
    },
    {0},
};
