/* conv_direct.c -- convolutions of floats, read where they lie: what kernels/conv.inc.c asks to be prepared.
 *
 * An image is copied once into a padded one.  With a stride of s it is dealt out to s phases per dim (places 0, s, 2s.. then 1, s + 1..),
 * so that neighbouring results read neighbouring elements whatever the stride; a tap is then a constant shift.  The gradient of the input is a
 * convolution of the output's gradient, one for each phase of the input with the taps that reach it.  Nothing here knows dtypes. */
#include "conv.h"

#include <string.h>

typedef struct Layout {        /* of a padded image, channel by channel: phases, then places */
    int64_t channels, in[3], lead[3], parts[3], size[3];   /* lead: padding before; parts: phases along each dim; size: of a phase */
    int64_t plane, channel, floats;
} Layout;

typedef struct Pass {          /* results of one group = weights times image, in one or more sets of places */
    Layout l;
    int sets;
    Shifts *set;
    float **packed;            /* per set: the weights of all groups */
    int64_t batch, groups, rows, pieces, from_step, to_step;    /* of one group's image and results */
    const float *bias, *from;
    float *to, *room;          /* room: one image per thread */
    int64_t room_floats;
} Pass;

static int64_t volume(const int64_t *n) { return n[0] * n[1] * n[2]; }
static int64_t rounded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* ---- images ------------------------------------------------------------------------------------------------------------- */

static bool measure(Layout *l) {
    l->plane = l->channel = 1;
    for (int i = 0; i < 3; i++)
        if (!rl_mul_size(l->plane, l->size[i], &l->plane) || !rl_mul_size(l->channel, l->parts[i], &l->channel)) return false;
    return rl_mul_size(l->channel, l->plane, &l->channel) && rl_mul_size(l->channel, l->channels, &l->floats) && l->floats < INT64_MAX / 8;
}

/* As the convolution itself reads its input. */
static bool input_layout(Layout *l, const Geometry *g) {
    l->channels = g->w.channels;
    for (int i = 0; i < 3; i++) {
        l->in[i] = g->w.in[i];
        l->lead[i] = g->w.pad[i];
        l->parts[i] = g->w.stride[i];
        l->size[i] = (g->w.in[i] + 2 * g->w.pad[i] + g->w.stride[i] - 1) / g->w.stride[i];
    }
    return measure(l);
}

/* Which output place does tap k bring to input place r + i s?  i plus *shift, if any. */
static bool reaches(const Window *w, int i, int64_t r, int64_t k, int64_t *shift) {
    int64_t at = r + w->pad[i] - k * w->dilation[i];
    *shift = at / w->stride[i];
    return at % w->stride[i] == 0;
}

static int64_t places_of_phase(const Window *w, int i, int64_t r) { return r < w->in[i] ? (w->in[i] - r + w->stride[i] - 1) / w->stride[i] : 0; }

/* As the input's gradient reads the output's: with all places around it that some tap asks for. */
static bool output_layout(Layout *l, const Geometry *g) {
    const Window *w = &g->w;
    l->channels = g->out_channels / g->groups;
    for (int i = 0; i < 3; i++) {
        int64_t lead = 0, tail = 0, shift;
        for (int64_t r = 0; r < w->stride[i]; r++)
            for (int64_t k = 0; k < w->size[i]; k++) {
                if (!reaches(w, i, r, k, &shift)) continue;
                int64_t beyond = places_of_phase(w, i, r) + shift - w->out[i];
                if (-shift > lead) lead = -shift;
                if (beyond > tail) tail = beyond;
            }
        l->in[i] = w->out[i];
        l->lead[i] = lead;
        l->parts[i] = 1;
        l->size[i] = lead + w->out[i] + tail;
    }
    return measure(l);
}

/* Where padded place `at` is. */
static int64_t place(const Layout *l, const int64_t *at) {
    int64_t phase = 0, inner = 0;
    for (int i = 0; i < 3; i++) {
        phase = phase * l->parts[i] + at[i] % l->parts[i];
        inner = inner * l->size[i] + at[i] / l->parts[i];
    }
    return phase * l->plane + inner;
}

