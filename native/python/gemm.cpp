// Bindings of matrix products: matmul_kernel, linear_forward, linear_backward; in float32, and in bfloat16 where the
// processor multiplies it.
#include <atomic>
#include <vector>

#include "kernels.h"
#include "parallel.h"
#include "python/copy.h"

namespace rushlight {
namespace {

constexpr double BATCH_WORK = 2e6;  // flops worth a range of products

// Strides of the last two dimensions in elements. Those of dimensions of one entry mean nothing and are set to fit.
template <class T>
bool read_matrix(PyObject* o, MatrixOf<T>* out) {
    constexpr int64_t size = sizeof(T);
    const int last = ndim(o) - 1;
    if (last < 1 || stride(o, last) % size || stride(o, last - 1) % size) return false;
    const int64_t rows = dim(o, last - 1), columns = dim(o, last);
    int64_t row = stride(o, last - 1) / size, col = stride(o, last) / size;
    if (columns == 1) col = 1;
    if (rows == 1) row = col == 1 ? columns : 1;
    *out = {data<T>(o), row, col};
    return rows > 0 && columns > 0;
}

// Whether `o` holds what products of T are made of.
template <class T>
bool holds(PyObject* o, int ndim = -1) {
    return sizeof(T) == sizeof(float) ? is_f32(o, ndim) : is_bf16(o, ndim) && has_bf16_products();
}

template <class T>
bool is_matrix(PyObject* o, MatrixOf<T>* out) {
    return holds<T>(o, 2) && read_matrix(o, out);
}

bool multiply(int64_t M, int64_t N, int64_t K, Matrix a, Matrix b, const float* bias, bool relu, float* c) {
    return gemm(M, N, K, a, b, bias, relu, c, N);
}
bool multiply(int64_t M, int64_t N, int64_t K, HalfMatrix a, HalfMatrix b, const float* bias, bool relu, uint16_t* c) {
    return gemm_bf16(M, N, K, a, b, bias, relu, {nullptr, c, N});
}

// --- matmul ------------------------------------------------------------------------------------------------------

// The leading dimensions of two operands, broadcast against each other, and where each product's operands begin.
struct Batch {
    int dims = 0;
    npy_intp shape[NPY_MAXDIMS];
    int64_t count = 1;
    std::vector<int64_t> a, b;  // offsets in elements
};

bool broadcast_batch(PyObject* a, PyObject* b, int64_t size, Batch* out) {
    out->dims = (ndim(a) > ndim(b) ? ndim(a) : ndim(b)) - 2;
    int64_t strides[2][NPY_MAXDIMS];
    PyObject* const operands[] = {a, b};
    for (int d = 0; d < out->dims; d++) {
        out->shape[d] = 1;
        for (int i = 0; i < 2; i++) {
            const int own = d - out->dims + ndim(operands[i]) - 2;
            const int64_t n = own < 0 ? 1 : dim(operands[i], own), step = n == 1 ? 0 : stride(operands[i], own);
            if (step % size || (n != 1 && out->shape[d] != 1 && n != out->shape[d])) return false;
            if (n != 1) out->shape[d] = n;
            strides[i][d] = step / size;
        }
        out->count *= out->shape[d];
    }
    if (out->count == 0) return false;
    out->a.assign(size_t(out->count), 0);
    out->b.assign(size_t(out->count), 0);
    int64_t repeat = 1;  // products between steps of dimension d
    for (int d = out->dims - 1; d >= 0; repeat *= out->shape[d--])
        for (int64_t i = 0; i < out->count; i++) {
            out->a[size_t(i)] += i / repeat % out->shape[d] * strides[0][d];
            out->b[size_t(i)] += i / repeat % out->shape[d] * strides[1][d];
        }
    return true;
}

template <class T>
bool run_products(int64_t M, int64_t N, int64_t K, MatrixOf<T> a, MatrixOf<T> b, const Batch& batch, T* c) {
    std::atomic<bool> whole{true};
    const auto run = [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const MatrixOf<T> left{a.data + batch.a[size_t(i)], a.row, a.col},
                right{b.data + batch.b[size_t(i)], b.row, b.col};
            if (!multiply(M, N, K, left, right, nullptr, false, c + i * M * N)) whole = false;
        }
    };
    const double work = 2.0 * double(M) * double(N) * double(K);
    const int64_t grain = work > BATCH_WORK ? 1 : int64_t(BATCH_WORK / work) + 1;
    if (batch.count >= 8 || work < BATCH_WORK)
        parallel_for(batch.count, grain, run);
    else
        run(0, batch.count);
    return whole;
}

// Whether all dimensions but the last step through memory as one, so that they may be seen as the rows of one matrix.
bool rows_are_one(PyObject* o) {
    for (int d = 0; d + 2 < ndim(o); d++)
        if (stride(o, d) != stride(o, d + 1) * dim(o, d + 1)) return false;
    return true;
}

template <class T>
PyObject* matmul_of(PyObject* const* args) {
    MatrixOf<T> a, b;
    if (!holds<T>(args[1]) || !read_matrix(args[0], &a) || !read_matrix(args[1], &b)) return not_implemented();
    const int left = ndim(args[0]), right = ndim(args[1]);
    int64_t M = dim(args[0], left - 2);
    const int64_t K = dim(args[0], left - 1), N = dim(args[1], right - 1);
    Batch batch;
    if (dim(args[1], right - 2) != K || !broadcast_batch(args[0], args[1], sizeof(T), &batch)) return not_implemented();
    npy_intp shape[NPY_MAXDIMS];
    for (int d = 0; d < batch.dims; d++) shape[d] = batch.shape[d];
    shape[batch.dims] = M;
    shape[batch.dims + 1] = N;
    Ref c = new_of_kind(args[0], batch.dims + 2, shape);
    if (!c) return nullptr;
    if (right == 2 && M > 1 && rows_are_one(args[0])) {
        M *= batch.count;
        batch.count = 1;
    }
    bool whole;
    {
        Unlocked unlocked(2.0 * double(batch.count) * double(M) * double(N) * double(K));
        whole = run_products(M, N, K, a, b, batch, data<T>(c));
    }
    return whole ? c.release() : PyErr_NoMemory();
}

PyObject* matmul_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return not_implemented();
    if (holds<float>(args[0])) return matmul_of<float>(args);
    return holds<uint16_t>(args[0]) ? matmul_of<uint16_t>(args) : not_implemented();
}

