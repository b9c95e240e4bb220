/* isa_base.c -- the kernels for any machine of the family the compiler was asked for. */
#define TABLE rl_kernels_base
#define TABLE_NAME "base"
#include "table.inc.c"