static void deal_line(const Layout *l, const float *x, float *image) {
    int64_t parts = l->parts[2], n = l->in[2];
    if (parts == 1) {
        memcpy(image + l->lead[2], x, (size_t)n * sizeof *x);
        return;
    }
    for (int64_t first = 0; first < parts && first < n; first++) {
        int64_t at = first + l->lead[2];
        float *to = image + at % parts * l->plane + at / parts;
        for (int64_t i = first; i < n; i += parts) *to++ = x[i];
    }
}

/* The borders stay as they are: zero. */
static void lay_image(const Layout *l, const float *x, float *image) {
    for (int64_t c = 0; c < l->channels; c++, image += l->channel)
        for (int64_t d = 0; d < l->in[0]; d++)
            for (int64_t h = 0; h < l->in[1]; h++, x += l->in[2]) deal_line(l, x, image + place(l, (int64_t[]){d + l->lead[0], h + l->lead[1], 0}));
}

/* ---- places -------------------------------------------------------------------------------------------------------------- */

/* Vectors within one line of results each.  to: of the first result; step: in y along each dim. */
static int64_t spots_by_line(const Layout *l, const int64_t *n, int64_t to, const int64_t *step, Spot *spot) {
    int64_t count = 0, lanes = rl_kernels->conv_lanes;
    for (int64_t d = 0; d < n[0]; d++)
        for (int64_t h = 0; h < n[1]; h++)
            for (int64_t w = 0; w < n[2]; w += lanes) {
                int64_t many = n[2] - w < lanes ? n[2] - w : lanes;
                spot[count++] = (Spot){(d * l->size[1] + h) * l->size[2] + w, to + d * step[0] + h * step[1] + w * step[2], (uint32_t)((1ull << many) - 1)};
            }
    return count;
}

/* Vectors that run on from line to line; what they compute between two lines is dropped.  Results must lie without gaps. */
static int64_t spots_across_lines(const Layout *l, const int64_t *n, int64_t to, const int64_t *step, Spot *spot) {
    int64_t count = 0, lanes = rl_kernels->conv_lanes, line = l->size[2], length = (n[1] - 1) * line + n[2];
    for (int64_t d = 0; d < n[0]; d++)
        for (int64_t f = 0; f < length; f += lanes) {
            uint32_t mask = 0;
            for (int64_t i = 0; i < lanes && f + i < length; i++) mask |= (uint32_t)((f + i) % line < n[2]) << i;
            int64_t column = f % line < n[2] ? f % line : n[2];
            if (mask) spot[count++] = (Spot){d * l->size[1] * line + f, to + d * step[0] + f / line * n[2] + column, mask};
        }
    return count;
}

static bool set_spots(Shifts *s, const Layout *l, const int64_t *n, int64_t to, const int64_t *step) {
    int64_t lanes = rl_kernels->conv_lanes, by_line = n[0] * n[1] * ((n[2] + lanes - 1) / lanes);
    int64_t across = n[0] * (((n[1] - 1) * l->size[2] + n[2] + lanes - 1) / lanes);
    bool run_on = step[2] == 1 && step[1] == n[2] && across < by_line;
    Spot *spot = rl_scope_bytes((int64_t)sizeof *spot * ((run_on ? across : by_line) + 1));
    if (!spot) return false;
    s->spots = volume(n) == 0 ? 0 : run_on ? spots_across_lines(l, n, to, step, spot) : spots_by_line(l, n, to, step, spot);
    s->spot = spot;
    s->step = step[2];
    return true;
}

/* ---- the product --------------------------------------------------------------------------------------------------------- */

