/* dropout.c -- noise that is multiplied on: dropout of elements and of channels, its variant for SELU, and the leaky slopes
 * of rrelu.
 *
 * The noise is made without a graph and scaled at once; the product is what gets recorded.  What is drawn, and in which
 * order, is as sample.c says; probabilities of 0 and 1 and evaluation draw nothing. */
#include "rushlight.h"

static bool probability_fits(double p) {
    return (p >= 0 && p <= 1) || rl_fail(RL_RUNTIME_ERROR, "dropout probability has to be between 0 and 1, but got %g", p);
}

static bool dtype_fits(Tensor *x) {
    return rl_dtype_is(x->dtype, CLASS_INEXACT) ||
           rl_fail(RL_RUNTIME_ERROR, "result type Float can't be cast to the desired output type %s: dropout scales what it keeps, so the input must be floating", rl_dtypes[x->dtype].word);
}

/* Ones at a chance of 1 - p, else zeros. */
static Tensor *ones_at(Tensor *noise, double p) {
    return noise ? rl_apply_n(RL_OP("bernoulli_"), 2, (Arg[]){a_t(noise), a_f(1 - p)}) : NULL;
}

/* Rounded once in float32 for halves, once in the dtype for the others. */
static void scale(Tensor *noise, double p) {
    float keep = (float)(1 - p), by = 1.0f / keep;
    double by_double = 1.0 / (1 - p);
    void *at = rl_data(noise);
    if (noise->dtype == RL_FLOAT32)
        for (int64_t i = 0; i < noise->numel; i++) ((float *)at)[i] *= by;
    else if (noise->dtype == RL_FLOAT64)
        for (int64_t i = 0; i < noise->numel; i++) ((double *)at)[i] *= by_double;
}

static Tensor *scaled_noise(Tensor *noise, double p) {
    if (!ones_at(noise, p)) return NULL;
    if (rl_dtype_is(noise->dtype, CLASS_HALF)) return rl_copy_into(noise, rl_mul_number(noise, (double)(1.0f / (float)(1 - p))));
    scale(noise, p);
    return noise;
}

/* Primitive, so that nothing of it is recorded: 0 or 1 / (1 - p), laid out like the input, or one per channel. */
static Tensor *noise_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = c->arg[1].f;
    int64_t shape[RL_MAX_DIMS];
    if (!c->arg[2].b) return c->arg[3].b ? scaled_noise(rl_empty_like(x, x->dtype), p) : ones_at(rl_empty_like(x, x->dtype), p);
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "Feature dropout requires at least 2 dimensions in the input, but its shape is %s", rl_text_shape(x));
    for (int i = 0; i < x->ndim; i++) shape[i] = i < 2 ? x->shape[i] : 1;
    Tensor *noise = rl_empty(x->ndim, shape, x->dtype);
    return c->arg[3].b ? scaled_noise(noise, p) : ones_at(noise, p);
}

static Tensor *noise_for(Tensor *x, double p, bool channels, bool scaled) { return rl_do("_dropout_noise", a_t(x), a_f(p), a_b(channels), a_b(scaled)); }

enum { CHANNELS = 1, ALPHA = 2 };

/* x m a + b, where m is the noise: what is dropped becomes SELU's lower limit, and mean and variance are kept. */
static Tensor *alpha_product(Tensor *x, double p, bool channels) {
    double alpha = 1.7580993408473766, a = 1 / __builtin_sqrt((alpha * alpha * p + 1) * (1 - p));
    Tensor *noise = noise_for(x, p, channels, false);
    Tensor *b = rl_add_number(rl_mul_number(rl_add_number(noise, -1), alpha * a), alpha * a * p);
    return rl_add(rl_mul(x, rl_mul_number(noise, a)), b);
}

static Tensor *dropout_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]);
    if (!probability_fits(p)) return NULL;
    if (p == 0 || !c->arg[2].b || x->numel == 0) return x;
    if (!dtype_fits(x)) return NULL;
    if (p == 1) return rl_mul(x, rl_zeros(0, NULL, x->dtype));
    if (c->op->data & ALPHA) return alpha_product(x, p, c->op->data & CHANNELS);
    return rl_mul(x, noise_for(x, p, c->op->data & CHANNELS, true));
}

static Tensor *native_dropout_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, **out = rl_outputs(c, 2);
    double p = a_double(&c->arg[1]);
    bool train = c->arg[2].tag == A_NONE || c->arg[2].b;
    Tensor *mask = out ? rl_empty_like(x, RL_BOOL) : NULL;
    if (!mask || !probability_fits(p)) return NULL;
    out[1] = train ? ones_at(mask, p) : rl_fill(mask, &(Arg){.tag = A_INT, .i = 1});
    return !out[1] ? NULL : train ? rl_mul_number(rl_mul(x, mask), p == 1 ? 0 : 1 / (1 - p)) : x;
}

/* ---- rrelu ----------------------------------------------------------------------------------------------------------- */

