// Bindings of the transform of uniform into normal numbers, and of the shuffle.
#include "kernels.h"
#include "python/binding.h"

namespace rushlight {
namespace {

// box_muller32(uniforms) -> normals
PyObject* box_muller32_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !is_f32_contiguous(args[0], 1) || !size(args[0]) || size(args[0]) % 16) return not_implemented();
    Ref normals = new_f32_like(args[0]);
    if (!normals) return nullptr;
    {
        Unlocked unlocked(16.0 * double(size(args[0])));
        box_muller32(data(args[0]), size(args[0]), data(normals));
    }
    return normals.release();
}

// shuffled(words) -> order
PyObject* shuffled_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !is_array(args[0], NPY_UINT64, 1) || !is_contiguous(args[0]) || size(args[0]) >= UINT32_MAX)
        return not_implemented();
    npy_intp n = size(args[0]) + 1;
    Ref order = new_array(NPY_INT64, 1, &n);
    if (!order) return nullptr;
    {
        Unlocked unlocked(4.0 * double(n));
        shuffled(static_cast<const uint64_t*>(PyArray_DATA(as_array(args[0]))), n,
                 static_cast<int64_t*>(PyArray_DATA(as_array(order.get()))));
    }
    return order.release();
}

}  // namespace

PyMethodDef random_methods[] = {RUSHLIGHT_TWIN(box_muller32, "(n,) uniform in [0, 1) -> (n,) standard normal"),
                                RUSHLIGHT_TWIN(shuffled, "words (n-1,) -> 0 ... n-1 in random order (n,)"),
                                {}};

}  // namespace rushlight
