/* check.c -- the .shape notation: what must hold among the arguments of a call before its forward may look at them.
 *
 *   "input[N,C,*] weight?[C] | stride>=1, groups>=1"
 *
 * One entry per tensor argument: its name, ? if it may be missing, its dims in brackets.  A dim is a letter (the same number
 * wherever the letter stands), a number, _ for any, an integer argument's name, two of these with + - * / between, or, once
 * per entry, * for any further dims.  A list of tensors is checked entry by entry.  After the bar come constraints on numbers
 * and on every entry of lists of them.  Compiled once per row; a failed check names the argument, its shape and the rule. */
#include "rushlight.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 12, MOST_DIMS = 8, MOST_RULES = 12, MOST_LETTERS = 24 };

typedef struct Term { enum { T_NUMBER, T_LETTER, T_ARG, T_ANY } kind; int64_t value; /* or index */ } Term;
typedef struct Dim { Term a, b; char op; /* 0: a alone */ } Dim;
typedef struct Item { int arg; bool optional, star; int before, after; Dim dim[MOST_DIMS]; const char *text; int length; } Item;
typedef struct Rule { Term left, right; char op[3]; } Rule;

typedef struct Checks {
    int items, rules, letters;
    Item item[MOST_ITEMS];
    Rule rule[MOST_RULES];
    char letter[MOST_LETTERS][12];
} Checks;

/* ---- compiling ----------------------------------------------------------------------------------------------------- */

typedef struct Parser { const Op *op; const char *p; Checks *checks; } Parser;

static bool complain(Parser *r, const char *what) {
    return rl_fail(RL_VALUE_ERROR, ".shape of %s: %s at \"%.24s\"", r->op->parsed->name, what, r->p);
}

static bool take(Parser *r, char ch) {
    while (*r->p == ' ') r->p++;
    if (*r->p != ch) return false;
    r->p++;
    return true;
}

static size_t name_length(const char *p) {
    size_t n = 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_') n++;
    return n;
}

static int find_arg(const Sig *s, const char *p, size_t n) {
    for (int k = 0; k < s->nparams; k++)
        if (strlen(s->param[k].name) == n && !strncmp(s->param[k].name, p, n)) return k;
    return -1;
}

static int letter_of(Checks *c, const char *p, size_t n) {
    for (int i = 0; i < c->letters; i++)
        if (strlen(c->letter[i]) == n && !strncmp(c->letter[i], p, n)) return i;
    if (c->letters == MOST_LETTERS || n >= sizeof c->letter[0]) return -1;
    memcpy(c->letter[c->letters], p, n);
    return c->letters++;
}

static bool parse_term(Parser *r, Term *t) {
    while (*r->p == ' ') r->p++;
    size_t n = name_length(r->p);
    if (!n && *r->p != '-') return complain(r, "a name or number expected");
    if (!n || isdigit((unsigned char)*r->p)) {
        char *end;
        *t = (Term){T_NUMBER, strtoll(r->p, &end, 10)};
        r->p = end;
        return true;
    }
    int arg = find_arg(r->op->parsed, r->p, n);
    if (n == 1 && *r->p == '_') *t = (Term){T_ANY, 0};
    else if (arg >= 0) *t = (Term){T_ARG, arg};
    else if (isupper((unsigned char)*r->p)) *t = (Term){T_LETTER, letter_of(r->checks, r->p, n)};
    else return complain(r, "unknown name");
    r->p += n;
    return t->value >= 0 || t->kind == T_NUMBER || complain(r, "too many letters");
}

static bool parse_dim(Parser *r, Item *item) {
    if (take(r, '*')) {
        if (item->star) return complain(r, "a second *");
        return item->star = true;
    }
    int n = item->before + item->after;
    if (n == MOST_DIMS) return complain(r, "too many dims");
    Dim *d = &item->dim[n];
    if (!parse_term(r, &d->a)) return false;
    d->op = 0;
    if (*r->p && strchr("+-*/", *r->p)) {
        d->op = *r->p++;
        if (!parse_term(r, &d->b)) return false;
    }
    if (item->star) item->after++;
    else item->before++;
    return true;
}

