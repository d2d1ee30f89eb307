#pragma once

#include <concepts>
#include <cstdint>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/tensor.h"

// Convolutions, pooling and resizing of images and sequences, channels last, by TensorFlow's names and rules. All throw
// Error at the user's line, naming the function, the axis and the sizes, if shapes or dtypes do not fit.
namespace sluice {

/// A number for each spatial axis, or one for all: Conv2dOptions{.strides = 2} or {.strides = {2, 1}}.
class PerAxis {
 public:
  /// Not a list constructor, in which GCC would take {.strides = 2} for the number.
  template <detail::Integer... T>
  requires(sizeof...(T) > 0) PerAxis(T... numbers)  // NOLINT: stands for the numbers
      : numbers_{static_cast<std::int64_t>(numbers)...} {}
  PerAxis(std::vector<std::int64_t> numbers) : numbers_(std::move(numbers)) {}  // NOLINT: likewise

  const std::vector<std::int64_t>& numbers() const { return numbers_; }

 private:
  std::vector<std::int64_t> numbers_;
};

/// The cells around an image that count as 0, or as no cell in pooling.
class Padding {
 public:
  using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

  /// None: windows lie within the image, and cells that no window reaches are ignored.
  static Padding valid() { return Padding(Kind::kValid, {}); }
  /// TensorFlow's "SAME": ceil(size / stride) windows; of an odd number of cells the larger half comes after the image.
  static Padding same() { return Padding(Kind::kSame, {}); }
  /// Keras's names of these two, "valid" and "same", in any case. Throws Error at the user's line for another name.
  Padding(const char* name);  // NOLINT: stands for the name
  /// PyTorch's number of cells before and after each spatial axis.
  template <detail::Integer T>
  Padding(T cells)  // NOLINT: stands for the number
      : Padding(Kind::kUniform, {{static_cast<std::int64_t>(cells), static_cast<std::int64_t>(cells)}}) {}
  /// The cells before and after each spatial axis: Padding({{1, 1}, {0, 2}}).
  Padding(Pairs cells) : Padding(Kind::kExplicit, std::move(cells)) {}  // NOLINT: stands for the pairs

  bool is_valid() const { return kind_ == Kind::kValid; }
  bool is_same() const { return kind_ == Kind::kSame; }
  /// Returns the explicit cells for an image of so many spatial axes.
  Pairs cells(std::size_t axes) const { return kind_ == Kind::kUniform ? Pairs(axes, cells_[0]) : cells_; }

 private:
  enum class Kind : std::uint8_t { kValid, kSame, kUniform, kExplicit };
  Padding(Kind kind, Pairs cells) : kind_(kind), cells_(std::move(cells)) {}

  Kind kind_;
  Pairs cells_;
};

struct ConvOptions {
  PerAxis strides = 1;
  Padding padding = Padding::valid();
  PerAxis dilations = 1;
  std::int64_t groups = 1;  ///< the channels of input and output are divided into so many independent groups
};

/// Returns the cross-correlation of images x, [batch, height, width, in], with filters w, [kernel height, kernel width,
/// in / groups, out]: [batch, height', width', out], as tf.nn.conv2d. A symbolic height or width needs a stride that
/// divides it.
Tensor conv2d(const Arg& x, const Arg& w, const ConvOptions& options = {});
/// The same for sequences [batch, length, in] and filters [kernel length, in / groups, out].
Tensor conv1d(const Arg& x, const Arg& w, const ConvOptions& options = {});

struct DepthwiseOptions {
  PerAxis strides = 1;
  Padding padding = Padding::valid();
  PerAxis dilations = 1;
};
/// Convolves each channel c of x, [batch, height, width, in], with its own filters w, [kernel height, kernel width, in,
/// multiplier]; the result has in * multiplier channels, that of filter m at c * multiplier + m.
Tensor depthwise_conv2d(const Arg& x, const Arg& w, const DepthwiseOptions& options = {});

struct ConvTransposeOptions {
  PerAxis strides = 1;
  Padding padding = Padding::valid();
  PerAxis dilations = 1;
  /// Height and width of the result; empty: height * stride, with valid padding plus max(kernel extent - stride, 0), as
  /// Keras's.
  std::vector<Dim> output_size = {};
};
/// Returns the transpose of conv2d, as tf.nn.conv2d_transpose: x is [batch, height, width, out] and w is [kernel
/// height, kernel width, in, out], the filter of a convolution from `in` to `out` channels; the result has `in`
/// channels. It is the gradient of that convolution by its input of `output_size`. Throws Error if a convolution of
/// that size with these options does not give the height and width of x.
Tensor conv2d_transpose(const Arg& x, const Arg& w, const ConvTransposeOptions& options = {});

struct PoolOptions {
  std::vector<std::int64_t> strides = {};  ///< empty: the window's size
  Padding padding = Padding::valid();
};
/// Returns the maximum of each window of height and width `window`, of x [batch, height, width, channels]. Padding
/// never wins, NaN does. The gradient goes to the first maximum of a window.
Tensor max_pool2d(const Arg& x, const PerAxis& window, const PoolOptions& options = {});
/// Returns the mean of each window; cells of the padding do not count.
Tensor avg_pool2d(const Arg& x, const PerAxis& window, const PoolOptions& options = {});
/// The same for x [batch, length, channels].
Tensor max_pool1d(const Arg& x, const PerAxis& window, const PoolOptions& options = {});
Tensor avg_pool1d(const Arg& x, const PerAxis& window, const PoolOptions& options = {});
/// Returns the mean over height and width of x [batch, height, width, channels]: [batch, channels].
Tensor global_average_pool(const Arg& x);

enum class Resize : std::uint8_t { kNearest, kBilinear };
/// Returns x [batch, height, width, channels] enlarged by `factor` along height and width, as Keras's UpSampling2D:
/// kBilinear interpolates between the centers of cells.
Tensor upsample2d(const Arg& x, const PerAxis& factor, Resize resize = Resize::kNearest);

}  // namespace sluice
