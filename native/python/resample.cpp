// Binding of resampling along one dimension, of arrays in C order or channels-last. The result lies as the input does.
#include <vector>

#include "kernels.h"
#include "python/layout.h"

namespace rushlight {
namespace {

template <class T>
void copy_numbers(PyObject* o, std::vector<float>* to) {
    for (int64_t i = 0; i < size(o); i++) to->push_back(float(data<T>(o)[i]));
}

// indices (out, taps) int64 into `in` places, weights of that shape or None
bool read_table(PyObject* indices, PyObject* weights, Resampling* s) {
    if (!is_array(indices, NPY_INT64, 2) || !is_contiguous(indices) || !size(indices)) return false;
    s->out = dim(indices, 0), s->taps = dim(indices, 1);
    for (int64_t i = 0; i < size(indices); i++) {
        const int64_t place = data<int64_t>(indices)[i];
        if (place < 0 || place >= s->in) return false;
        s->indices.push_back(int32_t(place));
    }
    if (weights == Py_None) return s->taps == 1;
    const bool wide = is_array(weights, NPY_FLOAT64, 2);
    if ((!wide && !is_f32(weights, 2)) || !is_contiguous(weights) || !same_shape(indices, weights)) return false;
    wide ? copy_numbers<double>(weights, &s->weights) : copy_numbers<float>(weights, &s->weights);
    return true;
}

// resample(x, indices, weights, axis) -> y
PyObject* resample_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t axis = 0;
    if (count != 4 || !is_f32(args[0]) || !size(args[0]) || ndim(args[0]) > 8 || !read_int(args[3], &axis) ||
        axis < 0 || axis >= ndim(args[0]))
        return not_implemented();
    PyObject* x = args[0];
    const int n = ndim(x);
    const bool last = n > 2 && axis > 1 && !is_contiguous(x) && is_channels_last(x);
    Resampling s;
    s.in = dim(x, int(axis));
    if ((!last && !is_contiguous(x)) || size(x) > INT32_MAX || !read_table(args[1], args[2], &s))
        return not_implemented();
    int64_t inner = last ? dim(x, 1) : 1;
    npy_intp shape[8];
    for (int d = 0; d < n; d++) {
        shape[d] = d == axis ? s.out : dim(x, d);
        if (d > axis) inner *= dim(x, d);
    }
    Ref y = last ? new_channels_last(NPY_FLOAT32, n, shape) : new_f32(n, shape);
    if (!y) return nullptr;
    {
        Unlocked unlocked(double(s.taps) * double(size(y.get())));
        resample(data(x), size(x) / (s.in * inner), s, inner, data(y));
    }
    return y.release();
}

}  // namespace

PyMethodDef resample_methods[] = {RUSHLIGHT_TWIN(resample, "x, indices, weights, axis -> y"), {}};

}  // namespace rushlight
