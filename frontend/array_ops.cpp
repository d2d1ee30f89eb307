#include "sluice/array_ops.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "frontend/along_axis.h"
#include "frontend/axes.h"
#include "sluice/detail/trace.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

std::vector<Tensor> parts_of(const Tensor& x, const std::vector<Dim>& sizes, int axis) {
  std::vector<Tensor> parts;
  Dim start = 0;
  for (const Dim size : sizes) {
    parts.push_back(detail::part(x, axis, start, start + size));
    start = start + size;
  }
  return parts;
}

/// Returns `sizes` with the one that is -1 replaced by what the others leave.
std::vector<Dim> with_rest(const Shape& sizes, const Type& type, int axis) {
  std::vector<Dim> all = sizes.dims();
  const Dim whole = type.shape[axis];
  const auto rest = std::find(all.begin(), all.end(), Dim(-1));
  if (rest != all.end()) *rest = 0;
  Dim sum = 0;
  bool fits = true;
  for (const Dim size : all) {
    fits = fits && size.ever_at_least(0);
    sum = sum + size;
  }
  if (rest != all.end()) {
    *rest = whole - sum;
    fits = fits && rest->ever_at_least(0);
  } else {
    fits = fits && sum == whole;
  }
  if (!fits) {
    fail_at_user(fmt::format("split: the sizes {} do not add up to the {} of axis {} of {}", to_string(sizes),
                             to_string(whole), axis, to_string(type)));
  }
  return all;
}

/// Returns `axis`, a place for a new one in a tensor of this type.
int normalize_new_axis(std::string_view op, int axis, const Type& type) {
  const int rank = type.shape.rank();
  if (axis < -rank - 1 || axis > rank)
    fail_at_user(fmt::format("{}: {} has no place for an axis {}", op, to_string(type), axis));
  return axis < 0 ? axis + rank + 1 : axis;
}

Tensor with_new_axis(const Tensor& x, int axis) {
  std::vector<Dim> dims = x.shape().dims();
  dims.insert(dims.begin() + axis, 1);
  return reshape(x, Shape(std::move(dims)));
}

/// Expects the axes to be ascending.
Tensor without_axes_of_size_1(const Tensor& x, const std::vector<std::int64_t>& axes) {
  Shape left;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!std::ranges::binary_search(axes, axis)) left.push_back(x.shape()[axis]);
  }
  return reshape(x, left);
}

void check_repeats(std::string_view op, Dim repeats) {
  if (!repeats.ever_at_least(0))
    fail_at_user(fmt::format("{}: expected a number of times from 0 on, got {}", op, to_string(repeats)));
}

}  // namespace

std::vector<Tensor> detail::split_equally(const Arg& x, std::int64_t count, int axis) {
  const Scope scope(x.where());
  const int from_first = normalize_axis("split", axis, x.type());
  if (count < 1) fail_at_user(fmt::format("split: expected at least one part, got {}", count));
  const std::optional<Dim> size = divide(x.shape()[from_first], count);
  if (!size) {
    fail_at_user(fmt::format("split: axis {} of {} does not divide into {} equal parts", from_first,
                             to_string(x.type()), count));
  }
  return parts_of(x, std::vector<Dim>(static_cast<std::size_t>(count), *size), from_first);
}

std::vector<Tensor> split(const Arg& x, const Shape& sizes, int axis) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("split", axis, x.type());
  return parts_of(x, with_rest(sizes, x.type(), from_first), from_first);
}

Tensor stack(const std::vector<Tensor>& tensors, int axis, std::source_location where) {
  const Scope scope(where);
  if (tensors.empty()) fail_at_user("stack: expected at least one tensor");
  const int at = normalize_new_axis("stack", axis, tensors[0].type());
  std::vector<Tensor> rows;
  for (const Tensor& tensor : tensors) {
    if (tensor.type() != tensors[0].type()) {
      fail_at_user(fmt::format("stack: expected tensors of one type, got {} and {}", to_string(tensors[0].type()),
                               to_string(tensor.type())),
                   tensors);
    }
    rows.push_back(with_new_axis(tensor, at));
  }
  return concat(rows, at);
}

