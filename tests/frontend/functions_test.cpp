// function: signatures, retracing, results, inlining, what it keeps.
#include <doctest/doctest.h>

#include <thread>

#include "sluice/eigen.h"
#include "sluice/frontend.h"
#include "sluice/ir/text.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/frontend/written.h"

using namespace sluice;

namespace {

using F = std::vector<float>;

Array ramp(std::vector<std::int64_t> sizes) {
  Array array(DType::kF32, std::move(sizes));
  float next = 0;
  for (float& each : array.data<float>()) each = next++;
  return array;
}

}  // namespace

TEST_CASE("the lambda's result determines the call's") {
  const auto one = function([](Tensor x) { return x + 1; });
  const auto several = function([](Tensor x) { return outputs(x + 1, x > 0); });
  const auto list = function([](Tensor x) { return std::vector<Tensor>{x, x, x}; });
  Variable seen("seen", Array::scalar(0.F));
  const auto nothing = function([&](Tensor x) { seen.assign(x); });
  static_assert(std::is_same_v<decltype(one(1.F)), Array>);
  static_assert(std::is_same_v<decltype(several(1.F)), std::array<Array, 2>>);
  static_assert(std::is_same_v<decltype(list(1.F)), std::vector<Array>>);
  static_assert(std::is_same_v<decltype(nothing(1.F)), void>);
  CHECK(one(1.F).item<float>() == 2);
  const auto [sum, positive] = several(-1.F);
  CHECK(sum.item<float>() == 0);
  CHECK_FALSE(positive.item<bool>());
  CHECK(list(3.F).size() == 3);
  const auto variable = function([&](Tensor x) {
    seen.assign_add(x);
    return seen;
  });
  const auto argument = function([](const Arg& x) { return x; });
  static_assert(std::is_same_v<decltype(variable(1.F)), Array>);
  static_assert(std::is_same_v<decltype(argument(1.F)), Array>);
  CHECK(variable(1.F).item<float>() == 1);
  CHECK(argument(2.F).item<float>() == 2);
  nothing(4.F);
  CHECK(seen.value().item<float>() == 4);
}

TEST_CASE("arguments are arrays, numbers and vectors, and any lambda will do") {
  const auto sum = function([](const Tensor& x, Arg y, auto z) { return reduce_sum(x) + y + z; });
  CHECK(sum(F{1, 2, 3}, 10.F, Array::scalar(100.F)).item<float>() == 116);
  const auto none = function([] { return full({}, 7); });
  CHECK(none().item<float>() == 7);
  const auto from_variable = function([w = Variable("w", ramp({3}))](Tensor x) { return w * x; });
  CHECK(from_variable(2.F).data<float>()[2] == 4);
}

TEST_CASE("a signature is traced once and serves every batch size") {
  int traced = 0;
  const auto f = function("f", {f32(batch, 2), f32(2)}, [&](Tensor x, Tensor y) {
    ++traced;
    return reduce_sum(x * y, 1);
  });
  CHECK(traced == 0);
  f.compile();
  CHECK(traced == 1);
  for (const std::int64_t size : {1, 5, 2}) CHECK(f(ramp({size, 2}), F{1, 1}).sizes() == std::vector{size});
  CHECK(traced == 1);
}

