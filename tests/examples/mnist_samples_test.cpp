// The behavior that vae and gan share: their options, files and errors. The test is built for each of them.
#include <algorithm>

#include "sluice/image.h"
#include "sluice/loaded_model.h"
#include "tests/examples/run_example.h"
#include "tests/support/running_program.h"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("invalid options are errors, and nothing is trained") {
  check_refuses({{"--sample a.png", "did you mean '--samples'?"},
                 {"file", "file"},
                 {"--epochs -1", "--epochs"},
                 {"--threads 0", "--threads"},
                 {"--data /no/such/folder", "/no/such/folder"},
                 {"--samples /dev/null/a.png", "/dev/null/a.png: cannot be written: "},
                 {"--save /dev/null/model", "/dev/null/model: cannot be written: "}},
                "--epochs 1000 ");
}

TEST_CASE("the same seed gives the same weights and samples, bit for bit, for any number of threads") {
  const TemporaryFolder folder;
  const auto result = [&](const std::string& arguments) {
    const auto file = folder.path() / "samples.png";
    const Outcome outcome = train(fmt::format("--epochs 1 --quiet --hash --samples '{}' {}", file.string(), arguments));
    CHECK(outcome.status == 0);
    CHECK(outcome.err.empty());
    CHECK(contains(outcome.out, "Weights hash: "));
    CHECK(read_pictures(file).sizes() == std::vector<std::int64_t>{1, 8 * 28, 8 * 28});
    return outcome.out + text_of(file);
  };
  const std::string first = result("--seed 3 --threads 1");
  CHECK(result("--seed 3 --threads 2") == first);
  CHECK(result("--seed 4 --threads 1") != first);
}

TEST_CASE("--save writes a model that draws images from numbers") {
  const TemporaryFolder folder;
  const auto model = folder.path() / "model";
  REQUIRE(train(fmt::format("--epochs 1 --save '{}'", model.string())).status == 0);
  const LoadedModel loaded = load(model);
  const std::int64_t latent = loaded.graph().type(loaded.graph().parameters()[0].value).shape[1].size;
  Array z(DType::kF32, {2, latent});
  for (float& number : z.data<float>().subspan(static_cast<std::size_t>(latent))) number = 1;
  const Array images = loaded.run({z})[0];
  REQUIRE(images.sizes() == std::vector<std::int64_t>{2, 28, 28});
  for (const float pixel : images.data<float>()) CHECK((pixel >= 0 && pixel <= 1));
  const auto first = images.data<float>().first(784);
  CHECK_FALSE(std::ranges::equal(first, images.data<float>().subspan(784)));
}

TEST_CASE("a signal ends training with its status, and no file is written") {
  const TemporaryFolder folder;
  const auto samples = folder.path() / "samples.png";
  RunningProgram program({SLUICE_PROGRAM, "--data", small_data().string(), "--epochs", "100000", "--samples",
                          samples.string(), "--save", (folder.path() / "model").string()});
  program.await("Epoch: 0");
  program.send(SIGINT);
  const int status = program.wait();
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + SIGINT);
  CHECK(std::filesystem::is_empty(folder.path()));
}
