/* fft.c -- torch.fft: discrete Fourier transforms over one dim or several.
 *
 * Three linear maps are enough: complex to complex, real to a spectrum (half of it, which the other half mirrors, or all), half a
 * spectrum to real.  The gradient of each is another of them in the opposite direction, so derivatives of any order are Fourier
 * transforms too.  The public functions bring the input to its sizes and call one of the three.  Results lie as torch's do: the dims
 * transformed innermost, the others in the input's order.  The transforms themselves are NumPy's (rl_host.fourier). */
#include "rushlight.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- one dim of a dense array [outer, n, inner] -------------------------------------------------------------------------------------------- */

/* The places past the middle, which mirror those before it. */
static void mirror(const FourierLines *f, void *spectrum) {
    int64_t n = f->n, width = 2 * rl_dtype_bytes(f->real);
    for (int64_t line = 0; line < f->outer; line++, spectrum = (char *)spectrum + n * width)
        for (int64_t k = n / 2 + 1; k < n; k++) {
            if (f->real == RL_FLOAT32) ((float *)spectrum)[2 * k] = ((float *)spectrum)[2 * (n - k)], ((float *)spectrum)[2 * k + 1] = -((float *)spectrum)[2 * (n - k) + 1];
            else ((double *)spectrum)[2 * k] = ((double *)spectrum)[2 * (n - k)], ((double *)spectrum)[2 * k + 1] = -((double *)spectrum)[2 * (n - k) + 1];
        }
}

/* From x to y, which may be the same for complex numbers. */
static bool along(FourierLines f) {
    if (f.outer * f.inner == 0) return true;
    if (!rl_host.fourier) return rl_fail(RL_NOT_IMPLEMENTED, "Fourier transforms are NumPy's, which is not here") != NULL;
    return rl_host.fourier(&f);
}

/* ---- the three maps ------------------------------------------------------------------------------------------------------------------------- */

typedef struct Layout { int ndim, count, order[RL_MAX_DIMS]; } Layout;      /* dims as the result lies in memory, the `count` transformed ones last */

static void sort_by_stride(const Tensor *x, int n, int *dims) {
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && x->stride[dims[k - 1]] < x->stride[dims[k]]; k--) {
            int swap = dims[k];
            dims[k] = dims[k - 1], dims[k - 1] = swap;
        }
}

/* keep_last: the last of the dims is transformed by itself, so it stays innermost. */
static bool lay_out(Layout *l, const Tensor *x, const Arg *dim, bool keep_last) {
    bool mask[RL_MAX_DIMS];
    if (!rl_wrap_dims(x->ndim, dim->n, dim->ints, mask)) return false;
    l->ndim = x->ndim;
    l->count = dim->n;
    int others = 0;
    for (int i = 0; i < x->ndim; i++)
        if (!dim->n || !mask[i]) l->order[others++] = i;
    for (int i = 0; i < dim->n; i++) l->order[others + i] = rl_wrap_dim(x->ndim, dim->ints[i]);
    sort_by_stride(x, others, l->order);
    sort_by_stride(x, dim->n - keep_last, l->order + others);
    return true;
}

/* x with its dims in that order, dense. */
static Tensor *dense(Tensor *x, const Layout *l) {
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    for (int i = 0; i < l->ndim; i++) shape[i] = x->shape[l->order[i]], stride[i] = x->stride[l->order[i]];
    Tensor *turned = rl_view(x, l->ndim, shape, stride, x->offset);
    return turned && !rl_is_row_major(turned) ? rl_contiguous(turned) : turned;
}

/* A result of x's shape but for `size` places in the innermost dim. */
static Tensor *result(Call *c, Tensor *x, const Layout *l, int64_t size, Dtype dtype) {
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS], step = 1;
    for (int i = l->ndim - 1; i >= 0; i--) {
        int d = l->order[i];
        shape[d] = i == l->ndim - 1 ? size : x->shape[d];
        stride[d] = step;
        step *= shape[d] > 1 ? shape[d] : 1;
    }
    return rl_out_strided(c, 0, l->ndim, shape, stride, dtype);
}

static int64_t product(const Tensor *x, int first, int end) {
    int64_t n = 1;
    for (int i = first; i < end; i++) n *= x->shape[i];
    return n;
}

