// Writing in place: the array to which the next function element by element (or scatter) may write its result, instead
// of to a new one. `write_next(array)` of Python sets it for the calling thread; the first function that is called
// afterwards takes it, whether or not it can use it, so that a second step never overwrites what a first one was given.
#pragma once

#include "python/layout.h"

namespace rushlight {

inline thread_local PyObject* destination = nullptr;  // borrowed: the caller of write_next holds it

inline PyObject* take_destination() {
    PyObject* taken = destination;
    destination = nullptr;
    return taken;
}

// The bytes from the first to the last element; strides are not negative.
inline bool lie_apart(PyObject* a, PyObject* b) {
    const auto end = [](PyObject* o) {
        const char* last = data<char>(o) + PyArray_ITEMSIZE(as_array(o));
        for (int d = 0; d < ndim(o); d++) last += (dim(o, d) - 1) * stride(o, d);
        return last;
    };
    return end(a) <= data<char>(b) || end(b) <= data<char>(a);
}

// Whether a result of this dtype may be written to `to` while the operands are read: one of them is `to`, and each lies
// elsewhere or, element by element, where the result does. `to` has the shape of the result.
inline bool takes_result(PyObject* to, int type, PyObject* const* operands, int count) {
    if (!is_plain(type) || !is_array(to, type) || !PyArray_ISWRITEABLE(as_array(to))) return false;
    bool read = false;
    for (int d = 0; d < ndim(to); d++)
        if (stride(to, d) < 0 || (stride(to, d) == 0 && dim(to, d) > 1)) return false;
    for (int k = 0; k < count; k++) {
        PyObject* o = operands[k];
        const bool same =
            o && PyArray_TYPE(as_array(o)) == type && data<char>(o) == data<char>(to) && same_layout(o, to);
        if (o && !same && !lie_apart(o, to)) return false;
        read = read || same;
    }
    return read;
}

inline Ref again(PyObject* o) {
    Py_INCREF(o);
    return Ref(o);
}

}  // namespace rushlight
