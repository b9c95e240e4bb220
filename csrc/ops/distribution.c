/* distribution.c -- samplers whose parameters are tensors: choices by weight, and counts and waiting times by rejection.
 *
 * Each draws what torch draws, in its order, in double; results are new and row-major.  Samples of gamma and Dirichlet distributions
 * have gradients: how they move with the shape parameters is in kernels/implicit.c. */
#include "rushlight.h"
#include "kernels/special.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double uniform(Generator *g) { return (double)(rl_random64(g) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53; }

static double standard_normal(Generator *g) {      /* the pair that normal_ shares */
    if (g->has_next_normal_double) {
        g->has_next_normal_double = false;
        return g->next_normal_double;
    }
    double u1 = uniform(g), u2 = uniform(g), r = sqrt(-2.0 * log1p(-u2)), angle = 6.283185307179586 * u1;
    g->has_next_normal_double = true;
    g->next_normal_double = r * sin(angle);
    return r * cos(angle);
}

static bool refuse(const Tensor *t, const char *name) {
    return rl_dtype_is(t->dtype, CLASS_FLOATING) || rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", name, rl_dtypes[t->dtype].word);
}

/* The values as doubles in a row. */
static Tensor *doubles_of(Tensor *t) { return rl_contiguous(rl_cast(t, RL_FLOAT64)); }

static Tensor *result_of(Call *c, Tensor *like, Tensor *values) {
    return values ? rl_copy_into(rl_out(c, 0, values->ndim, values->shape, like->dtype), values) : NULL;
}

/* ---- multinomial ------------------------------------------------------------------------------------------------------ */

static bool weights_fit(Tensor *w, int64_t count, bool replacement) {
    if (!rl_dtype_is(w->dtype, CLASS_FLOATING)) return rl_fail(RL_RUNTIME_ERROR, "multinomial only supports floating-point dtypes for input, got: %s", rl_dtypes[w->dtype].word);
    if (w->ndim != 1 && w->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "prob_dist must be 1 or 2 dim, but its shape is %s", rl_text_shape(w));
    int64_t n = w->shape[w->ndim - 1];
    if (count <= 0) return rl_fail(RL_RUNTIME_ERROR, "cannot sample n_sample <= 0 samples: it is %" PRId64, count);
    if (!replacement && count > n) return rl_fail(RL_RUNTIME_ERROR, "cannot sample n_sample > prob_dist.size(-1) samples without replacement: %" PRId64 " from %" PRId64, count, n);
    if (n > INT64_C(1) << 24) return rl_fail(RL_RUNTIME_ERROR, "number of categories cannot exceed 2^24, but it is %" PRId64, n);
    return true;
}

static bool row_fits(const double *w, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(w[i] >= 0 && w[i] < INFINITY)) return rl_fail(RL_RUNTIME_ERROR, "probability tensor contains either `inf`, `nan` or element < 0: element %" PRId64 " is %g", i, w[i]);
        sum += w[i];
    }
    return sum > 0 || rl_fail(RL_RUNTIME_ERROR, "invalid multinomial distribution (sum of probabilities <= 0)");
}

typedef struct Ranked { double ratio; int64_t index; } Ranked;

static int by_falling_ratio(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    if (x->ratio != y->ratio) return x->ratio > y->ratio ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The largest of weight / waiting time come first: sampling without replacement in one go. */
static bool take_largest(const double *w, const double *wait, int64_t n, int64_t count, bool single, int64_t *out) {
    if (count == 1) {
        double best = -INFINITY;
        for (int64_t i = 0; i < n; i++) {
            double ratio = single ? (double)((float)w[i] / (float)wait[i]) : w[i] / wait[i];
            if (ratio > best || i == 0) best = ratio, *out = i;
        }
        return true;
    }
    bool few = count <= 64;                              /* these are kept in order as they come; else all are sorted */
    Ranked *ranked = rl_scope_bytes((few ? count + 1 : n) * (int64_t)sizeof *ranked);
    if (!ranked) return false;
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        Ranked one = {single ? (double)((float)w[i] / (float)wait[i]) : w[i] / wait[i], i};
        if (few && kept == count && !(one.ratio > ranked[kept - 1].ratio)) continue;
        int64_t at = kept;
        for (; few && at > 0 && one.ratio > ranked[at - 1].ratio; at--) ranked[at] = ranked[at - 1];
        ranked[at] = one;
        kept += !few || kept < count;
    }
    if (!few) qsort(ranked, (size_t)n, sizeof *ranked, by_falling_ratio);
    for (int64_t i = 0; i < count; i++) out[i] = ranked[i].index;
    return true;
}

