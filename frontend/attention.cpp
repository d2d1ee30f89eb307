#include "sluice/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

constexpr std::string_view kAttention = "scaled_dot_product_attention";

/// Returns the shape to which both broadcast by NumPy's rule, if there is one.
std::optional<Shape> common_shape(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape common = longer;
  for (int axis = 0; axis < shorter.rank(); ++axis) {
    Dim& dim = common[axis + longer.rank() - shorter.rank()];
    if (dim == Dim(1)) dim = shorter[axis];
    if (shorter[axis] != dim && shorter[axis] != Dim(1)) return {};
  }
  return common;
}

/// A call's operands.
class Attention {
 public:
  Attention(const Arg& q, const Arg& k, const Arg& v, const AttentionOptions& options)
      : q_(q), k_(k), v_(v), options_(options) {
    check_operands();
    find_visible();
  }

  Tensor result() const {
    Tensor q = q_;
    Tensor k = k_;
    Tensor v = v_;
    // There is no maximum of no scores.
    if (keys_ == Dim(0) || queries_ == Dim(0)) return matmul(matmul(q, k, {.transpose_b = true}), v);
    // Otherwise a NaN in them would reach the gradients of all others, as 0 * NaN.
    if (!options_.mask.empty()) q = select(any(visible_, -1), q, 0);
    if (!options_.mask.empty() || (options_.causal && queries_ != keys_)) {
      const Tensor seen = any(visible_, -2);
      Shape rows = seen.shape();
      std::swap(rows[rows.rank() - 2], rows[rows.rank() - 1]);
      k = select(reshape(seen, rows), k, 0);
      v = select(reshape(seen, rows), v, 0);
    }
    if (has_kernel()) return in_one_kernel(q, k, v);
    Tensor scores = matmul(q * scale(), k, {.transpose_b = true});
    // The lowest number in place of -inf: the difference of two infinities is a NaN.
    const double lowest =
        q.dtype() == DType::kF64 ? std::numeric_limits<double>::lowest() : double{std::numeric_limits<float>::lowest()};
    if (!options_.mask.empty() && is_float(options_.mask.dtype())) scores = maximum(scores + options_.mask, lowest);
    if (!visible_.empty()) scores = select(visible_, scores, lowest);
    Tensor weights = softmax(scores);
    // Only a mask can hide all keys of a query, whose weights are then equal.
    if (!options_.mask.empty()) weights = select(visible_, weights, 0);
    return matmul(dropout(weights, options_.dropout, Mode::kTrain), v);
  }

 private:
  /// Returns whether the op `attention` takes the operands. The number of queries does not matter, so that a function
  /// of symbolic sizes has the same bits as those of static ones. Float masks are not for it: users hide keys by
  /// numbers such as -1e9, beside which the logarithm of a sum that the gradient reads has no digits left for the
  /// scores.
  bool has_kernel() const {
    constexpr std::int64_t kMostDepth = 256;
    const auto last_fits = [](const Arg& x) {
      const Dim last = x.shape()[x.rank() - 1];
      return !last.batch && last.size >= 1 && last.size <= kMostDepth;
    };
    const bool adds = !options_.mask.empty() && is_float(options_.mask.dtype());
    return q_.dtype() == DType::kF32 && options_.dropout == 0 && !adds && leading(q_) == leading(k_) &&
           leading(q_) == leading(v_) && last_fits(q_) && last_fits(v_);
  }

  Tensor in_one_kernel(const Tensor& q, const Tensor& k, const Tensor& v) const {
    std::vector<Tensor> operands{q, k, v};
    if (!options_.mask.empty()) {
      Shape shape(std::vector<Dim>(static_cast<std::size_t>(q.rank() - options_.mask.rank()), Dim(1)));
      for (const Dim dim : options_.mask.shape()) shape.push_back(dim);
      operands.push_back(reshape(options_.mask, shape));
    }
    return Trace::required(kAttention)
        .add(ir::Op::kAttention, operands,
             {{ir::Attr::kCausal, options_.causal}, {ir::Attr::kScale, Array::scalar(scale())}});
  }

