// Bindings of softmax and log softmax, over any dimension, and of cross entropy with class indices.
#include "kernels.h"
#include "python/layout.h"

namespace rushlight {
namespace {

// Whether `axis` is a dimension of a float32 array without empty dimensions.
bool read_axis(PyObject* x, PyObject* axis, int64_t* d) {
    if (!is_f32(x) || ndim(x) == 0 || size(x) == 0 || !read_int(axis, d) || *d < -ndim(x) || *d >= ndim(x))
        return false;
    if (*d < 0) *d += ndim(x);
    return true;
}

// A view in which dimension `from` stands at `to`, the others in their order.
Ref with_axis_moved(PyObject* x, int from, int to) {
    if (from == to) {
        Py_INCREF(x);
        return Ref(x);
    }
    npy_intp order[NPY_MAXDIMS];
    for (int i = 0, next = 0; i < ndim(x); i++) {
        if (next == from) next++;
        order[i] = i == to ? from : next++;
    }
    PyArray_Dims axes{order, ndim(x)};
    return Ref(PyArray_Transpose(as_array(x), &axes));
}

// The same numbers in C order with dimension d last, as rows: `x` itself if it is so already.
Ref as_rows(PyObject* x, int64_t d) {
    Ref moved = with_axis_moved(x, int(d), ndim(x) - 1);
    if (!moved) return moved;
    return Ref(reinterpret_cast<PyObject*>(PyArray_GETCONTIGUOUS(moved.array())));
}

Ref from_rows(const Ref& rows, int64_t d) { return with_axis_moved(rows.get(), ndim(rows.get()) - 1, int(d)); }

template <void (*kernel)(const float*, int64_t, int64_t, float*)>
PyObject* forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t d = 0;
    if (count != 2 || !read_axis(args[0], args[1], &d)) return not_implemented();
    Ref x = as_rows(args[0], d);
    if (!x) return nullptr;
    Ref y = new_f32_like(x.get());
    if (!y) return nullptr;
    const int64_t C = dim(args[0], int(d));
    {
        Unlocked unlocked(16.0 * double(size(args[0])));
        kernel(data(x), size(args[0]) / C, C, data(y));
    }
    return from_rows(y, d).release();
}

template <void (*kernel)(const float*, const float*, int64_t, int64_t, float*)>
PyObject* backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t d = 0;
    if (count != 3 || !read_axis(args[1], args[2], &d) || !is_f32(args[0]) || !same_shape(args[0], args[1]))
        return not_implemented();
    Ref grad = as_rows(args[0], d), y = as_rows(args[1], d);
    if (!grad || !y) return nullptr;
    Ref dx = new_f32_like(y.get());
    if (!dx) return nullptr;
    const int64_t C = dim(args[1], int(d));
    {
        Unlocked unlocked(16.0 * double(size(args[1])));
        kernel(data(grad), data(y), size(args[1]) / C, C, data(dx));
    }
    return from_rows(dx, d).release();
}

bool is_targets(PyObject* o, int64_t R) { return is_array(o, NPY_INT64, 1) && is_contiguous(o) && dim(o, 0) == R; }

// Whether every target is a class or `ignore`; counts those that are classes.
bool count_targets(const int64_t* target, int64_t R, int64_t C, int64_t ignore, int64_t* counted) {
    *counted = 0;
    for (int64_t r = 0; r < R; r++) {
        if (target[r] == ignore) continue;
        if (target[r] < 0 || target[r] >= C) return false;
        ++*counted;
    }
    return true;
}

// cross_entropy_forward(logits, target, weight, ignore_index, smoothing, reduction) -> loss, lse
PyObject* cross_entropy_forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t ignore = 0, counted = 0;
    float smoothing = 0;
    if (count != 6 || !is_f32_contiguous(args[0], 2) || !size(args[0]) || !is_targets(args[1], dim(args[0], 0)) ||
        args[2] != Py_None || !read_int(args[3], &ignore) || !read_float(args[4], &smoothing))
        return not_implemented();
    const bool mean = is_text(args[5], "mean"), total = is_text(args[5], "sum"), none = is_text(args[5], "none");
    const int64_t R = dim(args[0], 0), C = dim(args[0], 1);
    const int64_t* target = data<int64_t>(args[1]);
    if (!(mean || total || none) || !count_targets(target, R, C, ignore, &counted)) return not_implemented();
    const npy_intp rows = R;
    Ref losses = new_f32(1, &rows), lse = new_f32(1, &rows);
    if (!losses || !lse) return nullptr;
    {
        Unlocked unlocked(16.0 * double(R * C));
        cross_entropy_rows(data(args[0]), target, ignore, smoothing, R, C, data(losses), data(lse));
    }
    if (!none) {
        double sum = 0;
        for (int64_t r = 0; r < R; r++) sum += double(data(losses)[r]);
        Ref loss = new_f32(0, nullptr);
        if (!loss) return nullptr;
        *data(loss) = float(mean ? sum / double(counted) : sum);
        losses = static_cast<Ref&&>(loss);
    }
    PyObject* result = PyTuple_Pack(2, losses.get(), lse.get());
    return result;
}

// cross_entropy_backward(grad, logits, target, weight, lse, ignore_index, smoothing, reduction) -> dlogits
PyObject* cross_entropy_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t ignore = 0, counted = 0;
    float smoothing = 0;
    if (count != 8 || !is_f32_contiguous(args[1], 2) || !size(args[1]) || !is_targets(args[2], dim(args[1], 0)) ||
        args[3] != Py_None || !is_f32_contiguous(args[4], 1) || dim(args[4], 0) != dim(args[1], 0) ||
        !read_int(args[5], &ignore) || !read_float(args[6], &smoothing))
        return not_implemented();
    const bool mean = is_text(args[7], "mean"), total = is_text(args[7], "sum"), none = is_text(args[7], "none");
    const int64_t R = dim(args[1], 0), C = dim(args[1], 1);
    const int64_t* target = data<int64_t>(args[2]);
    if (!(mean || total || none) || !count_targets(target, R, C, ignore, &counted)) return not_implemented();
    const bool fits = none ? is_f32_contiguous(args[0], 1) && dim(args[0], 0) == R : is_f32(args[0], 0);
    if (!fits) return not_implemented();
    Ref dlogits = new_f32_like(args[1]);
    if (!dlogits) return nullptr;
    const float shared = none ? 0.0f : *data(args[0]) / (mean ? float(counted) : 1.0f);
    {
        Unlocked unlocked(16.0 * double(R * C));
        cross_entropy_gradient(none ? data(args[0]) : &shared, none, data(args[1]), target, data(args[4]), ignore,
                               smoothing, R, C, data(dlogits));
    }
    return dlogits.release();
}

}  // namespace

PyMethodDef softmax_methods[] = {
    RUSHLIGHT_ROW("softmax_forward", forward<softmax_forward>, nullptr),
    RUSHLIGHT_ROW("softmax_backward", backward<softmax_backward>, nullptr),
    RUSHLIGHT_ROW("log_softmax_forward", forward<log_softmax_forward>, nullptr),
    RUSHLIGHT_ROW("log_softmax_backward", backward<log_softmax_backward>, nullptr),
    RUSHLIGHT_METHOD(cross_entropy_forward, nullptr),
    RUSHLIGHT_METHOD(cross_entropy_backward, nullptr),
    {},
};

}  // namespace rushlight
