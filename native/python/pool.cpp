// Bindings of 2-d max and average pooling. Images that are not channels-last are copied so.
#include <vector>

#include "kernels.h"
#include "python/layout.h"

namespace rushlight {
namespace {

// torch: with ceil_mode a last, partial window counts only if it starts inside the input or its left padding.
int64_t windows(int64_t n, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation, bool ceil_mode) {
    const int64_t room = n + 2 * pad - dilation * (kernel - 1) - 1;
    if (room < 0 && !ceil_mode) return 0;
    int64_t count = (ceil_mode ? room + stride - 1 : room) / stride + 1;
    if (ceil_mode && (count - 1) * stride >= n + pad) count--;
    return count;
}

// max_pool_forward(x, kernel_size, stride, padding, dilation, ceil_mode) -> y, indices
PyObject* max_pool_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t kernel[2], stride[2], pad[2], dilation[2];
    bool ceil_mode = false;
    if (count != 6 || !is_f32(args[0], 4) || !size(args[0]) || !read_ints(args[1], 2, kernel) ||
        !read_ints(args[2], 2, stride) || !read_ints(args[3], 2, pad) || !read_ints(args[4], 2, dilation) ||
        !read_bool(args[5], &ceil_mode))
        return not_implemented();
    PoolShape s{dim(args[0], 0), dim(args[0], 1), dim(args[0], 2), dim(args[0], 3), 0,      0,           kernel[0],
                kernel[1],       stride[0],       stride[1],       pad[0],          pad[1], dilation[0], dilation[1]};
    for (int i = 0; i < 2; i++)
        if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || pad[i] < 0 || pad[i] > kernel[i] / 2)
            return not_implemented();
    s.out_h = windows(s.H, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h, ceil_mode);
    s.out_w = windows(s.W, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w, ceil_mode);
    if (s.out_h < 1 || s.out_w < 1 || s.H * s.W > INT32_MAX) return not_implemented();
    const npy_intp shape[] = {s.N, s.C, s.out_h, s.out_w};
    Ref x = as_channels_last(args[0]), y = new_channels_last(NPY_FLOAT32, 4, shape),
        indices = new_channels_last(NPY_INT32, 4, shape);
    if (!x || !y || !indices) return nullptr;
    {
        Unlocked unlocked(double(s.kernel_h * s.kernel_w) * double(size(y.get())));
        max_pool_forward(data(x), s, data(y), data<int32_t>(indices));
    }
    return PyTuple_Pack(2, y.get(), indices.get());
}

// max_pool_backward(grad, indices, input_shape) -> dx
PyObject* max_pool_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t input[4];
    if (count != 3 || !is_f32(args[0], 4) || !size(args[0]) || !is_array(args[1], NPY_INT32, 4) ||
        !is_channels_last(args[1]) || !same_shape(args[0], args[1]) || !read_ints(args[2], 4, input) ||
        input[0] != dim(args[0], 0) || input[1] != dim(args[0], 1))
        return not_implemented();
    const int64_t plane = input[2] * input[3], C = input[1], total = size(args[0]);
    const int32_t* index = data<int32_t>(args[1]);
    for (int64_t i = 0; i < total; i++)
        if (index[i] < 0 || index[i] >= plane) return not_implemented();
    const npy_intp shape[] = {input[0], C, input[2], input[3]};
    Ref grad = as_channels_last(args[0]), dx = new_channels_last(NPY_FLOAT32, 4, shape);
    if (!grad || !dx) return nullptr;
    {
        Unlocked unlocked(8.0 * double(plane * C * input[0]));
        max_pool_backward(data(grad), index, input[0], plane, dim(args[0], 2) * dim(args[0], 3), C, data(dx));
    }
    return dx.release();
}

// --- average
// -----------------------------------------------------------------------------------------------------------