static bool take_with_replacement(Generator *g, const double *w, int64_t n, int64_t count, bool single, int64_t *out) {
    double *upto = rl_scope_bytes(n * (int64_t)sizeof *upto), sum = 0;
    if (!upto) return false;
    float narrow = 0;
    if (single) {
        for (int64_t i = 0; i < n; i++) upto[i] = narrow += (float)w[i];
        for (int64_t i = 0; i < n; i++) upto[i] = (float)upto[i] / narrow;
    } else {
        for (int64_t i = 0; i < n; i++) upto[i] = sum += w[i];
        for (int64_t i = 0; i < n; i++) upto[i] /= sum;
    }
    upto[n - 1] = 1;
    for (int64_t k = 0; k < count; k++) {
        double u = uniform(g);
        int64_t low = 0, high = n;
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (upto[middle] < u) low = middle + 1;
            else high = middle;
        }
        out[k] = low;
    }
    return true;
}

static Tensor *multinomial_forward(Call *c) {
    Tensor *w = c->arg[0].tensor;
    int64_t count = c->arg[1].i, shape[2] = {w->ndim == 2 ? w->shape[0] : count, count};
    bool replacement = c->arg[2].b, single = w->dtype != RL_FLOAT64;
    if (!weights_fit(w, count, replacement)) return NULL;
    Tensor *y = rl_out(c, 0, w->ndim, shape, RL_INT64), *values = doubles_of(w), *wait = NULL;
    Tensor *to = y && rl_is_contiguous(y) ? y : y ? rl_empty(y->ndim, y->shape, RL_INT64) : NULL;
    if (!values || !to) return NULL;
    int64_t n = w->shape[w->ndim - 1], rows = w->ndim == 2 ? w->shape[0] : 1, *out = rl_data(to);
    const double *p = rl_data(values), *q = NULL;
    for (int64_t r = 0; r < rows; r++)
        if (!row_fits(p + r * n, n)) return NULL;
    Generator *g = rl_generator_of(&c->arg[3]);
    bool by_waiting = !replacement || count == 1;
    if (by_waiting) {
        wait = rl_empty_like(w, w->dtype);
        if (!wait || !rl_apply_n(RL_OP("exponential_"), 3, (Arg[]){a_t(wait), a_f(1), a_generator(g)}) || !(wait = doubles_of(wait))) return NULL;
        q = rl_data(wait);
    }
    for (int64_t r = 0; r < rows; r++) {
        Scope scope = rl_scope_open();
        bool done = by_waiting ? take_largest(p + r * n, q + r * n, n, count, single, out + r * count)
                               : take_with_replacement(g, p + r * n, n, count, single, out + r * count);
        rl_scope_close(scope);
        if (!done) return NULL;
    }
    return to == y ? y : rl_copy_into(y, to);
}

/* ---- counts ------------------------------------------------------------------------------------------------------------ */

static double few_arrivals(Generator *g, double rate) {
    double limit = exp(-rate), product = 1;
    for (double k = 0;; k++) {
        product *= uniform(g);
        if (product <= limit) return k;
    }
}

/* Hoermann's transformed rejection. */
static double many_arrivals(Generator *g, double rate) {
    double root = sqrt(rate), log_rate = log(rate), b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b, inverse = 1.1239 + 1.1328 / (b - 3.4), vr = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = uniform(g) - 0.5, v = uniform(g), us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= vr) return k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        if (log(v) + log(inverse) - log(a / (us * us) + b) <= -rate + k * log_rate - lgamma(k + 1)) return k;
    }
}

