// Copies of matrices from rows to columns, through W x W blocks in registers.
#pragma once

#include "simd.h"

namespace rushlight {

// One block of up to W rows and columns: to[c * to_row + r] = from[r * from_row + c].
inline void transpose_block(const float* from, int64_t from_row, int rows, int columns, float* to, int64_t to_row) {
    vf block[W];
    if (rows == W && columns == W) {
        for (int r = 0; r < W; r++) block[r] = load(from + r * from_row);
        transpose(block);
        for (int c = 0; c < W; c++) store(to + c * to_row, block[c]);
        return;
    }
    for (int r = 0; r < W; r++) block[r] = r < rows ? load_first(from + r * from_row, columns) : vf{};
    transpose(block);
    for (int c = 0; c < columns; c++) store_first(to + c * to_row, block[c], rows);
}

// to[c * to_row + r] = from[r * from_row + c] for r < rows, c < columns.
inline void copy_transposed(const float* from, int64_t from_row, int64_t rows, int64_t columns, float* to, int64_t to_row) {
    for (int64_t c = 0; c < columns; c += W)
        for (int64_t r = 0; r < rows; r += W) {
            const int height = int(rows - r < W ? rows - r : W), width = int(columns - c < W ? columns - c : W);
            transpose_block(from + r * from_row + c, from_row, height, width, to + c * to_row + r, to_row);
        }
}

}  // namespace rushlight
