// Convolution with 3 x 3 taps at stride 1 by Winograd's F(m x m, 3 x 3): each m x m tile of the output comes from an
// (m + 2) x (m + 2) tile of the input, with (m + 2)^2 products per pair of channels instead of 9 m^2. The tiles, the
// weight and the products are changed to and from a space in which convolution is one product per place of the tile,
//
//     y = A^T [(G g G^T) * (B^T d B)] A
//
// so the sum over channels is (m + 2)^2 matrix products (tiles, C) x (C, O), done by the micro-kernel of gemm. The
// gradients come from the same formula: the input's is the convolution of the output's gradient with the weight turned
// by 180 degrees; the weight's is G^T [sum over tiles of (B^T d B) * (A dy A^T)] G.
//
// The forward pass takes m = 2. Its errors decide which side of 0 a value falls on, and so which gradients a ReLU lets
// through; those of the gradients themselves only add up, so there m is 4 where that saves products.
//
// Source: Winograd 1980; Lavin, Gray 2015, arXiv:1509.09308, section 4.1.
#include <atomic>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"
#include "winograd_schemes.h"

namespace rushlight {
namespace {

constexpr int64_t TILE_FLOATS = 1 << 17;  // transformed tiles that stay in the L2 cache
constexpr int64_t MOST_TILES = 8 * MR;
constexpr int64_t WEIGHT_BLOCK = 64;  // channels of input and output whose gradients one range sums up
constexpr int64_t RANGES = 16;        // into which the tiles are cut for the weight's gradient, if it is small

template <class F>
constexpr int places = F::IN * F::IN;

// --- tiles of images ------------------------------------------------------------------------------------------------

// Images cut into tiles of m x m of the output; (h, w) of the source is seen shifted by -pad.
struct Tiles {
    int64_t m, N, down, across;

    Tiles(int64_t size, int64_t images, int64_t H, int64_t W)
        : m(size), N(images), down(ceil_div(H, size)), across(ceil_div(W, size)) {}

