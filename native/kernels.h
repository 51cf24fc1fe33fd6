// The catalogue of kernels: every family's functions with their formulas. Arrays are contiguous in the order of the
// shape in the comment unless strides are given; strides count elements.
#pragma once

#include <cstdint>
#include <vector>

#include "gemm_micro.h"

namespace rushlight {

// --- gemm.cpp ----------------------------------------------------------------------------------------------------

// c[m, n] = act(sum_k a[m, k] b[k, n] + bias[n]),  act = max(., 0) if relu;  c has rows of c_row; bias may be nullptr.
// Leaves c unwritten and returns false if there is no memory for its buffers.
bool gemm(int64_t M, int64_t N, int64_t K, Matrix a, Matrix b, const float* bias, bool relu, float* c, int64_t c_row);

// out[c] = sum_r x[r, c],  x (R, C)
bool column_sums(const float* x, int64_t R, int64_t C, float* out);
bool column_sums_bf16(const uint16_t* x, int64_t R, int64_t C, uint16_t* out);

// --- gemm_bf16.cpp -----------------------------------------------------------------------------------------------

// Where a product goes: to floats, or rounded to bfloat16. Rows of `row`.
struct HalfResult {
    float* wide;
    uint16_t* narrow;
    int64_t row;
};

// Whether this build and this processor multiply bfloat16 numbers.
bool has_bf16_products();

// As gemm, of bfloat16 matrices; sums are float32's, denormal numbers count as 0.
bool gemm_bf16(int64_t M, int64_t N, int64_t K, HalfMatrix a, HalfMatrix b, const float* bias, bool relu, HalfResult c);

// --- layout.cpp --------------------------------------------------------------------------------------------------

// y[n, c, r] = x[n, r, c],  x (N, R, C)
void transpose_batch(const float* x, int64_t N, int64_t R, int64_t C, float* y);

// dweight[o, c, t] = sum_r partial[r, t, c, o]
bool sum_weight_gradients(const float* partial, int64_t ranges, int64_t T, int64_t C, int64_t O, float* dweight);

// --- conv.cpp ----------------------------------------------------------------------------------------------------

// Images with any distances between entries: (n, c, h, w) is at data[n * n_stride + c * c_stride + ...]. Where not said
// otherwise, channels lie side by side.
struct Images {
    const float* data;
    int64_t n, c, h, w;  // strides
    int64_t H, W;
};

// C and O are those of one group: x has C * groups channels, y O * groups. Only direct.cpp knows of depth.
struct ConvShape {
    int64_t N, C, H, W, O, OH, OW, KH, KW;
    int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
    int64_t D = 1, OD = 1, KD = 1, stride_d = 1, pad_d = 0, dilation_d = 1;
};

// y[n, o, i] = bias[o] + sum_{c, t} weight[o, c, t] x[n, c, i stride + t dilation - pad];  y (N, OH, OW, O * groups),
// weight (O * groups, C, KH, KW), bias may be nullptr. x may also be planes (w = 1) if it has few channels.
bool conv_forward(const ConvShape& s, const Images& x, const float* weight, const float* bias, float* y);
// dx (N, H, W, C * groups)
bool conv_backward_input(const ConvShape& s, const Images& grad, const float* weight, float* dx);
// grad (N, OH, OW, O * groups), dweight (O * groups, C, KH, KW)
bool conv_backward_weight(const ConvShape& s, const float* grad, const Images& x, float* dweight);

// Whether x would be taken as planes.
bool conv_takes_planes(const ConvShape& s);

// --- winograd.cpp: the same for 3 x 3 taps at stride 1 and some tens of channels at least ---------------------------

bool winograd_takes(const ConvShape& s);
bool winograd_forward(const ConvShape& s, const Images& x, const float* weight, const float* bias, float* y);
bool winograd_backward_input(const ConvShape& s, const float* grad, const float* weight, float* dx);
bool winograd_backward_weight(const ConvShape& s, const float* grad, const Images& x, float* dweight);

// --- direct.cpp: the same for groups of few channels, and of volumes; x (N, D, H, W, C * groups) ---------------------

bool direct_takes(const ConvShape& s);
bool direct_forward(const ConvShape& s, const float* x, const float* weight, const float* bias, float* y);
bool direct_backward_input(const ConvShape& s, const float* grad, const float* weight, float* dx);
bool direct_backward_weight(const ConvShape& s, const float* grad, const float* x, float* dweight);

// --- activation.cpp: n elements each ---------------------------------------------------------------------------------

void relu_forward(const float* x, int64_t n, float* y);                          // y = max(x, 0)
void relu_backward(const float* grad, const float* y, int64_t n, float* dx);     // dx = grad [y > 0]
void sigmoid_forward(const float* x, int64_t n, float* y);                       // y = 1 / (1 + e^-x)
void sigmoid_backward(const float* grad, const float* y, int64_t n, float* dx);  // dx = grad y (1 - y)
void tanh_forward(const float* x, int64_t n, float* y);
void tanh_backward(const float* grad, const float* y, int64_t n, float* dx);  // dx = grad (1 - y^2)
void erf_forward(const float* x, int64_t n, float* y);   // y = 2 / sqrt(pi) * the integral of e^(-t^2) from 0 to x
void silu_forward(const float* x, int64_t n, float* y);  // y = x sigmoid(x)
void silu_backward(const float* grad, const float* x, int64_t n, float* dx);
void gelu_forward(const float* x, int64_t n, float* y);  // y = x (1 + erf(x / sqrt 2)) / 2
void gelu_backward(const float* grad, const float* x, int64_t n, float* dx);
void gelu_tanh_forward(const float* x, int64_t n, float* y);  // y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
void gelu_tanh_backward(const float* grad, const float* x, int64_t n, float* dx);

// x (R, 2, C), whose halves are a and b:  y = a sigmoid(b) (R, C)
void glu_forward(const float* x, int64_t R, int64_t C, float* y);
// grad (R, C):  dx = grad sigmoid(b), grad a sigmoid(b) (1 - sigmoid(b))
void glu_backward(const float* grad, const float* x, int64_t R, int64_t C, float* dx);

// --- pointwise.cpp: formulas y = f(x[0], ...; c[0], ...) of n elements
// ------------------------------------------------

// n numbers side by side, or (step = 0) one of them, W times.
struct Operand {
    const float* at;
    int64_t step;
};

// clang-format off
void clamped(const Operand* x, const float* c, int64_t n, float* y);               // min(max(x0, c0), c1)
void inside_backward(const Operand* x, const float* c, int64_t n, float* y);       // x0 where c0 < x1 < c1, else 0
void hardsigmoid_forward(const Operand* x, const float*, int64_t n, float* y);     // h = min(max(x0 + 3, 0), 6) / 6
void hardsigmoid_backward(const Operand* x, const float*, int64_t n, float* y);    // x0 h'(x1)
void hardswish_forward(const Operand* x, const float*, int64_t n, float* y);       // x0 h(x0)
void hardswish_backward(const Operand* x, const float*, int64_t n, float* y);      // x0 (x1 h(x1))'
void softshrink_forward(const Operand* x, const float* c, int64_t n, float* y);    // x0 nearer to 0 by c0, at most to 0
void hardshrink_forward(const Operand* x, const float* c, int64_t n, float* y);    // x0 where |x0| > c0, else 0
void shrink_backward(const Operand* x, const float* c, int64_t n, float* y);       // x0 where |x1| > c0, else 0
void leaky_relu_forward(const Operand* x, const float* c, int64_t n, float* y);    // x0 where x0 > 0, else c0 x0
void leaky_relu_backward(const Operand* x, const float* c, int64_t n, float* y);   // x0 where x1 > 0, else c0 x0
void rsqrt_forward(const Operand* x, const float*, int64_t n, float* y);           // 1 / sqrt(x0)
void plus_scaled(const Operand* x, const float* c, int64_t n, float* y);           // x0 + c0 x1
void plus_product(const Operand* x, const float* c, int64_t n, float* y);          // x0 + c0 x1 x2
void plus_quotient(const Operand* x, const float* c, int64_t n, float* y);         // x0 + c0 x1 / x2
void blended(const Operand* x, const float* c, int64_t n, float* y);               // x0 + c0 (x1 - x0)
void smooth_l1(const Operand* x, const float* c, int64_t n, float* y);  // d^2 / (2 c0) for d = |x0 - x1| < c0, else d - c0 / 2
void smooth_l1_slope(const Operand* x, const float* c, int64_t n, float* y);       // x0 min(max((x1 - x2) / c0, -1), 1)
void huber(const Operand* x, const float* c, int64_t n, float* y);  // d^2 / 2 for d = |x0 - x1| <= c0, else c0 (d - c0 / 2)
void huber_slope(const Operand* x, const float* c, int64_t n, float* y);           // x0 min(max(x1 - x2, -c0), c0)
// clang-format on

// --- order.cpp -------------------------------------------------------------------------------------------------------

// keys[r, s]: above, whole numbers in the order of x[r, s], NaN last (descending: in reverse, NaN first); below, 32
// bits of s. So keys of a row are all different, and their order is a stable one of its elements.
void sort_keys(const float* x, int64_t R, int64_t S, bool descending, int64_t* keys);

// --- softmax.cpp: rows of C ------------------------------------------------------------------------------------------

void softmax_forward(const float* x, int64_t R, int64_t C, float* y);
void softmax_backward(const float* grad, const float* y, int64_t R, int64_t C,
                      float* dx);  // dx = y (grad - sum(grad y))
void log_softmax_forward(const float* x, int64_t R, int64_t C, float* y);
void log_softmax_backward(const float* grad, const float* y, int64_t R, int64_t C,
                          float* dx);  // dx = grad - e^y sum(grad)

// The classes of rows, and what they weigh. Targets must be valid, or `ignore`.
struct Classes {
    const int64_t* target;
    int64_t ignore;
    const float* weight;  // (C,), or nullptr: 1
    float total;          // the sum of all weights
    float smoothing;      // s below

