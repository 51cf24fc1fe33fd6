// The catalogue of kernels: every family's functions with their formulas. Arrays are contiguous in the order of the
// shape in the comment unless strides are given; strides count elements.
#pragma once

#include <cstdint>

#include "gemm_micro.h"

namespace rushlight {

// --- gemm.cpp ----------------------------------------------------------------------------------------------------

// c[m, n] = act(sum_k a[m, k] b[k, n] + bias[n]),  act = max(., 0) if relu;  c has rows of c_row; bias may be nullptr.
// Leaves c unwritten and returns false if there is no memory for its buffers.
bool gemm(int64_t M, int64_t N, int64_t K, Matrix a, Matrix b, const float* bias, bool relu, float* c, int64_t c_row);

// out[c] = sum_r x[r, c],  x (R, C)
bool column_sums(const float* x, int64_t R, int64_t C, float* out);

}  // namespace rushlight
