// Layer and RMS norm over rows, batch norm over the columns of a channels-last image (or of a matrix), group norm over
// columns of each image. Sums of many terms are
// taken in blocks of few rows in float and added up in double, relative to a pivot: a plain running sum loses digits.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

// Rows for one range of a reduction over R rows of C columns: at most 32 ranges, each worth its start.
int64_t reduction_grain(int64_t R, int64_t C) {
    const int64_t worth = (1 << 15) / (C + 1) + 1, share = (R + 31) / 32;
    return std::max(worth, share);
}

}  // namespace

void layer_norm_forward(const float* x, const float* weight, const float* bias, float eps, int64_t R, int64_t C,
                        float* y, float* mean, float* rstd) {
    parallel_for(R, (1 << 14) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            const float* row = x + r * C;
            vf total{};
            for_vectors(C, [&](int64_t, auto get, auto) { total += get(row); });
            const float middle = sum(total) / float(C);
            double squares = 0;
            for (int64_t c = 0; c < C; c += 64 * W) {  // blocks, for the same reason as in batch norm
                vf block{};
                const int64_t n = std::min<int64_t>(64 * W, C - c);
                for_vectors(n, [&](int64_t i, auto get, auto) {
                    vf d = get(row + c) - middle;
                    if (i + W > n) d = to_float(lanes() < int32_t(n - i) ? vi{} + 1 : vi{}) * d;
                    block += d * d;
                });
                squares += sum(block);
            }
            const float scale = float(1.0 / std::sqrt(squares / double(C) + double(eps)));
            for_vectors(C, [&](int64_t, auto get, auto set) {
                vf v = (get(row) - middle) * scale;
                if (weight) v = v * get(weight);
                if (bias) v = v + get(bias);
                set(y + r * C, v);
            });
            mean[r] = middle;
            rstd[r] = scale;
        }
    });
}

void layer_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* rstd,
                         int64_t R, int64_t C, float* dx, float* dweight, float* dbias) {
    const int64_t grain = reduction_grain(R, C), ranges = (R + grain - 1) / grain;
    std::vector<float> partial(size_t(ranges * 2 * C), 0.0f);
    parallel_for(R, grain, [&](int64_t begin, int64_t end) {
        float *dw = partial.data() + begin / grain * 2 * C, *db = dw + C;
        for (int64_t r = begin; r < end; r++) {
            const float *row = x + r * C, *g = grad + r * C;
            const float middle = mean[r], scale = rstd[r];
            vf shift{}, slope{};
            for_vectors(C, [&](int64_t, auto get, auto set) {
                const vf up = get(g), xhat = (get(row) - middle) * scale, w = weight ? up * get(weight) : up;
                set(dw, get(dw) + up * xhat);
                set(db, get(db) + up);
                shift += w;
                slope += w * xhat;
            });
            const float a = sum(shift) / float(C), b = sum(slope) / float(C);
            for_vectors(C, [&](int64_t, auto get, auto set) {
                const vf xhat = (get(row) - middle) * scale, w = weight ? get(g) * get(weight) : get(g);
                set(dx + r * C, scale * (w - a - xhat * b));
            });
        }
    });
    for (int64_t c = 0; c < C; c++) {
        double w = 0, b = 0;
        for (int64_t k = 0; k < ranges; k++)
            w += partial[size_t(k * 2 * C + c)], b += partial[size_t((k * 2 + 1) * C + c)];
        dweight[c] = float(w);
        dbias[c] = float(b);
    }
}

