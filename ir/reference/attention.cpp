#include "ir/attention.h"

#include <cmath>
#include <limits>

#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

double exp_of(double x) { return std::exp(x); }
double log_of(double x) { return std::log(x); }
Dual exp_of(Dual x) {
  const double y = std::exp(x.value);
  return Dual(y, chain(y, x.tangent));
}
Dual log_of(Dual x) { return Dual(std::log(x.value), chain(1 / x.value, x.tangent)); }

/// Elements in the arithmetic of the sums: f32 in double.
template <typename T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, T>;

/// One node's sizes, and which keys a query sees.
struct Sizes3 {
  std::size_t queries, keys, depth, width;
};

/// The scores of one matrix of queries.
template <typename T>
class Scores {
 public:
  using W = Wide<T>;

  Scores(const RuleContext& context, std::size_t mask)
      : context_(context),
        scale_(std::get<Array>(*context.attributes().find(Attr::kScale)).item<double>()),
        mask_(context.operands.size() > mask ? &context.operands[mask] : nullptr) {
    const Sizes& q = context.operands[0].sizes();
    const Sizes& v = context.operands[2].sizes();
    const std::size_t rank = q.size();
    const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
    sizes = {size(q[rank - 2]), size(v[rank - 2]), size(q[rank - 1]), size(v[rank - 1])};
    for (std::size_t axis = 0; axis + 2 < rank; ++axis) matrices *= size(q[axis]);
    if (mask_ == nullptr) return;
    strides_ = strides_of(mask_->sizes());
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (mask_->sizes()[axis] == 1) strides_[axis] = 0;
    }
  }

  std::span<const T> operand(std::size_t i) const { return context_.operands[i].template data<T>(); }

  /// Goes on to a matrix.
  void begin(std::size_t matrix) {
    matrix_ = matrix;
    mask_offset_ = 0;
    if (mask_ == nullptr) return;
    const Sizes& q = context_.operands[0].sizes();
    std::size_t left = matrix;
    for (std::size_t axis = q.size() - 2; axis-- > 0;) {
      const auto size = static_cast<std::size_t>(q[axis]);
      mask_offset_ += left % size * static_cast<std::size_t>(strides_[axis]);
      left /= size;
    }
  }

  bool sees(std::size_t query, std::size_t key) const {
    if (context_.attributes().flag(Attr::kCausal) && key > query) return false;
    if (mask_ == nullptr) return true;
    return mask_->visit([&]<typename M>(std::span<const M> m) {
      if constexpr (std::is_same_v<M, bool>) return m[in_mask(query, key)];
      return !(element<double>(m[in_mask(query, key)]) == -std::numeric_limits<double>::infinity());
    });
  }

  /// `scale` q k^T + mask.
  W at(std::size_t query, std::size_t key) const {
    const T* const q = operand(0).data() + (matrix_ * sizes.queries + query) * sizes.depth;
    const T* const k = operand(1).data() + (matrix_ * sizes.keys + key) * sizes.depth;
    W sum{};
    for (std::size_t i = 0; i < sizes.depth; ++i) sum = sum + W(q[i]) * W(k[i]);
    sum = sum * W(scale_);
    if (mask_ == nullptr) return sum;
    return mask_->visit([&]<typename M>(std::span<const M> m) {
      if constexpr (std::is_same_v<M, T>) {
        const W lowest(double{std::numeric_limits<float>::lowest()});  // the difference of two infinities is NaN
        const W masked = sum + W(m[in_mask(query, key)]);
        return masked < lowest ? lowest : masked;
      }
      return sum;
    });
  }

  double scale() const { return scale_; }

  Sizes3 sizes{};
  std::size_t matrices = 1;

 private:
  std::size_t in_mask(std::size_t query, std::size_t key) const {
    const std::size_t rank = strides_.size();
    return mask_offset_ + query * static_cast<std::size_t>(strides_[rank - 2]) +
           key * static_cast<std::size_t>(strides_[rank - 1]);
  }

  const RuleContext& context_;
  double scale_;
  const Tensor* mask_;
  Sizes strides_;
  std::size_t matrix_ = 0;
  std::size_t mask_offset_ = 0;
};

