// print in traced functions, and its order with checks, on both engines.
#include <doctest/doctest.h>

#include <stdexcept>

#include "sluice/effects.h"
#include "sluice/frontend.h"
#include "tests/frontend/printed.h"
#include "tests/frontend/thrown.h"
#include "tests/frontend/written.h"

using namespace sluice;
using test::at;
using test::kNan;
using test::on_both_engines;
using test::Printed;
using test::refusal;
using test::thrown_at;

TEST_CASE("print shows line, name, value and type, and returns its argument") {
  on_both_engines([] {
    Printed printed;
    const std::uint32_t line = __LINE__ + 2;
    const auto f = function("f", {f32(batch)}, [](Tensor x) {
      const Tensor y = print(x * 2, "twice");
      print(reduce_sum(y));
      return y + 1;
    });
    CHECK(f({1, 2}) == Array({3.F, 5.F}));
    CHECK(printed.take() == at(line, "twice = [2, 4] f32[2]") + at(line + 1, "6 f32[]"));
    CHECK(f(Array({{4.F}}).reshaped({1})) == Array({9.F}));
    CHECK(printed.take() == at(line, "twice = [8] f32[1]") + at(line + 1, "8 f32[]"));
  });
}

TEST_CASE("print takes every dtype, long arrays, arguments, constants, and the same tensor twice") {
  on_both_engines([] {
    Printed printed;
    const std::uint32_t line = __LINE__ + 3;
    const auto f =
        function("f", {f64(2), i32(2), i64(1), u8(2), bool_(2), f32(batch)}, [](const std::vector<Tensor>& x) {
          for (const Tensor& each : x) print(each, "x");
          print(constant(Array({1, 2})), "c");
          print(x[1], "again");
          print(x[1] + x[1], "sum");
          return x[1];
        });
    CHECK(f({Array({0.5, 1e300}), Array({-1, 2}), Array({std::int64_t{1} << 40}),
             Array(std::vector<std::uint8_t>{0, 255}), Array({true, false}), Array({kNan, -0.F})}) == Array({-1, 2}));
    CHECK(printed.take() == at(line, "x = [0.5, 1e+300] f64[2]") + at(line, "x = [-1, 2] i32[2]") +
                                at(line, "x = [1099511627776] i64[1]") + at(line, "x = [0, 255] u8[2]") +
                                at(line, "x = [true, false] bool[2]") + at(line, "x = [nan, -0] f32[2]") +
                                at(line + 1, "c = [1, 2] i32[2]") + at(line + 2, "again = [-1, 2] i32[2]") +
                                at(line + 3, "sum = [-2, 4] i32[2]"));
    const Array ten_thousand(DType::kF32, {10000});
    f({Array({0.5, 1e300}), Array({-1, 2}), Array({std::int64_t{1}}), Array(std::vector<std::uint8_t>{0, 1}),
       Array({true, false}), ten_thousand});
    CHECK(printed.take().find(fmt::format("x = {}\n", ten_thousand)) != std::string::npos);
    CHECK(to_string(ten_thousand).find("...") != std::string::npos);
  });
}

TEST_CASE("print sees a variable before and after an assignment") {
  on_both_engines([] {
    Printed printed;
    const Variable w("w", Array({1.F, 2.F}));
    const std::uint32_t line = __LINE__ + 2;
    const auto f = function("f", {f32(2)}, [&](Tensor x) {
      print(w, "before");
      w.assign(w * x);
      print(w, "after");
    });
    f({3, 4});
    f({1, 2});
    CHECK(printed.take() == at(line, "before = [1, 2] f32[2]") + at(line + 2, "after = [3, 8] f32[2]") +
                                at(line, "before = [3, 8] f32[2]") + at(line + 2, "after = [3, 16] f32[2]"));
    CHECK(w.value() == Array({3.F, 16.F}));
  });
}

