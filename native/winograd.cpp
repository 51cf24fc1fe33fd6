// Convolution with 3 x 3 taps at stride 1 by Winograd's F(2x2, 3x3): of each 4 x 4 tile of the input, each 2 x 2 tile
// of the output needs 16 products per pair of channels instead of 36. The tiles, the weight and the products are
// changed to and from a space in which convolution is one product per place xi of the 16,
//
//     y = A^T [(G g G^T) * (B^T d B)] A
//
// so the sum over channels is 16 matrix products (tiles, C) x (C, O), done by the micro-kernel of gemm. The gradients
// come from the same formula: the input's is the convolution of the output's gradient with the weight turned by 180
// degrees; the weight's is G^T [sum over tiles of (B^T d B) * (A dy A^T)] G. All constants are 0, 1 and 1/2: as
// accurate as the direct sum.
//
// Source: Winograd 1980; Lavin, Gray 2015, arXiv:1509.09308, section 4.1.
#include <atomic>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"

namespace rushlight {
namespace {

constexpr int PLACES = 16;
constexpr int64_t TILE_FLOATS = 1 << 18;  // transformed tiles that stay in the L2 cache
constexpr int64_t MOST_TILES = 8 * MR;
constexpr int64_t WEIGHT_BLOCK = 64;  // channels of input and output whose gradients one range sums up
constexpr int64_t RANGES = 16;        // into which the tiles are cut for the weight's gradient, if it is small

// --- the transforms, along one dimension and along both -----------------------------------------------------------

void input_line(const vf* d, vf* out) {  // B^T d
    out[0] = d[0] - d[2], out[1] = d[1] + d[2], out[2] = d[2] - d[1], out[3] = d[1] - d[3];
}
void weight_line(const vf* g, vf* out) {  // G g
    const vf outer = 0.5f * (g[0] + g[2]), inner = 0.5f * g[1];
    out[0] = g[0], out[1] = outer + inner, out[2] = outer - inner, out[3] = g[2];
}
void output_line(const vf* m, vf* out) {  // A^T m
    out[0] = m[0] + m[1] + m[2], out[1] = m[1] - m[2] - m[3];
}
void output_gradient_line(const vf* y, vf* out) {  // A y
    out[0] = y[0], out[1] = y[0] + y[1], out[2] = y[0] - y[1], out[3] = -y[1];
}
void weight_gradient_line(const vf* u, vf* out) {  // G^T u
    const vf outer = 0.5f * (u[1] + u[2]);
    out[0] = u[0] + outer, out[1] = 0.5f * (u[1] - u[2]), out[2] = outer + u[3];
}

// in (I, I), row by row -> out (O, O)
template <int I, int O, class Line>
inline __attribute__((always_inline)) void both_ways(const vf* in, vf* out, Line line) {
    vf half[I][O];  // columns of `in`, transformed
#pragma GCC unroll 4
    for (int j = 0; j < I; j++) {
        vf column[I];
#pragma GCC unroll 4
        for (int i = 0; i < I; i++) column[i] = in[i * I + j];
        line(column, half[j]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < O; i++) {
        vf row[I];
#pragma GCC unroll 4
        for (int j = 0; j < I; j++) row[j] = half[j][i];
        line(row, out + i * O);
    }
}

// --- tiles of images
// --------------------------------------------------------------------------------------------------

// Images cut into tiles of 2 x 2 of the output; (h, w) of the source is seen shifted by -pad.
struct Tiles {
    int64_t N, down, across;

    int64_t count() const { return N * down * across; }
};

// Places of a source image that lie outside read zeros.
struct Source {
    Images image;
    int64_t channels, pad_h, pad_w;
    const float* zeros;
};

// The size x size pixels of tile `index`, which start at 2 (row, column) - pad.
void find_pixels(const Tiles& tiles, const Source& source, int64_t index, int size, const float** pixels) {
    const Images& image = source.image;
    const int64_t n = index / (tiles.down * tiles.across);
    const int64_t h = index / tiles.across % tiles.down * 2 - source.pad_h, w = index % tiles.across * 2 - source.pad_w;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            const bool inside = h + i >= 0 && h + i < image.H && w + j >= 0 && w + j < image.W;
            pixels[i * size + j] =
                inside ? image.data + n * image.n + (h + i) * image.h + (w + j) * image.w : source.zeros;
        }
}

// to[place][tile][channel - channel] for channels channel .. channel + channels of the tiles first .. first + count.
template <int SIZE, class Line>
void transform_tiles(const Tiles& tiles, const Source& source, int64_t first, int64_t count, int64_t channel,
                     int64_t channels, Line line, float* to, int64_t row, int64_t place) {
    for (int64_t p = 0; p < count; p++) {
        const float* pixels[SIZE * SIZE];
        find_pixels(tiles, source, first + p, SIZE, pixels);
        for (int64_t c = 0; c < channels; c += W) {
            const int lanes = int(min(W, channels - c));
            vf in[SIZE * SIZE], out[PLACES];
#pragma GCC unroll 16
            for (int i = 0; i < SIZE * SIZE; i++) in[i] = load_first(pixels[i] + channel + c, lanes);
            both_ways<SIZE, 4>(in, out, line);
#pragma GCC unroll 16
            for (int xi = 0; xi < PLACES; xi++) store(to + xi * place + p * row + c, out[xi]);
        }
    }
}

// Rows of transformed tiles: whole vectors, an odd number of cache lines, so that they spread over the L1 cache.
int64_t row_of(int64_t channels) { return (ceil_div(channels, 16) | 1) * 16; }

float* zeros(int64_t channels) {
    float* data = scratch(Slot::input, size_t(row_of(channels)));
    for (int64_t c = 0; data && c < row_of(channels); c += W) store(data + c, vf{});
    return data;
}

// --- the weight
// ---------------------------------------------------------------------------------------------------------

// Taps of the pair (step, column) start at data[step * step_distance + column * column_distance]; the first one used is
// `first_tap`, the others follow forwards (1) or backwards (-1).
struct Taps {
    const float* data;
    int64_t step, column;
    int first_tap, direction;
};

// panel[place][step][column] for the columns from `column` on.
void transform_weight(const Taps& taps, int64_t steps, int64_t column, int columns, float* panel) {
    const int width = panel_width(columns);
    for (int64_t k = 0; k < steps; k++)
        for (int v = 0; v < columns; v += W) {
            vf block[W > 9 ? W : 9], given[W], g[9], u[PLACES];
            const float* from = taps.data + k * taps.step + (column + v) * taps.column;
            for (int t = 0; t < 9; t += W) {
                load_transposed(from + t, taps.column, min(W, columns - v), min(W, 9 - t), given);
                for (int i = 0; i < min(W, 9 - t); i++) block[t + i] = given[i];
            }
            for (int t = 0; t < 9; t++) g[t] = block[taps.first_tap + t * taps.direction];
            both_ways<3, 4>(g, u, weight_line);
            for (int xi = 0; xi < PLACES; xi++) store(panel + (xi * steps + k) * width + v, u[xi]);
        }
}

float* transform_weights(const Taps& taps, int64_t steps, int64_t columns) {
    const int64_t panels = ceil_div(columns, NR), size = PLACES * steps * NR;
    float* packed = scratch(Slot::tiles, size_t(panels * size));
    if (!packed) return nullptr;
    parallel_for(panels, 1 + 16384 / size, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            transform_weight(taps, steps, i * NR, int(min(NR, columns - i * NR)), packed + i * size);
    });
    return packed;
}

// --- forward and backward input
// ---------------------------------------------------------------------------------------

// Where the output goes: (n, h, w, column) of a dense array (N, H, W, columns).
struct Target {
    float* data;
    const float* bias;
    int64_t H, W, columns;
};

// The outputs of one tile for the lanes from `column` on, from products[place * distance].
void store_tile(const Tiles& tiles, const Target& target, int64_t index, int64_t column, int lanes,
                const float* products, int64_t distance) {
    vf m[PLACES], y[4];
#pragma GCC unroll 16
    for (int xi = 0; xi < PLACES; xi++) m[xi] = load(products + xi * distance);
    both_ways<4, 2>(m, y, output_line);
    const int64_t n = index / (tiles.down * tiles.across), h = index / tiles.across % tiles.down * 2,
                  w = index % tiles.across * 2;
    const vf bias = target.bias ? load_first(target.bias + column, lanes) : vf{};
    float* to = target.data + ((n * target.H + h) * target.W + w) * target.columns + column;
    const int height = int(min(2, target.H - h)), width = int(min(2, target.W - w));
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++)
            store_first(to + (i * target.W + j) * target.columns, y[i * 2 + j] + bias, lanes);
}

