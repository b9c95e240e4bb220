/* formula.c -- gradient expressions that run.
 *
 *   "input: g * conj(other); other: g * conj(input)"
 *
 * One expression per argument, in Python's syntax and with its precedences.  Names: g (gK) is the gradient of the output (of
 * output K), y or an output's name the output, the arguments' names the arguments; pi, inf, nan, True, False, None.
 * Operators: + - * / ** unary -, comparisons, & | ~, calls of operations by name with positional and keyword arguments.
 * The text is compiled once to postfix; running it applies operations, so that derivatives of any order are recorded. */
#include "rushlight.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum { I_GRAD, I_OUT, I_ARG, I_NUMBER, I_STRING, I_NONE, I_CALL, I_BINARY, I_NEG, I_NOT } Kind1;

enum { MOST_CODES = 256, MOST_STACK = 48, MOST_TARGETS = 8, MOST_KEYWORDS = 4 };

typedef struct Code {
    uint8_t kind;
    int16_t n;                     /* I_CALL: arguments; I_GRAD, I_OUT, I_ARG: which */
    int16_t keywords;              /* I_CALL: how many of the arguments have names, the last ones */
    int16_t length;                /* of name */
    Arg number;                    /* I_STRING: the text */
    const char *name;              /* I_CALL: in the formula's text; I_BINARY: the operation behind the operator */
    Op *op;                        /* I_CALL, I_BINARY: its first overload; NULL if this build lacks it */
    struct { const char *p; int16_t length; } keyword[MOST_KEYWORDS];
} Code;

typedef struct Program {
    int targets;
    struct { int arg, begin, end; } target[MOST_TARGETS];
    int n;
    Code code[];
} Program;

/* ---- compiling ----------------------------------------------------------------------------------------------------- */

typedef struct Parser {
    const Op *op;
    const char *p;
    Code code[MOST_CODES];
    int n;
} Parser;

static bool complain(Parser *r, const char *what) {
    return rl_fail(RL_VALUE_ERROR, "formula of %s: %s at \"%.24s\"", r->op->parsed->name, what, r->p);
}

static void skip_space(Parser *r) {
    while (*r->p == ' ' || *r->p == '\n') r->p++;
}

static bool take(Parser *r, const char *word) {
    skip_space(r);
    size_t n = strlen(word);
    if (strncmp(r->p, word, n)) return false;
    r->p += n;
    return true;
}

static Code *emit(Parser *r, int kind) {
    if (r->n == MOST_CODES) {
        complain(r, "too long");
        return NULL;
    }
    Code *c = &r->code[r->n++];
    *c = (Code){.kind = (uint8_t)kind, .number = a_none()};
    return c;
}

static bool emit_number(Parser *r, Arg number) {
    Code *c = emit(r, I_NUMBER);
    if (c) c->number = number;
    return c;
}

static bool emit_index(Parser *r, int kind, int index) {
    Code *c = emit(r, kind);
    if (c) c->n = (int16_t)index;
    return c;
}

static bool parse_or(Parser *r);
static bool parse_expression(Parser *r);

static size_t name_length(const char *p) {
    size_t n = 0;
    if (!isalpha((unsigned char)*p) && *p != '_') return 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_' || (p[n] == '.' && isalpha((unsigned char)p[n + 1]))) n++;
    return n;
}

static bool is_word(const char *p, size_t n, const char *word) { return strlen(word) == n && !strncmp(p, word, n); }

static int find_param(const Sig *s, const char *p, size_t n) {
    for (int k = 0; k < s->nparams; k++)
        if (is_word(p, n, s->param[k].name)) return k;
    return -1;
}

static int find_output(const Sig *s, const char *p, size_t n) {
    for (int k = 0; k < s->nout; k++)
        if (s->out_name[k] && is_word(p, n, s->out_name[k])) return k;
    return is_word(p, n, "y") ? 0 : -1;
}

