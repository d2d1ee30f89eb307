// Calls with arguments that are wrong: each has its code, and a context that was good stays so.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <thread>

#include "ir/random_arrays.h"
#include "sluice/sluice.h"
#include "tests/aot/exported.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

/// y = x W + b, with W to be set and b initially 0.
struct Linear {
  Variable w{"w", random_array({DType::kF32, {5, 3}}, 1, 1)};
  Variable b{"b", zeros({3})};
  Function<Tensor, 1> function = sluice::function("linear", {f32(batch, 5).named("x")}, [this](Tensor x) {
    const Tensor product = matmul(x, w);
    return product + b;
  });
};

using Init = int (*)(sluice_context*, void*, std::int64_t, std::int64_t, const sluice_team*);
using Run = int (*)(sluice_context*, std::int64_t, const float*, float*);

struct alignas(64) Memory {
  std::byte bytes[1 << 16];
};

}  // namespace

TEST_CASE("memory is known only for sizes and threads that are possible") {
  const Linear linear;
  const Exported exported(linear.function, {});
  CHECK(exported.memory_bytes(1, std::int64_t{1}) > 0);
  CHECK(exported.memory_bytes(1, std::int64_t{8}) <= exported.memory_bytes(2, std::int64_t{8}));
  CHECK(exported.memory_bytes(1, std::int64_t{8}) <= exported.memory_bytes(1, std::int64_t{1000}));
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-1}, -kHuge, kHuge, std::int64_t{1} << 60})
    CHECK(exported.memory_bytes(1, size) == SLUICE_WRONG_SIZE);
  for (const int threads : {0, -1, 1025, std::numeric_limits<int>::max()})
    CHECK(exported.memory_bytes(threads, std::int64_t{1}) == SLUICE_WRONG_SIZE);
}

TEST_CASE("init refuses what it cannot use, and the context is then not initialized") {
  const Linear linear;
  const Exported exported(linear.function, {});
  const auto init = exported.symbol<Init>("init");
  const auto run = exported.symbol<Run>("run");
  const auto memory = std::make_unique<Memory>();
  const std::int64_t bytes = exported.memory_bytes(1, std::int64_t{4});
  REQUIRE(bytes < static_cast<std::int64_t>(sizeof(Memory)));
  std::byte* const m = memory->bytes;
  sluice_context context{};
  const std::vector<float> x(20);
  std::vector<float> y(12);
  const auto refuses = [&](int code, int result) {
    CHECK(result == code);
    CHECK(run(&context, 1, x.data(), y.data()) == SLUICE_NOT_INITIALIZED);
  };
  refuses(SLUICE_NULL_POINTER, init(nullptr, m, bytes, 4, nullptr));
  refuses(SLUICE_NULL_POINTER, init(&context, nullptr, bytes, 4, nullptr));
  refuses(SLUICE_NOT_ALIGNED, init(&context, m + 32, bytes, 4, nullptr));
  refuses(SLUICE_TOO_LITTLE_MEMORY, init(&context, m, bytes - 1, 4, nullptr));
  refuses(SLUICE_TOO_LITTLE_MEMORY, init(&context, m, 0, 4, nullptr));
  refuses(SLUICE_TOO_LITTLE_MEMORY, init(&context, m, -1, 4, nullptr));
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-4}, kHuge})
    refuses(SLUICE_WRONG_SIZE, init(&context, m, kHuge, size, nullptr));
  const sluice_team no_function{2, nullptr, nullptr, nullptr};
  refuses(SLUICE_NULL_POINTER, init(&context, m, bytes, 4, &no_function));
  const sluice_team no_thread{0, nullptr, nullptr, nullptr};
  refuses(SLUICE_WRONG_SIZE, init(&context, m, bytes, 4, &no_thread));
  CHECK(init(&context, m, bytes, 4, nullptr) == SLUICE_OK);
  refuses(SLUICE_TOO_LITTLE_MEMORY, init(&context, m, bytes - 1, 4, nullptr));  // no longer initialized
}

