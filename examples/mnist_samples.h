#pragma once

#include <sluice/tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "mnist_options.h"

// Options and output of the programs that learn to draw digits.

/// The command-line options of vae and gan.
struct SamplesOptions : MnistOptions {
  std::optional<std::filesystem::path> samples;  ///< where to write a picture of samples
};

/// See parse_mnist_options.
SamplesOptions parse_samples_options(int argc, char** argv, const std::string& program, const std::string& description);

/// Throws Error, before a long training run, if the picture or the model cannot be written.
void check_can_write(const SamplesOptions& options);

/// Converts images u8[B,28,28] to rows of numbers from 0 to 1, f32[B,784].
sluice::Tensor pixels_as_numbers(const sluice::Tensor& images);

/// Writes the files that the options ask for: a picture of 64 samples, and the model. `draw` computes pixels from 0 to
/// 1, f32[B,784], from normally distributed numbers f32[B,latent]; the model takes these, called z, and returns images
/// f32[B,28,28].
void write_samples(const SamplesOptions& options, std::int64_t latent,
                   const std::function<sluice::Tensor(const sluice::Tensor&)>& draw);
