// Bindings of recurrent layers. What comes in per step, x_proj and grad, may have any distances between steps and
// between sequences; everything else is in C order. Projected LSTMs are left to the definition.
#include "kernels.h"
#include "python/copy.h"

namespace rushlight {
namespace {

// A float32 array (L, N, C), its entries of one step and sequence side by side.
bool is_steps(PyObject* o) {
    return is_f32(o, 3) && size(o) > 0 && (stride(o, 2) == 4 || dim(o, 2) == 1) && stride(o, 0) % 4 == 0 &&
           stride(o, 1) % 4 == 0;
}
// The gradient of a sum is one number over and over: it is brought into rows.
Ref as_steps(PyObject* o) {
    if (is_f32(o, 3) && !is_steps(o)) return copy_in_order(o);
    Py_INCREF(o);
    return Ref(o);
}

Steps steps_of(PyObject* o) { return {data(o), stride(o, 0) / 4, stride(o, 1) / 4}; }

bool is_matrix(PyObject* o, int64_t R, int64_t C) {
    return is_f32_contiguous(o, 2) && dim(o, 0) == R && dim(o, 1) == C;
}
bool is_dense_steps(PyObject* o, int64_t L, int64_t N, int64_t C) {
    return is_f32_contiguous(o, 3) && dim(o, 0) == L && dim(o, 1) == N && dim(o, 2) == C;
}

// x_proj (L, N, gates * H), h0 (N, H), w_hh (gates * H, H), b_hh (gates * H,) or None
bool read_forward(int gates, PyObject* x, PyObject* h0, PyObject* w_hh, PyObject* b_hh, RecurrentShape* s) {
    if (!is_steps(x) || dim(x, 2) % gates) return false;
    *s = {dim(x, 0), dim(x, 1), dim(x, 2) / gates, gates};
    return is_matrix(h0, s->N, s->H) && is_matrix(w_hh, gates * s->H, s->H) && is_none_or_vector(b_hh, gates * s->H);
}

// grad (L, N, H), w_hh (gates * H, H)
bool read_backward(int gates, PyObject* grad, PyObject* w_hh, RecurrentShape* s) {
    if (!is_steps(grad)) return false;
    *s = {dim(grad, 0), dim(grad, 1), dim(grad, 2), gates};
    return is_matrix(w_hh, gates * s->H, s->H);
}

Ref new_steps(const RecurrentShape& s, int64_t columns) {
    const npy_intp shape[] = {s.L, s.N, columns};
    return new_f32(3, shape);
}
Ref new_states(const RecurrentShape& s) {
    const npy_intp shape[] = {s.N, s.H};
    return new_f32(2, shape);
}

double work(const RecurrentShape& s) { return 2.0 * double(s.L * s.N) * double(s.gates * s.H) * double(s.H); }

// --- LSTM ------------------------------------------------------------------------------------------------------------

// lstm_forward(x_proj, h0, c0, w_hh, b_hh, w_hr) -> y, gates, cells
PyObject* lstm_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    RecurrentShape s;
    if (count != 6 || args[5] != Py_None || !read_forward(4, args[0], args[1], args[3], args[4], &s) ||
        !is_matrix(args[2], s.N, s.H))
        return not_implemented();
    Ref y = new_steps(s, s.H), gates = new_steps(s, 4 * s.H), cells = new_steps(s, s.H);
    if (!y || !gates || !cells) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        whole = lstm_forward(s, steps_of(args[0]), data(args[1]), data(args[2]), data(args[3]), data_or_null(args[4]),
                             data(y), data(gates), data(cells));
    }
    return whole ? PyTuple_Pack(3, y.get(), gates.get(), cells.get()) : PyErr_NoMemory();
}

// lstm_backward(grad, dc, last, c0, w_hh, w_hr, gates, cells) -> dx_proj, dh, dh0, dc0
PyObject* lstm_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    RecurrentShape s;
    if (count != 8) return not_implemented();
    const Ref grad = as_steps(args[0]);
    if (!grad) return nullptr;
    if (args[5] != Py_None || !read_backward(4, grad.get(), args[4], &s) || !is_matrix(args[1], s.N, s.H) ||
        !is_matrix(args[3], s.N, s.H) || !is_dense_steps(args[6], s.L, s.N, 4 * s.H) ||
        !is_dense_steps(args[7], s.L, s.N, s.H))
        return not_implemented();
    PyObject* last = args[2];
    if (last != Py_None && !(is_array(last, NPY_INT64, 1) && is_contiguous(last) && dim(last, 0) == s.N))
        return not_implemented();
    Ref dx = new_steps(s, 4 * s.H), dh = new_steps(s, s.H), dh0 = new_states(s), dc0 = new_states(s);
    if (!dx || !dh || !dh0 || !dc0) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        whole = lstm_backward(s, steps_of(grad.get()), data(args[1]), last == Py_None ? nullptr : data<int64_t>(last),
                              data(args[3]), data(args[4]), data(args[6]), data(args[7]), data(dx), data(dh), data(dh0),
                              data(dc0));
    }
    return whole ? PyTuple_Pack(4, dx.get(), dh.get(), dh0.get(), dc0.get()) : PyErr_NoMemory();
}