static bool parse_name(Parser *r, const char *p, size_t n) {
    const Sig *s = r->op->parsed;
    int k = find_param(s, p, n);
    if (k >= 0) return emit_index(r, I_ARG, k);
    if ((k = find_output(s, p, n)) >= 0) return emit_index(r, I_OUT, k);
    if (is_word(p, n, "g")) return emit_index(r, I_GRAD, 0);
    if (n == 2 && isdigit((unsigned char)p[1])) {
        if (*p == 'g') return emit_index(r, I_GRAD, p[1] - '0');
        if (*p == 'y') return emit_index(r, I_OUT, p[1] - '0');
    }
    if (is_word(p, n, "pi")) return emit_number(r, a_f(3.14159265358979323846));
    if (is_word(p, n, "inf")) return emit_number(r, a_f(INFINITY));
    if (is_word(p, n, "nan")) return emit_number(r, a_f(NAN));
    if (is_word(p, n, "True") || is_word(p, n, "False")) return emit_number(r, a_b(*p == 'T'));
    if (is_word(p, n, "None")) return emit(r, I_NONE);
    r->p = p;
    return complain(r, "unknown name");
}

static Op *find_op(const char *p, size_t n) {
    char name[64];
    if (n >= sizeof name) return NULL;
    memcpy(name, p, n);
    name[n] = 0;
    return rl_find(name);
}

static bool parse_call(Parser *r, const char *p, size_t n) {
    Code call = {.kind = I_CALL, .name = p, .length = (int16_t)n, .op = find_op(p, n), .number = a_none()};
    while (!take(r, ")")) {
        skip_space(r);
        size_t m = name_length(r->p);
        if (m && r->p[m] == '=' && r->p[m + 1] != '=') {
            if (call.keywords == MOST_KEYWORDS) return complain(r, "too many keywords");
            call.keyword[call.keywords].p = r->p;
            call.keyword[call.keywords++].length = (int16_t)m;
            r->p += m + 1;
        } else if (call.keywords) return complain(r, "a positional argument after a keyword");
        if (!parse_expression(r)) return false;
        call.n++;
        skip_space(r);
        if (!take(r, ",") && *r->p != ')') return complain(r, ", or ) expected");
    }
    Code *c = emit(r, I_CALL);
    if (c) *c = call;
    return c;
}

static bool parse_literal(Parser *r) {
    char *end;
    double d = strtod(r->p, &end);
    bool whole = true;
    for (const char *q = r->p; q < end; q++) whole = whole && isdigit((unsigned char)*q);
    if (end == r->p) return complain(r, "an expression expected");
    Arg number = whole ? a_i(strtoll(r->p, NULL, 10)) : a_f(d);
    r->p = end;
    return emit_number(r, number);
}

static bool parse_string(Parser *r) {
    const char quote = *r->p++, *end = strchr(r->p, quote);
    if (!end) return complain(r, "the string has no end");
    Code *c = emit(r, I_STRING);
    char *text = c ? rl_alloc(end - r->p + 1) : NULL;
    if (!text) return false;
    memcpy(text, r->p, (size_t)(end - r->p));
    text[end - r->p] = 0;
    c->number = a_str(text);
    c->number.n = (int32_t)(end - r->p);
    r->p = end + 1;
    return true;
}

static bool parse_atom(Parser *r) {
    skip_space(r);
    const char *p = r->p;
    if (take(r, "(")) return parse_expression(r) && (take(r, ")") || complain(r, ") expected"));
    if (*p == '\'') return parse_string(r);
    size_t n = name_length(p);
    if (!n) return parse_literal(r);
    r->p += n;
    return take(r, "(") ? parse_call(r, p, n) : parse_name(r, p, n);
}

static bool emit_binary(Parser *r, const char *name) {
    Code *c = emit(r, I_BINARY);
    if (!c) return false;
    c->name = name;
    c->length = (int16_t)strlen(name);
    c->op = rl_find(name);
    return true;
}