static void product_range(int64_t begin, int64_t end, void *state) {
    const Pass *p = state;
    float *image = p->room + rl_thread_number() * p->room_floats;
    for (int64_t i = begin; i < end; i++)
        for (int64_t q = 0; q < p->groups; q++) {
            int64_t sample = i / p->pieces * p->groups + q, piece = i % p->pieces;
            lay_image(&p->l, p->from + sample * p->from_step, image);
            for (int k = 0; k < p->sets; k++) {
                Shifts s = p->set[k];
                int64_t first = s.spots * piece / p->pieces & -2, last = piece + 1 == p->pieces ? s.spots : s.spots * (piece + 1) / p->pieces & -2;
                s.spot += first;
                s.spots = last - first;
                rl_kernels->conv_product(&s, p->rows, p->packed[k] + q * p->rows * s.k, p->bias ? p->bias + q * p->rows : NULL, image, p->to + sample * p->to_step);
            }
        }
}

/* A zeroed image for every thread. */
static float *make_room(int64_t floats, int64_t *step) {
    *step = rounded(floats + rl_kernels->conv_lanes, 16);
    int64_t bytes;
    if (!rl_mul_size(*step, 4 * rl_threads(), &bytes)) return rl_fail_memory(INT64_MAX);
    float *room = rl_scope_bytes(bytes);
    return room ? memset(room, 0, (size_t)bytes) : NULL;
}

static bool run_pass(Pass *p, double work) {
    p->room = make_room(p->l.floats, &p->room_floats);
    p->pieces = p->batch < rl_threads() ? rl_threads() : 1;
    double cost = work / (double)p->pieces / 20;
    return p->room && rl_parallel_for(p->batch * p->pieces, 1 + (int64_t)(20000 / (cost + 1)), product_range, p);
}

static bool room_for_sets(Pass *p, int sets) {
    p->set = rl_scope_bytes((int64_t)sizeof *p->set * sets);
    p->packed = rl_scope_bytes((int64_t)sizeof *p->packed * sets);
    return p->set && p->packed;
}

static bool room_for_taps(int64_t n, int64_t **offset, int64_t **at) {
    *offset = rl_scope_bytes(8 * n + 8);
    *at = rl_scope_bytes(8 * n + 8);
    return *offset && *at;
}

/* The weights of all groups for one set; those of a group begin `step` after its predecessor's. */
static bool pack_groups(Pass *p, int k, const float *w, int64_t step, int64_t row_step, const int64_t *at) {
    int64_t size = p->rows * p->set[k].k;
    if (!(p->packed[k] = rl_scope_bytes(4 * (size * p->groups + 1)))) return false;
    for (int64_t q = 0; q < p->groups; q++) rl_kernels->conv_pack(p->rows, p->set[k].k, w + q * step, row_step, at, p->packed[k] + q * size);
    return true;
}

#define EACH_TAP(w) for (int64_t t[3] = {0}; t[0] < (w)->size[0]; t[0]++) for (t[1] = 0; t[1] < (w)->size[1]; t[1]++) for (t[2] = 0; t[2] < (w)->size[2]; t[2]++)

static int64_t input_offsets(const Geometry *g, const Layout *l, int64_t *offset) {
    int64_t k = 0;
    for (int64_t c = 0; c < g->w.channels; c++)
        EACH_TAP(&g->w) offset[k++] = c * l->channel + place(l, (int64_t[]){t[0] * g->w.dilation[0], t[1] * g->w.dilation[1], t[2] * g->w.dilation[2]});
    return k;
}

bool rl_conv_direct_output(const Geometry *g, const float *x, const float *w, const float *bias, float *y) {
    const int64_t *n = g->w.out;
    Pass p = {.sets = 1, .batch = g->batch, .groups = g->groups, .rows = g->out_channels / g->groups, .from_step = g->image, .bias = bias, .from = x, .to = y};
    p.to_step = p.rows * g->columns;
    int64_t *offset, *at;
    if (!input_layout(&p.l, g) || !room_for_sets(&p, 1) || !room_for_taps(g->rows, &offset, &at)) return rl_fail_memory(INT64_MAX);
    for (int64_t k = 0; k < g->rows; k++) at[k] = k;
    p.set[0] = (Shifts){.k = input_offsets(g, &p.l, offset), .channel = g->columns, .offset = offset};
    if (!set_spots(&p.set[0], &p.l, n, 0, (int64_t[]){n[1] * n[2], n[2], 1}) || !pack_groups(&p, 0, w, p.rows * g->rows, g->rows, at)) return false;
    return run_pass(&p, (double)g->out_channels * (double)g->columns * (double)g->rows);
}

