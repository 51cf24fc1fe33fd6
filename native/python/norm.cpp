// Bindings of layer and RMS norm (rows in C order), and of batch and group norm (images, channels-last or plane by
// plane, and matrices; what lies otherwise is copied). Results lie as the input does.
#include "kernels.h"
#include "python/layout.h"

namespace rushlight {
namespace {

// layer_norm_forward(x, weight, bias, eps) -> y, mean, rstd
PyObject* layer_norm_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    float eps = 0;
    if (count != 4 || !is_f32_contiguous(args[0], 2) || !size(args[0]) ||
        !is_none_or_vector(args[1], dim(args[0], 1)) || !is_none_or_vector(args[2], dim(args[0], 1)) ||
        !read_float(args[3], &eps))
        return not_implemented();
    const int64_t R = dim(args[0], 0), C = dim(args[0], 1);
    const npy_intp column[] = {R, 1};
    Ref y = new_f32_like(args[0]), mean = new_f32(2, column), rstd = new_f32(2, column);
    if (!y || !mean || !rstd) return nullptr;
    {
        Unlocked unlocked(12.0 * double(R * C));
        layer_norm_forward(data(args[0]), data_or_null(args[1]), data_or_null(args[2]), eps, R, C, data(y), data(mean),
                           data(rstd));
    }
    return PyTuple_Pack(3, y.get(), mean.get(), rstd.get());
}

// layer_norm_backward(grad, x, weight, mean, rstd) -> dx, dweight, dbias
PyObject* layer_norm_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 5 || !is_f32_contiguous(args[1], 2) || !size(args[1]) || !is_f32_contiguous(args[0], 2) ||
        !same_shape(args[0], args[1]) || !is_none_or_vector(args[2], dim(args[1], 1)) || !is_f32_contiguous(args[3]) ||
        size(args[3]) != dim(args[1], 0) || !is_f32_contiguous(args[4]) || size(args[4]) != dim(args[1], 0))
        return not_implemented();
    const int64_t R = dim(args[1], 0), C = dim(args[1], 1);
    const npy_intp row = C;
    Ref dx = new_f32_like(args[1]), dweight = new_f32(1, &row), dbias = new_f32(1, &row);
    if (!dx || !dweight || !dbias) return nullptr;
    {
        Unlocked unlocked(16.0 * double(R * C));
        layer_norm_backward(data(args[0]), data(args[1]), data_or_null(args[2]), data(args[3]), data(args[4]), R, C,
                            data(dx), data(dweight), data(dbias));
    }
    return PyTuple_Pack(3, dx.get(), dweight.get(), dbias.get());
}

int64_t channels(PyObject* x) { return dim(x, 1); }

// Images (N, C, *S) or a matrix (N, C), in any layout.
bool is_images(PyObject* o) { return is_f32(o) && ndim(o) >= 2 && size(o) > 0; }

ImageShape shape_of(PyObject* x) {
    const int64_t N = dim(x, 0), C = channels(x);
    return {N, size(x) / (N * C), C, is_contiguous(x) && !is_channels_last(x)};
}

Ref new_images_like(PyObject* x, const ImageShape& s) {
    return s.planes ? new_f32_like(x) : new_channels_last(NPY_FLOAT32, ndim(x), PyArray_DIMS(as_array(x)));
}
Ref as_images(PyObject* x, const ImageShape& s) { return s.planes ? as_planes(x) : as_channels_last(x); }

bool is_vector(PyObject* o, int64_t n) { return is_f32_contiguous(o, 1) && dim(o, 0) == n; }

// batch_norm_forward(x, weight, bias, eps) -> y, mean, var
PyObject* batch_norm_forward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    float eps = 0;
    if (count != 4 || !is_images(args[0]) || !is_none_or_vector(args[1], channels(args[0])) ||
        !is_none_or_vector(args[2], channels(args[0])) || !read_float(args[3], &eps))
        return not_implemented();
    const ImageShape s = shape_of(args[0]);
    const npy_intp row = s.C;
    Ref x = as_images(args[0], s), y = new_images_like(args[0], s);
    Ref mean = new_f32(1, &row), var = new_f32(1, &row);
    if (!x || !y || !mean || !var) return nullptr;
    {
        Unlocked unlocked(16.0 * double(size(args[0])));
        batch_norm_statistics(data(x), s, data(mean), data(var));
        batch_norm_apply(data(x), data(mean), data(var), data_or_null(args[1]), data_or_null(args[2]), eps, s, data(y));
    }
    return PyTuple_Pack(3, y.get(), mean.get(), var.get());
}

