/* conv_direct.c -- convolutions of floats, read where they lie: what kernels/conv.inc.c asks to be prepared.
 *
 * An image is copied once into a padded one.  With a stride of s it is dealt out to s phases per dim (places 0, s, 2s.. then 1, s + 1..),
 * so that neighbouring results read neighbouring elements whatever the stride; a tap is then a constant shift.  The gradient of the input is a
 * convolution of the output's gradient, one for each phase of the input with the taps that reach it.  Nothing here knows dtypes. */
#include "conv.h"

#include <stdlib.h>
#include <string.h>

typedef struct Layout {        /* of a padded image, channel by channel: phases, then places */
    int64_t channels, in[3], lead[3], parts[3], size[3];   /* lead: padding before; parts: phases along each dim; size: of a phase */
    int64_t plane, channel, floats;
    int64_t *line;             /* where each line of a channel begins, but for the last dim's padding */
} Layout;

typedef struct Pass {          /* results of one group = weights times image, in one or more sets of places */
    Layout l;
    int sets;
    Shifts *set, *rest;        /* rest: of the last samples, fewer than `together` */
    float **packed;            /* per set: the weights of all groups */
    int64_t batch, groups, rows, pieces, from_step, to_step;    /* of one group's image and results */
    int64_t together;          /* samples that share panels; 0 without panels */
    const float *bias, *from;
    float *to, *room;          /* room: images per thread, then what panels need */
    const float *inside;       /* of a small image: a channel with ones where it is */
    int64_t room_floats, image_floats;
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

static bool set_lines(Layout *l) {
    if (!(l->line = rl_scope_bytes(8 * (l->in[0] * l->in[1] + 1)))) return false;
    for (int64_t d = 0; d < l->in[0]; d++)
        for (int64_t h = 0; h < l->in[1]; h++) l->line[d * l->in[1] + h] = place(l, (int64_t[]){d + l->lead[0], h + l->lead[1], 0});
    return true;
}

static void deal_line(const Layout *l, const float *x, float *image) {
    int64_t parts = l->parts[2], n = l->in[2], lead = l->lead[2];
    if (parts == 1) {
        memcpy(image + lead, x, (size_t)n * sizeof *x);
        return;
    }
    if (parts == 2) {
        float *first = image + lead % 2 * l->plane + lead / 2, *second = image + (lead + 1) % 2 * l->plane + (lead + 1) / 2;
        rl_kernels->conv_part(n / 2, x, first, second);
        if (n % 2) first[n / 2] = x[n - 1];
        return;
    }
    for (int64_t first = 0; first < parts && first < n; first++) {
        int64_t at = first + lead;
        float *to = image + at % parts * l->plane + at / parts;
        for (int64_t i = first; i < n; i += parts) *to++ = x[i];
    }
}

/* The borders stay as they are: zero. */
static void lay_image(const Layout *l, const float *x, float *image) {
    int64_t lines = l->in[0] * l->in[1];
    for (int64_t c = 0; c < l->channels; c++, image += l->channel)
        for (int64_t i = 0; i < lines; i++, x += l->in[2]) deal_line(l, x, image + l->line[i]);
}

/* Is padding much of what is read? */
static bool is_small(const Layout *l) { return volume(l->in) <= 64 && 4 * l->channel > 5 * volume(l->in); }

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
    return true;
}

typedef struct Segment { int64_t from, to, count; uint64_t taps; } Segment;   /* neighbouring places of one image, all in reach of the same taps */
typedef struct Filling { Panel *panel; Run *take, *put; uint64_t *taps; } Filling;     /* where the next ones go; panel, taps: the one being filled */

/* Which of the `taps` taps bring something else than padding to a place?  They are its bits. */
static uint64_t taps_of(const Shifts *s, const float *inside, int64_t from, int64_t taps) {
    uint64_t bits = 0;
    for (int64_t t = 0; t < taps; t++) bits |= (uint64_t)(inside[from + s->offset[t]] != 0) << t;
    return bits;
}

static int by_taps(const void *a, const void *b) {
    const Segment *s = a, *t = b;
    return s->taps != t->taps ? (s->taps < t->taps ? -1 : 1) : (s->from > t->from) - (s->from < t->from);
}