/* Complex to complex over the dims [first, end) of x, dense, into y; the innermost is done first. */
static bool transform(Tensor *x, void *y, int first, int end, bool inverse, double scale) {
    Dtype real = rl_to_real(x->dtype);
    const void *from = rl_data(x);
    Tensor *room = end - first > 1 ? rl_empty(x->ndim, x->shape, x->dtype) : NULL;     /* NumPy would copy what it is to write to while it reads it */
    if (end - first > 1 && !room) return false;
    for (int d = end - 1; d >= first; d--, scale = 1) {
        void *to = (d - first) % 2 ? rl_data(room) : y;
        if (!along((FourierLines){FOURIER_COMPLEX, inverse, real, product(x, 0, d), product(x, d + 1, x->ndim), x->shape[d], x->shape[d], x->shape[d], from, to, scale})) return false;
        from = to;
    }
    return true;
}

enum { NOT_SCALED, BY_ROOT, BY_SIZE };       /* torch's numbers */

static double scale_of(const Arg *mode, const Tensor *x, const Layout *l, int64_t last) {
    double n = (double)last;
    for (int i = l->ndim - l->count; i < l->ndim - 1; i++) n *= (double)x->shape[l->order[i]];
    return mode->i == BY_ROOT ? 1 / sqrt(n) : mode->i == BY_SIZE ? 1 / n : 1;
}

static bool empty_dims(const Tensor *x, const Arg *dim) { return dim->n == 0 || x->ndim == 0; }

static Tensor *c2c_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Layout l;
    if (empty_dims(x, &c->arg[1])) return rl_clone(x);
    if (!lay_out(&l, x, &c->arg[1], false)) return NULL;
    int64_t last = x->shape[l.order[l.ndim - 1]];
    Tensor *from = dense(x, &l), *y = result(c, x, &l, last, x->dtype);
    return from && y && transform(from, rl_data(y), l.ndim - l.count, l.ndim, !c->arg[3].b, scale_of(&c->arg[2], x, &l, last)) ? y : NULL;
}

static void c2c_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("_fft_c2c", a_t(g[0]), c->arg[1], c->arg[2], a_b(!c->arg[3].b)); }

static Tensor *r2c_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    bool half = c->arg[3].b;
    Layout l;
    if (empty_dims(x, &c->arg[1])) return rl_cast(x, rl_to_complex(x->dtype));
    if (!lay_out(&l, x, &c->arg[1], half)) return NULL;
    int64_t n = x->shape[l.order[l.ndim - 1]], size = half ? n / 2 + 1 : n;
    Dtype dtype = rl_to_complex(x->dtype);
    Tensor *from = dense(x, &l), *y = result(c, x, &l, size, dtype), *turned = y ? dense(y, &l) : NULL;
    if (!from || !turned) return NULL;
    FourierLines f = {FOURIER_REAL, false, x->dtype, product(from, 0, l.ndim - 1), 1, n, n, size, rl_data(from), rl_data(y), scale_of(&c->arg[2], x, &l, n)};
    if (!along(f)) return NULL;
    if (!half) mirror(&f, rl_data(y));
    return transform(turned, rl_data(y), l.ndim - l.count, l.ndim - 1, false, 1) ? y : NULL;
}

static Tensor *fit(Tensor *x, int64_t dim, int64_t n);

static void r2c_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    const Arg *dim = &c->arg[1];
    int last = dim->n ? rl_wrap_dim(m->ndim, dim->ints[dim->n - 1]) : 0;
    Tensor *whole = c->arg[3].b && !(dim->n == 0 || m->ndim == 0) ? fit(g[0], last, m->shape[last]) : g[0];
    dx[0] = rl_do("_fft_c2c", a_t(whole), *dim, c->arg[2], a_b(false));
}

static Tensor *c2r_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t n = c->arg[3].i;
    Layout l;
    if (empty_dims(x, &c->arg[1])) return rl_do("real", a_t(x));
    if (!lay_out(&l, x, &c->arg[1], true)) return NULL;
    int last = l.order[l.ndim - 1];
    if (n < 1 || x->shape[last] != n / 2 + 1)
        return rl_fail(RL_RUNTIME_ERROR, "_fft_c2r: %" PRId64 " places are made of %" PRId64 ", but the input of shape %s has %" PRId64 " along dim %d", n, n / 2 + 1, rl_text_shape(x), x->shape[last], last);
    Dtype dtype = rl_to_real(x->dtype);
    Tensor *from = dense(x, &l), *y = result(c, x, &l, n, dtype);
    if (from && l.count > 1) {
        Tensor *room = rl_empty(from->ndim, from->shape, x->dtype);
        if (!room || !transform(from, rl_data(room), l.ndim - l.count, l.ndim - 1, true, 1)) return NULL;
        from = room;
    }
    double scale = scale_of(&c->arg[2], x, &l, n);
    return from && y && along((FourierLines){FOURIER_HALF, true, dtype, product(from, 0, l.ndim - 1), 1, n, n / 2 + 1, n, rl_data(from), rl_data(y), scale}) ? y : NULL;
}