static Tensor *poisson_forward(Call *c) {
    Tensor *rate = c->arg[0].tensor, *values = rl_clone(doubles_of(rate));
    Generator *g = rl_generator_of(&c->arg[1]);
    if (!values || !refuse(rate, "poisson_cpu")) return NULL;
    double *p = rl_data(values);
    for (int64_t i = 0; i < values->numel; i++)
        if (!(p[i] >= 0)) return rl_fail(RL_RUNTIME_ERROR, "invalid Poisson rate, expected rate to be non-negative: element %" PRId64 " is %g", i, p[i]);
    for (int64_t i = 0; i < values->numel; i++) p[i] = p[i] == 0 ? 0 : p[i] >= 10 ? many_arrivals(g, p[i]) : few_arrivals(g, p[i]);
    return result_of(c, rate, values);
}

/* What Stirling's formula lacks of log k!. */
static double stirling_tail(double k) {
    static const double first[] = {0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
                                   0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287};
    if (k <= 9) return first[(int)k];
    double square = (k + 1) * (k + 1);
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

static double few_successes(Generator *g, double n, double p) {
    double scale = log1p(-p), sum = 0;
    for (double k = 0;; k++) {
        sum += ceil(log(uniform(g)) / scale);
        if (sum > n) return k;
    }
}

static double many_successes(Generator *g, double n, double p) {
    double deviation = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5, vr = 0.92 - 4.2 / b;
    double r = p / (1 - p), alpha = (2.83 + 5.1 / b) * deviation, m = floor((n + 1) * p);
    for (;;) {
        double u = uniform(g) - 0.5, v = uniform(g), us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + c);
        if (k < 0 || k > n) continue;
        if (us >= 0.07 && v <= vr) return k;
        v = log(v * alpha / (a / (us * us) + b));
        double bound = (m + 0.5) * log((m + 1) / (r * (n - m + 1))) + (n + 1) * log((n - m + 1) / (n - k + 1)) + (k + 0.5) * log(r * (n - k + 1) / (k + 1)) +
                       stirling_tail(m) + stirling_tail(n - m) - stirling_tail(k) - stirling_tail(n - k);
        if (v <= bound) return k;
    }
}

static double successes(Generator *g, double n, double p) {
    if (!(n > 0) || !(p > 0)) return isnan(n) || isnan(p) ? NAN : 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - successes(g, n, 1 - p);
    return n * p < 10 ? few_successes(g, n, p) : many_successes(g, n, p);
}

static bool binomial_dtypes_fit(const Tensor *count, const Tensor *p) {
    const Tensor *wrong = !rl_dtype_is(count->dtype, CLASS_FLOATING) ? count : !rl_dtype_is(p->dtype, CLASS_FLOATING) ? p : NULL;
    if (!wrong) return true;
    return rl_fail(RL_VALUE_ERROR, "binomial only supports floating-point dtypes for %s, got: %s", wrong == count ? "count" : "prob", rl_dtypes[wrong->dtype].word);
}

static Tensor *binomial_forward(Call *c) {
    Tensor *count = c->arg[0].tensor, *p = c->arg[1].tensor;
    Generator *g = rl_generator_of(&c->arg[2]);
    int64_t shape[RL_MAX_DIMS];
    int ndim = 0;
    if (!binomial_dtypes_fit(count, p) || !rl_broadcast_shapes(&ndim, shape, count) || !rl_broadcast_shapes(&ndim, shape, p)) return NULL;
    Tensor *n = doubles_of(rl_expand(count, ndim, shape)), *chance = doubles_of(rl_expand(p, ndim, shape)), *y = rl_empty(ndim, shape, RL_FLOAT64);
    if (!n || !chance || !y) return NULL;
    const double *a = rl_data(n), *b = rl_data(chance);
    double *out = rl_data(y);
    for (int64_t i = 0; i < y->numel; i++) out[i] = successes(g, a[i], b[i]);
    return result_of(c, count, y);
}

/* ---- gamma -------------------------------------------------------------------------------------------------------------- */

