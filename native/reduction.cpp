// Sums, sums of squares, products, largest and smallest numbers over the middle dimension of (O, R, I): rows (I = 1),
// columns (O = 1), whole arrays. The R numbers are cut into pieces by the shape alone, and the pieces' results are
// combined in order, so the bits do not depend on threads. A piece is short enough for float32 to add up with little
// error.
#include <limits>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int64_t RANGE = 1 << 15;  // numbers worth a range of parallel_for
constexpr int64_t PIECE = 256 * W;  // of a row: no sum of more than 64 numbers in a lane
constexpr int64_t PIECE_ROWS = 128, PIECE_COLUMNS = 512;

struct Sum {
    static vf start() { return vf{}; }
    static vf combine(vf a, vf b) { return a + b; }
    static float across(vf v) { return sum(v); }
};
struct Squares : Sum {
    static vf combine(vf a, vf b) { return a + b * b; }  // of the numbers; of partial results Sum's
};
struct Product {
    static vf start() { return broadcast(1.0f); }
    static vf combine(vf a, vf b) { return a * b; }
    static float across(vf v) { return product(v); }
};
struct Max {
    static vf start() { return broadcast(-std::numeric_limits<float>::infinity()); }
    static vf combine(vf a, vf b) { return max_nan(a, b); }
    static float across(vf v) { return max(v); }
};
struct Min {
    static vf start() { return broadcast(std::numeric_limits<float>::infinity()); }
    static vf combine(vf a, vf b) { return min_nan(a, b); }
    static float across(vf v) { return -max(-v); }
};

// What joins the results of parts.
template <class Op>
struct Joining {
    using type = Op;
};
template <>
struct Joining<Squares> {
    using type = Sum;
};
template <class Op>
using Join = typename Joining<Op>::type;

// Lanes beyond the first n as if they were not there.
template <class Op>
vf load_part(const float* x, int n) {
    return n == W ? load(x) : (lanes() < n ? load_first(x, n) : Op::start());
}

template <class Op>
float reduce_piece(const float* x, int64_t n) {
    vf part[4] = {Op::start(), Op::start(), Op::start(), Op::start()};
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W)
        for (int v = 0; v < 4; v++) part[v] = Op::combine(part[v], load(x + i + v * W));
    for (; i < n; i += W) part[0] = Op::combine(part[0], load_part<Op>(x + i, int(min(W, n - i))));
    return Op::across(Join<Op>::combine(Join<Op>::combine(part[0], part[1]), Join<Op>::combine(part[2], part[3])));
}

// y[i * step] = the result over x[i], x[i + step], ..., for the columns begin .. end of `rows` rows.
template <class Op>
void reduce_columns(const float* x, int64_t rows, int64_t row, int64_t begin, int64_t end, float* y) {
    for (int64_t i = begin; i < end; i += 4 * W) {
        vf part[4] = {Op::start(), Op::start(), Op::start(), Op::start()};
        const int64_t left = min(4 * W, end - i);
        if (left == 4 * W) {
            for (int64_t r = 0; r < rows; r++)
                for (int v = 0; v < 4; v++) part[v] = Op::combine(part[v], load(x + r * row + i + v * W));
            for (int v = 0; v < 4; v++) store(y + i + v * W, part[v]);
            continue;
        }
        for (int v = 0; v * W < left; v++) {
            const int n = int(min(W, left - v * W));
            for (int64_t r = 0; r < rows; r++) part[v] = Op::combine(part[v], load_first(x + r * row + i + v * W, n));
            store_first(y + i + v * W, part[v], n);
        }
    }
}

// Rows: (O, R) -> (O).
template <class Op>
bool reduce_rows(const float* x, int64_t O, int64_t R, float* y) {
    const int64_t pieces = ceil_div(R, PIECE);
    float* partial = pieces == 1 ? y : scratch(Slot::partial_sums, size_t(O * pieces));
    if (!partial) return false;
    parallel_for(O * pieces, max(1, RANGE / min(R, PIECE)), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t from = i % pieces * PIECE;
            partial[i] = reduce_piece<Op>(x + i / pieces * R + from, min(PIECE, R - from));
        }
    });
    return pieces == 1 || reduce_rows<Join<Op>>(partial, O, pieces, y);
}

