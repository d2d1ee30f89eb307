#include <cmath>

#include "sluice/image.h"
#include "sluice/ir/text.h"
#include "tests/examples/guide_run.h"
#include "tests/examples/learning_data.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// Returns whether `value` is within `part` of `expected`.
bool is_near(double value, double expected, double part) { return std::abs(value / expected - 1) < part; }

/// Returns the pictures of a grid of 8 by 8, u8[64,28,28].
Array pictures_of_grid(const Array& grid) {
  REQUIRE(grid.sizes() == std::vector<std::int64_t>{1, 8 * 28, 8 * 28});
  Array pictures(DType::kU8, {64, 28, 28});
  for (std::size_t i = 0; i < grid.data<std::uint8_t>().size(); ++i) {
    const std::size_t row = i / (8 * 28);
    const std::size_t column = i % (8 * 28);
    const std::size_t picture = row / 28 * 8 + column / 28;
    pictures.data<std::uint8_t>()[picture * 784 + row % 28 * 28 + column % 28] = grid.data<std::uint8_t>()[i];
  }
  return pictures;
}

}  // namespace

TEST_CASE("gan draws samples with the mean and the variance of digits") {
  for (const std::filesystem::path& data : learning_data()) {
    INFO(data.string());
    const TemporaryFolder folder;
    const auto samples = folder.path() / "samples.png";
    const std::string out =
        output_of(fmt::format("--data '{}' --epochs 3 --batch 32 --samples '{}'", data.string(), samples.string()));
    INFO(out);
    for (const char* const loss : {"Discriminator loss: (\\S+),", "Generator loss: (\\S+)\n"}) {
      const std::vector<double> losses = numbers_at(out, loss);
      CHECK(losses.size() == 3);
      for (const double value : losses) CHECK((value > 0.1 && value < 10));  // neither has won
    }

    // A generator that has learned nothing has a mean near 0.5, one that always draws the same a variance of 0.
    const PixelStatistics digits = pixel_statistics(read_mnist(data).test.input());
    CHECK(is_near(number_at(out, "of test images: mean (\\S+),"), digits.mean, 0.01));
    CHECK(is_near(number_at(out, "of test images: .*variance (\\S+)\n"), digits.variance, 0.01));
    const double mean = number_at(out, "of samples: mean (\\S+),");
    const double variance = number_at(out, "of samples: .*variance (\\S+)\n");
    CHECK(is_near(mean, digits.mean, 0.4));
    CHECK(is_near(variance, digits.variance, 0.4));
    const PixelStatistics drawn = pixel_statistics(pictures_of_grid(read_pictures(samples)));  // 64 of them
    CHECK(is_near(drawn.mean, mean, 0.1));
    CHECK(is_near(drawn.variance, variance, 0.15));
  }
}

TEST_CASE("each step of gan changes one of the two networks") {
  const std::string out = output_of("--dump-ir=traced");
  const std::size_t second = out.find("// generator_step after traced");
  REQUIRE(second != std::string::npos);
  const ir::Graph steps[] = {ir::parse(out.substr(0, second)), ir::parse(out.substr(second))};
  const std::string networks[] = {"discriminator/", "generator/"};
  for (int i = 0; i < 2; ++i) {
    CHECK(contains(steps[i].name(), networks[i].substr(0, networks[i].size() - 1)));
    int changed = 0;
    for (const ir::State& state : steps[i].states()) {
      INFO(steps[i].name() << ": " << state.variable);
      const bool is_weight = state.variable.starts_with(networks[0]) || state.variable.starts_with(networks[1]);
      if (!is_weight) continue;
      CHECK(state.update.has_value() == state.variable.starts_with(networks[i]));
      changed += state.update ? 1 : 0;
    }
    CHECK(changed == 6);
  }
}