static bool parse_unary(Parser *r);

static bool parse_power(Parser *r) {
    if (!parse_atom(r)) return false;
    return !take(r, "**") || (parse_unary(r) && emit_binary(r, "pow"));
}

static bool parse_unary(Parser *r) {
    if (take(r, "-")) return parse_unary(r) && emit(r, I_NEG);
    if (take(r, "~")) return parse_unary(r) && emit(r, I_NOT);
    return parse_power(r);
}

static bool parse_term(Parser *r) {
    if (!parse_unary(r)) return false;
    for (;;) {
        const char *name = take(r, "*") ? "mul" : take(r, "/") ? "div" : NULL;
        if (!name) return true;
        if (!parse_unary(r) || !emit_binary(r, name)) return false;
    }
}

static bool parse_sum(Parser *r) {
    if (!parse_term(r)) return false;
    for (;;) {
        const char *name = take(r, "+") ? "add" : take(r, "-") ? "sub" : NULL;
        if (!name) return true;
        if (!parse_term(r) || !emit_binary(r, name)) return false;
    }
}

static bool parse_and(Parser *r) {
    if (!parse_sum(r)) return false;
    while (take(r, "&"))
        if (!parse_sum(r) || !emit_binary(r, "bitwise_and")) return false;
    return true;
}

static bool parse_or(Parser *r) {
    if (!parse_and(r)) return false;
    while (take(r, "|"))
        if (!parse_and(r) || !emit_binary(r, "bitwise_or")) return false;
    return true;
}

static bool parse_expression(Parser *r) {
    static const struct { const char *sign, *name; } comparisons[] = {
        {"==", "eq"}, {"!=", "ne"}, {"<=", "le"}, {">=", "ge"}, {"<", "lt"}, {">", "gt"},
    };
    if (!parse_or(r)) return false;
    for (int i = 0; i < RL_COUNT(comparisons); i++)
        if (take(r, comparisons[i].sign)) return parse_or(r) && emit_binary(r, comparisons[i].name);
    return true;
}

static bool parse_target(Parser *r, Program *head) {
    skip_space(r);
    size_t n = name_length(r->p);
    int arg = find_param(r->op->parsed, r->p, n), begin = r->n;
    if (arg < 0) return complain(r, "an argument's name expected");
    if (head->targets == MOST_TARGETS) return complain(r, "too many gradients");
    r->p += n;
    if (!take(r, ":")) return complain(r, ": expected");
    if (!parse_expression(r)) return false;
    head->target[head->targets].arg = arg;
    head->target[head->targets].begin = begin;
    head->target[head->targets++].end = r->n;
    return true;
}