/* Places that stand for their mirror image as well count twice. */
static void c2r_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Arg *dim = &c->arg[1];
    Tensor *half = rl_do("_fft_r2c", a_t(g[0]), *dim, c->arg[2], a_b(true));
    if (!half || dim->n == 0 || half->ndim == 0) {
        dx[0] = half;
        return;
    }
    int last = rl_wrap_dim(half->ndim, dim->ints[dim->n - 1]);
    int64_t shape[RL_MAX_DIMS], size = half->shape[last], n = c->arg[3].i;
    for (int i = 0; i < half->ndim; i++) shape[i] = i == last ? size : 1;
    Tensor *times = rl_full(half->ndim, shape, rl_to_real(half->dtype), 1);
    for (int64_t k = 1; times && k < (n + 1) / 2; k++) {
        if (times->dtype == RL_FLOAT32) ((float *)rl_data(times))[k] = 2;
        else ((double *)rl_data(times))[k] = 2;
    }
    dx[0] = rl_mul(half, times);
}

/* ---- torch's functions ------------------------------------------------------------------------------------------------------------------------ */

enum { INVERSE = 1, FROM_REAL = 2, TO_REAL = 4, CONJUGATED = 8 /* hfft, ihfft */ };

static const char *name_of(const Call *c) { return c->op->parsed->name + 4; }

/* x cut or padded with zeros to n along dim. */
static Tensor *fit(Tensor *x, int64_t dim, int64_t n) {
    int64_t pads[2 * RL_MAX_DIMS] = {0};
    if (!x || x->shape[dim] == n) return x;
    if (x->shape[dim] > n) return rl_narrow(x, dim, 0, n);
    int pairs = x->ndim - (int)dim;
    pads[2 * pairs - 1] = n - x->shape[dim];
    return rl_do("constant_pad_nd", a_t(x), a_ints(2 * pairs, pads));
}

/* The input in a dtype that can be transformed. */
static Tensor *inexact(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (c->op->data & FROM_REAL && rl_dtype_is(x->dtype, CLASS_COMPLEX)) return rl_fail(RL_RUNTIME_ERROR, "%s expects a real%s input tensor, but got %s", strcmp(name_of(c), "rfft2") ? name_of(c) : "rfftn", !strncmp(name_of(c), "rfft", 4) && strcmp(name_of(c), "rfft") ? "-valued" : "", rl_dtypes[x->dtype].word);
    if (rl_dtype_is(x->dtype, CLASS_HALF)) return rl_fail(RL_RUNTIME_ERROR, "Unsupported dtype %s in %s: convert it first, as in x.float()", rl_dtypes[x->dtype].word, name_of(c));
    Dtype dtype = rl_dtype_is(x->dtype, CLASS_INEXACT) ? (Dtype)x->dtype : rl_default_dtype();
    return rl_cast(x, c->op->data & TO_REAL ? rl_to_complex(dtype) : dtype);
}

/* torch's word for a scaling, as a number: it falls to one of the two directions, or half to each. */
static bool mode_of(const Arg *norm, bool inverse, Arg *mode) {
    const char *text = norm->tag == A_NONE ? "backward" : norm->str;
    if (!strcmp(text, "ortho")) *mode = a_i(BY_ROOT);
    else if (!strcmp(text, "backward") || !strcmp(text, "forward")) *mode = a_i((*text == 'b') == inverse ? BY_SIZE : NOT_SCALED);
    else return rl_fail(RL_RUNTIME_ERROR, "Invalid normalization mode: \"%s\"; it is one of backward, ortho, forward", text) != NULL;
    return true;
}

static void *bad_count(int64_t n) { return rl_fail(RL_RUNTIME_ERROR, "Invalid number of data points (%" PRId64 ") specified", n); }