TEST_CASE("an argument that does not fit the signature shows both types") {
  const auto f = function("f", {u8(batch, 28, 28), u8(batch)}, [](Tensor x, Tensor y) { return outputs(x, y); });
  const auto bytes = [](std::vector<std::int64_t> sizes) { return Array(DType::kU8, std::move(sizes)); };
  CHECK(thrown([&] {
          f(bytes({3, 28, 27}), bytes({3}));
        }) == "@functions_test.cpp f: argument 0 is u8[3,28,27], expected u8[B,28,28]");
  CHECK(thrown([&] {
          f(bytes({3, 784}), bytes({3}));
        }) == "@functions_test.cpp f: argument 0 is u8[3,784], expected u8[B,28,28]");
  CHECK(thrown([&] {
          f(ramp({3, 28, 28}), bytes({3}));
        }) == "@functions_test.cpp f: argument 0 is f32[3,28,28], expected u8[B,28,28]");
  CHECK(thrown([&] {
          f(bytes({0, 28, 28}), bytes({0}));
        }) == "@functions_test.cpp f: argument 0 is u8[0,28,28], expected u8[B,28,28]: B is at least 1");
  CHECK(thrown([&] {
          f(bytes({3, 28, 28}), bytes({2}));
        }) == "@functions_test.cpp f: argument 1 is u8[2], expected u8[B] with B = 3 as in argument 0, u8[3,28,28]");
  CHECK(thrown([&] {
          f(bytes({3, 28, 28}), 7);
        }) == "@functions_test.cpp f: argument 1 is i32[], expected u8[B] with B = 3 as in argument 0, u8[3,28,28]");
  const auto pairs = function("pairs", {f32(2 * batch)}, [](Tensor x) { return x; });
  CHECK(thrown([&] { pairs(ramp({3})); }) == "@functions_test.cpp pairs: argument 0 is f32[3], expected f32[2*B]");
  CHECK(thrown([&] {
          function("g", {f32(), f32()}, [](Tensor x) { return x; });
        }) == "@functions_test.cpp g: the signature has 2 arguments, the lambda takes 1");
}

TEST_CASE("without a signature new types trace again") {
  const auto f = function("f", [](Tensor x) { return reduce_sum(x); });
  CHECK(thrown([&] { f.graph(); }) == "f: without a signature there is no graph before the first call");
  CHECK(thrown([&] { f.compile(); }) == "f: only a function with a signature can be compiled before its first call");
  f(ramp({2}));
  f(ramp({2}));
  CHECK(f.traces() == 1);
  f(ramp({3}));
  f(Array(DType::kI32, {3}));
  CHECK(f.traces() == 3);
  f(ramp({2}));
  CHECK(f.traces() == 3);
}

TEST_CASE("a function called inside another becomes part of it") {
  Variable calls("calls", Array::scalar(0.F), {.trainable = false});
  const auto twice = function("twice", [&](Tensor x) {
    calls.assign_add(1);
    return x * 2;
  });
  const auto pair = function("pair", {f32(batch)}, [](Tensor x) { return outputs(x + 1, x - 1); });
  const auto outer = function("outer", {f32(batch)}, [&](Tensor x) {
    const auto [more, less_] = pair(twice(x));
    return twice(more) + less_;
  });
  CHECK(outer(F{1, 10}).data<float>()[1] == 61);
  CHECK(calls.value().item<float>() == 2);
  CHECK(twice.traces() == 0);
  CHECK(outer.graph().states().size() == 1);
  const auto wrong = function("wrong", {f32(batch, 2)}, [&](Tensor x) { return pair(x); });
  CHECK(thrown([&] { wrong.compile(); }) == "@functions_test.cpp pair: argument 0 is f32[B,2], expected f32[B]");
}

TEST_CASE("recursion in traces is unrolled if it terminates") {
  int depth = 200;
  std::function<Tensor(const Tensor&)> next;
  const auto f = function("f", [&](Tensor x) { return depth-- > 0 ? next(x + 1) : x; });
  next = [&](const Tensor& x) { return f(x); };
  CHECK(f(1.F).item<float>() == 201);

  const auto g = function("g", {f32()}, [&](Tensor x) { return next(x); });
  const auto h = function("h", {f32()}, [&](Tensor x) { return g(x); });
  next = [&](const Tensor& x) { return h(x); };
  CHECK(thrown([&] { g(1.F); }) == "@functions_test.cpp h: the function calls itself without end");
  next = [](const Tensor& x) { return x * 2; };
  CHECK(h(1.F).item<float>() == 2);
}

TEST_CASE("a function cannot call itself") {
  std::function<void()> again;
  const auto f = function("f", [&](Tensor x) {
    again();
    return x;
  });
  again = [&] { f(1.F); };
  CHECK(thrown([&] { f(1.F); }) == "@functions_test.cpp f: the function calls itself");
  again = [] {};
  CHECK(f(1.F).item<float>() == 1);
  const auto none = function("none", [] { return full({}, 1); });
  const auto g = function("g", [&](Tensor x) {
    none();
    return x;
  });
  CHECK(thrown([&] { g(1.F); }) ==
        "@functions_test.cpp none: a function without arguments is called while g is traced, where it would run once, "
        "not on each call; call its lambda");
}

