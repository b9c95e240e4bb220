/* table.inc.c -- everything compiled for one instruction set, named in one table (TABLE, TABLE_NAME). */
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wtautological-compare"
#include "kernels.h"

#include "vmath.h"
#include "functions.h"
#include "complexes.h"
#include "integers.h"

#include "pointwise.inc.c"
#include "cast.inc.c"
#include "reduce.inc.c"
#include "rows.inc.c"
#include "attention.inc.c"
#include "scan.inc.c"
#include "sort.inc.c"
#include "dot.inc.c"
#include "unsigned.inc.c"
#include "optim.inc.c"
#include "rnn.inc.c"
#include "loss.inc.c"
#include "distance.inc.c"
#include "grid.inc.c"

#define FLOATS(name) {[8] = name##_f32, [9] = name##_f64}
#include "index.inc.c"
#include "window.inc.c"
#include "conv.inc.c"
#include "pool.inc.c"
#include "norm.inc.c"
#include "random.inc.c"
#include "gemm.inc.c"

const Kernels TABLE = {
    .name = TABLE_NAME,
    .unary = BY_DTYPE(unary_table),
    .unary_grad = BY_DTYPE(grad_table),
    .binary = BY_DTYPE(binary_table),
    .ternary = BY_DTYPE(ternary_table),
    .cast = {cast_table_b8, cast_table_u8, cast_table_i8, cast_table_i16, cast_table_i32, cast_table_i64,
             cast_table_f16, cast_table_bf16, cast_table_f32, cast_table_f64, cast_table_c64, cast_table_c128, cast_table_u16, cast_table_u32, cast_table_u64},
    .copy = {copy_1, copy_2, copy_4, copy_8, copy_16},
    .where = {where_1, where_2, where_4, where_8, where_16},
    .any_zero = {any_zero_u8, any_zero_u8, any_zero_u8, any_zero_i16, any_zero_i32, any_zero_i64, [12] = any_zero_i16, any_zero_i32, any_zero_i64},
    .reduce = BY_DTYPE(reduce),
    .scan = BY_DTYPE(scan),
    .sort_scratch = sort_scratch,
    .sort = SORT_TABLE(sort),
    .topk = SORT_TABLE(topk),
    .kth = SORT_TABLE(kth),
    .attend = {[8] = attend_f32, attend_f64},
    .scale_rows = {[8] = scale_rows_f32, scale_rows_f64},
    .attend_grad = {[8] = attend_grad_f32, attend_grad_f64},
    .row = {[6] = row_f16, row_bf16, row_f32, row_f64},
    .transpose = {transpose_1, transpose_2, transpose_4, transpose_8, transpose_16},
    .dot = {[8] = dot_f32, [9] = dot_f64},
    .step = {[8] = step_loop_f32, [9] = step_loop_f64},   /* float32, float64 */
    .logsumexp = FLOATS(logsumexp),
    .softmax_slope = FLOATS(softmax_slope),
    .pack_panels = FLOATS(pack_panels),
    .panel_product = FLOATS(panel_product),
    .grid_read = FLOATS(grid_read),
    .grid_write = FLOATS(grid_write),
    .distances = FLOATS(distances),
    .distance_slopes = FLOATS(distance_slopes),
    .lstm_step = FLOATS(lstm_step),
    .lstm_grad = FLOATS(lstm_grad),
    .gru_step = FLOATS(gru_step),
    .gru_grad = FLOATS(gru_grad),
    .rnn_step = FLOATS(rnn_step),
    .rnn_grad = FLOATS(rnn_grad),
    .gather = {gather_1, gather_2, gather_4, gather_8, gather_16},
    .scatter = {scatter_1, scatter_2, scatter_4, scatter_8, scatter_16},
    .scatter_reduce = SCATTER_TABLE,
    .all_within = all_within,
    .first_outside = first_outside,
    .im2col = {im2col_1, im2col_2, im2col_4, im2col_8, im2col_16},
    .col2im = {[5] = col2im_i64, [8] = col2im_f32, col2im_f64, col2im_c64, col2im_c128},
    .conv_lanes = CONV_LANES, .conv_pack = conv_pack, .conv_product = conv_product, .conv_slope = conv_slope,
    .conv_width = 2 * CONV_LANES, .conv_room = conv_room, .conv_panels = conv_panels, .conv_dots = conv_dots, .conv_part = conv_part,
    .max_pool = {[5] = max_pool_i64, [8] = max_pool_f32, max_pool_f64},
    .mean_pool = {[5] = mean_pool_i64, [8] = mean_pool_f32, mean_pool_f64},
    .mean_unpool = {[5] = mean_unpool_i64, [8] = mean_unpool_f32, mean_unpool_f64},
    .gemm_f32 = GEMM_F32,
    .uniform_f32 = uniform_f32, .uniform_f64 = uniform_f64, .bernoulli_f32 = bernoulli_f32, .normal16_f32 = normal16_f32, .normal16_f64 = normal16_f64,
    .norm_rows = FLOATS(norm_rows),
    .norm_rows_grad = FLOATS(norm_rows_grad),
    .lane_sum = FLOATS(lane_sum),
    .lane_square = FLOATS(lane_square),
    .lane_dot = FLOATS(lane_dot),
    .lane_sums = FLOATS(lane_sums),
    .column_sums = FLOATS(column_sums),
    .column_dots = FLOATS(column_dots),
    .column_mix = FLOATS(column_mix),
    .scale_shift = FLOATS(scale_shift),
    .channel_grad = FLOATS(channel_grad),
};
