// Bindings of views: other strides over the same memory, made without NumPy's Python functions.
#include "python/binding.h"

namespace rushlight {
namespace {

// spread(grad, shape, axes): grad has the dimensions of `shape` without the reduced ones, or with 1 in their place.
PyObject* spread(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3 || !PyTuple_CheckExact(args[1]) || PyTuple_GET_SIZE(args[1]) > NPY_MAXDIMS) return not_implemented();
    const int dims = int(PyTuple_GET_SIZE(args[1]));
    int64_t sizes[NPY_MAXDIMS];
    bool reduced[NPY_MAXDIMS] = {};
    if (!read_ints(args[1], dims, sizes) || !read_axes(args[2], dims, reduced)) return not_implemented();
    Ref grad(PyArray_IsScalar(args[0], Generic) ? PyArray_FromScalar(args[0], nullptr) : Py_NewRef(args[0]));
    if (!grad) return nullptr;
    const int kept = dims - int(PyTuple_GET_SIZE(args[2]));
    if (!PyArray_CheckExact(grad.get()) || (ndim(grad.get()) != kept && ndim(grad.get()) != dims))
        return not_implemented();
    npy_intp shape[NPY_MAXDIMS], strides[NPY_MAXDIMS];
    for (int d = 0, own = 0; d < dims; d++) {
        shape[d] = sizes[d];
        strides[d] = reduced[d] ? 0 : stride(grad.get(), own);
        if ((!reduced[d] || ndim(grad.get()) == dims) && dim(grad.get(), own++) != (reduced[d] ? 1 : sizes[d]))
            return not_implemented();
    }
    PyArray_Descr* kind = PyArray_DESCR(grad.array());
    Py_INCREF(kind);
    Ref view(PyArray_NewFromDescr(&PyArray_Type, kind, dims, shape, strides, PyArray_DATA(grad.array()), 0, nullptr));
    if (!view || PyArray_SetBaseObject(view.array(), grad.release()) < 0) return nullptr;
    return view.release();
}

}  // namespace

PyMethodDef shape_methods[] = {
    RUSHLIGHT_METHOD(spread, "spread(grad, shape, axes): a sum's gradient, repeated over what was summed."),
    {},
};

}  // namespace rushlight
