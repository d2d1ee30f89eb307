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

/// Such a product on random numbers, for Sluice and its peers.
class Product {
 public:
  Product(ProductKind kind, int batch_size, int in, int out);

  double operations() const { return operations_; }
  /// As a separate compiled function. Weights are variables; everything else is passed in and out as arrays.
  std::function<void()> sluice() const;
  /// For a weight gradient: the same with the whole Adam update of the weights, and without the gradient as a result.
  std::function<void()> sluice_with_adam() const;
  /// The same for a peer, which writes `result`. This Product must outlive the returned options.
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

/// Which part of a batched product, [batch,m,k] by [batch,k,n], is measured.
enum class BatchedKind : std::uint8_t {
  kForward,    ///< the products
  kGradients,  ///< the gradients of both operands, for a given gradient of the products
  kAll,        ///< all three
};

/// Such products on random numbers as a compiled function, whose operands and results are arrays.
std::function<void()> batched_products(BatchedKind kind, int batch_size, int m, int k, int n);

}  // namespace sluice::bench