namespace {

constexpr int64_t block_rows = 32;

// For each column of R x C rows the sums over rows of two vectors that `terms(row, column, get)` gives, in double.
template <class Terms>
void column_pair_sums(int64_t R, int64_t C, double* first, double* second, const Terms& terms) {
    const int64_t grain = reduction_grain(R, C), ranges = (R + grain - 1) / grain;
    std::vector<double> partial(size_t(ranges * 2 * C), 0.0);
    parallel_for(R, grain, [&](int64_t begin, int64_t end) {
        double *a = partial.data() + begin / grain * 2 * C, *b = a + C;
        for (int64_t top = begin; top < end; top += block_rows)
            for_vectors(C, [&](int64_t c, auto get, auto) {
                vf sum_a{}, sum_b{};
                for (int64_t r = top; r < std::min(top + block_rows, end); r++) terms(r, get, sum_a, sum_b);
                for (int i = 0; i < W && c + i < C; i++) a[c + i] += double(sum_a[i]), b[c + i] += double(sum_b[i]);
            });
    });
    for (int64_t c = 0; c < C; c++) {
        first[c] = second[c] = 0;
        for (int64_t k = 0; k < ranges; k++)
            first[c] += partial[size_t(k * 2 * C + c)], second[c] += partial[size_t((k * 2 + 1) * C + c)];
    }
}

// y[r, c] = (x[r, c] - mean[c]) * scale[c] + shift[c]
void normalise_rows(const float* x, const float* mean, const float* scale, const float* shift, int64_t R, int64_t C,
                    float* y) {
    parallel_for(R, (1 << 14) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            for_vectors(C, [&](int64_t, auto get, auto set) {
                set(y + r * C, (get(x + r * C) - get(mean)) * get(scale) + get(shift));
            });
    });
}

// dx[r, c] = grad[r, c] * scale[c] - shift[c] - (x[r, c] - mean[c]) * slope[c]
void differentiate_rows(const float* grad, const float* x, const float* mean, const float* scale, const float* shift,
                        const float* slope, int64_t R, int64_t C, float* dx) {
    parallel_for(R, (1 << 14) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            for_vectors(C, [&](int64_t, auto get, auto set) {
                const vf centred = get(x + r * C) - get(mean);
                set(dx + r * C, get(grad + r * C) * get(scale) - get(shift) - centred * get(slope));
            });
    });
}

}  // namespace

void batch_norm_statistics(const float* x, int64_t R, int64_t C, float* mean, float* var) {
    std::vector<double> sums(size_t(2 * C));
    column_pair_sums(R, C, sums.data(), sums.data() + C, [=](int64_t r, auto get, vf& a, vf& b) {
        const vf d = get(x + r * C) - get(x);  // relative to the first row
        a += d;
        b += d * d;
    });
    for (int64_t c = 0; c < C; c++) {
        const double shift = sums[size_t(c)] / double(R), spread = sums[size_t(C + c)] / double(R) - shift * shift;
        mean[c] = float(double(x[c]) + shift);
        var[c] = spread < 0 ? 0.0f : float(spread);  // NaN stays NaN
    }
}

void batch_norm_apply(const float* x, const float* mean, const float* var, const float* weight, const float* bias,
                      float eps, int64_t R, int64_t C, float* y) {
    std::vector<float> scale(static_cast<size_t>(C)), shift(static_cast<size_t>(C));
    for (int64_t c = 0; c < C; c++) {
        const double rstd = 1.0 / std::sqrt(double(var[c]) + double(eps));
        scale[size_t(c)] = float(weight ? double(weight[c]) * rstd : rstd);
        shift[size_t(c)] = bias ? bias[c] : 0.0f;
    }
    normalise_rows(x, mean, scale.data(), shift.data(), R, C, y);
}

