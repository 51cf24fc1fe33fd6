// What every binding file needs: recognising the arrays that kernels take, making new ones, reading small arguments and
// letting other Python threads run meanwhile. A binding checks dtype, layout and every dimension before it touches
// memory, and answers Py_NotImplemented to all it does not take; the kernel's definition runs then and reports errors.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL rushlight_numpy_api
#ifndef RUSHLIGHT_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace rushlight {

// A reference that is given back at the end of the scope.
class Ref {
    PyObject* object;

public:
    explicit Ref(PyObject* o = nullptr) : object(o) {}
    Ref(Ref&& other) : object(other.release()) {}
    Ref& operator=(Ref&& other) {
        PyObject* old = object;
        object = other.release();
        Py_XDECREF(old);
        return *this;
    }
    Ref(const Ref&) = delete;
    ~Ref() { Py_XDECREF(object); }
    explicit operator bool() const { return object != nullptr; }
    PyObject* get() const { return object; }
    PyArrayObject* array() const { return reinterpret_cast<PyArrayObject*>(object); }
    PyObject* release() {
        PyObject* o = object;
        object = nullptr;
        return o;
    }
};

inline PyObject* not_implemented() {
    Py_INCREF(Py_NotImplemented);
    return Py_NotImplemented;
}

// --- arrays that come in -----------------------------------------------------------------------------------------

inline PyArrayObject* as_array(PyObject* o) { return reinterpret_cast<PyArrayObject*>(o); }

// Dtypes of real numbers, whose inner loops never call Python and never raise.
inline bool is_plain(int type) { return type == NPY_FLOAT32 || type == NPY_FLOAT64; }

// An aligned ndarray (no subclass) of this type number in the machine's byte order and of `ndim` dimensions (-1: any).
inline bool is_array(PyObject* o, int type, int ndim = -1) {
    return PyArray_CheckExact(o) && PyArray_TYPE(as_array(o)) == type && PyArray_ISBEHAVED_RO(as_array(o)) &&
           (ndim < 0 || PyArray_NDIM(as_array(o)) == ndim);
}
inline bool is_f32(PyObject* o, int ndim = -1) { return is_array(o, NPY_FLOAT32, ndim); }

// ml_dtypes' bfloat16, whose number NumPy gives out when it is registered.
inline bool is_bfloat16(const PyArray_Descr* kind) {
    static int number = -1;
    if (kind->type_num == number) return true;
    if (number >= 0 || kind->type_num < NPY_USERDEF) return false;
    const char* dot = std::strrchr(kind->typeobj->tp_name, '.');
    if (std::strcmp(dot ? dot + 1 : kind->typeobj->tp_name, "bfloat16") != 0) return false;
    number = kind->type_num;
    return true;
}
inline bool is_bf16(PyObject* o, int ndim = -1) {
    return PyArray_CheckExact(o) && is_bfloat16(PyArray_DESCR(as_array(o))) && PyArray_ISBEHAVED_RO(as_array(o)) &&
           (ndim < 0 || PyArray_NDIM(as_array(o)) == ndim);
}

// The same, with its elements in C order and without gaps.
inline bool is_contiguous(PyObject* o) { return PyArray_IS_C_CONTIGUOUS(as_array(o)); }
inline bool is_f32_contiguous(PyObject* o, int ndim = -1) { return is_f32(o, ndim) && is_contiguous(o); }

inline int64_t dim(PyObject* o, int i) { return PyArray_DIM(as_array(o), i); }
inline int64_t stride(PyObject* o, int i) { return PyArray_STRIDE(as_array(o), i); }  // in bytes
inline int ndim(PyObject* o) { return PyArray_NDIM(as_array(o)); }
inline int64_t size(PyObject* o) { return PyArray_SIZE(as_array(o)); }
inline bool same_shape(PyObject* a, PyObject* b) { return PyArray_SAMESHAPE(as_array(a), as_array(b)); }

template <class T = float>
T* data(PyObject* o) {
    return static_cast<T*>(PyArray_DATA(as_array(o)));
}
template <class T = float>
T* data(const Ref& r) {
    return data<T>(r.get());
}

// For operands that may be None: whether `o` is None or a vector of n contiguous floats, and its data (None: nullptr).
inline bool is_none_or_vector(PyObject* o, int64_t n) {
    return o == Py_None || (is_f32_contiguous(o, 1) && dim(o, 0) == n);
}
inline const float* data_or_null(PyObject* o) { return o == Py_None ? nullptr : data(o); }

// --- arrays that go out ------------------------------------------------------------------------------------------

