#pragma once

#include <cstdint>
#include <vector>

#include "ir/random_values.h"
#include "sluice/ir/op.h"

namespace sluice::ir {

/// Appends random nodes to a random graph: every op that a traced graph can have, but for `gradient`. Private to
/// random_graph.cpp.
class RandomNodes : protected RandomValues {
 protected:
  using RandomValues::RandomValues;

  /// Appends one or a few nodes of a kind drawn at random, or none if no value fits.
  void add_node();

  Value positive(Value x);
  Value bounded(Value x);

  std::vector<Value> states_;      ///< these hold the weights of layers
  std::optional<Value> matrices_;  ///< a parameter with batch axes

 private:
  /// Appends a link of a chain: a node of the newest value that keeps its size.
  void add_link();
  /// Appends an activation of x times a weight, which other layers may read, plus a bias.
  void add_layer();
  void add_unary();
  void add_binary();
  void add_choice();
  void add_cast();
  void add_matmul();
  /// Products of windows over `axis`, as a convolution and the gradient of its filter make.
  void add_convolution(Value windows, int axis);
  /// What pools and depthwise convolutions and their gradients make of windows over `axis` of x.
  void add_pool(Value windows, int axis, Value x, Attributes attributes);
  /// Windows over one axis of x, and their transpose.
  void add_windows(Value x);
  void add_move();
  /// Appends attention of x's rows to themselves, and sometimes its derivatives.
  void add_attention(Value x);
  /// Appends a slice, pad or concat along a symbolic axis of x that has enough positions where T is 5.
  void add_symbolic_move(Value x);
  void add_broadcast();
  void add_reduction();
  void add_indexing();
  void add_source();
  /// Appends x y and tanh(x), with their derivative as a gradient of their own.
  void add_custom_gradient();

  /// Returns one of the elementwise ops whose types `infer` infers and whose operands may be of `type`.
  Op any_op(InferFunction infer, DType type);
  /// Returns a float mostly.
  DType any_operand_dtype();
  /// Returns `rhs`, or sometimes a value of its type that a product can compute from it while packing. Draws nothing.
  Value prepared(Value rhs);
  /// Returns a static axis of x with at least `least` positions, or -1.
  int static_axis(Value x, std::int64_t least);

  static constexpr std::size_t kBias = 2;  ///< the state that is a vector as wide as the matrices
};

}  // namespace sluice::ir
