// The binding of keys for sorting.
#include "kernels.h"
#include "python/binding.h"

namespace rushlight {
namespace {

// sort_keys(x (.., S), descending) -> (.., S)
PyObject* sort_keys_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    bool descending = false;
    if (count != 2 || !is_f32_contiguous(args[0]) || ndim(args[0]) == 0 || size(args[0]) == 0 ||
        !read_bool(args[1], &descending))
        return not_implemented();
    const int64_t S = dim(args[0], ndim(args[0]) - 1);
    if (S > UINT32_MAX) return not_implemented();
    Ref keys = new_array(NPY_INT64, ndim(args[0]), PyArray_DIMS(as_array(args[0])));
    if (!keys) return nullptr;
    {
        Unlocked unlocked(12.0 * double(size(args[0])));
        sort_keys(data(args[0]), size(args[0]) / S, S, descending, data<int64_t>(keys));
    }
    return keys.release();
}

}  // namespace

PyMethodDef order_methods[] = {
    RUSHLIGHT_TWIN(sort_keys, "x (.., S), descending -> int64 in the order of x, with places below"), {}};

}  // namespace rushlight