/* ---- the gradient of the input ------------------------------------------------------------------------------------------- */

/* The places r, r + stride.. of the input, and the taps that reach them. */
static bool set_phase(Pass *p, int set, const Geometry *g, const float *w, const int64_t *r) {
    const Window *win = &g->w;
    int64_t taps = volume(win->size), n[3], step[3] = {win->in[1] * win->in[2] * win->stride[0], win->in[2] * win->stride[1], win->stride[2]}, k = 0, *offset, *at;
    if (!room_for_taps(p->l.channels * taps, &offset, &at)) return false;
    for (int64_t c = 0; c < p->l.channels; c++) {
        int64_t tap = 0;
        EACH_TAP(win) {
            int64_t s[3], from = c * win->channels * taps + tap++;
            if (!reaches(win, 0, r[0], t[0], &s[0]) || !reaches(win, 1, r[1], t[1], &s[1]) || !reaches(win, 2, r[2], t[2], &s[2])) continue;
            for (int i = 0; i < 3; i++) s[i] += p->l.lead[i];
            offset[k] = c * p->l.channel + place(&p->l, s);
            at[k++] = from;
        }
    }
    for (int i = 0; i < 3; i++) n[i] = places_of_phase(win, i, r[i]);
    p->set[set] = (Shifts){.k = k, .channel = volume(win->in), .offset = offset};
    int64_t first = (r[0] * win->in[1] + r[1]) * win->in[2] + r[2];
    return set_spots(&p->set[set], &p->l, n, first, step) && pack_groups(p, set, w, p->l.channels * win->channels * taps, taps, at);
}

bool rl_conv_direct_input(const Geometry *g, const float *y, const float *w, float *x) {
    const int64_t *stride = g->w.stride;
    Pass p = {.batch = g->batch, .groups = g->groups, .rows = g->w.channels, .from = y, .to = x, .to_step = g->image};
    p.from_step = g->out_channels / g->groups * g->columns;
    if (!output_layout(&p.l, g) || !room_for_sets(&p, (int)volume(stride))) return rl_fail_memory(INT64_MAX);
    for (int64_t r[3] = {0}; r[0] < stride[0]; r[0]++)
        for (r[1] = 0; r[1] < stride[1]; r[1]++)
            for (r[2] = 0; r[2] < stride[2]; r[2]++)
                if (!set_phase(&p, p.sets++, g, w, r)) return false;
    return run_pass(&p, (double)g->out_channels * (double)g->columns * (double)g->rows);
}

/* ---- the gradient of the weights ----------------------------------------------------------------------------------------- */

typedef struct Slope {
    const Geometry *g;
    Layout l;
    Lines lines;
    const int64_t *offset;
    const float *x, *y;
    float *sums, *room;        /* sums: for each run of samples and each group [taps][channels] */
    int64_t run, room_floats;
} Slope;

/* Samples are summed in fixed runs, so that the result does not depend on the number of threads. */
static void slope_range(int64_t begin, int64_t end, void *state) {
    const Slope *p = state;
    const Geometry *g = p->g;
    int64_t outs = g->out_channels / g->groups, size = g->rows * p->lines.row;
    float *image = p->room + rl_thread_number() * p->room_floats, *turned = image + rounded(p->l.floats + rl_kernels->conv_lanes, 16);
    for (int64_t r = begin; r < end; r++) {
        int64_t last = (r + 1) * p->run < g->batch ? (r + 1) * p->run : g->batch;
        for (int64_t s = r * p->run * g->groups; s < last * g->groups; s++) {
            lay_image(&p->l, p->x + s * g->image, image);
            rl_kernels->transpose[2](g->columns, outs, (char *)turned, p->lines.row * 4, (const char *)(p->y + s * outs * g->columns), g->columns * 4);
            rl_kernels->conv_slope(&p->lines, g->rows, p->offset, image, turned, p->sums + (r * g->groups + s % g->groups) * size);
        }
    }
}