bool run_tiles(const Tiles& tiles, const Source& source, const float* panels, const Target& target, int64_t first,
               int64_t count) {
    const int64_t C = source.channels, row = row_of(C), place = count * row, product = count * NR;
    float* seen = scratch(Slot::rows, size_t(PLACES * place));
    float* products = scratch(Slot::output, size_t(PLACES * product));
    if (!seen || !products) return false;
    transform_tiles<4>(tiles, source, first, count, 0, C, input_line, seen, row, place);
    for (int64_t column = 0; column < target.columns; column += NR) {
        const int columns = int(min(NR, target.columns - column)), width = panel_width(columns);
        const float* panel = panels + column / NR * PLACES * C * NR;
        for (int xi = 0; xi < PLACES; xi++) {
            const Tile tile{products + xi * product, width, 0, 0, width, false};
            run_strips(C, Rows{{seen + xi * place, row, 1}, count}, panel + xi * C * width, width, tile, KEEP);
        }
        for (int64_t p = 0; p < count; p++)
            for (int v = 0; v < columns; v += W)
                store_tile(tiles, target, first + p, column + v, min(W, columns - v), products + p * width + v,
                           product);
    }
    return true;
}

bool convolve(const Tiles& tiles, const Source& source, const float* panels, const Target& target) {
    const int64_t fit = max(2, TILE_FLOATS / (PLACES * row_of(source.channels)) / MR) * MR;
    const int64_t blocks = ceil_div(tiles.count(), min(fit, MOST_TILES));
    std::atomic<bool> whole{panels && source.zeros};
    if (!whole) return false;
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = tiles.count() * i / blocks, last = tiles.count() * (i + 1) / blocks;
            if (!run_tiles(tiles, source, panels, target, first, last - first)) whole = false;
        }
    });
    return whole;
}

