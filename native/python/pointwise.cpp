// Bindings of formulas element by element: float32 arrays that are dense and lie alike, or hold a single number, then
// constants. And of where they may write.
#include <cmath>
#include <limits>

#include "python/destination.h"

namespace rushlight {
namespace {

using Formula = void (*)(const Operand*, const float*, int64_t, float*);

// The first operand that is more than a number, or the first at all.
PyObject* shape_giver(PyObject* const* args, int arrays) {
    for (int k = 0; k < arrays; k++)
        if (size(args[k]) > 1) return args[k];
    return args[0];
}

bool fits(PyObject* o, PyObject* model) {
    return same_layout(o, model) || (size(o) == 1 && size(model) > 1 && ndim(o) <= ndim(model));
}

template <int arrays>
struct Operands {
    float numbers[arrays][W];
    Operand x[arrays];

    explicit Operands(PyObject* const* args, PyObject* model) {
        for (int k = 0; k < arrays; k++) {
            x[k] = {data(args[k]), 1};
            if (size(args[k]) > 1 || size(model) == 1) continue;
            for (float& number : numbers[k]) number = *data(args[k]);
            x[k] = {numbers[k], 0};
        }
    }
};

// A bound that is not there is infinite.
bool read_constants(PyObject* const* args, int count, float* constants) {
    const float infinity = std::numeric_limits<float>::infinity();
    for (int k = 0; k < count; k++) {
        if (args[k] == Py_None)
            constants[k] = k == 0 ? -infinity : infinity;
        else if (!read_float(args[k], constants + k) || std::isnan(constants[k]))
            return false;
    }
    return true;
}

template <Formula formula, int arrays, int constants>
PyObject* pointwise(PyObject*, PyObject* const* args, Py_ssize_t count) {
    PyObject* to = take_destination();
    float c[constants + 1];
    if (count != arrays + constants || !read_constants(args + arrays, constants, c)) return not_implemented();
    for (int k = 0; k < arrays; k++)
        if (!is_f32(args[k]) || size(args[k]) == 0) return not_implemented();
    PyObject* model = shape_giver(args, arrays);
    if (!is_dense(model)) return not_implemented();
    for (int k = 0; k < arrays; k++)
        if (!fits(args[k], model)) return not_implemented();
    const bool here = to && is_f32(to) && same_layout(to, model) && takes_result(to, NPY_FLOAT32, args, arrays);
    Ref y = here ? again(to) : new_f32_laid_out_like(model);
    if (!y) return nullptr;
    const Operands<arrays> operands(args, model);
    {
        Unlocked unlocked(4.0 * (arrays + 1) * double(size(model)));
        formula(operands.x, c, size(model), data(y));
    }
    return y.release();
}

PyObject* write_next(PyObject*, PyObject* array) {
    destination = PyArray_CheckExact(array) ? array : nullptr;
    Py_RETURN_NONE;
}

}  // namespace

#define RUSHLIGHT_FORMULA(name, arrays, constants) RUSHLIGHT_ROW(#name, (pointwise<name, arrays, constants>), nullptr)
PyMethodDef pointwise_methods[] = {
    RUSHLIGHT_FORMULA(clamped, 1, 2),
    RUSHLIGHT_FORMULA(inside_backward, 2, 2),
    RUSHLIGHT_FORMULA(hardsigmoid_forward, 1, 0),
    RUSHLIGHT_FORMULA(hardsigmoid_backward, 2, 0),
    RUSHLIGHT_FORMULA(hardswish_forward, 1, 0),
    RUSHLIGHT_FORMULA(hardswish_backward, 2, 0),
    RUSHLIGHT_FORMULA(softshrink_forward, 1, 1),
    RUSHLIGHT_FORMULA(hardshrink_forward, 1, 1),
    RUSHLIGHT_FORMULA(shrink_backward, 2, 1),
    RUSHLIGHT_FORMULA(leaky_relu_forward, 1, 1),
    RUSHLIGHT_FORMULA(leaky_relu_backward, 2, 1),
    RUSHLIGHT_FORMULA(rsqrt_forward, 1, 0),
    RUSHLIGHT_FORMULA(plus_scaled, 2, 1),
    RUSHLIGHT_FORMULA(plus_product, 3, 1),
    RUSHLIGHT_FORMULA(plus_quotient, 3, 1),
    RUSHLIGHT_FORMULA(blended, 2, 1),
    RUSHLIGHT_FORMULA(smooth_l1, 2, 1),
    RUSHLIGHT_FORMULA(smooth_l1_slope, 3, 1),
    RUSHLIGHT_FORMULA(huber, 2, 1),
    RUSHLIGHT_FORMULA(huber_slope, 3, 1),
    {"write_next", write_next, METH_O, "write_next(array): the next function element by element may write there."},
    {},
};
#undef RUSHLIGHT_FORMULA

}  // namespace rushlight
