// Ops that move, sort and accumulate along an axis: "cumsum_reverse_exclusive", "tile 3 times", "std, of a population".
#include <fmt/format.h>

#include <cstdlib>
#include <numeric>
#include <sstream>

#include "tests/oracles/functions.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

struct Words {
  std::string name;
  std::vector<double> numbers;
  std::string all;

  explicit Words(const std::string& text) : all(text) {
    name = text.substr(0, text.find_first_of(" ,:"));
    std::istringstream rest(text.substr(name.size()));
    for (std::string word; rest >> word;) {
      char* end = nullptr;
      const double number = std::strtod(word.c_str(), &end);
      if (end != word.c_str()) numbers.push_back(number);
    }
  }
  bool says(std::string_view word) const { return all.find(word) != std::string::npos; }
  double number(double otherwise) const { return numbers.empty() ? otherwise : numbers[0]; }
};

std::int64_t size_of_axis(const Tensor& x, int axis) { return x.shape()[axis].size; }

/// Elements begin <= i < end along `axis`.
Tensor part(const Tensor& x, int axis, std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> from(static_cast<std::size_t>(x.rank()), 0);
  Shape size = x.shape();
  from[static_cast<std::size_t>(axis)] = begin;
  size[axis] = end - begin;
  return slice(x, Shape::of(from), size);
}

std::vector<Tensor> elements(const Tensor& x, int axis) {
  std::vector<Tensor> list;
  for (std::int64_t i = 0; i < size_of_axis(x, axis); ++i) list.push_back(part(x, axis, i, i + 1));
  return list;
}

Tensor reversed(const Tensor& x, int axis) {
  std::vector<Tensor> list = elements(x, axis);
  std::reverse(list.begin(), list.end());
  return concat(list, axis);
}

Tensor accumulated(const Tensor& x, int axis, const Words& words) {
  const bool product = words.says("cumprod");
  std::vector<Tensor> list = elements(words.says("reverse") ? reversed(x, axis) : x, axis);
  Tensor running = list[0];
  std::vector<Tensor> sums;
  if (words.says("exclusive")) {
    running = product ? ones_like(list[0]) : zeros_like(list[0]);
    list.pop_back();
    sums.push_back(running);
  } else {
    list.erase(list.begin());
    sums.push_back(running);
  }
  for (const Tensor& element : list) {
    running = product ? running * element : running + element;
    sums.push_back(running);
  }
  const Tensor result = concat(sums, axis);
  return words.says("reverse") ? reversed(result, axis) : result;
}

/// Returns x with a new axis of size 1.
Tensor with_axis(const Tensor& x, int axis) {
  std::vector<Dim> dims = x.shape().dims();
  dims.insert(dims.begin() + axis, 1);
  return reshape(x, Shape(std::move(dims)));
}

/// Returns each element's position in the sorted order along `axis`; the sort is stable.
Tensor places(const Tensor& x, int axis, bool descending) {
  const Tensor mine = with_axis(x, axis + 1);
  const Tensor other = with_axis(x, axis);  // along axis + 1
  const Tensor before = descending ? other > mine : other < mine;
  std::vector<Dim> dims = before.shape().dims();
  const Shape shape(dims);
  const Tensor earlier = iota(shape, axis + 1, i64) < iota(shape, axis, i64);
  return reduce_sum(cast(before | ((other == mine) & earlier), i64), axis + 1);
}

/// Returns the elements of x at their positions, of which `count` are kept: an axis of results is selected from one of
/// elements.
Tensor at_places(const Tensor& x, const Tensor& place, int axis, std::int64_t count) {
  std::vector<Dim> dims = x.shape().dims();
  dims.insert(dims.begin() + axis, count);
  const Tensor chosen = iota(Shape(dims), axis, i64) == with_axis(place, axis);
  const Tensor zero = cast(zeros_like(x), x.dtype());
  return reduce_sum(select(chosen, with_axis(x, axis), with_axis(zero, axis)), axis + 1);
}

Tensor taken_along_axis(const Tensor& x, const Tensor& index, int axis) {
  // [.., result, element, ..]: a negative index counts from the end.
  const std::int64_t size = size_of_axis(x, axis);
  const Tensor from_first = select(index < 0, index + size, index);
  std::vector<Dim> dims = index.shape().dims();
  dims.insert(dims.begin() + axis + 1, size);
  const Tensor chosen = iota(Shape(dims), axis + 1, index.dtype()) == with_axis(from_first, axis + 1);
  return reduce_sum(select(chosen, with_axis(x, axis), 0), axis + 1);
}

Tensor gathered(const Tensor& x, const Tensor& index, int axis) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + axis);
  order.insert(order.begin(), axis);
  const Tensor rows = gather(transpose(x, order), index);  // [indices, the other axes]
  std::vector<std::int64_t> back;
  for (int i = 0; i < axis; ++i) back.push_back(index.rank() + i);
  for (int i = 0; i < index.rank(); ++i) back.push_back(i);
  for (int i = axis; i + 1 < x.rank(); ++i) back.push_back(index.rank() + i);
  return transpose(rows, back);
}

