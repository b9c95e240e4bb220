/* conv.inc.c -- convolutions of floats without columns: products whose right side is an image seen through shifts.
 *
 * In a padded image every tap of a window, at every output place, is the same image moved by a constant.  So row p of the matrix that
 * "images to columns" would write out is the image from offset[p] on, and a product can read it where it lies (the indirect
 * convolution of Dukhan, arXiv:1907.02129, with one pointer for a vector of neighbouring places instead of one per place).
 * A tile of CONV_ROWS channels by two vectors of places stays in registers through all taps.  For the gradient of the weights the places are
 * what is summed over: a tile is CONV_TAPS taps by two vectors of channels.  Sums may be fused; their order depends on shapes alone. */
#if defined(__AVX512F__)
enum { CONV_LANES = 16, CONV_ROWS = 14, CONV_TAPS = 12 };   /* of 32 registers */
#elif defined(__AVX2__)
enum { CONV_LANES = 8, CONV_ROWS = 6, CONV_TAPS = 6 };      /* of 16 */
#else
enum { CONV_LANES = 4, CONV_ROWS = 6, CONV_TAPS = 6 };
#endif
typedef float ConvLane __attribute__((vector_size(4 * CONV_LANES)));
#define CONV_TILE static inline __attribute__((always_inline)) void

#ifdef __clang__
#define CONV_FUSED _Pragma("clang fp contract(fast)")
#else
#define CONV_FUSED
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

static inline __attribute__((always_inline)) ConvLane conv_load(const float *p) {
    ConvLane v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The lanes that are results, to `step`-distant places. */
CONV_TILE conv_put(ConvLane v, const Spot *spot, int64_t step, float *y) {
    const uint32_t all = (1u << CONV_LANES) - 1;
    y += spot->to;
    if (step == 1 && spot->mask == all) {
        memcpy(y, &v, sizeof v);
        return;
    }
#ifdef CONV_COMPRESS
    if (step == 1) {
        CONV_COMPRESS(y, v, spot->mask);
        return;
    }
#endif
    float lane[CONV_LANES];
    memcpy(lane, &v, sizeof v);
    if (spot->mask == all) {
#pragma GCC unroll 16
        for (int i = 0; i < CONV_LANES; i++) y[i * step] = lane[i];
        return;
    }
    for (uint32_t left = spot->mask; left; left &= left - 1, y += step) *y = lane[__builtin_ctz(left)];
}

/* `rows` and `vecs` are constants where this is inlined. */
CONV_TILE conv_tile(const int rows, const int vecs, const Shifts *s, const Spot *spot, const float *w, const float *bias, const float *image, float *y) {
    CONV_FUSED
    ConvLane left[CONV_ROWS], right[CONV_ROWS], out[2 * CONV_ROWS];   /* `out` is memory, the others need not be */
    const float *x0 = image + spot[0].from, *x1 = image + spot[vecs - 1].from;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) left[r] = right[r] = (ConvLane){0} + (bias ? bias[r] : 0);
    for (int64_t p = 0; p < s->k; p++, w += rows) {
        int64_t o = s->offset[p];
        ConvLane b0 = conv_load(x0 + o), b1 = vecs > 1 ? conv_load(x1 + o) : b0;
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            left[r] += w[r] * b0;
            if (vecs > 1) right[r] += w[r] * b1;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        out[2 * r] = left[r];
        out[2 * r + 1] = right[r];
    }
    for (int r = 0; r < rows; r++, y += s->channel)
        for (int v = 0; v < vecs; v++) conv_put(out[2 * r + v], &spot[v], s->step, y);
}

#define CONV_CASE(n)                                                         \
    case n:                                                                  \
        if (vecs > 1) conv_tile(n, 2, s, spot, w, bias, image, y);           \
        else conv_tile(n, 1, s, spot, w, bias, image, y);                    \
        break;

static void conv_some_rows(int rows, int vecs, const Shifts *s, const Spot *spot, const float *w, const float *bias, const float *image, float *y) {
    switch (rows) {
        CONV_CASE(1) CONV_CASE(2) CONV_CASE(3) CONV_CASE(4) CONV_CASE(5) CONV_CASE(6)
#ifdef __AVX512F__
        CONV_CASE(7) CONV_CASE(8) CONV_CASE(9) CONV_CASE(10) CONV_CASE(11) CONV_CASE(12) CONV_CASE(13) CONV_CASE(14)
#endif
    }
}

