// Variables: names, sharing, assignment inside and outside functions.
#include <doctest/doctest.h>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {
using F = std::vector<float>;
}  // namespace

TEST_CASE("variables may share a name, which a graph makes unique") {
  Variable a("layer/w", Array::scalar(1.F));
  const Variable b("layer/w", Array::scalar(2.F));
  CHECK(a.name() == "layer/w");
  CHECK(b.name() == "layer/w");
  const auto f = function("f", {}, [&] { return b - a; });
  CHECK(f().item<float>() == 1);
  CHECK(f.graph().states()[0].variable == "layer/w");
  CHECK(f.graph().states()[0].name == "layer_w");
  CHECK(f.graph().states()[1].variable == "layer/w_1");
  CHECK(f.graph().states()[1].name == "layer_w_1");
  const Variable copy = a;
  a = b;
  CHECK(a.is(b));
  CHECK_FALSE(copy.is(b));
}

TEST_CASE("a variable starts as a copy, and handles share it") {
  Array start(F{1, 2}, {2});
  const Variable w("w", start);
  start.data<float>()[0] = 9;
  CHECK(w.value().data<float>()[0] == 1);
  const Variable same = w;
  same.assign(start);
  CHECK(w.value().data<float>()[0] == 9);
  w.value().data<float>()[0] = 5;
  CHECK(w.value().data<float>()[0] == 9);
  w.assign(0.5);
  CHECK(w.value() == Array(F{0.5, 0.5}, {2}));
  CHECK(w.is(same));
  CHECK_FALSE(w.is(Variable("w", start)));
  CHECK(w.trainable());
}

TEST_CASE("inside a function, reading after assigning returns the new value") {
  const Variable w("w", Array(F{1, 2}, {2}));
  const auto f = function([&](Tensor x) {
    const Tensor before = w;
    w.assign_add(x);
    w.assign(w * 10);
    w.assign_sub(1);
    return outputs(before, w);
  });
  const auto [before, after] = f(1.F);
  CHECK(before == Array(F{1, 2}, {2}));
  CHECK(after == Array(F{19, 29}, {2}));
  CHECK(w.value() == after);
  const auto [again, last] = f(0.F);
  CHECK(again == after);
  CHECK(last == Array(F{189, 289}, {2}));
}

TEST_CASE("variables may swap values, and functions may share them") {
  const Variable a("a", Array::scalar(1.F));
  const Variable b("b", Array::scalar(2.F));
  const auto swap = function("swap", [&] {
    const Tensor old = a;
    a.assign(b);
    b.assign(old);
  });
  swap();
  CHECK(a.value().item<float>() == 2);
  CHECK(b.value().item<float>() == 1);
  const auto clear = function("clear", [&] { a.assign(0); });
  clear();
  swap();
  CHECK(b.value().item<float>() == 0);
}

TEST_CASE("a host assignment is seen by the next call") {
  const Variable w("w", Array::scalar(1.F));
  const auto f = function([&](Tensor x) { return w * x; });
  CHECK(f(3.F).item<float>() == 3);
  w.assign(2);
  CHECK(f(3.F).item<float>() == 6);
  CHECK(f.traces() == 1);
}

TEST_CASE("a result with a variable's value does not change with it") {
  const Variable w("w", Array::scalar(1.F));
  const auto f = function("f", [&] {
    const Tensor before = w;
    w.assign_add(1);
    return outputs(before, w);
  });
  const auto [before, after] = f();
  w.assign(100);
  CHECK(before.item<float>() == 1);
  CHECK(after.item<float>() == 2);
}

TEST_CASE("variables of any element type") {
  const Variable flags("flags", Array({true, false}, {2}), {.trainable = false});
  const Variable count("count", Array::scalar(std::int64_t{5}), {.trainable = false});
  const auto f = function("f", [&] {
    flags.assign(~flags);
    count.assign_add(1);
  });
  f();
  CHECK(flags.value() == Array({false, true}, {2}));
  CHECK(count.value().item<int>() == 6);
  count.assign(7);
  CHECK(count.value().item<int>() == 7);
}

TEST_CASE("the hash depends on every bit") {
  const Variable a("a", Array(F{1, 2}, {2}));
  const Variable b("b", Array(F{1, 2}, {2}));
  const std::vector<Variable> both{a, b};
  const std::uint64_t before = hash_of(both);
  CHECK(hash_of(both) == before);
  b.assign(Array(F{1, 2.0000002F}, {2}));
  CHECK(hash_of(both) != before);
  CHECK(hash_of(std::vector<Variable>{}) == 0xcbf29ce484222325);
}
