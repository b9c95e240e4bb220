/* sort.inc.c -- lines in order: a stable sort of (key, index) pairs, and selection.
 *
 * Keys are 64-bit integers that compare as the elements do, with NaN above everything: one sort serves all dtypes.  Floats become keys by
 * flipping the bits below the sign of negative ones.  Short lines are merged.  Long ones are sorted by digits of a byte, the lowest first
 * (Knuth, volume 3, 5.2.5), counted from the smallest key so that digits which all share are passed over; where key and index fit
 * into half the room, they move as one number of 64 bits. */
typedef struct Keyed { int64_t key, index; } Keyed;

static int64_t sort_scratch(int64_t n) { return 2 * n * (int64_t)sizeof(Keyed); }

VM int64_t key_f64(double x) {
    int64_t b = f64_bits(x + 0.0);   /* one zero */
    b ^= b >> 63 & INT64_MAX;
    return x != x ? INT64_MAX : b;
}
VM int64_t key_f32(float x) {
    int32_t b = f32_bits(x + 0.0f);
    b ^= b >> 31 & INT32_MAX;
    return x != x ? INT32_MAX : b;
}
VM int64_t key_f16(uint16_t x) { return key_f32(half_to_float(x)); }
VM int64_t key_bf16(uint16_t x) { return key_f32(bfloat_to_float(x)); }
#define KEY_INT(x) ((int64_t)(x))

/* Short runs by insertion, then merged from one buffer to the other; `a` holds the result. */
enum { RUN = 16 };
static void merge_keyed(Keyed *a, Keyed *b, int64_t n) {
    for (int64_t first = 0; first < n; first += RUN) {
        int64_t last = n - first < RUN ? n : first + RUN;
        for (int64_t i = first + 1; i < last; i++) {
            Keyed moving = a[i];
            int64_t j = i;
            for (; j > first && a[j - 1].key > moving.key; j--) a[j] = a[j - 1];
            a[j] = moving;
        }
    }
    Keyed *from = a, *to = b;
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t first = 0; first < n; first += 2 * width) {
            int64_t middle = n - first < width ? n : first + width, last = n - first < 2 * width ? n : first + 2 * width;
            int64_t i = first, j = middle, k = first;
            while (i < middle && j < last) {
                bool right = from[j].key < from[i].key;
                to[k++] = right ? from[j] : from[i];
                i += !right;
                j += right;
            }
            while (i < middle) to[k++] = from[i++];
            while (j < last) to[k++] = from[j++];
        }
        Keyed *swap = from;
        from = to;
        to = swap;
    }
    if (from != a) __builtin_memcpy(a, from, (size_t)n * sizeof *a);
}

/* Sorts T by digits first.. last - 1 of what DIGITS gives.  The result is in `from`. */
#define BY_DIGITS(T, from, to, n, first, last, DIGITS) \
    do { \
        int64_t count[8][256]; \
        __builtin_memset(count, 0, sizeof count); \
        for (int64_t i = 0; i < (n); i++) \
            for (int d = (first); d < (last); d++) count[d][(DIGITS(from[i]) >> (8 * d)) & 255]++; \
        for (int d = (first); d < (last); d++) { \
            int64_t at = 0; \
            bool shared = count[d][(DIGITS(from[0]) >> (8 * d)) & 255] == (n); \
            for (int v = 0; v < 256; v++) { \
                int64_t c = count[d][v]; \
                count[d][v] = at; \
                at += c; \
            } \
            if (shared) continue; \
            for (int64_t i = 0; i < (n); i++) to[count[d][(DIGITS(from[i]) >> (8 * d)) & 255]++] = from[i]; \
            T *swap_ = from; \
            from = to; \
            to = swap_; \
        } \
    } while (0)
#define WHOLE(x) (x)
#define KEY_OF(x) ((uint64_t)(x).key)

static void digits_keyed(Keyed *a, Keyed *b, int64_t n) {
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int64_t i = 0; i < n; i++) {
        least = a[i].key < least ? a[i].key : least;
        most = a[i].key > most ? a[i].key : most;
    }
    uint64_t range = (uint64_t)most - (uint64_t)least;
    if (range <= UINT32_MAX && n <= UINT32_MAX) {
        uint64_t *from = (uint64_t *)b, *to = from + n;
        for (int64_t i = 0; i < n; i++) from[i] = ((uint64_t)a[i].key - (uint64_t)least) << 32 | (uint64_t)a[i].index;
        BY_DIGITS(uint64_t, from, to, n, 4, 8, WHOLE);
        for (int64_t i = 0; i < n; i++) a[i] = (Keyed){(int64_t)((from[i] >> 32) + (uint64_t)least), (int64_t)(from[i] & UINT32_MAX)};
        return;
    }
    Keyed *from = a, *to = b;
    for (int64_t i = 0; i < n; i++) a[i].key = (int64_t)((uint64_t)a[i].key - (uint64_t)least);
    BY_DIGITS(Keyed, from, to, n, 0, 8, KEY_OF);
    for (int64_t i = 0; i < n; i++) a[i] = (Keyed){(int64_t)((uint64_t)from[i].key + (uint64_t)least), from[i].index};
}

