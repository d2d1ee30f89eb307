#pragma once

#include <cstdint>
#include <source_location>

#include "sluice/module.h"
#include "sluice/random.h"
#include "sluice/tensor.h"

// Recurrent layers over [batch,steps,features], unrolled: the number of steps is known when they are traced, and the
// time that compiling takes grows with it.
namespace sluice {

struct RecurrentOptions {
  bool return_sequences = false;  ///< the outputs of all steps, [batch,steps,units], not only of the last one
  bool go_backwards = false;      ///< from the last step to the first; outputs are in the order in which they are made
  bool use_bias = true;
  Initializer kernel = glorot_uniform;        ///< of [features,gates * units]
  Initializer recurrent_kernel = orthogonal;  ///< of [units,gates * units]
};

/// Optional arguments of a call.
struct RecurrentCall {
  Tensor mask = {};  ///< bool[batch,steps]: a step that is false changes no state and repeats the output before it
  Tensor h = {};     ///< f32[batch,units]: the state before the first step; zeros if it is empty
  Tensor c = {};     ///< the same of an LSTM's cell
};

namespace detail {
struct RecurrentKind;
}

/// The base of the three layers.
class RecurrentLayer : public Module {
 public:
  /// Returns f32[batch,units], or f32[batch,steps,units] with return_sequences. Throws Error at the user's line unless
  /// x is f32[batch,steps,features] with numbers for steps and features, those of the first call for the features, and
  /// the arguments of `call` have their types.
  Tensor operator()(const Arg& x, const RecurrentCall& call = {}) const;

 protected:
  RecurrentLayer(const detail::RecurrentKind& kind, std::int64_t units, RecurrentOptions options,
                 std::source_location where);
  ~RecurrentLayer() = default;
  RecurrentLayer(const RecurrentLayer&) = default;
  RecurrentLayer(RecurrentLayer&&) = default;
  RecurrentLayer& operator=(const RecurrentLayer&) = default;
  RecurrentLayer& operator=(RecurrentLayer&&) = default;

 private:
  const detail::RecurrentKind* kind_;
  std::int64_t units_;
  RecurrentOptions options_;
};

/// Long short-term memory, as Keras's LSTM: Hochreiter and Schmidhuber (1997). Variables: kernel f32[features,4*units],
/// recurrent_kernel f32[units,4*units] and bias f32[4*units] of the gates i, f, c and o; the bias is 1 for f and 0 for
/// the others at first.
class LSTM : public RecurrentLayer {
 public:
  /// Throws Error at the user's line unless units >= 1.
  explicit LSTM(std::int64_t units, RecurrentOptions options = {},
                std::source_location where = std::source_location::current());
};

/// Gated recurrent unit, as Keras's GRU with reset_after, and PyTorch's: Cho et al. (2014). Variables: kernel
/// f32[features,3*units], recurrent_kernel f32[units,3*units] and bias f32[2,3*units], for inputs and for the state, of
/// the gates z, r and h; the bias is 0 at first.
class GRU : public RecurrentLayer {
 public:
  /// Throws Error at the user's line unless units >= 1.
  explicit GRU(std::int64_t units, RecurrentOptions options = {},
               std::source_location where = std::source_location::current());
};

/// tanh(x kernel + h recurrent_kernel + bias), as Keras's SimpleRNN.
class SimpleRNN : public RecurrentLayer {
 public:
  /// Throws Error at the user's line unless units >= 1.
  explicit SimpleRNN(std::int64_t units, RecurrentOptions options = {},
                     std::source_location where = std::source_location::current());
};

}  // namespace sluice
