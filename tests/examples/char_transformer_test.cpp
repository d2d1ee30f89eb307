#include <cmath>

#include "sluice/loaded_model.h"
#include "tests/examples/guide_run.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// A text whose next character mostly follows from the 16 before it.
std::string counting_text() {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "one two three four five six seven eight nine ten.\n";
  return text;
}

constexpr const char* kTiny =
    "--layers 2 --width 32 --heads 2 --context 16 --batch 16 --steps 300 --learning-rate 3e-3";

/// Returns the text between the last two lines "----".
std::string sample_of(const std::string& out) {
  const std::size_t end = out.rfind("\n----\n");
  REQUIRE(end != std::string::npos);
  const std::size_t begin = out.rfind("----\n", end);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end > begin);
  return out.substr(begin + 5, end - begin - 5);
}

}  // namespace

TEST_CASE("char_transformer learns to count, and what it saved writes the same") {
  const TemporaryFolder folder;
  const auto text = write_text(folder.path() / "text", counting_text());
  const auto saved = folder.path() / "model";
  const std::string out = output_of(
      fmt::format("--text '{}' {} --save '{}' --prompt 'one two' --length 60", text.string(), kTiny, saved.string()));
  const std::vector<double> losses = numbers_at(out, "validation loss: (\\S+)\n");
  REQUIRE(losses.size() == 11);
  CHECK(losses.front() > 4);  // about ln 256, what guessing gives
  CHECK(losses.front() < 8);
  CHECK(losses.back() < 0.3);
  CHECK(numbers_at(out, "\\d+: loss: ([0-9.]+),").back() < 0.4);
  const std::string sample = sample_of(out);
  CHECK(sample.size() == 67);
  CHECK(sample.starts_with("one two three four five six"));

  const auto continued = [&](const std::string& arguments) {
    return sample_of(output_of(fmt::format("--load '{}' {}", saved.string(), arguments)));
  };
  CHECK(continued("--prompt 'one two' --length 60") == sample);
  CHECK(continued("--prompt 'one two' --length 60 --threads 1") == sample);
  CHECK(continued("--prompt 'six seven' --length 11") == "six seven eight nine");
  CHECK(continued("--prompt 'nine' --length 0") == "nine");

  // Any program can run the model: the last character's logits favor what follows.
  const LoadedModel model = load(saved);
  Array window(DType::kU8, {1, 16});
  std::ranges::copy(std::string_view("six seven eight "), window.data<std::uint8_t>().begin());
  const Array logits = model.run({window})[0];
  CHECK(logits.sizes() == std::vector<std::int64_t>{1, 16, 256});
  const auto last = logits.data<float>().subspan(15 * 256);
  CHECK(std::ranges::max_element(last) - last.begin() == 'n');
}

TEST_CASE("char_transformer: the seed decides the result, whatever the number of threads") {
  const TemporaryFolder folder;
  const auto text = write_text(folder.path() / "text", counting_text());
  const auto run_with = [&](const std::string& arguments) {
    return output_of(fmt::format("--text '{}' --layers 1 --width 16 --heads 1 --context 8 --steps 20 --length 50 {}",
                                 text.string(), arguments));
  };
  const std::string first = run_with("--seed 3 --threads 1");
  CHECK(run_with("--seed 3 --threads 2") == first);
  CHECK(run_with("--seed 4") != first);
}

TEST_CASE("char_transformer: errors") {
  const auto error_of = [](const std::string& arguments) {
    const Outcome outcome = run_program(SLUICE_PROGRAM, arguments);
    CHECK(outcome.status != 0);
    CHECK(outcome.out.empty());
    return outcome.err;
  };
  const TemporaryFolder folder;
  const auto text = write_text(folder.path() / "text", "too short");
  CHECK(error_of("--text /nowhere") == "char_transformer: /nowhere: cannot read it\n");
  CHECK(
      error_of(fmt::format("--text '{}'", text.string())) ==
      fmt::format("char_transformer: {}: expected at least 1300 characters for this context, got 9\n", text.string()));
  CHECK(contains(error_of("--text /dev/null --load /nowhere"), "/nowhere"));
  CHECK(contains(error_of("--save /dev/null/model"), "char_transformer: /dev/null"));
  const auto numbers = write_text(folder.path() / "numbers", counting_text());
  CHECK(error_of(fmt::format("--text '{}' --width 10 --heads 4", numbers.string())) ==
        "char_transformer: --width: expected a multiple of the 4 heads, got 10\n");
  CHECK(contains(error_of("--stepz 3"), "--stepz"));
}
