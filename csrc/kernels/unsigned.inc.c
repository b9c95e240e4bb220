/* unsigned.inc.c -- uint16, uint32, uint64: casts, and the few functions that take them.
 *
 * They are for storing: whatever gives the same bits signed is the loop of the signed dtype of that width.  Loops of their own are what
 * the top bit changes; the other casts go through a wider dtype, a piece at a time.  Tables that they have no part in are empty, not
 * missing.  Floats out of range give what the processor gives, as in torch. */
CAST(uint16_t, u16, int32_t, i32, x)
CAST(uint32_t, u32, int64_t, i64, x)
CAST(uint64_t, u64, float, f32, (float)x)
CAST(uint64_t, u64, double, f64, (double)x)
CAST(double, f64, uint64_t, u64, x >= 0x1p63 ? (uint64_t)(int64_t)(x - 0x1p63) ^ UINT64_C(1) << 63 : (uint64_t)(int64_t)x)
CAST_LOOP(u16, uint16_t, i32, int32_t)
CAST_LOOP(u32, uint32_t, i64, int64_t)
CAST_LOOP(u64, uint64_t, f32, float)
CAST_LOOP(u64, uint64_t, f64, double)
CAST_LOOP(f64, double, u64, uint64_t)

/* Integers are cut or widened to the same bits as to a signed dtype; so are floats on their way to 16 bits. */
#define loop_b8_u32 loop_b8_i32
#define loop_b8_u64 loop_b8_i64
#define loop_u8_u32 loop_u8_i32
#define loop_u8_u64 loop_u8_i64
#define loop_i8_u32 loop_i8_i32
#define loop_i8_u64 loop_i8_i64
#define loop_i16_u32 loop_i16_i32
#define loop_i16_u64 loop_i16_i64
#define loop_i32_u32 loop_i32_i32
#define loop_i32_u64 loop_i32_i64
#define loop_i64_u32 loop_i64_i32
#define loop_i64_u64 loop_i64_i64

static void cast_through(int64_t n, char *const *p, const int64_t *stride, LoopFn *first, int64_t bytes, LoopFn *second) {
    ROOM(between, CHUNK);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        first(m, (char *[]){between, p[1] + i * stride[1]}, (int64_t[]){bytes, stride[1]}, NULL);
        second(m, (char *[]){p[0] + i * stride[0], between}, (int64_t[]){stride[0], bytes}, NULL);
    }
}

#define THROUGH(from, mid, bytes, to) static void loop_##from##_##to(LOOP_ARGS) { cast_through(n, p, stride, loop_##from##_##mid, bytes, loop_##mid##_##to); }
THROUGH(u16, i32, 4, i64) THROUGH(u16, i32, 4, f16) THROUGH(u16, i32, 4, bf16) THROUGH(u16, i32, 4, f32) THROUGH(u16, i32, 4, f64) THROUGH(u16, i32, 4, c64) THROUGH(u16, i32, 4, c128)
THROUGH(u32, i64, 8, f16) THROUGH(u32, i64, 8, bf16) THROUGH(u32, i64, 8, f32) THROUGH(u32, i64, 8, f64) THROUGH(u32, i64, 8, c64) THROUGH(u32, i64, 8, c128)
THROUGH(u64, f32, 4, f16) THROUGH(u64, f32, 4, bf16) THROUGH(u64, f32, 4, c64) THROUGH(u64, f64, 8, c128)
THROUGH(f16, i64, 8, u32) THROUGH(bf16, i64, 8, u32) THROUGH(f32, i64, 8, u32) THROUGH(f64, i64, 8, u32) THROUGH(c64, i64, 8, u32) THROUGH(c128, i64, 8, u32)
THROUGH(f16, f64, 8, u64) THROUGH(bf16, f64, 8, u64) THROUGH(f32, f64, 8, u64) THROUGH(c64, f64, 8, u64) THROUGH(c128, f64, 8, u64)