    float weight_of(int64_t c) const { return weight ? weight[c] : 1.0f; }
};

// lse[r] = log sum_c e^logits[r, c], and with t the target of r
// losses[r] = (1 - s) weight[t] (lse[r] - logits[r, t]) + s / C sum_c weight[c] (lse[r] - logits[r, c]); 0 where
// ignored
void cross_entropy_rows(const float* logits, const Classes& classes, int64_t R, int64_t C, float* losses, float* lse);

// dlogits[r, c] = g[r] ((1 - s) weight[t] (p - [c = t]) + s / C (p sum(weight) - weight[c])) with
// p = e^(logits[r, c] - lse[r]), g[r] = scale[r * scale_step]; 0 where ignored
void cross_entropy_gradient(const float* scale, int64_t scale_step, const float* logits, const Classes& classes,
                            const float* lse, int64_t R, int64_t C, float* dlogits);

// losses[r] = -weight[t] x[r, t]; 0 where ignored
void nll_rows(const float* x, const Classes& classes, int64_t R, int64_t C, float* losses);

// dx[r, c] = -g[r] weight[t] [c = t]; 0 where ignored
void nll_gradient(const float* scale, int64_t scale_step, const Classes& classes, int64_t R, int64_t C, float* dx);

// --- attention.cpp ---------------------------------------------------------------------------------------------------

// The matrices of all heads: row r of head h is at data + begin[h] + r * row, its entries side by side.
struct HeadRows {
    float* data;
    const int64_t* begin;
    int64_t row;
};

// L queries and S keys of D entries, S values of E; if causal, query i sees keys 0 to i.
struct AttentionShape {
    int64_t heads, L, S, D, E;
    float scale;
    bool causal;
};

// y = softmax(scale q k^T) v;  lse (heads, L) = the log-sum-exp of each row of scale q k^T
bool attention_forward(const AttentionShape& s, const HeadRows& q, const HeadRows& k, const HeadRows& v,
                       const HeadRows& y, float* lse);
// With p = e^(scale q k^T - lse):  dv = p^T grad,  ds = scale p (grad v^T - sum(grad y)),  dq = ds k,  dk = ds^T q
bool attention_backward(const AttentionShape& s, const HeadRows& grad, const HeadRows& q, const HeadRows& k,
                        const HeadRows& v, const HeadRows& y, const float* lse, const HeadRows& dq, const HeadRows& dk,
                        const HeadRows& dv);

// --- recurrent.cpp: L steps of N sequences, H hidden units
// ------------------------------------------------------------

struct RecurrentShape {
    int64_t L, N, H, gates;
};

// What there is per step t and sequence n: at data + t * step + n * row, entries side by side.
struct Steps {
    float* data;
    int64_t step, row;
};

// z = x[t] + h w_hh^T + b_hh;  i, f, o = sigmoid(z[0, 1, 3]), g = tanh(z[2]);  c = f c + i g;  h = o tanh(c)
// x (L, N, 4H), w_hh (4H, H) -> y = all h (L, N, H), gates = i, f, g, o (L, N, 4H), cells = all c (L, N, H)
bool lstm_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* c0, const float* w_hh,
                  const float* b_hh, float* y, float* gates, float* cells);
