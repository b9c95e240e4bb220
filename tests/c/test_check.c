/* test_check.c -- the .shape notation and gradient formulas, on rows made for the test. */
#include "check.h"

#include <string.h>

/* What compiling allocates lives as long as the process, as for real rows: a test's second run skips it, and it stays
 * reachable here. */
#define ONCE static bool ran; if (ran) return; ran = true
static Sig sigs[64];
static Op rows[64];
static int nrows;

static Op *row(const char *sig, const char *shape, const char *formula) {
    rows[nrows] = (Op){.sig = sig, .shape = shape, .formula = formula, .parsed = &sigs[nrows]};
    return &rows[nrows++];
}

static bool start(Op *op) {
    return rl_sig_parse(op->sig, op->parsed) && (!op->shape || rl_check_compile(op)) && (!op->formula || rl_formula_compile(op));
}

static bool holds(Op *op, const Arg *args) {
    Arg copy[RL_MAX_ARGS];
    memcpy(copy, args, (size_t)op->parsed->nparams * sizeof *args);
    Call c = {.op = op, .arg = copy, .nargs = op->parsed->nparams};
    return rl_check(&c);
}

static Tensor *of(int ndim, const int64_t *shape) { return rl_empty(ndim, shape, RL_FLOAT32); }

TEST(shape_notation) {
    ONCE;
    Op *op = row("conv(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: list[int] = 1, groups: int = 1) -> Tensor",
                 "input[N,C,*] weight[O,C/groups,*] bias?[O] | stride>=1, groups>=1", NULL);
    static const int64_t ones[] = {1, 1}, zero[] = {1, 0};
    if (!CHECK(start(op))) return;
    Tensor *x = of(SHAPE(2, 6, 5, 5)), *w = of(SHAPE(8, 6, 3, 3)), *b = of(SHAPE(8));
    CHECK(holds(op, (Arg[]){a_t(x), a_t(w), a_none(), a_ints(2, ones), a_i(1)}));
    CHECK(holds(op, (Arg[]){a_t(x), a_t(w), a_t(b), a_ints(2, ones), a_i(1)}));
    CHECK(holds(op, (Arg[]){a_t(x), a_t(of(SHAPE(8, 3, 3, 3))), a_t(b), a_ints(2, ones), a_i(2)}));
    CHECK(!holds(op, (Arg[]){a_t(x), a_t(w), a_t(of(SHAPE(7))), a_ints(2, ones), a_i(1)}));
    CHECK_ERROR(RL_RUNTIME_ERROR, "conv(): expected bias to have size 8 at dimension 0 (O of weight), but got 7: its shape is [7]");
    CHECK(!holds(op, (Arg[]){a_t(x), a_t(w), a_none(), a_ints(2, ones), a_i(2)}));
    CHECK_ERROR(RL_RUNTIME_ERROR, "expected weight to have size 3 at dimension 1");
    CHECK(!holds(op, (Arg[]){a_t(x), a_t(w), a_none(), a_ints(2, zero), a_i(1)}));
    CHECK_ERROR(RL_RUNTIME_ERROR, "stride must be >= 1, but got 0");
    CHECK(!holds(op, (Arg[]){a_t(of(SHAPE(3))), a_t(w), a_none(), a_ints(2, ones), a_i(1)}));
    CHECK_ERROR(RL_RUNTIME_ERROR, "expected input to have at least 2 dimensions");
    CHECK(!holds(op, (Arg[]){a_t(x), a_t(w), a_t(of(SHAPE(8, 1))), a_ints(2, ones), a_i(1)}));
    CHECK_ERROR(RL_RUNTIME_ERROR, "expected bias to have 1 dimension, [O], but got 2: its shape is [8, 1]");
    CHECK(!holds(op, (Arg[]){a_t(x), a_t(w), a_none(), a_ints(2, ones), a_i(0)}));      /* no division by zero */
    rl_error_clear();
}

TEST(bad_notation_is_refused) {
    ONCE;
    static const char *const bad[] = {"x[N", "input[N,", "other[N]", "input[n]", "input[*,*]", "input[N] | stride", "input[N] | stride>=", "input[N] nonsense"};
    for (int i = 0; i < RL_COUNT(bad); i++) {
        CHECK(!start(row("f(input: Tensor, stride: int = 1) -> Tensor", bad[i], NULL)));
        CHECK_ERROR(RL_VALUE_ERROR, ".shape of f");
    }
}

TEST(bad_formulas_are_refused) {
    ONCE;
    static const char *const bad[] = {"input", "input: ", "input: g *", "input: (g", "input: g g", "nothing: g", "input: nobody", "input: exp(g", "input: exp(k=1, g)", "input: g; "};
    for (int i = 0; i < RL_COUNT(bad); i++) {
        CHECK(!start(row("f(input: Tensor, stride: int = 1) -> Tensor", NULL, bad[i])));
        CHECK_ERROR(RL_VALUE_ERROR, "formula of f");
    }
}

/* d/dx of what is written in the row, against the derivative worked out by hand. */
static double gradient(const char *formula, double x, double g) {
    Op *op = row("f(input: Tensor, n: Number = 3) -> Tensor", NULL, formula);
    if (!CHECK(start(op))) return 0;
    Node node = {.op = op, .nargs = 2, .nslots = 2};
    Slot slots[2] = {{.next = &node}, {0}};
    node.slot = slots;
    Arg args[2] = {a_t(rl_full(0, NULL, RL_FLOAT64, x)), a_i(3)};
    Tensor *dx[2] = {NULL}, *grads[1] = {rl_full(0, NULL, RL_FLOAT64, g)}, *out[1] = {rl_full(0, NULL, RL_FLOAT64, x * x * x)};
    Call c = {.op = op, .arg = args, .nargs = 2, .nout = 1, .out = out, .node = &node};
    rl_formula_vjp(&c, grads, dx);
    double value = dx[0] ? ((double *)rl_data(dx[0]))[0] : -1e300;
    return value;
}

TEST(formulas_run) {
    ONCE;
    CHECK(gradient("input: g * n * input ** (n - 1)", 2, 5) == 60);
    CHECK(gradient("input: -g + 2 * 3 - 4 / 8", 2, 5) == 0.5);
    CHECK(gradient("input: 1 - g", 2, 5) == -4);
    CHECK(gradient("input: 10 / g", 2, 5) == 2);
    CHECK(gradient("input: -input ** 2", 3, 1) == -9);
    CHECK(gradient("input: 2 ** -1 * g", 3, 4) == 2);
    CHECK(gradient("input: g * y", 2, 5) == 40);
    CHECK(gradient("input: where((input > 1) & (input <= 2), g, zeros_like(g))", 2, 5) == 5);
}