/* How many of `rows` channels one tile takes: blocks of about equal size. */
static int64_t conv_block(int64_t rows) {
    int64_t blocks = (rows + CONV_ROWS - 1) / CONV_ROWS;
    return blocks ? (rows + blocks - 1) / blocks : 1;
}

/* Weights in blocks of rows, tap by tap; a row's weights are w[row * step + at[p]].  Where rows are near each other, few taps are
 * taken at a time, so that memory is read in order. */
static void conv_pack(int64_t rows, int64_t k, const float *w, int64_t step, const int64_t *at, float *packed) {
    int64_t block = conv_block(rows), many = step < k ? 64 : k;
    for (int64_t first = 0, last; first < k; first = last) {
        last = k - first < many ? k : first + many;
        for (int64_t r = 0; r < rows; r += block) {
            int64_t n = rows - r < block ? rows - r : block;
            float *to = packed + r * k + first * n;
            for (int64_t p = first; p < last; p++)
                for (int64_t i = 0; i < n; i++) *to++ = w[(r + i) * step + at[p]];
        }
    }
}

/* For a single channel: six vectors of places, so that sums do not wait for each other. */
enum { CONV_SPOTS = 6 };
static void conv_wide(const Shifts *s, const Spot *spot, const float *w, float bias, const float *image, float *y) {
    CONV_FUSED
    ConvLane sum[CONV_SPOTS], out[CONV_SPOTS];
    const float *x[CONV_SPOTS];
#pragma GCC unroll 16
    for (int v = 0; v < CONV_SPOTS; v++) {
        sum[v] = (ConvLane){0} + bias;
        x[v] = image + spot[v].from;
    }
    for (int64_t p = 0; p < s->k; p++) {
        int64_t o = s->offset[p];
        ConvLane factor = (ConvLane){0} + w[p];
#pragma GCC unroll 16
        for (int v = 0; v < CONV_SPOTS; v++) sum[v] += factor * conv_load(x[v] + o);
    }
#pragma GCC unroll 16
    for (int v = 0; v < CONV_SPOTS; v++) out[v] = sum[v];
    for (int v = 0; v < CONV_SPOTS; v++) conv_put(out[v], &spot[v], s->step, y);
}

/* Channel r of y, at the places of every spot.  Blocks of channels are taken as many at a time as stay in the cache with the image's
 * part that a spot sees. */
static void conv_product(const Shifts *s, int64_t rows, const float *packed, const float *bias, const float *image, float *y) {
    enum { WEIGHTS = 1 << 17 };
    int64_t block = conv_block(rows), many = s->k > 0 ? WEIGHTS / (s->k * block) * block : rows;
    if (many < block) many = block;
    for (int64_t first = 0; first < rows; first += many) {
        int64_t last = first + many < rows ? first + many : rows;
        int64_t i = 0;
        for (; rows == 1 && i + CONV_SPOTS <= s->spots; i += CONV_SPOTS) conv_wide(s, s->spot + i, packed, bias ? *bias : 0, image, y);
        for (; i < s->spots; i += 2) {
            int vecs = i + 1 < s->spots ? 2 : 1;
            for (int64_t r = first; r < last; r += block)
                conv_some_rows((int)(last - r < block ? last - r : block), vecs, s, s->spot + i, packed + r * s->k, bias ? bias + r : NULL, image, y + r * s->channel);
        }
    }
}

/* ---- panels ----
 *
 * With many channels an image is read many times, and not in order.  Then a vector's width of places, wherever they are, is first laid out as
 * one panel of the column matrix, a hundred rows of it at a time: it stays in the cache while all channels meet it, and holds nothing
 * between lines or samples.  Sums wait in `room` for the next rows. */

enum { CONV_DEPTH = 128, CONV_GROUP = 4, CONV_WIDTH = 2 * CONV_LANES };      /* rows of a panel; panels that meet the weights together */

static int64_t conv_room(int64_t rows) { return CONV_GROUP * CONV_WIDTH * (CONV_DEPTH + rows) + CONV_LANES; }