TEST_CASE("run and access to variables refuse what they cannot use, and change nothing") {
  const Linear linear;
  const Exported exported(linear.function, {});
  Context context(exported, nullptr, std::int64_t{4});
  const auto run = exported.symbol<Run>("run");
  const Array x = random_array({DType::kF32, {4, 5}}, 1, 2);
  const float* const from = x.data<float>().data();
  std::vector<float> y(13, 7.0F);
  CHECK(run(nullptr, 4, from, y.data()) == SLUICE_NULL_POINTER);
  sluice_context garbage;
  std::memset(&garbage, 0xa5, sizeof garbage);
  CHECK(run(&garbage, 4, from, y.data()) == SLUICE_NOT_INITIALIZED);
  sluice_context zero{};
  CHECK(run(&zero, 4, from, y.data()) == SLUICE_NOT_INITIALIZED);
  CHECK(run(&context.context, 4, nullptr, y.data()) == SLUICE_NULL_POINTER);
  CHECK(run(&context.context, 4, from, nullptr) == SLUICE_NULL_POINTER);
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{5}, kHuge, -kHuge - 1})
    CHECK(run(&context.context, size, from, y.data()) == SLUICE_WRONG_SIZE);
  const auto* const odd = reinterpret_cast<const float*>(x.bytes() + 1);
  CHECK(run(&context.context, 1, odd, y.data()) == SLUICE_NOT_ALIGNED);
  CHECK(run(&context.context, 1, from, reinterpret_cast<float*>(reinterpret_cast<std::byte*>(y.data()) + 2)) ==
        SLUICE_NOT_ALIGNED);
  CHECK(std::ranges::all_of(y, [](float value) { return value == 7.0F; }));

  const sluice_variables variables = exported.variables();
  std::array<float, 15> values{};
  sluice_variable description;
  CHECK(variables.count == 2);
  CHECK(variables.describe(2, &description) == SLUICE_NO_VARIABLE);
  CHECK(variables.describe(-1, &description) == SLUICE_NO_VARIABLE);
  CHECK(variables.describe(0, nullptr) == SLUICE_NULL_POINTER);
  REQUIRE(variables.describe(0, &description) == SLUICE_OK);
  CHECK(std::string(description.name) == "w");
  CHECK(description.dtype == SLUICE_F32);
  CHECK(description.rank == 2);
  CHECK(description.sizes[0] == 5);
  CHECK(description.sizes[1] == 3);
  CHECK(description.bytes == 60);
  CHECK(description.is_weight == 1);
  CHECK(description.changes == 0);
  CHECK(description.needs_value == 1);
  for (const int variable : {-1, 2, std::numeric_limits<int>::min()}) {
    CHECK(variables.get(&context.context, variable, values.data(), 60) == SLUICE_NO_VARIABLE);
    CHECK(variables.set(&context.context, variable, values.data(), 60) == SLUICE_NO_VARIABLE);
  }
  CHECK(variables.get(&context.context, 0, nullptr, 60) == SLUICE_NULL_POINTER);
  CHECK(variables.set(&context.context, 0, nullptr, 60) == SLUICE_NULL_POINTER);
  for (const std::int64_t bytes : {std::int64_t{0}, std::int64_t{59}, std::int64_t{61}, std::int64_t{-60}}) {
    CHECK(variables.get(&context.context, 0, values.data(), bytes) == SLUICE_WRONG_SIZE);
    CHECK(variables.set(&context.context, 0, values.data(), bytes) == SLUICE_WRONG_SIZE);
  }
  CHECK(variables.get(nullptr, 0, values.data(), 60) == SLUICE_NULL_POINTER);
  CHECK(variables.set(&zero, 0, values.data(), 60) == SLUICE_NOT_INITIALIZED);

  REQUIRE(run(&context.context, 4, from, y.data()) == SLUICE_OK);
  const Array expected = linear.function(x);
  CHECK(std::memcmp(y.data(), expected.bytes(), expected.byte_count()) == 0);
  CHECK(y[12] == 7.0F);
}

