/* kernels.h -- raw pointers in, raw pointers out: the table of inner loops, one per instruction set.
 *
 * A kernel knows strides in bytes and a dtype that its place in the table gives; it never allocates, fails or sees a Tensor.
 * isa_base.c, isa_avx2.c and isa_avx512.c compile the same *.inc.c files for their instruction set; cpu.c picks one table at
 * start (RUSHLIGHT_ISA=base|avx2|avx512 overrides).  Dtype indices are those of rushlight.h; a missing combination is NULL.
 *
 * A family that needs loops of its own adds a section of function pointers to struct Kernels, writes them in its own
 * <family>.inc.c and names them in table.inc.c. */
#ifndef RUSHLIGHT_KERNELS_H
#define RUSHLIGHT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { K_DTYPES = 15, K_SIZES = 5 /* elements of 1, 2, 4, 8, 16 bytes: index log2 */ };

/* Outputs first; stride in bytes per operand.  The same type as in rushlight.h, so that kernels go straight into rl_loop. */
typedef void LoopFn(int64_t n, char *const *p, const int64_t *stride, const void *extra);

/* Pointwise: each .def file is one list; here it becomes an enumeration, in pointwise.inc.c loops, in ops/ rows. */
typedef enum {
#define U(name, ...) UNARY_##name,
#include "unary.def"
#include "activation.def"
#include "special.def"
#undef U
    UNARY_COUNT
} Unary;

typedef enum {
#define B(name, ...) BINARY_##name,
#include "binary.def"
#undef B
    BINARY_COUNT
} Binary;

typedef enum {
#define TERNARY(name, ...) TERNARY_##name,
#include "ternary.def"
#undef TERNARY
    TERNARY_COUNT
} Ternary;

/* How a picture of n dims and `area` elements a channel is read at places: `order` says which derivative along each dim. */
typedef enum { GRID_BILINEAR, GRID_NEAREST, GRID_BICUBIC } GridMode;
typedef enum { GRID_ZEROS, GRID_BORDER, GRID_REFLECTION } GridPadding;
typedef struct GridSpec { int n, order[3]; int64_t in[3], area, channels, places; GridMode mode; GridPadding padding; bool align, single; } GridSpec;

/* A reduction is a small monoid.  acc is an array of m accumulators; `add` takes n rows of m elements each (distances in_col and
 * in_row in bytes; m or n may be 1) into it, `merge` joins two pieces (`from` comes later), `finish` writes m results made of `count`
 * elements each.  Pieces are cut by shape alone, so that results do not depend on the number of threads. */
typedef struct Reduction Reduction;
struct Reduction {
    int acc_bytes;             /* 0: this dtype has no such reduction */
    uint8_t in_bytes, half, kind, writes_half;   /* of the elements read: bytes, whether halves, and which */
    void (*init)(const Reduction *r, int64_t m, void *acc, const double *extra);
    void (*add)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first /* index of row 0 */, const double *extra);
    void (*merge)(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra);
    void (*finish)(const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra);
    /* May be NULL: m lines of n elements from start to end, which lie along memory or beside each other; false: it is not so simple. */
    bool (*lines)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, char *const *out, const int64_t *out_stride, const double *extra);
};

typedef enum {
#define REDUCE(name, ...) REDUCE_##name,
#include "reduce.def"
#undef REDUCE
    REDUCE_COUNT
} Reduce;

/* Kernels along lines take one, or with extra (int64_t[]) many: how many, and how far apart they lie in each operand, in bytes. */
typedef enum {   /* y[, index], x */
    SCAN_SUM, SCAN_PROD, SCAN_MAX, SCAN_MIN, SCAN_LOGSUMEXP, SCAN_COUNT
} Scan;

typedef enum {   /* along one line of any stride; or many, neighbours in memory */
    ROW_SOFTMAX,               /* y, x */
    ROW_LOG_SOFTMAX,           /* y, x */
    ROW_SOFTMAX_GRAD,          /* dx, g, y */
    ROW_LOG_SOFTMAX_GRAD,      /* dx, g, y */
    ROW_COUNT
} Row;

typedef struct SortSpec {
    bool descending, stable;
    int64_t k;                 /* topk: how many; kth: which, or 0 the median, -1 the median of what is a number */
    bool largest, sorted;
    void *scratch;             /* sort_scratch(n) bytes, one block per thread */
} SortSpec;

/* An optimizer's step: which, and its numbers, ready for this step.  See optim_steps.inc.c. */
typedef enum {
    STEP_SGD, STEP_MOMENTUM, STEP_ADAM, STEP_AMSGRAD, STEP_NADAM, STEP_RADAM, STEP_ADAMAX, STEP_ADAGRAD, STEP_ADADELTA, STEP_RMSPROP,
    STEP_RMSPROP_CENTERED, STEP_RMSPROP_MOMENTUM, STEP_RMSPROP_BOTH, STEP_COUNT
} StepKind;
enum { STEP_OPERANDS = 5 };