/* w[channel][tap] = the sum of the runs' [tap][channel]. */
static void add_runs(const Slope *p, int64_t runs, float *w) {
    int64_t outs = p->g->out_channels / p->g->groups, taps = p->g->rows, size = taps * p->lines.row, whole = size * p->g->groups;
    for (int64_t r = 1; r < runs; r++)
        for (int64_t i = 0; i < whole; i++) p->sums[i] += p->sums[r * whole + i];
    for (int64_t q = 0; q < p->g->groups; q++)
        rl_kernels->transpose[2](outs, taps, (char *)(w + q * outs * taps), taps * 4, (const char *)(p->sums + q * size), p->lines.row * 4);
}

static bool set_lines(Slope *p, const Geometry *g) {
    const int64_t *n = g->w.out;
    int64_t *start = rl_scope_bytes(8 * (n[0] * n[1] + 1)), *offset = rl_scope_bytes(8 * (g->rows + 1));
    if (!start || !offset) return false;
    for (int64_t d = 0; d < n[0]; d++)
        for (int64_t h = 0; h < n[1]; h++) start[d * n[1] + h] = (d * p->l.size[1] + h) * p->l.size[2];
    input_offsets(g, &p->l, offset);
    p->lines = (Lines){.count = n[0] * n[1], .length = n[2], .row = rounded(g->out_channels / g->groups, rl_kernels->conv_lanes), .start = start};
    p->offset = offset;
    return true;
}

bool rl_conv_direct_weight(const Geometry *g, const float *x, const float *y, float *w) {
    enum { MANY = 1 << 18, RUNS = 16 };          /* with many weights one sum is enough memory */
    Slope p = {.g = g, .x = x, .y = y};
    if (!input_layout(&p.l, g)) return rl_fail_memory(INT64_MAX);
    if (!set_lines(&p, g)) return false;
    bool one = g->batch <= RUNS || g->out_channels * g->rows > MANY;
    p.run = one ? g->batch : (g->batch + RUNS - 1) / RUNS;
    int64_t runs = (g->batch + p.run - 1) / p.run, floats = runs * g->groups * g->rows * p.lines.row;
    p.room = make_room(rounded(p.l.floats + rl_kernels->conv_lanes, 16) + g->columns * p.lines.row, &p.room_floats);
    p.sums = rl_scope_bytes(4 * floats);
    if (!p.room || !p.sums) return false;
    memset(p.sums, 0, (size_t)(4 * floats));
    if (!rl_parallel_for(runs, 1, slope_range, &p)) return false;
    add_runs(&p, runs, w);
    return true;
}

/* ---- where it pays ------------------------------------------------------------------------------------------------------- */

/* Enough places to fill vectors, few phases, and padding that does not dwarf the image. */
bool rl_conv_direct_suits(const Geometry *g, ConvPart part) {
    enum { PLACES = 8, PARTS = 16, PHASES = 4, WIDER = 16, SMALL = 1024 };
    Layout l;
    int64_t parts = 1;
    for (int i = 0; i < 3; i++) {
        if (g->w.stride[i] > PARTS) return false;
        parts *= g->w.stride[i];
    }
    if (parts > (part == CONV_INPUT ? PHASES : PARTS) || (part == CONV_INPUT ? volume(g->w.in) : g->columns) < PLACES) return false;
    return (part == CONV_INPUT ? output_layout(&l, g) : input_layout(&l, g)) && l.channel <= WIDER * volume(l.in) + SMALL;
}