static int dim_of(const Tensor *x, int64_t dim) {
    if (x->ndim == 0) {
        rl_fail(RL_INDEX_ERROR, "Dimension specified as %" PRId64 " but tensor has no dimensions", dim);
        return -1;
    }
    return rl_wrap_dim(x->ndim, dim);
}

/* The transform of x, which has its sizes, over the dims; n: the size of the result along the last where that is real. */
static Tensor *apply(Call *c, Tensor *x, int count, const int64_t *dims, const Arg *norm, int64_t n) {
    Arg dim = a_ints(count, dims), mode;
    bool inverse = c->op->data & INVERSE;
    if (!x || !mode_of(norm, inverse, &mode)) return NULL;
    if (c->op->data & TO_REAL) return rl_do("_fft_c2r", a_t(inverse ? x : rl_conj(x)), dim, mode, a_i(n));
    if (rl_dtype_is(x->dtype, CLASS_COMPLEX)) return rl_do("_fft_c2c", a_t(x), dim, mode, a_b(!inverse));
    Tensor *y = rl_do("_fft_r2c", a_t(x), dim, mode, a_b((c->op->data & FROM_REAL) != 0));
    return inverse ? rl_conj(y) : y;
}

/* (input, n, dim, norm) */
static Tensor *one_forward(Call *c) {
    Tensor *x = inexact(c);
    int dim = x ? dim_of(x, c->arg[2].i) : -1;
    if (dim < 0) return NULL;
    bool to_real = c->op->data & TO_REAL;
    int64_t n = c->arg[1].tag != A_NONE ? c->arg[1].i : to_real ? 2 * (x->shape[dim] - 1) : x->shape[dim];
    return n < 1 ? bad_count(n) : apply(c, fit(x, dim, to_real ? n / 2 + 1 : n), 1, (int64_t[]){dim}, &c->arg[3], n);
}

/* The dims that (s, dim) mean, wrapped; -1 after an error. */
static int dims_of(Tensor *x, const Arg *s, const Arg *dim, int64_t *dims) {
    int count = dim->tag != A_NONE ? dim->n : s->tag != A_NONE ? s->n : x->ndim;
    bool mask[RL_MAX_DIMS];
    if (count > (dim->tag == A_NONE ? x->ndim : RL_MAX_DIMS)) {
        rl_fail(RL_RUNTIME_ERROR, "Got shape with %d values but input tensor only has %d dimensions.", count, x->ndim);
        return -1;
    }
    for (int i = 0; i < count; i++)
        if ((dims[i] = dim_of(x, dim->tag != A_NONE ? dim->ints[i] : x->ndim - count + i)) < 0) return -1;
    memset(mask, 0, sizeof mask);
    for (int i = 0; i < count; i++) {
        if (mask[dims[i]]) {
            rl_fail(RL_RUNTIME_ERROR, "FFT dims must be unique");
            return -1;
        }
        mask[dims[i]] = true;
    }
    if (s->tag == A_NONE || s->n == count) return count;
    rl_fail(RL_RUNTIME_ERROR, "When given, dim and shape arguments must have the same length");
    return -1;
}

/* x brought to the sizes s along the first `count` dims; -1 leaves a size as it is. */
static Tensor *fit_all(Tensor *x, const Arg *s, int count, const int64_t *dims) {
    for (int i = 0; x && i < count; i++) {
        int64_t n = s->tag == A_NONE || s->ints[i] == -1 ? x->shape[dims[i]] : s->ints[i];
        x = n < 1 ? bad_count(n) : fit(x, dims[i], n);
    }
    return x;
}

/* All but the last dim of hfftn and ihfftn: complex, in the direction of the function. */
static Tensor *others(Call *c, Tensor *x, int count, const int64_t *dims) {
    Arg mode;
    bool inverse = c->op->data & INVERSE;
    if (!x || count < 1 || !mode_of(&c->arg[3], inverse, &mode)) return x;
    return rl_do("_fft_c2c", a_t(x), a_ints(count, dims), mode, a_b(!inverse));
}

