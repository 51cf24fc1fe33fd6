// Bindings of activations and their gradients: dense arrays in any order of dimensions.
#include "kernels.h"
#include "python/destination.h"

namespace rushlight {
namespace {

using Map = void (*)(const float*, int64_t, float*);
using PairMap = void (*)(const float*, const float*, int64_t, float*);

PyObject* map(Map kernel, PyObject* x) {
    PyObject* to = take_destination();
    if (!is_f32_dense(x)) return not_implemented();
    const bool here = to && is_f32(to) && same_layout(to, x) && takes_result(to, NPY_FLOAT32, &x, 1);
    Ref y = here ? again(to) : new_f32_laid_out_like(x);
    if (!y) return nullptr;
    {
        Unlocked unlocked(8.0 * double(size(x)));
        kernel(data(x), size(x), data(y));
    }
    return y.release();
}

// The gradient may lie otherwise than what forward saved (after a transpose, say): then it is brought to that layout.
PyObject* map(PairMap kernel, PyObject* grad, PyObject* saved) {
    if (!is_f32_dense(saved) || !is_f32(grad) || !same_shape(grad, saved)) return not_implemented();
    Ref dx = new_f32_laid_out_like(saved);
    if (!dx) return nullptr;
    const float* incoming = data(grad);
    if (!same_layout(grad, saved)) {
        if (PyArray_CopyInto(dx.array(), as_array(grad)) < 0) return nullptr;
        incoming = data(dx);
    }
    {
        Unlocked unlocked(12.0 * double(size(saved)));
        kernel(incoming, data(saved), size(saved), data(dx));
    }
    return dx.release();
}

template <Map kernel>
PyObject* forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return count == 1 ? map(kernel, args[0]) : not_implemented();
}

template <PairMap kernel>
PyObject* backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return count == 2 ? map(kernel, args[0], args[1]) : not_implemented();
}

PyObject* gelu_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyUnicode_Check(args[1])) return not_implemented();
    return map(is_text(args[1], "tanh") ? gelu_tanh_forward : gelu_forward, args[0]);
}

PyObject* gelu_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3 || !PyUnicode_Check(args[2])) return not_implemented();
    return map(is_text(args[2], "tanh") ? gelu_tanh_backward : gelu_backward, args[0], args[1]);
}

// x (.., 2 C) in C order, halved along its last dimensions from `dim` on.
bool read_halves(PyObject* x, PyObject* along, int64_t* R, int64_t* C) {
    int64_t d = 0;
    if (!is_f32_contiguous(x) || size(x) == 0 || !read_int(along, &d) || d < 0 || d >= ndim(x) || dim(x, int(d)) % 2)
        return false;
    *C = 1;
    for (int i = int(d); i < ndim(x); i++) *C *= dim(x, i);
    *R = size(x) / *C;
    *C /= 2;
    return true;
}

// glu_forward(x, dim) -> y
PyObject* glu_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t R, C, d;
    if (count != 2 || !read_halves(args[0], args[1], &R, &C) || !read_int(args[1], &d)) return not_implemented();
    npy_intp shape[NPY_MAXDIMS];
    for (int i = 0; i < ndim(args[0]); i++) shape[i] = dim(args[0], i) / (i == d ? 2 : 1);
    Ref y = new_f32(ndim(args[0]), shape);
    if (!y) return nullptr;
    {
        Unlocked unlocked(16.0 * double(R * C));
        glu_forward(data(args[0]), R, C, data(y));
    }
    return y.release();
}

// glu_backward(grad, x, dim) -> dx
PyObject* glu_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t R, C;
    if (count != 3 || !read_halves(args[1], args[2], &R, &C) || !is_f32_contiguous(args[0]) || size(args[0]) != R * C)
        return not_implemented();
    Ref dx = new_f32_like(args[1]);
    if (!dx) return nullptr;
    {
        Unlocked unlocked(24.0 * double(R * C));
        glu_backward(data(args[0]), data(args[1]), R, C, data(dx));
    }
    return dx.release();
}

}  // namespace

PyMethodDef activation_methods[] = {
    RUSHLIGHT_ROW("relu_forward", forward<relu_forward>, nullptr),
    RUSHLIGHT_ROW("relu_backward", backward<relu_backward>, nullptr),
    RUSHLIGHT_ROW("sigmoid_forward", forward<sigmoid_forward>, nullptr),
    RUSHLIGHT_ROW("sigmoid_backward", backward<sigmoid_backward>, nullptr),
    RUSHLIGHT_ROW("tanh_forward", forward<tanh_forward>, nullptr),
    RUSHLIGHT_ROW("tanh_backward", backward<tanh_backward>, nullptr),
    RUSHLIGHT_ROW("silu_forward", forward<silu_forward>, nullptr),
    RUSHLIGHT_ROW("silu_backward", backward<silu_backward>, nullptr),
    RUSHLIGHT_ROW("erf_forward", forward<erf_forward>, nullptr),
    RUSHLIGHT_TWIN(gelu_forward, nullptr),
    RUSHLIGHT_TWIN(gelu_backward, nullptr),
    RUSHLIGHT_TWIN(glu_forward, nullptr),
    RUSHLIGHT_TWIN(glu_backward, nullptr),
    {},
};

}  // namespace rushlight
