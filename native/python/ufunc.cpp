// NumPy's functions of one to three arrays, element by element, in threads. The inner loops are NumPy's own, so a
// result has NumPy's bits; here its elements are cut into ranges, and small arrays are spared NumPy's search for the
// right loop. `in_threads(np.add)` makes the function, which answers NotImplemented to all that it does not take:
// operands of several dtypes, memory that runs backward, keyword arguments.
#include "python/layout.h"

#include <numpy/ufuncobject.h>

#include <cstdlib>

#include "parallel.h"

namespace rushlight {
namespace {

constexpr int OPERANDS = 4;         // most that are taken, the result included
constexpr int64_t GRAIN = 1 << 15;  // elements of a range

PyUFuncObject* as_ufunc(PyObject* o) { return reinterpret_cast<PyUFuncObject*>(o); }

// The inner loop for inputs of one dtype, and the dtype of what it gives.
struct Loop {
    PyUFuncGenericFunction function = nullptr;
    void* data = nullptr;
    int result = 0;
};

Loop find_loop(const PyUFuncObject* ufunc, int type) {
    for (int i = 0; i < ufunc->ntypes; i++) {
        const char* types = ufunc->types + i * ufunc->nargs;
        bool fits = true;
        for (int k = 0; k < ufunc->nin; k++) fits = fits && types[k] == type;
        if (fits) return {ufunc->functions[i], ufunc->data ? ufunc->data[i] : nullptr, types[ufunc->nin]};
    }
    return {};
}

// Dtypes whose loops never call Python and never raise: real numbers.
bool is_plain(int type) { return type == NPY_FLOAT32 || type == NPY_FLOAT64; }
bool is_comparable(int type) { return type == NPY_BOOL || type == NPY_INT64 || type == NPY_INT32 || type == NPY_UINT8; }

// The operands of one call: arrays of one dtype, and Python's numbers in that dtype.
struct Operands {
    int count = 0, type = -1, rank = 0;
    PyObject* array[OPERANDS] = {};  // nullptr: a number
    alignas(8) char number[OPERANDS][8];
    npy_intp shape[NPY_MAXDIMS];

    bool read(PyObject* const* args, int n) {
        count = n;
        for (int k = 0; k < n; k++)
            if (PyArray_CheckExact(args[k]) && !read_array(args[k], k)) return false;
        if (type < 0) return false;
        for (int k = 0; k < n; k++)
            if (!array[k] && !read_number(args[k], number[k])) return false;
        return true;
    }

    // Whether operand k has the result's shape.
    bool is_full(int k) const {
        if (!array[k] || ndim(array[k]) != rank) return false;
        for (int d = 0; d < rank; d++)
            if (dim(array[k], d) != shape[d]) return false;
        return true;
    }

    int64_t size() const {
        int64_t n = 1;
        for (int d = 0; d < rank; d++) n *= shape[d];
        return n;
    }

    // Bytes from one element of operand k to the next in dimension d of the result.
    npy_intp step(int k, int d) const {
        if (!array[k]) return 0;
        const int own = d - (rank - ndim(array[k]));
        return own < 0 || dim(array[k], own) == 1 ? 0 : stride(array[k], own);
    }

    char* begin(int k) { return array[k] ? PyArray_BYTES(as_array(array[k])) : number[k]; }

private:
    bool read_array(PyObject* o, int k) {
        const int own = PyArray_TYPE(as_array(o));
        if ((type >= 0 && own != type) || !PyArray_ISBEHAVED_RO(as_array(o))) return false;
        type = own;
        array[k] = o;
        return broadcast(o);
    }

    bool broadcast(PyObject* o) {
        const int n = ndim(o);
        for (int grown = n - rank; grown > 0; grown--) {
            for (int d = rank; d > 0; d--) shape[d] = shape[d - 1];
            shape[0] = 1;
            rank++;
        }
        for (int d = 0; d < n; d++) {
            npy_intp& into = shape[rank - n + d];
            if (stride(o, d) < 0 || (into != dim(o, d) && into != 1 && dim(o, d) != 1)) return false;
            if (dim(o, d) != 1) into = dim(o, d);
        }
        return true;
    }

