/* sig.c -- reads a signature written as Python text into a Sig.
 *
 *   softmax(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor
 *   max(input: Tensor, dim: int, keepdim: bool = False) -> (values: Tensor, indices: Tensor)
 *   zeros(*size: int, dtype: dtype | None = None) -> Tensor
 *
 * It is run once per row at start-up, on text of our own, so its errors are for whoever writes rows. */
#include "rushlight.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader { const char *p, *text; } Reader;

static bool complain(Reader *r, const char *what) {
    rl_fail(RL_VALUE_ERROR, "signature \"%s\": %s at \"%.20s\"", r->text, what, r->p);
    return false;
}

static void skip_space(Reader *r) {
    while (*r->p == ' ') r->p++;
}

static bool take(Reader *r, const char *word) {
    skip_space(r);
    size_t n = strlen(word);
    if (strncmp(r->p, word, n)) return false;
    r->p += n;
    return true;
}

static char *copy_text(const char *from, const char *to) {
    while (to > from && to[-1] == ' ') to--;
    char *text = rl_alloc(to - from + 1);
    if (!text) return NULL;
    memcpy(text, from, (size_t)(to - from));
    text[to - from] = 0;
    return text;
}

/* Text up to one of the stop characters outside brackets and quotes. */
static char *take_until(Reader *r, const char *stops) {
    skip_space(r);
    const char *from = r->p;
    int depth = 0;
    for (char quote = 0; *r->p; r->p++) {
        char ch = *r->p;
        if (quote) quote = ch == quote ? 0 : quote;
        else if (ch == '\'' || ch == '"') quote = ch;
        else if (depth == 0 && strchr(stops, ch)) break;
        else if (ch == '(' || ch == '[') depth++;
        else if (ch == ')' || ch == ']') depth--;
    }
    return copy_text(from, r->p);
}

static char *take_name(Reader *r) {
    skip_space(r);
    const char *from = r->p;
    while (isalnum((unsigned char)*r->p) || *r->p == '_' || *r->p == '.') r->p++;
    return r->p > from ? copy_text(from, r->p) : NULL;
}

static bool add_type(Param *p, const char *word) {
    static const struct { const char *word; ParamKind kind; } kinds[] = {
        {"Tensor", P_TENSOR}, {"list[Tensor]", P_TENSORS}, {"Number", P_NUMBER}, {"bool", P_BOOL}, {"int", P_INT},
        {"float", P_FLOAT}, {"str", P_STR}, {"dtype", P_DTYPE}, {"list[int]", P_INTS}, {"list[float]", P_FLOATS},
        {"Generator", P_GENERATOR}, {"layout", P_LAYOUT}, {"device", P_DEVICE}, {"memory_format", P_MEMORY_FORMAT},
        {"object", P_OBJECT},
    };
    if (!strcmp(word, "None")) return p->optional = true;
    if (!strcmp(word, "list[Tensor | None]")) {
        p->kind = P_TENSORS;
        return p->entries_optional = true;
    }
    for (int i = 0; i < RL_COUNT(kinds); i++) {
        if (strcmp(word, kinds[i].word)) continue;
        ParamKind kind = kinds[i].kind;
        if (p->kind == P_TENSOR && p->type_text && kind == P_NUMBER) kind = P_TENSOR_OR_NUMBER;
        if (p->type_text && ((p->kind == P_INT && kind == P_INTS) || (p->kind == P_FLOAT && kind == P_FLOATS))) p->single = true;
        p->kind = kind;
        return true;
    }
    return false;
}

static bool read_type(Reader *r, Param *p) {
    char *text = take_until(r, "=,)");
    if (!text) return false;
    Reader inner = {text, text};
    while (*inner.p) {
        char *word = take_until(&inner, "|");
        if (!word) return false;
        bool known = add_type(p, word);
        rl_free(word);
        if (!known) return complain(r, "unknown type before");
        p->type_text = text;
        if (!take(&inner, "|")) break;
    }
    if (p->variadic) p->kind = p->kind == P_INT ? P_INTS : p->kind == P_TENSOR ? P_TENSORS : p->kind;
    return true;
}

static bool read_numbers(Param *p, const char *text) {
    int n = 0;
    int64_t ints[16];
    double floats[16];
    for (const char *q = text + 1; *q && *q != ']' && *q != ')' && n < 16;) {
        char *end;
        floats[n] = strtod(q, &end);
        ints[n++] = strtoll(q, NULL, 10);
        for (q = end; *q == ',' || *q == ' ';) q++;
        if (end == text + 1) return false;
    }
    void *copy = rl_alloc(16 * 8);
    if (!copy) return false;
    memcpy(copy, p->kind == P_FLOATS ? (void *)floats : (void *)ints, (size_t)n * 8);
    p->value = p->kind == P_FLOATS ? a_floats(n, copy) : p->kind == P_TENSORS ? a_ts(0, copy) : a_ints(n, copy);
    return true;
}

