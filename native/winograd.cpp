// Convolution with 3 x 3 taps at stride 1 or 2 by Winograd's F(m x m, 3 x 3): each m x m tile of the output comes from
// an (m + 2) x (m + 2) tile of the input, with (m + 2)^2 products per pair of channels instead of 9 m^2. The tiles, the
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
constexpr int64_t WEIGHT_BLOCK = 64;        // channels of input and output whose gradients one range sums up
constexpr int64_t RANGES = 16;              // into which the tiles are cut for the weight's gradient, if it is small
constexpr int64_t PANEL_FLOATS = 1 << 17;   // of a panel of the transformed weight that stays in the L2 cache
constexpr int64_t MOST_SHARED_TILES = 256;  // whose products with one panel stay there, too
constexpr int64_t SHARED_FLOATS = 3 << 20;  // transformed tiles of all channels that stay in a shared cache

template <class F>
constexpr int places = F::PLACES * F::PLACES;

// --- tiles of images ------------------------------------------------------------------------------------------------

// Images cut into tiles of size x size.
struct Tiles {
    int64_t N, down, across;

    Tiles(int64_t size, int64_t images, int64_t H, int64_t W)
        : N(images), down(ceil_div(H, size)), across(ceil_div(W, size)) {}

    int64_t count() const { return N * down * across; }
};

// Places of a source image that lie outside read zeros.
struct Source {
    Images image;
    int64_t channels, pad_h, pad_w;
    const float* zeros;
};

