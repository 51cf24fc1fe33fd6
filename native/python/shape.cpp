// Bindings of views: other strides over the same memory, made without NumPy's Python functions; and of shapes.
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

// permuted(x, dims): dims is a permutation of x's dimensions.
PyObject* permuted(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyArray_CheckExact(args[0]) || ndim(args[0]) > NPY_MAXDIMS) return not_implemented();
    const int dims = ndim(args[0]);
    int64_t from[NPY_MAXDIMS];
    npy_intp order[NPY_MAXDIMS];
    if (!read_ints(args[1], dims, from)) return not_implemented();
    for (int d = 0; d < dims; d++) order[d] = from[d];
    PyArray_Dims wanted{order, dims};
    return PyArray_Transpose(as_array(args[0]), &wanted);
}

// expanded(x, shape): x broadcast to a shape, read-only, as several entries may be one in memory.
PyObject* expanded(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyArray_CheckExact(args[0]) || !PyTuple_CheckExact(args[1])) return not_implemented();
    const int dims = int(PyTuple_GET_SIZE(args[1])), lead = dims - ndim(args[0]);
    int64_t sizes[NPY_MAXDIMS];
    if (lead < 0 || dims > NPY_MAXDIMS || !read_ints(args[1], dims, sizes)) return not_implemented();
    npy_intp shape[NPY_MAXDIMS], strides[NPY_MAXDIMS];
    for (int d = 0; d < dims; d++) {
        const bool same = d >= lead && dim(args[0], d - lead) == sizes[d];
        if (sizes[d] < 0 || (d >= lead && !same && dim(args[0], d - lead) != 1)) return not_implemented();
        shape[d] = sizes[d];
        strides[d] = same ? stride(args[0], d - lead) : 0;
    }
    PyArray_Descr* kind = PyArray_DESCR(as_array(args[0]));
    Py_INCREF(kind);
    Ref view(
        PyArray_NewFromDescr(&PyArray_Type, kind, dims, shape, strides, PyArray_DATA(as_array(args[0])), 0, nullptr));
    if (!view || PyArray_SetBaseObject(view.array(), Py_NewRef(args[0])) < 0) return nullptr;
    PyArray_CLEARFLAGS(view.array(), NPY_ARRAY_WRITEABLE);
    return view.release();
}

// The tuple under `rushlight.Size`: a part of it is one of its kind.
PyObject* part_of_size(PyObject* self, PyObject* key) {
    Ref found(PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
    if (!found || !PySlice_Check(key)) return found.release();
    return PyObject_CallOneArg(reinterpret_cast<PyObject*>(Py_TYPE(self)), found.get());
}

PyType_Slot size_slots[] = {{Py_mp_subscript, reinterpret_cast<void*>(part_of_size)}, {0, nullptr}};
PyType_Spec size_spec = {"rushlight.kernels.SizeBase", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, size_slots};

}  // namespace

bool add_size_type(PyObject* module) {
    Ref bases(PyTuple_Pack(1, &PyTuple_Type)),
        size(bases ? PyType_FromSpecWithBases(&size_spec, bases.get()) : nullptr);
    return size && PyModule_AddObjectRef(module, "SizeBase", size.get()) == 0;
}

PyMethodDef shape_methods[] = {
    RUSHLIGHT_METHOD(spread, "spread(grad, shape, axes): a sum's gradient, repeated over what was summed."),
    RUSHLIGHT_METHOD(permuted, "permuted(x, dims): the dimensions in another order, a view."),
    RUSHLIGHT_METHOD(expanded, "expanded(x, shape): x broadcast to a shape, a view."),
    {},
};

}  // namespace rushlight