/* One where x > 0, elsewhere a slope from the range, drawn in logical order for those elements only. */
static Tensor *slopes_forward(Call *c) {
    Tensor *x = rl_contiguous(c->arg[0].tensor);
    Generator *g = rl_generator_of(&c->arg[3]);
    if (x && rl_dtype_is(x->dtype, CLASS_HALF))
        return rl_cast(rl_do("_rrelu_slopes", a_t(rl_cast(x, RL_FLOAT32)), c->arg[1], c->arg[2], c->arg[3]), x->dtype);
    Tensor *y = x ? rl_empty(x->ndim, x->shape, x->dtype) : NULL;
    if (!y) return NULL;
    if (!rl_dtype_is(x->dtype, CLASS_FLOAT)) return rl_fail(RL_NOT_IMPLEMENTED, "\"rrelu_with_noise_out_cpu\" not implemented for '%s'", rl_dtypes[x->dtype].word);
    bool single = x->dtype == RL_FLOAT32;
    double low = c->arg[1].f, high = c->arg[2].f;
    if (single) low = (float)low, high = (float)high;
    const void *in = rl_data(x);
    void *out = rl_data(y);
    for (int64_t i = 0; i < x->numel; i++) {
        double r = 1, v = single ? ((const float *)in)[i] : ((const double *)in)[i];
        if (v <= 0) r = (double)(rl_random64(g) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53 * (high - low) + low;
        if (single) ((float *)out)[i] = (float)r;
        else ((double *)out)[i] = r;
    }
    return y;
}

static Tensor *rrelu_forward(Call *c) {
    Arg *a = c->arg;
    double low = a_double(&a[1]), high = a_double(&a[2]);
    if (!(low <= high)) return rl_fail(RL_RUNTIME_ERROR, "Lower bound should be less than or equal to the upper bound, but they are %g and %g", low, high);
    if (!a[3].b) return rl_do("leaky_relu", a[0], a_f((low + high) / 2));
    return rl_mul(a[0].tensor, rl_do("_rrelu_slopes", a[0], a_f(low), a_f(high), a[4]));
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */

#define DROPS .flags = COMPOSITE | RANDOM, .forward = dropout_forward, .samples = "x(3, 4), 0.5, False"

Op rl_dropout_ops[] = {
    {
        .sig = "_dropout_noise(input: Tensor, p: float, channels: bool = False, scaled: bool = True) -> Tensor", .where = PRIVATE, .flags = RANDOM, .forward = noise_forward,
        .doc = "What dropout multiplies on.\n\n>>> rl._C._ops._dropout_noise(rl.ones(3), 0.0)\ntensor([1., 1., 1.])", .samples = "-",
    },
    {
        .sig = "dropout(input: Tensor, p: float, train: bool) -> Tensor", .where = FUNCTION | NN | INPLACE, DROPS,
        .doc = "Zeroes elements at a chance of p and multiplies the others by 1 / (1 - p).\n\n>>> rl.dropout(rl.ones(3), 0.5, False)\ntensor([1., 1., 1.])",
    },
    {
        .sig = "feature_dropout(input: Tensor, p: float, train: bool) -> Tensor", .where = FUNCTION | NN | INPLACE, .data = CHANNELS, DROPS,
        .doc = "Dropout of whole channels.\n\n>>> rl.feature_dropout(rl.ones(1, 2), 0.5, False)\ntensor([[1., 1.]])",
    },
    {
        .sig = "alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor", .where = FUNCTION | NN | INPLACE, .data = ALPHA, DROPS,
        .doc = "Dropout that keeps mean and variance behind SELU.\n\n>>> rl.alpha_dropout(rl.ones(3), 0.5, False)\ntensor([1., 1., 1.])",
    },
    {
        .sig = "feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor", .where = FUNCTION | NN | INPLACE, .data = CHANNELS | ALPHA, DROPS,
        .doc = "alpha_dropout of whole channels.\n\n>>> rl.feature_alpha_dropout(rl.ones(1, 2), 0.5, False)\ntensor([[1., 1.]])",
    },
    {
        .sig = "native_dropout(input: Tensor, p: float, train: bool | None) -> (Tensor, Tensor)", .where = FUNCTION, .flags = COMPOSITE | RANDOM, .forward = native_dropout_forward,
        .doc = "Dropout, and which elements it kept.\n\n>>> rl.native_dropout(rl.ones(2), 0.5, False)\n(tensor([1., 1.]), tensor([True, True]))", .samples = "x(3, 4), 0.5, False",
    },
    {
        .sig = "_rrelu_slopes(input: Tensor, lower: float, upper: float, generator: Generator | None = None) -> Tensor", .where = PRIVATE, .flags = RANDOM, .forward = slopes_forward,
        .doc = "What rrelu multiplies on in training.\n\n>>> rl._C._ops._rrelu_slopes(rl.tensor([2.0, -1.0]), 0.5, 0.5)\ntensor([1.0000, 0.5000])", .samples = "-",
    },
    {
        .sig = "rrelu(input: Tensor, lower: Number = 0.125, upper: Number = 0.3333333333333333, training: bool = False, generator: Generator | None = None) -> Tensor",
        .where = FUNCTION | NN | INPLACE, .flags = COMPOSITE | RANDOM, .forward = rrelu_forward, .samples = "x(3, 4); x(3, 4), 0.1, 0.2",
        .doc = "Multiplies negative elements by a slope: a random one in training, the mean of the two bounds else.\n\n"
               ">>> rl.rrelu(rl.tensor([-1.0, 2.0]), 0.25, 0.75)\ntensor([-0.5000,  2.0000])",
    },
    {0},
};