/* The same for whole numbers that hold key and place: half as much to move, one comparison each, no branch on it. */
static uint64_t *merge_packed(uint64_t *from, uint64_t *to, int64_t n) {
    for (int64_t first = 0; first < n; first += RUN / 2) {
        int64_t last = n - first < RUN / 2 ? n : first + RUN / 2;
        for (int64_t i = first + 1; i < last; i++) {
            uint64_t moving = from[i];
            int64_t j = i;
            for (; j > first && from[j - 1] > moving; j--) from[j] = from[j - 1];
            from[j] = moving;
        }
    }
    for (int64_t width = RUN / 2; width < n; width *= 2) {
        for (int64_t first = 0; first < n; first += 2 * width) {
            int64_t middle = n - first < width ? n : first + width, last = n - first < 2 * width ? n : first + 2 * width;
            int64_t i = first, j = middle, k = first;
            while (i < middle && j < last) {
                uint64_t left = from[i], right = from[j];
                bool later = right < left;
                to[k++] = later ? right : left;
                i += !later;
                j += later;
            }
            __builtin_memcpy(to + k, from + i, (size_t)(middle - i) * sizeof *to);
            __builtin_memcpy(to + k + (middle - i), from + j, (size_t)(last - j) * sizeof *to);
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static void short_keyed(Keyed *a, Keyed *b, int64_t n) {
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int64_t i = 0; i < n; i++) {
        least = a[i].key < least ? a[i].key : least;
        most = a[i].key > most ? a[i].key : most;
    }
    if ((uint64_t)most - (uint64_t)least > UINT32_MAX) {
        merge_keyed(a, b, n);
        return;
    }
    uint64_t *from = (uint64_t *)b;
    for (int64_t i = 0; i < n; i++) from[i] = ((uint64_t)a[i].key - (uint64_t)least) << 32 | (uint64_t)i;
    from = merge_packed(from, from + n, n);
    for (int64_t i = 0; i < n; i++) {      /* the place, for now: what lies there is still wanted */
        uint64_t place = from[i] & UINT32_MAX;
        from[i] = (from[i] & ~(uint64_t)UINT32_MAX) | (uint64_t)a[place].index;
    }
    for (int64_t i = 0; i < n; i++) a[i] = (Keyed){(int64_t)((from[i] >> 32) + (uint64_t)least), (int64_t)(from[i] & UINT32_MAX)};
}

static void sort_keyed(Keyed *a, Keyed *b, int64_t n) {
    enum { LONG_LINE = 400 };
    if (n < RUN) merge_keyed(a, b, n);
    else if (n < LONG_LINE) short_keyed(a, b, n);
    else digits_keyed(a, b, n);
}

/* Moves the k smallest pairs (by key, then index) to the front, in no order. */
static void select_keyed(Keyed *a, int64_t n, int64_t k) {
    int64_t low = 0, high = n - 1;
    while (low < high) {
        Keyed pivot = a[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (a[i].key < pivot.key || (a[i].key == pivot.key && a[i].index < pivot.index)) i++;
            while (a[j].key > pivot.key || (a[j].key == pivot.key && a[j].index > pivot.index)) j--;
            if (i <= j) {
                Keyed swap = a[i];
                a[i++] = a[j];
                a[j--] = swap;
            }
        }
        if (k <= j) high = j;
        else if (k >= i) low = i;
        else return;
    }
}

/* The k-th smallest; k = 0: the lower median, NaN if there is one; k = -1: the lower median of the numbers. */
static Keyed kth_keyed(Keyed *a, int64_t n, int64_t k, int64_t nan /* its key; 0: none */) {
    int64_t numbers = n;
    Keyed best = a[0];
    for (int64_t i = n - 1; nan && k <= 0 && i >= 0; i--)
        if (a[i].key == nan) best = a[i], numbers--;
    if ((k == 0 && numbers < n) || numbers == 0) return best;
    if (k <= 0) k = (numbers - 1) / 2 + 1;
    select_keyed(a, n, k - 1);
    best = a[0];
    for (int64_t i = 1; i < k; i++)
        if (a[i].key > best.key || (a[i].key == best.key && a[i].index > best.index)) best = a[i];
    return best;
}

/* Makes room among candidates for the k smallest: of `count` only those stay.  Returns which of them has the largest key. */
static int64_t keep_first(Keyed *a, int64_t count, int64_t k) {
    select_keyed(a, count, k - 1);
    int64_t most = 0;
    for (int64_t i = 1; i < k; i++) most = a[i].key > a[most].key ? i : most;
    return most;
}

enum { LOOK = 64, VERY_FEW = 16, BUCKETS = 1024, MANY_KEYS = 400 };   /* how many elements are looked at together; are kept in order; are worth counting */

/* The bucket that holds the k-th (from 0) of `count` numbers, and how many come before it. */
static int64_t bucket_of(const int64_t *count, int64_t k, int64_t *before) {
    int64_t b = 0, sum = 0;
    while (sum + count[b] <= k) sum += count[b++];
    *before = sum;
    return b;
}

#define SORTS(T, tag, KEY, VALUE, nan) \
    static void keys_##tag(int64_t n, Keyed *a, const char *p, int64_t stride, bool flip) { \
        for (int64_t i = 0; i < n; i++) { int64_t k = KEY(*(const T *)(p + i * stride)); a[i] = (Keyed){flip ? ~k : k, i}; } \
    } \
    static void put_##tag(int64_t n, const Keyed *a, char *const *p, const int64_t *stride) { \
        for (int64_t i = 0; i < n; i++) { \
            if (p[0]) *(T *)(p[0] + i * stride[0]) = *(const T *)(p[2] + a[i].index * stride[2]); \
            if (p[1]) *(int64_t *)(p[1] + i * stride[1]) = a[i].index; \
        } \
    } \
    static void sort_##tag(LOOP_ARGS) { \
        const SortSpec *s = extra; \
        Keyed *a = s->scratch; \
        keys_##tag(n, a, p[2], stride[2], s->descending); \
        sort_keyed(a, a + n, n); \
        put_##tag(n, a, p, stride); \
    } \
    /* Whether any of m elements may come before the bound: by value, what is no number counting as one that may. */ \
    static bool any_beats_##tag(int64_t m, const T *x, T bound, bool largest) { \
        int hit = 0; \
        if (largest) _Pragma("omp simd reduction(| : hit)") for (int64_t i = 0; i < m; i++) hit |= !(VALUE(x[i]) <= VALUE(bound)); \
        else _Pragma("omp simd reduction(| : hit)") for (int64_t i = 0; i < m; i++) hit |= !(VALUE(x[i]) >= VALUE(bound)); \
        return hit; \
    } \
    /* Of few among many: elements that do not beat the k-th best so far are passed by.  Of equals the first are kept. */ \
    static void few_##tag(int64_t n, int64_t k, Keyed *a, const char *p, int64_t stride, bool flip) { \
        int64_t room = 2 * k + 64, count = 0, most = 0, last = 0, key[LOOK]; \
        bool full = false; \
        for (int64_t first = 0, m; first < n; first += m) { \
            m = n - first < LOOK ? n - first : LOOK; \
            const char *from = p + first * stride; \
            uint64_t turn = flip ? UINT64_MAX : 0; \
            if (full && stride == sizeof(T) && !any_beats_##tag(m, (const T *)from, *(const T *)(p + last * stride), flip)) continue; \
            if (stride == sizeof(T)) SIMD for (int64_t i = 0; i < m; i++) key[i] = (int64_t)((uint64_t)KEY(((const T *)from)[i]) ^ turn); \
            else for (int64_t i = 0; i < m; i++) key[i] = (int64_t)((uint64_t)KEY(*(const T *)(from + i * stride)) ^ turn); \
            int64_t beat = !full; \
            for (int64_t i = 0; i < m; i++) beat |= key[i] < most; \
            for (int64_t i = 0; beat && i < m; i++) { \
                if (full && key[i] >= most) continue; \
                a[count++] = (Keyed){key[i], first + i}; \
                if (count == room) last = keep_first(a, count, k), most = a[last].key, last = a[last].index, count = k, full = true; \
            } \
        } \
        if (count > k) keep_first(a, count, k); \
    } \
    /* Very few: those found so far stay in order, and a newcomer is put in its place. */ \
    static void first_##tag(int64_t n, int64_t k, Keyed *a, const char *p, int64_t stride, bool flip) { \
        int64_t count = 0; \
        for (int64_t first = 0, m; first < n; first += m) { \
            m = n - first < LOOK ? n - first : LOOK; \
            const char *from = p + first * stride; \
            if (count == k && stride == sizeof(T) && !any_beats_##tag(m, (const T *)from, *(const T *)(p + a[k - 1].index * stride), flip)) continue; \
            for (int64_t i = 0; i < m; i++) { \
                int64_t key = KEY(*(const T *)(from + i * stride)), j; \
                key = flip ? ~key : key; \
                if (count == k && key >= a[k - 1].key) continue; \
                for (j = count < k ? count++ : k - 1; j > 0 && a[j - 1].key > key; j--) a[j] = a[j - 1]; \
                a[j] = (Keyed){key, first + i}; \
            } \
        } \
    } \
    static void topk_##tag(LOOP_ARGS) { \
        const SortSpec *s = extra; \
        Keyed *a = s->scratch; \
        if (s->k > 0 && s->k <= VERY_FEW) { \
            first_##tag(n, s->k, a, p[2], stride[2], s->largest); \
            put_##tag(s->k, a, p, stride); \
            return; \
        } \
        bool few = s->k > 0 && s->k < n / 16 && n > 256; \
        if (few) few_##tag(n, s->k, a, p[2], stride[2], s->largest); \
        else keys_##tag(n, a, p[2], stride[2], s->largest); \
        if (!few && s->k < n && s->k > 0) select_keyed(a, n, s->k - 1); \
        if (s->k > 0) sort_keyed(a, a + n, s->k); \
        put_##tag(s->k, a, p, stride); \
    } \
    /* Of many: keys are counted by their leading bits, and only those that share the wanted one's are looked at one by one. */ \
    static Keyed middle_##tag(int64_t n, Keyed *a, const T *x, int64_t k, int64_t lost) { \
        int64_t count[BUCKETS + 1] = {0}, least = INT64_MAX, most = INT64_MIN, numbers = n, before, found = 0; \
        int shift = 0; \
        bool dropping = lost && k <= 0;   /* what is no number is left out, or is the answer */ \
        _Pragma("omp simd reduction(min : least) reduction(max : most) reduction(- : numbers)") for (int64_t i = 0; i < n; i++) { \
            int64_t key = KEY(x[i]), top = dropping & (key == lost) ? INT64_MIN : key; \
            least = key < least ? key : least; \
            most = top > most ? top : most; \
            numbers -= dropping & (key == lost); \
        } \
        if ((k == 0 && numbers < n) || numbers == 0) { \
            while (KEY(x[found]) != lost) found++; \
            return (Keyed){lost, found}; \
        } \
        if (k <= 0) k = (numbers - 1) / 2 + 1; \
        while (((uint64_t)most - (uint64_t)least) >> shift >= BUCKETS) shift++; \
        for (int64_t i = 0; i < n; i++) { \
            uint64_t b = ((uint64_t)KEY(x[i]) - (uint64_t)least) >> shift; \
            count[b < BUCKETS ? b : BUCKETS]++; \
        } \
        uint64_t wanted = (uint64_t)bucket_of(count, k - 1, &before); \
        for (int64_t i = 0; i < n; i++) { \
            int64_t key = KEY(x[i]); \
            a[found] = (Keyed){key, i}; \
            found += ((uint64_t)key - (uint64_t)least) >> shift == wanted; \
        } \
        return kth_keyed(a, found, k - before, 0); \
    } \
    static void kth_##tag(LOOP_ARGS) { \
        const SortSpec *s = extra; \
        Keyed *a = s->scratch, best; \
        if (n >= MANY_KEYS) { \
            bool dense = stride[2] == sizeof(T); \
            if (!dense) gather(n, a + n, p[2], stride[2], sizeof(T)); \
            best = middle_##tag(n, a, dense ? (const T *)p[2] : (const T *)(a + n), s->k, nan); \
        } \
        else { \
            keys_##tag(n, a, p[2], stride[2], false); \
            best = kth_keyed(a, n, s->k, nan); \
        } \
        put_##tag(1, &best, p, stride); \
    }
#undef BY_DIGITS
#undef WHOLE
#undef KEY_OF
#define WHOLE_VALUE(x) (x)
SORTS(uint8_t, u8, KEY_INT, WHOLE_VALUE, 0)
SORTS(int8_t, i8, KEY_INT, WHOLE_VALUE, 0)
SORTS(int16_t, i16, KEY_INT, WHOLE_VALUE, 0)
SORTS(int32_t, i32, KEY_INT, WHOLE_VALUE, 0)
SORTS(int64_t, i64, KEY_INT, WHOLE_VALUE, 0)
SORTS(uint16_t, f16, key_f16, half_to_float, INT32_MAX)
SORTS(uint16_t, bf16, key_bf16, bfloat_to_float, INT32_MAX)
SORTS(float, f32, key_f32, WHOLE_VALUE, INT32_MAX)
SORTS(double, f64, key_f64, WHOLE_VALUE, INT64_MAX)
#define SORT_TABLE(name) {name##_u8, name##_u8, name##_i8, name##_i16, name##_i32, name##_i64, name##_f16, name##_bf16, name##_f32, name##_f64}
