#pragma once

#include <span>
#include <string_view>

#include "runtime/onnx/writer.h"

// What each op is in ONNX.
namespace sluice::onnx_model {

/// A node to be written.
struct Call {
  Writer& w;
  const ir::Node& node;
  ir::Value result;
  std::vector<Name> given = {};  ///< what elementwise ops take in place of the operands

  ir::Value operand(std::size_t i = 0) const { return node.operands[i]; }
  const Name& x(std::size_t i = 0) const { return given.empty() ? w[operand(i)] : given[i]; }
  const Type& type(std::size_t i = 0) const { return w.type(operand(i)); }
  DType dtype(std::size_t i = 0) const { return type(i).dtype; }
  const Shape& shape() const { return node.types[0].shape; }  ///< of the result
  /// Returns the operands of an elementwise op, without the broadcasts that ONNX's nodes do themselves.
  std::vector<Name> broadcasting() const;
};

using Rule = Name (*)(const Call& call);

/// A row of the table of ops.
struct Row {
  ir::Op op;
  Rule write;              ///< none: refused
  std::string_view nodes;  ///< what it is written as, for the documentation
  std::string_view note;   ///< where the meaning differs or needs care; why it is refused
};

/// All rows, in the order of ops.def.
std::span<const Row> rows();

/// Writes all nodes of `graph`. Throws Error at the line of the first that ONNX does not have.
void write_nodes(Writer& writer);

/// Returns what `value` is a reshape of, itself if it is none.
ir::Value without_reshapes(const ir::Graph& graph, ir::Value value);

// ---- rules_elementwise.cpp, casts.cpp
/// Applies `write` in i32 to u8, in which most runtimes do not compute.
Name in_i32(const Call& call, Name (*write)(const Call&, const std::vector<Name>&));
Name write_divide(const Call& call);
Name write_expm1(const Call& call);
Name write_log1p(const Call& call);
Name write_relu(const Call& call);
Name write_neg(const Call& call);
Name write_sign(const Call& call);
Name write_select(const Call& call);
Name write_cast(const Call& call);

// ---- rules_shape.cpp
Name write_constant(const Call& call);
Name write_iota(const Call& call);
Name write_size(const Call& call);
Name write_transpose(const Call& call);
Name write_reshape(const Call& call);
Name write_broadcast(const Call& call);
Name write_concat(const Call& call);
Name write_slice(const Call& call);
Name write_pad(const Call& call);
Name write_one_hot(const Call& call);
Name write_gather(const Call& call);
Name write_scatter_add(const Call& call);

// ---- rules_windows.cpp
Name write_windows(const Call& call);
Name write_add_windows(const Call& call);

// ---- rules_reduce.cpp
Name write_matmul(const Call& call);
Name write_reduce_sum(const Call& call);
Name write_reduce_max(const Call& call);
Name write_reduce_min(const Call& call);
Name write_argmax(const Call& call);
Name write_is_first_max(const Call& call);
Name write_argsort(const Call& call);
Name write_cumsum(const Call& call);

// ---- native.cpp, native_pool.cpp, native_norm.cpp: compositions of ops that are one node of ONNX. Each returns
// nothing if it does not recognize one.
std::optional<Name> write_conv(const Call& matmul);
std::optional<Name> write_conv_transpose(const Call& add_windows);
std::optional<Name> write_max_pool(const Call& reduce_max);
std::optional<Name> write_sum_pool(const Call& reduce_sum);
std::optional<Name> write_softmax(const Call& div);
std::optional<Name> write_layer_norm(const Call& add_or_mul);
// native_grouped.cpp
std::optional<Name> write_depthwise_conv(const Call& reduce_sum);
std::optional<Name> write_grouped_conv(const Call& transpose);

}  // namespace sluice::onnx_model
