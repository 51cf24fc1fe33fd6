// Layer and RMS norm over rows; batch norm over the channels of images, group norm over some channels of each image.
// Sums of many terms are taken in blocks of few vectors in float and added up in double, relative to a pivot: a plain
// running sum loses digits.
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

namespace {

constexpr int64_t LONG = 4096;  // columns from which partial sums of them cost more than a second pass over the rows

// Rows are summed first, then columns in blocks that stay in L1.
void long_rows_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* rstd,
                        int64_t R, int64_t C, float* dx, float* dweight, float* dbias) {
    std::vector<float> shifts(static_cast<size_t>(R)), slopes(static_cast<size_t>(R));
    parallel_for(R, 1 + (1 << 15) / C, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            vf shift{}, slope{};
            for_vectors(C, [&](int64_t, auto get, auto) {
                const vf xhat = (get(x + r * C) - mean[r]) * rstd[r];
                const vf w = weight ? get(grad + r * C) * get(weight) : get(grad + r * C);
                shift += w;
                slope += w * xhat;
            });
            shifts[size_t(r)] = sum(shift) / float(C), slopes[size_t(r)] = sum(slope) / float(C);
        }
    });
    parallel_for(ceil_div(C, LONG / 4), 1 + (1 << 15) / (R * LONG / 4), [&](int64_t begin, int64_t end) {
        for_vectors(begin * (LONG / 4), min(end * (LONG / 4), C), [&](int64_t, auto get, auto set) {
            vf dw{}, db{};
            for (int64_t r = 0; r < R; r++) {
                const vf up = get(grad + r * C), xhat = (get(x + r * C) - mean[r]) * rstd[r];
                const vf w = weight ? up * get(weight) : up;
                dw += up * xhat;
                db += up;
                set(dx + r * C, rstd[r] * (w - shifts[size_t(r)] - xhat * slopes[size_t(r)]));
            }
            set(dweight, dw);
            set(dbias, db);
        });
    });
}

}  // namespace

void layer_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* rstd,
                         int64_t R, int64_t C, float* dx, float* dweight, float* dbias) {
    if (C >= LONG && R <= C / 16) return long_rows_backward(grad, x, weight, mean, rstd, R, C, dx, dweight, dbias);
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

constexpr int64_t block_rows = 32;  // vectors that are added up in float
constexpr int64_t worth = 1 << 14;  // elements worth a range

// Formulas on images are written once for both layouts: `at(p)` reads a vector of the array p, of channels of one pixel
// or of pixels of one channel; `channel(p)` reads what p holds for these channels; `put(p, v)` writes.

// f(at, channel, put) on all of the images.
template <class F>
void map_images(const ImageShape& s, const F& f) {
    if (s.planes)
        return parallel_for(s.N * s.C, worth / (s.L + 1) + 1, [=](int64_t begin, int64_t end) {
            for (int64_t plane = begin; plane < end; plane++)
                for_vectors(plane * s.L, (plane + 1) * s.L, [&](int64_t, auto get, auto set) {
                    f(get, [=](const float* p) { return broadcast(p[plane % s.C]); }, set);
                });
        });
    parallel_for(s.N * s.L, worth / (s.C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            for_vectors(s.C, [&](int64_t, auto get, auto set) {
                f([=](const float* p) { return get(p + r * s.C); }, get, [=](float* p, vf v) { set(p + r * s.C, v); });
            });
    });
}

// first[c], second[c] = sums over a plane (c of one image) of the two vectors that terms(at, channel, a, b) adds.
template <class Terms>
void plane_pair_sums(const ImageShape& s, int64_t plane, double* first, double* second, const Terms& terms) {
    const int64_t start = plane * s.L, end = start + s.L;
    const auto channel = [=](const float* p) { return broadcast(p[plane % s.C]); };
    *first = *second = 0;
    for (int64_t from = start; from < end; from += block_rows * W) {
        vf a{}, b{}, tail_a{}, tail_b{};
        const int64_t to = min(from + block_rows * W, end);
        for_vectors(from, to, [&](int64_t i, auto get, auto) {
            i + W <= to ? terms(get, channel, a, b) : terms(get, channel, tail_a, tail_b);
        });
        *first += double(sum(a)), *second += double(sum(b));
        for (int i = 0; i < (to - from) % W; i++) *first += double(tail_a[i]), *second += double(tail_b[i]);
    }
}

// The same over all images, for each channel.
template <class Terms>
void channel_pair_sums(const ImageShape& s, double* first, double* second, const Terms& terms) {
    const int64_t R = s.N * s.L, grain = reduction_grain(R, s.C);
    const int64_t parts = s.planes ? s.N : (R + grain - 1) / grain;
    std::vector<double> partial(size_t(parts * 2 * s.C), 0.0);
    if (s.planes)
        parallel_for(s.N * s.C, worth / (s.L + 1) + 1, [&](int64_t begin, int64_t end) {
            for (int64_t plane = begin; plane < end; plane++) {
                double* sums = partial.data() + plane / s.C * 2 * s.C + plane % s.C;
                plane_pair_sums(s, plane, sums, sums + s.C, terms);
            }
        });
    else
        parallel_for(R, grain, [&](int64_t begin, int64_t end) {
            double *a = partial.data() + begin / grain * 2 * s.C, *b = a + s.C;
            for (int64_t top = begin; top < end; top += block_rows)
                for_vectors(s.C, [&](int64_t c, auto get, auto) {
                    vf sum_a{}, sum_b{};
                    for (int64_t r = top; r < std::min(top + block_rows, end); r++)
                        terms([=](const float* p) { return get(p + r * s.C); }, get, sum_a, sum_b);
                    for (int i = 0; i < W && c + i < s.C; i++)
                        a[c + i] += double(sum_a[i]), b[c + i] += double(sum_b[i]);
                });
        });
    for (int64_t c = 0; c < s.C; c++) {
        first[c] = second[c] = 0;
        for (int64_t k = 0; k < parts; k++)
            first[c] += partial[size_t(k * 2 * s.C + c)], second[c] += partial[size_t((k * 2 + 1) * s.C + c)];
    }
}

// The first value of each channel, and for each the sums of what x is above it and of the squares.
struct Moments {
    std::vector<float> pivot;
    std::vector<double> sums, squares;

    Moments(const float* x, const ImageShape& s)
        : pivot(static_cast<size_t>(s.C)), sums(static_cast<size_t>(s.C)), squares(static_cast<size_t>(s.C)) {
        for (int64_t c = 0; c < s.C; c++) pivot[size_t(c)] = x[s.planes ? c * s.L : c];
        channel_pair_sums(s, sums.data(), squares.data(), [&, x](auto at, auto channel, vf& a, vf& b) {
            const vf d = at(x) - channel(pivot.data());
            a += d;
            b += d * d;
        });
    }
};

// y = (x - mean[c]) * scale[c] + shift[c]
void normalise(const float* x, const float* mean, const float* scale, const float* shift, const ImageShape& s,
               float* y) {
    map_images(
        s, [=](auto at, auto channel, auto put) { put(y, (at(x) - channel(mean)) * channel(scale) + channel(shift)); });
}

// dx = grad * scale[c] - shift[c] - (x - mean[c]) * slope[c]
void differentiate(const float* grad, const float* x, const float* mean, const float* scale, const float* shift,
                   const float* slope, const ImageShape& s, float* dx) {
    map_images(s, [=](auto at, auto channel, auto put) {
        const vf centred = at(x) - channel(mean);
        put(dx, at(grad) * channel(scale) - channel(shift) - centred * channel(slope));
    });
}

}  // namespace