inline Ref new_array(int type, int ndim, const npy_intp* shape) { return Ref(PyArray_SimpleNew(ndim, shape, type)); }
inline Ref new_f32(int ndim, const npy_intp* shape) { return new_array(NPY_FLOAT32, ndim, shape); }
inline Ref new_f32_like(PyObject* o) { return new_f32(ndim(o), PyArray_DIMS(as_array(o))); }  // C order

// Of the model's dtype, in C order.
inline Ref new_of_kind(PyObject* model, int ndim, const npy_intp* shape) {
    PyArray_Descr* kind = PyArray_DESCR(as_array(model));
    Py_INCREF(kind);
    return Ref(PyArray_NewFromDescr(&PyArray_Type, kind, ndim, shape, nullptr, nullptr, 0, nullptr));
}

// None in place of an array that was not asked for.
inline Ref none() {
    Py_INCREF(Py_None);
    return Ref(Py_None);
}

// --- small arguments ---------------------------------------------------------------------------------------------

// Reads an int (no bool, nothing that overflows), a number, a tuple of exactly n ints. False leaves no exception
// behind.
inline bool read_int(PyObject* o, int64_t* out) {
    if (!PyLong_CheckExact(o)) return false;
    int overflow = 0;
    *out = PyLong_AsLongLongAndOverflow(o, &overflow);
    return !overflow;
}
inline bool read_double(PyObject* o, double* out) {
    if (PyFloat_CheckExact(o)) return *out = PyFloat_AS_DOUBLE(o), true;
    int64_t whole = 0;
    if (!read_int(o, &whole)) return false;
    return *out = double(whole), true;
}
inline bool read_float(PyObject* o, float* out) {
    double wide = 0;
    if (!read_double(o, &wide)) return false;
    return *out = float(wide), true;
}
inline bool read_bool(PyObject* o, bool* out) {
    if (!PyBool_Check(o)) return false;
    return *out = o == Py_True, true;
}
inline bool read_ints(PyObject* o, int n, int64_t* out) {
    if (!PyTuple_CheckExact(o) || PyTuple_GET_SIZE(o) != n) return false;
    for (int i = 0; i < n; i++)
        if (!read_int(PyTuple_GET_ITEM(o, i), out + i)) return false;
    return true;
}
inline bool read_bools(PyObject* o, int n, bool* out) {
    if (!PyTuple_CheckExact(o) || PyTuple_GET_SIZE(o) != n) return false;
    for (int i = 0; i < n; i++)
        if (!read_bool(PyTuple_GET_ITEM(o, i), out + i)) return false;
    return true;
}
// For each of `ndim` dimensions whether it is among `axes`. False: not a tuple of dimensions.
inline bool read_axes(PyObject* axes, int ndim, bool* reduced) {
    if (!PyTuple_CheckExact(axes)) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(axes); i++) {
        int64_t axis = 0;
        if (!read_int(PyTuple_GET_ITEM(axes, i), &axis) || axis < 0 || axis >= ndim || reduced[axis]) return false;
        reduced[axis] = true;
    }
    return true;
}
inline bool is_text(PyObject* o, const char* text) {
    return PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, text) == 0;
}

// --- the interpreter's lock --------------------------------------------------------------------------------------

// Lets other Python threads run while this is in scope, if the work (in floating-point operations, or in bytes moved)
// takes much longer than handing the lock over does.
class Unlocked {
    PyThreadState* state;

public:
    explicit Unlocked(double work) : state(work > 1e6 ? PyEval_SaveThread() : nullptr) {}
    Unlocked(const Unlocked&) = delete;
    ~Unlocked() {
        if (state) PyEval_RestoreThread(state);
    }
};

// --- the module --------------------------------------------------------------------------------------------------

// A row of a method table: METH_FASTCALL, positional only.
#define RUSHLIGHT_ROW(name, function, doc) \
    {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&function)), METH_FASTCALL, doc}
#define RUSHLIGHT_METHOD(name, doc) RUSHLIGHT_ROW(#name, name, doc)   // bound by the function of that name
#define RUSHLIGHT_TWIN(name, doc) RUSHLIGHT_ROW(#name, name##_, doc)  // by `name_`, where a kernel has the name

bool add_tape_types(PyObject* module);
bool add_guards_type(PyObject* module);
bool add_program_type(PyObject* module);
bool add_size_type(PyObject* module);
extern PyMethodDef tape_methods[], walk_methods[], thread_methods[], allocator_methods[], gemm_methods[],
    conv_methods[];
extern PyMethodDef activation_methods[], softmax_methods[], attention_methods[], recurrent_methods[],
    embedding_methods[];
extern PyMethodDef norm_methods[], pool_methods[], resample_methods[], optim_methods[], random_methods[],
    ufunc_methods[], fused_methods[], pointwise_methods[], order_methods[], reduction_methods[], lanes_methods[],
    shape_methods[], copy_methods[];

}  // namespace rushlight