// arriving (N, H) is the gradient of cells[last[n], n]; last = nullptr: step L - 1. dhs (L, N, H) = all that reached
// each h
bool lstm_backward(const RecurrentShape& s, const Steps& grad, const float* arriving, const int64_t* last,
                   const float* c0, const float* w_hh, const float* gates, const float* cells, float* dx, float* dhs,
                   float* dh0, float* dc0);

// m = h w_hh^T + b_hh;  r, z = sigmoid(x[t][0, 1] + m[0, 1]);  n = tanh(x[t][2] + r m[2]);  h = n + z (h - n)
// x (L, N, 3H), w_hh (3H, H) -> y (L, N, H), gates = r, z, n (L, N, 3H), hidden = m[2] of each step (L, N, H)
bool gru_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* w_hh, const float* b_hh,
                 float* y, float* gates, float* hidden);
// dx, dproducts (L, N, 3H): the gradients of x and of m
bool gru_backward(const RecurrentShape& s, const Steps& grad, const float* h0, const float* w_hh, const float* y,
                  const float* gates, const float* hidden, float* dx, float* dproducts, float* dh0);

// h = tanh or relu of x[t] + h w_hh^T + b_hh;  x (L, N, H), w_hh (H, H) -> y = all h (L, N, H)
bool rnn_tanh_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* w_hh, const float* b_hh,
                      float* y);