// --- backward weight
// ------------------------------------------------------------------------------------------------------

// A block of input channels and one of output channels, and the tiles that are summed up.
struct Block {
    int64_t c, C, o, O, begin, end;
};

// sums[place][c][o] over the block's tiles.
bool sum_tiles(const Tiles& tiles, const Source& x, const Source& grad, const Block& b, float* sums) {
    const int64_t most = 4 * MR, x_row = row_of(WEIGHT_BLOCK), grad_row = ceil_div(b.O, NR) * NR;
    float* seen = scratch(Slot::rows, size_t(PLACES * most * x_row));
    float* given = scratch(Slot::output, size_t(PLACES * most * grad_row));
    if (!seen || !given) return false;
    for (int64_t first = b.begin; first < b.end; first += most) {
        const int64_t count = min(most, b.end - first);
        transform_tiles<4>(tiles, x, first, count, b.c, b.C, input_line, seen, x_row, most * x_row);
        transform_tiles<2>(tiles, grad, first, count, b.o, b.O, output_gradient_line, given, grad_row, most * grad_row);
        for (int xi = 0; xi < PLACES; xi++)
            for (int64_t o = 0; o < b.O; o += NR) {
                const Rows rows{{seen + xi * most * x_row, 1, x_row}, b.C};
                const int columns = panel_width(b.O - o);
                const Tile tile{sums + xi * b.C * grad_row + o, grad_row, 0, 0, columns, first != b.begin};
                run_strips(count, rows, given + xi * most * grad_row + o, grad_row, tile, KEEP);
            }
    }
    return true;
}

