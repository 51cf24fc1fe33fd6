// Copies that change the order of a matrix: from rows to columns, through W x W blocks in registers, and into panels for
// the micro-kernel.
#pragma once

#include "gemm_micro.h"

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

// Packs a panel: `columns` (at most `width`) columns of b, side by side in rows of `width` floats, the rest 0.
inline void pack_panel(Matrix b, int64_t steps, int columns, int width, float* panel) {
    if (columns < width)
        for (int64_t i = 0; i < steps * width; i += W) store(panel + i, vf{});
    if (b.row == 1 && b.col != 1) return copy_transposed(b.data, b.col, columns, steps, panel, width);
    for (int64_t k = 0; k < steps; k++, panel += width) {
        const float* from = b.data + k * b.row;
        if (b.col == 1)
            for (int v = 0; v < columns; v += W) store_first(panel + v, load_first(from + v, min(W, columns - v)), min(W, columns - v));
        else
            for (int n = 0; n < columns; n++) panel[n] = from[n * b.col];
    }
}

}  // namespace rushlight
