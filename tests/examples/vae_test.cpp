#include "tests/examples/guide_run.h"
#include "tests/examples/learning_data.h"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("vae describes digits better than a model whose decoder knows nothing of the image") {
  for (const std::filesystem::path& data : learning_data()) {
    INFO(data.string());
    // By Gibbs' inequality no prediction that is the same for all images has a smaller cross-entropy than the mean
    // image, whose cross-entropy is its entropy. With an encoder that works, the KL divergence is its price.
    const double without_encoder = pixel_statistics(read_mnist(data).test.input()).entropy;
    const std::string out = output_of(fmt::format("--data '{}' --epochs 2 --batch 32 --quiet", data.string()));
    const double loss = number_at(out, "Test loss: (\\S+)");
    const double reconstruction = number_at(out, "reconstruction (\\S+)");
    const double divergence = number_at(out, "KL divergence (\\S+)");
    CHECK(loss == doctest::Approx(reconstruction + divergence).epsilon(1e-4));
    CHECK(loss < 0.8 * without_encoder);
    CHECK(divergence > 5);
  }
}

TEST_CASE("vae prints the terms of the loss for each epoch, and they fall") {
  const std::string out = output_of(fmt::format("--data '{}' --epochs 2 --batch 64", learning_data()[0].string()));
  for (const char* const set : {"Training", "Validation"}) {
    const std::vector<double> losses = numbers_at(out, fmt::format("{} loss: (\\S+) = ", set));
    REQUIRE(losses.size() == 2);
    CHECK(losses[1] < losses[0]);
  }
  CHECK(numbers_at(out, "Epoch: (\\d)") == std::vector<double>{0, 1});
}
