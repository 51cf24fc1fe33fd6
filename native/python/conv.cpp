// Bindings of convolution over one to three spatial dimensions (those that lack have size 1). Images that are not
// channels-last are copied so, except those of a first layer, whose planes the kernels take as they are.
#include "kernels.h"
#include "python/layout.h"

namespace rushlight {
namespace {

// The last four arguments of every function: stride, padding, dilation, groups.
bool read_window(PyObject* const* args, int spatial, ConvShape* s) {
    int64_t stride[3] = {1, 1, 1}, pad[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
    const int skip = 3 - spatial;
    if (!read_ints(args[0], spatial, stride + skip) || !read_ints(args[1], spatial, pad + skip) ||
        !read_ints(args[2], spatial, dilation + skip) || !read_int(args[3], &s->groups) || s->groups < 1)
        return false;
    for (int i = 0; i < 3; i++)
        if (stride[i] < 1 || stride[i] > INT32_MAX || pad[i] < 0 || pad[i] > INT32_MAX || dilation[i] < 1 ||
            dilation[i] > INT32_MAX)
            return false;
    s->stride_d = stride[0], s->stride_h = stride[1], s->stride_w = stride[2];
    s->pad_d = pad[0], s->pad_h = pad[1], s->pad_w = pad[2];
    s->dilation_d = dilation[0], s->dilation_h = dilation[1], s->dilation_w = dilation[2];
    return true;
}

// Shapes with all dimensions of the input (N, C, D, H, W), the weight (O, C, KD, KH, KW) and the output (N, O, OD, OH,
// OW).
struct Shapes {
    int64_t input[5], weight[5], output[5];
};

// Where dimension d of an array of n dimensions goes among five.
int place(int d, int n) { return d < 2 ? d : d + 5 - n; }

void read_shape(PyObject* o, int64_t* shape) {
    shape[2] = shape[3] = 1;
    for (int d = 0; d < ndim(o); d++) shape[place(d, ndim(o))] = dim(o, d);
}
bool read_shape_tuple(PyObject* o, int n, int64_t* shape) {
    int64_t given[5];
    if (!read_ints(o, n, given)) return false;
    shape[2] = shape[3] = 1;
    for (int d = 0; d < n; d++) shape[place(d, n)] = given[d];
    return true;
}

// Whether they fit together. Outputs may be smaller than the input allows (a transposed convolution's are).
bool fit(const Shapes& shapes, ConvShape* s) {
    for (const int64_t* shape : {shapes.input, shapes.weight, shapes.output})
        for (int d = 0; d < 5; d++)
            if (shape[d] < 1 || shape[d] > INT32_MAX) return false;
    s->N = shapes.input[0], s->D = shapes.input[2], s->H = shapes.input[3], s->W = shapes.input[4];
    s->C = shapes.weight[1], s->KD = shapes.weight[2], s->KH = shapes.weight[3], s->KW = shapes.weight[4];
    s->OD = shapes.output[2], s->OH = shapes.output[3], s->OW = shapes.output[4];
    s->O = shapes.weight[0] / s->groups;
    const bool channels = shapes.input[1] == s->C * s->groups && shapes.weight[0] == s->O * s->groups;
    const bool batch = shapes.output[0] == s->N && shapes.output[1] == shapes.weight[0];
    return channels && batch && (s->OD - 1) * s->stride_d + s->dilation_d * (s->KD - 1) < s->D + 2 * s->pad_d &&
           (s->OH - 1) * s->stride_h + s->dilation_h * (s->KH - 1) < s->H + 2 * s->pad_h &&
           (s->OW - 1) * s->stride_w + s->dilation_w * (s->KW - 1) < s->W + 2 * s->pad_w;
}

// Volumes are taken where there is a kernel for them; the definition makes images of the others.
bool is_taken(const ConvShape& s, int n) { return n < 5 || direct_takes(s); }

double work(const ConvShape& s) {
    return 2.0 * double(s.N * s.OD * s.OH * s.OW) * double(s.O * s.groups) * double(s.C * s.KD * s.KH * s.KW);
}

Ref contiguous(PyObject* o) { return Ref(PyArray_FROM_OF(o, NPY_ARRAY_C_CONTIGUOUS)); }

Images channels_last_images(const float* data, int64_t C, int64_t H, int64_t W) {
    return {data, H * W * C, 1, W * C, C, H, W};
}

// The input as the kernels take it; `keep` holds the copy, if it takes one.
Images input_images(PyObject* x, const ConvShape& s, Ref* keep) {
    const int64_t C = s.C * s.groups;
    if (is_contiguous(x) && s.groups == 1 && conv_takes_planes(s) && ndim(x) < 5)
        return {data(x), C * s.H * s.W, s.H * s.W, s.W, 1, s.H, s.W};
    *keep = as_channels_last(x);
    return channels_last_images(*keep ? data(*keep) : nullptr, C, s.H, s.W);
}

Ref new_images(int n, const int64_t* shape) {
    npy_intp own[5];
    for (int d = 0; d < n; d++) own[d] = shape[place(d, n)];
    return new_channels_last(NPY_FLOAT32, n, own);
}

PyObject* conv_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 7 || !is_f32(args[0]) || ndim(args[0]) < 3 || ndim(args[0]) > 5 || !is_f32(args[1], ndim(args[0])))
        return not_implemented();
    ConvShape s;
    Shapes shapes;
    const int n = ndim(args[0]);
    if (!read_window(args + 3, n - 2, &s) || !is_none_or_vector(args[2], dim(args[1], 0))) return not_implemented();
    read_shape(args[0], shapes.input);
    read_shape(args[1], shapes.weight);
    const int64_t stride[] = {s.stride_d, s.stride_h, s.stride_w}, pad[] = {s.pad_d, s.pad_h, s.pad_w};
    const int64_t dilation[] = {s.dilation_d, s.dilation_h, s.dilation_w};
    shapes.output[0] = shapes.input[0], shapes.output[1] = shapes.weight[0];
    for (int i = 0; i < 3; i++) {
        const int64_t room = shapes.input[i + 2] + 2 * pad[i] - dilation[i] * (shapes.weight[i + 2] - 1) - 1;
        if (room < 0) return not_implemented();
        shapes.output[i + 2] = room / stride[i] + 1;
    }
    if (!fit(shapes, &s) || !is_taken(s, n)) return not_implemented();
    Ref copy, weight = contiguous(args[1]), y = new_images(n, shapes.output);
    const Images x = input_images(args[0], s, &copy);
    if (!x.data || !weight || !y) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        whole = direct_takes(s)     ? direct_forward(s, x.data, data(weight), data_or_null(args[2]), data(y))
                : winograd_takes(s) ? winograd_forward(s, x, data(weight), data_or_null(args[2]), data(y))
                                    : conv_forward(s, x, data(weight), data_or_null(args[2]), data(y));
    }
    return whole ? y.release() : PyErr_NoMemory();
}