Tensor rolled(const Tensor& x, int axis, std::int64_t shift) {
  const std::int64_t size = size_of_axis(x, axis);
  shift = ((shift % size) + size) % size;
  if (shift == 0) return x;
  return concat({part(x, axis, size - shift, size), part(x, axis, 0, size - shift)}, axis);
}

Tensor log_sum_exp(const Tensor& x, int axis) {
  const Tensor top = stop_gradient(reduce_max(x, axis, {.keepdims = true}));
  return log(reduce_sum(exp(x - top), axis)) + reshape(top, reduce_sum(x, axis).shape());
}

Tensor reduced_product(const Tensor& x, int axis) {
  const std::vector<Tensor> list = elements(x, axis);
  Tensor product = list[0];
  for (std::size_t i = 1; i < list.size(); ++i) product = product * list[i];
  return reshape(product, reduce_sum(x, axis).shape());
}

Tensor variance_of(const Tensor& x, int axis, const Words& words) {
  const Tensor variance = reduce_variance(x, axis);
  const auto n = static_cast<double>(size_of_axis(x, axis));
  return words.says("sample") || words.says("unbiased") ? variance * (n / (n - 1)) : variance;
}

Tensor norm_of(const Tensor& x, int axis, const Words& words) {
  if (words.says("euclidean")) return sqrt(reduce_sum(square(x), axis));
  if (words.says("max") || words.says("inf")) return reduce_max(abs(x), axis);
  if (words.says("1") || words.says("manhattan")) return reduce_sum(abs(x), axis);
  throw CannotSay(fmt::format("no function {}", words.all));
}

Results array_function(const Tensors& in, int axis, const Words& words) {
  const Tensor& x = in["x"];
  const std::string& name = words.name;
  const bool descending = words.says("descending");
  const auto one = [](const Tensor& result) { return Results{{"out.0", result}}; };
  if (name.starts_with("cumsum") || name.starts_with("cumprod")) return one(accumulated(x, axis, words));
  if (name.starts_with("sort")) return one(at_places(x, places(x, axis, descending), axis, size_of_axis(x, axis)));
  if (name.starts_with("argsort")) {
    const Tensor place = places(x, axis, descending);
    return one(at_places(iota(x.shape(), axis, i64), place, axis, size_of_axis(x, axis)));
  }
  if (name == "top_k") {
    const Tensor place = places(x, axis, true);
    const auto k = static_cast<std::int64_t>(words.number(1));
    const Tensor index = at_places(iota(x.shape(), axis, i64), place, axis, k);
    return {{"out.0", at_places(x, place, axis, k)}, {"out.1", index}};
  }
  if (name == "reduce_prod" || name == "prod") return one(reduced_product(x, axis));
  if (name == "reduce_sum" || name == "sum") return one(reduce_sum(x, axis));
  if (name == "reduce_mean" || name == "mean") return one(reduce_mean(x, axis));
  if (name == "reduce_max" || name == "max") return one(reduce_max(x, axis));
  if (name == "reduce_min" || name == "min") return one(reduce_min(x, axis));
  if (name == "argmax") return one(argmax(x, axis));
  if (name == "argmin") return one(argmax(-x, axis));
  if (name == "std" || name == "reduce_std") return one(sqrt(variance_of(x, axis, words)));
  if (name == "variance" || name == "reduce_variance") return one(variance_of(x, axis, words));
  if (name == "norm") return one(norm_of(x, axis, words));
  if (name == "logsumexp" || name == "reduce_logsumexp") return one(log_sum_exp(x, axis));
  if (name == "softmax") return one(softmax(x, axis));
  if (name == "log_softmax") return one(log_softmax(x, axis));
  if (name == "reverse" || name == "flip") return one(reversed(x, axis));
  if (name == "roll") return one(rolled(x, axis, static_cast<std::int64_t>(words.number(1))));
  if (name == "tile") return one(concat(std::vector<Tensor>(static_cast<std::size_t>(words.number(1)), x), axis));
  if (name == "repeat") {
    std::vector<Tensor> list;
    for (const Tensor& element : elements(x, axis))
      list.insert(list.end(), static_cast<std::size_t>(words.number(1)), element);
    return one(concat(list, axis));
  }
  if (name == "take_along_axis") return one(taken_along_axis(x, in["i"], axis));
  if (name == "gather") return one(gathered(x, in["i"], axis));
  throw CannotSay(fmt::format("no function {}", words.all));
}

Program array(const Oracle& oracle) {
  return function_of(oracle, [&](const Tensors& in) {
    Words words(oracle.attributes.text("function"));
    for (const std::string_view key : {"k", "times", "shift"}) {
      if (oracle.attributes.has(key)) words.numbers.insert(words.numbers.begin(), oracle.attributes.number(key));
    }
    const auto given = static_cast<int>(oracle.attributes.number("axis", -1));
    return array_function(in, given < 0 ? given + in["x"].rank() : given, words);
  });
}

}  // namespace

void add_arrays(Builders& builders) { builders["array"] = array; }

}  // namespace sluice::oracles