/* The places of one image; inside: a channel with ones where the image is, or NULL: then all taps reach all. */
static int64_t fill_segments(const Shifts *s, const Layout *l, const int64_t *n, int64_t to, const int64_t *step, const float *inside, int64_t taps, Segment *segment) {
    Segment *next = segment;
    for (int64_t i = 0; i < n[0] * n[1]; i++) {
        int64_t d = i / n[1], h = i % n[1];
        for (int64_t w = 0; w < n[2]; w++) {
            int64_t from = (d * l->size[1] + h) * l->size[2] + w;
            uint64_t bits = inside ? taps_of(s, inside, from, taps) : ~UINT64_C(0);
            if (w > 0 && next[-1].taps == bits) next[-1].count++;
            else *next++ = (Segment){from, to + d * step[0] + h * step[1] + w * step[2], 1, bits};
        }
    }
    if (inside) qsort(segment, (size_t)(next - segment), sizeof *segment, by_taps);
    return next - segment;
}

static void add_run(Filling *f, Run run, int64_t step, uint64_t taps) {
    Panel *p = f->panel;
    Run *last = p->puts ? f->put - 1 : NULL;
    if (p->columns == 0) *p = (Panel){.take = f->take, .put = f->put};
    *f->take++ = run;
    p->takes++;
    if (last && last->to + last->count * step == run.to) last->count += run.count;
    else {
        *f->put++ = run;
        p->puts++;
    }
    p->columns += run.count;
    *f->taps |= taps;
}

/* A segment, in pieces of at most a vector that end where a panel does. */
static void add_segment(Filling *f, const Segment *g, int64_t image, int64_t result, int64_t step) {
    int64_t width = rl_kernels->conv_width, lanes = rl_kernels->conv_lanes;
    for (int64_t i = 0, many; i < g->count; i += many) {
        if (f->panel->columns == width) f->panel++, f->taps++;
        many = g->count - i < lanes ? g->count - i : lanes;
        if (many > width - f->panel->columns) many = width - f->panel->columns;
        add_run(f, (Run){g->from + i + image, g->to + i * step + result, f->panel->columns, many}, step, g->taps);
    }
}

/* Each panel's list of rows: those of all channels whose tap it has. */
static bool set_picks(Shifts *s, Panel *panel, const uint64_t *bits, int64_t taps) {
    int64_t *pick = NULL;
    for (int64_t i = 0; i < s->panels; i++) {
        if (i > 0 && bits[i] == bits[i - 1]) {
            panel[i].pick = panel[i - 1].pick;
            panel[i].picks = panel[i - 1].picks;
            continue;
        }
        if (!(pick = rl_scope_bytes(8 * s->k + 8))) return false;
        panel[i].pick = pick;
        for (int64_t k = 0; k < s->k; k++)
            if (bits[i] >> (taps ? k % taps : 0) & 1) *pick++ = k;
        panel[i].picks = pick - panel[i].pick;
    }
    return true;
}

/* The same places of `samples` images, without gaps; sample: from one's results to the next's. */
static bool set_panels(Shifts *s, const Layout *l, const int64_t *n, int64_t to, const int64_t *step, int64_t samples, int64_t sample, const float *inside) {
    int64_t width = rl_kernels->conv_width, lanes = rl_kernels->conv_lanes, places = volume(n), panels = (samples * places + width - 1) / width;
    int64_t taps = inside ? s->k / l->channels : 0, most = inside ? samples * places : samples * n[0] * n[1] * ((n[2] + lanes - 1) / lanes + 1) + 2 * panels + 1;
    Segment *segment = rl_scope_bytes((int64_t)sizeof *segment * (places + 1));
    Panel *panel = rl_scope_bytes((int64_t)sizeof *panel * (panels + 1));
    Filling f = {panel, rl_scope_bytes((int64_t)sizeof(Run) * most + 1), rl_scope_bytes((int64_t)sizeof(Run) * most + 1), rl_scope_bytes(8 * (panels + 1))};
    uint64_t *bits = f.taps;
    if (!segment || !panel || !f.take || !f.put || !bits) return false;
    memset(panel, 0, sizeof *panel * (size_t)(panels + 1));
    memset(bits, 0, 8 * (size_t)(panels + 1));
    int64_t segments = fill_segments(s, l, n, to, step, inside, taps, segment);
    if (inside) {
        for (int64_t g = 0; g < segments; g++)
            for (int64_t i = 0; i < samples; i++) add_segment(&f, segment + g, i * l->floats, i * sample, step[2]);
    } else {
        for (int64_t i = 0; i < samples; i++)
            for (int64_t g = 0; g < segments; g++) add_segment(&f, segment + g, i * l->floats, i * sample, step[2]);
    }
    s->panel = panel;
    s->panels = panels;
    return set_picks(s, panel, bits, taps);
}