PyObject* conv_backward_input_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 7 || !is_f32(args[0]) || ndim(args[0]) < 3 || ndim(args[0]) > 5 || !is_f32(args[1], ndim(args[0])))
        return not_implemented();
    ConvShape s;
    Shapes shapes;
    const int n = ndim(args[0]);
    if (!read_window(args + 3, n - 2, &s) || !read_shape_tuple(args[2], n, shapes.input)) return not_implemented();
    read_shape(args[0], shapes.output);
    read_shape(args[1], shapes.weight);
    if (!fit(shapes, &s) || !is_taken(s, n)) return not_implemented();
    Ref grad = as_channels_last(args[0]), weight = contiguous(args[1]), dx = new_images(n, shapes.input);
    if (!grad || !weight || !dx) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        const Images images = channels_last_images(data(grad), s.O * s.groups, s.OH, s.OW);
        whole = direct_takes(s)     ? direct_backward_input(s, data(grad), data(weight), data(dx))
                : winograd_takes(s) ? winograd_backward_input(s, data(grad), data(weight), data(dx))
                                    : conv_backward_input(s, images, data(weight), data(dx));
    }
    return whole ? dx.release() : PyErr_NoMemory();
}

PyObject* conv_backward_weight_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 7 || !is_f32(args[0]) || ndim(args[0]) < 3 || ndim(args[0]) > 5 || !is_f32(args[1], ndim(args[0])))
        return not_implemented();
    ConvShape s;
    Shapes shapes;
    const int n = ndim(args[0]);
    if (!read_window(args + 3, n - 2, &s) || !read_shape_tuple(args[2], n, shapes.weight)) return not_implemented();
    read_shape(args[0], shapes.output);
    read_shape(args[1], shapes.input);
    if (!fit(shapes, &s) || !is_taken(s, n)) return not_implemented();
    npy_intp own[5];
    for (int d = 0; d < n; d++) own[d] = shapes.weight[place(d, n)];
    Ref copy, grad = as_channels_last(args[0]), dweight = new_f32(n, own);
    const Images x = input_images(args[1], s, &copy);
    if (!x.data || !grad || !dweight) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        whole = direct_takes(s)     ? direct_backward_weight(s, data(grad), x.data, data(dweight))
                : winograd_takes(s) ? winograd_backward_weight(s, data(grad), x, data(dweight))
                                    : conv_backward_weight(s, data(grad), x, data(dweight));
    }
    return whole ? dweight.release() : PyErr_NoMemory();
}

}  // namespace

PyMethodDef conv_methods[] = {
    RUSHLIGHT_TWIN(conv_forward, "x (N, C, *S), weight (O, C / groups, *K), bias (O,) -> y (N, O, *S')"),
    RUSHLIGHT_TWIN(conv_backward_input, "grad (N, O, *S'), weight -> dx (N, C, *S)"),
    RUSHLIGHT_TWIN(conv_backward_weight, "grad (N, O, *S'), x (N, C, *S) -> dweight (O, C / groups, *K)"),
    {},
};

}  // namespace rushlight