typedef struct StepSpec {
    StepKind kind;
    bool maximize, variant;    /* variant: Nesterov's momentum, RAdam's adaptive steps */
    double rate, rate2;        /* the step's length */
    double decay, shrink;      /* weight decay by the gradient (0: none), or of the parameter itself (1: none) */
    double keep, take;         /* of a running mean: how much of the old, of the new */
    double keep2, take2;       /* the same for the mean square */
    double root, whole, eps;   /* corrections of the mean square's root and of the mean */
} StepSpec;

typedef struct Window {       /* a window over an image; three spatial dims, missing ones of size 1 */
    int64_t channels, in[3], size[3], out[3], stride[3], pad[3], dilation[3];
} Window;

typedef struct Spot { int64_t from, to; uint32_t mask; } Spot;   /* neighbouring places: where they begin in the image and in y, and which of the lanes are results */
typedef struct Run { int64_t from, to, column, count; } Run;     /* neighbouring places: where they begin in the image, in y and in a panel */
typedef struct Panel {        /* places that are computed together: as they are read, one vector at most in a run, and as they are written */
    int64_t columns, takes, puts, picks;
    const Run *take, *put;
    const int64_t *pick;       /* the rows of the product that matter here, in order */
} Panel;
typedef struct Shifts {       /* a product whose right side is an image: row p of it begins at offset[p].  All in floats */
    int64_t k, spots, panels, channel, step;     /* from one channel of y to the next, from one place */
    const int64_t *offset;
    const Spot *spot;          /* either of the two */
    const Panel *panel;
} Shifts;
typedef struct Lines { int64_t count, length, row; const int64_t *start; } Lines;    /* runs of places in an image; channels per place, padded */

typedef struct Ranges {       /* windows by their first and last place along each of three dims */
    int64_t in[3], out[3], step[3], divisor;     /* divisor 0: the product of the counts */
    const int64_t *start[3], *end[3], *count[3];
} Ranges;

typedef struct Attend {       /* a block of an attention's scores, dense; row r sees the columns up to first + r if causal */
    int64_t rows, columns, first;
    bool causal;
    const void *mask, *noise;  /* added to scores, multiplied to weights; or NULL */
    int64_t mask_row, mask_col, noise_row;   /* in elements; noise is dense along columns */
} Attend;

typedef struct IndexSpec {     /* of the dim that numbers count along; stride in bytes */
    int64_t size, stride;
    bool *outside;             /* NULL: numbers have been checked; else set, and the rest left, where one is not in 0 .. size - 1 */
} IndexSpec;
typedef enum { SLOPE_WRITE, SLOPE_PAST /* the cache */, SLOPE_ADD } SlopeTo;

typedef enum { SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN, SCATTER_COUNT } Scatter;