TEST_CASE("graphs have names, ranges and states, and parse back") {
  Variable w("weight", ramp({2}));
  const auto f = function("f", {f32(batch, 2).named("x"), u8(batch).named("y").range(0, 10)}, [&](Tensor x, Tensor y) {
    w.assign_add(1);
    return reduce_sum(x * w, 1) + cast(y, f32);
  });
  const std::string text = f.dump();
  CHECK(text.find("graph @f(%x: f32[B,2], %y: u8[B] {range=[0,10)})") != std::string::npos);
  CHECK(text.find("%weight: f32[2] \"weight\"") != std::string::npos);
  CHECK(ir::print(ir::parse(text)) == text);
  CHECK(f.dump("differentiate") == text);
  CHECK(thrown([&] { f.dump("diferentiate"); }) == "there is no stage 'diferentiate'; did you mean 'differentiate'?");
}

TEST_CASE("a state with a single initial value records it") {
  const Variable bias("bias", Array(DType::kF32, {3}));
  const Variable count("count", Array::scalar(std::int64_t{7}), {.range = ir::Range{0, 9}});
  const Variable ramped("ramped", ramp({3}));
  const Variable nothing("nothing", Array(DType::kF32, {0}));
  bias.assign(2);  // initially zeros
  const auto f = function("f", {}, [&] { return outputs(bias + ramped, cast(count, f32), nothing + 1); });
  const std::string text = f.dump();
  CHECK(text.find("%bias: f32[3] \"bias\" {init=0}") != std::string::npos);
  CHECK(text.find("%count: i64[] \"count\" {range=[0,9), init=7}") != std::string::npos);
  for (const std::string plain : {"%ramped: f32[3] \"ramped\"", "%nothing: f32[0] \"nothing\""}) {
    CHECK(text.find(plain) != std::string::npos);
    CHECK(text.find(plain + " {") == std::string::npos);
  }
}

TEST_CASE("results of earlier calls do not change") {
  const auto f = function("f", {f32(batch)}, [](Tensor x) { return x * 2; });
  const Array first = f(F{1, 2});
  const Array second = f(F{3, 4});
  CHECK(first.data<float>()[0] == 2);
  CHECK(second.data<float>()[0] == 6);
}

TEST_CASE("threads may share a function") {
  Variable count("count", Array::scalar(0.F), {.trainable = false});
  const auto f = function("f", {f32()}, [&](Tensor x) {
    count.assign_add(1);
    return x * 3;
  });
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        if (f(static_cast<float>(t)).item<int>() != 3 * t) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(f.traces() == 1);
  CHECK(count.value().item<float>() == 200);
}

TEST_CASE("threads may make the first calls of functions that share a model") {
  for (int round = 0; round < 10; ++round) {
    MLP model(Dense(4, relu), Dense(2));
    const auto f = function("f", {f32(batch, 3)}, [&](Tensor x) { return model(x); });
    const auto g = function("g", {f32(batch, 3)}, [&](Tensor x) { return model(x); });
    Array of_f;
    Array of_g;
    const Array x = ramp({2, 3});
    std::thread first([&] { of_f = f(x); });
    std::thread second([&] { of_g = g(x); });
    first.join();
    second.join();
    CHECK(of_f == of_g);
    CHECK(model.variables().size() == 4);
  }
}

TEST_CASE("functions are handles") {
  Function<Tensor, 1> f = function([](Tensor x) { return x + 1; });
  const Function<Tensor, 1> copy = f;
  CHECK(copy(1.F).item<float>() == 2);
  CHECK(f.traces() == 1);
  f = function([](Tensor x) { return x + 2; });
  CHECK(f(1.F).item<float>() == 3);
}

TEST_CASE("arrays can be viewed as Eigen matrices and vectors") {
  Array array = ramp({2, 3});
  matrix<float>(array)(1, 0) = 30;
  CHECK(array.data<float>()[3] == 30);
  const Array line = ramp({4});
  CHECK(vector<float>(line).sum() == 6);
  CHECK(matrix<float>(std::as_const(array)).row(0).sum() == 3);
  CHECK(thrown([&] { vector<float>(array); }) == "vector: expected an array of rank 1, got f32[2,3]");
  CHECK(thrown([&] { matrix<float>(line); }) == "matrix: expected an array of rank 2, got f32[4]");
  CHECK(thrown([&] { matrix<double>(array); }) == "array: the elements of f32[2,3] cannot be viewed as f64");
}