    int64_t count() const { return N * down * across; }
};

// Places of a source image that lie outside read zeros.
struct Source {
    Images image;
    int64_t channels, pad_h, pad_w;
    const float* zeros;
};

// The size x size pixels of tile `index`, which start at m (row, column) - pad.
void find_pixels(const Tiles& tiles, const Source& source, int64_t index, int size, const float** pixels) {
    const Images& image = source.image;
    const int64_t n = index / (tiles.down * tiles.across);
    const int64_t h = index / tiles.across % tiles.down * tiles.m - source.pad_h;
    const int64_t w = index % tiles.across * tiles.m - source.pad_w;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            const bool inside = h + i >= 0 && h + i < image.H && w + j >= 0 && w + j < image.W;
            pixels[i * size + j] =
                inside ? image.data + n * image.n + (h + i) * image.h + (w + j) * image.w : source.zeros;
        }
}

// Some channels of some tiles, and where they go: to[place * place_step + tile * row + channel].
struct TileRange {
    int64_t first, count, channel, channels;
};
struct TileRows {
    float* data;
    int64_t row, place;
};

// Tiles of SIZE x SIZE pixels, each line changed to IN values.
template <int SIZE, int IN, void (*line)(const vf*, vf*)>
void transform_tiles(const Tiles& tiles, const Source& source, const TileRange& range, const TileRows& to) {
    for (int64_t p = 0; p < range.count; p++) {
        const float* pixels[SIZE * SIZE];
        find_pixels(tiles, source, range.first + p, SIZE, pixels);
        for (int64_t c = 0; c < range.channels; c += W) {
            const int lanes = int(min(W, range.channels - c));
            float* out = to.data + p * to.row + c;
            both_ways<SIZE, IN, line>(
                [&](int i, int j) { return load_first(pixels[i * SIZE + j] + range.channel + c, lanes); },
                [&](int i, int j, vf v) { store(out + (i * IN + j) * to.place, v); });
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

// --- the weight -----------------------------------------------------------------------------------------------------

// Taps of the pair (step, column) start at data[step * step_distance + column * column_distance]; the first one used is
// `first_tap`, the others follow forwards (1) or backwards (-1).
struct Taps {
    const float* data;
    int64_t step, column;
    int first_tap, direction;
};

// panel[place][step][column] for the columns from `column` on.
template <class F>
void transform_weight(const Taps& taps, int64_t steps, int64_t column, int columns, float* panel) {
    const int width = panel_width(columns);
    for (int64_t k = 0; k < steps; k++)
        for (int v = 0; v < columns; v += W) {
            vf block[W > 9 ? W : 9], given[W];
            const float* from = taps.data + k * taps.step + (column + v) * taps.column;
            for (int t = 0; t < 9; t += W) {
                load_transposed(from + t, taps.column, min(W, columns - v), min(W, 9 - t), given);
                for (int i = 0; i < min(W, 9 - t); i++) block[t + i] = given[i];
            }
            both_ways<3, F::IN, F::weight>(
                [&](int i, int j) { return block[taps.first_tap + (i * 3 + j) * taps.direction]; },
                [&](int i, int j, vf u) { store(panel + ((i * F::IN + j) * steps + k) * width + v, u); });
        }
}

template <class F>
float* transform_weights(const Taps& taps, int64_t steps, int64_t columns) {
    const int64_t panels = ceil_div(columns, NR), size = places<F> * steps * NR;
    float* packed = scratch(Slot::tiles, size_t(panels * size));
    if (!packed) return nullptr;
    parallel_for(panels, 1 + 16384 / size, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            transform_weight<F>(taps, steps, i * NR, int(min(NR, columns - i * NR)), packed + i * size);
    });
    return packed;
}

// --- forward and backward input -------------------------------------------------------------------------------------

// Where the output goes: (n, h, w, column) of a dense array (N, H, W, columns).
struct Target {
    float* data;
    const float* bias;
    int64_t H, W, columns;
};

// The outputs of one tile for the lanes from `column` on, from products[place * distance].
template <class F>
void store_tile(const Tiles& tiles, const Target& target, int64_t index, int64_t column, int lanes,
                const float* products, int64_t distance) {
    const int64_t n = index / (tiles.down * tiles.across);
    const int64_t h = index / tiles.across % tiles.down * F::OUT, w = index % tiles.across * F::OUT;
    const vf bias = target.bias ? load_first(target.bias + column, lanes) : vf{};
    float* to = target.data + ((n * target.H + h) * target.W + w) * target.columns + column;
    const int height = int(min(F::OUT, target.H - h)), width = int(min(F::OUT, target.W - w));
    both_ways<F::IN, F::OUT, F::output>([&](int i, int j) { return load(products + (i * F::IN + j) * distance); },
                                        [&](int i, int j, vf y) {
                                            float* pixel = to + (i * target.W + j) * target.columns;
                                            if (i < height && j < width) store_first(pixel, y + bias, lanes);
                                        });
}

template <class F>
bool run_tiles(const Tiles& tiles, const Source& source, const float* panels, const Target& target, int64_t first,
               int64_t count) {
    const int64_t C = source.channels, row = row_of(C), place = count * row, product = count * NR;
    float* seen = scratch(Slot::rows, size_t(places<F> * place));
    float* products = scratch(Slot::output, size_t(places<F> * product));
    if (!seen || !products) return false;
    transform_tiles<F::IN, F::IN, F::input>(tiles, source, {first, count, 0, C}, {seen, row, place});
    for (int64_t column = 0; column < target.columns; column += NR) {
        const int columns = int(min(NR, target.columns - column)), width = panel_width(columns);
        const float* panel = panels + column / NR * places<F> * C * NR;
        for (int xi = 0; xi < places<F>; xi++) {
            const Tile tile{products + xi * product, width, 0, 0, width, false};
            run_strips(C, Rows{{seen + xi * place, row, 1}, count}, panel + xi * C * width, width, tile, KEEP);
        }
        for (int64_t p = 0; p < count; p++)
            for (int v = 0; v < columns; v += W)
                store_tile<F>(tiles, target, first + p, column + v, min(W, columns - v), products + p * width + v,
                              product);
    }
    return true;
}

template <class F>
bool convolve(const Tiles& tiles, const Source& source, const Taps& weight, const Target& target) {
    const float* panels = transform_weights<F>(weight, source.channels, target.columns);
    const int64_t fit = max(2, TILE_FLOATS / (places<F> * row_of(source.channels)) / MR) * MR;
    const int64_t blocks = ceil_div(tiles.count(), min(fit, MOST_TILES));
    std::atomic<bool> whole{panels && source.zeros};
    if (!whole) return false;
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = tiles.count() * i / blocks, last = tiles.count() * (i + 1) / blocks;
            if (!run_tiles<F>(tiles, source, panels, target, first, last - first)) whole = false;
        }
    });
    return whole;
}

// --- backward weight ------------------------------------------------------------------------------------------------

// A block of input channels and one of output channels, and the tiles that are summed up.
struct Block {
    int64_t c, C, o, O, begin, end;
};

// sums[place][c][o] over the block's tiles.
template <class F>
bool sum_tiles(const Tiles& tiles, const Source& x, const Source& grad, const Block& b, float* sums) {
    const int64_t most = 96 * MR / places<F>, x_row = row_of(WEIGHT_BLOCK), grad_row = ceil_div(b.O, NR) * NR;
    const TileRows seen{scratch(Slot::rows, size_t(places<F> * most * x_row)), x_row, most * x_row};
    const TileRows given{scratch(Slot::output, size_t(places<F> * most * grad_row)), grad_row, most * grad_row};
    if (!seen.data || !given.data) return false;
    for (int64_t first = b.begin; first < b.end; first += most) {
        const int64_t count = min(most, b.end - first);
        transform_tiles<F::IN, F::IN, F::input>(tiles, x, {first, count, b.c, b.C}, seen);
        transform_tiles<F::OUT, F::IN, F::output_gradient>(tiles, grad, {first, count, b.o, b.O}, given);
        for (int xi = 0; xi < places<F>; xi++)
            for (int64_t o = 0; o < b.O; o += NR) {
                const Rows rows{{seen.data + xi * seen.place, 1, x_row}, b.C};
                const int columns = panel_width(b.O - o);
                const Tile tile{sums + xi * b.C * grad_row + o, grad_row, 0, 0, columns, first != b.begin};
                run_strips(count, rows, given.data + xi * given.place + o, grad_row, tile, KEEP);
            }
    }
    return true;
}