void batch_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* var,
                         float eps, int64_t R, int64_t C, float* dx, float* dweight, float* dbias) {
    std::vector<float> inverse(static_cast<size_t>(C)), table(size_t(3 * C));
    for (int64_t c = 0; c < C; c++) inverse[size_t(c)] = float(1.0 / std::sqrt(double(var[c]) + double(eps)));
    const float* rstd = inverse.data();
    std::vector<double> sums(size_t(2 * C));
    column_pair_sums(R, C, sums.data(), sums.data() + C, [=](int64_t r, auto get, vf& a, vf& b) {
        const vf g = get(grad + r * C);
        a += g;
        b += g * ((get(x + r * C) - get(mean)) * get(rstd));
    });
    float *scale = table.data(), *shift = scale + C, *slope = shift + C;
    for (int64_t c = 0; c < C; c++) {
        dbias[c] = float(sums[size_t(c)]);
        dweight[c] = float(sums[size_t(C + c)]);
        scale[c] = (weight ? weight[c] : 1.0f) * rstd[c];
        shift[c] = scale[c] * float(sums[size_t(c)] / double(R));
        slope[c] = scale[c] * float(sums[size_t(C + c)] / double(R)) * rstd[c];
    }
    differentiate_rows(grad, x, mean, scale, shift, slope, R, C, dx);
}

// --- group norm ------------------------------------------------------------------------------------------------------

namespace {

// What normalises one image: for each channel the mean of its group and weight / sqrt(var + eps).
struct Table {
    std::vector<float> values;
    float *mean, *scale, *shift, *slope;

    explicit Table(int64_t C)
        : values(size_t(4 * C), 0.0f), mean(values.data()), scale(mean + C), shift(scale + C), slope(shift + C) {}
};

// Mean and 1 / sqrt(variance + eps) of each group of C / G columns of x (R, C).
void group_statistics(const float* x, int64_t R, int64_t C, int64_t G, float eps, float* mean, float* rstd) {
    std::vector<double> sums(size_t(2 * C));
    column_pair_sums(R, C, sums.data(), sums.data() + C, [=](int64_t r, auto get, vf& a, vf& b) {
        const vf d = get(x + r * C) - get(x);  // relative to the first row
        a += d;
        b += d * d;
    });
    const int64_t width = C / G;
    for (int64_t g = 0; g < G; g++) {
        double middle = 0, spread = 0;
        for (int64_t c = g * width; c < (g + 1) * width; c++)
            middle += (double(x[c]) + sums[size_t(c)] / double(R)) / double(width);
        for (int64_t c = g * width; c < (g + 1) * width; c++) {
            const double shift = sums[size_t(c)] / double(R), apart = double(x[c]) + shift - middle;
            spread += sums[size_t(C + c)] / double(R) - shift * shift + apart * apart;
        }
        const double var = spread / double(width);
        mean[g] = float(middle);
        rstd[g] = float(1.0 / std::sqrt((var < 0 ? 0.0 : var) + double(eps)));
    }
}

}  // namespace

void group_norm_forward(const float* x, const float* weight, const float* bias, float eps, int64_t N, int64_t R,
                        int64_t C, int64_t G, float* y, float* mean, float* rstd) {
    parallel_for(N, (1 << 14) / (R * C) + 1, [=](int64_t begin, int64_t end) {
        Table table(C);
        for (int64_t n = begin; n < end; n++) {
            group_statistics(x + n * R * C, R, C, G, eps, mean + n * G, rstd + n * G);
            for (int64_t c = 0; c < C; c++) {
                const int64_t g = n * G + c / (C / G);
                table.mean[c] = mean[g];
                table.scale[c] = weight ? weight[c] * rstd[g] : rstd[g];
                table.shift[c] = bias ? bias[c] : 0.0f;
            }
            normalise_rows(x + n * R * C, table.mean, table.scale, table.shift, R, C, y + n * R * C);
        }
    });
}