  [[noreturn]] void fail_for_operands(const std::string& expected) const {
    const std::array<Tensor, 3> operands{q_.tensor(), k_.tensor(), v_.tensor()};
    fail_at_user(fmt::format("{}: expected {}, got {}, {} and {}", kAttention, expected, to_string(q_.type()),
                             to_string(k_.type()), to_string(v_.type())),
                 operands);
  }

  static Shape leading(const Arg& x) { return Shape(std::vector<Dim>(x.shape().begin(), x.shape().end() - 2)); }

  void check_operands() {
    for (const Arg* x : {&q_, &k_, &v_}) {
      if (!is_float(x->dtype()) || x->dtype() != q_.dtype() || x->rank() < 2)
        fail_for_operands("q, k and v of [...,positions,depth] and one float dtype");
    }
    queries_ = q_.shape()[q_.rank() - 2];
    keys_ = k_.shape()[k_.rank() - 2];
    if (q_.shape()[q_.rank() - 1] != k_.shape()[k_.rank() - 1])
      fail_for_operands("q and k of the same depth, the last axis");
    if (keys_ != v_.shape()[v_.rank() - 2]) fail_for_operands("as many keys as values, the axis before the last");
    const std::optional<Shape> of_scores = common_shape(leading(q_), leading(k_));
    if (!of_scores || !common_shape(*of_scores, leading(v_)))
      fail_for_operands("q, k and v whose axes before the last two broadcast");
    scores_ = *of_scores;
    scores_.push_back(queries_);
    scores_.push_back(keys_);
    if (options_.scale ? !std::isfinite(*options_.scale) : bool(q_.shape()[q_.rank() - 1].batch)) {
      fail_at_user(fmt::format("{}: expected a finite scale{}, got {}", kAttention,
                               options_.scale ? "" : " for a symbolic depth",
                               options_.scale ? fmt::format("{}", *options_.scale) : "none"));
    }
  }

  void find_visible() {
    if (!options_.mask.empty()) {
      const Tensor& mask = options_.mask;
      const bool fits = (mask.dtype() == DType::kBool || mask.dtype() == q_.dtype()) &&
                        common_shape(mask.shape(), scores_) == scores_;
      if (!fits) {
        fail_at_user(fmt::format("{}: expected a mask of bool or {} that broadcasts to the scores, {}, got {}",
                                 kAttention, to_string(q_.dtype()), to_string(scores_), to_string(mask.type())),
                     {&mask, 1});
      }
      // With both axes, of queries and of keys.
      Shape shape(std::vector<Dim>(static_cast<std::size_t>(std::max(0, 2 - mask.rank())), Dim(1)));
      for (const Dim dim : mask.shape()) shape.push_back(dim);
      const Tensor whole = reshape(mask, shape);
      visible_ = mask.dtype() == DType::kBool ? whole : whole != -std::numeric_limits<double>::infinity();
    }
    if (!options_.causal) return;
    const Shape both{queries_, keys_};
    const Tensor past = iota(both, 1, DType::kI64) <= iota(both, 0, DType::kI64);
    visible_ = visible_.empty() ? past : visible_ & past;
  }

  /// Returns whether any element along `axis`, which keeps size 1, holds.
  static Tensor any(const Tensor& bools, int axis) {
    if (bools.shape()[bools.rank() + axis] == Dim(1)) return bools;
    return reduce_max(cast(bools, DType::kF32), axis, {.keepdims = true}) > 0;
  }

  double scale() const {
    if (options_.scale) return *options_.scale;
    return 1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(q_.shape()[q_.rank() - 1].size, 1)));
  }

  const Arg& q_;
  const Arg& k_;
  const Arg& v_;
  const AttentionOptions& options_;
  Dim queries_;
  Dim keys_;
  Shape scores_;    ///< [...,queries,keys]
  Tensor visible_;  ///< which keys a query sees, of two axes or more; empty: all
};

}  // namespace

Tensor scaled_dot_product_attention(const Arg& q, const Arg& k, const Arg& v, const AttentionOptions& options) {
  const Scope scope(q.where());
  Trace::required(kAttention);
  return Attention(q, k, v, options).result();
}

}  // namespace sluice