// partial[t][c][o] = G^T sums G
void transform_sums(const Block& b, const float* sums, int64_t C, int64_t O, float* partial) {
    const int64_t row = ceil_div(b.O, NR) * NR;
    for (int64_t c = 0; c < b.C; c++)
        for (int64_t o = 0; o < b.O; o += W) {
            vf u[PLACES], g[9];
            for (int xi = 0; xi < PLACES; xi++) u[xi] = load(sums + (xi * b.C + c) * row + o);
            both_ways<4, 3>(u, g, weight_gradient_line);
            for (int t = 0; t < 9; t++)
                store_first(partial + (t * C + b.c + c) * O + b.o + o, g[t], int(min(W, b.O - o)));
        }
}

Images channels_last_images(const float* data, int64_t C, int64_t H, int64_t W) {
    return {data, H * W * C, 1, W * C, C, H, W};
}

}  // namespace

bool winograd_takes(const ConvShape& s) {
    const bool taps =
        s.KH == 3 && s.KW == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1;
    const bool size = s.C >= 32 && s.O >= 32 && s.C <= 1024 && s.O <= 1024 && s.N * s.OH * s.OW >= 16 * MR;
    return taps && size && s.groups == 1 && s.pad_h <= 2 && s.pad_w <= 2 && s.OH == s.H + 2 * s.pad_h - 2 &&
           s.OW == s.W + 2 * s.pad_w - 2;
}

bool winograd_forward(const ConvShape& s, const Images& x, const float* weight, const float* bias, float* y) {
    const Tiles tiles{s.N, ceil_div(s.OH, 2), ceil_div(s.OW, 2)};
    const float* panels = transform_weights({weight, 9, s.C * 9, 0, 1}, s.C, s.O);
    return convolve(tiles, {x, s.C, s.pad_h, s.pad_w, zeros(s.C)}, panels, {y, bias, s.OH, s.OW, s.O});
}

bool winograd_backward_input(const ConvShape& s, const float* grad, const float* weight, float* dx) {
    const Tiles tiles{s.N, ceil_div(s.H, 2), ceil_div(s.W, 2)};
    const float* panels = transform_weights({weight, s.C * 9, 9, 8, -1}, s.O, s.C);
    const Images images = channels_last_images(grad, s.O, s.OH, s.OW);
    return convolve(tiles, {images, s.O, 2 - s.pad_h, 2 - s.pad_w, zeros(s.O)}, panels, {dx, nullptr, s.H, s.W, s.C});
}

bool winograd_backward_weight(const ConvShape& s, const float* grad, const Images& x, float* dweight) {
    const Tiles tiles{s.N, ceil_div(s.OH, 2), ceil_div(s.OW, 2)};
    const float* none = zeros(max(s.C, s.O));
    const Source seen{x, s.C, s.pad_h, s.pad_w, none},
        given{channels_last_images(grad, s.O, s.OH, s.OW), s.O, 0, 0, none};
    const int64_t down = ceil_div(s.C, WEIGHT_BLOCK), across = ceil_div(s.O, WEIGHT_BLOCK), count = tiles.count();
    const int64_t ranges = max(1, min(RANGES / (down * across), count / (16 * MR))), size = 9 * s.C * s.O;
    float* partial = scratch(Slot::partial_sums, size_t(ranges * size));
    std::atomic<bool> whole{none && partial};
    if (!whole) return false;
    parallel_for(ranges * down * across, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t range = i % ranges, c = i / ranges % down * WEIGHT_BLOCK,
                          o = i / ranges / down * WEIGHT_BLOCK;
            const Block block{c,
                              min(WEIGHT_BLOCK, s.C - c),
                              o,
                              min(WEIGHT_BLOCK, s.O - o),
                              count * range / ranges,
                              count * (range + 1) / ranges};
            float* sums = scratch(Slot::panels, size_t(PLACES * WEIGHT_BLOCK * (WEIGHT_BLOCK + NR)));
            if (!sums || !sum_tiles(tiles, seen, given, block, sums))
                whole = false;
            else
                transform_sums(block, sums, s.C, s.O, partial + range * size);
        }
    });
    return sum_weight_gradients(partial, ranges, 9, s.C, s.O, dweight) && whole;
}

}  // namespace rushlight
