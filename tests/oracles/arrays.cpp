// Ops that move, sort and accumulate along an axis: "cumsum_reverse_exclusive", "tile 3 times", "std, of a population".
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <sstream>

#include "sluice/array_ops.h"
#include "sluice/cumulative.h"
#include "sluice/indexing.h"
#include "sluice/matrices.h"
#include "sluice/reductions.h"
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
  std::int64_t whole(std::int64_t otherwise) const {
    return numbers.empty() ? otherwise : static_cast<std::int64_t>(numbers[0]);
  }
};

std::int64_t size_of_axis(const Tensor& x, int axis) { return x.shape()[axis].size; }

CumulativeOptions cumulative(const Words& words) {
  return {.exclusive = words.says("exclusive"), .reverse = words.says("reverse")};
}

Tensor variance_of(const Tensor& x, int axis, const Words& words) {
  const Tensor variance = reduce_variance(x, axis);
  const auto n = static_cast<double>(size_of_axis(x, axis));
  return words.says("sample") || words.says("unbiased") ? variance * (n / (n - 1)) : variance;
}

/// The standard deviation of a population, or of a sample.
Tensor std_of(const Tensor& x, int axis, const Words& words) {
  const Tensor deviation = reduce_std(x, axis);
  const auto n = static_cast<double>(size_of_axis(x, axis));
  return words.says("sample") || words.says("unbiased") ? deviation * std::sqrt(n / (n - 1)) : deviation;
}

Tensor norm_of(const Tensor& x, int axis, const Words& words) {
  if (words.says("euclidean") || words.all == "norm") return norm(x, axis);
  if (words.says("max") || words.says("inf")) return norm(x, axis, {.ord = std::numeric_limits<double>::infinity()});
  if (words.says("1") || words.says("manhattan")) return norm(x, axis, {.ord = 1});
  throw CannotSay(fmt::format("no function {}", words.all));
}

/// Repeats x along one axis.
Tensor tiled(const Tensor& x, int axis, std::int64_t times) {
  Shape multiples = Shape::of(std::vector<std::int64_t>(static_cast<std::size_t>(x.rank()), 1));
  multiples[axis] = times;
  return tile(x, multiples);
}

using Function = Tensor (*)(const Tensor& x, int axis, const Words& words);

/// Functions of one tensor along an axis.
const std::map<std::string, Function, std::less<>>& functions_along_axis() {
  using T = const Tensor&;
  using W = const Words&;
  static const std::map<std::string, Function, std::less<>> kFunctions = {
      {"all", [](T x, int axis, W) { return reduce_all(x, axis); }},
      {"any", [](T x, int axis, W) { return reduce_any(x, axis); }},
      {"argmax", [](T x, int axis, W) { return argmax(x, axis); }},
      {"argmin", [](T x, int axis, W) { return argmin(x, axis); }},
      {"cumprod", [](T x, int axis, W words) { return cumprod(x, axis, cumulative(words)); }},
      {"cumsum", [](T x, int axis, W words) { return cumsum(x, axis, cumulative(words)); }},
      {"diag", [](T x, int, W) { return diag(x); }},
      {"diag_part", [](T x, int, W) { return diag_part(x); }},
      {"expand_dims", [](T x, int axis, W) { return expand_dims(x, axis); }},
      {"flip", [](T x, int axis, W) { return flip(x, axis); }},
      {"log_softmax", [](T x, int axis, W) { return log_softmax(x, axis); }},
      {"logsumexp", [](T x, int axis, W) { return reduce_logsumexp(x, axis); }},
      {"max", [](T x, int axis, W) { return reduce_max(x, axis); }},
      {"mean", [](T x, int axis, W) { return reduce_mean(x, axis); }},
      {"min", [](T x, int axis, W) { return reduce_min(x, axis); }},
      {"norm", norm_of},
      {"prod", [](T x, int axis, W) { return reduce_prod(x, axis); }},
      {"repeat", [](T x, int axis, W words) { return repeat(x, words.whole(1), axis); }},
      {"reverse", [](T x, int axis, W) { return reverse(x, axis); }},
      {"roll", [](T x, int axis, W words) { return roll(x, words.whole(1), axis); }},
      {"softmax", [](T x, int axis, W) { return softmax(x, axis); }},
      {"squeeze", [](T x, int axis, W) { return squeeze(x, axis); }},
      {"std", std_of},
      {"sum", [](T x, int axis, W) { return reduce_sum(x, axis); }},
      {"tile", [](T x, int axis, W words) { return tiled(x, axis, words.whole(1)); }},
      {"tril", [](T x, int, W words) { return tril(x, words.whole(0)); }},
      {"triu", [](T x, int, W words) { return triu(x, words.whole(0)); }},
      {"variance", variance_of},
  };
  return kFunctions;
}

/// Returns the name in the table: without "reduce_", and without the options that are part of "cumsum_reverse".
std::string plain_name(const std::string& name) {
  if (name.starts_with("reduce_")) return name.substr(7);
  return name.starts_with("cum") ? name.substr(0, name.find('_')) : name;
}

Results numbered(const std::vector<Tensor>& tensors) {
  Results results;
  for (std::size_t i = 0; i < tensors.size(); ++i) results.emplace_back(fmt::format("out.{}", i), tensors[i]);
  return results;
}

Results array_function(const Tensors& in, int axis, const Words& words) {
  const Tensor& x = in["x"];
  const std::string name = plain_name(words.name);
  if (const auto known = functions_along_axis().find(name); known != functions_along_axis().end())
    return numbered({known->second(x, axis, words)});
  const bool descending = words.says("descending");
  if (name.starts_with("sort")) return numbered({sort(x, axis, {.descending = descending})});
  if (name.starts_with("argsort")) return numbered({argsort(x, axis, {.descending = descending})});
  if (name == "top_k") {
    const TopK top = top_k(x, words.whole(1));
    return numbered({top.values, top.indices});
  }
  if (name == "split") return numbered(split(x, words.whole(1), axis));
  if (name == "unstack") return numbered(unstack(x, axis));
  if (name == "take_along_axis") return numbered({take_along_axis(x, in["i"], axis)});
  if (name == "gather" || name == "take") return numbered({take(x, in["i"], axis)});
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