/* `many` and `takes` are constants where this is inlined, or takes the panel's: runs of at most `many` places.  A copy may reach into the
 * next row, which is written later. */
CONV_TILE conv_take_runs(const size_t many, const int64_t takes, const Panel *p, int64_t depth, const int64_t *pick, const int64_t *offset, const float *image, float *panel) {
    int64_t from[CONV_WIDTH], column[CONV_WIDTH];
    for (int64_t r = 0; r < takes; r++) {
        from[r] = p->take[r].from;
        column[r] = p->take[r].column;
    }
    for (int64_t i = 0; i < depth; i++, panel += CONV_WIDTH) {
        const float *x = image + offset[pick[i]];
#pragma GCC unroll 4
        for (int64_t r = 0; r < takes; r++) memcpy(panel + column[r], x + from[r], many * sizeof *x);
    }
}

static void conv_take(const Panel *p, int64_t depth, const int64_t *pick, const int64_t *offset, const float *image, float *panel) {
    int64_t most = 0;
    for (int64_t r = 0; r < p->takes; r++) most = p->take[r].count > most ? p->take[r].count : most;
    if (most == 1) conv_take_runs(1, p->takes, p, depth, pick, offset, image, panel);
    else if (most <= 4) conv_take_runs(4, p->takes, p, depth, pick, offset, image, panel);
    else if (p->takes == 2) conv_take_runs(CONV_LANES, 2, p, depth, pick, offset, image, panel);
    else if (p->takes == 3) conv_take_runs(CONV_LANES, 3, p, depth, pick, offset, image, panel);
    else conv_take_runs(CONV_LANES, p->takes, p, depth, pick, offset, image, panel);
}

/* `rows` and `vecs` are constants where this is inlined.  A choice between where sums start from would keep compilers from holding them
 * in registers: they start from what is there. */
CONV_TILE conv_panel_tile(const int rows, const int vecs, int64_t k, const int64_t *pick, const float *w, const float *panel, float *sums) {
    CONV_FUSED
    ConvLane left[CONV_ROWS], right[CONV_ROWS];
    float *to = sums;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++, sums += CONV_WIDTH) {
        left[r] = conv_load(sums);
        right[r] = vecs > 1 ? conv_load(sums + CONV_LANES) : left[r];
    }
    for (int64_t p = 0; p < k; p++, panel += CONV_WIDTH) {
        const float *v = w + pick[p] * rows;
        ConvLane b0 = conv_load(panel), b1 = vecs > 1 ? conv_load(panel + CONV_LANES) : b0;
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            left[r] += v[r] * b0;
            if (vecs > 1) right[r] += v[r] * b1;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++, to += CONV_WIDTH) {
        memcpy(to, &left[r], sizeof left[r]);
        if (vecs > 1) memcpy(to + CONV_LANES, &right[r], sizeof right[r]);
    }
}

#define PANEL_CASE(n)                                                        \
    case n:                                                                  \
        if (vecs > 1) conv_panel_tile(n, 2, k, pick, w, panel, sums);              \
        else conv_panel_tile(n, 1, k, pick, w, panel, sums);                       \
        break;

static void conv_panel_rows(int rows, int vecs, int64_t k, const int64_t *pick, const float *w, const float *panel, float *sums) {
    switch (rows) {
        PANEL_CASE(1) PANEL_CASE(2) PANEL_CASE(3) PANEL_CASE(4) PANEL_CASE(5) PANEL_CASE(6)
#ifdef __AVX512F__
        PANEL_CASE(7) PANEL_CASE(8) PANEL_CASE(9) PANEL_CASE(10) PANEL_CASE(11) PANEL_CASE(12) PANEL_CASE(13) PANEL_CASE(14)
#endif
    }
}

static void conv_put_run(const float *from, int64_t n, int64_t step, float *y) {
    int64_t i = 0;
    if (step == 1)
        for (; i + CONV_LANES <= n; i += CONV_LANES) memcpy(y + i, from + i, CONV_LANES * sizeof *y);
    for (; i < n; i++) y[i * step] = from[i];
}