TEST_CASE("a variable without an initial value must be set before run, and can be set to anything") {
  const Linear linear;
  const Exported exported(linear.function, {});
  const auto memory = std::make_unique<Memory>();
  sluice_context context{};
  const std::int64_t bytes = exported.memory_bytes(1, std::int64_t{1});
  REQUIRE(exported.symbol<Init>("init")(&context, memory->bytes, bytes, 1, nullptr) == SLUICE_OK);
  const auto run = exported.symbol<Run>("run");
  const std::array<float, 5> x{1, 2, 3, 4, 5};
  std::array<float, 3> y{};
  std::array<float, 15> w{};
  CHECK(run(&context, 1, x.data(), y.data()) == SLUICE_NOT_SET);
  CHECK(run(&context, 1, x.data(), y.data()) == SLUICE_NOT_SET);  // not busy
  CHECK(exported.variables().get(&context, 0, w.data(), 60) == SLUICE_NOT_SET);
  w.fill(2);
  REQUIRE(exported.variables().set(&context, 0, w.data(), 60) == SLUICE_OK);
  REQUIRE(run(&context, 1, x.data(), y.data()) == SLUICE_OK);
  CHECK(y == std::array<float, 3>{30, 30, 30});
}

TEST_CASE("init_zeroed leaves variables that are zero to the memory, and checks and clears the rest as init") {
  const Linear linear;
  const Exported exported(linear.function, {});
  const auto init = exported.symbol<Init>("init_zeroed");
  const auto run = exported.symbol<Run>("run");
  const std::int64_t bytes = exported.memory_bytes(1, std::int64_t{4});
  const Array x = random_array({DType::kF32, {4, 5}}, 1, 2);
  const Array w = linear.w.value();
  const Array expected = linear.function(x);
  const auto memory = std::make_unique<Memory>();
  std::array<float, 12> y{};
  std::array<float, 3> b{};
  sluice_context context{};
  CHECK(init(&context, nullptr, bytes, 4, nullptr) == SLUICE_NULL_POINTER);
  CHECK(init(&context, memory->bytes + 32, bytes, 4, nullptr) == SLUICE_NOT_ALIGNED);
  CHECK(init(&context, memory->bytes, bytes - 1, 4, nullptr) == SLUICE_TOO_LITTLE_MEMORY);
  CHECK(init(&context, memory->bytes, bytes, 0, nullptr) == SLUICE_WRONG_SIZE);
  for (const int held : {0, 0xa5}) {  // as promised, and not
    CAPTURE(held);
    std::memset(memory->bytes, held, sizeof(Memory));
    REQUIRE(init(&context, memory->bytes, bytes, 4, nullptr) == SLUICE_OK);
    CHECK(run(&context, 4, x.data<float>().data(), y.data()) == SLUICE_NOT_SET);  // w
    CHECK(exported.variables().get(&context, 0, y.data(), 60) == SLUICE_NOT_SET);
    REQUIRE(exported.variables().set(&context, 0, w.bytes(), 60) == SLUICE_OK);
    REQUIRE(exported.variables().get(&context, 1, b.data(), 12) == SLUICE_OK);
    std::array<float, 3> as_memory{};
    std::memset(as_memory.data(), held, sizeof as_memory);
    CHECK(std::memcmp(b.data(), as_memory.data(), sizeof b) == 0);
    REQUIRE(exported.variables().set(&context, 1, std::array<float, 3>{}.data(), 12) == SLUICE_OK);
    REQUIRE(run(&context, 4, x.data<float>().data(), y.data()) == SLUICE_OK);
    CHECK(std::memcmp(y.data(), expected.bytes(), expected.byte_count()) == 0);
  }
}