TEST_CASE("a function without a signature keeps the most recently used versions, and warns once") {
  const int before = max_versions();
  CHECK(before == 32);
  set_max_versions(3);
  const Variable calls("calls", Array::scalar(0.F));
  const auto f = function("many_shapes", [&](Tensor x) {
    calls.assign_add(1);
    return reduce_sum(x) + calls;
  });
  const auto call = [&](std::int64_t size) { return f(Array(DType::kF32, {size})).item<int>(); };
  CHECK(written(stderr, [&] {
          for (const std::int64_t size : {1, 2, 3, 1}) call(size);
        }).empty());
  CHECK(f.traces() == 3);
  const std::string warning = written(stderr, [&] { call(4); });  // drops 2
  CHECK(warning.find("functions_test.cpp:") != std::string::npos);
  CHECK(warning.find("many_shapes: was called with more than 3 lists of argument types") != std::string::npos);
  CHECK(f.traces() == 4);
  CHECK(written(stderr, [&] {
          for (const std::int64_t size : {1, 3, 4}) call(size);
          CHECK(f.traces() == 4);
          CHECK(call(2) == 9);  // drops 1
          CHECK(f.traces() == 5);
          call(1);
        }).empty());
  CHECK(f.traces() == 6);
  CHECK(to_string(f.graph().type(f.graph().parameters()[0].value)) == "f32[1]");
  set_max_versions(before);
  CHECK(thrown([] { set_max_versions(0); }) == "@functions_test.cpp set_max_versions: expected at least 1, got 0");
}

TEST_CASE("the number of threads is set and read, and changes no bit") {
  const int before = num_threads();
  MLP model(Dense(65, relu), Dense(3));
  const auto f = function("f", {f32(batch, 300)}, [&](Tensor x) { return softmax(model(x)); });
  const Array x = initial_normal({37, 300}, 0, 1);
  set_num_threads(1);
  CHECK(num_threads() == 1);
  const Array alone = f(x).clone();
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    CHECK(num_threads() == threads);
    CHECK(f(x) == alone);
  }
  set_num_threads(before);
  CHECK(thrown([] { set_num_threads(0); }) == "@functions_test.cpp set_num_threads: expected 1 to 1024, got 0");
  CHECK(thrown([] { set_num_threads(1025); }) == "@functions_test.cpp set_num_threads: expected 1 to 1024, got 1025");
}

TEST_CASE("size_of takes static and symbolic sizes; batch_size is an error without B") {
  const auto sizes = [](Tensor x) {
    return outputs(size_of(x, 0), size_of(x, 1), size_of(x, -1), reduce_sum(x) / cast(size_of(x, 0), f32));
  };
  const Array ones_array = ones({6, 5});
  const std::array<Array, 4> of_static = function("f", {f32(6, 5)}, sizes)(ones_array);
  const std::array<Array, 4> of_rows = function("f", {f32(batch, 5)}, sizes)(ones_array);
  const std::array<Array, 4> of_twice = function("f", {f32(2 * batch, 5)}, sizes)(ones_array);
  const std::array<Array, 4> unsigned_one = function("f", sizes)(ones_array);
  for (const auto& of : {of_static, of_rows, of_twice, unsigned_one}) {
    CHECK(of[0] == Array::scalar(std::int64_t{6}));
    CHECK(of[1] == Array::scalar(std::int64_t{5}));
    CHECK(of[2] == Array::scalar(std::int64_t{5}));
    CHECK(of[3].item<float>() == 5);
  }
  const std::string expected =
      "@functions_test.cpp batch_size: no parameter of f has batch in its shape; size_of(x, axis) takes any size";
  CHECK(thrown([] { function("f", {f32(6, 5)}, [](Tensor) { return batch_size(); }).compile(); }) == expected);
  CHECK(thrown([&] { function("f", [](Tensor) { return batch_size(); })(ones_array); }) == expected);
  CHECK(thrown([&] { function("f", {f32(6, 5)}, [](Tensor x) { return size_of(x, 2); }).compile(); }) ==
        "@functions_test.cpp size_of: axis 2 is outside of f32[6,5]");
}