static bool parse_item(Parser *r) {
    if (r->checks->items == MOST_ITEMS) return complain(r, "too many entries");
    Item *item = &r->checks->item[r->checks->items++];
    size_t n = name_length(r->p);
    *item = (Item){.arg = find_arg(r->op->parsed, r->p, n)};
    if (item->arg < 0) return complain(r, "an argument's name expected");
    r->p += n;
    item->optional = take(r, '?');
    if (!take(r, '[')) return complain(r, "[ expected");
    item->text = r->p - 1;
    while (!take(r, ']')) {
        if (!parse_dim(r, item)) return false;
        if (!take(r, ',') && *r->p != ']') return complain(r, ", or ] expected");
    }
    item->length = (int)(r->p - item->text);
    return true;
}

static bool parse_rule(Parser *r) {
    if (r->checks->rules == MOST_RULES) return complain(r, "too many constraints");
    Rule *rule = &r->checks->rule[r->checks->rules++];
    if (!parse_term(r, &rule->left)) return false;
    while (*r->p == ' ') r->p++;
    if (!*r->p || !strchr("<>=!", *r->p)) return complain(r, "a comparison expected");
    rule->op[0] = *r->p++;
    rule->op[1] = *r->p == '=' ? *r->p++ : 0;
    return parse_term(r, &rule->right);
}

bool rl_check_compile(Op *op) {
    Checks *checks = rl_alloc_zero(sizeof *checks);
    if (!checks) return false;
    Parser r = {op, op->shape, checks};
    op->checks = checks;
    for (;;) {
        while (*r.p == ' ') r.p++;
        if (!*r.p || *r.p == '|') break;
        if (!parse_item(&r)) return false;
    }
    if (!take(&r, '|')) return *r.p == 0 || complain(&r, "nothing may follow");
    do {
        if (!parse_rule(&r)) return false;
    } while (take(&r, ','));
    return *r.p == 0 || complain(&r, "nothing may follow");
}

/* ---- checking ------------------------------------------------------------------------------------------------------ */

typedef struct Seen { int64_t value[MOST_LETTERS]; int arg[MOST_LETTERS]; /* where the letter stood first, or -1 */ } Seen;

static const char *arg_name(const Call *c, int k) { return c->op->parsed->param[k].name; }

/* False if the term has no value: a letter not seen yet, an argument that is None. */
static bool value_of(const Call *c, const Seen *seen, const Term *t, int64_t *value) {
    switch (t->kind) {
    case T_NUMBER: *value = t->value; return true;
    case T_LETTER: *value = seen->value[t->value]; return seen->arg[t->value] >= 0;
    case T_ARG: *value = a_int(&c->arg[t->value]); return a_is_number(&c->arg[t->value]);
    default: return false;
    }
}

static bool dim_value(const Call *c, const Seen *seen, const Dim *d, int64_t *value) {
    int64_t b;
    if (!value_of(c, seen, &d->a, value)) return false;
    if (!d->op) return true;
    if (!value_of(c, seen, &d->b, &b)) return false;
    switch (d->op) {
    case '+': return rl_add_size(*value, b, value);
    case '-': *value -= b; return true;
    case '*': return rl_mul_size(*value, b, value);
    default: return b != 0 && (*value /= b, true);
    }
}

static bool wrong_ndim(const Call *c, const Item *item, const Tensor *t) {
    return rl_fail(RL_RUNTIME_ERROR, "%s(): expected %s to have %s%d dimension%s, %.*s, but got %d: its shape is %s", c->op->parsed->name,
                   arg_name(c, item->arg), item->star ? "at least " : "", item->before + item->after, item->before + item->after == 1 ? "" : "s",
                   item->length, item->text, t->ndim, rl_text_shape(t));
}

static bool wrong_size(const Call *c, const Seen *seen, const Item *item, const Tensor *t, int dim, const Dim *d, int64_t wanted) {
    bool from_letter = !d->op && d->a.kind == T_LETTER;
    const Checks *checks = c->op->checks;
    return rl_fail(RL_RUNTIME_ERROR, "%s(): expected %s to have size %" PRId64 " at dimension %d%s%s%s%s%s, but got %" PRId64 ": its shape is %s, wanted %.*s",
                   c->op->parsed->name, arg_name(c, item->arg), wanted, dim, from_letter ? " (" : "", from_letter ? checks->letter[d->a.value] : "",
                   from_letter ? " of " : "", from_letter ? arg_name(c, seen->arg[d->a.value]) : "", from_letter ? ")" : "", t->shape[dim],
                   rl_text_shape(t), item->length, item->text);
}