// batch_norm_apply(x, mean, var, weight, bias, eps) -> y
PyObject* batch_norm_apply_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    float eps = 0;
    if (count != 6 || !is_images(args[0]) || !is_vector(args[1], channels(args[0])) ||
        !is_vector(args[2], channels(args[0])) || !is_none_or_vector(args[3], channels(args[0])) ||
        !is_none_or_vector(args[4], channels(args[0])) || !read_float(args[5], &eps))
        return not_implemented();
    const ImageShape s = shape_of(args[0]);
    Ref x = as_images(args[0], s), y = new_images_like(args[0], s);
    if (!x || !y) return nullptr;
    {
        Unlocked unlocked(8.0 * double(size(args[0])));
        batch_norm_apply(data(x), data(args[1]), data(args[2]), data_or_null(args[3]), data_or_null(args[4]), eps, s,
                         data(y));
    }
    return y.release();
}

// (grad, x, weight, mean, var, eps) -> dx, dweight, dbias, by one of the two kernels
PyObject* batch_norm_gradients(PyObject* const* args, Py_ssize_t count, decltype(batch_norm_backward) kernel) {
    float eps = 0;
    if (count != 6 || !is_images(args[1]) || !is_f32(args[0]) || !same_shape(args[0], args[1]) ||
        !is_none_or_vector(args[2], channels(args[1])) || !is_vector(args[3], channels(args[1])) ||
        !is_vector(args[4], channels(args[1])) || !read_float(args[5], &eps))
        return not_implemented();
    const ImageShape s = shape_of(args[1]);
    const npy_intp row = s.C;
    Ref grad = as_images(args[0], s), x = as_images(args[1], s), dx = new_images_like(args[1], s);
    Ref dweight = new_f32(1, &row), dbias = new_f32(1, &row);
    if (!grad || !x || !dx || !dweight || !dbias) return nullptr;
    {
        Unlocked unlocked(20.0 * double(size(args[1])));
        kernel(data(grad), data(x), data_or_null(args[2]), data(args[3]), data(args[4]), eps, s, data(dx),
               data(dweight), data(dbias));
    }
    return PyTuple_Pack(3, dx.get(), dweight.get(), dbias.get());
}

// batch_norm_backward(grad, x, weight, mean, var, eps) -> dx, dweight, dbias
PyObject* batch_norm_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return batch_norm_gradients(args, count, batch_norm_backward);
}

// batch_norm_apply_backward(grad, x, weight, mean, var, eps) -> dx, dweight, dbias
PyObject* batch_norm_apply_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return batch_norm_gradients(args, count, batch_norm_apply_backward);
}

// group_norm_forward(x, weight, bias, groups, eps) -> y, mean, rstd
PyObject* group_norm_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    float eps = 0;
    int64_t G = 0;
    if (count != 5 || !is_images(args[0]) || !is_none_or_vector(args[1], channels(args[0])) ||
        !is_none_or_vector(args[2], channels(args[0])) || !read_int(args[3], &G) || G < 1 || channels(args[0]) % G ||
        !read_float(args[4], &eps))
        return not_implemented();
    const ImageShape s = shape_of(args[0]);
    const npy_intp groups[] = {s.N, G, 1};
    Ref x = as_images(args[0], s), y = new_images_like(args[0], s), mean = new_f32(3, groups),
        rstd = new_f32(3, groups);
    if (!x || !y || !mean || !rstd) return nullptr;
    {
        Unlocked unlocked(16.0 * double(size(args[0])));
        group_norm_forward(data(x), data_or_null(args[1]), data_or_null(args[2]), eps, s, G, data(y), data(mean),
                           data(rstd));
    }
    return PyTuple_Pack(3, y.get(), mean.get(), rstd.get());
}