// --- GRU -------------------------------------------------------------------------------------------------------------

// gru_forward(x_proj, h0, w_hh, b_hh) -> y, gates, hidden
PyObject* gru_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    RecurrentShape s;
    if (count != 4 || !read_forward(3, args[0], args[1], args[2], args[3], &s)) return not_implemented();
    Ref y = new_steps(s, s.H), gates = new_steps(s, 3 * s.H), hidden = new_steps(s, s.H);
    if (!y || !gates || !hidden) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        whole = gru_forward(s, steps_of(args[0]), data(args[1]), data(args[2]), data_or_null(args[3]), data(y),
                            data(gates), data(hidden));
    }
    return whole ? PyTuple_Pack(3, y.get(), gates.get(), hidden.get()) : PyErr_NoMemory();
}

// gru_backward(grad, h0, w_hh, y, gates, hidden) -> dx_proj, dh_proj, dh0
PyObject* gru_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    RecurrentShape s;
    if (count != 6) return not_implemented();
    const Ref grad = as_steps(args[0]);
    if (!grad) return nullptr;
    if (!read_backward(3, grad.get(), args[2], &s) || !is_matrix(args[1], s.N, s.H) ||
        !is_dense_steps(args[3], s.L, s.N, s.H) || !is_dense_steps(args[4], s.L, s.N, 3 * s.H) ||
        !is_dense_steps(args[5], s.L, s.N, s.H))
        return not_implemented();
    Ref dx = new_steps(s, 3 * s.H), dproducts = new_steps(s, 3 * s.H), dh0 = new_states(s);
    if (!dx || !dproducts || !dh0) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        whole = gru_backward(s, steps_of(grad.get()), data(args[1]), data(args[2]), data(args[3]), data(args[4]),
                             data(args[5]), data(dx), data(dproducts), data(dh0));
    }
    return whole ? PyTuple_Pack(3, dx.get(), dproducts.get(), dh0.get()) : PyErr_NoMemory();
}

// --- plain RNN -------------------------------------------------------------------------------------------------------

// rnn_forward(x_proj, h0, w_hh, b_hh, nonlinearity) -> y
PyObject* rnn_forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    RecurrentShape s;
    if (count != 5 || !read_forward(1, args[0], args[1], args[2], args[3], &s)) return not_implemented();
    const bool relu = is_text(args[4], "relu");
    if (!relu && !is_text(args[4], "tanh")) return not_implemented();
    Ref y = new_steps(s, s.H);
    if (!y) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        const auto forward = relu ? rnn_relu_forward : rnn_tanh_forward;
        whole = forward(s, steps_of(args[0]), data(args[1]), data(args[2]), data_or_null(args[3]), data(y));
    }
    return whole ? y.release() : PyErr_NoMemory();
}

// rnn_backward(grad, w_hh, y, nonlinearity) -> dx_proj, dh0
PyObject* rnn_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    RecurrentShape s;
    if (count != 4) return not_implemented();
    const Ref grad = as_steps(args[0]);
    if (!grad) return nullptr;
    if (!read_backward(1, grad.get(), args[1], &s) || !is_dense_steps(args[2], s.L, s.N, s.H)) return not_implemented();
    const bool relu = is_text(args[3], "relu");
    if (!relu && !is_text(args[3], "tanh")) return not_implemented();
    Ref dx = new_steps(s, s.H), dh0 = new_states(s);
    if (!dx || !dh0) return nullptr;
    bool whole;
    {
        Unlocked unlocked(work(s));
        const auto backward = relu ? rnn_relu_backward : rnn_tanh_backward;
        whole = backward(s, steps_of(grad.get()), data(args[1]), data(args[2]), data(dx), data(dh0));
    }
    return whole ? PyTuple_Pack(2, dx.get(), dh0.get()) : PyErr_NoMemory();
}

}  // namespace

PyMethodDef recurrent_methods[] = {
    RUSHLIGHT_TWIN(lstm_forward, "x_proj, h0, c0, w_hh, b_hh, None -> y, gates, cells"),
    RUSHLIGHT_TWIN(lstm_backward, "grad, dc, last, c0, w_hh, None, gates, cells -> dx_proj, dh, dh0, dc0"),
    RUSHLIGHT_TWIN(gru_forward, "x_proj, h0, w_hh, b_hh -> y, gates, hidden"),
    RUSHLIGHT_TWIN(gru_backward, "grad, h0, w_hh, y, gates, hidden -> dx_proj, dh_proj, dh0"),
    RUSHLIGHT_METHOD(rnn_forward, "x_proj, h0, w_hh, b_hh, nonlinearity -> y"),
    RUSHLIGHT_METHOD(rnn_backward, "grad, w_hh, y, nonlinearity -> dx_proj, dh0"),
    {},
};

}  // namespace rushlight