/* Is it worth laying out panels for so many channels of results and rows? */
static bool wants_panels(int64_t rows, int64_t k) {
    enum { ROWS = 32, TAPS = 64 };
    return rows >= ROWS && k >= TAPS;
}

/* How many samples make a few panels of n places each; 0: they are not laid out, since vectors of neighbours leave little out and weights
 * stay in the cache. */
static int64_t samples_together(const Pass *p, int64_t k, const int64_t *n) {
    enum { PLACES = 128, FLOATS = 1 << 19, MANY = 128, LONG = 1024 };
    int64_t places = volume(n), lanes = rl_kernels->conv_lanes, along = (n[2] + lanes - 1) / lanes * n[1], across = ((n[1] - 1) * p->l.size[2] + n[2] + lanes - 1) / lanes;
    if (!wants_panels(p->rows, k) || places == 0) return 0;
    int64_t lanes_used = n[0] * lanes * (along < across ? along : across);
    bool many = p->rows >= MANY && k >= LONG;
    if (!many && !is_small(&p->l) && 100 * lanes_used < (p->rows < MANY ? 130 : 110) * places) return 0;
    int64_t together = (PLACES + places - 1) / places, most = FLOATS / (p->l.floats + 1);
    if (together < 32 && is_small(&p->l)) together = 32;
    if (together > most) together = most;
    if (together > p->batch) together = p->batch;
    return together > 1 ? together : 1;
}

/* A channel with ones where the image is, if the image is so small that this is worth knowing. */
static bool mark_inside(Pass *p) {
    if (!p->together || !is_small(&p->l)) return true;
    int64_t floats = p->l.channel, lines = p->l.in[0] * p->l.in[1];
    float *ones = rl_scope_bytes(4 * (p->l.in[2] + 1)), *inside = rl_scope_bytes(4 * (floats + rl_kernels->conv_width));
    if (!ones || !inside) return false;
    memset(inside, 0, 4 * (size_t)floats);
    for (int64_t i = 0; i < p->l.in[2]; i++) ones[i] = 1;
    for (int64_t i = 0; i < lines; i++) deal_line(&p->l, ones, inside + p->l.line[i]);
    p->inside = inside;
    return true;
}

static bool set_places(Pass *p, int set, const int64_t *n, int64_t to, const int64_t *step) {
    Shifts *s = &p->set[set];
    s->step = step[2];
    if (!p->together) return set_spots(s, &p->l, n, to, step);
    p->rest[set] = *s;
    int64_t sample = p->to_step * p->groups;
    const float *inside = s->k / p->l.channels <= 64 ? p->inside : NULL;
    return set_panels(s, &p->l, n, to, step, p->together, sample, inside) && set_panels(&p->rest[set], &p->l, n, to, step, p->batch % p->together, sample, inside);
}

/* ---- the product --------------------------------------------------------------------------------------------------------- */

/* One of `pieces` parts of a set's places, for one group. */
static void product_piece(const Pass *p, Shifts s, const float *packed, const float *bias, int64_t piece, float *image, float *y) {
    int64_t n = p->together ? s.panels : s.spots, first = n * piece / p->pieces & -2, last = piece + 1 == p->pieces ? n : n * (piece + 1) / p->pieces & -2;
    if (p->together) {
        s.panel += first;
        s.panels = last - first;
        rl_kernels->conv_panels(&s, p->rows, packed, bias, image, image + p->image_floats, y);
    } else {
        s.spot += first;
        s.spots = last - first;
        rl_kernels->conv_product(&s, p->rows, packed, bias, image, y);
    }
}