// The size x size pixels of tile `index`, which start at step (row, column) - pad.
void find_pixels(const Tiles& tiles, const Source& source, int64_t index, int size, int step, const float** pixels) {
    const Images& image = source.image;
    const int64_t n = index / (tiles.down * tiles.across);
    const int64_t h = index / tiles.across % tiles.down * step - source.pad_h;
    const int64_t w = index % tiles.across * step - source.pad_w;
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

// Tiles of SIZE x SIZE pixels, STEP apart, each line changed to PLACES values.
template <int SIZE, int STEP, int PLACES, void (*line)(const vf*, vf*)>
void transform_tiles(const Tiles& tiles, const Source& source, const TileRange& range, const TileRows& to) {
    for (int64_t p = 0; p < range.count; p++) {
        const float* pixels[SIZE * SIZE];
        find_pixels(tiles, source, range.first + p, SIZE, STEP, pixels);
        for (int64_t c = 0; c < range.channels; c += W) {
            const int lanes = int(min(W, range.channels - c));
            float* out = to.data + p * to.row + c;
            both_ways<SIZE, PLACES, line>(
                [&](int i, int j) { return load_first(pixels[i * SIZE + j] + range.channel + c, lanes); },
                [&](int i, int j, vf v) { store(out + (i * PLACES + j) * to.place, v); });
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

// All channels of all tiles, by all threads; data is nullptr if there is no memory.
template <int SIZE, int STEP, int PLACES, void (*line)(const vf*, vf*)>
TileRows transform_all(const Tiles& tiles, const Source& source, Slot slot) {
    const int64_t count = tiles.count(), row = row_of(source.channels);
    const TileRows to{scratch(slot, size_t(PLACES * PLACES * count * row)), row, count * row};
    parallel_for(to.data ? count : 0, 1 + 16384 / (PLACES * PLACES * row), [&](int64_t begin, int64_t end) {
        const TileRows part{to.data + begin * row, row, to.place};
        transform_tiles<SIZE, STEP, PLACES, line>(tiles, source, {begin, end - begin, 0, source.channels}, part);
    });
    return to;
}

// --- the weight -----------------------------------------------------------------------------------------------------

// Taps of the pair (step, column) start at data[step * step_distance + column * column_distance]; the first one used is
// `first_tap`, the others follow forwards (1) or backwards (-1).
struct Taps {
    const float* data;
    int64_t step, column;
    int first_tap, direction;
};

// The 9 taps of `steps` steps (at most W) and `lanes` columns: to[step * 9 + tap] is a vector of columns.
void load_taps(const Taps& taps, int64_t k, int64_t steps, int64_t column, int lanes, vf* to) {
    const float* from = taps.data + k * taps.step + column * taps.column;
    float* lines = reinterpret_cast<float*>(to);
    if (taps.step == 9) return copy_transposed(from, taps.column, lanes, steps * 9, lines, W);
    for (int64_t i = 0; i < steps; i++)
        copy_transposed(from + i * taps.step, taps.column, lanes, 9, lines + i * 9 * W, W);
}

// panel[place][step][column] for the steps from k on and the columns from `column` on.
template <class F>
void transform_weight(const Taps& taps, int64_t k, int64_t steps, int64_t column, int columns, float* panel) {
    const int width = panel_width(columns);
    vf block[9 * W] = {};
    for (int v = 0; v < columns; v += W)
        for (int64_t first = 0; first < steps; first += W) {
            const int64_t some = min(W, steps - first);
            load_taps(taps, k + first, some, column + v, int(min(W, columns - v)), block);
            for (int64_t n = 0; n < some; n++) {
                const vf* given = block + n * 9 + taps.first_tap;
                both_ways<3, F::PLACES, F::weight>(
                    [&](int i, int j) { return given[(i * 3 + j) * taps.direction]; },
                    [&](int i, int j, vf u) {
                        store(panel + ((i * F::PLACES + j) * steps + first + n) * width + v, u);
                    });
            }
        }
}

template <class F>
float* transform_weights(const Taps& taps, int64_t steps, int64_t columns) {
    const int64_t panels = ceil_div(columns, NR), size = places<F> * steps * NR;
    float* packed = scratch(Slot::tiles, size_t(panels * size));
    if (!packed) return nullptr;
    parallel_for(panels, 1 + 16384 / size, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            transform_weight<F>(taps, 0, steps, i * NR, int(min(NR, columns - i * NR)), packed + i * size);
    });
    return packed;
}

// --- forward and backward input -------------------------------------------------------------------------------------

// Where the output goes: (n, h, w, column) of a dense array (N, H, W, columns). Its tiles start at -(pad_h, pad_w).
struct Target {
    float* data;
    const float* bias;
    int64_t H, W, columns, pad_h, pad_w;
};

// The outputs of one tile for the lanes from `column` on, from products[place * distance].
template <class F>
void store_tile(const Tiles& tiles, const Target& target, int64_t index, int64_t column, int lanes,
                const float* products, int64_t distance) {
    const int64_t n = index / (tiles.down * tiles.across);
    const int64_t h = index / tiles.across % tiles.down * F::OUT - target.pad_h;
    const int64_t w = index % tiles.across * F::OUT - target.pad_w;
    const vf bias = target.bias ? load_first(target.bias + column, lanes) : vf{};
    float* to = target.data + ((n * target.H + h) * target.W + w) * target.columns + column;
    both_ways<F::PLACES, F::OUT, F::output>(
        [&](int i, int j) { return load(products + (i * F::PLACES + j) * distance); },
        [&](int i, int j, vf y) {
            const bool inside = h + i >= 0 && h + i < target.H && w + j >= 0 && w + j < target.W;
            if (inside) store_first(to + (i * target.W + j) * target.columns, y + bias, lanes);
        });
}

// Some columns of the tiles first .. first + count, from products[place * distance + tile * width + column].
template <class F>
void store_tiles(const Tiles& tiles, const Target& target, int64_t first, int64_t count, int64_t column, int columns,
                 const float* products, int64_t distance) {
    for (int64_t p = 0; p < count; p++)
        for (int v = 0; v < columns; v += W)
            store_tile<F>(tiles, target, first + p, column + v, min(W, columns - v),
                          products + p * panel_width(columns) + v, distance);
}

template <class F>
bool run_tiles(const Tiles& tiles, const Source& source, const float* panels, const Target& target, int64_t first,
               int64_t count) {
    const int64_t C = source.channels, row = row_of(C), place = count * row, product = count * NR;
    float* seen = scratch(Slot::rows, size_t(places<F> * place));
    float* products = scratch(Slot::output, size_t(places<F> * product));
    if (!seen || !products) return false;
    transform_tiles<F::IN, F::STEP, F::PLACES, F::input>(tiles, source, {first, count, 0, C}, {seen, row, place});
    for (int64_t column = 0; column < target.columns; column += NR) {
        const int columns = int(min(NR, target.columns - column)), width = panel_width(columns);
        const float* panel = panels + column / NR * places<F> * C * NR;
        for (int xi = 0; xi < places<F>; xi++) {
            const Tile tile{products + xi * product, width, 0, 0, width, false};
            run_strips(C, Rows{{seen + xi * place, row, 1}, count}, panel + xi * C * width, width, tile, KEEP);
        }
        store_tiles<F>(tiles, target, first, count, column, columns, products, product);
    }
    return true;
}

// All tiles at once, panel by panel of the outputs: the weight, where it is larger than the tiles, is then transformed
// into a cache, used there and forgotten.
template <class F>
bool run_panel(const Tiles& tiles, const TileRows& seen, int64_t channels, const Taps& weight, const Target& target,
               int64_t column) {
    const int64_t count = tiles.count(), product = count * NR;
    const int64_t most = max(1, PANEL_FLOATS / (places<F> * NR) / W) * W;
    const int columns = int(min(NR, target.columns - column)), width = panel_width(columns);
    float* panel = scratch(Slot::panels, size_t(places<F> * most * NR));
    float* products = scratch(Slot::output, size_t(places<F> * product));
    if (!panel || !products) return false;
    for (int64_t k = 0; k < channels; k += most) {
        const int64_t steps = min(most, channels - k);
        transform_weight<F>(weight, k, steps, column, columns, panel);
        for (int xi = 0; xi < places<F>; xi++) {
            const Tile tile{products + xi * product, width, 0, 0, width, k > 0};
            run_strips(steps, Rows{{seen.data + xi * seen.place + k, seen.row, 1}, count}, panel + xi * steps * width,
                       width, tile, KEEP);
        }
    }
    store_tiles<F>(tiles, target, 0, count, column, columns, products, product);
    return true;
}

template <class F>
bool convolve_by_panels(const Tiles& tiles, const Source& source, const Taps& weight, const Target& target) {
    const TileRows seen = transform_all<F::IN, F::STEP, F::PLACES, F::input>(tiles, source, Slot::tiles);
    std::atomic<bool> whole{seen.data && source.zeros};
    if (!whole) return false;
    parallel_for(ceil_div(target.columns, NR), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            if (!run_panel<F>(tiles, seen, source.channels, weight, target, i * NR)) whole = false;
    });
    return whole;
}

template <class F>
bool convolve_by_tiles(const Tiles& tiles, const Source& source, const Taps& weight, const Target& target) {
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

template <class F>
bool convolve(const Tiles& tiles, const Source& source, const Taps& weight, const Target& target) {
    if (tiles.count() <= min(MOST_SHARED_TILES, target.columns))
        return convolve_by_panels<F>(tiles, source, weight, target);
    return convolve_by_tiles<F>(tiles, source, weight, target);
}

// --- backward weight ------------------------------------------------------------------------------------------------

// A block of input channels and one of output channels, and the tiles that are summed up.
struct Block {
    int64_t c, C, o, O, begin, end;
};

// The tiles of both images, transformed: of all channels and tiles, or of a block's.
struct Transformed {
    TileRows seen, given;
};

// sums[place][c][o] (+)= the products of `count` tiles, which begin at the two addresses.
template <class F>
void multiply_tiles(const Transformed& t, const float* seen, const float* given, int64_t count, const Block& b,
                    bool add, float* sums) {
    const int64_t row = ceil_div(b.O, NR) * NR;
    for (int xi = 0; xi < places<F>; xi++)
        for (int64_t o = 0; o < b.O; o += NR) {
            const Rows rows{{seen + xi * t.seen.place, 1, t.seen.row}, b.C};
            const int columns = panel_width(b.O - o);
            const Tile tile{sums + xi * b.C * row + o, row, 0, 0, columns, add};
            run_strips(count, rows, given + xi * t.given.place + o, t.given.row, tile, KEEP);
        }
}

// The sums over the block's tiles, which are transformed for it some at a time.
template <class F>
bool sum_tiles(const Tiles& tiles, const Source& x, const Source& grad, const Block& b, float* sums) {
    const int64_t most = 96 * MR / places<F>, row = row_of(WEIGHT_BLOCK);
    const Transformed t{{scratch(Slot::rows, size_t(places<F> * most * row)), row, most * row},
                        {scratch(Slot::output, size_t(places<F> * most * row)), row, most * row}};
    if (!t.seen.data || !t.given.data) return false;
    for (int64_t first = b.begin; first < b.end; first += most) {
        const int64_t count = min(most, b.end - first);
        transform_tiles<F::IN, F::STEP, F::PLACES, F::input>(tiles, x, {first, count, b.c, b.C}, t.seen);
        transform_tiles<F::OUT, F::OUT, F::PLACES, F::output_gradient>(tiles, grad, {first, count, b.o, b.O}, t.given);
        multiply_tiles<F>(t, t.seen.data, t.given.data, count, b, first != b.begin, sums);
    }
    return true;
}

// dweight[o][c][tap] = G^T sums G for the block.
template <class F>
void transform_sums(const Block& b, const float* sums, int64_t C, float* dweight) {
    const int64_t row = ceil_div(b.O, NR) * NR;
    vf block[9 * W];
    for (int64_t o = 0; o < b.O; o += W)
        for (int64_t first = 0; first < b.C; first += W) {
            const int64_t channels = min(W, b.C - first);
            for (int64_t c = 0; c < channels; c++)
                both_ways<F::PLACES, 3, F::weight_gradient>(
                    [&](int i, int j) { return load(sums + ((i * F::PLACES + j) * b.C + first + c) * row + o); },
                    [&](int i, int j, vf g) { block[c * 9 + i * 3 + j] = g; });
            copy_transposed(reinterpret_cast<float*>(block), W, channels * 9, min(W, b.O - o),
                            dweight + ((b.o + o) * C + b.c + first) * 9, C * 9);
        }
}

// total[i] = the sum of partial[range][i], in order.
void add_ranges(const float* partial, int64_t ranges, int64_t size, float* total) {
    parallel_for(size, 1 + 65536 / ranges / W * W, [=](int64_t begin, int64_t end) {
        for_vectors(begin, end, [=](int64_t, auto get, auto set) {
            vf sum = get(partial);
            for (int64_t r = 1; r < ranges; r++) sum += get(partial + r * size);
            set(total, sum);
        });
    });
}

template <class F>
bool gradient_of_weight(const ConvShape& s, const Source& seen, const Source& given, float* dweight) {
    const Tiles tiles(F::OUT, s.N, s.OH, s.OW);
    const int64_t down = ceil_div(s.C, WEIGHT_BLOCK), across = ceil_div(s.O, WEIGHT_BLOCK), count = tiles.count();
    const int64_t ranges = max(1, min(RANGES / (down * across), count / (16 * MR))), size = 9 * s.C * s.O;
    const bool shared = down * across > 1 && places<F> * count * (row_of(s.C) + row_of(s.O)) <= SHARED_FLOATS;
    float* partial = ranges == 1 ? dweight : scratch(Slot::partial_sums, size_t(ranges * size));
    Transformed all{};
    if (shared) {
        all.seen = transform_all<F::IN, F::STEP, F::PLACES, F::input>(tiles, seen, Slot::tiles);
        all.given = transform_all<F::OUT, F::OUT, F::PLACES, F::output_gradient>(tiles, given, Slot::rows);
        if (!all.seen.data || !all.given.data) return false;
    }
    std::atomic<bool> whole{partial && seen.zeros};
    if (!whole) return false;
    parallel_for(ranges * down * across, 1, [&](int64_t begin, int64_t end) {
        float* sums = scratch(Slot::panels, size_t(places<F> * WEIGHT_BLOCK * (WEIGHT_BLOCK + NR)));
        if (!sums) whole = false;
        for (int64_t i = begin; i < end && sums; i++) {
            const int64_t range = i % ranges, c = i / ranges % down * WEIGHT_BLOCK;
            const int64_t o = i / ranges / down * WEIGHT_BLOCK;
            const Block b{c,
                          min(WEIGHT_BLOCK, s.C - c),
                          o,
                          min(WEIGHT_BLOCK, s.O - o),
                          count * range / ranges,
                          count * (range + 1) / ranges};
            if (shared)
                multiply_tiles<F>(all, all.seen.data + b.begin * all.seen.row + c,
                                  all.given.data + b.begin * all.given.row + o, b.end - b.begin, b, false, sums);
            else if (!sum_tiles<F>(tiles, seen, given, b, sums))
                whole = false;
            transform_sums<F>(b, sums, s.C, partial + range * size);
        }
    });
    if (ranges > 1) add_ranges(partial, ranges, size, dweight);
    return whole;
}

Images channels_last_images(const float* data, int64_t C, int64_t H, int64_t W) {
    return {data, H * W * C, 1, W * C, C, H, W};
}

// Whether F4 needs clearly fewer products for an output of H x W: its last tiles may lie mostly outside.
bool large_tiles_pay(int64_t H, int64_t W) {
    return 1.25 * places<F4> * double(ceil_div(H, 4) * ceil_div(W, 4)) <
           places<F2> * double(ceil_div(H, 2) * ceil_div(W, 2));
}

bool is_strided(const ConvShape& s) { return s.stride_h == 2 && s.stride_w == 2; }

}  // namespace

bool winograd_takes(const ConvShape& s) {
    const bool taps = s.KH == 3 && s.KW == 3 && s.dilation_h == 1 && s.dilation_w == 1 && s.groups == 1;
    const bool size = s.C >= 32 && s.O >= 32 && s.C <= 1024 && s.O <= 1024 && s.N * s.OH * s.OW >= 16 * MR;
    const bool plain =
        s.stride_h == 1 && s.stride_w == 1 && s.OH == s.H + 2 * s.pad_h - 2 && s.OW == s.W + 2 * s.pad_w - 2;
    return taps && size && s.pad_h <= 2 && s.pad_w <= 2 && (plain || is_strided(s));
}

bool winograd_forward(const ConvShape& s, const Images& x, const float* weight, const float* bias, float* y) {
    const Source source{x, s.C, s.pad_h, s.pad_w, zeros(s.C)};
    const Taps taps{weight, 9, s.C * 9, 0, 1};
    const Tiles tiles(2, s.N, s.OH, s.OW);
    const Target target{y, bias, s.OH, s.OW, s.O, 0, 0};
    return is_strided(s) ? convolve<Strided>(tiles, source, taps, target) : convolve<F2>(tiles, source, taps, target);
}

bool winograd_backward_input(const ConvShape& s, const float* grad, const float* weight, float* dx) {
    Source source{channels_last_images(grad, s.O, s.OH, s.OW), s.O, 0, 0, zeros(s.O)};
    Target target{dx, nullptr, s.H, s.W, s.C, 0, 0};
    if (is_strided(s)) {  // tiles begin at place 1 - pad or, if that is inside the image, four before it
        source.pad_h = s.pad_h ? 0 : 2, target.pad_h = s.pad_h ? s.pad_h - 1 : 3;
        source.pad_w = s.pad_w ? 0 : 2, target.pad_w = s.pad_w ? s.pad_w - 1 : 3;
        const Tiles tiles(4, s.N, s.H + target.pad_h, s.W + target.pad_w);
        return convolve<StridedInput>(tiles, source, {weight, s.C * 9, 9, 0, 1}, target);
    }
    source.pad_h = 2 - s.pad_h, source.pad_w = 2 - s.pad_w;
    const Taps turned{weight, s.C * 9, 9, 8, -1};
    if (large_tiles_pay(s.H, s.W)) return convolve<F4>({4, s.N, s.H, s.W}, source, turned, target);
    return convolve<F2>({2, s.N, s.H, s.W}, source, turned, target);
}

bool winograd_backward_weight(const ConvShape& s, const float* grad, const Images& x, float* dweight) {
    const float* none = zeros(max(s.C, s.O));
    const Source seen{x, s.C, s.pad_h, s.pad_w, none};
    const Source given{channels_last_images(grad, s.O, s.OH, s.OW), s.O, 0, 0, none};
    if (is_strided(s)) return gradient_of_weight<Strided>(s, seen, given, dweight);
    if (large_tiles_pay(s.OH, s.OW)) return gradient_of_weight<F4>(s, seen, given, dweight);
    return gradient_of_weight<F2>(s, seen, given, dweight);
}

}  // namespace rushlight
