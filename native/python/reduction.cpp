// Bindings of sums, largest and smallest numbers: dense arrays in any order of dimensions, over dimensions that are
// neighbours in memory.
#include "python/broadcast.h"
#include "python/layout.h"

namespace rushlight {
namespace {

using Reduce = bool (*)(const float*, int64_t, int64_t, int64_t, float*);

// The array as (O, R, I), R being what is reduced. False: other dimensions lie between those that are.
struct Middle {
    int64_t O = 1, R = 1, I = 1;

    bool read(PyObject* x, const int* order, const bool* reduced) {
        for (int i = 0; i < ndim(x); i++) {
            const int d = order[i];
            if (dim(x, d) == 1) continue;
            if (reduced[d] && I > 1) return false;
            (reduced[d] ? R : R > 1 ? I : O) *= dim(x, d);
        }
        return true;
    }
};

// The shape of the result, and the order of its dimensions in memory.
void read_result(PyObject* x, const int* order, const bool* reduced, bool keepdims, Broadcast* result, int* places) {
    int place[NPY_MAXDIMS], count = 0;
    for (int d = 0; d < ndim(x); d++) {
        if (reduced[d] && !keepdims) continue;
        place[d] = result->rank;
        result->shape[result->rank++] = reduced[d] ? 1 : dim(x, d);
    }
    for (int i = 0; i < ndim(x); i++)
        if (!reduced[order[i]] || keepdims) places[count++] = place[order[i]];
}

// (x, axes, keepdims) -> y
template <Reduce reduce>
PyObject* over(PyObject*, PyObject* const* args, Py_ssize_t count) {
    bool reduced[NPY_MAXDIMS] = {}, keepdims = false;
    if (count != 3 || !is_f32_dense(args[0]) || !read_axes(args[1], ndim(args[0]), reduced) ||
        !read_bool(args[2], &keepdims))
        return not_implemented();
    PyObject* x = args[0];
    Broadcast own, result;
    int order[NPY_MAXDIMS], places[NPY_MAXDIMS];
    Middle shape;
    if (!own.add(x)) return not_implemented();
    own.order_dimensions(&x, 1, order);
    if (!shape.read(x, order, reduced)) return not_implemented();
    read_result(x, order, reduced, keepdims, &result, places);
    Ref y = result.new_in_order(NPY_FLOAT32, places);
    if (!y) return nullptr;
    bool done;
    {
        Unlocked unlocked(4.0 * double(size(x)));
        done = reduce(data(x), shape.O, shape.R, shape.I, data(y));
    }
    return done ? y.release() : PyErr_NoMemory();
}

using Run = void (*)(const float*, int64_t, int64_t, int64_t, float*);

// (x, dim) -> y
template <Run run>
PyObject* along(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t d = 0;
    if (count != 2 || !is_f32_contiguous(args[0]) || !size(args[0]) || !read_int(args[1], &d) || d < 0 ||
        d >= ndim(args[0]))
        return not_implemented();
    int64_t O = 1, I = 1;
    for (int i = 0; i < ndim(args[0]); i++)
        if (i != d) (i < d ? O : I) *= dim(args[0], i);
    Ref y = new_f32_like(args[0]);
    if (!y) return nullptr;
    {
        Unlocked unlocked(8.0 * double(size(args[0])));
        run(data(args[0]), O, dim(args[0], int(d)), I, data(y));
    }
    return y.release();
}

}  // namespace

PyMethodDef reduction_methods[] = {
    RUSHLIGHT_ROW("total", over<total>, "x, axes, keepdims -> the sums"),
    RUSHLIGHT_ROW("running_sums", along<running_sums>, "x, dim -> the sum of each number and those before it"),
    RUSHLIGHT_ROW("running_products", along<running_products>, "x, dim -> the product of each number and those before"),
    RUSHLIGHT_ROW("squares", over<squares>, "x, axes, keepdims -> the sums of squares"),
    RUSHLIGHT_ROW("product", over<product>, "x, axes, keepdims -> the products"),
    RUSHLIGHT_ROW("largest", over<largest>, "x, axes, keepdims -> the largest numbers"),
    RUSHLIGHT_ROW("smallest", over<smallest>, "x, axes, keepdims -> the smallest numbers"),
    {},
};

}  // namespace rushlight
