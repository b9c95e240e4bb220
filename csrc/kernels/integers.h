/* integers.h -- what M(fn) means in the .def files for integers and bool.  Nothing here traps: division by zero gives 0 (the caller
 * has refused it), the smallest number divided by -1 wraps, shifts by any amount are defined.  Macros read T, WIDE, BITS of the dtype at hand. */
#ifndef RUSHLIGHT_INTEGERS_H
#define RUSHLIGHT_INTEGERS_H

#define int_abs(x) ((x) < 0 ? NEG(x) : (x))
#define int_sgn(x) ((T)(((x) > 0) - ((x) < 0)))
#define int_not(x) (~(x))
#define int_ceil(x) (x)
#define int_floor(x) (x)
#define int_trunc(x) (x)
#define int_round(x) (x)
#define int_isfinite(x) ((void)(x), 1)
#define int_isinf(x) ((void)(x), 0)
#define int_isnan(x) ((void)(x), 0)
#define int_signbit(x) ((x) < 0)
#define int_clamp(x, low, high) ((x) < (low) ? ((low) > (high) ? (high) : (low)) : (x) > (high) ? (high) : (x))
#define int_div_trunc(a, b) ((T)integer_div_trunc((int64_t)(a), (int64_t)(b)))
#define int_div_floor(a, b) ((T)integer_div_floor((int64_t)(a), (int64_t)(b)))
#define int_remainder(a, b) ((T)integer_remainder((int64_t)(a), (int64_t)(b)))
#define int_fmod(a, b) ((T)integer_fmod((int64_t)(a), (int64_t)(b)))
#define int_pow(a, b) ((T)integer_pow((uint64_t)(int64_t)(a), (int64_t)(b)))
#define int_gcd(a, b) ((T)integer_gcd((int64_t)(a), (int64_t)(b)))
#define int_lcm(a, b) ((T)integer_lcm((int64_t)(a), (int64_t)(b)))
#define int_shift_left(a, b) ((T)((uint64_t)(b) < BITS ? (WIDE)(a) << ((b) & (BITS - 1)) : 0))
#define int_shift_right(a, b) ((T)((uint64_t)(b) < BITS ? (a) >> ((b) & (BITS - 1)) : (a) < 0 ? -1 : 0))

#define truth_sgn(x) (x)
#define truth_not(x) (!(x))
#define truth_isfinite(x) ((void)(x), 1)
#define truth_isinf(x) ((void)(x), 0)
#define truth_isnan(x) ((void)(x), 0)
#define truth_signbit(x) ((void)(x), 0)

VM int64_t integer_div_trunc(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b; }
VM int64_t integer_fmod(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
VM int64_t integer_remainder(int64_t a, int64_t b) {
    int64_t r = integer_fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
VM int64_t integer_div_floor(int64_t a, int64_t b) {
    int64_t q = integer_div_trunc(a, b), r = integer_fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;
}
static inline uint64_t integer_pow(uint64_t a, int64_t b) {   /* negative powers: 1 of 1, +-1 of -1, else 0 */
    uint64_t y = 1;
    if (b < 0) return a == 1 ? 1 : a == UINT64_MAX ? (b & 1 ? UINT64_MAX : 1) : 0;
    for (; b; b >>= 1, a *= a)
        if (b & 1) y *= a;
    return y;
}
static inline int64_t integer_gcd(int64_t a, int64_t b) {
    uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    while (y) {
        uint64_t r = x % y;
        x = y;
        y = r;
    }
    return (int64_t)x;
}
static inline int64_t integer_lcm(int64_t a, int64_t b) {
    int64_t g = integer_gcd(a, b);
    if (g == 0) return 0;
    int64_t y = (int64_t)((uint64_t)integer_div_trunc(a, g) * (uint64_t)b);
    return y < 0 ? (int64_t)(0 - (uint64_t)y) : y;
}

#endif