bool rl_formula_compile(Op *op) {
    Parser r = {.op = op, .p = op->formula};
    Program head = {0};
    do {
        if (!parse_target(&r, &head)) return false;
    } while (take(&r, ";"));
    skip_space(&r);
    if (*r.p) return complain(&r, "nothing may follow");
    size_t bytes = (size_t)r.n * sizeof *r.code;
    Program *program = rl_alloc((int64_t)(sizeof head + bytes));
    if (!program) return false;
    head.n = r.n;
    *program = head;
    memcpy(program->code, r.code, bytes);
    op->program = program;
    return true;
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

typedef struct Machine {
    Call *c;
    Tensor **g;
    int n;
    Arg stack[MOST_STACK];
} Machine;

static bool is_number(const Arg *a) { return a_is_number(a); }

/* Numbers meet tensors as 0-d tensors of the widest dtype, which does not widen tensors that have dims. */
static Tensor *tensor_of(const Arg *a) {
    if (a->tag == A_TENSOR) return a->tensor;
    return rl_scalar(a->tag == A_BOOL ? RL_BOOL : a->tag == A_INT ? RL_INT64 : a->tag == A_FLOAT ? RL_FLOAT64 : RL_COMPLEX128, a);
}

static bool fits(const Arg *a, const Param *p, bool wrap) {
    switch (a->tag) {
    case A_NONE: return p->optional || p->kind >= P_LAYOUT;
    case A_TENSOR: return p->kind == P_TENSOR || p->kind == P_TENSOR_OR_NUMBER;
    case A_TENSORS: return p->kind == P_TENSORS;
    case A_BOOL: case A_INT: case A_FLOAT: case A_COMPLEX:
        if (p->kind == P_NUMBER || p->kind == P_TENSOR_OR_NUMBER || (wrap && p->kind == P_TENSOR)) return true;
        if (a->tag == A_BOOL) return p->kind == P_BOOL;
        if (p->kind == P_FLOAT) return a->tag != A_COMPLEX;
        return a->tag == A_INT && (p->kind == P_INT || (p->kind == P_INTS && p->single));
    case A_STR: return p->kind == P_STR;
    case A_DTYPE: return p->kind == P_DTYPE;
    case A_INTS: return p->kind == P_INTS;
    case A_FLOATS: return p->kind == P_FLOATS;
    default: return true;
    }
}

static int place_of(const Sig *s, const Code *code, int i) {
    int positional = code->n - code->keywords;
    return i < positional ? i : find_param(s, code->keyword[i - positional].p, (size_t)code->keyword[i - positional].length);
}

static bool matches(const Sig *s, const Code *code, const Arg *args, bool wrap) {
    bool given[RL_MAX_ARGS] = {false};
    if (code->n > s->nparams) return false;
    for (int i = 0; i < code->n; i++) {
        int k = place_of(s, code, i);
        if (k < 0 || given[k] || !fits(&args[i], &s->param[k], wrap)) return false;
        given[k] = true;
    }
    for (int k = 0; k < s->nparams; k++)
        if (!given[k] && !s->param[k].has_default) return false;
    return true;
}

static Tensor *apply_matched(Op *op, const Code *code, const Arg *args) {
    const Sig *s = op->parsed;
    Arg full[RL_MAX_ARGS];
    int64_t whole[RL_MAX_ARGS];
    for (int k = 0; k < s->nparams; k++) full[k] = s->param[k].value;
    for (int i = 0; i < code->n; i++) {
        int k = place_of(s, code, i);
        full[k] = args[i];
        if (args[i].tag == A_INT && s->param[k].kind == P_INTS) {
            whole[k] = args[i].i;
            full[k] = a_ints(1, &whole[k]);
        } else if (is_number(&args[i]) && s->param[k].kind == P_TENSOR) {
            bool whole_number = args[i].tag == A_INT && op->flags & TO_FLOAT;      /* log(2) is a double, not of the default dtype */
            full[k] = a_t(tensor_of(whole_number ? &(Arg){.tag = A_FLOAT, .f = (double)args[i].i} : &args[i]));
        }
    }
    return rl_apply(op, full);
}

static Tensor *call(const Code *code, const Arg *args) {
    for (int wrap = 0; wrap < 2; wrap++)
        for (Op *op = code->op; op; op = op->next)
            if (matches(op->parsed, code, args, wrap)) return apply_matched(op, code, args);
    return rl_fail(RL_NOT_IMPLEMENTED, "a gradient needs %.*s with %d arguments, which this build does not have", code->length, code->name, code->n);
}

static bool push(Machine *m, Arg a) {
    if (a.tag == A_TENSOR && !a.tensor) return false;
    if (m->n == MOST_STACK) return rl_fail(RL_RUNTIME_ERROR, "formula of %s: too deep", m->c->op->parsed->name);
    m->stack[m->n++] = a;
    return true;
}

static double compute(const char *name, double a, double b) {
    switch (name[0]) {
    case 'a': return a + b;
    case 's': return a - b;
    case 'm': return a * b;
    case 'd': return a / b;
    case 'p': return pow(a, b);
    case 'e': return a == b;
    case 'n': return a != b;
    case 'l': return name[1] == 't' ? a < b : a <= b;
    case 'g': return name[1] == 't' ? a > b : a >= b;
    default: return name[8] == 'a' ? a != 0 && b != 0 : a != 0 || b != 0;
    }
}

static Arg compute_numbers(const char *name, const Arg *a, const Arg *b) {
    double result = compute(name, a_double(a), a_double(b));
    bool whole = a->tag == A_INT && b->tag == A_INT && strchr("asm", name[0]);
    if (strchr("englb", name[0])) return a_b(result != 0);
    return whole && fabs(result) < 0x1p53 ? a_i((int64_t)result) : a_f(result);
}

static bool run_binary(Machine *m, const Code *code) {
    Arg b = m->stack[--m->n], a = m->stack[--m->n];
    if (is_number(&a) && is_number(&b) && a.tag != A_COMPLEX && b.tag != A_COMPLEX) return push(m, compute_numbers(code->name, &a, &b));
    if (is_number(&a) && (code->name[0] == 'm' || code->name[0] == 'a')) {
        Arg swap = a;
        a = b;
        b = swap;
    }
    Code with_two = *code;
    with_two.n = 2;
    Arg args[2] = {is_number(&a) ? a_t(tensor_of(&a)) : a, b};
    if (args[0].tag == A_TENSOR && !args[0].tensor) return false;
    return push(m, a_t(call(&with_two, args)));
}

static Arg negated(const Arg *a) {
    if (a->tag == A_FLOAT) return a_f(-a->f);
    if (a->tag == A_INT || a->tag == A_BOOL) return a_i(-a_int(a));
    return a_t(rl_neg(tensor_of(a)));
}

static bool run_call(Machine *m, const Code *code) {
    m->n -= code->n;
    const Arg *args = &m->stack[m->n];
    if (code->n == 1 && is_word(code->name, (size_t)code->length, "conj")) {
        if (args->tag == A_TENSOR) return push(m, a_t(rl_conj(args->tensor)));
        if (args->tag != A_COMPLEX) return push(m, *args);
    }
    return push(m, a_t(call(code, args)));
}

static bool push_gradient(Machine *m, int k) {
    Tensor *g = m->g[k];
    return push(m, a_t(g ? g : rl_zeros_meta(rl_out_meta(m->c, k))));
}

static bool push_saved(Machine *m, const Arg *a, const char *what) {
    if (a->tag == A_TENSOR && !a->tensor && !rl_thread.failed)
        return rl_fail(RL_RUNTIME_ERROR, "the gradient of %s needs %s, which was not kept", m->c->op->parsed->name, what);
    return push(m, *a);
}

static bool run_code(Machine *m, const Code *code) {
    switch (code->kind) {
    case I_GRAD: return push_gradient(m, code->n);
    case I_OUT: return push_saved(m, &(Arg){.tag = A_TENSOR, .tensor = m->c->out[code->n]}, "its result");
    case I_ARG: return push_saved(m, &m->c->arg[code->n], m->c->op->parsed->param[code->n].name);
    case I_NUMBER: return push(m, code->number);
    case I_NONE: return push(m, a_none());
    case I_STRING: return push(m, code->number);
    case I_CALL: return run_call(m, code);
    case I_BINARY: return run_binary(m, code);
    case I_NEG: return m->n--, push(m, negated(&m->stack[m->n]));
    default: return m->n--, push(m, a_t(rl_do("bitwise_not", a_t(tensor_of(&m->stack[m->n])))));
    }
}

void rl_formula_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Program *program = c->op->program;
    for (int t = 0; t < program->targets; t++) {
        int slot = rl_slot(c, program->target[t].arg);
        if (!rl_need(c, slot)) continue;
        Machine m;
        m.c = c;
        m.g = g;
        m.n = 0;
        for (int i = program->target[t].begin; i < program->target[t].end; i++)
            if (!run_code(&m, &program->code[i])) return;
        dx[slot] = tensor_of(&m.stack[0]);
    }
}