template <typename T>
Tensors attention(const RuleContext& context) {
  using W = Wide<T>;
  Scores<T> scores(context, 3);
  const auto [queries, keys, depth, width] = scores.sizes;
  Tensor y = Tensor::zeros<T>(context.result_sizes());
  Tensor l = Tensor::zeros<T>(context.node.types[1].shape.at(context.bindings));
  for (std::size_t matrix = 0; matrix < scores.matrices; ++matrix) {
    scores.begin(matrix);
    for (std::size_t query = 0; query < queries; ++query) {
      std::vector<std::pair<std::size_t, W>> seen;
      for (std::size_t key = 0; key < keys; ++key) {
        if (scores.sees(query, key)) seen.emplace_back(key, scores.at(query, key));
      }
      if (seen.empty()) continue;
      W largest = seen[0].second;
      for (const auto& [key, score] : seen) largest = score > largest ? score : largest;
      W sum{};
      std::vector<W> values(width);
      for (const auto& [key, score] : seen) {
        const W weight = exp_of(score - largest);
        sum = sum + weight;
        const T* const v = scores.operand(2).data() + (matrix * keys + key) * width;
        for (std::size_t i = 0; i < width; ++i) values[i] = values[i] + weight * W(v[i]);
      }
      const std::size_t row = matrix * queries + query;
      for (std::size_t i = 0; i < width; ++i) y.data<T>()[row * width + i] = static_cast<T>(values[i] / sum);
      l.data<T>()[row] = static_cast<T>(largest + log_of(sum));
    }
  }
  return {y, l};
}

template <typename T>
Tensors attention_gradient(const RuleContext& context) {
  using W = Wide<T>;
  Scores<T> scores(context, 6);
  const auto [queries, keys, depth, width] = scores.sizes;
  std::vector<W> by_q(scores.matrices * queries * depth);
  std::vector<W> by_k(scores.matrices * keys * depth);
  std::vector<W> by_v(scores.matrices * keys * width);
  for (std::size_t matrix = 0; matrix < scores.matrices; ++matrix) {
    scores.begin(matrix);
    for (std::size_t query = 0; query < queries; ++query) {
      const std::size_t row = matrix * queries + query;
      const T* const q = scores.operand(0).data() + row * depth;
      const T* const y = scores.operand(3).data() + row * width;
      const T* const dy = scores.operand(5).data() + row * width;
      W inner{};
      for (std::size_t i = 0; i < width; ++i) inner = inner + W(dy[i]) * W(y[i]);
      for (std::size_t key = 0; key < keys; ++key) {
        if (!scores.sees(query, key)) continue;
        const std::size_t column = matrix * keys + key;
        const T* const k = scores.operand(1).data() + column * depth;
        const T* const v = scores.operand(2).data() + column * width;
        const W weight = exp_of(scores.at(query, key) - W(scores.operand(4)[row]));
        W slope{};
        for (std::size_t i = 0; i < width; ++i) slope = slope + W(dy[i]) * W(v[i]);
        slope = weight * (slope - inner) * W(scores.scale());
        for (std::size_t i = 0; i < depth; ++i) {
          by_q[row * depth + i] = by_q[row * depth + i] + slope * W(k[i]);
          by_k[column * depth + i] = by_k[column * depth + i] + slope * W(q[i]);
        }
        for (std::size_t i = 0; i < width; ++i) by_v[column * width + i] = by_v[column * width + i] + weight * W(dy[i]);
      }
    }
  }
  Tensors results;
  for (const std::vector<W>* by : {&by_q, &by_k, &by_v}) {
    Tensor result = Tensor::zeros<T>(context.node.types[results.size()].shape.at(context.bindings));
    for (std::size_t i = 0; i < by->size(); ++i) result.data<T>()[i] = static_cast<T>((*by)[i]);
    results.push_back(result);
  }
  return results;
}

}  // namespace

template <>
Tensors rule<Op::kAttention>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T>) -> Tensors {
    if constexpr (is_float_element<T>) return attention<T>(context);
    SLUICE_UNREACHABLE("attention: its inference allows floats only");
  });
}

template <>
Tensors rule<Op::kAttentionGradient>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T>) -> Tensors {
    if constexpr (is_float_element<T>) return attention_gradient<T>(context);
    SLUICE_UNREACHABLE("attention_gradient: its inference allows floats only");
  });
}

}  // namespace sluice::ir::reference
