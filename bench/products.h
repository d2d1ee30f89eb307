#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "bench/peers/peer.h"
#include "sluice/array.h"

namespace sluice::bench {

/// The three products of a dense layer of `in` inputs and `out` outputs.
enum class ProductKind : std::uint8_t {
  kForward,         ///< x w: [batch,in] [in,out]
  kWeightGradient,  ///< x^T dy: [in,batch] [batch,out]
  kInputGradient,   ///< dy w^T: [batch,out] [out,in]
};

/// Such a product on random numbers: what Sluice and its peers multiply.
class Product {
 public:
  Product(ProductKind kind, int batch_size, int in, int out);

  double operations() const { return operations_; }
  /// As a compiled function of its own. Weights are variables, everything else goes in and out as arrays.
  std::function<void()> sluice() const;
  /// Of a weight gradient: the same with the whole update of the weights by Adam, and without the gradient as a result.
  std::function<void()> sluice_with_adam() const;
  /// The same for a peer, which writes `result`. This Product must outlive what it makes.
  ProductOptions peer_options(int threads, Array& result) const;

 private:
  ProductKind kind_;
  int batch_;
  int in_;
  int out_;
  double operations_;
  Array inputs_;     ///< x
  Array gradients_;  ///< dy
  Array weights_;    ///< w
};

/// The part of a batched product, [batch,m,k] by [batch,k,n], that is measured.
enum class BatchedKind : std::uint8_t {
  kForward,    ///< the products
  kGradients,  ///< the gradients of both operands, for a given one of the products
  kAll,        ///< all three
};

/// Such products on random numbers as a compiled function, whose operands and results are arrays.
std::function<void()> batched_products(BatchedKind kind, int batch_size, int m, int k, int n);

}  // namespace sluice::bench