static void product_range(int64_t begin, int64_t end, void *state) {
    const Pass *p = state;
    float *image = p->room + rl_thread_number() * p->room_floats;
    int64_t step = p->together ? p->together : 1;
    for (int64_t i = begin; i < end; i++)
        for (int64_t q = 0; q < p->groups; q++) {
            int64_t first = i / p->pieces * step, many = p->batch - first < step ? p->batch - first : step;
            for (int64_t s = 0; s < many; s++) lay_image(&p->l, p->from + ((first + s) * p->groups + q) * p->from_step, image + s * p->l.floats);
            for (int k = 0; k < p->sets; k++)
                product_piece(p, many == step ? p->set[k] : p->rest[k], p->packed[k] + q * p->rows * p->set[k].k, p->bias ? p->bias + q * p->rows : NULL, i % p->pieces, image, p->to + (first * p->groups + q) * p->to_step);
        }
}

/* A zeroed image for every thread. */
static float *make_room(int64_t floats, int64_t *step) {
    *step = rounded(floats, 16);
    int64_t bytes;
    if (!rl_mul_size(*step, 4 * rl_threads(), &bytes)) return rl_fail_memory(INT64_MAX);
    float *room = rl_scope_bytes(bytes);
    return room ? memset(room, 0, (size_t)bytes) : NULL;
}

static bool run_pass(Pass *p, double work) {
    int64_t step = p->together ? p->together : 1, units = (p->batch + step - 1) / step;
    p->image_floats = rounded(step * p->l.floats + rl_kernels->conv_width, 16);
    p->room = make_room(p->image_floats + (p->together ? rl_kernels->conv_room(p->rows) : 0), &p->room_floats);
    p->pieces = units < rl_threads() ? rl_threads() : 1;
    double cost = work * (double)step / (double)p->pieces / 20;
    return p->room && rl_parallel_for(units * p->pieces, 1 + (int64_t)(20000 / (cost + 1)), product_range, p);
}

static bool room_for_sets(Pass *p, int sets) {
    p->set = rl_scope_bytes((int64_t)sizeof *p->set * sets);
    p->rest = rl_scope_bytes((int64_t)sizeof *p->rest * sets);
    p->packed = rl_scope_bytes((int64_t)sizeof *p->packed * sets);
    return p->set && p->rest && p->packed;
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
    if (!input_layout(&p.l, g)) return rl_fail_memory(INT64_MAX);
    if (!set_lines(&p.l) || !room_for_sets(&p, 1) || !room_for_taps(g->rows, &offset, &at)) return false;
    p.together = samples_together(&p, g->rows, n);
    if (!mark_inside(&p)) return false;
    for (int64_t k = 0; k < g->rows; k++) at[k] = k;
    p.set[0] = (Shifts){.k = input_offsets(g, &p.l, offset), .channel = g->columns, .offset = offset};
    if (!set_places(&p, 0, n, 0, (int64_t[]){n[1] * n[2], n[2], 1}) || !pack_groups(&p, 0, w, p.rows * g->rows, g->rows, at)) return false;
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
    return set_places(p, set, n, first, step) && pack_groups(p, set, w, p->l.channels * win->channels * taps, taps, at);
}

bool rl_conv_direct_input(const Geometry *g, const float *y, const float *w, float *x) {
    const int64_t *stride = g->w.stride;
    Pass p = {.batch = g->batch, .groups = g->groups, .rows = g->w.channels, .from = y, .to = x, .to_step = g->image};
    p.from_step = g->out_channels / g->groups * g->columns;
    if (!output_layout(&p.l, g)) return rl_fail_memory(INT64_MAX);
    if (!set_lines(&p.l) || !room_for_sets(&p, (int)volume(stride))) return false;
    int64_t phase[3] = {places_of_phase(&g->w, 0, 0), places_of_phase(&g->w, 1, 0), places_of_phase(&g->w, 2, 0)};
    p.together = samples_together(&p, p.l.channels * volume(g->w.size) / volume(stride), phase);
    if (!mark_inside(&p)) return false;
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
    Lines lines;               /* of the samples taken together, or of one in the second way */
    const int64_t *offset;
    const float *x, *y;
    float *sums, *room;        /* sums: for each run of samples and each group [taps][channels], or [channels][taps] */
    int64_t run, together, outs, room_floats, image_floats;
} Slope;

