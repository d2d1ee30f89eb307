#include "sluice/foreign_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "ir/reference/interpreter.h"
#include "sluice/detail/trace.h"
#include "sluice/ir/graph.h"
#include "sluice/safetensors.h"

namespace sluice {

namespace {

/// Whether one shape comes from the other by splitting axes: then row-major order keeps the meaning of each.
bool splits(const Shape& coarse, const Shape& fine) {
  int at = 0;
  for (const Dim& axis : coarse) {
    std::int64_t product = 1;
    while (at < fine.rank() && (product < axis.size || fine[at].size == 1)) product *= fine[at++].size;
    if (product != axis.size) return false;
  }
  while (at < fine.rank() && fine[at].size == 1) ++at;
  return at == fine.rank();
}

/// Returns the value of the last node of `graph`.
Array evaluated(ir::Builder b, ir::Value result, const Array& array) {
  b.set_results({result});
  return ir::evaluate(std::move(b).finish(), std::vector{array}, {}).results[0];
}

}  // namespace

WeightSource::WeightSource(std::string name, std::vector<std::int64_t> permutation)
    : name_(std::move(name)), permutation_(std::move(permutation)) {}

WeightSource WeightSource::part(std::int64_t i, std::int64_t n, std::int64_t axis) const {
  if (n < 1 || i < 0 || i >= n) fail("\"{}\": there is no part {} of {}", name_, i, n);
  WeightSource result = *this;
  result.part_ = i;
  result.parts_ = n;
  result.axis_ = axis;
  return result;
}

Array WeightSource::value(const Array& array, const Type& type) const {
  const std::string which = fmt::format("\"{}\" is {} in the file", name_, to_string(array.type()));
  ir::Builder b("value");
  ir::Value x = b.parameter("array", array.type());
  if (!permutation_.empty()) {
    std::vector<std::int64_t> sorted = permutation_;
    std::ranges::sort(sorted);
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (sorted.size() != array.sizes().size() || sorted[i] != static_cast<std::int64_t>(i))
        fail("{}, whose axes cannot be permuted by [{}]", which, fmt::join(permutation_, ","));
    }
    x = b(ir::Op::kTranspose, {x}, {{ir::Attr::kPermutation, permutation_}});
  }
  if (parts_ > 1) {
    const Shape& whole = b.type(x).shape;
    if (axis_ < 0 || axis_ >= whole.rank() || whole[static_cast<int>(axis_)].size % parts_ != 0)
      fail("{}, which has no axis {} of {} equal parts", which, axis_, parts_);
    const std::int64_t size = whole[static_cast<int>(axis_)].size / parts_;
    x = b(ir::Op::kSlice, {x},
          {{ir::Attr::kAxis, axis_}, {ir::Attr::kStart, part_ * size}, {ir::Attr::kLimit, (part_ + 1) * size}});
  }
  const Type& found = b.type(x);
  if (found.dtype != type.dtype || !(splits(found.shape, type.shape) || splits(type.shape, found.shape))) {
    fail("{}{}, expected {}", which, found == array.type() ? "" : fmt::format(", {} as it is taken", to_string(found)),
         to_string(type));
  }
  if (found.shape != type.shape) x = b.reshape(x, type.shape);
  return evaluated(std::move(b), x, array);
}

void load_weights(const VariableList& variables, const std::filesystem::path& file,
                  const std::map<std::string, WeightSource>& sources, UnusedArrays unused) {
  check_not_traced("load_weights");
  const std::vector<NamedVariable> named = variables.named();
  const SafeTensors tensors = read_safetensors(file);
  std::string problems;
  std::set<std::string, std::less<>> known;
  std::set<std::string, std::less<>> used;
  std::vector<Array> values;
  for (const auto& [name, variable] : named) {
    known.insert(name);
    const auto row = sources.find(name);
    const WeightSource source = row == sources.end() ? WeightSource(name) : row->second;
    const auto array = tensors.arrays.find(source.name());
    if (array == tensors.arrays.end()) {
      problems +=
          fmt::format("\n  \"{}\" {}: there is no \"{}\" in the file", name, to_string(variable.type()), source.name());
      continue;
    }
    used.insert(source.name());
    try {
      values.push_back(source.value(array->second, variable.type()));
    } catch (const Error& error) {
      problems += fmt::format("\n  \"{}\": {}", name, error.what());
    }
  }
  for (const auto& [name, source] : sources) {
    if (!known.contains(name)) problems += fmt::format("\n  there is no variable \"{}\"", name);
  }
  for (const auto& [name, array] : tensors.arrays) {
    if (unused == UnusedArrays::kRefuse && !used.contains(name))
      problems += fmt::format("\n  \"{}\" {} in the file is used by no variable", name, to_string(array.type()));
  }
  if (named.empty())
    problems += "\n  there are no variables: layers make them at the first call, or by build(model, input)";
  if (!problems.empty()) fail("{}: does not fit the variables, none of which has changed:{}", file.string(), problems);
  for (std::size_t i = 0; i < named.size(); ++i) named[i].variable.assign(values[i]);
}

}  // namespace sluice
