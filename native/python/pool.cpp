// Bindings of max and average pooling over one to three spatial dimensions (those that lack have size 1): windows that
// slide, and windows that cover the input evenly. What is not channels-last is copied so.
#include <vector>

#include "kernels.h"
#include "python/layout.h"

namespace rushlight {
namespace {

// The spatial dimensions of an input (N, C, *S) of 3 to 5 dimensions.
int spatial(PyObject* o) { return ndim(o) - 2; }
bool is_pooled(PyObject* o) { return is_f32(o) && ndim(o) >= 3 && ndim(o) <= 5 && size(o) > 0; }

// Sizes (N, C, D, H, W) of an input of n spatial dimensions, and its windows.
struct Pooling {
    int n;
    int64_t size[5];
    Windows windows[3];

    Pooling(int dims, const int64_t* shape) : n(dims), size{shape[0], shape[1], 1, 1, 1} {
        for (int i = 0; i < 3; i++) windows[i] = {{0, 1, 1}};
        for (int i = 0; i < n; i++) size[5 - n + i] = shape[2 + i];
    }

    Windows& of(int i) { return windows[3 - n + i]; }  // of spatial dimension i
    int64_t extent(int i) const { return size[5 - n + i]; }
    PoolShape shape() const {
        return {size[0], size[1], size[2], size[3], size[4], windows[0], windows[1], windows[2]};
    }
    int64_t outputs() const { return int64_t(windows[0].size() * windows[1].size() * windows[2].size()); }
    bool fits_indices() const { return size[2] * size[3] * size[4] <= INT32_MAX; }

    // A new channels-last array of the outputs, or of the inputs.
    Ref new_outputs(int type) const {
        npy_intp shape[5] = {size[0], size[1]};
        for (int i = 0; i < n; i++) shape[2 + i] = npy_intp(windows[3 - n + i].size());
        return new_channels_last(type, 2 + n, shape);
    }
    Ref new_inputs() const {
        npy_intp shape[5] = {size[0], size[1]};
        for (int i = 0; i < n; i++) shape[2 + i] = extent(i);
        return new_channels_last(NPY_FLOAT32, 2 + n, shape);
    }
    // Whether an array (N, C, *S') holds a number for each output.
    bool are_outputs(PyObject* o) const {
        if (ndim(o) != 2 + n || dim(o, 0) != size[0] || dim(o, 1) != size[1]) return false;
        for (int i = 0; i < n; i++)
            if (dim(o, 2 + i) != int64_t(windows[3 - n + i].size())) return false;
        return true;
    }
};

Pooling pooling_of(PyObject* x) {
    int64_t shape[5];
    for (int d = 0; d < ndim(x); d++) shape[d] = dim(x, d);
    return Pooling(spatial(x), shape);
}

// --- windows that slide
// ---------------------------------------------------------------------------------------------

// torch: with ceil_mode a last, partial window counts only if it starts inside the input or its left padding.
int64_t count_windows(int64_t n, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation, bool ceil_mode) {
    const int64_t room = n + 2 * pad - dilation * (kernel - 1) - 1;
    if (room < 0 && !ceil_mode) return 0;
    int64_t count = (ceil_mode ? room + stride - 1 : room) / stride + 1;
    if (ceil_mode && (count - 1) * stride >= n + pad) count--;
    return count;
}

// The window's sizes for each spatial dimension.
struct Slide {
    int64_t kernel[3], stride[3], pad[3], dilation[3] = {1, 1, 1};
    bool ceil_mode = false;
};

bool read_sizes(PyObject* const* args, int n, Slide* s) {
    if (!read_ints(args[0], n, s->kernel) || !read_ints(args[1], n, s->stride) || !read_ints(args[2], n, s->pad))
        return false;
    for (int i = 0; i < n; i++)
        if (s->kernel[i] < 1 || s->stride[i] < 1 || s->pad[i] < 0 || s->pad[i] > s->kernel[i] / 2) return false;
    return true;
}

// Lays the windows out; false if there are none.
bool slide(const Slide& s, Pooling* p) {
    for (int i = 0; i < p->n; i++) {
        const int64_t size = p->extent(i), step = s.dilation[i];
        if (step < 1 || size < 1) return false;
        const int64_t count = count_windows(size, s.kernel[i], s.stride[i], s.pad[i], step, s.ceil_mode);
        if (count < 1) return false;
        p->of(i).clear();
        for (int64_t o = 0; o < count; o++) {
            const int64_t start = o * s.stride[i] - s.pad[i], first = start < 0 ? ceil_div(-start, step) : 0;
            p->of(i).push_back({start + first * step, min(size, start + step * (s.kernel[i] - 1) + 1), step});
        }
    }
    return true;
}

PyObject* find_largest(PyObject* input, const Pooling& p) {
    Ref x = as_channels_last(input), y = p.new_outputs(NPY_FLOAT32), indices = p.new_outputs(NPY_INT32);
    if (!x || !y || !indices) return nullptr;
    {
        Unlocked unlocked(4.0 * double(size(input)));
        max_pool_forward(data(x), p.shape(), data(y), data<int32_t>(indices));
    }
    return PyTuple_Pack(2, y.get(), indices.get());
}

// max_pool_forward(x, kernel_size, stride, padding, dilation, ceil_mode) -> y, indices
PyObject* max_pool_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Slide s;
    if (count != 6 || !is_pooled(args[0]) || !read_sizes(args + 1, spatial(args[0]), &s) ||
        !read_ints(args[4], spatial(args[0]), s.dilation) || !read_bool(args[5], &s.ceil_mode))
        return not_implemented();
    Pooling p = pooling_of(args[0]);
    if (!slide(s, &p) || !p.fits_indices()) return not_implemented();
    return find_largest(args[0], p);
}

// max_pool_backward(grad, indices, input_shape) -> dx
PyObject* max_pool_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t input[5];
    if (count != 3 || !is_pooled(args[0]) || !is_array(args[1], NPY_INT32, ndim(args[0])) ||
        !is_channels_last(args[1]) || !same_shape(args[0], args[1]) || !read_ints(args[2], ndim(args[0]), input) ||
        input[0] != dim(args[0], 0) || input[1] != dim(args[0], 1))
        return not_implemented();
    const Pooling p(spatial(args[0]), input);
    const int64_t plane = p.shape().plane(), C = input[1], total = size(args[0]);
    const int32_t* index = data<int32_t>(args[1]);
    for (int64_t i = 0; i < total; i++)
        if (index[i] < 0 || index[i] >= plane) return not_implemented();
    Ref grad = as_channels_last(args[0]), dx = p.new_inputs();
    if (!grad || !dx) return nullptr;
    {
        Unlocked unlocked(8.0 * double(plane * C * input[0]));
        max_pool_backward(data(grad), index, input[0], plane, total / (input[0] * C), C, data(dx));
    }
    return dx.release();
}

