// NumPy's inner loops, found by dtype: what runs a function element by element without NumPy's search for it.
#pragma once

#include <cstring>

#include "python/binding.h"
//
#include <numpy/ufuncobject.h>

namespace rushlight {

inline PyUFuncObject* as_ufunc(PyObject* o) { return reinterpret_cast<PyUFuncObject*>(o); }

// The inner loop for inputs of one dtype, and the dtype of what it gives.
struct Loop {
    PyUFuncGenericFunction function = nullptr;
    void* data = nullptr;
    int result = 0;
};

// Our own loop where it is quicker than NumPy's and gives the same, or nullptr (own_loops.cpp).
PyUFuncGenericFunction own_loop(const PyUFuncObject* ufunc, int type);

inline Loop find_loop(const PyUFuncObject* ufunc, int type) {
    for (int i = 0; i < ufunc->ntypes; i++) {
        const char* types = ufunc->types + i * ufunc->nargs;
        bool fits = true;
        for (int k = 0; k < ufunc->nin; k++) fits = fits && types[k] == type;
        if (!fits) continue;
        const PyUFuncGenericFunction ours = own_loop(ufunc, type);
        return {ours ? ours : ufunc->functions[i], ufunc->data ? ufunc->data[i] : nullptr, types[ufunc->nin]};
    }
    return {};
}

// Writes a Python number in a plain dtype, or a whole one in int64.
inline bool read_number(PyObject* o, int type, char* to) {
    int64_t whole = 0;
    if (type == NPY_INT64) return read_int(o, &whole) && (std::memcpy(to, &whole, sizeof whole), true);
    double value = 0;
    if (!is_plain(type) || PyBool_Check(o) || !read_double(o, &value)) return false;
    if (type == NPY_FLOAT64) return std::memcpy(to, &value, sizeof value), true;
    const float narrow = float(value);
    return std::memcpy(to, &narrow, sizeof narrow), true;
}

}  // namespace rushlight
