/* isa_avx512.c -- the kernels for x86-64 machines with AVX512: sixteen floats at a time. */
#if defined(__x86_64__)
#include <complex.h>
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx2,fma,f16c,bmi,bmi2,popcnt,lzcnt"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx2,fma,f16c,bmi,bmi2,popcnt,lzcnt,prefer-vector-width=512")
#endif
#define VM_FMA
#define GEMM_LANES 16
#define CONV_COMPRESS(p, v, mask) _mm512_mask_storeu_ps(p, (__mmask16)((1u << __builtin_popcount(mask)) - 1), _mm512_maskz_compress_ps((__mmask16)(mask), (__m512)(v)))
#define TABLE rl_kernels_avx512
#define TABLE_NAME "avx512"
#include "table.inc.c"
#ifdef __clang__
#pragma clang attribute pop
#endif
#else
extern int rl_no_avx512;   /* an empty translation unit is no C */
#endif