static void conv_put_panel(const Shifts *s, const Panel *p, int64_t rows, const float *sums, float *y) {
    for (int64_t r = 0; r < rows; r++, sums += CONV_WIDTH, y += s->channel)
        for (int64_t i = 0; i < p->puts; i++) conv_put_run(sums + p->put[i].column, p->put[i].count, s->step, y + p->put[i].to);
}

static void conv_panels(const Shifts *s, int64_t rows, const float *packed, const float *bias, const float *image, float *room, float *y) {
    enum { SIZE = CONV_DEPTH * CONV_WIDTH };
    int64_t block = conv_block(rows), pieces = (s->k + CONV_DEPTH - 1) / CONV_DEPTH, depth = pieces ? (s->k + pieces - 1) / pieces : 1;
    float *sums = room + CONV_GROUP * SIZE + CONV_LANES;
    for (int64_t first = 0; first < s->panels; first += CONV_GROUP) {
        const Panel *panel = s->panel + first;
        int64_t many = s->panels - first < CONV_GROUP ? s->panels - first : CONV_GROUP, at = 0, begin[CONV_GROUP] = {0}, count[CONV_GROUP];
        for (int64_t i = 0; i < many * rows; i++)
            for (int c = 0; c < CONV_WIDTH; c++) sums[i * CONV_WIDTH + c] = bias ? bias[i % rows] : 0;
        for (; at < s->k; at += depth) {
            for (int64_t j = 0; j < many; j++) {
                for (count[j] = 0; begin[j] + count[j] < panel[j].picks && panel[j].pick[begin[j] + count[j]] < at + depth;) count[j]++;
                conv_take(panel + j, count[j], panel[j].pick + begin[j], s->offset, image, room + j * SIZE);
            }
            for (int64_t r = 0; r < rows; r += block)
                for (int64_t j = 0; j < many; j++)
                    conv_panel_rows((int)(rows - r < block ? rows - r : block), panel[j].columns > CONV_LANES ? 2 : 1, count[j], panel[j].pick + begin[j], packed + r * s->k,
                                    room + j * SIZE, sums + (j * rows + r) * CONV_WIDTH);
            for (int64_t j = 0; j < many; j++) begin[j] += count[j];
        }
        for (int64_t j = 0; j < many; j++) conv_put_panel(s, panel + j, rows, sums + j * rows * CONV_WIDTH, y);
    }
}

/* ---- the gradient of the weights ---- */

/* c[tap][channel] += the sum over places; the image's rows for `taps` taps begin at from[]. */
CONV_TILE conv_slope_tile(const int taps, const int vecs, const Lines *l, const float *image, const int64_t *offset, const float *dy, float *c) {
    CONV_FUSED
    const int row = vecs * CONV_LANES;
    ConvLane left[CONV_TAPS], right[CONV_TAPS];
#pragma GCC unroll 16
    for (int r = 0; r < taps; r++) left[r] = right[r] = (ConvLane){0};
    for (int64_t line = 0; line < l->count; line++) {
        const float *from[CONV_TAPS], *x = image + l->start[line];
#pragma GCC unroll 16
        for (int r = 0; r < taps; r++) from[r] = x + offset[r];
        int64_t p = 0;
        for (; p + 2 <= l->length; p += 2, dy += 2 * row) {
            ConvLane a0 = conv_load(dy), b0 = conv_load(dy + row), a1 = a0, b1 = b0;
            if (vecs > 1) a1 = conv_load(dy + CONV_LANES), b1 = conv_load(dy + row + CONV_LANES);
#pragma GCC unroll 16
            for (int r = 0; r < taps; r++) {
                const float *x = from[r] + p;
                left[r] += x[0] * a0;
                if (vecs > 1) right[r] += x[0] * a1;
                left[r] += x[1] * b0;
                if (vecs > 1) right[r] += x[1] * b1;
            }
        }
        if (p == l->length) continue;
        ConvLane a0 = conv_load(dy), a1 = vecs > 1 ? conv_load(dy + CONV_LANES) : a0;
#pragma GCC unroll 16
        for (int r = 0; r < taps; r++) {
            left[r] += from[r][p] * a0;
            if (vecs > 1) right[r] += from[r][p] * a1;
        }
        dy += row;
    }
#pragma GCC unroll 16
    for (int r = 0; r < taps; r++, c += l->row) {
        left[r] += conv_load(c);
        memcpy(c, &left[r], sizeof left[r]);
        if (vecs < 2) continue;
        right[r] += conv_load(c + CONV_LANES);
        memcpy(c + CONV_LANES, &right[r], sizeof right[r]);
    }
}