void group_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* rstd,
                         int64_t N, int64_t R, int64_t C, int64_t G, float* dx, float* dweight, float* dbias) {
    std::vector<double> all_sums(size_t(N * 2 * C));  // of grad and of grad * xhat, for each image
    parallel_for(N, (1 << 14) / (R * C) + 1, [&](int64_t begin, int64_t end) {
        Table table(C);
        for (int64_t n = begin; n < end; n++) {
            const float *g = grad + n * R * C, *in = x + n * R * C, *middle = table.mean;
            double *first = all_sums.data() + n * 2 * C, *second = first + C;
            const int64_t width = C / G;
            for (int64_t c = 0; c < C; c++) table.mean[c] = mean[n * G + c / width];
            column_pair_sums(R, C, first, second, [=](int64_t r, auto get, vf& a, vf& b) {
                const vf up = get(g + r * C);
                a += up;
                b += up * (get(in + r * C) - get(middle));
            });
            for (int64_t k = 0; k < G; k++) {
                double a = 0, b = 0;
                const double scale = double(rstd[n * G + k]), count = double(R * width);
                for (int64_t c = k * width; c < (k + 1) * width; c++) {
                    second[c] *= scale;
                    a += first[c] * (weight ? double(weight[c]) : 1.0);
                    b += second[c] * (weight ? double(weight[c]) : 1.0);
                }
                for (int64_t c = k * width; c < (k + 1) * width; c++) {
                    table.scale[c] = float(weight ? double(weight[c]) * scale : scale);
                    table.shift[c] = float(scale * a / count);
                    table.slope[c] = float(scale * scale * b / count);
                }
            }
            differentiate_rows(g, in, table.mean, table.scale, table.shift, table.slope, R, C, dx + n * R * C);
        }
    });
    for (int64_t c = 0; c < C; c++) {
        double a = 0, b = 0;
        for (int64_t n = 0; n < N; n++)
            a += all_sums[size_t(n * 2 * C + c)], b += all_sums[size_t((n * 2 + 1) * C + c)];
        dbias[c] = float(a);
        dweight[c] = float(b);
    }
}

// --- RMS norm --------------------------------------------------------------------------------------------------------

void rms_norm_forward(const float* x, const float* weight, float eps, int64_t R, int64_t C, float* y, float* rstd) {
    parallel_for(R, (1 << 14) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            const float* row = x + r * C;
            double squares = 0;
            for (int64_t c = 0; c < C; c += 64 * W) {  // in blocks: a long running sum loses digits
                vf block{};
                for_vectors(std::min<int64_t>(64 * W, C - c),
                            [&](int64_t, auto get, auto) { block += get(row + c) * get(row + c); });
                squares += double(sum(block));
            }
            const float scale = float(1.0 / std::sqrt(squares / double(C) + double(eps)));
            for_vectors(C, [&](int64_t, auto get, auto set) {
                const vf v = get(row) * scale;
                set(y + r * C, weight ? v * get(weight) : v);
            });
            rstd[r] = scale;
        }
    });
}

void rms_norm_backward(const float* grad, const float* x, const float* weight, const float* rstd, int64_t R, int64_t C,
                       float* dx, float* dweight) {
    const int64_t grain = reduction_grain(R, C), ranges = (R + grain - 1) / grain;
    std::vector<float> partial(size_t(ranges * C), 0.0f);
    parallel_for(R, grain, [&](int64_t begin, int64_t end) {
        float* dw = partial.data() + begin / grain * C;
        for (int64_t r = begin; r < end; r++) {
            const float *row = x + r * C, *g = grad + r * C, scale = rstd[r];
            vf total{};
            for_vectors(C, [&](int64_t, auto get, auto set) {
                const vf up = get(g), xhat = get(row) * scale;
                set(dw, get(dw) + up * xhat);
                total += (weight ? up * get(weight) : up) * xhat;
            });
            const float slope = sum(total) / float(C);
            for_vectors(C, [&](int64_t, auto get, auto set) {
                const vf w = weight ? get(g) * get(weight) : get(g);
                set(dx + r * C, scale * (w - get(row) * scale * slope));
            });
        }
    });
    for (int64_t c = 0; c < C; c++) {
        double w = 0;
        for (int64_t k = 0; k < ranges; k++) w += double(partial[size_t(k * C + c)]);
        dweight[c] = float(w);
    }
}

}  // namespace rushlight
