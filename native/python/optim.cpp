// Bindings of optimizer steps: lists of dense float32 arrays, written to in place; and what collects those lists from
// parameters and their state (rushlight/optim/rule.py).
#include "kernels.h"
#include "python/layout.h"
#include "python/tape.h"

namespace rushlight {
namespace {

// Appends the data of every array of a list, each laid out as the parameter of the same number. An empty list or None:
// none.
bool read_arrays(PyObject* list, PyObject* params, bool optional, std::vector<float*>* out) {
    if (optional && list == Py_None) return true;
    if (!PyList_CheckExact(list)) return false;
    const Py_ssize_t count = PyList_GET_SIZE(list);
    if (optional && count == 0) return true;
    if (count != PyList_GET_SIZE(params)) return false;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *array = PyList_GET_ITEM(list, i), *param = PyList_GET_ITEM(params, i);
        if (!is_f32(param) || !is_dense(param) || !is_f32_dense_like(array, param)) return false;
        if (list != params && array == param) return false;
        out->push_back(data(array));
    }
    return true;
}

bool is_writeable(PyObject* list) {
    for (Py_ssize_t i = 0; list != Py_None && i < PyList_GET_SIZE(list); i++)
        if (!PyArray_ISWRITEABLE(as_array(PyList_GET_ITEM(list, i)))) return false;
    return true;
}

bool read_sizes(PyObject* params, std::vector<int64_t>* out) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(params); i++) out->push_back(size(PyList_GET_ITEM(params, i)));
    return true;
}

double total(const std::vector<int64_t>& sizes) {
    double sum = 0;
    for (int64_t n : sizes) sum += double(n);
    return sum;
}

// sgd_(params, grads, buffers, lr, momentum, dampening, weight_decay, nesterov, maximize)
PyObject* sgd_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    OptimizerTensors t;
    SgdOptions o{};
    if (count != 9 || !read_arrays(args[0], args[0], false, &t.params) ||
        !read_arrays(args[1], args[0], false, &t.grads) || !read_arrays(args[2], args[0], true, &t.first) ||
        !read_float(args[3], &o.lr) || !read_float(args[4], &o.momentum) || !read_float(args[5], &o.dampening) ||
        !read_float(args[6], &o.weight_decay) || !read_bool(args[7], &o.nesterov) || !read_bool(args[8], &o.maximize) ||
        !is_writeable(args[0]) || !is_writeable(args[2]))
        return not_implemented();
    read_sizes(args[0], &t.sizes);
    {
        Unlocked unlocked(12.0 * total(t.sizes));
        sgd(t, o);
    }
    Py_RETURN_NONE;
}

bool read_steps(PyObject* list, size_t expected, std::vector<double>* out) {
    if (!PyList_CheckExact(list) || size_t(PyList_GET_SIZE(list)) != expected) return false;
    for (size_t i = 0; i < expected; i++) {
        double step = 0;
        if (!read_double(PyList_GET_ITEM(list, Py_ssize_t(i)), &step)) return false;
        out->push_back(step);
    }
    return true;
}

// adam_(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, beta1, beta2, eps, weight_decay, amsgrad,
// maximize, decoupled)
PyObject* adam_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    OptimizerTensors t;
    AdamOptions o{};
    std::vector<double> steps;
    bool amsgrad = false;
    if (count != 14 || !read_arrays(args[0], args[0], false, &t.params) ||
        !read_arrays(args[1], args[0], false, &t.grads) || !read_arrays(args[2], args[0], false, &t.first) ||
        !read_arrays(args[3], args[0], false, &t.second) || !read_bool(args[11], &amsgrad) ||
        (amsgrad && !read_arrays(args[4], args[0], false, &t.third)) || !read_steps(args[5], t.params.size(), &steps) ||
        !read_double(args[6], &o.lr) || !read_double(args[7], &o.beta1) || !read_double(args[8], &o.beta2) ||
        !read_double(args[9], &o.eps) || !read_double(args[10], &o.weight_decay) || !read_bool(args[12], &o.maximize) ||
        !read_bool(args[13], &o.decoupled))
        return not_implemented();
    for (int i : {0, 2, 3})
        if (!is_writeable(args[i])) return not_implemented();
    if (amsgrad && !is_writeable(args[4])) return not_implemented();
    read_sizes(args[0], &t.sizes);
    {
        Unlocked unlocked(30.0 * total(t.sizes));
        adam(t, steps, o);
    }
    Py_RETURN_NONE;
}

// --- parameters and their state --------------------------------------------------------------------------------------

