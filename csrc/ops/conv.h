/* conv.h -- the shape of a convolution, and the door between conv.c and conv_direct.c. */
#ifndef RUSHLIGHT_CONV_H
#define RUSHLIGHT_CONV_H
#include "rushlight.h"
#include "kernels/kernels.h"

typedef struct Geometry {      /* of conv(x, w) = y, whichever of the three is wanted */
    Window w;                  /* of one group */
    int64_t batch, groups, in_channels, out_channels;
    int64_t image, columns, rows;   /* elements of one group's image; places of y; rows of the column buffer */
} Geometry;

/* Float32 alone.  `suits` says whether the others may be called; they return false after an error. */
typedef enum { CONV_OUTPUT, CONV_INPUT, CONV_WEIGHT } ConvPart;
bool rl_conv_direct_suits(const Geometry *g, ConvPart part);
bool rl_conv_direct_output(const Geometry *g, const float *x, const float *w, const float *bias, float *y);
bool rl_conv_direct_input(const Geometry *g, const float *y, const float *w, float *x);
bool rl_conv_direct_weight(const Geometry *g, const float *x, const float *y, float *w);

#endif