/* Marsaglia and Tsang.  What depends on the shape parameter alone is computed in the tensor's precision. */
static double gamma_sample(Generator *g, double alpha, bool single) {
    double scale = 1;
    if (alpha < 1) {
        if (alpha == 0) return 0;
        scale = pow(1 - uniform(g), single ? (double)(1.0f / (float)alpha) : 1 / alpha);
        alpha = single ? (double)((float)alpha + 1.0f) : alpha + 1;
    }
    double d = single ? (double)((float)alpha - 1.0f / 3.0f) : alpha - (double)(1.0f / 3.0f), c = 1 / sqrt(9 * d);
    for (;;) {
        double x, y;
        do {
            x = standard_normal(g);
            y = 1 + c * x;
        } while (y <= 0);
        double v = y * y * y, u = 1 - uniform(g), xx = x * x;
        if (u < 1 - (double)0.0331f * xx * xx || log(u) < 0.5 * xx + d * (1 - v + log(v))) return scale * d * v;
    }
}

static double smallest(Dtype dtype) { return dtype == RL_FLOAT64 ? 0x1p-1022 : dtype == RL_FLOAT16 ? 0x1p-14 : 0x1p-126; }

static Tensor *gamma_forward(Call *c) {
    Tensor *alpha = c->arg[0].tensor, *values = rl_clone(doubles_of(alpha));
    Generator *g = rl_generator_of(&c->arg[1]);
    if (!values || !refuse(alpha, "gamma_cpu")) return NULL;
    double *p = rl_data(values), least = smallest(alpha->dtype);
    for (int64_t i = 0; i < values->numel; i++) {
        double v = gamma_sample(g, p[i], alpha->dtype != RL_FLOAT64);
        p[i] = v > least || isnan(v) ? v : least;
    }
    return result_of(c, alpha, values);
}

static void normalise(double *p, int64_t n, Dtype dtype) {
    double sum = 0, least = smallest(dtype), most = dtype == RL_FLOAT64 ? 1 - 0x1p-53 : dtype == RL_FLOAT32 ? 1 - 0x1p-24 : dtype == RL_FLOAT16 ? 1 - 0x1p-11 : 1 - 0x1p-8;
    for (int64_t i = 0; i < n; i++) sum += p[i];
    for (int64_t i = 0; i < n; i++) {
        double v = dtype == RL_FLOAT32 ? (double)(float)(p[i] / sum) : p[i] / sum;
        p[i] = v < least ? least : v > most ? most : v;
    }
}

static Tensor *dirichlet_forward(Call *c) {
    Tensor *alpha = c->arg[0].tensor, *values = rl_clone(doubles_of(alpha));
    Generator *g = rl_generator_of(&c->arg[1]);
    if (!values || !refuse(alpha, "dirichlet")) return NULL;
    double *p = rl_data(values);
    int64_t n = alpha->ndim ? alpha->shape[alpha->ndim - 1] : 1;
    for (int64_t i = 0; i < values->numel; i++) {
        double v = gamma_sample(g, p[i], false);
        p[i] = v > 0x1p-1022 ? v : 0x1p-1022;
    }
    for (int64_t i = 0; i < values->numel; i += n) normalise(p + i, n, alpha->dtype);
    return result_of(c, alpha, values);
}

/* ---- gradients of samples ------------------------------------------------------------------------------------------------ */

static double read(const char *p, bool single) { return single ? (double)*(const float *)p : *(const double *)p; }

static void write(char *p, bool single, double v) {
    if (single) *(float *)p = (float)v;
    else *(double *)p = v;
}

static void gamma_grad_loop(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    bool single = *(const bool *)extra;
    for (int64_t i = 0; i < n; i++)
        write(p[0] + i * stride[0], single, special_gamma_sample_grad(read(p[1] + i * stride[1], single), read(p[2] + i * stride[2], single)));
}

/* An entry x of a Dirichlet sample has a beta distribution of alpha and the rest of the total; the other entries shrink with 1 - x. */
static void dirichlet_grad_loop(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    bool single = *(const bool *)extra;
    for (int64_t i = 0; i < n; i++) {
        double x = read(p[1] + i * stride[1], single), alpha = read(p[2] + i * stride[2], single), total = read(p[3] + i * stride[3], single);
        double rest = x == 1 ? 0x1p-1000 : 1 - x;
        write(p[0] + i * stride[0], single, special_beta_sample_grad(alpha, total - alpha, x, rest) / rest);
    }
}