TEST_CASE("prints change no result and no derivative, whatever is fused or unused") {
  on_both_engines([] {
    Printed printed;
    const auto model = [](bool printing) {
      return function("f", {f32(batch, 7)}, [printing](Tensor x) {
        const auto see = [&](const Tensor& y, std::string_view name) { return printing ? print(y, name) : y; };
        const Tensor hidden = see(relu(x * 3 - 1), "hidden");
        const Tensor y = see(tanh(see(hidden + x, "sum")), "y");
        see(exp(x) * 0.5, "unused");
        const Tensor loss = see(reduce_sum(square(y)), "loss");
        const Tensor slope = see(gradients(loss, x)[0], "slope");
        return outputs(loss, y, slope, gradients(reduce_sum(square(slope)), x)[0]);
      });
    };
    const auto with = model(true);
    const auto without = model(false);
    for (const std::int64_t size : {1, 3, 64, 128}) {
      CAPTURE(size);
      const Array x = linspace(-2, 2, size * 7).reshaped({size, 7});
      const auto got = with(x);
      const auto expected = without(x);
      for (std::size_t i = 0; i < got.size(); ++i) {
        for (std::int64_t j = 0; j < got[i].element_count(); ++j) {
          const auto flat = [&](const Array& array) { return array.reshaped({array.element_count()})(j); };
          CHECK(flat(got[i]) == doctest::Approx(flat(expected[i])).epsilon(1e-5));
        }
      }
      const std::string text = printed.take();
      for (const std::string_view name : {"hidden", "sum", "y", "unused", "loss", "slope"})
        CHECK(text.find(fmt::format(": {} = ", name)) != std::string::npos);
      CHECK(text.find(fmt::format("loss = {}\n", got[0])) != std::string::npos);
      CHECK(text.find(fmt::format("slope = {}\n", got[2])) != std::string::npos);
      CHECK(text.find("hidden") < text.find("sum = "));
      CHECK(text.find("unused") < text.find("loss"));
    }
    CHECK(with.graph().results().size() == 10);
    CHECK(without.graph().results().size() == 4);
  });
}

TEST_CASE("prints and checks happen in the order of the program") {
  on_both_engines([] {
    Printed printed;
    const std::uint32_t line = __LINE__ + 2;
    const auto f = function("f", {f32()}, [](Tensor x) {
      print(x, "first");
      check(x > 0, "positive");
      print(x + 1, "second");
      check(x > 1, "above 1");
      print(x + 2, "third");
      return x;
    });
    const std::string first = at(line, "first = 0 f32[]");
    CHECK(thrown([&] { f(0); }) == refusal("@f: check: positive: false, since 0 > 0 is false"));
    CHECK(printed.take() == at(line, "first = 0 f32[]"));
    CHECK(thrown([&] { f(1); }) == refusal("@f: check: above 1: false, since 1 > 1 is false"));
    CHECK(printed.take() == at(line, "first = 1 f32[]") + at(line + 2, "second = 2 f32[]"));
    CHECK(f(2)() == 2);
    CHECK(printed.take() ==
          at(line, "first = 2 f32[]") + at(line + 2, "second = 3 f32[]") + at(line + 4, "third = 4 f32[]"));
    CHECK(thrown([&] { f(Array({1.F, 2.F})); }) != "");  // fails before the step: nothing prints
    CHECK(printed.take().empty());
  });
}

TEST_CASE("prints and checks of functions called by functions, with their own lines") {
  on_both_engines([] {
    Printed printed;
    const std::uint32_t line = __LINE__ + 2;
    const auto inner = function("inner", {f32(batch)}, [](Tensor x) {
      print(x, "x");
      check(x != 7, "not 7");
      return x + 1;
    });
    const auto outer = function("outer", {f32(batch)}, [&](Tensor x) { return inner(inner(x)) * 2; });
    CHECK(outer({1, 2}) == Array({6.F, 8.F}));
    CHECK(printed.take() == at(line, "x = [1, 2] f32[2]") + at(line, "x = [2, 3] f32[2]"));
    CHECK(thrown([&] {
            outer({1, 6});
          }) == refusal("@outer: check: not 7: false at [1] of bool[2] (1 of 2 elements), since 7 != 7 is false"));
    CHECK(thrown_at([&] { outer({1, 6}); }) == line + 1);
    CHECK(inner({1}) == Array({2.F}));
  });
}

