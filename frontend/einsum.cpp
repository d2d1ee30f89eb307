#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "frontend/labelled.h"
#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

using detail::contains;
using detail::Label;
using detail::Labelled;
using detail::Labels;

constexpr std::string_view kDots = "...";
constexpr Label kFirstOfDots = 256;  // + i: the axis of "..." that has i further axes of it to its right

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The letters of one operand or of the output, before and after "...".
struct Subscripts {
  std::string text;
  std::string before;
  std::string after;
  bool dots = false;

  std::string letters() const { return before + after; }
};

/// An equation and its operands, validated against each other.
class Einsum {
 public:
  Einsum(std::string_view equation, const std::vector<Tensor>& operands) : equation_(equation), operands_(operands) {
    std::string text(equation);
    std::erase(text, ' ');
    const std::size_t arrow = text.find("->");
    const std::string left = text.substr(0, arrow);
    for (std::size_t begin = 0; begin <= left.size();) {
      const std::size_t comma = std::min(left.find(',', begin), left.size());
      inputs_.push_back(subscripts(left.substr(begin, comma - begin)));
      begin = comma + 1;
    }
    check_operands();
    for (std::size_t i = 0; i < operands.size(); ++i) label(i);
    output_ = arrow == std::string::npos ? implicit_output() : explicit_output(subscripts(text.substr(arrow + 2)));
  }

  Tensor compute() const {
    std::vector<Labelled> labelled;
    for (std::size_t i = 0; i < operands_.size(); ++i) labelled.push_back(diagonal(stretched(i)));
    return detail::sum_of_products(std::move(labelled), output_);
  }

 private:
  /// The size of a label and its first occurrence.
  struct Size {
    Dim dim;
    std::size_t operand;
    int axis;
  };

  [[noreturn]] void fail_here(const std::string& message, std::span<const Tensor> about = {}) const {
    fail_at_user(fmt::format("einsum: \"{}\": {}", equation_, message), about);
  }

  Subscripts subscripts(const std::string& text) const {
    Subscripts found{text, text, "", false};
    if (const std::size_t dots = text.find(kDots); dots != std::string::npos)
      found = {text, text.substr(0, dots), text.substr(dots + kDots.size()), true};
    for (const char c : found.letters()) {
      if (is_letter(c)) continue;
      fail_here(fmt::format("expected letters, \"...\", \",\" and one \"->\", got '{}'{}", c,
                            c == '.' && found.dots ? " beside \"...\"" : ""));
    }
    return found;
  }