typedef struct Kernels {
    const char *name;          /* "base", "avx2", "avx512" */

    /* pointwise.inc.c */
    LoopFn *const *unary[K_DTYPES];        /* [dtype][UNARY_exp]: y, x; extra: double[] of the row's parameters.  Predicates write bool, abs and angle of complex write real */
    LoopFn *const *unary_grad[K_DTYPES];   /* dx, g, x, y: dx = g * f'; the row says which of x and y it reads, the other may be anything of that dtype */
    LoopFn *const *binary[K_DTYPES];       /* y, a, b; comparisons and logical rows write bool */
    LoopFn *const *ternary[K_DTYPES];      /* y, a, b, c; extra: double[2], a complex factor */
    LoopFn *const *cast[K_DTYPES];         /* [from][to]: y, x */
    LoopFn *copy[K_SIZES];                 /* y, x; source stride 0 fills */
    LoopFn *where[K_SIZES];                /* y, condition (bool), a, b */
    bool (*any_zero[K_DTYPES])(int64_t n, const char *p, int64_t stride);   /* integers: does a divisor vanish? */
    void (*transpose[K_SIZES])(int64_t rows, int64_t cols, char *y, int64_t y_row, const char *x, int64_t x_col);  /* y[r][c] = x[c][r], both dense in their last index */

    /* reduce.inc.c */
    const Reduction *reduce[K_DTYPES];     /* [dtype][REDUCE_sum] */
    LoopFn *const *scan[K_DTYPES];         /* [dtype][SCAN_SUM]; extra: NULL or many lines */

    /* rows.inc.c */
    LoopFn *const *row[K_DTYPES];          /* [dtype][ROW_SOFTMAX] */

    void (*attend[K_DTYPES])(const Attend *a, void *scores, void *top, void *sum, void *fade);
    void (*scale_rows[K_DTYPES])(int64_t rows, int64_t n, void *x, int64_t stride, const void *factor);   /* stride in elements */
    void (*attend_grad[K_DTYPES])(const Attend *a, void *scores, void *slopes, const void *lse, const void *delta);

    /* sort.inc.c */
    int64_t (*sort_scratch)(int64_t n);
    LoopFn *sort[K_DTYPES];                /* values, indices (int64), x; extra: SortSpec */
    LoopFn *topk[K_DTYPES];                /* values, indices (int64), x: the first k */
    LoopFn *kth[K_DTYPES];                 /* value, index, x: the k-th smallest, NaN last */

    /* dot.inc.c */
    void (*dot[K_DTYPES])(int64_t n, void *y, const void *a, const void *b);   /* y = sum of a[i] * b[i], both dense */

    /* optim.inc.c */
    LoopFn *step[K_DTYPES];                /* parameter, three states, gradient; extra: StepSpec.  States that a kind lacks repeat the parameter */

    /* index.inc.c; extra: IndexSpec; the indexed operand has stride 0 along that dim */
    LoopFn *gather[K_SIZES];               /* y, numbers (int64), x */
    LoopFn *scatter[K_SIZES];              /* y, numbers, x */
    LoopFn *scatter_reduce[K_DTYPES][SCATTER_COUNT];
    bool (*all_within)(int64_t n, const char *numbers, int64_t stride, int64_t size);   /* 0 .. size - 1 */
    int64_t (*first_outside)(int64_t n, const char *numbers, int64_t stride, int64_t size);

    /* norm.inc.c: float32, float64; rows are dense.  w, b, dx, dw, db may be NULL; dw and db are added to */
    void (*norm_rows[K_DTYPES])(int64_t rows, int64_t n, const char *x, const char *w, const char *b, double eps, char *y, char *mean, char *scale);
    void (*norm_rows_grad[K_DTYPES])(int64_t rows, int64_t n, const char *g, const char *x, const char *w, const char *mean, const char *scale, char *dx, char *dw, char *db);
    double (*lane_sum[K_DTYPES])(int64_t n, const char *x);
    double (*lane_square[K_DTYPES])(int64_t n, const char *x, double mean);             /* sum of (x - mean)^2 */
    double (*lane_dot[K_DTYPES])(int64_t n, const char *g, const char *x, double mean); /* sum of g (x - mean) */
    void (*lane_sums[K_DTYPES])(int64_t n, const char *g, const char *x, double mean, double *sum, double *dot);      /* of g, of g (x - mean) */
    /* columns of rows that lie `row` or n elements apart; sums are added to what is there */
    void (*column_sums[K_DTYPES])(int64_t rows, int64_t n, int64_t row, const char *x, double *sum, double *square);   /* of x - x[0], and its square */
    void (*column_dots[K_DTYPES])(int64_t rows, int64_t n, int64_t row, const char *g, const char *x, const double *mean, double *sum, double *dot);
    void (*column_mix[K_DTYPES])(int64_t rows, int64_t n, const char *g, const char *x, const char *const *factor, char *y);   /* mul, x_mul, add, sub; g may be NULL: (x - sub) mul + add */
    void (*scale_shift[K_DTYPES])(int64_t n, const char *x, double sub, double mul, double add, char *y);               /* (x - sub) mul + add */
    void (*channel_grad[K_DTYPES])(int64_t n, const char *g, const char *x, double sub, double mul, double x_mul, double add, char *dx);   /* g mul + (x - sub) x_mul + add */

    /* pool.inc.c: int64, float32, float64 */
    void (*max_pool[K_DTYPES])(const Ranges *r, int64_t planes, const char *x, char *y, int64_t *where);   /* where: may be NULL */
    void (*mean_pool[K_DTYPES])(const Ranges *r, int64_t planes, const char *x, char *y);
    void (*mean_unpool[K_DTYPES])(const Ranges *r, int64_t planes, const char *y, char *x);     /* adds to x */

    /* window.inc.c: columns [channels, size.., out..] of one dense image [channels, in..], and their sum back into it */
    void (*im2col[K_SIZES])(const Window *w, const char *image, char *columns);
    void (*col2im[K_DTYPES])(const Window *w, const char *columns, char *image);   /* int64, float and complex dtypes */

    /* conv.inc.c: float32.  Room for `conv_lanes` floats more is behind an image */
    int64_t conv_lanes;
    void (*conv_pack)(int64_t rows, int64_t k, const float *w, int64_t step, const int64_t *at, float *packed);   /* rows * k floats; row r's are w[r * step + at[p]] */
    void (*conv_product)(const Shifts *s, int64_t rows, const float *packed, const float *bias, const float *image, float *y);
    int64_t conv_width;        /* columns of a panel: 2 conv_lanes */
    int64_t (*conv_room)(int64_t rows);          /* floats that conv_panels needs; zeros at first */
    void (*conv_panels)(const Shifts *s, int64_t rows, const float *packed, const float *bias, const float *image, float *room, float *y);
    void (*conv_slope)(const Lines *l, int64_t k, const int64_t *offset, const float *image, const float *dy, float *c);   /* c[k][row] += image, seen from each offset, times dy[row / width][place][width] */
    void (*conv_dots)(int64_t n, int64_t k, const int64_t *offset, const float *image, const float *dy, float *c);   /* c[k] += image, seen from each offset, times dy; zeros up to a multiple of conv_width are behind dy */
    void (*conv_part)(int64_t n, const float *x, float *even, float *odd);   /* n pairs */

    /* loss.inc.c: one row of scores */
    double (*logsumexp[K_DTYPES])(int64_t n, const void *row);
    void (*softmax_slope[K_DTYPES])(int64_t n, const void *row, double lse, double scale, void *slope, SlopeTo to);   /* exp(row - lse) * scale */

    /* rnn.inc.c: one time step; gates are rows of 4 (LSTM) or 3 (GRU) times `hidden`, everything else rows of `hidden`, all dense */
    void (*pack_panels[K_DTYPES])(int64_t n, int64_t k, const void *w, int64_t step_k, int64_t step_n, void *packed);   /* room for (n + 15) / 16 * 16 * k elements */
    void (*panel_product[K_DTYPES])(int64_t m, int64_t n, int64_t k, const void *left, int64_t lda, const void *packed, void *result, int64_t ldc, bool add);
    void (*lstm_step[K_DTYPES])(int64_t rows, int64_t hidden, void *gates, void *cell, void *tanh_cell, void *state);
    void (*lstm_grad[K_DTYPES])(int64_t rows, int64_t hidden, const void *gates, const void *cell_before, const void *tanh_cell, const void *dstate, void *dcell, void *dgates);
    void (*gru_step[K_DTYPES])(int64_t rows, int64_t hidden, void *gates, const void *inner, void *kept, const void *state_before, void *state);
    void (*gru_grad[K_DTYPES])(int64_t rows, int64_t hidden, const void *gates, const void *kept, const void *state_before, const void *dstate, void *dbefore, void *dgates, void *dinner);
    void (*rnn_step[K_DTYPES])(int64_t count, void *state, bool relu);
    void (*rnn_grad[K_DTYPES])(int64_t count, const void *state, const void *dstate, void *dgates, bool relu);

    /* grid.inc.c: `count` places of one picture; values are [channels, places], the grid [places, n], x first. */
    void (*grid_read[K_DTYPES])(const GridSpec *g, int64_t count, const void *grid, void *picture, void *values);
    void (*grid_write[K_DTYPES])(const GridSpec *g, int64_t count, const void *grid, void *picture, void *values);   /* adds the values to the picture */
    /* distance.inc.c: x is rows of `width`, others are packed by pack_panels: along their number for distances, along `width` for slopes.
     * dx[r] = sum of weight[r][j] s(x[r] - other[j]), s the slope of distance^p by a coordinate, over p, and for infinity that of the distance */
    void (*distances[K_DTYPES])(int64_t rows, int64_t others, int64_t width, const void *x, const void *packed, double p, void *y, int64_t ldy);
    void (*distance_slopes[K_DTYPES])(int64_t rows, int64_t others, int64_t width, const void *x, const void *packed, const void *weight, const void *distance, int64_t ldw, double p, void *dx);

    /* gemm.inc.c: C = alpha op(A) op(B) + beta C, row-major; NULL where there are no vectors for it */
    void (*gemm_f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

    /* random.inc.c; words as the generator gives them, one per float, two per double */
    void (*uniform_f32)(int64_t n, float *y, const uint32_t *words, float from, float to);
    void (*uniform_f64)(int64_t n, double *y, const uint32_t *words, double from, double to);
    void (*bernoulli_f32)(int64_t n, float *y, const uint32_t *words, int64_t limit);   /* 1 where 53 bits of two words are below limit */
    void (*normal16_f32)(int64_t blocks, float *y, float mean, float std);              /* in place: blocks of 16 uniforms */
    void (*normal16_f64)(int64_t blocks, double *y, double mean, double std);
} Kernels;

extern const Kernels *rl_kernels;
extern const Kernels rl_kernels_base, rl_kernels_avx2, rl_kernels_avx512;
void rl_kernels_start(void);               /* before anything else; later calls change nothing */
bool rl_kernels_select(const char *name);  /* for tests: false if this machine lacks it */

static inline int rl_size_index(int bytes) { return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : bytes == 8 ? 3 : 4; }

#endif
