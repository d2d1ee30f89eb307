// Randomly damaged texts: parse either rejects them with an Error, or reads a graph that prints stably.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tests/ir/every_op.h"

using namespace sluice;
using namespace sluice::ir;

namespace {

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t limit) { return engine_() % limit; }

  void mutate(std::string& text) {
    const std::size_t place = below(text.size());
    const std::size_t length = 1 + below(below(8) == 0 ? 60 : 3);
    switch (below(5)) {
      case 0:
        text[place] = kAlphabet[below(kAlphabet.size())];
        break;
      case 1:
        text.insert(place, 1, kAlphabet[below(kAlphabet.size())]);
        break;
      case 2:
        text.erase(place, length);
        break;
      case 3:
        text.insert(below(text.size()), text.substr(place, length));
        break;
      default:
        text[place] = static_cast<char>(below(256));
    }
    if (text.empty()) text.push_back('x');
  }

 private:
  static constexpr std::string_view kAlphabet = "0123456789%@\"\\(){}[],:=*-.eBxwnf \n/";
  std::mt19937_64 engine_;
};

/// Returns whether parse accepts `text`. Accepted graphs must be valid and print stably.
bool accepts(const std::string& text) {
  std::optional<Graph> graph;
  try {
    graph = parse(text);
  } catch (const Error& error) {
    CHECK(error.location().known());
    return false;
  }
  const std::string printed = print(*graph);
  const Graph again = parse(printed);
  CHECK(print(again) == printed);
  CHECK(equal_structure(parse(print(again)), again));
  const std::string located = print(*graph, {.locations = true});
  CHECK(print(parse(located), {.locations = true}) == located);
  return true;
}

constexpr std::string_view kSmall = R"(sluice-ir 1
graph @f(%x: f32[B,4] {range=[0,1)}, %i: u8[B] loc())
    state(%w: f32[4,3] "w" loc("m.cpp":3)) {
  %0: f32[B,3] = fused matmul(%a: f32[B,4] = %x, %b: f32[4,3] = %w) loc("m.cpp":5, gradient "l.h":12) {
    %0: f32[B,3] = matmul %a, %b loc("m.cpp":5)
    %1: f32[B,3] = neg %0
    return %1
  }
  %1: f32[2,2] = constant {value=[[1, -0], [nan, 1e+20]]}
  %2: i64[B] = argmax %0 {axis=1}
  %3: f32[B,3] = gather %w, %2
  update %w = %w
  return %2
}
)";

}  // namespace

TEST_CASE("damaged texts are parsed or rejected, never worse") {
  const std::string large = print(test::every_op());
  const std::string small(kSmall);
  REQUIRE(accepts(large));
  REQUIRE(accepts(small));
  int accepted = 0;
  constexpr int kTexts = 6000;
  for (int seed = 0; seed < kTexts; ++seed) {
    Mutator mutator(static_cast<std::uint64_t>(seed));
    std::string text = seed % 3 == 0 ? large : small;
    const std::size_t edits = 1 + mutator.below(3);
    for (std::size_t i = 0; i < edits; ++i) mutator.mutate(text);
    CAPTURE(seed);
    accepted += accepts(text) ? 1 : 0;
  }
  CHECK(accepted > kTexts / 50);  // otherwise the edits test only the lexer
  CHECK(accepted < kTexts / 2);
}

TEST_CASE("every proper prefix of a text is rejected") {
  const std::string text = print(test::every_op());
  for (std::size_t size = 0; size + 2 < text.size(); size += 7) CHECK_FALSE(accepts(text.substr(0, size)));
}