static Tensor *sample_grad(Call *c, LoopFn *loop, const char *name) {
    Tensor *operands[4] = {NULL};
    int n = c->nargs;
    bool single = c->arg[0].tensor->dtype == RL_FLOAT32;
    for (int i = 0; i < n; i++) {
        Tensor *t = operands[i + 1] = c->arg[i].tensor;
        if (!rl_dtype_is(t->dtype, CLASS_FLOAT)) return rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", name, rl_dtypes[t->dtype].word);
        if (t->dtype != operands[1]->dtype)
            return rl_fail(RL_RUNTIME_ERROR, "Found dtype %s but expected %s", rl_dtypes[t->dtype].word, rl_dtypes[operands[1]->dtype].word);
    }
    Tensor *y = operands[0] = rl_out_like(c, 0, operands[1]->dtype, n, operands + 1);
    return y && rl_loop(loop, n + 1, operands, &single, 300) ? y : NULL;
}

static Tensor *gamma_grad_forward(Call *c) { return sample_grad(c, gamma_grad_loop, "_standard_gamma_grad_cpu"); }
static Tensor *dirichlet_grad_forward(Call *c) { return sample_grad(c, dirichlet_grad_loop, "_dirichlet_grad_cpu"); }

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

#define G "generator: Generator | None = None"

Op rl_distribution_ops[] = {
    {
        .sig = "multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, " G ") -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = RANDOM | EXACT_OUT,
        .forward = multinomial_forward, .samples = "-",
        .doc = "Positions drawn with the weights of each row.\n\n>>> rl.multinomial(rl.tensor([0.0, 3.0, 0.0]), 2, replacement=True)\ntensor([1, 1])",
    },
    {
        .sig = "poisson(input: Tensor, " G ") -> Tensor", .where = FUNCTION, .flags = RANDOM, .forward = poisson_forward, .formula = "input: zeros_like(g)", .samples = "-",
        .doc = "Counts of events that come at the rates given.\n\n>>> rl.poisson(rl.zeros(2))\ntensor([0., 0.])",
    },
    {
        .sig = "binomial(count: Tensor, prob: Tensor, " G ") -> Tensor", .where = FUNCTION, .flags = RANDOM, .forward = binomial_forward, .samples = "-",
        .doc = "How many of count trials succeed, each at a chance of prob.\n\n>>> rl.binomial(rl.tensor([5.0]), rl.tensor([1.0]))\ntensor([5.])",
    },
    {
        .sig = "_standard_gamma(input: Tensor, " G ") -> Tensor", .where = FUNCTION, .flags = RANDOM, .forward = gamma_forward, .samples = "-",
        .formula = "input: g * _standard_gamma_grad(input, y)",
        .doc = "Numbers of gamma distributions with the shapes given and rate 1.\n\n>>> bool((rl._standard_gamma(rl.ones(2)) > 0).all())\nTrue",
    },
    {
        .sig = "_sample_dirichlet(input: Tensor, " G ") -> Tensor", .where = FUNCTION, .flags = RANDOM, .forward = dirichlet_forward, .samples = "-",
        .formula = "input: _dirichlet_grad(y, input, sum(input, -1, True)) * (g - sum(g * y, -1, True))",
        .doc = "Probabilities along the last dim from Dirichlet distributions.\n\n>>> bool(rl.isclose(rl._sample_dirichlet(rl.ones(3)).sum(), rl.tensor(1.0)))\nTrue",
    },
    {
        .sig = "_standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor", .where = FUNCTION, .flags = ELEMENTWISE, .forward = gamma_grad_forward, .samples = "-",
        .doc = "How samples of gamma distributions move with the shapes.\n\n>>> rl._standard_gamma_grad(rl.tensor([1.0]), rl.tensor([0.0, 2.0]))\ntensor([0.0000, 1.6348])",
    },
    {
        .sig = "_dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor", .where = FUNCTION, .flags = ELEMENTWISE, .forward = dirichlet_grad_forward, .samples = "-",
        .doc = "How an entry of a Dirichlet sample moves with its own shape, over one minus the entry.\n\n"
               ">>> rl._dirichlet_grad(rl.tensor([0.5]), rl.tensor([1.0]), rl.tensor([2.0]))\ntensor([0.6931])",
    },
    {0},
};
