// Bindings of activations and their gradients: dense arrays in any order of dimensions.
#include "kernels.h"
#include "python/layout.h"

namespace rushlight {
namespace {

using Map = void (*)(const float*, int64_t, float*);
using PairMap = void (*)(const float*, const float*, int64_t, float*);

PyObject* map(Map kernel, PyObject* x) {
    if (!is_f32_dense(x)) return not_implemented();
    Ref y = new_f32_laid_out_like(x);
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
    {},
};

}  // namespace rushlight
