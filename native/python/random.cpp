// Binding of the transform of uniform into normal numbers.
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

}  // namespace

PyMethodDef random_methods[] = {RUSHLIGHT_TWIN(box_muller32, "(n,) uniform in [0, 1) -> (n,) standard normal"), {}};

}  // namespace rushlight