// --- linear ------------------------------------------------------------------------------------------------------

// A bias as floats: itself, or a copy of what is held in bfloat16, or nullptr for None. False: something else.
struct Bias {
    const float* values = nullptr;
    std::vector<float> copy;

    bool read(PyObject* o, int64_t n, float) { return is_none_or_vector(o, n) && (values = data_or_null(o), true); }
    bool read(PyObject* o, int64_t n, uint16_t) {
        if (o == Py_None) return true;
        if (!is_bf16(o, 1) || dim(o, 0) != n || !is_contiguous(o)) return false;
        copy.resize(size_t(n));
        from_bfloat16(data<uint16_t>(o), n, reinterpret_cast<uint32_t*>(copy.data()));
        values = copy.data();
        return true;
    }
};

template <class T>
PyObject* linear_of(PyObject* const* args) {
    MatrixOf<T> x, weight;
    if (!is_matrix(args[0], &x) || !is_matrix(args[1], &weight)) return not_implemented();
    const int64_t R = dim(args[0], 0), K = dim(args[0], 1), O = dim(args[1], 0);
    const bool relu = is_text(args[3], "relu");
    Bias bias;
    if (dim(args[1], 1) != K || !bias.read(args[2], O, T()) || !(relu || args[3] == Py_None)) return not_implemented();
    const npy_intp shape[] = {R, O};
    Ref y = new_of_kind(args[0], 2, shape);
    if (!y) return nullptr;
    bool whole;
    {
        Unlocked unlocked(2.0 * double(R) * double(O) * double(K));
        whole = multiply(R, O, K, x, weight.transposed(), bias.values, relu, data<T>(y));
    }
    return whole ? y.release() : PyErr_NoMemory();
}

PyObject* linear_forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 4) return not_implemented();
    return holds<float>(args[0]) ? linear_of<float>(args) : linear_of<uint16_t>(args);
}

bool sum_rows(const float* x, int64_t R, int64_t C, float* out) { return column_sums(x, R, C, out); }
bool sum_rows(const uint16_t* x, int64_t R, int64_t C, uint16_t* out) { return column_sums_bf16(x, R, C, out); }

template <class T>
PyObject* linear_gradient_of(PyObject* const* args) {
    MatrixOf<T> grad, x, weight;
    if (!holds<T>(args[0], 2) || !is_matrix(args[1], &x) || !is_matrix(args[2], &weight)) return not_implemented();
    const bool repeated = stride(args[0], 0) == 0 || stride(args[0], 1) == 0;  // as the gradient of a sum is
    Ref rows = repeated ? copy_in_order(args[0]) : Ref(Py_NewRef(args[0]));
    if (!rows) return nullptr;
    if (!is_matrix(rows.get(), &grad)) return not_implemented();
    const npy_intp R = dim(args[0], 0), O = dim(args[0], 1), K = dim(args[1], 1);
    bool needs[3];
    if (dim(args[1], 0) != R || dim(args[2], 0) != O || dim(args[2], 1) != K || !read_bools(args[3], 3, needs) ||
        (needs[2] && !is_contiguous(rows.get())))
        return not_implemented();
    const npy_intp dx_shape[] = {R, K}, dweight_shape[] = {O, K}, dbias_shape[] = {O};
    Ref dx = needs[0] ? new_of_kind(args[0], 2, dx_shape) : none();
    Ref dweight = needs[1] ? new_of_kind(args[0], 2, dweight_shape) : none();
    Ref dbias = needs[2] ? new_of_kind(args[0], 1, dbias_shape) : none();
    if (!dx || !dweight || !dbias) return nullptr;
    bool whole = true;
    {
        Unlocked unlocked(2.0 * (needs[0] + needs[1]) * double(R) * double(O) * double(K) + double(R * O));
        if (needs[0]) whole &= multiply(R, K, O, grad, weight, nullptr, false, data<T>(dx));
        if (needs[1]) whole &= multiply(O, K, R, grad.transposed(), x, nullptr, false, data<T>(dweight));
        if (needs[2]) whole &= sum_rows(grad.data, R, O, data<T>(dbias));
    }
    if (!whole) return PyErr_NoMemory();
    return PyTuple_Pack(3, dx.get(), dweight.get(), dbias.get());
}

PyObject* linear_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 4) return not_implemented();
    return holds<float>(args[0]) ? linear_gradient_of<float>(args) : linear_gradient_of<uint16_t>(args);
}

}  // namespace

PyMethodDef gemm_methods[] = {
    RUSHLIGHT_METHOD(matmul_kernel, "(.., M, K) @ (.., K, N) -> (.., M, N)"),
    RUSHLIGHT_METHOD(linear_forward, "x (R, K), weight (O, K), bias (O,) -> y (R, O)"),
    RUSHLIGHT_METHOD(linear_backward, "grad (R, O) -> dx (R, K), dweight (O, K), dbias (O,)"),
    {},
};

}  // namespace rushlight
