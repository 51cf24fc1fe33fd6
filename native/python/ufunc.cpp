// NumPy's functions of one to three arrays, element by element, in threads. The inner loops are NumPy's own, so a
// result has NumPy's bits; here its elements are cut into ranges, and small arrays are spared NumPy's search for the
// right loop. `in_threads(np.add)` makes the function, which answers NotImplemented to all that it does not take:
// operands of several dtypes, memory that runs backward, keyword arguments.
#include "parallel.h"
#include "python/broadcast.h"
#include "python/destination.h"
#include "python/loops.h"

namespace rushlight {
namespace {

constexpr int MOST_INPUTS = 3;
constexpr int64_t GRAIN = 1 << 15;  // elements of a range

bool is_comparable(int type) { return type == NPY_BOOL || type == NPY_INT64 || type == NPY_INT32 || type == NPY_UINT8; }

// Of whole numbers, functions whose loops never raise; the others' (divisions, powers) may.
bool never_raises(const PyUFuncObject* ufunc) {
    for (const char* name : {"add", "subtract", "multiply", "maximum", "minimum", "negative", "absolute"})
        if (std::strcmp(ufunc->name, name) == 0) return true;
    return false;
}

bool runs(const PyUFuncObject* ufunc, int type, const Loop& loop) {
    return is_plain(type) || (is_comparable(type) && loop.result == NPY_BOOL) ||
           (type == NPY_INT64 && never_raises(ufunc));
}

// The operands of one call: arrays of one dtype, and Python's numbers in that dtype.
struct Operands {
    int count = 0, type = -1;
    PyObject* array[MOST_INPUTS + 1] = {};  // nullptr: a number
    char* number[MOST_INPUTS + 1] = {};
    Broadcast common;

    bool read(PyObject* const* args, int n) {
        count = n;
        for (int k = 0; k < n; k++)
            if (PyArray_CheckExact(args[k]) && !read_array(args[k], k)) return false;
        if (type < 0) return false;
        for (int k = 0; k < n; k++) {
            if (array[k]) continue;
            number[k] = numbers[k];
            if (!read_number(args[k], type, number[k])) return false;
        }
        return true;
    }

private:
    alignas(8) char numbers[MOST_INPUTS][8];

    bool read_array(PyObject* o, int k) {
        const int own = PyArray_TYPE(as_array(o));
        if ((type >= 0 && own != type) || !PyArray_ISBEHAVED_RO(as_array(o))) return false;
        type = own;
        array[k] = o;
        return common.add(o);
    }
};

PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    const PyUFuncObject* ufunc = as_ufunc(self);
    PyObject* to = take_destination();
    Operands in;
    if (count != ufunc->nin || !in.read(args, int(count))) return not_implemented();
    const Loop loop = find_loop(ufunc, in.type);
    if (!loop.function || !runs(ufunc, in.type, loop)) return not_implemented();
    const int64_t n = in.common.size();
    if (n == 0) return not_implemented();
    int order[NPY_MAXDIMS];
    in.common.order_dimensions(in.array, in.count, order);
    const bool here = to && in.common.is_shape_of(to) && takes_result(to, loop.result, in.array, in.count);
    Ref out = here ? again(to) : in.common.new_in_order(loop.result, order);
    if (!out) return nullptr;
    in.array[in.count] = out.get();
    const Walk walk(in.common, order, in.array, in.number, in.count + 1);
    {
        Unlocked unlocked(8.0 * double(n));
        parallel_for(n, GRAIN, [&](int64_t begin, int64_t end) {
            walk.run(begin, end, [&](char** at, npy_intp length, const npy_intp* steps) {
                loop.function(at, &length, steps, loop.data);
            });
        });
    }
    return out.release();
}

PyMethodDef threaded = {"in_threads", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&call)), METH_FASTCALL,
                        nullptr};

PyObject* in_threads(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (PyUFunc_ImportUFuncAPI() < 0) return nullptr;
    if (count != 1 || !PyObject_TypeCheck(args[0], &PyUFunc_Type) || as_ufunc(args[0])->nout != 1 ||
        as_ufunc(args[0])->nin > MOST_INPUTS || as_ufunc(args[0])->core_enabled) {
        PyErr_SetString(PyExc_TypeError, "in_threads: expected a ufunc of one result, element by element");
        return nullptr;
    }
    return PyCFunction_New(&threaded, args[0]);
}

}  // namespace

PyMethodDef ufunc_methods[] = {
    RUSHLIGHT_METHOD(in_threads, "in_threads(ufunc): the same on arrays of one dtype, in threads."), {}};

}  // namespace rushlight
