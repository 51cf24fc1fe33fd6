// Walking over arrays that broadcast together: their common shape, the order of its dimensions in memory, a new array
// in that order, and the walk itself, which calls a loop over one dimension at a time as NumPy's inner loops want it.
#pragma once

#include <utility>

#include "python/binding.h"

namespace rushlight {

constexpr int OPERANDS = 8;  // most arrays and numbers of one walk, the result included

// The shape that arrays have in common. Below, nullptr in place of an array stands for a number.
struct Broadcast {
    int rank = 0;
    npy_intp shape[NPY_MAXDIMS];

    // False: the array does not fit, or its memory runs backward.
    bool add(PyObject* array) {
        const int n = ndim(array);
        for (int grown = n - rank; grown > 0; grown--) {
            for (int d = rank; d > 0; d--) shape[d] = shape[d - 1];
            shape[0] = 1;
            rank++;
        }
        for (int d = 0; d < n; d++) {
            npy_intp& into = shape[rank - n + d];
            if (stride(array, d) < 0 || (into != dim(array, d) && into != 1 && dim(array, d) != 1)) return false;
            if (dim(array, d) != 1) into = dim(array, d);
        }
        return true;
    }

    int64_t size() const {
        int64_t n = 1;
        for (int d = 0; d < rank; d++) n *= shape[d];
        return n;
    }

    bool is_shape_of(PyObject* array) const {
        if (!array || ndim(array) != rank) return false;
        for (int d = 0; d < rank; d++)
            if (dim(array, d) != shape[d]) return false;
        return true;
    }

    // Bytes from one element of the array to the next in dimension d of the common shape.
    npy_intp step(PyObject* array, int d) const {
        if (!array) return 0;
        const int own = d - (rank - ndim(array));
        return own < 0 || dim(array, own) == 1 ? 0 : stride(array, own);
    }

    // The order in which the dimensions are walked, the innermost last: that of the first array of full shape.
    void order_dimensions(PyObject* const* arrays, int count, int* order) const {
        for (int d = 0; d < rank; d++) order[d] = d;
        int model = 0;
        while (model < count && !is_shape_of(arrays[model])) model++;
        if (model == count) return;
        for (int i = 1; i < rank; i++)
            for (int j = i; j > 0 && step(arrays[model], order[j - 1]) < step(arrays[model], order[j]); j--)
                std::swap(order[j - 1], order[j]);
    }

    // A new array of this shape with its dimensions in this order in memory.
    Ref new_in_order(int type, const int* order) const {
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
};

// The walk over all elements: `rank` nested dimensions, those that lie evenly behind one another in every operand made
// one.
struct Walk {
    int rank = 0, operands;
    npy_intp shape[NPY_MAXDIMS], steps[NPY_MAXDIMS][OPERANDS];
    char* begin[OPERANDS];

    // `numbers[k]` is where operand k stands if arrays[k] is nullptr.
    Walk(const Broadcast& common, const int* order, PyObject* const* arrays, char* const* numbers, int count)
        : operands(count) {
        for (int k = 0; k < count; k++) begin[k] = arrays[k] ? PyArray_BYTES(as_array(arrays[k])) : numbers[k];
        for (int i = 0; i < common.rank; i++) {
            if (common.shape[order[i]] == 1) continue;
            npy_intp step[OPERANDS];
            for (int k = 0; k < count; k++) step[k] = common.step(arrays[k], order[i]);
            append(common.shape[order[i]], step);
        }
        if (rank == 0) {
            const npy_intp none[OPERANDS] = {};
            append(1, none);
        }
    }

    // Calls loop(at, count, steps) on stretches of the innermost dimension that make up the elements from..to.
    template <class Loop>
    void run(int64_t from, int64_t to, const Loop& loop) const {
        const int64_t inner = shape[rank - 1];
        while (from < to) {
            char* at[OPERANDS];
            for (int k = 0; k < operands; k++) at[k] = begin[k];
            int64_t rest = from;
            for (int d = rank - 1; d >= 0; d--) {
                for (int k = 0; k < operands; k++) at[k] += rest % shape[d] * steps[d][k];
                rest /= shape[d];
            }
            const npy_intp count = inner - from % inner < to - from ? inner - from % inner : to - from;
            loop(at, count, steps[rank - 1]);
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

}  // namespace rushlight