bool rnn_relu_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* w_hh, const float* b_hh,
                      float* y);
bool rnn_tanh_backward(const RecurrentShape& s, const Steps& grad, const float* w_hh, const float* y, float* dx,
                       float* dh0);
bool rnn_relu_backward(const RecurrentShape& s, const Steps& grad, const float* w_hh, const float* y, float* dx,
                       float* dh0);

// --- reduction.cpp ---------------------------------------------------------------------------------------------------

// Over the middle dimension of x (O, R, I): y (O, I) is the sum, the largest, the smallest; NaN where there is one.
// False: no memory.
bool total(const float* x, int64_t O, int64_t R, int64_t I, float* y);
// y[o, r, i] = sum over k <= r of x[o, k, i]
// The products of each number and those before it
void running_products(const float* x, int64_t O, int64_t R, int64_t I, float* y);
void running_sums(const float* x, int64_t O, int64_t R, int64_t I, float* y);

bool squares(const float* x, int64_t O, int64_t R, int64_t I, float* y);  // sums of them
bool product(const float* x, int64_t O, int64_t R, int64_t I, float* y);
bool largest(const float* x, int64_t O, int64_t R, int64_t I, float* y);
bool smallest(const float* x, int64_t O, int64_t R, int64_t I, float* y);

// --- lanes.cpp -------------------------------------------------------------------------------------------------------

// Places in x (O, S, I): element (o, k, i) belongs to (o, index[o, k, i], i). The index has steps of its own.
struct Lanes {
    int64_t O, S, K, I;
    const int64_t* index;
    int64_t index_o, index_k, index_i;
};

bool all_below(const int64_t* index, int64_t n, int64_t size);       // whether all are in [0, size)
void gather(const Lanes& s, int size, const void* x, void* y);       // y (O, K, I) = x there; elements of 4 or 8 bytes
void scatter(const Lanes& s, int size, const void* src, void* out);  // out = src (O, K, I) there, the last k stays
void scatter_add(const Lanes& s, const float* src, float* out);      // out += src there, in the order of k

// y[r, c] = [c = index[r]]
void one_hot(const int64_t* index, int64_t R, int64_t C, int64_t* y);

// --- norm.cpp --------------------------------------------------------------------------------------------------------

// y[r, c] = (x[r, c] - mean[r]) * rstd[r] * weight[c] + bias[c],  rstd = 1 / sqrt(var + eps); weight, bias may be
// nullptr
void layer_norm_forward(const float* x, const float* weight, const float* bias, float eps, int64_t R, int64_t C,
                        float* y, float* mean, float* rstd);
