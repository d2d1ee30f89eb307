#include <fmt/format.h>

#include <optional>
#include <sstream>

#include "tests/oracles/batched.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

Program matrix_product(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const bool transpose_a = oracle.attributes.flag("transpose_a");
    const bool transpose_b = oracle.attributes.flag("transpose_b");
    return batched_matmul(in["a"], in["b"], {.transpose_a = transpose_a, .transpose_b = transpose_b});
  });
}

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

/// An operand and the labels of its axes.
struct Labelled {
  Tensor x;
  std::string labels;
};

/// The diagonal, if a label is there twice.
Labelled without_repeats(Labelled operand) {
  for (std::size_t second = 0; second < operand.labels.size(); ++second) {
    const std::size_t first = operand.labels.find(operand.labels[second]);
    if (first == second) continue;
    const Shape& shape = operand.x.shape();
    const Tensor diagonal = iota(shape, static_cast<int>(first), i64) == iota(shape, static_cast<int>(second), i64);
    operand.x = reduce_sum(select(diagonal, operand.x, 0), static_cast<int>(second));
    operand.labels.erase(second, 1);
    --second;
  }
  return operand;
}

/// x with its axes in the order of `labels`, and with size 1 where it has none of them.
Tensor aligned(const Labelled& operand, const std::string& labels) {
  std::vector<std::int64_t> order;
  std::vector<Dim> dims;
  for (const char label : labels) {
    const std::size_t axis = operand.labels.find(label);
    if (axis == std::string::npos) {
      dims.emplace_back(1);
      continue;
    }
    order.push_back(static_cast<std::int64_t>(axis));
    dims.push_back(operand.x.shape()[static_cast<int>(axis)]);
  }
  return reshape(transpose(operand.x, order), Shape(dims));
}

/// The sum over all labels that the result does not have, of products that are aligned by broadcasting.
Tensor sum_of_products(const std::vector<Labelled>& operands, const std::string& result) {
  std::string labels = result;
  for (const Labelled& operand : operands) {
    for (const char label : operand.labels) {
      if (!has(labels, label)) labels += label;
    }
  }
  std::vector<std::int64_t> summed;
  for (std::size_t i = result.size(); i < labels.size(); ++i) summed.push_back(static_cast<std::int64_t>(i));
  Tensor product = aligned(operands[0], labels);
  for (std::size_t i = 1; i < operands.size(); ++i) product = product * aligned(operands[i], labels);
  return summed.empty() ? product : reduce_sum(product, summed);
}

/// "ab,bc->ac" and its transposes are products of matrices.
std::optional<Tensor> as_matrix_product(const std::vector<Labelled>& operands, const std::string& result) {
  if (operands.size() != 2 || result.size() != 2) return {};
  const auto& [a, of_a] = operands[0];
  const auto& [b, of_b] = operands[1];
  if (of_a.size() != 2 || of_b.size() != 2) return {};
  const bool transpose_a = of_a[1] == result[0];
  const bool transpose_b = of_b[0] == result[1];
  const char inner = of_a[transpose_a ? 0 : 1];
  if (of_a[transpose_a ? 1 : 0] != result[0] || of_b[transpose_b ? 0 : 1] != result[1]) return {};
  if (of_b[transpose_b ? 1 : 0] != inner || has(result, inner)) return {};
  return matmul(a, b, {.transpose_a = transpose_a, .transpose_b = transpose_b});
}

Program einsum(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    std::string equation = oracle.attributes.text("equation");
    std::erase(equation, ' ');
    const std::size_t arrow = equation.find("->");
    if (arrow == std::string::npos || has(equation, '.')) throw CannotSay(fmt::format("equation {}", equation));
    const std::string result = equation.substr(arrow + 2);
    std::vector<Labelled> operands;
    std::istringstream lists(equation.substr(0, arrow));
    for (std::string labels; std::getline(lists, labels, ',');) {
      const std::string name(1, static_cast<char>('a' + operands.size()));
      operands.push_back(without_repeats({in[name], labels}));
    }
    if (const auto product = as_matrix_product(operands, result)) return *product;
    return sum_of_products(operands, result);
  });
}

}  // namespace

void add_products(Builders& builders) {
  builders["matmul"] = matrix_product;
  builders["einsum"] = einsum;
}

}  // namespace sluice::oracles