// Columns: (O, R, I) -> (O, I).
template <class Op>
bool reduce_middle(const float* x, int64_t O, int64_t R, int64_t I, float* y, Slot slot) {
    const int64_t pieces = ceil_div(R, PIECE_ROWS), blocks = ceil_div(I, PIECE_COLUMNS);
    float* partial = pieces == 1 ? y : scratch(slot, size_t(O * pieces * I));
    if (!partial) return false;
    parallel_for(O * pieces * blocks, max(1, RANGE / (min(R, PIECE_ROWS) * min(I, PIECE_COLUMNS))),
                 [=](int64_t begin, int64_t end) {
                     for (int64_t item = begin; item < end; item++) {
                         const int64_t i = item / blocks, column = item % blocks * PIECE_COLUMNS;
                         const int64_t from = i % pieces * PIECE_ROWS;
                         reduce_columns<Op>(x + (i / pieces * R + from) * I, min(PIECE_ROWS, R - from), I, column,
                                            min(I, column + PIECE_COLUMNS), partial + i * I);
                     }
                 });
    const Slot other = slot == Slot::partial_sums ? Slot::output : Slot::partial_sums;
    return pieces == 1 || reduce_middle<Join<Op>>(partial, O, pieces, I, y, other);
}

template <class Op>
bool reduce(const float* x, int64_t O, int64_t R, int64_t I, float* y) {
    return I == 1 ? reduce_rows<Op>(x, O, R, y) : reduce_middle<Op>(x, O, R, I, y, Slot::partial_sums);
}

// Rows of running sums or products, several at a time, since each waits for the one before; in double, as PyTorch's.
constexpr int TOGETHER = 8;

struct Add {
    static constexpr double start = 0;
    static void step(double& so_far, double x) { so_far += x; }
};
struct Multiply {
    static constexpr double start = 1;
    static void step(double& so_far, double x) { so_far *= x; }
};

template <class Op, int N>
void run_rows(const float* x, int64_t R, float* y) {
    double so_far[N];
    for (double& each : so_far) each = Op::start;
    for (int64_t r = 0; r < R; r++)
        for (int k = 0; k < N; k++) {
            Op::step(so_far[k], double(x[k * R + r]));
            y[k * R + r] = float(so_far[k]);
        }
}

template <class Op>
void run_columns(const float* x, int64_t R, int64_t I, int64_t begin, int64_t end, float* y) {
    double so_far[4 * W];
    for (double& each : so_far) each = Op::start;
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = begin; i < end; i++) {
            Op::step(so_far[i - begin], double(x[r * I + i]));
            y[r * I + i] = float(so_far[i - begin]);
        }
}

template <class Op>
void run(const float* x, int64_t O, int64_t R, int64_t I, float* y) {
    if (I == 1) {
        parallel_for(ceil_div(O, TOGETHER), max(1, RANGE / (TOGETHER * R)), [=](int64_t begin, int64_t end) {
            int64_t row = begin * TOGETHER;
            const int64_t last = min(O, end * TOGETHER);
            for (; row + TOGETHER <= last; row += TOGETHER) run_rows<Op, TOGETHER>(x + row * R, R, y + row * R);
            for (; row < last; row++) run_rows<Op, 1>(x + row * R, R, y + row * R);
        });
        return;
    }
    const int64_t blocks = ceil_div(I, 4 * W);
    parallel_for(O * blocks, max(1, RANGE / (4 * W * R)), [=](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; item++) {
            const int64_t from = item / blocks * R * I, column = item % blocks * 4 * W;
            run_columns<Op>(x + from, R, I, column, min(I, column + 4 * W), y + from);
        }
    });
}

}  // namespace

void running_sums(const float* x, int64_t O, int64_t R, int64_t I, float* y) { run<Add>(x, O, R, I, y); }
void running_products(const float* x, int64_t O, int64_t R, int64_t I, float* y) { run<Multiply>(x, O, R, I, y); }

bool total(const float* x, int64_t O, int64_t R, int64_t I, float* y) { return reduce<Sum>(x, O, R, I, y); }
bool squares(const float* x, int64_t O, int64_t R, int64_t I, float* y) { return reduce<Squares>(x, O, R, I, y); }
bool product(const float* x, int64_t O, int64_t R, int64_t I, float* y) { return reduce<Product>(x, O, R, I, y); }
bool largest(const float* x, int64_t O, int64_t R, int64_t I, float* y) { return reduce<Max>(x, O, R, I, y); }
bool smallest(const float* x, int64_t O, int64_t R, int64_t I, float* y) { return reduce<Min>(x, O, R, I, y); }

}  // namespace rushlight