  void check_operands() const {
    if (operands_.size() != inputs_.size()) {
      fail_here(fmt::format("it has subscripts for {} operand{}, got {}", inputs_.size(),
                            inputs_.size() == 1 ? "" : "s", operands_.size()));
    }
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const Tensor& x = operands_[i];
      if (x.dtype() == DType::kBool) fail_here(fmt::format("takes numbers, operand {} is {}", i, to_string(x.type())));
      if (x.dtype() != operands_[0].dtype()) {
        fail_here(fmt::format("operands have different element types: operand 0 is {}, operand {} is {}; convert with "
                              "cast",
                              to_string(operands_[0].type()), i, to_string(x.type())),
                  operands_);
      }
      const auto letters = static_cast<int>(inputs_[i].letters().size());
      if (inputs_[i].dots ? x.rank() >= letters : x.rank() == letters) continue;
      fail_here(
          fmt::format("\"{}\" names {}{} ax{}, operand {} is {}", inputs_[i].text, inputs_[i].dots ? "at least " : "",
                      letters, letters == 1 ? "is" : "es", i, to_string(x.type())),
          {&x, 1});
    }
  }

  static std::string shown(Label label) {
    return label >= kFirstOfDots ? "an axis of \"...\"" : fmt::format("'{}'", static_cast<char>(label));
  }

  /// Finds the labels of operand `i` and checks their sizes against those of the operands before it.
  void label(std::size_t i) {
    const Tensor& x = operands_[i];
    const int dots = x.rank() - static_cast<int>(inputs_[i].letters().size());
    Labels labels(inputs_[i].before.begin(), inputs_[i].before.end());
    for (int axis = 0; axis < dots; ++axis) labels.push_back(kFirstOfDots + dots - 1 - axis);
    labels.insert(labels.end(), inputs_[i].after.begin(), inputs_[i].after.end());
    most_dots_ = std::max(most_dots_, dots);
    for (int axis = 0; axis < x.rank(); ++axis) {
      const Label label = labels[static_cast<std::size_t>(axis)];
      const Dim dim = x.shape()[axis];
      const auto [known, is_new] = sizes_.try_emplace(label, Size{dim, i, axis});
      Size& size = known->second;
      if (is_new || size.dim == dim) continue;
      const bool stretches = label >= kFirstOfDots;
      if (stretches && dim == Dim(1)) continue;
      if (!stretches || size.dim != Dim(1)) {
        fail_here(fmt::format("{} is {} on axis {} of operand {}, {}, and {} on axis {} of operand {}, {}",
                              shown(label), to_string(size.dim), size.axis, size.operand,
                              to_string(operands_[size.operand].type()), to_string(dim), axis, i, to_string(x.type())),
                  operands_);
      }
      size = {dim, i, axis};
    }
    labels_.push_back(std::move(labels));
  }

  Labels labels_of_dots() const {
    Labels labels;
    for (int i = most_dots_; i-- > 0;) labels.push_back(kFirstOfDots + i);
    return labels;
  }

  Labels implicit_output() const {
    std::map<char, int> count;
    for (const Subscripts& input : inputs_) {
      for (const char letter : input.letters()) ++count[letter];
    }
    Labels output = labels_of_dots();
    for (const auto& [letter, times] : count) {
      if (times == 1) output.push_back(letter);
    }
    return output;
  }

  Labels explicit_output(const Subscripts& wanted) const {
    const std::string letters = wanted.letters();
    for (const char letter : letters) {
      if (std::ranges::count(letters, letter) > 1) fail_here(fmt::format("the output names '{}' twice", letter));
      if (!sizes_.contains(letter)) fail_here(fmt::format("no operand has '{}', which the output names", letter));
    }
    const bool any_dots = std::ranges::any_of(inputs_, &Subscripts::dots);
    if (wanted.dots && !any_dots) fail_here("no operand has \"...\", which the output names");
    Labels output(wanted.before.begin(), wanted.before.end());
    if (wanted.dots) {
      const Labels dots = labels_of_dots();
      output.insert(output.end(), dots.begin(), dots.end());
    }
    output.insert(output.end(), wanted.after.begin(), wanted.after.end());
    return output;
  }

  /// Returns operand `i` without axes of size 1 that have another size in another operand: a missing axis broadcasts.
  Labelled stretched(std::size_t i) const {
    const Tensor& x = operands_[i];
    Labelled operand{x, {}};
    Shape shape;
    for (int axis = 0; axis < x.rank(); ++axis) {
      const Label label = labels_[i][static_cast<std::size_t>(axis)];
      if (x.shape()[axis] != sizes_.at(label).dim) continue;
      operand.labels.push_back(label);
      shape.push_back(x.shape()[axis]);
    }
    operand.x = reshape(x, shape);
    return operand;
  }

  /// Takes the diagonal of a label that occurs more than once: the elements where its indices are equal.
  static Labelled diagonal(Labelled operand) {
    for (std::size_t second = 1; second < operand.labels.size();) {
      const auto begin = operand.labels.begin();
      const auto first = std::find(begin, begin + static_cast<std::ptrdiff_t>(second), operand.labels[second]) - begin;
      if (static_cast<std::size_t>(first) == second) {
        ++second;
        continue;
      }
      const auto axis = static_cast<int>(second);
      const Shape& shape = operand.x.shape();
      const Tensor equal = iota(shape, static_cast<int>(first), DType::kI64) == iota(shape, axis, DType::kI64);
      operand.x = reduce_sum(select(equal, operand.x, 0), axis);
      operand.labels.erase(begin + static_cast<std::ptrdiff_t>(second));
    }
    return operand;
  }

  std::string_view equation_;
  const std::vector<Tensor>& operands_;
  std::vector<Subscripts> inputs_;
  std::vector<Labels> labels_;  ///< of each operand's axes
  std::map<Label, Size> sizes_;
  int most_dots_ = 0;  ///< axes that "..." stands for
  Labels output_;
};

}  // namespace

Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands, std::source_location where) {
  const Scope scope(where);
  Trace::required("einsum");
  return Einsum(equation, operands).compute();
}

Tensor einsum(std::string_view equation, const Arg& a) { return einsum(equation, {a.tensor()}, a.where()); }

Tensor einsum(std::string_view equation, const Arg& a, const Arg& b) {
  return einsum(equation, {a.tensor(), b.tensor()}, a.where());
}

Tensor einsum(std::string_view equation, const Arg& a, const Arg& b, const Arg& c) {
  return einsum(equation, {a.tensor(), b.tensor(), c.tensor()}, a.where());
}

}  // namespace sluice