static bool read_default(Reader *r, Param *p) {
    char *text = take_until(r, ",)"), *end;
    if (!text) return false;
    p->has_default = true;
    p->default_text = text;
    if (!strcmp(text, "None")) p->value = a_none();
    else if (!strcmp(text, "True") || !strcmp(text, "False")) p->value = a_b(*text == 'T');
    else if (*text == '\'' || *text == '"') {
        char *inner = copy_text(text + 1, text + strlen(text) - 1);
        if (!inner) return false;
        p->value = a_str(inner);
        p->value.n = (int32_t)strlen(inner);
    } else if (*text == '[' || *text == '(') return read_numbers(p, text) || complain(r, "bad list before");
    else if (p->kind == P_MEMORY_FORMAT || p->kind == P_LAYOUT || p->kind == P_DEVICE || p->kind == P_DTYPE)
        p->value = p->kind == P_DTYPE ? a_dtype(rl_dtype_find(text)) : a_none();
    else {
        double d = strtod(text, &end);
        if (*end) return complain(r, "bad default before");
        bool whole = !strpbrk(text, ".einfa");
        p->value = whole && p->kind != P_FLOAT ? a_i(strtoll(text, NULL, 10)) : a_f(d);
        if (p->single) {        /* int | list[int] = 0 */
            char list[64] = "[";
            strncat(list, text, sizeof list - 2);
            return read_numbers(p, list);
        }
    }
    return true;
}

static bool read_param(Reader *r, Sig *sig, bool keyword_only) {
    if (sig->nparams == RL_MAX_ARGS) return complain(r, "too many parameters");
    Param *p = &sig->param[sig->nparams];
    p->variadic = take(r, "*");
    p->name = take_name(r);
    if (!p->name) return complain(r, "a parameter needs a name");
    if (!take(r, ":")) return complain(r, "a parameter needs a type");
    if (!read_type(r, p)) return false;
    if (take(r, "=") && !read_default(r, p)) return false;
    p->keyword_only = keyword_only;
    sig->nparams++;
    if (!keyword_only) sig->npositional++;
    return true;
}

static bool read_params(Reader *r, Sig *sig) {
    bool keyword_only = false;
    if (!take(r, "(")) return complain(r, "( expected");
    while (!take(r, ")")) {
        skip_space(r);
        if (r->p[0] == '*' && (r->p[1] == ',' || r->p[1] == ' ')) {
            r->p++;
            keyword_only = true;
        } else {
            if (!read_param(r, sig, keyword_only)) return false;
            if (sig->param[sig->nparams - 1].variadic) keyword_only = true;
        }
        if (!take(r, ",")) {
            skip_space(r);
            if (*r->p != ')') return complain(r, ", or ) expected");
        }
    }
    return true;
}

static bool read_returns(Reader *r, Sig *sig) {
    if (!take(r, "->")) return complain(r, "-> expected");
    skip_space(r);
    sig->returns_text = copy_text(r->p, r->p + strlen(r->p));
    if (!sig->returns_text) return false;
    if (take(r, "None")) sig->returns_none = true;
    else if (take(r, "tuple[Tensor, ...]")) sig->nout = -1, sig->returns_tuple = true;
    else if (take(r, "list[Tensor]")) sig->nout = -1;
    else if (take(r, "Tensor")) sig->nout = 1;
    else if (take(r, "bool") || take(r, "int") || take(r, "float") || take(r, "Number") || take(r, "object")) sig->returns_number = true;
    else if (take(r, "(")) {
        while (!take(r, ")")) {
            char *word = take_name(r);
            if (!word || sig->nout == RL_COUNT(sig->out_name)) return complain(r, "bad result");
            if (take(r, ":")) {
                sig->out_name[sig->nout] = word;
                word = take_name(r);
            }
            if (!word || strcmp(word, "Tensor")) return complain(r, "a result must be a Tensor");
            rl_free(word);
            sig->nout++;
            take(r, ",");
        }
    } else return complain(r, "unknown result");
    skip_space(r);
    return *r->p == 0 || complain(r, "nothing may follow");
}

bool rl_sig_parse(const char *text, Sig *sig) {
    Reader r = {text, text};
    memset(sig, 0, sizeof *sig);
    sig->name = take_name(&r);
    if (!sig->name) return complain(&r, "a name must come first");
    return read_params(&r, sig) && read_returns(&r, sig);
}
