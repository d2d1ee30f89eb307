#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

Program matrix_product(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const bool transpose_a = oracle.attributes.flag("transpose_a");
    const bool transpose_b = oracle.attributes.flag("transpose_b");
    return matmul(in["a"], in["b"], {.transpose_a = transpose_a, .transpose_b = transpose_b});
  });
}

Program einsum_of(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    std::vector<Tensor> operands;
    for (char name = 'a'; in.find(std::string_view(&name, 1)) != nullptr; ++name)
      operands.push_back(in[std::string_view(&name, 1)]);
    return einsum(oracle.attributes.text("equation"), operands);
  });
}

}  // namespace

void add_products(Builders& builders) {
  builders["matmul"] = matrix_product;
  builders["einsum"] = einsum_of;
}

}  // namespace sluice::oracles