void layer_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* rstd,
                         int64_t R, int64_t C, float* dx, float* dweight, float* dbias);

// Images with channels last, (N, L, C), or plane by plane, (N, C, L); a matrix has L = 1.
struct ImageShape {
    int64_t N, L, C;
    bool planes;
};

// mean, var (C,) of all but the channels; var is the biased one
void batch_norm_statistics(const float* x, const ImageShape& s, float* mean, float* var);
// y = (x - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c]; weight, bias may be nullptr
void batch_norm_apply(const float* x, const float* mean, const float* var, const float* weight, const float* bias,
                      float eps, const ImageShape& s, float* y);
void batch_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* var,
                         float eps, const ImageShape& s, float* dx, float* dweight, float* dbias);
// the same where mean and var are given numbers: dx = grad weight / sqrt(var + eps)
void batch_norm_apply_backward(const float* grad, const float* x, const float* weight, const float* mean,
                               const float* var, float eps, const ImageShape& s, float* dx, float* dweight,
                               float* dbias);

// The same over groups of C / G channels of each image; mean, rstd (N, G)
void group_norm_forward(const float* x, const float* weight, const float* bias, float eps, const ImageShape& s,
                        int64_t G, float* y, float* mean, float* rstd);
void group_norm_backward(const float* grad, const float* x, const float* weight, const float* mean, const float* rstd,
                         const ImageShape& s, int64_t G, float* dx, float* dweight, float* dbias);

// y[r, c] = x[r, c] * rstd[r] * weight[c],  rstd[r] = 1 / sqrt(mean_c x[r, c]^2 + eps); weight may be nullptr
void rms_norm_forward(const float* x, const float* weight, float eps, int64_t R, int64_t C, float* y, float* rstd);
void rms_norm_backward(const float* grad, const float* x, const float* weight, const float* rstd, int64_t R, int64_t C,
                       float* dx, float* dweight);

// --- convert.cpp -----------------------------------------------------------------------------------------------------

// By the bits of float32.
void to_bfloat16(const uint32_t* x, int64_t n, uint16_t* y);
void from_bfloat16(const uint16_t* x, int64_t n, uint32_t* y);
// False: this build has no instruction for it.
bool to_float16(const float* x, int64_t n, uint16_t* y);
bool from_float16(const uint16_t* x, int64_t n, float* y);

// --- copy.cpp --------------------------------------------------------------------------------------------------------

// A copy's dimensions: sizes, and steps in elements on both sides. The last step of `to` is 1.
struct StridedCopy {
    static constexpr int MOST = 16;
    int rank = 0;
    int64_t shape[MOST], from[MOST], to[MOST];
};

// y[i . to] = x[i . from] for all indices i of the shape
void copy_strided(const StridedCopy& copy, const float* x, float* y);

// --- embedding.cpp ---------------------------------------------------------------------------------------------------

// y[r] = weight[indices[r]],  y (R, D)
void embedding_forward(const float* weight, const int64_t* indices, int64_t R, int64_t D, float* y);

// dweight[v] = sum over the rows r with indices[r] = v of grad[r],  grad (R, D), dweight (V, D); 0 for v = padding
void embedding_backward(const float* grad, const int64_t* indices, int64_t padding, int64_t R, int64_t D, int64_t V,
                        float* dweight);

// --- resample.cpp ----------------------------------------------------------------------------------------------------

// What each of `out` outputs reads of `in` inputs: indices and weights (out, taps); no weights: it is a copy.
struct Resampling {
    int64_t in, out, taps;
    std::vector<int32_t> indices;
    std::vector<float> weights;
};

// y[o, i, r] = sum_k weights[i, k] x[o, indices[i, k], r],  x (outer, in, inner)
void resample(const float* x, int64_t outer, const Resampling& table, int64_t inner, float* y);

// --- pool.cpp: channels-last images and volumes ----------------------------------------------------------------------

// The places begin, begin + step, ... before end of one dimension, which a window sees. Averages take steps of 1.
struct Span {
    int64_t begin, end, step;
};
using Windows = std::vector<Span>;

struct PoolShape {
    int64_t N, C, D, H, W;
    Windows depths, rows, columns;

    int64_t plane() const { return D * H * W; }
};

