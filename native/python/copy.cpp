// Bindings of copies: in C order, in half or single precision, in another shape, several arrays one after the other.
#include "python/copy.h"

#include <cstring>

#include "kernels.h"

namespace rushlight {
namespace {

// The dimensions of a copy, those that lie evenly behind one another on both sides made one.
bool read_copy(PyObject* x, const npy_intp* steps, StridedCopy* out) {
    for (int d = 0; d < ndim(x); d++) {
        const int64_t n = dim(x, d), from = stride(x, d) / 4, to = steps[d] / 4;
        if (n == 1) continue;
        if (stride(x, d) % 4 || steps[d] % 4) return false;
        const int last = out->rank - 1;
        if (last >= 0 && out->from[last] == from * n && out->to[last] == to * n) {
            out->shape[last] *= n;
        } else {
            if (out->rank == StridedCopy::MOST) return false;
            out->shape[out->rank++] = n;
        }
        out->from[out->rank - 1] = from;
        out->to[out->rank - 1] = to;
    }
    if (out->rank == 0) out->shape[0] = out->from[0] = out->to[0] = out->rank = 1;
    return out->to[out->rank - 1] == 1;
}

void steps_in_order(int n, const npy_intp* shape, npy_intp* steps) {
    npy_intp step = 4;
    for (int d = n - 1; d >= 0; step *= shape[d--]) steps[d] = step;
}

// Whether x can be seen in the shape where it is: sizes of the new shape multiply to those of what lies evenly in x.
bool is_viewable(PyObject* x, int n, const int64_t* shape) {
    int next = 0;
    int64_t together = 1;
    for (int d = 0, later; d < ndim(x); d++) {
        together *= dim(x, d);
        for (later = d + 1; later < ndim(x) && dim(x, later) == 1;) later++;
        if (later < ndim(x) && (dim(x, d) == 1 || stride(x, d) == stride(x, later) * dim(x, later))) continue;
        for (; together > 1 && next < n && together % shape[next] == 0;) together /= shape[next++];
        if (together > 1) return false;
    }
    return true;
}

// copied(x) -> a copy in C order
PyObject* copied(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !is_four_bytes(args[0]) || size(args[0]) < COPY_SIZE) return not_implemented();
    return copy_in_order(args[0]).release();
}

// reshaped(x, shape): takes what needs a copy.
PyObject* reshaped(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyTuple_CheckExact(args[1]) || !is_four_bytes(args[0]) || is_contiguous(args[0]) ||
        size(args[0]) < COPY_SIZE || PyTuple_GET_SIZE(args[1]) > NPY_MAXDIMS)
        return not_implemented();
    int64_t wanted[NPY_MAXDIMS], total = 1;
    npy_intp shape[NPY_MAXDIMS];
    const int n = int(PyTuple_GET_SIZE(args[1]));
    if (!read_ints(args[1], n, wanted)) return not_implemented();
    for (int d = 0; d < n; d++) {
        if (wanted[d] < 1 || wanted[d] > size(args[0])) return not_implemented();
        total *= shape[d] = wanted[d];
        if (total > size(args[0])) return not_implemented();
    }
    if (total != size(args[0]) || is_viewable(args[0], n, wanted)) return not_implemented();
    Ref copy = copy_in_order(args[0]);
    if (!copy) return nullptr;
    PyArray_Dims dims{shape, n};
    return PyArray_Newshape(copy.array(), &dims, NPY_CORDER);
}

// Whether the dimensions lie in memory in their own order, as those of the result will.
bool is_sorted(PyObject* o) {
    for (int d = 0; d + 1 < ndim(o); d++)
        if (dim(o, d) > 1 && dim(o, d + 1) > 1 && stride(o, d) < stride(o, d + 1)) return false;
    return true;
}

// Whether it could.
bool convert(PyObject* x, const PyArray_Descr* to, void* y) {
    const PyArray_Descr* from = PyArray_DESCR(as_array(x));
    const int64_t n = size(x);
    if (from->type_num == NPY_FLOAT32 && to->type_num == NPY_HALF)
        return to_float16(data(x), n, static_cast<uint16_t*>(y));
    if (from->type_num == NPY_HALF && to->type_num == NPY_FLOAT32)
        return from_float16(data<uint16_t>(x), n, static_cast<float*>(y));
    if (from->type_num == NPY_FLOAT32 && is_bfloat16(to))
        return to_bfloat16(data<uint32_t>(x), n, static_cast<uint16_t*>(y)), true;
    if (is_bfloat16(from) && to->type_num == NPY_FLOAT32)
        return from_bfloat16(data<uint16_t>(x), n, static_cast<uint32_t*>(y)), true;
    return false;
}