#define SLOPE_CASE(n)                                                        \
    case n:                                                                  \
        if (vecs > 1) conv_slope_tile(n, 2, l, image, offset, dy, c);        \
        else conv_slope_tile(n, 1, l, image, offset, dy, c);                 \
        break;

static void conv_some_taps(int taps, int vecs, const Lines *l, const float *image, const int64_t *offset, const float *dy, float *c) {
    switch (taps) {
        SLOPE_CASE(1) SLOPE_CASE(2) SLOPE_CASE(3) SLOPE_CASE(4) SLOPE_CASE(5) SLOPE_CASE(6)
#ifdef __AVX512F__
        SLOPE_CASE(7) SLOPE_CASE(8) SLOPE_CASE(9) SLOPE_CASE(10) SLOPE_CASE(11) SLOPE_CASE(12)
#endif
    }
}

/* c[k][row] += image, seen from each offset, times dy, which lies in blocks of two vectors of channels; row is a multiple of CONV_LANES. */
static void conv_slope(const Lines *l, int64_t k, const int64_t *offset, const float *image, const float *dy, float *c) {
    int64_t blocks = (k + CONV_TAPS - 1) / CONV_TAPS, block = (k + blocks - 1) / (blocks ? blocks : 1);
    for (int64_t v = 0; v < l->row; v += CONV_WIDTH) {
        int vecs = v + CONV_LANES < l->row ? 2 : 1;
        for (int64_t p = 0; p < k; p += block) conv_some_taps((int)(k - p < block ? k - p : block), vecs, l, image, offset + p, dy + v * l->count * l->length, c + p * l->row + v);
    }
}

/* With one channel of y, or few, lanes are places: c[tap] += the sum of image[offset[tap] + i] dy[i]. */
CONV_TILE conv_dots_tile(const int taps, int64_t n, const float *image, const int64_t *offset, const float *dy, float *c) {
    CONV_FUSED
    ConvLane even[CONV_TAPS], odd[CONV_TAPS];
    const float *from[CONV_TAPS];
#pragma GCC unroll 16
    for (int r = 0; r < taps; r++) {
        even[r] = odd[r] = (ConvLane){0};
        from[r] = image + offset[r];
    }
    for (int64_t i = 0; i < n; i += CONV_WIDTH) {
        ConvLane a = conv_load(dy + i), b = conv_load(dy + i + CONV_LANES);
#pragma GCC unroll 16
        for (int r = 0; r < taps; r++) {
            even[r] += a * conv_load(from[r] + i);
            odd[r] += b * conv_load(from[r] + i + CONV_LANES);
        }
    }
    for (int r = 0; r < taps; r++) {
        float lane[CONV_LANES], sum = 0;
        even[r] += odd[r];
        memcpy(lane, &even[r], sizeof lane);
        for (int i = 0; i < CONV_LANES; i++) sum += lane[i];
        c[r] += sum;
    }
}

static void conv_dots(int64_t n, int64_t k, const int64_t *offset, const float *image, const float *dy, float *c) {
    int64_t p = 0;
    for (; p + CONV_TAPS <= k; p += CONV_TAPS) conv_dots_tile(CONV_TAPS, n, image, offset + p, dy, c + p);
#if defined(__AVX512F__)
    for (; p + 9 <= k; p += 9) conv_dots_tile(9, n, image, offset + p, dy, c + p);
    for (; p + 5 <= k; p += 5) conv_dots_tile(5, n, image, offset + p, dy, c + p);
#endif
    for (; p + 3 <= k; p += 3) conv_dots_tile(3, n, image, offset + p, dy, c + p);
    for (; p < k; p++) conv_dots_tile(1, n, image, offset + p, dy, c + p);
}

static void conv_part(int64_t n, const float *x, float *restrict even, float *restrict odd) {
    SIMD for (int64_t i = 0; i < n; i++) {
        even[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
    }
}

#ifndef __clang__
#pragma GCC pop_options
#endif