/* (input, s, dim, norm) */
static Tensor *many_forward(Call *c) {
    Tensor *x = inexact(c);
    const Arg *s = &c->arg[1];
    int64_t dims[RL_MAX_DIMS], n = 0;
    int count = x ? dims_of(x, s, &c->arg[2], dims) : -1, kind = c->op->data;
    if (count < 0) return NULL;
    if (count == 0) return kind & (FROM_REAL | TO_REAL) ? rl_fail(RL_RUNTIME_ERROR, "%s must transform at least one axis", name_of(c)) : rl_cast(rl_clone(x), rl_to_complex(x->dtype));
    if (kind & TO_REAL) {
        n = s->tag == A_NONE || s->ints[count - 1] == -1 ? 2 * (x->shape[dims[count - 1]] - 1) : s->ints[count - 1];
        if (n < 1) return bad_count(n);
        x = fit(fit_all(x, s, count - 1, dims), dims[count - 1], n / 2 + 1);
    } else {
        x = fit_all(x, s, count, dims);
    }
    if (!(kind & CONJUGATED)) return apply(c, x, count, dims, &c->arg[3], n);
    if (kind & TO_REAL) return apply(c, others(c, x, count - 1, dims), 1, dims + count - 1, &c->arg[3], n);
    return others(c, apply(c, x, 1, dims + count - 1, &c->arg[3], n), count - 1, dims);
}

/* Halves exchanged: forwards by n / 2, backwards by the rest. */
static Tensor *shift_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *dim = &c->arg[1];
    int64_t dims[RL_MAX_DIMS], by[RL_MAX_DIMS];
    int count = dim->tag == A_NONE ? x->ndim : dim->n;
    if (count == 0) return rl_clone(x);
    for (int i = 0; i < count; i++) {
        int d = dim->tag == A_NONE ? i : rl_wrap_dim(x->ndim, dim->ints[i]);
        if (d < 0) return NULL;
        dims[i] = d;
        by[i] = x->ndim ? (x->shape[d] + c->op->data) / 2 : 0;
    }
    return rl_do("roll", a_t(x), a_ints(count, by), a_ints(count, dims));
}

#define ONE(name, kind, sample, text) \
    {.sig = "fft." name "(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor", .forward = one_forward, \
     .flags = TAKES_BARE | COMPOSITE, .where = FFT | OUT, .data = kind, .samples = sample, .doc = text}
#define MANY(name, kind, sample, text, shown) \
    {.sig = "fft." name "n(input: Tensor, s: int | list[int] | None = None, dim: int | list[int] | None = None, norm: str | None = None) -> Tensor", \
     .forward = many_forward, .flags = TAKES_BARE | COMPOSITE, .where = FFT | OUT, .data = kind, .samples = sample, .doc = text "\n\n>>> rl.fft." name "n(rl.tensor([[3.0, 1.0], [1.0, 0.0]]))" shown}, \
    {.sig = "fft." name "2(input: Tensor, s: int | list[int] | None = None, dim: int | list[int] | None = [-2, -1], norm: str | None = None) -> Tensor", \
     .forward = many_forward, .flags = TAKES_BARE | COMPOSITE, .where = FFT | OUT, .data = kind, .samples = sample, .doc = "fft." name "n over the last two dims, or dim.\n\n>>> rl.fft." name "2(rl.tensor([[3.0, 1.0], [1.0, 0.0]]))" shown}