// By what the sums of windows are divided. torch: padding counts if count_include_pad, but what ceil_mode adds beyond
// it never does.
std::vector<float> divisors_of(const Pooling& p, const Slide& s, bool count_pad, int64_t override) {
    std::vector<float> divisors(1, 1.0f);
    if (override) return std::vector<float>(size_t(p.outputs()), float(override));
    for (int i = 0; i < p.n; i++) {
        std::vector<float> wider;
        for (const float before : divisors)
            for (size_t o = 0; o < p.windows[3 - p.n + i].size(); o++) {
                const Span& span = p.windows[3 - p.n + i][o];
                const int64_t start = int64_t(o) * s.stride[i] - s.pad[i];
                const int64_t padded = min(start + s.kernel[i], p.extent(i) + s.pad[i]) - start;
                wider.push_back(before * float(count_pad ? padded : span.end - span.begin));
            }
        divisors = wider;
    }
    return divisors;
}

// kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
bool read_average(PyObject* const* args, Pooling* p, std::vector<float>* divisors) {
    Slide s;
    int64_t override = 0;
    bool count_pad = false;
    if (!read_sizes(args, p->n, &s) || !read_bool(args[3], &s.ceil_mode) || !read_bool(args[4], &count_pad) ||
        !(args[5] == Py_None || (read_int(args[5], &override) && override != 0)) || !slide(s, p))
        return false;
    *divisors = divisors_of(*p, s, count_pad, override);
    return true;
}

PyObject* average(PyObject* input, const Pooling& p, const std::vector<float>& divisors) {
    Ref x = as_channels_last(input), y = p.new_outputs(NPY_FLOAT32);
    if (!x || !y) return nullptr;
    {
        Unlocked unlocked(4.0 * double(size(input)));
        avg_pool_forward(data(x), p.shape(), divisors.data(), data(y));
    }
    return y.release();
}
PyObject* spread_average(PyObject* output, const Pooling& p, const std::vector<float>& divisors) {
    Ref grad = as_channels_last(output), dx = p.new_inputs();
    if (!grad || !dx) return nullptr;
    {
        Unlocked unlocked(4.0 * double(size(dx.get())));
        avg_pool_backward(data(grad), p.shape(), divisors.data(), data(dx));
    }
    return dx.release();
}