bool same_kind(PyArrayObject* a, PyArrayObject* b) {
    return PyArray_DESCR(a) == PyArray_DESCR(b) || PyArray_EquivTypes(PyArray_DESCR(a), PyArray_DESCR(b));
}

PyObject* gradients_of(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !PyList_CheckExact(args[0])) return not_implemented();
    Ref params(PyList_New(0)), arrays(PyList_New(0)), grads(PyList_New(0));
    if (!params || !arrays || !grads) return nullptr;
    bool plain = true;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[0]); i++) {
        PyObject* p = PyList_GET_ITEM(args[0], i);
        if (!is_tensor(p)) return not_implemented();
        PyObject* grad = as_tensor(p)->grad;
        if (is_none(grad)) continue;
        PyObject* array = as_tensor(p)->array;
        if (!is_tensor(grad) || !PyArray_CheckExact(array) || !PyArray_CheckExact(as_tensor(grad)->array))
            return not_implemented();
        grad = as_tensor(grad)->array;
        plain = plain && PyArray_ISWRITEABLE(as_array(array)) && !PyArray_ISCOMPLEX(as_array(array)) &&
                same_shape(array, grad) && same_kind(as_array(array), as_array(grad));
        if (PyList_Append(params.get(), p) < 0 || PyList_Append(arrays.get(), array) < 0 ||
            PyList_Append(grads.get(), grad) < 0)
            return nullptr;
    }
    return PyTuple_Pack(4, params.get(), arrays.get(), grads.get(), plain ? Py_True : Py_False);
}

// The array called `name` in a parameter's state (borrowed), or nullptr.
PyObject* entry_of(PyObject* state, PyObject* name) {
    PyObject* tensor = PyDict_CheckExact(state) ? PyDict_GetItemWithError(state, name) : nullptr;
    PyErr_Clear();
    return tensor && is_tensor(tensor) ? as_tensor(tensor)->array : nullptr;
}

PyObject* column(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyList_CheckExact(args[0])) return not_implemented();
    Ref arrays(PyList_New(PyList_GET_SIZE(args[0])));
    for (Py_ssize_t i = 0; arrays && i < PyList_GET_SIZE(args[0]); i++) {
        PyObject* array = entry_of(PyList_GET_ITEM(args[0], i), args[1]);
        if (!array) return not_implemented();
        Py_INCREF(array);
        PyList_SET_ITEM(arrays.get(), i, array);
    }
    return arrays.release();
}

bool is_f32_scalar(PyObject* array) { return array && is_f32(array, 0) && PyArray_ISWRITEABLE(as_array(array)); }

PyObject* next_steps(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !PyList_CheckExact(args[0])) return not_implemented();
    static PyObject* const step = PyUnicode_InternFromString("step");
    Ref numbers(PyList_New(PyList_GET_SIZE(args[0])));
    for (Py_ssize_t i = 0; numbers && i < PyList_GET_SIZE(args[0]); i++) {
        PyObject* array = entry_of(PyList_GET_ITEM(args[0], i), step);
        if (!is_f32_scalar(array)) return not_implemented();
        PyObject* number = PyFloat_FromDouble(double(*data(array)) + 1.0);
        if (!number) return nullptr;
        PyList_SET_ITEM(numbers.get(), i, number);
    }
    return numbers.release();
}

PyObject* put_numbers(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[2])) return not_implemented();
    const Py_ssize_t states = PyList_GET_SIZE(args[0]);
    if (PyList_GET_SIZE(args[2]) != states) return not_implemented();
    float value = 0;
    for (Py_ssize_t i = 0; i < states; i++)
        if (!is_f32_scalar(entry_of(PyList_GET_ITEM(args[0], i), args[1])) ||
            !read_float(PyList_GET_ITEM(args[2], i), &value))
            return not_implemented();
    for (Py_ssize_t i = 0; i < states; i++) {
        read_float(PyList_GET_ITEM(args[2], i), &value);
        *data(entry_of(PyList_GET_ITEM(args[0], i), args[1])) = value;
    }
    Py_RETURN_NONE;
}

}  // namespace

PyMethodDef optim_methods[] = {
    RUSHLIGHT_METHOD(sgd_, nullptr),
    RUSHLIGHT_METHOD(adam_, nullptr),
    RUSHLIGHT_METHOD(gradients_of,
                     "gradients_of(params) -> those with a gradient, arrays, gradients, whether all is plain"),
    RUSHLIGHT_METHOD(column, "column(states, name) -> arrays"),
    RUSHLIGHT_METHOD(next_steps, "next_steps(states) -> numbers, one more than each state's step"),
    RUSHLIGHT_ROW("put", put_numbers, "put(states, name, numbers)"),
    {},
};

}  // namespace rushlight
