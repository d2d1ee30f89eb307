#pragma once

#include <string>
#include <vector>

#include "ir/random_arrays.h"
#include "sluice/sluice.h"

namespace sluice::test {

/// A perceptron on images of `side` by `side`, ready to be saved, with weights drawn by `seed`.
struct DigitsModel {
  explicit DigitsModel(std::int64_t side, std::vector<std::int64_t> widths, std::vector<std::string> class_names = {},
                       int seed = 1)
      : mlp(Dense(widths[0], relu), Dense(widths[1], relu), Dense(widths[2])),
        module(
            u8(batch, side, side, 1).named("images").range(0, 256),
            [side, model = mlp](const Tensor& images) mutable {
              return model(reshape(cast(images, f32), {batch, side * side}) / 255);
            },
            std::move(class_names)) {
    set_seed(seed);
  }

  MLP mlp;
  ExportModule module;
};

/// `count` images of noise.
inline Array noise(std::int64_t count, std::int64_t side) {
  return random_array({DType::kU8, {count, side, side, 1}}, 1, 7, ir::Range{0, 256});
}

}  // namespace sluice::test