// By what the sums of windows are divided. torch: padding counts if count_include_pad, but what ceil_mode adds beyond
// it never does.
std::vector<float> divisors_of(const PoolShape& s, bool count_pad, int64_t override) {
    const auto extent = [=](int64_t i, int64_t kernel, int64_t stride, int64_t pad, int64_t n) {
        const int64_t start = i * stride - pad, end = min(start + kernel, n + pad);
        return count_pad ? end - start : min(end, n) - max(start, 0);
    };
    std::vector<float> divisors(size_t(s.out_h * s.out_w), float(override));
    if (override) return divisors;
    for (int64_t i = 0; i < s.out_h; i++)
        for (int64_t j = 0; j < s.out_w; j++)
            divisors[size_t(i * s.out_w + j)] = float(extent(i, s.kernel_h, s.stride_h, s.pad_h, s.H) *
                                                      extent(j, s.kernel_w, s.stride_w, s.pad_w, s.W));
    return divisors;
}

// kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, for images of the given shape
bool read_average(PyObject* const* args, const int64_t* input, PoolShape* s, std::vector<float>* divisors) {
    int64_t kernel[2], stride[2], pad[2], override = 0;
    bool ceil_mode = false, count_pad = false;
    if (!read_ints(args[0], 2, kernel) || !read_ints(args[1], 2, stride) || !read_ints(args[2], 2, pad) ||
        !read_bool(args[3], &ceil_mode) || !read_bool(args[4], &count_pad) ||
        !(args[5] == Py_None || (read_int(args[5], &override) && override != 0)))
        return false;
    for (int i = 0; i < 2; i++)
        if (kernel[i] < 1 || stride[i] < 1 || pad[i] < 0 || pad[i] > kernel[i] / 2) return false;
    *s = {input[0],  input[1],  input[2],  input[3], 0,      0, kernel[0],
          kernel[1], stride[0], stride[1], pad[0],   pad[1], 1, 1};
    s->out_h = windows(s->H, s->kernel_h, s->stride_h, s->pad_h, 1, ceil_mode);
    s->out_w = windows(s->W, s->kernel_w, s->stride_w, s->pad_w, 1, ceil_mode);
    if (s->out_h < 1 || s->out_w < 1) return false;
    *divisors = divisors_of(*s, count_pad, override);
    return true;
}

// avg_pool_forward(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override) -> y
PyObject* avg_pool_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    PoolShape s;
    std::vector<float> divisors;
    if (count != 7 || !is_f32(args[0], 4) || !size(args[0])) return not_implemented();
    const int64_t input[] = {dim(args[0], 0), dim(args[0], 1), dim(args[0], 2), dim(args[0], 3)};
    if (!read_average(args + 1, input, &s, &divisors)) return not_implemented();
    const npy_intp shape[] = {s.N, s.C, s.out_h, s.out_w};
    Ref x = as_channels_last(args[0]), y = new_channels_last(NPY_FLOAT32, 4, shape);
    if (!x || !y) return nullptr;
    {
        Unlocked unlocked(double(s.kernel_h * s.kernel_w) * double(size(y.get())));
        avg_pool_forward(data(x), s, divisors.data(), data(y));
    }
    return y.release();
}

// avg_pool_backward(grad, input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override) ->
// dx
PyObject* avg_pool_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t input[4];
    PoolShape s;
    std::vector<float> divisors;
    if (count != 8 || !is_f32(args[0], 4) || !size(args[0]) || !read_ints(args[1], 4, input) ||
        input[0] != dim(args[0], 0) || input[1] != dim(args[0], 1) || !read_average(args + 2, input, &s, &divisors) ||
        s.out_h != dim(args[0], 2) || s.out_w != dim(args[0], 3))
        return not_implemented();
    const npy_intp shape[] = {s.N, s.C, s.H, s.W};
    Ref grad = as_channels_last(args[0]), dx = new_channels_last(NPY_FLOAT32, 4, shape);
    if (!grad || !dx) return nullptr;
    {
        Unlocked unlocked(double(s.kernel_h * s.kernel_w) * double(size(args[0])));
        avg_pool_backward(data(grad), s, divisors.data(), data(dx));
    }
    return dx.release();
}

}  // namespace

PyMethodDef pool_methods[] = {RUSHLIGHT_TWIN(max_pool_forward, nullptr),
                              RUSHLIGHT_TWIN(max_pool_backward, nullptr),
                              RUSHLIGHT_TWIN(avg_pool_forward, nullptr),
                              RUSHLIGHT_TWIN(avg_pool_backward, nullptr),
                              {}};

}  // namespace rushlight