static bool check_tensor(const Call *c, Seen *seen, const Item *item, const Tensor *t) {
    int named = item->before + item->after;
    if (item->star ? t->ndim < named : t->ndim != named) return wrong_ndim(c, item, t);
    for (int i = 0; i < named; i++) {
        const Dim *d = &item->dim[i];
        int dim = i < item->before ? i : t->ndim - named + i;
        int64_t wanted;
        if (!d->op && d->a.kind == T_LETTER && seen->arg[d->a.value] < 0) {
            seen->value[d->a.value] = t->shape[dim];
            seen->arg[d->a.value] = item->arg;
        } else if (dim_value(c, seen, d, &wanted) && t->shape[dim] != wanted) return wrong_size(c, seen, item, t, dim, d, wanted);
    }
    return true;
}

static bool check_item(const Call *c, Seen *seen, const Item *item) {
    const Arg *a = &c->arg[item->arg];
    if (a->tag == A_TENSOR) return check_tensor(c, seen, item, a->tensor);
    if (a->tag != A_TENSORS) {
        if (item->optional || a_is_number(a) || c->op->parsed->param[item->arg].optional) return true;
        return rl_fail(RL_TYPE_ERROR, "%s(): argument '%s' must be a Tensor", c->op->parsed->name, arg_name(c, item->arg));
    }
    for (int i = 0; i < a->n; i++)
        if (a->tensors[i] && !check_tensor(c, seen, item, a->tensors[i])) return false;
    return true;
}

static bool holds(double a, const char *op, double b) {
    switch (op[0]) {
    case '>': return op[1] ? a >= b : a > b;
    case '<': return op[1] ? a <= b : a < b;
    case '!': return a != b;
    default: return a == b;
    }
}

static bool rule_broken(const Call *c, const Rule *rule, double value, double bound) {
    const char *name = rule->left.kind == T_ARG ? arg_name(c, (int)rule->left.value) : rule->left.kind == T_LETTER ? ((const Checks *)c->op->checks)->letter[rule->left.value] : "a number";
    return rl_fail(RL_RUNTIME_ERROR, "%s(): %s must be %s %g, but got %g", c->op->parsed->name, name, rule->op, bound, value);
}

static bool check_rule(const Call *c, const Seen *seen, const Rule *rule) {
    int64_t whole;
    double bound;
    if (rule->right.kind == T_ARG && c->arg[rule->right.value].tag == A_FLOAT) bound = c->arg[rule->right.value].f;
    else if (value_of(c, seen, &rule->right, &whole)) bound = (double)whole;
    else return true;
    if (rule->left.kind != T_ARG) {
        if (!value_of(c, seen, &rule->left, &whole)) return true;
        return holds((double)whole, rule->op, bound) || rule_broken(c, rule, (double)whole, bound);
    }
    const Arg *a = &c->arg[rule->left.value];
    int n = a->tag == A_INTS || a->tag == A_FLOATS ? a->n : a_is_number(a) ? 1 : 0;
    for (int i = 0; i < n; i++) {
        double value = a->tag == A_INTS ? (double)a->ints[i] : a->tag == A_FLOATS ? a->floats[i] : a_double(a);
        if (!holds(value, rule->op, bound)) return rule_broken(c, rule, value, bound);
    }
    return true;
}

bool rl_check(Call *c) {
    const Checks *checks = c->op->checks;
    Seen seen;
    for (int i = 0; i < checks->letters; i++) seen.arg[i] = -1;
    for (int i = 0; i < checks->items; i++)
        if (!check_item(c, &seen, &checks->item[i])) return false;
    for (int i = 0; i < checks->rules; i++)
        if (!check_rule(c, &seen, &checks->rule[i])) return false;
    return true;
}