#define CAST_ROW(from) \
    static LoopFn *const cast_table_##from[K_DTYPES] = {loop_##from##_b8, loop_##from##_u8, loop_##from##_i8, loop_##from##_i16, loop_##from##_i32, loop_##from##_i64, \
        loop_##from##_f16, loop_##from##_bf16, loop_##from##_f32, loop_##from##_f64, loop_##from##_c64, loop_##from##_c128, \
        loop_##from##_i16, loop_##from##_u32, loop_##from##_u64};
#define loop_f16_f16 copy_2
#define loop_bf16_bf16 copy_2
CAST_ROW(b8)
CAST_ROW(u8)
CAST_ROW(i8)
CAST_ROW(i16)
CAST_ROW(i32)
CAST_ROW(i64)
CAST_ROW(f16)
CAST_ROW(bf16)
CAST_ROW(f32)
CAST_ROW(f64)
CAST_ROW(c64)
CAST_ROW(c128)
static LoopFn *const cast_table_u16[K_DTYPES] = {loop_i16_b8, loop_i16_u8, loop_i16_i8, copy_2, loop_u16_i32, loop_u16_i64, loop_u16_f16, loop_u16_bf16,
    loop_u16_f32, loop_u16_f64, loop_u16_c64, loop_u16_c128, copy_2, loop_u16_i32, loop_u16_i64};
static LoopFn *const cast_table_u32[K_DTYPES] = {loop_i32_b8, loop_i32_u8, loop_i32_i8, loop_i32_i16, copy_4, loop_u32_i64, loop_u32_f16, loop_u32_bf16,
    loop_u32_f32, loop_u32_f64, loop_u32_c64, loop_u32_c128, loop_i32_i16, copy_4, loop_u32_i64};
static LoopFn *const cast_table_u64[K_DTYPES] = {loop_i64_b8, loop_i64_u8, loop_i64_i8, loop_i64_i16, loop_i64_i32, copy_8, loop_u64_f16, loop_u64_bf16,
    loop_u64_f32, loop_u64_f64, loop_u64_c64, loop_u64_c128, loop_i64_i16, loop_i64_i32, copy_8};

/* ---- functions that look at no sign ------------------------------------------------------------------------------------ */

#define SAME_BITS(u, i) \
    static LoopFn *const unary_table_##u[UNARY_COUNT] = { \
        [UNARY_ceil] = loop_ceil_##i, [UNARY_floor] = loop_floor_##i, [UNARY_trunc] = loop_trunc_##i, [UNARY_round] = loop_round_##i, \
        [UNARY_isfinite] = loop_isfinite_##i, [UNARY_isinf] = loop_isinf_##i, [UNARY_isnan] = loop_isnan_##i, \
        [UNARY_isneginf] = loop_isneginf_##i, [UNARY_isposinf] = loop_isposinf_##i, [UNARY_signbit] = loop_isinf_##i /* never */, \
    }; \
    static LoopFn *const binary_table_##u[BINARY_COUNT] = { \
        [BINARY_mul] = loop2_mul_##i, [BINARY_eq] = loop2_eq_##i, [BINARY_ne] = loop2_ne_##i, [BINARY_bitwise_and] = loop2_bitwise_and_##i, \
        [BINARY_bitwise_or] = loop2_bitwise_or_##i, [BINARY_bitwise_xor] = loop2_bitwise_xor_##i, \
    };
SAME_BITS(u16, i16)
SAME_BITS(u32, i32)
SAME_BITS(u64, i64)

static LoopFn *const no_loops[UNARY_COUNT];
static LoopFn *const no_ternary[TERNARY_COUNT], *const no_scans[SCAN_COUNT];
static const Reduction no_reductions[REDUCE_COUNT];
#define grad_table_u16 no_loops
#define grad_table_u32 no_loops
#define grad_table_u64 no_loops
#define ternary_table_u16 no_ternary
#define ternary_table_u32 no_ternary
#define ternary_table_u64 no_ternary
#define scan_u16 no_scans
#define scan_u32 no_scans
#define scan_u64 no_scans
#define reduce_u16 no_reductions
#define reduce_u32 no_reductions
#define reduce_u64 no_reductions
