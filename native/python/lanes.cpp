// Bindings of gather, scatter and scatter_add along one dimension, whose index may be repeated (strides of 0) over the
// other dimensions.
#include <cstring>

#include "kernels.h"
#include "python/destination.h"

namespace rushlight {
namespace {

// An index in C order is looked through at once; a repeated one where it differs.
bool all_within(PyObject* index, const Lanes& s) {
    if (is_contiguous(index)) return all_below(s.index, size(index), s.S);
    for (int64_t o = 0; o < s.O; o += s.index_o ? 1 : s.O)
        for (int64_t k = 0; k < s.K; k++)
            for (int64_t i = 0; i < s.I; i += s.index_i ? 1 : s.I) {
                const int64_t place = s.index[o * s.index_o + k * s.index_k + i * s.index_i];
                if (place < 0 || place >= s.S) return false;
            }
    return true;
}

// The step of dimensions begin .. end of the index as one; -1: they do not lie evenly.
int64_t joint_step(PyObject* index, int begin, int end) {
    int64_t step = 0, size = 1;
    for (int d = end - 1; d >= begin; d--) {
        if (dim(index, d) == 1) continue;
        const int64_t own = stride(index, d) / int64_t(sizeof(int64_t));
        if (own < 0 || (size > 1 && own != step * size)) return -1;
        if (size == 1) step = own;
        size *= dim(index, d);
    }
    return step;
}

// x (O, S, I) by index (O, K, I), equal in all dimensions but `along`.
bool read_lanes(PyObject* x, PyObject* index, PyObject* along, Lanes* s) {
    int64_t d = 0;
    if (!PyArray_CheckExact(x) || !is_contiguous(x) || !PyArray_ISBEHAVED_RO(as_array(x)) ||
        !is_array(index, NPY_INT64, ndim(x)) || size(index) == 0 || size(x) == 0 || !read_int(along, &d) || d < 0 ||
        d >= ndim(x))
        return false;
    s->O = s->I = 1;
    for (int i = 0; i < ndim(x); i++) {
        if (i == d) continue;
        if (dim(x, i) != dim(index, i)) return false;
        (i < d ? s->O : s->I) *= dim(x, i);
    }
    s->S = dim(x, int(d));
    s->K = dim(index, int(d));
    s->index = data<const int64_t>(index);
    s->index_o = joint_step(index, 0, int(d));
    s->index_k = stride(index, int(d)) / int64_t(sizeof(int64_t));
    s->index_i = joint_step(index, int(d) + 1, ndim(x));
    return s->index_o >= 0 && s->index_i >= 0 && all_within(index, *s);
}

// Whether elements can be moved as 4 or 8 bytes.
bool is_movable(PyObject* x) {
    const int type = PyArray_TYPE(as_array(x));
    return type == NPY_FLOAT32 || type == NPY_FLOAT64 || type == NPY_INT64 || type == NPY_INT32;
}

bool is_source(PyObject* src, PyObject* x, PyObject* index) {
    return is_array(src, PyArray_TYPE(as_array(x))) && is_contiguous(src) && same_shape(src, index);
}

// A copy of x; x itself where it is to be written in place, and nothing that is read shares its memory.
Ref to_scatter_into(PyObject* to, PyObject* x, PyObject* index, PyObject* src) {
    if (to == x && PyArray_ISWRITEABLE(as_array(x)) && lie_apart(x, index) && lie_apart(x, src)) return again(x);
    return Ref(PyArray_NewCopy(as_array(x), NPY_CORDER));
}

// all_below(index, size) -> whether every entry is in [0, size)
PyObject* all_below_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t limit = 0;
    if (count != 2 || !is_array(args[0], NPY_INT64) || !is_contiguous(args[0]) || !read_int(args[1], &limit) ||
        limit < 0)
        return not_implemented();
    return PyBool_FromLong(all_below(data<int64_t>(args[0]), size(args[0]), limit));
}

// gather_kernel(x, index, dim) -> y
PyObject* gather_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Lanes s;
    if (count != 3 || !read_lanes(args[0], args[1], args[2], &s) || !is_movable(args[0])) return not_implemented();
    Ref y = new_array(PyArray_TYPE(as_array(args[0])), ndim(args[1]), PyArray_DIMS(as_array(args[1])));
    if (!y) return nullptr;
    {
        Unlocked unlocked(8.0 * double(size(args[1])));
        gather(s, int(PyArray_ITEMSIZE(y.array())), data<void>(args[0]), data<void>(y));
    }
    return y.release();
}

// scatter_kernel(x, index, src, dim) -> x with src written where the index names
PyObject* scatter_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
    PyObject* to = take_destination();
    Lanes s;
    if (count != 4 || !read_lanes(args[0], args[1], args[3], &s) || !is_movable(args[0]) ||
        !is_source(args[2], args[0], args[1]))
        return not_implemented();
    Ref out = to_scatter_into(to, args[0], args[1], args[2]);
    if (!out) return nullptr;
    {
        Unlocked unlocked(8.0 * double(size(args[1])));
        scatter(s, int(PyArray_ITEMSIZE(out.array())), data<void>(args[2]), data<void>(out));
    }
    return out.release();
}

// scatter_add_kernel(x, index, src, dim) -> x with src added where the index names
PyObject* scatter_add_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
    PyObject* to = take_destination();
    Lanes s;
    if (count != 4 || !read_lanes(args[0], args[1], args[3], &s) || !is_f32(args[0]) ||
        !is_source(args[2], args[0], args[1]))
        return not_implemented();
    Ref out = to_scatter_into(to, args[0], args[1], args[2]);
    if (!out) return nullptr;
    {
        Unlocked unlocked(8.0 * double(size(args[1])));
        scatter_add(s, data(args[2]), data(out));
    }
    return out.release();
}

// one_hot_rows(index, count) -> (.., count)
PyObject* one_hot_rows(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t C = 0;
    if (count != 2 || !is_array(args[0], NPY_INT64) || !is_contiguous(args[0]) || !size(args[0]) ||
        ndim(args[0]) >= NPY_MAXDIMS || !read_int(args[1], &C) || C < 1 || size(args[0]) > INT64_MAX / 8 / C)
        return not_implemented();
    const int64_t* index = data<int64_t>(args[0]);
    if (!all_below(index, size(args[0]), C)) return not_implemented();
    npy_intp shape[NPY_MAXDIMS];
    for (int d = 0; d < ndim(args[0]); d++) shape[d] = dim(args[0], d);
    shape[ndim(args[0])] = C;
    Ref y = new_array(NPY_INT64, ndim(args[0]) + 1, shape);
    if (!y) return nullptr;
    {
        Unlocked unlocked(8.0 * double(size(y.get())));
        one_hot(index, size(args[0]), C, data<int64_t>(y));
    }
    return y.release();
}

}  // namespace

PyMethodDef lanes_methods[] = {
    RUSHLIGHT_METHOD(one_hot_rows, "index (..), count -> (.., count), 1 at each index"),
    RUSHLIGHT_TWIN(all_below, "index, size -> whether every entry is in [0, size)"),
    RUSHLIGHT_METHOD(gather_kernel, "x, index, dim -> the elements that the index names along dim"),
    RUSHLIGHT_METHOD(scatter_kernel, "x, index, src, dim -> x with src written there"),
    RUSHLIGHT_METHOD(scatter_add_kernel, "x, index, src, dim -> x with src added there"),
    {},
};

}  // namespace rushlight