// avg_pool_forward(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override) -> y
PyObject* avg_pool_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    std::vector<float> divisors;
    if (count != 7 || !is_pooled(args[0])) return not_implemented();
    Pooling p = pooling_of(args[0]);
    if (!read_average(args + 1, &p, &divisors)) return not_implemented();
    return average(args[0], p, divisors);
}

// avg_pool_backward(grad, input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override) ->
// dx
PyObject* avg_pool_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t input[5];
    std::vector<float> divisors;
    if (count != 8 || !is_pooled(args[0]) || !read_ints(args[1], ndim(args[0]), input)) return not_implemented();
    Pooling p(spatial(args[0]), input);
    if (!read_average(args + 2, &p, &divisors) || !p.are_outputs(args[0])) return not_implemented();
    return spread_average(args[0], p, divisors);
}

// --- windows that cover the input evenly
// -----------------------------------------------------------------------------

// Window i of `count` over n places: floor(i n / count) to ceil((i + 1) n / count).
Windows even_windows(int64_t n, int64_t count) {
    Windows windows;
    for (int64_t i = 0; i < count; i++) windows.push_back({i * n / count, ceil_div((i + 1) * n, count), 1});
    return windows;
}

// Sets them; false where a size is 0.
bool cover(const int64_t* count, Pooling* p) {
    for (int i = 0; i < p->n; i++) {
        if (count[i] < 1 || p->extent(i) < 1) return false;
        p->of(i) = even_windows(p->extent(i), count[i]);
    }
    return true;
}

std::vector<float> sizes_of(const Pooling& p) {
    std::vector<float> sizes;
    for (const Span& d : p.windows[0])
        for (const Span& h : p.windows[1])
            for (const Span& w : p.windows[2])
                sizes.push_back(float((d.end - d.begin) * (h.end - h.begin) * (w.end - w.begin)));
    return sizes;
}

// adaptive_avg_pool_forward(x, output_size) -> y
PyObject* adaptive_avg_pool_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t wanted[3];
    if (count != 2 || !is_pooled(args[0]) || !read_ints(args[1], spatial(args[0]), wanted)) return not_implemented();
    Pooling p = pooling_of(args[0]);
    if (!cover(wanted, &p)) return not_implemented();
    if (p.outputs() > 1 || is_channels_last(args[0]) || !is_contiguous(args[0]))
        return average(args[0], p, sizes_of(p));
    Ref y = p.new_outputs(NPY_FLOAT32);  // of whole planes
    if (!y) return nullptr;
    {
        Unlocked unlocked(double(size(args[0])));
        plane_means(data(args[0]), p.size[0] * p.size[1], p.shape().plane(), data(y));
    }
    return y.release();
}

// adaptive_avg_pool_backward(grad, input_shape) -> dx
PyObject* adaptive_avg_pool_backward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t input[5], wanted[3];
    if (count != 2 || !is_pooled(args[0]) || !read_ints(args[1], ndim(args[0]), input)) return not_implemented();
    Pooling p(spatial(args[0]), input);
    for (int i = 0; i < p.n; i++) wanted[i] = dim(args[0], 2 + i);
    if (!cover(wanted, &p) || !p.are_outputs(args[0]) || p.outputs() == 1) return not_implemented();  // it repeats one
    return spread_average(args[0], p, sizes_of(p));
}

// adaptive_max_pool_forward(x, output_size) -> y, indices
PyObject* adaptive_max_pool_forward_(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int64_t wanted[3];
    if (count != 2 || !is_pooled(args[0]) || !read_ints(args[1], spatial(args[0]), wanted)) return not_implemented();
    Pooling p = pooling_of(args[0]);
    if (!cover(wanted, &p) || !p.fits_indices()) return not_implemented();
    return find_largest(args[0], p);
}

}  // namespace

PyMethodDef pool_methods[] = {
    RUSHLIGHT_TWIN(max_pool_forward, nullptr),          RUSHLIGHT_TWIN(max_pool_backward, nullptr),
    RUSHLIGHT_TWIN(avg_pool_forward, nullptr),          RUSHLIGHT_TWIN(avg_pool_backward, nullptr),
    RUSHLIGHT_TWIN(adaptive_avg_pool_forward, nullptr), RUSHLIGHT_TWIN(adaptive_avg_pool_backward, nullptr),
    RUSHLIGHT_TWIN(adaptive_max_pool_forward, nullptr), {}};

}  // namespace rushlight
