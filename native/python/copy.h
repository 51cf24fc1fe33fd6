// Copies of arrays of four-byte numbers, in threads, for bindings that need them in C order.
#pragma once

#include "python/binding.h"

namespace rushlight {

constexpr int64_t COPY_SIZE = 8192;  // elements from which our copy is quicker than NumPy's

// Writes x into the memory at y, in which one step along dimension d is steps[d] bytes; the last is one element, or 0
// where x has one entry. Whether it could.
bool copy_into(PyObject* x, char* y, const npy_intp* steps);

// Whether `o` is an array of numbers of four bytes.
inline bool is_four_bytes(PyObject* o) {
    return PyArray_CheckExact(o) && (is_array(o, NPY_FLOAT32) || is_array(o, NPY_INT32));
}

// A copy in C order.
Ref copy_in_order(PyObject* o);

// `o` itself if it is in C order, else a copy that is.
inline Ref in_order(PyObject* o) {
    if (!is_contiguous(o)) return copy_in_order(o);
    Py_INCREF(o);
    return Ref(o);
}

}  // namespace rushlight