    bool read_number(PyObject* o, char* to) const {
        double value = 0;
        if (PyBool_Check(o) || !read_double(o, &value)) return false;
        if (type == NPY_FLOAT64) return std::memcpy(to, &value, sizeof value), true;
        const float narrow = float(value);
        return type == NPY_FLOAT32 ? (std::memcpy(to, &narrow, sizeof narrow), true) : false;
    }
};

// The order in which the dimensions are walked, the innermost last: that of the first operand of full shape.
void order_dimensions(const Operands& in, int* order) {
    for (int d = 0; d < in.rank; d++) order[d] = d;
    int model = 0;
    while (model < in.count && !in.is_full(model)) model++;
    if (model == in.count) return;
    for (int i = 1; i < in.rank; i++)
        for (int j = i; j > 0 && in.step(model, order[j - 1]) < in.step(model, order[j]); j--)
            std::swap(order[j - 1], order[j]);
}

// A new array of this shape with its dimensions in this order in memory.
Ref new_in_order(int type, int rank, const npy_intp* shape, const int* order) {
    npy_intp stored[NPY_MAXDIMS], place[NPY_MAXDIMS];
    bool sorted = true;
    for (int i = 0; i < rank; i++) {
        stored[i] = shape[order[i]];
        place[order[i]] = i;
        sorted = sorted && order[i] == i;
    }
    Ref memory = new_array(type, rank, stored);
    if (!memory || sorted) return memory;
    PyArray_Dims axes{place, rank};
    return Ref(PyArray_Transpose(memory.array(), &axes));
}

// The walk over all elements: `rank` nested dimensions, those that lie evenly behind one another in every operand made
// one.
struct Walk {
    int rank = 0, operands;
    npy_intp shape[NPY_MAXDIMS], steps[NPY_MAXDIMS][OPERANDS];
    char* begin[OPERANDS];

    Walk(Operands& in, const Ref& out, const int* order) : operands(in.count + 1) {
        for (int k = 0; k < in.count; k++) begin[k] = in.begin(k);
        begin[in.count] = PyArray_BYTES(out.array());
        for (int i = 0; i < in.rank; i++) {
            const int d = order[i];
            if (in.shape[d] == 1) continue;
            npy_intp step[OPERANDS];
            for (int k = 0; k < in.count; k++) step[k] = in.step(k, d);
            step[in.count] = stride(out.get(), d);
            append(in.shape[d], step);
        }
        if (rank == 0) {
            const npy_intp none[OPERANDS] = {};
            append(1, none);
        }
    }

    // Runs the loop on the elements from..to of the walk.
    void run(const Loop& loop, int64_t from, int64_t to) const {
        const int64_t inner = shape[rank - 1];
        while (from < to) {
            char* at[OPERANDS];
            for (int k = 0; k < operands; k++) at[k] = begin[k];
            int64_t rest = from;
            for (int d = rank - 1; d >= 0; d--) {
                for (int k = 0; k < operands; k++) at[k] += rest % shape[d] * steps[d][k];
                rest /= shape[d];
            }
            const npy_intp count = min(inner - from % inner, to - from);
            loop.function(at, &count, steps[rank - 1], loop.data);
            from += count;
        }
    }

private:
    void append(npy_intp size, const npy_intp* step) {
        bool joins = rank > 0;
        for (int k = 0; joins && k < operands; k++) joins = steps[rank - 1][k] == size * step[k];
        if (!joins) shape[rank++] = 1;
        shape[rank - 1] *= size;
        for (int k = 0; k < operands; k++) steps[rank - 1][k] = step[k];
    }
};

PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    const PyUFuncObject* ufunc = as_ufunc(self);
    Operands in;
    if (count != ufunc->nin || !in.read(args, int(count))) return not_implemented();
    const Loop loop = find_loop(ufunc, in.type);
    if (!loop.function || !(is_plain(in.type) || (is_comparable(in.type) && loop.result == NPY_BOOL)))
        return not_implemented();
    const int64_t n = in.size();
    if (n == 0) return not_implemented();
    int order[NPY_MAXDIMS];
    order_dimensions(in, order);
    Ref out = new_in_order(loop.result, in.rank, in.shape, order);
    if (!out) return nullptr;
    const Walk walk(in, out, order);
    {
        Unlocked unlocked(8.0 * double(n));
        parallel_for(n, GRAIN, [&](int64_t begin, int64_t end) { walk.run(loop, begin, end); });
    }
    return out.release();
}

PyMethodDef threaded = {"in_threads", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&call)), METH_FASTCALL,
                        nullptr};

PyObject* in_threads(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (PyUFunc_ImportUFuncAPI() < 0) return nullptr;
    if (count != 1 || !PyObject_TypeCheck(args[0], &PyUFunc_Type) || as_ufunc(args[0])->nout != 1 ||
        as_ufunc(args[0])->nin >= OPERANDS || as_ufunc(args[0])->core_enabled) {
        PyErr_SetString(PyExc_TypeError, "in_threads: expected a ufunc of one result, element by element");
        return nullptr;
    }
    return PyCFunction_New(&threaded, args[0]);
}

}  // namespace

PyMethodDef ufunc_methods[] = {
    RUSHLIGHT_METHOD(in_threads, "in_threads(ufunc): the same on arrays of one dtype, in threads."), {}};

}  // namespace rushlight
