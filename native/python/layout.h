// Memory layouts beyond C order that kernels take as they are: dense arrays in any order of dimensions, for work
// element by element, and channels-last images, (N, C, *S) stored as (N, *S, C).
#pragma once

#include <algorithm>

#include "kernels.h"
#include "python/binding.h"

namespace rushlight {

// Whether the elements of `o` fill their memory without gaps, in whatever order of dimensions.
inline bool is_dense(PyObject* o) {
    if (PyArray_IS_C_CONTIGUOUS(as_array(o)) || PyArray_IS_F_CONTIGUOUS(as_array(o))) return true;
    const int n = ndim(o);
    int64_t expected = PyArray_ITEMSIZE(as_array(o));
    bool used[NPY_MAXDIMS] = {};
    for (int placed = 0; placed < n; placed++) {
        int next = -1;
        for (int d = 0; d < n && next < 0; d++)
            if (!used[d] && (dim(o, d) == 1 || stride(o, d) == expected)) next = d;
        if (next < 0) return false;
        used[next] = true;
        expected *= dim(o, next);
    }
    return true;
}

// Whether two arrays of one shape put the same element at the same place.
inline bool same_layout(PyObject* a, PyObject* b) {
    if (!same_shape(a, b)) return false;
    for (int d = 0; d < ndim(a); d++)
        if (dim(a, d) != 1 && stride(a, d) != stride(b, d)) return false;
    return true;
}

inline bool is_f32_dense(PyObject* o) { return is_f32(o) && size(o) > 0 && is_dense(o); }
inline bool is_f32_dense_like(PyObject* o, PyObject* model) { return is_f32(o) && same_layout(o, model); }

// A new array of the shape and order of dimensions of a dense one.
inline Ref new_f32_laid_out_like(PyObject* o) {
    return Ref(PyArray_NewLikeArray(as_array(o), NPY_KEEPORDER, nullptr, 0));
}

// Whether (N, C, *S) lies in memory as (N, *S, C) without gaps; a matrix (N, C) does if it is in C order.
inline bool is_channels_last(PyObject* o) {
    const int n = ndim(o);
    if (n < 2) return false;
    int64_t expected = PyArray_ITEMSIZE(as_array(o));
    auto fits = [&](int d) {
        const bool ok = dim(o, d) == 1 || stride(o, d) == expected;
        expected *= dim(o, d);
        return ok;
    };
    if (!fits(1)) return false;
    for (int d = n - 1; d > 1; d--)
        if (!fits(d)) return false;
    return fits(0);
}
inline bool is_f32_channels_last(PyObject* o) { return is_f32(o) && size(o) > 0 && is_channels_last(o); }

// A new array of this logical shape (N, C, *S), stored channels-last.
inline Ref new_channels_last(int type, int n, const npy_intp* shape) {
    npy_intp stored[NPY_MAXDIMS], order[NPY_MAXDIMS];
    stored[0] = shape[0];
    stored[n - 1] = shape[1];
    order[0] = 0;
    order[1] = n - 1;
    for (int d = 2; d < n; d++) stored[d - 1] = shape[d], order[d] = d - 1;
    Ref memory = new_array(type, n, stored);
    if (!memory) return memory;
    PyArray_Dims axes{order, n};
    return Ref(PyArray_Transpose(memory.array(), &axes));
}

// `o` itself if it is channels-last, else a copy that is.
inline Ref as_channels_last(PyObject* o) {
    Ref same;
    if (is_channels_last(o)) {
        Py_INCREF(o);
        return Ref(o);
    }
    Ref copy = new_channels_last(PyArray_TYPE(as_array(o)), ndim(o), PyArray_DIMS(as_array(o)));
    if (!copy) return copy;
    if (is_f32_contiguous(o))
        transpose_batch(data(o), dim(o, 0), dim(o, 1), size(o) / (dim(o, 0) * dim(o, 1)), data(copy));
    else if (PyArray_CopyInto(copy.array(), as_array(o)) < 0)
        return Ref();
    return copy;
}

// `o` itself if it lies plane by plane, in C order, else a copy that does.
inline Ref as_planes(PyObject* o) {
    if (!is_f32_channels_last(o) || is_contiguous(o)) return Ref(PyArray_FROM_OF(o, NPY_ARRAY_C_CONTIGUOUS));
    Ref copy = new_f32_like(o);
    if (copy) transpose_batch(data(o), dim(o, 0), size(o) / (dim(o, 0) * dim(o, 1)), dim(o, 1), data(copy));
    return copy;
}

}  // namespace rushlight