TEST_CASE("a custom gradient's function prints and checks, its backward function cannot") {
  on_both_engines([] {
    Printed printed;
    const std::uint32_t line = __LINE__ + 4;
    const auto cube = custom_gradient(
        "cube",
        [](Tensor x) {
          print(x, "x");
          check(x < 10, "small");
          return x * x * x;
        },
        [](Tensor x, Tensor /*y*/, Tensor dy) { return 3 * x * x * dy; });
    const auto f = function("f", {f32(batch)}, [&](Tensor x) {
      const Tensor y = print(cube(x), "y");
      return outputs(y, gradients(reduce_sum(y), x)[0]);
    });
    const auto [y, slope] = f({1, 2});
    CHECK(y == Array({1.F, 8.F}));
    CHECK(slope == Array({3.F, 12.F}));
    CHECK(printed.take() == at(line, "x = [1, 2] f32[2]") + at(line + 6, "y = [1, 8] f32[2]"));
    CHECK(thrown([&] { f({10}); }) ==
          refusal("@f: check: small: false at [0] of bool[1] (1 of 1 elements), since 10 < 10 is false"));

    const std::uint32_t backward_line = __LINE__ + 2;
    const auto talks = custom_gradient(
        "talks", [](Tensor x) { return x; }, [](Tensor /*x*/, Tensor /*y*/, Tensor dy) { return print(dy, "dy"); });
    const auto wrong = [&] { function("g", {f32()}, [&](Tensor x) { return talks(x); }).compile(); };
    CHECK(thrown(wrong) ==
          "@print_test.cpp talks: the backward function prints or checks, which it cannot: it runs only where its "
          "derivative is needed; print and check outside of it");
    CHECK(thrown_at(wrong) == backward_line);
  });
}

TEST_CASE("prints go to stderr, escaped, unless a sink is set; a sink's exception ends the call") {
  on_both_engines([] {
    const Variable w("w", Array::scalar(0.F));
    const auto f = function("f", {f32()}, [&](Tensor x) {
      print(x, "a\033[31mb");
      print(x + 1, "next");
      w.assign_add(1);
    });
    const std::string text = written(stderr, [&] { f(1); });
    CHECK(text.find("print_test.cpp:") != std::string::npos);
    CHECK(text.find(": a\\x1b[31mb = 1 f32[]\n") != std::string::npos);
    CHECK(text.find(": next = 2 f32[]\n") != std::string::npos);

    set_print_sink([](std::string_view) { throw std::runtime_error("full"); });
    CHECK_THROWS_WITH(f(1), "full");
    CHECK(w.value()() == 2);
    // A sink may look at variables, and call other functions that print.
    int prints = 0;
    const auto g = function("g", {f32()}, [](Tensor x) { return print(x, "inner"); });
    set_print_sink([&](std::string_view line) {
      ++prints;
      if (line.find("next") != std::string_view::npos) g(w.value());
    });
    f(1);
    CHECK(prints == 3);
    set_print_sink([&](std::string_view) { f(1); });
    CHECK(thrown([&] { f(1); }) == "f: the function calls itself");
    set_print_sink({});
  });
}

TEST_CASE("texts of a function show prints and checks apart from its results") {
  const auto f = function("f", {f32(batch).named("x")}, [](Tensor x) {
    print(x * 2, "twice");
    check(x > 0, "positive");
    return x + 1;
  });
  CHECK(f.dump().find("// result 1: print \"twice\" at ") == 0);
  CHECK(f.dump().find("\n// result 2: check \"positive\" at ") != std::string::npos);
  CHECK(f.dump("differentiate").find("// result 1: print \"twice\" at ") == 0);
  set_dump({.to_stdout = true, .stages = {"traced"}});
  const std::string dumped = written(stdout, [&] { f.compile(); });
  set_dump({});
  CHECK(dumped.starts_with("// f after traced\n// result 1: print \"twice\" at "));
  CHECK(to_string(f) == "f(x: f32[B]) -> f32[B]");
  const auto printing = function("printing", {f32(batch)}, [](Tensor x) { return print(x, "x") + 1; });
  CHECK(printing.graph().results().size() == 2);
  CHECK(printing.graph_to_save().results().size() == 1);
  const auto plain = function("plain", {f32(batch)}, [](Tensor x) { return x + 1; });
  CHECK(plain.dump().find("//") == std::string::npos);
  CHECK(&plain.graph_to_save() == &plain.graph());
}