/* dy[block of channels][place][channel of the block], for `many` samples from `y` on. */
static void turn_output(const Slope *p, const float *y, int64_t many, float *turned) {
    int64_t width = rl_kernels->conv_width, columns = p->g->columns, outs = p->outs;
    for (int64_t v = 0; v < outs; v += width) {
        int64_t row = p->lines.row - v < width ? p->lines.row - v : width, cols = outs - v < width ? outs - v : width;
        for (int64_t s = 0; s < many; s++)
            rl_kernels->transpose[2](columns, cols, (char *)(turned + (v * many + s * row) * columns), row * 4, (const char *)(y + (s * p->g->groups * outs + v) * columns), columns * 4);
    }
}

/* Samples are summed in fixed runs, so that the result does not depend on the number of threads. */
static void slope_range(int64_t begin, int64_t end, void *state) {
    const Slope *p = state;
    const Geometry *g = p->g;
    float *image = p->room + rl_thread_number() * p->room_floats, *turned = image + p->image_floats;
    for (int64_t r = begin; r < end; r++) {
        int64_t last = (r + 1) * p->run < g->batch ? (r + 1) * p->run : g->batch;
        for (int64_t s = r * p->run, many; s < last; s += many) {
            many = last - s < p->together ? last - s : p->together;
            Lines lines = p->lines;
            lines.count = many * g->w.out[0] * g->w.out[1];
            for (int64_t q = 0; q < g->groups; q++) {
                for (int64_t i = 0; i < many; i++) lay_image(&p->l, p->x + ((s + i) * g->groups + q) * g->image, image + i * p->l.floats);
                turn_output(p, p->y + (s * g->groups + q) * p->outs * g->columns, many, turned);
                rl_kernels->conv_slope(&lines, g->rows, p->offset, image, turned, p->sums + (r * g->groups + q) * g->rows * p->lines.row);
            }
        }
    }
}

/* The same for few channels: y is laid out with gaps, so that its places lie as the image's do. */
static void dots_range(int64_t begin, int64_t end, void *state) {
    const Slope *p = state;
    const Geometry *g = p->g;
    float *image = p->room + rl_thread_number() * p->room_floats, *spread = image + p->image_floats, *sums;
    const int64_t *n = g->w.out, reach = p->lines.start[n[0] * n[1] - 1] + n[2];
    for (int64_t r = begin; r < end; r++) {
        int64_t last = (r + 1) * p->run < g->batch ? (r + 1) * p->run : g->batch;
        for (int64_t s = r * p->run * g->groups; s < last * g->groups; s++) {
            lay_image(&p->l, p->x + s * g->image, image);
            for (int64_t o = 0; o < p->outs; o++) {
                const float *y = p->y + (s * p->outs + o) * g->columns;
                for (int64_t i = 0; i < n[0] * n[1]; i++) memcpy(spread + p->lines.start[i], y + i * n[2], (size_t)n[2] * sizeof *y);
                sums = p->sums + ((r * g->groups + s % g->groups) * p->outs + o) * g->rows;
                rl_kernels->conv_dots(reach, g->rows, p->offset, image, spread, sums);
            }
        }
    }
}

/* w[channel][tap] = the sum of the runs' [tap][channel]; or of the runs' own. */
static void add_runs(const Slope *p, int64_t runs, bool dots, float *w) {
    int64_t outs = p->outs, taps = p->g->rows, size = taps * (dots ? outs : p->lines.row), whole = size * p->g->groups;
    for (int64_t r = 1; r < runs; r++)
        for (int64_t i = 0; i < whole; i++) p->sums[i] += p->sums[r * whole + i];
    if (dots) memcpy(w, p->sums, (size_t)whole * sizeof *w);
    else for (int64_t q = 0; q < p->g->groups; q++)
        rl_kernels->transpose[2](outs, taps, (char *)(w + q * outs * taps), taps * 4, (const char *)(p->sums + q * size), p->lines.row * 4);
}

