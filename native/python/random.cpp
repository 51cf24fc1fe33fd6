// Bindings of the Mersenne Twister, of what makes samples of its words, and of the shuffle. The interpreter stays
// locked while a state moves on, since two threads may draw from one generator.
#include "kernels.h"
#include "python/binding.h"

namespace rushlight {
namespace {

// --- drawing from a twister ------------------------------------------------------------------------------------------

uint32_t* state_of(PyObject* o) {
    if (!is_array(o, NPY_UINT32, 1) || size(o) != TWISTER_WORDS + 1 || !PyArray_ISCARRAY(as_array(o))) return nullptr;
    uint32_t* state = data<uint32_t>(o);
    return state[TWISTER_WORDS] <= TWISTER_WORDS ? state : nullptr;
}

// kernel_(state, n, ...) -> n samples of a dtype, which `draw(state, n, samples)` makes.
template <class T, class Draw>
PyObject* drawn(PyObject* const* args, int type, const Draw& draw) {
    uint32_t* state = state_of(args[0]);
    int64_t n = 0;
    if (!state || !read_int(args[1], &n) || n < 0) return not_implemented();
    const npy_intp shape = n;
    Ref samples = new_array(type, 1, &shape);
    if (!samples) return nullptr;
    draw(state, n, data<T>(samples));
    return samples.release();
}

PyObject* seeded_twister(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t seed = 0;
    if (count != 1 || !read_int(args[0], &seed) || seed < 0 || seed > UINT32_MAX) return not_implemented();
    const npy_intp shape = TWISTER_WORDS + 1;
    Ref state = new_array(NPY_UINT32, 1, &shape);
    if (!state) return nullptr;
    twister_seeded(uint32_t(seed), data<uint32_t>(state));
    return state.release();
}

PyObject* words_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return count == 2 ? drawn<uint64_t>(args, NPY_UINT64, twister_words) : not_implemented();
}

PyObject* uniform24_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return count == 2 ? drawn<float>(args, NPY_FLOAT32, twister_uniform24) : not_implemented();
}

PyObject* uniform53_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return count == 2 ? drawn<double>(args, NPY_FLOAT64, twister_uniform53) : not_implemented();
}

// tosses_(state, n, limit)
PyObject* tosses_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t limit = 0;
    if (count != 3 || !read_int(args[2], &limit)) return not_implemented();
    return drawn<bool>(args, NPY_BOOL,
                       [=](uint32_t* state, int64_t n, bool* out) { twister_tosses(state, n, limit, out); });
}

// remainders_(state, n, length, least)
PyObject* remainders_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t length = 0, least = 0;
    if (count != 4 || !read_int(args[2], &length) || !read_int(args[3], &least) || length < 1 || length >= 1 << 28 ||
        least > INT64_MAX - length)
        return not_implemented();
    return drawn<int64_t>(args, NPY_INT64, [=](uint32_t* state, int64_t n, int64_t* out) {
        twister_remainders(state, n, int32_t(length), least, out);
    });
}

// --- arithmetic of samples -------------------------------------------------------------------------------------------

// y = f(x), n numbers each
template <void (*function)(const double*, int64_t, double*)>
PyObject* mapped(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !is_array(args[0], NPY_FLOAT64, 1) || !is_contiguous(args[0])) return not_implemented();
    const npy_intp n = size(args[0]);
    Ref y = new_array(NPY_FLOAT64, 1, &n);
    if (!y) return nullptr;
    {
        Unlocked unlocked(50.0 * double(n));
        function(data<double>(args[0]), n, data<double>(y));
    }
    return y.release();
}

PyObject* box_muller64_(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !PyArray_CheckExact(args[0]) || size(args[0]) % 16) return not_implemented();
    return mapped<box_muller64>(self, args, count);
}

PyObject* pairs_of_normals_(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !PyArray_CheckExact(args[0]) || size(args[0]) % 2) return not_implemented();
    return mapped<pairs_of_normals>(self, args, count);
}

// (x, factor, offset) -> x factor + offset
template <class T, int type, void (*function)(const T*, int64_t, T, T, T*)>
PyObject* multiply_add(PyObject*, PyObject* const* args, Py_ssize_t count) {
    double factor = 0, offset = 0;
    if (count != 3 || !is_array(args[0], type, 1) || !is_contiguous(args[0]) || !read_double(args[1], &factor) ||
        !read_double(args[2], &offset))
        return not_implemented();
    const npy_intp n = size(args[0]);
    Ref y = new_array(type, 1, &n);
    if (!y) return nullptr;
    {
        Unlocked unlocked(8.0 * double(n));
        function(data<T>(args[0]), n, T(factor), T(offset), data<T>(y));
    }
    return y.release();
}

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

PyMethodDef random_methods[] = {
    RUSHLIGHT_METHOD(seeded_twister, "seed -> the state (625,) that it starts"),
    RUSHLIGHT_METHOD(words_, "state, n -> (n,) words of 32 bits in uint64"),
    RUSHLIGHT_METHOD(uniform24_, "state, n -> (n,) float32 in [0, 1)"),
    RUSHLIGHT_METHOD(uniform53_, "state, n -> (n,) float64 in [0, 1)"),
    RUSHLIGHT_METHOD(tosses_, "state, n, limit -> (n,) whether 53 bits are below limit"),
    RUSHLIGHT_METHOD(remainders_, "state, n, length, least -> (n,) int64, least + word mod length"),
    RUSHLIGHT_TWIN(box_muller32, "(n,) uniform in [0, 1) -> (n,) standard normal"),
    RUSHLIGHT_TWIN(box_muller64, "(n,) uniform in [0, 1) -> (n,) standard normal"),
    RUSHLIGHT_TWIN(pairs_of_normals, "(n,) uniform in [0, 1) -> (n,) standard normal"),
    RUSHLIGHT_ROW("libm_log1p", mapped<libm_log1p>, "log(1 + x) by the C library"),
    RUSHLIGHT_ROW("fma32", (multiply_add<float, NPY_FLOAT32, multiply_add_f32>), "x factor + offset, rounded once"),
    RUSHLIGHT_ROW("fma64", (multiply_add<double, NPY_FLOAT64, multiply_add_f64>), "x factor + offset, rounded once"),
    RUSHLIGHT_TWIN(shuffled, "words (n-1,) -> 0 ... n-1 in random order (n,)"),
    {},
};

}  // namespace rushlight