// group_norm_backward(grad, x, weight, mean, rstd) -> dx, dweight, dbias
PyObject* group_norm_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 5 || !is_images(args[1]) || !is_f32(args[0]) || !same_shape(args[0], args[1]) ||
        !is_none_or_vector(args[2], channels(args[1])) || !is_f32_contiguous(args[3], 3) ||
        !is_f32_contiguous(args[4], 3) || !same_shape(args[3], args[4]) || dim(args[3], 0) != dim(args[1], 0))
        return not_implemented();
    const ImageShape s = shape_of(args[1]);
    const int64_t G = dim(args[3], 1);
    if (G < 1 || s.C % G || dim(args[3], 2) != 1) return not_implemented();
    const npy_intp row = s.C;
    Ref grad = as_images(args[0], s), x = as_images(args[1], s), dx = new_images_like(args[1], s);
    Ref dweight = new_f32(1, &row), dbias = new_f32(1, &row);
    if (!grad || !x || !dx || !dweight || !dbias) return nullptr;
    {
        Unlocked unlocked(20.0 * double(size(args[1])));
        group_norm_backward(data(grad), data(x), data_or_null(args[2]), data(args[3]), data(args[4]), s, G, data(dx),
                            data(dweight), data(dbias));
    }
    return PyTuple_Pack(3, dx.get(), dweight.get(), dbias.get());
}

// rms_norm_forward(x, weight, eps) -> y, rstd
PyObject* rms_norm_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    float eps = 0;
    if (count != 3 || !is_f32_contiguous(args[0], 2) || !size(args[0]) ||
        !is_none_or_vector(args[1], dim(args[0], 1)) || !read_float(args[2], &eps))
        return not_implemented();
    const int64_t R = dim(args[0], 0), C = dim(args[0], 1);
    const npy_intp column[] = {R, 1};
    Ref y = new_f32_like(args[0]), rstd = new_f32(2, column);
    if (!y || !rstd) return nullptr;
    {
        Unlocked unlocked(12.0 * double(R * C));
        rms_norm_forward(data(args[0]), data_or_null(args[1]), eps, R, C, data(y), data(rstd));
    }
    return PyTuple_Pack(2, y.get(), rstd.get());
}

// rms_norm_backward(grad, x, weight, rstd) -> dx, dweight
PyObject* rms_norm_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 4 || !is_f32_contiguous(args[1], 2) || !size(args[1]) || !is_f32_contiguous(args[0], 2) ||
        !same_shape(args[0], args[1]) || !is_none_or_vector(args[2], dim(args[1], 1)) || !is_f32_contiguous(args[3]) ||
        size(args[3]) != dim(args[1], 0))
        return not_implemented();
    const int64_t R = dim(args[1], 0), C = dim(args[1], 1);
    const npy_intp row = C;
    Ref dx = new_f32_like(args[1]), dweight = new_f32(1, &row);
    if (!dx || !dweight) return nullptr;
    {
        Unlocked unlocked(16.0 * double(R * C));
        rms_norm_backward(data(args[0]), data(args[1]), data_or_null(args[2]), data(args[3]), R, C, data(dx),
                          data(dweight));
    }
    return PyTuple_Pack(2, dx.get(), dweight.get());
}

}  // namespace

PyMethodDef norm_methods[] = {
    RUSHLIGHT_TWIN(layer_norm_forward, nullptr),
    RUSHLIGHT_TWIN(layer_norm_backward, nullptr),
    RUSHLIGHT_METHOD(batch_norm_forward, nullptr),
    RUSHLIGHT_TWIN(batch_norm_apply, nullptr),
    RUSHLIGHT_TWIN(batch_norm_backward, nullptr),
    RUSHLIGHT_TWIN(batch_norm_apply_backward, nullptr),
    RUSHLIGHT_TWIN(group_norm_forward, nullptr),
    RUSHLIGHT_TWIN(group_norm_backward, nullptr),
    RUSHLIGHT_TWIN(rms_norm_forward, nullptr),
    RUSHLIGHT_TWIN(rms_norm_backward, nullptr),
    {},
};

}  // namespace rushlight