// converted(x, dtype): between float32 and half precision
PyObject* converted(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyArray_CheckExact(args[0]) || !PyArray_DescrCheck(args[1]) || !size(args[0]) ||
        !is_contiguous(args[0]) || !PyArray_ISBEHAVED_RO(as_array(args[0])))
        return not_implemented();
    auto* kind = reinterpret_cast<PyArray_Descr*>(args[1]);
    if (PyDataType_ELSIZE(kind) + PyDataType_ELSIZE(PyArray_DESCR(as_array(args[0]))) != 6) return not_implemented();
    Py_INCREF(kind);
    Ref y(PyArray_NewFromDescr(&PyArray_Type, kind, ndim(args[0]), PyArray_DIMS(as_array(args[0])), nullptr, nullptr, 0,
                               nullptr));
    if (!y) return nullptr;
    bool done;
    {
        Unlocked unlocked(6.0 * double(size(args[0])));
        done = convert(args[0], kind, PyArray_DATA(y.array()));
    }
    return done ? y.release() : not_implemented();
}

// 0-d arrays of one dtype -> a vector of them.
PyObject* joined_numbers(PyObject* const* arrays, Py_ssize_t pieces) {
    PyArray_Descr* kind = PyArray_DESCR(as_array(arrays[0]));
    for (Py_ssize_t i = 0; i < pieces; i++)
        if (!PyArray_CheckExact(arrays[i]) || ndim(arrays[i]) || PyArray_DESCR(as_array(arrays[i])) != kind)
            return not_implemented();
    if (PyDataType_REFCHK(kind)) return not_implemented();
    Py_INCREF(kind);
    const npy_intp shape[] = {pieces};
    Ref whole(PyArray_NewFromDescr(&PyArray_Type, kind, 1, shape, nullptr, nullptr, 0, nullptr));
    if (!whole) return nullptr;
    const size_t bytes = size_t(PyDataType_ELSIZE(kind));
    for (Py_ssize_t i = 0; i < pieces; i++)
        std::memcpy(PyArray_BYTES(whole.array()) + size_t(i) * bytes, PyArray_DATA(as_array(arrays[i])), bytes);
    return whole.release();
}

// joined(arrays, axis) -> them one after the other
PyObject* joined(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t axis = 0;
    if (count != 2 || !(PyList_CheckExact(args[0]) || PyTuple_CheckExact(args[0])) || !read_int(args[1], &axis))
        return not_implemented();
    PyObject** arrays = PySequence_Fast_ITEMS(args[0]);
    const Py_ssize_t pieces = PySequence_Fast_GET_SIZE(args[0]);
    if (pieces && axis == 0 && PyArray_CheckExact(arrays[0]) && !ndim(arrays[0])) return joined_numbers(arrays, pieces);
    if (pieces == 0 || !is_four_bytes(arrays[0]) || axis < 0 || axis >= ndim(arrays[0])) return not_implemented();
    const int n = ndim(arrays[0]), type = PyArray_TYPE(as_array(arrays[0]));
    npy_intp shape[NPY_MAXDIMS], steps[NPY_MAXDIMS];
    for (int d = 0; d < n; d++) shape[d] = d == axis ? 0 : dim(arrays[0], d);
    for (Py_ssize_t i = 0; i < pieces; i++) {
        if (!is_array(arrays[i], type, n) || !is_sorted(arrays[i])) return not_implemented();
        for (int d = 0; d < n; d++)
            if (d != axis && dim(arrays[i], d) != shape[d]) return not_implemented();
        shape[axis] += dim(arrays[i], int(axis));
    }
    Ref whole = new_array(type, n, shape);
    if (!whole) return nullptr;
    steps_in_order(n, shape, steps);
    char* to = PyArray_BYTES(whole.array());
    for (Py_ssize_t i = 0; i < pieces; i++) {
        if (size(arrays[i]) && !copy_into(arrays[i], to, steps)) return not_implemented();
        to += dim(arrays[i], int(axis)) * steps[axis];
    }
    return whole.release();
}

}  // namespace

bool copy_into(PyObject* x, char* y, const npy_intp* steps) {
    StridedCopy copy;
    if (!read_copy(x, steps, &copy)) return false;
    Unlocked unlocked(8.0 * double(size(x)));
    copy_strided(copy, data(x), reinterpret_cast<float*>(y));
    return true;
}

Ref copy_in_order(PyObject* o) {
    if (!is_four_bytes(o) || size(o) < COPY_SIZE) return Ref(PyArray_NewCopy(as_array(o), NPY_CORDER));
    Ref copy = new_array(PyArray_TYPE(as_array(o)), ndim(o), PyArray_DIMS(as_array(o)));
    npy_intp steps[NPY_MAXDIMS];
    steps_in_order(ndim(o), PyArray_DIMS(as_array(o)), steps);
    if (!copy || copy_into(o, PyArray_BYTES(copy.array()), steps)) return copy;
    return Ref(PyArray_NewCopy(as_array(o), NPY_CORDER));
}

PyMethodDef copy_methods[] = {
    RUSHLIGHT_METHOD(copied, "x -> a copy of it in C order"),
    RUSHLIGHT_METHOD(reshaped, "x, shape -> x in that shape, copied"),
    RUSHLIGHT_METHOD(converted, "x, dtype -> float32 in half precision, or back"),
    RUSHLIGHT_METHOD(joined, "arrays, axis -> them one after the other"),
    {},
};

}  // namespace rushlight
