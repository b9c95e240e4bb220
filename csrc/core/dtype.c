/* dtype.c -- the list of dtypes, and torch's rules for what two of them make. */
#include "rushlight.h"

#include <string.h>

const DtypeInfo rl_dtypes[RL_NDTYPES] = {
#define INFO(e, name, word, bytes, class) {name, word, bytes, class},
    RL_DTYPES(INFO)
};

static Dtype default_dtype = RL_FLOAT32;

/* Bare dtypes meet floating ones only, and are widened by them. */
static Dtype promote_bare(Dtype a, Dtype b) {
    if (rl_dtype_is(a, CLASS_FLOATING)) return a;
    if (rl_dtype_is(b, CLASS_FLOATING)) return b;
    rl_fail(RL_RUNTIME_ERROR, "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote %s and %s: convert one, as in x.to(rl.%s)",
            rl_dtypes[a].word, rl_dtypes[b].word, rl_dtypes[rl_is_bare(a) ? b : a].name);
    return a;
}

/* Within a category the wider wins; two halves of different kind meet in float32; uint8 with int8 in int16. */
Dtype rl_promote(Dtype a, Dtype b) {
    if (a == b) return a;
    if (rl_is_bare(a) || rl_is_bare(b)) return promote_bare(a, b);
    if (a > b) {
        Dtype swap = a;
        a = b;
        b = swap;
    }
    if (b == RL_COMPLEX64) return a == RL_FLOAT64 ? RL_COMPLEX128 : RL_COMPLEX64;
    if (a == RL_FLOAT16 && b == RL_BFLOAT16) return RL_FLOAT32;
    if (a == RL_UINT8 && b == RL_INT8) return RL_INT16;
    return b;
}

static int category(Dtype d) {
    DtypeClass c = rl_dtypes[d].class;
    return c & CLASS_BOOL ? 0 : c & CLASS_INT ? 1 : c & CLASS_COMPLEX ? 3 : 2;
}

bool rl_can_cast(Dtype from, Dtype to) { return category(from) <= category(to); }

Dtype rl_to_real(Dtype d) { return d == RL_COMPLEX64 ? RL_FLOAT32 : d == RL_COMPLEX128 ? RL_FLOAT64 : d; }

Dtype rl_to_complex(Dtype d) {
    if (rl_dtype_is(d, CLASS_COMPLEX)) return d;
    if (rl_dtype_is(d, CLASS_INTEGRAL)) d = default_dtype;
    return d == RL_FLOAT64 ? RL_COMPLEX128 : RL_COMPLEX64;
}

Dtype rl_default_dtype(void) { return default_dtype; }
Dtype rl_default_complex(void) { return rl_to_complex(default_dtype); }

bool rl_set_default_dtype(Dtype d) {
    if (!rl_dtype_is(d, CLASS_FLOATING))
        return rl_fail(RL_TYPE_ERROR, "only floating-point types are supported as the default type, but got %s", rl_dtypes[d].name);
    default_dtype = d;
    return true;
}

Dtype rl_dtype_find(const char *name) {
    static const struct { const char *alias; Dtype dtype; } aliases[] = {
        {"float", RL_FLOAT32}, {"double", RL_FLOAT64}, {"half", RL_FLOAT16}, {"short", RL_INT16}, {"int", RL_INT32},
        {"long", RL_INT64}, {"cfloat", RL_COMPLEX64}, {"cdouble", RL_COMPLEX128},
    };
    for (int d = 0; d < RL_NDTYPES; d++)
        if (!strcmp(rl_dtypes[d].name, name)) return d;
    for (int i = 0; i < RL_COUNT(aliases); i++)
        if (!strcmp(aliases[i].alias, name)) return aliases[i].dtype;
    return RL_NO_DTYPE;
}