// y (N, depths, rows, columns, C) = the largest x (N, D, H, W, C) of each window; indices = its (d * H + h) * W + w
void max_pool_forward(const float* x, const PoolShape& shape, float* y, int32_t* indices);
// dx (N, plane, C) = the sum of grad (N, out_plane, C) over the outputs that each input won
void max_pool_backward(const float* grad, const int32_t* indices, int64_t N, int64_t plane, int64_t out_plane,
                       int64_t C, float* dx);

// y (N, depths, rows, columns, C) = the sum of x (N, D, H, W, C) over each window / divisors (depths, rows, columns)
void avg_pool_forward(const float* x, const PoolShape& shape, const float* divisors, float* y);
// dx (N, D, H, W, C) = the sum of grad / divisors over the windows that each element is in
void avg_pool_backward(const float* grad, const PoolShape& shape, const float* divisors, float* dx);
// y[p] = the mean of x[p, :],  x (planes, size)
void plane_means(const float* x, int64_t planes, int64_t size, float* y);

// --- box_muller.cpp --------------------------------------------------------------------------------------------------

// Of each 16 numbers in [0, 1), u is the first half and v the second:  r = sqrt(-2 log(1 - u)), normals = r cos(2 pi
// v), then r sin(2 pi v);  n is a multiple of 16
void box_muller32(const float* uniforms, int64_t n, float* normals);

// Of each 16 numbers in double, as above, by the C library's functions
void box_muller64(const double* uniforms, int64_t n, double* normals);
// Of each pair u, v in [0, 1):  r = sqrt(-2 log(1 - v)), normals = r cos(2 pi u), r sin(2 pi u);  n is even
void pairs_of_normals(const double* uniforms, int64_t n, double* normals);
// y = log(1 + x) by the C library
void libm_log1p(const double* x, int64_t n, double* y);

// --- twister.cpp: a state is TWISTER_WORDS words of key and the number of those that were handed out ----------------

constexpr int64_t TWISTER_WORDS = 624;

void twister_seeded(uint32_t seed, uint32_t* state);
// Each draws n samples, and moves the state on
void twister_words(uint32_t* state, int64_t n, uint64_t* words);               // of 32 bits
void twister_uniform24(uint32_t* state, int64_t n, float* uniforms);           // 24 bits of a word / 2^24
void twister_uniform53(uint32_t* state, int64_t n, double* uniforms);          // 53 bits of two words / 2^53
void twister_tosses(uint32_t* state, int64_t n, int64_t limit, bool* tosses);  // 53 bits of two words < limit
// least + word mod length;  0 < length < 2^28
void twister_remainders(uint32_t* state, int64_t n, int32_t length, int64_t least, int64_t* integers);

// y = x factor + offset, rounded once
void multiply_add_f32(const float* x, int64_t n, float factor, float offset, float* y);
void multiply_add_f64(const double* x, int64_t n, double factor, double offset, double* y);

// --- shuffle.cpp -----------------------------------------------------------------------------------------------------

// 0 ... n-1, where for i = 0 ... n-2 the elements i and i + words[i] mod (n - i) were swapped;  n < 2^32
void shuffled(const uint64_t* words, int64_t n, int64_t* order);

// --- optim.cpp -------------------------------------------------------------------------------------------------------

// The tensors of one step: parameters, gradients and up to three state tensors of each.
struct OptimizerTensors {
    std::vector<int64_t> sizes;
    std::vector<float*> params, grads, first, second, third;
};

struct SgdOptions {
    float lr, momentum, dampening, weight_decay;
    bool nesterov, maximize;
};
// b = momentum b + (1 - dampening) g,  w = w - lr b  (nesterov: w - lr (g + momentum b)),  g = grad + weight_decay w; b
// = first
void sgd(const OptimizerTensors& tensors, const SgdOptions& options);

struct AdamOptions {
    double lr, beta1, beta2, eps, weight_decay;
    bool maximize, decoupled;
};
// m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,  w = w - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 -
// beta2^t) + eps) m = first, v = second; third, if there, holds the largest v so far, which then takes its place
// (amsgrad)
void adam(const OptimizerTensors& tensors, const std::vector<double>& steps, const AdamOptions& options);

// Multiplications and additions per second in registers, and bytes per second read and written by copies of n floats,
// on all threads.
double peak_flops();
double peak_copy(const float* from, int64_t n, float* to);

}  // namespace rushlight
