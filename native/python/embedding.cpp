// Bindings of looking up rows of a table, and of the table's gradient.
#include "kernels.h"
#include "python/copy.h"

namespace rushlight {
namespace {

bool all_within(const int64_t* indices, int64_t count, int64_t V) {
    for (int64_t i = 0; i < count; i++)
        if (indices[i] < 0 || indices[i] >= V) return false;
    return true;
}

// embedding_forward(weight, indices) -> (.., D)
PyObject* embedding_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !is_f32_contiguous(args[0], 2) || !is_array(args[1], NPY_INT64) || !is_contiguous(args[1]) ||
        ndim(args[1]) >= NPY_MAXDIMS || !size(args[1]) || !size(args[0]))
        return not_implemented();
    const int n = ndim(args[1]);
    const int64_t V = dim(args[0], 0), D = dim(args[0], 1), R = size(args[1]);
    const int64_t* indices = data<int64_t>(args[1]);
    if (!all_within(indices, R, V)) return not_implemented();
    npy_intp shape[NPY_MAXDIMS];
    for (int d = 0; d < n; d++) shape[d] = dim(args[1], d);
    shape[n] = D;
    Ref y = new_f32(n + 1, shape);
    if (!y) return nullptr;
    {
        Unlocked unlocked(8.0 * double(R * D));
        embedding_forward(data(args[0]), indices, R, D, data(y));
    }
    return y.release();
}

// embedding_backward(grad, indices, num_embeddings, padding_idx) -> dweight
PyObject* embedding_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t V = 0, padding = 0;
    if (count != 4 || !is_f32(args[0]) || !is_array(args[1], NPY_INT64) || !read_int(args[2], &V) ||
        !read_int(args[3], &padding))
        return not_implemented();
    const int n = ndim(args[1]);
    if (ndim(args[0]) != n + 1 || size(args[0]) == 0 || V < 1) return not_implemented();
    for (int d = 0; d < n; d++)
        if (dim(args[0], d) != dim(args[1], d)) return not_implemented();
    Ref grad = in_order(args[0]), indices = in_order(args[1]);
    if (!grad || !indices) return nullptr;
    const int64_t D = dim(args[0], n), R = size(args[1]);
    if (!all_within(data<int64_t>(indices), R, V)) return not_implemented();
    const npy_intp shape[] = {V, D};
    Ref dweight = new_f32(2, shape);
    if (!dweight) return nullptr;
    {
        Unlocked unlocked(4.0 * double((R + V) * D));
        embedding_backward(data(grad), data<int64_t>(indices), padding, R, D, V, data(dweight));
    }
    return dweight.release();
}

}  // namespace

PyMethodDef embedding_methods[] = {
    RUSHLIGHT_TWIN(embedding_forward, "weight (V, D), indices (..) -> (.., D)"),
    RUSHLIGHT_TWIN(embedding_backward, "grad (.., D), indices (..), V, padding_idx -> dweight (V, D)"),
    {},
};

}  // namespace rushlight