std::vector<Tensor> unstack(const Arg& x, int axis) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("unstack", axis, x.type());
  const std::int64_t count = detail::number_of_elements("unstack", x.type(), from_first,
                                                        "the number of tensors is fixed when the function is traced");
  std::vector<Tensor> rows = parts_of(x, std::vector<Dim>(static_cast<std::size_t>(count), 1), from_first);
  for (Tensor& row : rows) row = without_axes_of_size_1(row, {from_first});
  return rows;
}

Tensor expand_dims(const Arg& x, int axis) {
  const Scope scope(x.where());
  return with_new_axis(x, normalize_new_axis("expand_dims", axis, x.type()));
}

Tensor squeeze(const Arg& x) {
  const Scope scope(x.where());
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x.shape()[axis] == Dim(1)) axes.push_back(axis);
  }
  return without_axes_of_size_1(x, axes);
}

Tensor squeeze(const Arg& x, const Axes& axes) {
  const Scope scope(x.where());
  const std::vector<std::int64_t> named = axes.of("squeeze", x.type());
  for (const std::int64_t axis : named) {
    const Dim size = x.shape()[static_cast<int>(axis)];
    if (size != Dim(1)) {
      fail_at_user(
          fmt::format("squeeze: axis {} of {} has the size {}, not 1", axis, to_string(x.type()), to_string(size)));
    }
  }
  return without_axes_of_size_1(x, named);
}

Tensor swapaxes(const Arg& x, int a, int b) {
  const Scope scope(x.where());
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  const int first = detail::normalize_axis("swapaxes", a, x.type());
  const int second = detail::normalize_axis("swapaxes", b, x.type());
  std::swap(order[static_cast<std::size_t>(first)], order[static_cast<std::size_t>(second)]);
  return transpose(x, order);
}

Tensor moveaxis(const Arg& x, int source, int destination) {
  return moveaxis(x, std::vector<std::int64_t>{source}, std::vector<std::int64_t>{destination});
}

Tensor moveaxis(const Arg& x, const std::vector<std::int64_t>& source, const std::vector<std::int64_t>& destination) {
  const Scope scope(x.where());
  if (source.size() != destination.size()) {
    fail_at_user(fmt::format("moveaxis: expected as many destinations as sources, got {} and {}", destination.size(),
                             source.size()));
  }
  constexpr std::int64_t kFree = -1;
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.rank()), kFree);
  std::vector<bool> moved(order.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    const auto from = static_cast<std::size_t>(detail::normalize_axis("moveaxis", source[i], x.type()));
    const auto to = static_cast<std::size_t>(detail::normalize_axis("moveaxis", destination[i], x.type()));
    if (moved[from] || order[to] != kFree) {
      fail_at_user(fmt::format("moveaxis: an axis is named twice in [{}] or [{}]", fmt::join(source, ","),
                               fmt::join(destination, ",")));
    }
    moved[from] = true;
    order[to] = static_cast<std::int64_t>(from);
  }
  std::size_t next = 0;
  for (std::int64_t& axis : order) {
    if (axis != kFree) continue;
    while (moved[next]) ++next;
    axis = static_cast<std::int64_t>(next++);
  }
  return transpose(x, order);
}

Tensor tile(const Arg& x, const Shape& multiples) {
  const Scope scope(x.where());
  if (multiples.rank() != x.rank()) {
    fail_at_user(
        fmt::format("tile: expected a number for each axis of {}, got {}", to_string(x.type()), multiples.rank()));
  }
  Tensor result = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Dim times = multiples[axis];
    check_repeats("tile", times);
    if (times == Dim(1)) continue;
    const auto [before, size, after] = detail::around_axis(result.shape(), axis);
    const Tensor copies = broadcast_to(reshape(result, {before, 1, size * after}), {before, times, size * after});
    result = reshape(copies, detail::with_size(result.shape(), axis, times * size));
  }
  return result;
}

Tensor repeat(const Arg& x, Dim repeats, int axis) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("repeat", axis, x.type());
  check_repeats("repeat", repeats);
  const auto [before, size, after] = detail::around_axis(x.shape(), from_first);
  const Tensor copies = broadcast_to(reshape(x, {before * size, 1, after}), {before * size, repeats, after});
  return reshape(copies, detail::with_size(x.shape(), from_first, size * repeats));
}

}  // namespace sluice
