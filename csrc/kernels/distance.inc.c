/* distance.inc.c -- distances of rows from rows, and the slopes of their sum, in float and double.
 *
 * Both keep a few rows times one vector of sums in registers while they run through packed panels (panels.inc.c): places side by
 * side for distances, numbers side by side for slopes.  Long sums are made of parts, so that their rounding does not grow. */
#pragma GCC diagnostic ignored "-Wpsabi"     /* vectors are handed on between functions that are inlined */
enum { FAR_EUCLID, FAR_CITY, FAR_COUNT, FAR_MOST, FAR_POWER };
enum { FAR_PART = 256 };
#ifdef __AVX512F__
enum { FAR_ROWS = 8 };
#elif defined(__AVX2__)
enum { FAR_ROWS = 4 };
#else
enum { FAR_ROWS = 2 };
#endif

static int order_of(double p) { return p == 2 ? FAR_EUCLID : p == 1 ? FAR_CITY : p == 0 ? FAR_COUNT : p > 1e300 ? FAR_MOST : FAR_POWER; }

#ifdef __clang__
#define FAR_FUSED _Pragma("clang fp contract(fast)")
#else
#define FAR_FUSED
#endif
#define FAR_INLINE static inline __attribute__((always_inline))

#define T float
#define BITS int32_t
#define TAG f32
#define NAMESPACE f32
#include "distance_rows.inc.c"

#define T double
#define BITS int64_t
#define TAG f64
#define NAMESPACE f64
#include "distance_rows.inc.c"
