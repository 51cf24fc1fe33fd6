// Bindings of 2-d max pooling (1-d comes as images of height 1). Images that are not channels-last are copied so.
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
    if (count != 6 || !is_f32(args[0], 4) || !size(args[0]) || !read_ints(args[1], 2, kernel) || !read_ints(args[2], 2, stride) ||
        !read_ints(args[3], 2, pad) || !read_ints(args[4], 2, dilation) || !read_bool(args[5], &ceil_mode))
        return not_implemented();
    PoolShape s{dim(args[0], 0), dim(args[0], 1), dim(args[0], 2), dim(args[0], 3), 0,      0,      kernel[0],   kernel[1],
                stride[0],       stride[1],       pad[0],          pad[1],          dilation[0], dilation[1]};
    for (int i = 0; i < 2; i++)
        if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || pad[i] < 0 || pad[i] > kernel[i] / 2) return not_implemented();
    s.out_h = windows(s.H, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h, ceil_mode);
    s.out_w = windows(s.W, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w, ceil_mode);
    if (s.out_h < 1 || s.out_w < 1 || s.H * s.W > INT32_MAX) return not_implemented();
    const npy_intp shape[] = {s.N, s.C, s.out_h, s.out_w};
    Ref x = as_channels_last(args[0]), y = new_channels_last(NPY_FLOAT32, 4, shape), indices = new_channels_last(NPY_INT32, 4, shape);
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
    if (count != 3 || !is_f32(args[0], 4) || !size(args[0]) || !is_array(args[1], NPY_INT32, 4) || !is_channels_last(args[1]) ||
        !same_shape(args[0], args[1]) || !read_ints(args[2], 4, input) || input[0] != dim(args[0], 0) || input[1] != dim(args[0], 1))
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

}  // namespace

#define ROW(name, function) {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&function)), METH_FASTCALL, nullptr}

PyMethodDef pool_methods[] = {ROW("max_pool_forward", max_pool_forward_), ROW("max_pool_backward", max_pool_backward_), {}};

}  // namespace rushlight