TEST_CASE("memory of sluice_memory.c is zero and aligned, and none is had for impossible sizes") {
  for (const std::int64_t bytes :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{1000}, std::int64_t{1} << 21, (std::int64_t{5} << 20) + 3}) {
    CAPTURE(bytes);
    for (int turn = 0; turn < 3; ++turn) {  // freed memory comes back
      auto* const memory = static_cast<unsigned char*>(sluice_memory_new(bytes));
      REQUIRE(memory != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(memory) % (bytes < 1 << 21 ? 64 : 1 << 21) == 0);
      CHECK(std::all_of(memory, memory + bytes, [](unsigned char byte) { return byte == 0; }));
      std::memset(memory, 0xa5, static_cast<std::size_t>(bytes));
      sluice_memory_delete(memory);
    }
  }
  for (const std::int64_t bytes : {std::int64_t{-1}, -kHuge, kHuge}) CHECK(sluice_memory_new(bytes) == nullptr);
  sluice_memory_delete(nullptr);
}

TEST_CASE("a context of another function is refused") {
  const Linear linear;
  const auto doubled = function("doubled", {f32(batch, 5)}, [](Tensor x) { return x * 2; });
  const Exported one(linear.function, {});
  const Exported other(doubled, {}, "g");
  Context context(other, nullptr, std::int64_t{4});
  std::array<float, 20> x{};
  std::array<float, 20> y{};
  CHECK(one.symbol<Run>("run")(&context.context, 1, x.data(), y.data()) == SLUICE_NOT_INITIALIZED);
}

TEST_CASE("a context that another call uses is refused") {
  const Linear linear;
  const Exported exported(linear.function, {});
  struct Nested {
    Run run;
    sluice_context* context;
    std::array<float, 20> x{};
    std::array<float, 20> y{};
    int code = 0;
  } nested{exported.symbol<Run>("run"), nullptr};
  sluice_team team{2, &nested,
                   [](void* data, std::int32_t threads, void (*work)(void*, std::int32_t), void* argument) {
                     auto* const inner = static_cast<Nested*>(data);
                     inner->code = inner->run(inner->context, 1, inner->x.data(), inner->y.data());
                     std::thread second([&] { work(argument, 1); });
                     work(argument, 0);
                     second.join();
                     CHECK(threads == 2);
                   },
                   nullptr};
  Context context(exported, &team, std::int64_t{4});
  nested.context = &context.context;
  const std::array<float, 20> x{};
  std::array<float, 12> y{};
  CHECK(context.run(std::int64_t{4}, x.data(), y.data()) == SLUICE_OK);
  CHECK(nested.code == SLUICE_BUSY);  // the tests' flag divides every kernel
  CHECK(context.run(std::int64_t{4}, x.data(), y.data()) == SLUICE_OK);
}

TEST_CASE("arrays of the caller are not touched beyond their ends") {
  // A product reads whole vectors of its second operand: 13 columns fit none.
  const auto product =
      function("product", {f32(batch, 7), f32(7, 13)}, [](Tensor x, Tensor w) { return relu(matmul(x, w)); });
  const Exported exported(product, {});
  Context context(exported, nullptr, std::int64_t{64});
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  /// Memory that ends where the next page cannot be touched.
  const auto at_end = [&](std::size_t bytes) {
    const std::size_t pages = (bytes + page - 1) / page * page;
    auto* const memory = static_cast<std::byte*>(
        mmap(nullptr, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(mprotect(memory + pages, page, PROT_NONE) == 0);
    return memory + pages - bytes;
  };
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{3}, std::int64_t{64}}) {
    const Array x = random_array({DType::kF32, {rows, 7}}, 1, 1);
    const Array w = random_array({DType::kF32, {7, 13}}, 1, 2);
    std::byte* const own_x = at_end(x.byte_count());
    std::byte* const own_w = at_end(w.byte_count());
    std::memcpy(own_x, x.bytes(), x.byte_count());
    std::memcpy(own_w, w.bytes(), w.byte_count());
    const Array expected = product(x, w);
    std::byte* const y = at_end(expected.byte_count());
    REQUIRE(context.run(rows, own_x, own_w, y) == SLUICE_OK);
    CHECK(std::memcmp(y, expected.bytes(), expected.byte_count()) == 0);
  }
}