void batch_norm_statistics(const float* x, const ImageShape& s, float* mean, float* var) {
    const Moments moments(x, s);
    const double count = double(s.N * s.L);
    for (int64_t c = 0; c < s.C; c++) {
        const double shift = moments.sums[size_t(c)] / count,
                     spread = moments.squares[size_t(c)] / count - shift * shift;
        mean[c] = float(double(moments.pivot[size_t(c)]) + shift);
        var[c] = spread < 0 ? 0.0f : float(spread);  // NaN stays NaN
    }
}

void batch_norm_apply(const float* x, const float* mean, const float* var, const float* weight, const float* bias,
                      float eps, const ImageShape& s, float* y) {
    std::vector<float> scale(static_cast<size_t>(s.C)), shift(static_cast<size_t>(s.C));
    for (int64_t c = 0; c < s.C; c++) {
        const double rstd = 1.0 / std::sqrt(double(var[c]) + double(eps));
        scale[size_t(c)] = float(weight ? double(weight[c]) * rstd : rstd);
        shift[size_t(c)] = bias ? bias[c] : 0.0f;
    }
    normalise(x, mean, scale.data(), shift.data(), s, y);
}

namespace {

// 1 / sqrt(var + eps) of each channel, the gradients of weight and bias, and how much of grad goes on to x.
struct ChannelGradients {
    std::vector<float> rstd, scale;
    std::vector<double> dbias, dweight;

    ChannelGradients(const float* grad, const float* x, const float* weight, const float* mean, const float* var,
                     float eps, const ImageShape& s)
        : rstd(size_t(s.C)), scale(size_t(s.C)), dbias(size_t(s.C)), dweight(size_t(s.C)) {
        for (int64_t c = 0; c < s.C; c++) {
            rstd[size_t(c)] = float(1.0 / std::sqrt(double(var[c]) + double(eps)));
            scale[size_t(c)] = (weight ? weight[c] : 1.0f) * rstd[size_t(c)];
        }
        const float* own = rstd.data();
        channel_pair_sums(s, dbias.data(), dweight.data(), [=](auto at, auto channel, vf& a, vf& b) {
            const vf g = at(grad);
            a += g;
            b += g * ((at(x) - channel(mean)) * channel(own));
        });
    }