Op rl_fft_ops[] = {
    {
        .sig = "_fft_c2c(input: Tensor, dim: list[int], normalization: int, forward: bool) -> Tensor", .forward = c2c_forward, .vjp = c2c_vjp, .dtypes = CLASS_COMPLEX,
        .where = PRIVATE, .node = "FftC2CBackward0", .samples = "-",
        .doc = "A Fourier transform of complex numbers; normalization 1 divides by the root of the size, 2 by the size.",
    },
    {
        .sig = "_fft_r2c(input: Tensor, dim: list[int], normalization: int, onesided: bool) -> Tensor", .forward = r2c_forward, .vjp = r2c_vjp, .dtypes = CLASS_FLOAT,
        .where = PRIVATE, .node = "FftR2CBackward0", .samples = "x(3, 4), [1], 0, True; x(3, 5), [0, 1], 1, False; x(3, 5), [1], 2, True",
        .doc = "The Fourier transform of real numbers, all of it or the half that the other half mirrors.",
    },
    {
        .sig = "_fft_c2r(input: Tensor, dim: list[int], normalization: int, last_dim_size: int) -> Tensor", .forward = c2r_forward, .vjp = c2r_vjp, .dtypes = CLASS_COMPLEX,
        .where = PRIVATE, .node = "FftC2RBackward0", .samples = "-",
        .doc = "The real numbers of which half a spectrum is given.",
    },
    ONE("fft", 0, "x(16); x(3, 4), 6, 0; x(2, 5), norm='ortho'", "The discrete Fourier transform along dim; norm is backward (no scaling here), ortho (1/sqrt n) or forward (1/n).\n\n>>> rl.fft.fft(rl.tensor([1.0, 0.0]))\ntensor([1.+0.j, 1.+0.j])"),
    ONE("ifft", INVERSE, "x(16); x(3, 4), 3, 0; x(2, 5), norm='forward'", "The inverse of fft.\n\n>>> rl.fft.ifft(rl.tensor([2.0, 0.0]))\ntensor([1.-0.j, 1.-0.j])"),
    ONE("rfft", FROM_REAL, "x(16); x(3, 5), 6, 0", "fft of real input: the first n // 2 + 1 places, which the others mirror.\n\n>>> rl.fft.rfft(rl.tensor([1.0, 2.0]))\ntensor([ 3.+0.j, -1.+0.j])"),
    ONE("irfft", INVERSE | TO_REAL, "x(9); x(3, 5), 7, 0", "The inverse of rfft; n is the size of the result, 2 (m - 1) if not given.\n\n>>> rl.fft.irfft(rl.tensor([3.0, -1.0]))\ntensor([1., 2.])"),
    ONE("hfft", TO_REAL | CONJUGATED, "x(9); x(3, 5), 7, 0", "fft of a signal that is Hermitian in time, so real in frequency.\n\n>>> rl.fft.hfft(rl.tensor([3.0, -1.0]))\ntensor([2., 4.])"),
    ONE("ihfft", INVERSE | FROM_REAL | CONJUGATED, "x(16); x(3, 5), 6, 0", "The inverse of hfft.\n\n>>> rl.fft.ihfft(rl.tensor([2.0, 4.0]))\ntensor([ 3.-0.j, -1.-0.j])"),
    MANY("fft", 0, "x(4, 4); x(3, 4), (2, 5)", "The discrete Fourier transform over several dims.", "\ntensor([[5.+0.j, 3.+0.j],\n        [3.+0.j, 1.+0.j]])"),
    MANY("ifft", INVERSE, "x(4, 4); x(3, 4), (2, 5)", "The inverse of fftn.", "\ntensor([[1.2500-0.j, 0.7500-0.j],\n        [0.7500-0.j, 0.2500-0.j]])"),
    MANY("rfft", FROM_REAL, "x(4, 4); x(3, 4), (2, 5)", "fftn of real input; the last dim is halved.", "\ntensor([[5.+0.j, 3.+0.j],\n        [3.+0.j, 1.+0.j]])"),
    MANY("irfft", INVERSE | TO_REAL, "x(4, 3); x(3, 4), (2, 5)", "The inverse of rfftn.", "\ntensor([[1.2500, 0.7500],\n        [0.7500, 0.2500]])"),
    MANY("hfft", TO_REAL | CONJUGATED, "x(4, 3); x(3, 4), (2, 5)", "hfft over several dims: fftn over all but the last, then hfft.", "\ntensor([[5., 3.],\n        [3., 1.]])"),
    MANY("ihfft", INVERSE | FROM_REAL | CONJUGATED, "x(4, 4); x(3, 4), (2, 5)", "The inverse of hfftn.", "\ntensor([[1.2500-0.j, 0.7500-0.j],\n        [0.7500+0.j, 0.2500+0.j]])"),
    {
        .sig = "fft.fftshift(input: Tensor, dim: int | list[int] | None = None) -> Tensor", .forward = shift_forward, .flags = TAKES_BARE | COMPOSITE, .where = FFT, .samples = "x(5); x(3, 4), 1",
        .doc = "Places moved so that frequency zero is in the middle.\n\n>>> rl.fft.fftshift(rl.tensor([0, 1, -1]))\ntensor([-1,  0,  1])",
    },
    {
        .sig = "fft.ifftshift(input: Tensor, dim: int | list[int] | None = None) -> Tensor", .forward = shift_forward, .flags = TAKES_BARE | COMPOSITE, .where = FFT, .data = 1, .samples = "x(5); x(3, 4), 1",
        .doc = "The inverse of fftshift.\n\n>>> rl.fft.ifftshift(rl.tensor([-1, 0, 1]))\ntensor([ 0,  1, -1])",
    },
    {0},
};
