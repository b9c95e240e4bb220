/* window.inc.c -- windows that slide over an image: laid out as columns, and added back.
 *
 * Three spatial dims serve one and two as well (missing ones have size 1).  A column buffer has a row per channel and window
 * place and a column per output place, so a convolution becomes a product of matrices. */

/* The run of output places along the last dim whose input lies inside the image. */
static void inside(const Window *w, int64_t k, int64_t *first, int64_t *last) {
    int64_t start = k * w->dilation[2] - w->pad[2], s = w->stride[2];
    *first = start < 0 ? (-start + s - 1) / s : 0;
    int64_t room = w->in[2] - 1 - start;
    *last = room < 0 ? 0 : room / s + 1;
    if (*last > w->out[2]) *last = w->out[2];
    if (*first > *last) *first = *last;
}

static inline bool within(int64_t i, int64_t n) { return (uint64_t)i < (uint64_t)n; }

#define IM2COL(T, bytes)                                                                                                     \
    static void im2col_##bytes(const Window *w, const char *image, char *columns) {                                          \
        const T *x = (const T *)image;                                                                                       \
        T *y = (T *)columns;                                                                                                 \
        for (int64_t c = 0; c < w->channels; c++, x += w->in[0] * w->in[1] * w->in[2])                                       \
            for (int64_t kd = 0; kd < w->size[0]; kd++)                                                                      \
                for (int64_t kh = 0; kh < w->size[1]; kh++)                                                                  \
                    for (int64_t kw = 0; kw < w->size[2]; kw++) {                                                            \
                        int64_t first, last, shift = kw * w->dilation[2] - w->pad[2], s = w->stride[2];                      \
                        inside(w, kw, &first, &last);                                                                        \
                        for (int64_t od = 0; od < w->out[0]; od++) {                                                         \
                            int64_t d = od * w->stride[0] + kd * w->dilation[0] - w->pad[0];                                 \
                            for (int64_t oh = 0; oh < w->out[1]; oh++, y += w->out[2]) {                                     \
                                int64_t h = oh * w->stride[1] + kh * w->dilation[1] - w->pad[1];                             \
                                if (!within(d, w->in[0]) || !within(h, w->in[1])) {                                          \
                                    memset(y, 0, (size_t)w->out[2] * sizeof(T));                                             \
                                    continue;                                                                                \
                                }                                                                                            \
                                const T *line = x + (d * w->in[1] + h) * w->in[2] + shift;                                   \
                                for (int64_t o = 0; o < first; o++) memset(&y[o], 0, sizeof(T));                             \
                                if (s == 1) memcpy(y + first, line + first, (size_t)(last - first) * sizeof(T));             \
                                else for (int64_t o = first; o < last; o++) y[o] = line[o * s];                              \
                                for (int64_t o = last; o < w->out[2]; o++) memset(&y[o], 0, sizeof(T));                      \
                            }                                                                                                \
                        }                                                                                                    \
                    }                                                                                                        \
    }
IM2COL(uint8_t, 1) IM2COL(uint16_t, 2) IM2COL(uint32_t, 4) IM2COL(uint64_t, 8) IM2COL(Bytes16, 16)

#define COL2IM(T, d)                                                                                                         \
    static void col2im_##d(const Window *w, const char *columns, char *image) {                                              \
        T *x = (T *)image;                                                                                                   \
        const T *y = (const T *)columns;                                                                                     \
        for (int64_t c = 0; c < w->channels; c++, x += w->in[0] * w->in[1] * w->in[2])                                       \
            for (int64_t kd = 0; kd < w->size[0]; kd++)                                                                      \
                for (int64_t kh = 0; kh < w->size[1]; kh++)                                                                  \
                    for (int64_t kw = 0; kw < w->size[2]; kw++) {                                                            \
                        int64_t first, last, shift = kw * w->dilation[2] - w->pad[2], s = w->stride[2];                      \
                        inside(w, kw, &first, &last);                                                                        \
                        for (int64_t od = 0; od < w->out[0]; od++) {                                                         \
                            int64_t d_ = od * w->stride[0] + kd * w->dilation[0] - w->pad[0];                                \
                            for (int64_t oh = 0; oh < w->out[1]; oh++, y += w->out[2]) {                                     \
                                int64_t h = oh * w->stride[1] + kh * w->dilation[1] - w->pad[1];                             \
                                if (!within(d_, w->in[0]) || !within(h, w->in[1])) continue;                                 \
                                T *restrict line = x + (d_ * w->in[1] + h) * w->in[2] + shift;                               \
                                if (s == 1) for (int64_t o = first; o < last; o++) line[o] += y[o];                          \
                                else for (int64_t o = first; o < last; o++) line[o * s] += y[o];                             \
                            }                                                                                                \
                        }                                                                                                    \
                    }                                                                                                        \
    }
COL2IM(uint64_t, i64) COL2IM(float, f32) COL2IM(double, f64) COL2IM(float _Complex, c64) COL2IM(double _Complex, c128)

#undef IM2COL
#undef COL2IM
