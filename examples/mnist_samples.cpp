#include "mnist_samples.h"

#include <sluice/picture.h>
#include <sluice/report.h>
#include <sluice/saved_model.h>
#include <sluice/sluice.h>

#include "mnist_command_line.h"

using namespace sluice;

SamplesOptions parse_samples_options(int argc, char** argv, const std::string& program,
                                     const std::string& description) {
  SamplesOptions options;
  MnistCommandLine line(program, description);
  line.app().add_option("--samples", options.samples, "Write a picture of 64 samples to this PNG file");
  static_cast<MnistOptions&>(options) = line.parse(argc, argv);
  return options;
}

void check_can_write(const SamplesOptions& options) {
  if (options.samples) report::check_can_write(*options.samples);
  if (options.save) check_can_save(*options.save);
}

Tensor pixels_as_numbers(const Tensor& images) { return reshape(cast(images, f32), {batch, 784}) / 255; }

void write_samples(const SamplesOptions& options, std::int64_t latent,
                   const std::function<Tensor(const Tensor&)>& draw) {
  const TensorSpec noise = f32(batch, latent).named("z");
  if (options.samples) {
    constexpr std::int64_t kSamples = 64;
    const auto draw_bytes = function("draw_bytes", {noise}, [&](Tensor z) {
      return cast(reshape(draw(z), {batch, 28, 28}) * 255 + 0.5, u8);
    });
    write_png(*options.samples, picture_grid(draw_bytes(initial_normal({kSamples, latent}, 0, 1)), 8));
  }
  if (options.save) {
    const auto draw_images = function("draw", {noise}, [&](Tensor z) { return reshape(draw(z), {batch, 28, 28}); });
    save(draw_images, *options.save, {"images"});
  }
}
