// Copies that change the order of a matrix: from rows to columns, through W x W blocks in registers, and into panels
// for the micro-kernel.
#pragma once

#include "gemm_micro.h"

namespace rushlight {

// Up to W rows of up to W columns, the rest 0: afterwards vector c holds column c.
inline void load_transposed(const float* from, int64_t from_row, int rows, int columns, vf (&block)[W]) {
    if (rows == W && columns == W)
        for (int r = 0; r < W; r++) block[r] = load(from + r * from_row);
    else
        for (int r = 0; r < W; r++) block[r] = r < rows ? load_first(from + r * from_row, columns) : vf{};
    transpose(block);
}

// to[c * to_row + r] = from[r * from_row + c] for r < rows, c < columns.
inline void copy_transposed(const float* from, int64_t from_row, int64_t rows, int64_t columns, float* to,
                            int64_t to_row) {
    for (int64_t c = 0; c < columns; c += W)
        for (int64_t r = 0; r < rows; r += W) {
            const int height = int(min(W, rows - r)), width = int(min(W, columns - c));
            vf block[W];
            load_transposed(from + r * from_row + c, from_row, height, width, block);
            for (int i = 0; i < width; i++)
                if (height == W)
                    store(to + (c + i) * to_row + r, block[i]);
                else
                    store_first(to + (c + i) * to_row + r, block[i], height);
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
            for (int v = 0; v < columns; v += W)
                store_first(panel + v, load_first(from + v, min(W, columns - v)), min(W, columns - v));
        else
            for (int n = 0; n < columns; n++) panel[n] = from[n * b.col];
    }
}

// Packs panels of NR columns (the last may be narrower), steps * NR floats apart. Rows that are contiguous are read
// whole, through all panels, since the next row may be a page away.
inline void pack_block(Matrix b, int64_t steps, int64_t columns, float* panels) {
    const int64_t whole = b.col == 1 ? columns / NR * NR : 0;
    for (int64_t k = 0; k < steps && whole; k++) {
        const float* from = b.data + k * b.row;
        float* to = panels + k * NR;
        for (int64_t n = 0; n < whole; n += NR, to += steps * NR)
            for (int v = 0; v < NR; v += W) store(to + v, load(from + n + v));
    }
    for (int64_t n = whole; n < columns; n += NR) {
        const int left = int(min(NR, columns - n));
        pack_panel(b.at(0, n), steps, left, panel_width(left), panels + n * steps);
    }
}

}  // namespace rushlight