// partial[t][c][o] = G^T sums G
template <class F>
void transform_sums(const Block& b, const float* sums, int64_t C, int64_t O, float* partial) {
    const int64_t row = ceil_div(b.O, NR) * NR;
    for (int64_t c = 0; c < b.C; c++)
        for (int64_t o = 0; o < b.O; o += W) {
            const int lanes = int(min(W, b.O - o));
            both_ways<F::IN, 3, F::weight_gradient>(
                [&](int i, int j) { return load(sums + ((i * F::IN + j) * b.C + c) * row + o); },
                [&](int i, int j, vf g) {
                    store_first(partial + ((i * 3 + j) * C + b.c + c) * O + b.o + o, g, lanes);
                });
        }
}

template <class F>
bool gradient_of_weight(const ConvShape& s, const Source& seen, const Source& given, float* dweight) {
    const Tiles tiles(F::OUT, s.N, s.OH, s.OW);
    const int64_t down = ceil_div(s.C, WEIGHT_BLOCK), across = ceil_div(s.O, WEIGHT_BLOCK), count = tiles.count();
    const int64_t ranges = max(1, min(RANGES / (down * across), count / (16 * MR))), size = 9 * s.C * s.O;
    float* partial = scratch(Slot::partial_sums, size_t(ranges * size));
    std::atomic<bool> whole{partial && seen.zeros};
    if (!whole) return false;
    parallel_for(ranges * down * across, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t range = i % ranges, c = i / ranges % down * WEIGHT_BLOCK;
            const int64_t o = i / ranges / down * WEIGHT_BLOCK;
            const Block block{c,
                              min(WEIGHT_BLOCK, s.C - c),
                              o,
                              min(WEIGHT_BLOCK, s.O - o),
                              count * range / ranges,
                              count * (range + 1) / ranges};
            float* sums = scratch(Slot::panels, size_t(places<F> * WEIGHT_BLOCK * (WEIGHT_BLOCK + NR)));
            if (!sums || !sum_tiles<F>(tiles, seen, given, block, sums))
                whole = false;
            else
                transform_sums<F>(block, sums, s.C, s.O, partial + range * size);
        }
    });
    return sum_weight_gradients(partial, ranges, 9, s.C, s.O, dweight) && whole;
}

Images channels_last_images(const float* data, int64_t C, int64_t H, int64_t W) {
    return {data, H * W * C, 1, W * C, C, H, W};
}

// Whether F4 needs clearly fewer products for an output of H x W: its last tiles may lie mostly outside.
bool large_tiles_pay(int64_t H, int64_t W) {
    return 1.25 * places<F4> * double(ceil_div(H, 4) * ceil_div(W, 4)) <
           places<F2> * double(ceil_div(H, 2) * ceil_div(W, 2));
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
    const Source source{x, s.C, s.pad_h, s.pad_w, zeros(s.C)};
    return convolve<F2>({2, s.N, s.OH, s.OW}, source, {weight, 9, s.C * 9, 0, 1}, {y, bias, s.OH, s.OW, s.O});
}

bool winograd_backward_input(const ConvShape& s, const float* grad, const float* weight, float* dx) {
    const Source source{channels_last_images(grad, s.O, s.OH, s.OW), s.O, 2 - s.pad_h, 2 - s.pad_w, zeros(s.O)};
    const Taps taps{weight, s.C * 9, 9, 8, -1};
    const Target target{dx, nullptr, s.H, s.W, s.C};
    if (large_tiles_pay(s.H, s.W)) return convolve<F4>({4, s.N, s.H, s.W}, source, taps, target);
    return convolve<F2>({2, s.N, s.H, s.W}, source, taps, target);
}

bool winograd_backward_weight(const ConvShape& s, const float* grad, const Images& x, float* dweight) {
    const float* none = zeros(max(s.C, s.O));
    const Source seen{x, s.C, s.pad_h, s.pad_w, none};
    const Source given{channels_last_images(grad, s.O, s.OH, s.OW), s.O, 0, 0, none};
    if (large_tiles_pay(s.OH, s.OW)) return gradient_of_weight<F4>(s, seen, given, dweight);
    return gradient_of_weight<F2>(s, seen, given, dweight);
}

}  // namespace rushlight
