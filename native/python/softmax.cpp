// Bindings of softmax and log softmax, over any dimension, and of cross entropy and negative log-likelihood of
// class indices.
#include "kernels.h"
#include "python/copy.h"
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
    return moved ? in_order(moved.get()) : static_cast<Ref&&>(moved);
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

// What the losses of classes have in common: target, weight, ignore_index, smoothing, reduction.
struct Reading {
    Classes classes{};
    bool mean, none;
    double counted = 0;  // the sum of the weights of the rows that count

    // Whether every target is a class or `ignore`; adds up what they weigh.
    bool count(int64_t R, int64_t C) {
        for (int64_t r = 0; r < R; r++) {
            const int64_t t = classes.target[r];
            if (t == classes.ignore) continue;
            if (t < 0 || t >= C) return false;
            counted += double(classes.weight_of(t));
        }
        return true;
    }

    bool read(int64_t R, int64_t C, PyObject* target, PyObject* weight, PyObject* ignore, PyObject* reduction) {
        if (!is_targets(target, R) || !is_none_or_vector(weight, C) || !read_int(ignore, &classes.ignore)) return false;
        classes.target = data<int64_t>(target);
        classes.weight = data_or_null(weight);
        double total = 0;
        for (int64_t c = 0; c < C && classes.weight; c++) total += double(classes.weight[c]);
        classes.total = classes.weight ? float(total) : float(C);
        mean = is_text(reduction, "mean");
        none = is_text(reduction, "none");
        return (mean || none || is_text(reduction, "sum")) && count(R, C);
    }

    // The losses themselves, their sum, or that divided by the weights.
    Ref reduced(Ref losses, int64_t R) const {
        if (none) return losses;
        double sum = 0;
        for (int64_t r = 0; r < R; r++) sum += double(data(losses)[r]);
        Ref loss = new_f32(0, nullptr);
        if (loss) *data(loss) = float(mean ? sum / counted : sum);
        return loss;
    }

    // The gradient of one row's loss: from its own, or all rows'.
    bool fits(PyObject* grad, int64_t R) const {
        return none ? is_f32_contiguous(grad, 1) && dim(grad, 0) == R : is_f32(grad, 0);
    }
    float shared(PyObject* grad) const {
        return none ? 0.0f : mean ? float(double(*data(grad)) / counted) : *data(grad);
    }
};

// cross_entropy_forward(logits, target, weight, ignore_index, smoothing, reduction) -> loss, lse
PyObject* cross_entropy_forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Reading in;
    if (count != 6 || !is_f32_contiguous(args[0], 2) || !size(args[0]) || !read_float(args[4], &in.classes.smoothing))
        return not_implemented();
    const npy_intp R = dim(args[0], 0), C = dim(args[0], 1);
    if (!in.read(R, C, args[1], args[2], args[3], args[5])) return not_implemented();
    Ref losses = new_f32(1, &R), lse = new_f32(1, &R);
    if (!losses || !lse) return nullptr;
    {
        Unlocked unlocked(16.0 * double(R * C));
        cross_entropy_rows(data(args[0]), in.classes, R, C, data(losses), data(lse));
    }
    Ref loss = in.reduced(static_cast<Ref&&>(losses), R);
    return loss ? PyTuple_Pack(2, loss.get(), lse.get()) : nullptr;
}

// cross_entropy_backward(grad, logits, target, weight, lse, ignore_index, smoothing, reduction) -> dlogits
PyObject* cross_entropy_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Reading in;
    if (count != 8 || !is_f32_contiguous(args[1], 2) || !size(args[1]) || !is_f32_contiguous(args[4], 1) ||
        dim(args[4], 0) != dim(args[1], 0) || !read_float(args[6], &in.classes.smoothing))
        return not_implemented();
    const int64_t R = dim(args[1], 0), C = dim(args[1], 1);
    if (!in.read(R, C, args[2], args[3], args[5], args[7]) || !in.fits(args[0], R)) return not_implemented();
    Ref dlogits = new_f32_like(args[1]);
    if (!dlogits) return nullptr;
    const float shared = in.shared(args[0]);
    {
        Unlocked unlocked(16.0 * double(R * C));
        cross_entropy_gradient(in.none ? data(args[0]) : &shared, in.none, data(args[1]), in.classes, data(args[4]), R,
                               C, data(dlogits));
    }
    return dlogits.release();
}

// nll_forward(x, target, weight, ignore_index, reduction) -> loss
PyObject* nll_forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Reading in;
    if (count != 5 || !is_f32_contiguous(args[0], 2) || !size(args[0])) return not_implemented();
    const npy_intp R = dim(args[0], 0), C = dim(args[0], 1);
    if (!in.read(R, C, args[1], args[2], args[3], args[4])) return not_implemented();
    Ref losses = new_f32(1, &R);
    if (!losses) return nullptr;
    nll_rows(data(args[0]), in.classes, R, C, data(losses));
    return in.reduced(static_cast<Ref&&>(losses), R).release();
}

// nll_backward(grad, shape, target, weight, ignore_index, reduction) -> dx
PyObject* nll_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Reading in;
    int64_t shape[2];
    if (count != 6 || !read_ints(args[1], 2, shape) || shape[0] < 1 || shape[1] < 1 || !PyArray_CheckExact(args[0]))
        return not_implemented();
    const int64_t R = shape[0], C = shape[1];
    if (!in.read(R, C, args[2], args[3], args[4], args[5]) || !in.fits(args[0], R)) return not_implemented();
    const npy_intp rows[] = {R, C};
    Ref dx = new_f32(2, rows);
    if (!dx) return nullptr;
    const float shared = in.shared(args[0]);
    {
        Unlocked unlocked(4.0 * double(R * C));
        nll_gradient(in.none ? data(args[0]) : &shared, in.none, in.classes, R, C, data(dx));
    }
    return dx.release();
}

}  // namespace

PyMethodDef softmax_methods[] = {
    RUSHLIGHT_ROW("softmax_forward", forward<softmax_forward>, nullptr),
    RUSHLIGHT_ROW("softmax_backward", backward<softmax_backward>, nullptr),
    RUSHLIGHT_ROW("log_softmax_forward", forward<log_softmax_forward>, nullptr),
    RUSHLIGHT_ROW("log_softmax_backward", backward<log_softmax_backward>, nullptr),
    RUSHLIGHT_METHOD(cross_entropy_forward, nullptr),
    RUSHLIGHT_METHOD(cross_entropy_backward, nullptr),
    RUSHLIGHT_METHOD(nll_forward, nullptr),
    RUSHLIGHT_METHOD(nll_backward, nullptr),
    {},
};

}  // namespace rushlight