    void give(float* weight, float* bias) const {
        for (size_t c = 0; c < rstd.size(); c++) weight[c] = float(dweight[c]), bias[c] = float(dbias[c]);
    }
};

}  // namespace

void batch_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* var,
                         float eps, const ImageShape& s, float* dx, float* dweight, float* dbias) {
    const ChannelGradients of(grad, x, weight, mean, var, eps, s);
    const double count = double(s.N * s.L);
    std::vector<float> shift(size_t(s.C)), slope(size_t(s.C));
    for (size_t c = 0; c < shift.size(); c++) {
        shift[c] = of.scale[c] * float(of.dbias[c] / count);
        slope[c] = of.scale[c] * float(of.dweight[c] / count) * of.rstd[c];
    }
    of.give(dweight, dbias);
    differentiate(grad, x, mean, of.scale.data(), shift.data(), slope.data(), s, dx);
}

void batch_norm_apply_backward(const float* grad, const float* x, const float* weight, const float* mean,
                               const float* var, float eps, const ImageShape& s, float* dx, float* dweight,
                               float* dbias) {
    const ChannelGradients of(grad, x, weight, mean, var, eps, s);
    of.give(dweight, dbias);
    const float* scale = of.scale.data();
    map_images(s, [=](auto at, auto channel, auto put) { put(dx, at(grad) * channel(scale)); });
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

// Mean and 1 / sqrt(variance + eps) of each group of C / G channels of one image.
void group_statistics(const float* x, const ImageShape& s, int64_t G, float eps, float* mean, float* rstd) {
    const Moments m(x, s);
    const int64_t width = s.C / G;
    const double count = double(s.L);
    for (int64_t g = 0; g < G; g++) {
        double middle = 0, spread = 0;
        for (int64_t c = g * width; c < (g + 1) * width; c++)
            middle += (double(m.pivot[size_t(c)]) + m.sums[size_t(c)] / count) / double(width);
        for (int64_t c = g * width; c < (g + 1) * width; c++) {
            const double shift = m.sums[size_t(c)] / count, apart = double(m.pivot[size_t(c)]) + shift - middle;
            spread += m.squares[size_t(c)] / count - shift * shift + apart * apart;
        }
        const double var = spread / double(width);
        mean[g] = float(middle);
        rstd[g] = float(1.0 / std::sqrt((var < 0 ? 0.0 : var) + double(eps)));
    }
}

}  // namespace

void group_norm_forward(const float* x, const float* weight, const float* bias, float eps, const ImageShape& s,
                        int64_t G, float* y, float* mean, float* rstd) {
    const int64_t C = s.C, size = s.L * C;
    const ImageShape one{1, s.L, C, s.planes};
    parallel_for(s.N, worth / size + 1, [=](int64_t begin, int64_t end) {
        Table table(C);
        for (int64_t n = begin; n < end; n++) {
            group_statistics(x + n * size, one, G, eps, mean + n * G, rstd + n * G);
            for (int64_t c = 0; c < C; c++) {
                const int64_t g = n * G + c / (C / G);
                table.mean[c] = mean[g];
                table.scale[c] = weight ? weight[c] * rstd[g] : rstd[g];
                table.shift[c] = bias ? bias[c] : 0.0f;
            }
            normalise(x + n * size, table.mean, table.scale, table.shift, one, y + n * size);
        }
    });
}

void group_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* rstd,
                         const ImageShape& s, int64_t G, float* dx, float* dweight, float* dbias) {
    const int64_t N = s.N, C = s.C, size = s.L * C;
    const ImageShape one{1, s.L, C, s.planes};
    std::vector<double> all_sums(size_t(N * 2 * C));  // of grad and of grad * xhat, for each image
    parallel_for(N, worth / size + 1, [&](int64_t begin, int64_t end) {
        Table table(C);
        for (int64_t n = begin; n < end; n++) {
            const float *g = grad + n * size, *in = x + n * size, *middle = table.mean;
            double *first = all_sums.data() + n * 2 * C, *second = first + C;
            const int64_t width = C / G;
            for (int64_t c = 0; c < C; c++) table.mean[c] = mean[n * G + c / width];
            channel_pair_sums(one, first, second, [=](auto at, auto channel, vf& a, vf& b) {
                const vf up = at(g);
                a += up;
                b += up * (at(in) - channel(middle));
            });
            for (int64_t k = 0; k < G; k++) {
                double a = 0, b = 0;
                const double scale = double(rstd[n * G + k]), count = double(s.L * width);
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
            differentiate(g, in, table.mean, table.scale, table.shift, table.slope, one, dx + n * size);
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
