/* rnn_steps.inc.c -- gates to states and back, for the dtype at hand: T, its functions SIGMOID and TANH, its name TAG.
 *
 * `rows` samples of `hidden` units.  A row of gates holds each gate's units side by side, in torch's order; a step turns the
 * sums that it finds there into the gates' values, which the gradient reads. */

#define RNN_PASTE2(name, tag) name##_##tag
#define RNN_PASTE(name, tag) RNN_PASTE2(name, tag)
#define RNN_FN(name) RNN_PASTE(name, TAG)
#define RNN_LOOP(j, n) _Pragma("omp simd") for (int64_t j = 0; j < (n); j++)

/* i, f, g, o; c is the cell state before and after. */
static void RNN_FN(lstm_step)(int64_t rows, int64_t hidden, void *gates, void *cell, void *tanh_cell, void *state) {
    for (int64_t r = 0; r < rows; r++) {
        T *restrict i = (T *)gates + 4 * r * hidden, *restrict f = i + hidden, *restrict g = f + hidden, *restrict o = g + hidden;
        T *restrict c = (T *)cell + r * hidden, *restrict t = (T *)tanh_cell + r * hidden, *restrict h = (T *)state + r * hidden;
        RNN_LOOP(j, 2 * hidden) i[j] = SIGMOID(i[j]);
        RNN_LOOP(j, hidden) g[j] = TANH(g[j]);
        RNN_LOOP(j, hidden) o[j] = SIGMOID(o[j]);
        RNN_LOOP(j, hidden) {
            c[j] = f[j] * c[j] + i[j] * g[j];
            t[j] = TANH(c[j]);
            h[j] = o[j] * t[j];
        }
    }
}

/* dcell: the gradient by the cell state after the step becomes the one by that before it. */
static void RNN_FN(lstm_grad)(int64_t rows, int64_t hidden, const void *gates, const void *cell_before, const void *tanh_cell, const void *dstate, void *dcell, void *dgates) {
    for (int64_t r = 0; r < rows; r++) {
        const T *restrict i = (const T *)gates + 4 * r * hidden, *restrict f = i + hidden, *restrict g = f + hidden, *restrict o = g + hidden;
        const T *restrict c = (const T *)cell_before + r * hidden, *restrict t = (const T *)tanh_cell + r * hidden, *restrict dh = (const T *)dstate + r * hidden;
        T *restrict dc = (T *)dcell + r * hidden, *restrict di = (T *)dgates + 4 * r * hidden, *restrict df = di + hidden, *restrict dg = df + hidden, *restrict dout = dg + hidden;
        RNN_LOOP(j, hidden) {
            T d = dc[j] + dh[j] * o[j] * (1 - t[j] * t[j]);
            di[j] = d * g[j] * i[j] * (1 - i[j]);
            df[j] = d * c[j] * f[j] * (1 - f[j]);
            dg[j] = d * i[j] * (1 - g[j] * g[j]);
            dout[j] = dh[j] * t[j] * o[j] * (1 - o[j]);
            dc[j] = d * f[j];
        }
    }
}

/* r, z, n: gates holds the input's part, inner the state's part; what inner adds to n before r scales it is kept. */
static void RNN_FN(gru_step)(int64_t rows, int64_t hidden, void *gates, const void *inner, void *kept, const void *state_before, void *state) {
    for (int64_t row = 0; row < rows; row++) {
        T *restrict r = (T *)gates + 3 * row * hidden, *restrict z = r + hidden, *restrict n = z + hidden;
        const T *restrict w = (const T *)inner + 3 * row * hidden, *restrict before = (const T *)state_before + row * hidden;
        T *restrict k = (T *)kept + row * hidden, *restrict h = (T *)state + row * hidden;
        RNN_LOOP(j, 2 * hidden) r[j] = SIGMOID(r[j] + w[j]);
        RNN_LOOP(j, hidden) {
            k[j] = w[2 * hidden + j];
            n[j] = TANH(n[j] + r[j] * k[j]);
            h[j] = (before[j] - n[j]) * z[j] + n[j];
        }
    }
}

/* dbefore gets the part of the gradient that does not pass through the gates. */
static void RNN_FN(gru_grad)(int64_t rows, int64_t hidden, const void *gates, const void *kept, const void *state_before, const void *dstate, void *dbefore, void *dgates, void *dinner) {
    for (int64_t row = 0; row < rows; row++) {
        const T *restrict r = (const T *)gates + 3 * row * hidden, *restrict z = r + hidden, *restrict n = z + hidden;
        const T *restrict k = (const T *)kept + row * hidden, *restrict before = (const T *)state_before + row * hidden, *restrict dh = (const T *)dstate + row * hidden;
        T *restrict dr = (T *)dgates + 3 * row * hidden, *restrict dz = dr + hidden, *restrict dn = dz + hidden;
        T *restrict wr = (T *)dinner + 3 * row * hidden, *restrict wz = wr + hidden, *restrict wn = wz + hidden, *restrict db = (T *)dbefore + row * hidden;
        RNN_LOOP(j, hidden) {
            T d = dh[j], slope = d * (1 - z[j]) * (1 - n[j] * n[j]);
            dn[j] = slope;
            wn[j] = slope * r[j];
            wr[j] = dr[j] = slope * k[j] * r[j] * (1 - r[j]);
            wz[j] = dz[j] = d * (before[j] - n[j]) * z[j] * (1 - z[j]);
            db[j] = d * z[j];
        }
    }
}

static void RNN_FN(rnn_step)(int64_t count, void *state, bool relu) {
    T *restrict h = state;
    if (relu) RNN_LOOP(j, count) h[j] = h[j] < 0 ? 0 : h[j];
    else RNN_LOOP(j, count) h[j] = TANH(h[j]);
}

static void RNN_FN(rnn_grad)(int64_t count, const void *state, const void *dstate, void *dgates, bool relu) {
    const T *restrict h = state, *restrict dh = dstate;
    T *restrict d = dgates;
    if (relu) RNN_LOOP(j, count) d[j] = h[j] > 0 ? dh[j] : 0;
    else RNN_LOOP(j, count) d[j] = dh[j] * (1 - h[j] * h[j]);
}

#undef T
#undef TAG
#undef SIGMOID
#undef TANH
#undef RNN_PASTE2
#undef RNN_PASTE
#undef RNN_FN
#undef RNN_LOOP
