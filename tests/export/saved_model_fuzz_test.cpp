// Damaged or forged saved models: reading one yields a model that runs, or an Error that names one of its files.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "sluice/ir/text.h"
#include "sluice/sluice.h"
#include "tests/export/digits_model.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

constexpr int kRounds = 3000;
constexpr std::array<const char*, 3> kFiles{"manifest.json", "model.ir", "weights.safetensors"};
/// Texts that a forger would try, and the building blocks of the formats.
// clang-format off
constexpr std::array<std::string_view, 44> kPieces{
    "0", "1", "-1", "9", "99999999999999999999", "9223372036854775807", "4294967296", "1e308", "0*B", "2*B", "B",
    "[", "]", "{", "}", "(", ")", ",", ":", "\"", "\\u0000", "\n", "\xff", "[[[[[[[[", "//", "null", "true",
    "f64", "bool", "i64", "\"F64\"", "%0", "%images", "%", "update", "return", "matmul", "one_hot", "iota", "reduce_max",
    "gradient", "slice {axis=0, limit=1, start=0}", "transpose_a=true", "fused() {"};
// clang-format on
/// Ops of one kind, which may stand in for each other.
constexpr std::array<std::string_view, 14> kOps{"add",  "sub", "mul", "div", "maximum", "minimum", "pow",
                                                "relu", "exp", "log", "neg", "tanh",    "sqrt",    "abs"};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

  /// Returns `text` with one or two changes, mostly in the header of a binary file.
  std::string mutated(std::string text) {
    for (std::size_t change = below(3) > 0 ? 1 : 2; change > 0 && !text.empty(); --change) {
      const std::size_t place = below(below(4) == 0 ? text.size() : std::min<std::size_t>(text.size(), 1200));
      const std::size_t length = std::min(1 + below(12), text.size() - place);
      switch (below(12)) {
        case 0:
          text[place] = static_cast<char>(text[place] ^ (1 << below(8)));
          break;
        case 1:
          text[place] = static_cast<char>(below(256));
          break;
        case 2:
          text.erase(place, length);
          break;
        case 3:
          text.insert(place, text.substr(below(text.size()), length));
          break;
        case 4:
          text.resize(place);
          break;
        case 5:
          text.insert(place, kPieces[below(kPieces.size())]);
          break;
        default:
          change_word(text, place);
      }
    }
    return text;
  }

  /// Returns a graph's text with another op or operand in one line.
  std::string rewired(std::string text) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      const auto [begin, end] = word_at(text, below(text.size()));
      const std::string_view word = std::string_view(text).substr(begin, end - begin);
      if (std::ranges::find(kOps, word) != kOps.end())
        return text.replace(begin, end - begin, kOps[below(kOps.size())]);
      const bool operand = begin > 0 && text[begin - 1] == '%' && text[end] != ':';
      if (operand) return text.replace(begin, end - begin, std::to_string(below(30)));
    }
    return text;
  }

 private:
  /// Replaces the word or number around `place`: well-formed text gets further.
  void change_word(std::string& text, std::size_t place) {
    const auto [begin, end] = word_at(text, place);
    std::string word(kPieces[below(kPieces.size())]);
    if (below(4) > 0) {
      const auto [from, to] = word_at(text, below(text.size()));
      word = text.substr(from, to - from);
    }
    text.replace(begin, end - begin, word);
  }

  static std::pair<std::size_t, std::size_t> word_at(const std::string& text, std::size_t place) {
    const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    std::size_t begin = place;
    while (begin > 0 && is_word(text[begin - 1])) --begin;
    std::size_t end = place;
    while (end < text.size() && is_word(text[end])) ++end;
    return {begin, end};
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("a mutated model is rejected or runs") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model";
  const test::DigitsModel model(4, {6, 5, 3}, {"a", "b", "c"});
  save(model.module, path);
  std::array<std::string, kFiles.size()> whole;
  for (std::size_t i = 0; i < kFiles.size(); ++i) whole[i] = test::text_of(path / kFiles[i]);
  const std::string graph = ir::print(load(path).graph());
  const Array images = test::noise(3, 4);

  Mutator mutator(20250101);
  int refused = 0;
  int ran = 0;
  int compiled = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t which = mutator.below(kFiles.size());
    const bool rewire = which == 1 && mutator.below(3) > 0;
    const std::string text = rewire ? mutator.rewired(whole[which]) : mutator.mutated(whole[which]);
    test::write_text(path / kFiles[which], text);
    try {
      SavedModel saved = read_saved_model(path);
      const bool native = ir::print(saved.graph) != graph || round % 100 == 0;
      const LoadedModel loaded(std::move(saved), native ? Engine::kJit : Engine::kReference);
      if (loaded.is_classifier()) {
        const Predictions predictions = loaded.predict(images);
        CHECK(predictions.classes.sizes()[0] == 3);
      }
      compiled += native ? 1 : 0;
      ++ran;
    } catch (const Error& error) {
      INFO(error.what());
      ++refused;
      const std::string_view what = error.what();
      CHECK((what.starts_with(path.string()) || what.starts_with("@")));
      CHECK(what.size() < 2000);
    }
    test::write_text(path / kFiles[which], whole[which]);
  }
  // Both occur, so the mutations are neither too wild nor too tame.
  MESSAGE(fmt::format("{} refused, {} ran, of them {} natively", refused, ran, compiled));
  CHECK(refused > kRounds / 2);
  CHECK(ran > kRounds / 50);
  CHECK(compiled > kRounds / 200);
}
