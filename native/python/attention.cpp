// Bindings of attention: queries, keys and values of any number of leading dimensions, at any strides but the last.
#include <cstdlib>
#include <vector>

#include "kernels.h"
#include "python/binding.h"

namespace rushlight {
namespace {

// A float32 array (..., L, D) without empty dimensions.
bool is_heads(PyObject* o) { return is_f32(o) && ndim(o) >= 2 && size(o) > 0; }

bool same_heads(PyObject* a, PyObject* b) {
    if (ndim(a) != ndim(b)) return false;
    for (int d = 0; d < ndim(a) - 2; d++)
        if (dim(a, d) != dim(b, d)) return false;
    return true;
}

int64_t length(PyObject* o) { return dim(o, ndim(o) - 2); }
int64_t width(PyObject* o) { return dim(o, ndim(o) - 1); }

bool has_shape(PyObject* o, PyObject* heads, int64_t L, int64_t D) {
    return is_heads(o) && same_heads(o, heads) && length(o) == L && width(o) == D;
}

// `o` itself if the entries of its rows lie side by side and strides are whole floats, else a copy.
Ref with_whole_rows(PyObject* o) {
    bool whole = stride(o, ndim(o) - 1) == sizeof(float) || width(o) == 1;
    for (int d = 0; d + 1 < ndim(o); d++) whole = whole && stride(o, d) % int64_t(sizeof(float)) == 0;
    if (!whole) return Ref(PyArray_NewCopy(as_array(o), NPY_CORDER));
    Py_INCREF(o);
    return Ref(o);
}

// A new array of the model's shape but for the last size, with its dimensions in the model's order in memory, the last
// innermost: what came as a transposed view goes out so, and turning it back costs nothing.
Ref new_heads(PyObject* model, int64_t columns) {
    const int n = ndim(model);
    npy_intp order[NPY_MAXDIMS], stored[NPY_MAXDIMS], place[NPY_MAXDIMS];
    for (int d = 0; d < n; d++) order[d] = d;
    for (int i = 1; i < n - 1; i++)
        for (int j = i; j > 0 && std::abs(stride(model, int(order[j - 1]))) < std::abs(stride(model, int(order[j])));
             j--)
            std::swap(order[j - 1], order[j]);
    for (int i = 0; i < n; i++) {
        stored[i] = i == n - 1 ? columns : dim(model, int(order[i]));
        place[order[i]] = i;
    }
    Ref memory = new_f32(n, stored);
    if (!memory) return memory;
    PyArray_Dims axes{place, n};
    return Ref(PyArray_Transpose(memory.array(), &axes));
}

// Where the heads of an array begin.
struct Heads {
    std::vector<int64_t> begin{0};
    HeadRows rows;

    explicit Heads(const Ref& array) : Heads(array.get()) {}
    explicit Heads(PyObject* o) {
        for (int d = 0; d < ndim(o) - 2; d++) {
            std::vector<int64_t> finer;
            finer.reserve(begin.size() * size_t(dim(o, d)));
            for (const int64_t start : begin)
                for (int64_t i = 0; i < dim(o, d); i++)
                    finer.push_back(start + i * (stride(o, d) / int64_t(sizeof(float))));
            begin.swap(finer);
        }
        rows = {data(o), begin.data(), stride(o, ndim(o) - 2) / int64_t(sizeof(float))};
    }
    Heads(const Heads&) = delete;
};

bool read_shape(PyObject* q, PyObject* k, PyObject* v, PyObject* scale, PyObject* causal, AttentionShape* s) {
    if (!is_heads(q) || !is_heads(k) || !has_shape(v, k, length(k), is_heads(v) ? width(v) : 0)) return false;
    if (!same_heads(q, k) || width(q) != width(k) || !read_float(scale, &s->scale) || !read_bool(causal, &s->causal))
        return false;
    s->L = length(q), s->S = length(k), s->D = width(q), s->E = width(v);
    s->heads = size(q) / (s->L * s->D);
    return true;
}

double work(const AttentionShape& s) { return 2.0 * double(s.heads) * double(s.L) * double(s.S) * double(s.D + s.E); }

// attention_forward(q, k, v, scale, causal) -> y, lse
PyObject* attention_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    AttentionShape s;
    if (count != 5 || !read_shape(args[0], args[1], args[2], args[3], args[4], &s)) return not_implemented();
    Ref q = with_whole_rows(args[0]), k = with_whole_rows(args[1]), v = with_whole_rows(args[2]);
    if (!q || !k || !v) return nullptr;
    Ref y = new_heads(q.get(), s.E), lse = new_f32(ndim(q.get()) - 1, PyArray_DIMS(q.array()));
    if (!y || !lse) return nullptr;
    const Heads qs(q), ks(k), vs(v), ys(y);
    bool whole;
    {
        Unlocked unlocked(work(s));
        whole = attention_forward(s, qs.rows, ks.rows, vs.rows, ys.rows, data(lse));
    }
    return whole ? PyTuple_Pack(2, y.get(), lse.get()) : PyErr_NoMemory();
}

// attention_backward(grad, q, k, v, y, lse, scale, causal) -> dq, dk, dv
PyObject* attention_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    AttentionShape s;
    if (count != 8 || !read_shape(args[1], args[2], args[3], args[6], args[7], &s)) return not_implemented();
    PyObject *query = args[1], *lse = args[5];
    if (!has_shape(args[0], query, s.L, s.E) || !has_shape(args[4], query, s.L, s.E) || !is_f32_contiguous(lse) ||
        size(lse) != s.heads * s.L)
        return not_implemented();
    Ref grad = with_whole_rows(args[0]), q = with_whole_rows(query), k = with_whole_rows(args[2]),
        v = with_whole_rows(args[3]);
    Ref y = with_whole_rows(args[4]);
    if (!grad || !q || !k || !v || !y) return nullptr;
    Ref dq = new_heads(q.get(), s.D), dk = new_heads(k.get(), s.D), dv = new_heads(v.get(), s.E);
    if (!dq || !dk || !dv) return nullptr;
    const Heads grads(grad), qs(q), ks(k), vs(v), ys(y), dqs(dq), dks(dk), dvs(dv);
    bool whole;
    {
        Unlocked unlocked(2.5 * work(s));
        whole = attention_backward(s, grads.rows, qs.rows, ks.rows, vs.rows, ys.rows, data(lse), dqs.rows, dks.rows,
                                   dvs.rows);
    }
    return whole ? PyTuple_Pack(3, dq.get(), dk.get(), dv.get()) : PyErr_NoMemory();
}

}  // namespace

PyMethodDef attention_methods[] = {
    RUSHLIGHT_TWIN(attention_forward, "q, k, v (.., L, D), scale, causal -> y, lse"),
    RUSHLIGHT_TWIN(attention_backward, "grad, q, k, v, y, lse, scale, causal -> dq, dk, dv"),
    {},
};

}  // namespace rushlight
