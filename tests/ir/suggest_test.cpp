#include "ir/suggest.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/support/random_arrays.h"

using sluice::did_you_mean;
using sluice::nearest;

TEST_CASE("nearest finds misspellings and nothing else") {
  const std::vector<std::string_view> names{"reduce_sum", "reduce_max", "relu", "add", "abs"};
  CHECK(nearest("reduce_summ", names) == "reduce_sum");
  CHECK(nearest("reduec_max", names) == "reduce_max");
  CHECK(nearest("reul", names) == "relu");
  CHECK(nearest("ad", names) == "add");
  CHECK(nearest("add", names) == "add");
  CHECK_FALSE(nearest("softmax", names).has_value());
  CHECK_FALSE(nearest("xyz", names).has_value());
  CHECK_FALSE(nearest("", names).has_value());
  CHECK_FALSE(nearest("x", std::vector<std::string_view>{"y"}).has_value());
  CHECK_FALSE(nearest(std::string(1'000'000, 'a'), names).has_value());
}

TEST_CASE("a prefix suggests the name that starts with it, if there is one") {
  const std::vector<std::string_view> names{"--output", "--dot", "--print-before", "--print-after"};
  CHECK(nearest("--out", names) == "--output");
  CHECK(nearest("--do", names) == "--dot");
  CHECK_FALSE(nearest("--print", names) == "--output");
}

TEST_CASE("ties between names go to the first") {
  CHECK(nearest("reduce_xum", std::vector<std::string_view>{"reduce_mum", "reduce_sum"}) == "reduce_mum");
}

TEST_CASE("did_you_mean is the end of a message") {
  const std::vector<std::string_view> names{"epochs", "batch"};
  CHECK(did_you_mean("epoch", names) == "; did you mean 'epochs'?");
  CHECK(did_you_mean("seed", names).empty());
}

TEST_CASE("random arrays stay in their range and are reproducible") {
  using namespace sluice;
  const Type type{DType::kF32, {batch, 100}};
  const Array a = test::random_array(type, 5, 7, ir::Range{2, 3});
  CHECK(a.type() == Type{DType::kF32, {5, 100}});
  for (const float x : a.data<float>()) {
    CHECK(x >= 2);
    CHECK(x < 3);
  }
  CHECK(a == test::random_array(type, 5, 7, ir::Range{2, 3}));
  CHECK_FALSE(a == test::random_array(type, 5, 8, ir::Range{2, 3}));
  const Array integers = test::random_array({DType::kU8, {1000}}, 1, 3, ir::Range{0, 256});
  int high = 0;
  for (const int x : integers.data<std::uint8_t>()) high = std::max(high, x);
  CHECK(high > 250);
}