static bool set_places_of_lines(Slope *p) {
    const Geometry *g = p->g;
    const int64_t *n = g->w.out, lines = n[0] * n[1];
    int64_t *start = rl_scope_bytes(8 * (p->together * lines + 1)), *offset = rl_scope_bytes(8 * (g->rows + 1));
    if (!start || !offset || !set_lines(&p->l)) return false;
    for (int64_t i = 0; i < p->together * lines; i++) start[i] = i / lines * p->l.floats + (i / n[1] % n[0] * p->l.size[1] + i % n[1]) * p->l.size[2];
    input_offsets(g, &p->l, offset);
    p->lines = (Lines){.count = lines, .length = n[2], .row = rounded(p->outs, rl_kernels->conv_lanes), .start = start};
    p->offset = offset;
    return true;
}

static bool sum_runs(Slope *p, bool dots, float *w) {
    enum { MANY = 1 << 18, RUNS = 16 };          /* with many weights one sum is enough memory */
    const Geometry *g = p->g;
    bool one = g->batch <= RUNS || g->out_channels * g->rows > MANY;
    p->run = one ? g->batch : (g->batch + RUNS - 1) / RUNS;
    int64_t runs = (g->batch + p->run - 1) / p->run, floats = runs * g->groups * g->rows * (dots ? p->outs : p->lines.row);
    p->image_floats = rounded(p->together * p->l.floats + rl_kernels->conv_width, 16);
    p->room = make_room(p->image_floats + (dots ? p->l.plane + rl_kernels->conv_width : p->together * g->columns * p->lines.row), &p->room_floats);
    p->sums = rl_scope_bytes(4 * floats);
    if (!p->room || !p->sums) return false;
    memset(p->sums, 0, (size_t)(4 * floats));
    if (!rl_parallel_for(runs, 1, dots ? dots_range : slope_range, p)) return false;
    add_runs(p, runs, dots, w);
    return true;
}

static bool all_finite(const float *w, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += w[i] * 0;
    return sum == 0;
}

/* Zeros in the gaps of y meet elements of the image that are none of theirs: an infinite one makes NaN of the sum, which is then
 * done the other way. */
bool rl_conv_direct_weight(const Geometry *g, const float *x, const float *y, float *w) {
    enum { FEW = 4, PLACES = 256, FLOATS = 1 << 18 };
    Slope p = {.g = g, .x = x, .y = y, .together = 1, .outs = g->out_channels / g->groups};
    if (!input_layout(&p.l, g)) return rl_fail_memory(INT64_MAX);
    if (p.outs <= FEW && p.l.plane <= 4 * g->columns) {
        if (!set_places_of_lines(&p) || !sum_runs(&p, true, w)) return false;
        if (all_finite(w, g->out_channels * g->rows)) return true;
    }
    p.together = (PLACES + g->columns - 1) / g->columns;
    if (p.together > FLOATS / (p.l.floats + 1)) p.together = FLOATS / (p.l.floats + 1);
    if (p.together > g->batch) p.together = g->batch;
    if (p.together < 1) p.together = 1;
    return set_places_of_lines(&p) && sum_runs(&p, false, w);
}

/* ---- where it pays ------------------------------------------------------------------------------------------------------- */

/* Enough places to fill vectors, few phases, and padding that dwarfs neither the image nor, where it is not skipped, the work. */
bool rl_conv_direct_suits(const Geometry *g, ConvPart part) {
    enum { PLACES = 8, PARTS = 16, PHASES = 4, WIDER = 16, SMALL = 1024, WASTE = 4 };
    Layout l;
    int64_t parts = 1, places = part == CONV_INPUT ? volume(g->w.in) : g->columns, outs = g->out_channels / g->groups;
    for (int i = 0; i < 3; i++) {
        if (g->w.stride[i] > PARTS) return false;
        parts *= g->w.stride[i];
    }
    if (parts > (part == CONV_INPUT ? PHASES : PARTS) ) return false;
    bool panels = part == CONV_OUTPUT ? wants_panels(outs, g->rows) : part == CONV_INPUT ? wants_panels(g->w.channels, outs * volume(g->w.size) / parts) : true;
    if ((panels ? places * g->batch : places) < PLACES) return false;
    if (!(part == CONV_INPUT ? output_layout(&l, g) : input_layout(&l, g)) || l.channel > WIDER * volume(l.in) + SMALL) return false;
    return part != CONV_INPUT || is_small(&l) || places <= WASTE * parts * g->columns;
}
