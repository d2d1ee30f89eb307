// Variables and temporaries of products have their own layouts, which every kind of kernel reads and writes.
#include <fmt/format.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cstring>

#include "backend/layout.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

/// Below, at and next to the widths where panels start, and widths too narrow for them.
constexpr std::int64_t kWidths[] = {17, 32, 40, 48, 49, 88, 96, 100, 150};
constexpr std::int64_t kRows = 21;

/// Checks a graph in which R stands for the rows and N for the columns of a state %w, M for R * N, K for N - 5 and J
/// for N - 16.
void check(std::string_view body, const std::vector<std::int64_t>& batches = {1, 3, 64}) {
  for (const std::int64_t columns : kWidths) {
    std::string text = "sluice-ir 1\ngraph @f";
    for (const char c : body) {
      if (c == 'R') {
        text += std::to_string(kRows);
      } else if (c == 'N') {
        text += std::to_string(columns);
      } else if (c == 'M') {
        text += std::to_string(columns * kRows);
      } else if (c == 'K') {
        text += std::to_string(columns - 5);
      } else if (c == 'J') {
        text += std::to_string(columns - 16);
      } else {
        text += c;
      }
    }
    CAPTURE(text);
    for (const std::string& features : test::vector_targets()) {
      CAPTURE(features);
      test::check_jit(ir::parse(text), batches, 4e-6, {.target_features = features});
    }
  }
}

TEST_CASE("packing and unpacking preserves all elements") {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    for (const std::int64_t columns : kWidths) {
      CAPTURE(columns);
      const Array array = test::random_array({dtype, {kRows, columns}}, 1, 3);
      const backend::Layout layout = backend::state_layout(array.type());
      CHECK(layout.dense() == (columns < 32));
      Array memory(dtype, {backend::element_count(layout, array.type().shape).size});
      backend::pack(layout, array, memory.bytes());
      Array back(dtype, array.sizes());
      backend::unpack(layout, memory.bytes(), back);
      CHECK(back == array);
    }
  }
}

TEST_CASE("small, integer and symbolic matrices are row-major") {
  CHECK(backend::state_layout({DType::kF32, {7, 100}}).dense());
  CHECK(backend::state_layout({DType::kI32, {100, 100}}).dense());
  CHECK(backend::state_layout({DType::kF32, {100}}).dense());
  CHECK(backend::state_layout({DType::kF32, {4, 100, 100}}).dense());
  CHECK(backend::aligned_rows({DType::kF32, {100, batch}}).dense());
}

TEST_CASE("rows of temporaries are an odd number of cache lines long") {
  for (const std::int64_t columns : kWidths) {
    const backend::Layout layout = backend::aligned_rows({DType::kF32, {batch, columns}});
    if (columns < 32) continue;
    const std::int64_t width = layout.dense() ? columns : layout.last;
    CHECK(width >= columns);
    CHECK(width % 32 == 16);
  }
}

TEST_CASE("a variable is read as lhs and rhs of a product, plain and transposed") {
  check(R"((%x: f32[B,R], %y: f32[B,N], %z: f32[N,B], %u: f32[R,B]) state(%w: f32[R,N] "w") {
  %0: f32[B,N] = matmul %x, %w
  %1: f32[B,R] = matmul %y, %w {transpose_b=true}
  %2: f32[R,B] = matmul %w, %z
  %3: f32[N,B] = matmul %w, %u {transpose_a=true}
  %4: f32[N,N] = matmul %w, %w {transpose_a=true}
  %5: f32[R,R] = matmul %w, %w {transpose_b=true}
  return %0, %1, %2, %3, %4, %5
})");
  check(R"((%x: f64[B,R], %y: f64[B,N]) state(%w: f64[R,N] "w") {
  %0: f64[B,N] = matmul %x, %w
  %1: f64[B,R] = matmul %y, %w {transpose_b=true}
  return %0, %1
})");
}

TEST_CASE("a variable is reshaped, sliced, transposed, gathered and reduced") {
  check(R"((%i: i32[B] {range=[0,21)}) state(%w: f32[R,N] "w") {
  %0: f32[M] = reshape %w {shape=[M]}
  %1: f32[N,R] = reshape %w {shape=[N,R]}
  %2: f32[R,6] = slice %w {axis=1, limit=9, start=3}
  %3: f32[6,N] = slice %w {axis=0, limit=9, start=3}
  %4: f32[N,R] = transpose %w {permutation=[1,0]}
  %5: f32[B,N] = gather %w, %i
  %6: f32[N] = reduce_sum %w {axes=[0]}
  %7: f32[R] = reduce_max %w {axes=[1]}
  %8: f32[] = reduce_sum %w {axes=[0,1]}
  %9: i64[R] = argmax %w {axis=1}
  %10: f32[R,N] = exp %w
  %11: f32[R,K] = slice %w {axis=1, limit=N, start=5}
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %w
})");
}

TEST_CASE("windows slide over a variable's columns, with taps that fill a vector or less") {
  check(R"((%x: f32[B,3]) state(%w: f32[R,N] "w") {
  %0: f32[R,K,6] = windows %w {axis=1, dilations=[1], padding=[0,0], sizes=[6], strides=[1]}
  %1: f32[R,J,17] = windows %w {axis=1, dilations=[1], padding=[0,0], sizes=[17], strides=[1]}
  %2: f32[R,N,9] = windows %w {axis=1, dilations=[2], padding=[8,8], sizes=[9], strides=[1]}
  %3: f32[R,N] = add_windows %0 {axis=1, dilations=[1], padding=[0,0], shape=[R,N], sizes=[6], strides=[1]}
  return %0, %1, %2, %3
}
)");
}

TEST_CASE("a variable is updated by a loop, a product, scatters, a reshape and a concatenation") {
  check(R"((%x: f32[B,R], %y: f32[B,N], %i: i32[B] {range=[0,21)}, %f: f32[M], %g: f32[R,3])
    state(%a: f32[R,N] "a", %b: f32[R,N] "b", %c: f32[R,N] "c", %d: f32[R,N] "d", %e: f32[R,N] "e", %h: f32[N,R] "h",
      %k: f32[R,N] "k") {
  %0: f32[R,N] = tanh %a
  %1: f32[R,N] = matmul %x, %y {transpose_a=true}
  %2: f32[R,N] = add %b, %1
  %3: f32[R,N] = scatter_add %c, %i, %y
  %4: f32[R,N] = reshape %f {shape=[R,N]}
  %5: f32[R,N] = mul %e, %a
  %6: f32[R,R] = matmul %5, %a {transpose_b=true}
  %7: f32[N,R] = transpose %5 {permutation=[1,0]}
  %8: f32[R,N] = scatter %k, %i, %y
  update %a = %0, %b = %2, %c = %3, %d = %4, %e = %5, %h = %7, %k = %8
  return %2, %6, %5, %4
})");
}

TEST_CASE("an optimizer's state next to a product whose gradient is clipped by its norm first") {
  check(R"((%x: f32[B,R], %d: f32[B,N]) state(%w: f32[R,N] "w", %m: f32[R,N] "m", %v: f32[R,N] "v" {range=[1,2)}) {
  %0: f32[R,N] = matmul %x, %d {transpose_a=true}
  %1: f32[R,N] = square %0
  %2: f32[] = reduce_sum %1 {axes=[0,1]}
  %3: f32[] = sqrt %2
  %4: f32[R,N] = broadcast %3 {shape=[R,N]}
  %5: f32[R,N] = div %0, %4
  %6: f32[R,N] = add %m, %5
  %7: f32[R,N] = div %6, %v
  %8: f32[R,N] = sub %w, %7
  update %w = %8, %m = %6
  return %2
})");
}

TEST_CASE("random numbers for a variable in panels follow positions in the matrix, not in memory") {
  check(R"((%k: i64[], %c: i64[]) state(%w: f32[R,N] "w") {
  %0: f32[R,N] = random_uniform %k, %c {dtype=f32, shape=[R,N]}
  %1: f32[R,N] = mul %w, %0
  update %w = %1
  return %1
})");
}

TEST_CASE("a constant inside a kernel is row-major next to a variable in panels") {
  std::string rows;
  for (int row = 0; row < 8; ++row) {
    rows += row == 0 ? "[" : "], [";
    for (int column = 0; column < 49; ++column) rows += fmt::format("{}{}", column == 0 ? "" : ", ", row * 49 + column);
  }
  const std::string text = fmt::format(R"(sluice-ir 1
graph @f() state(%w: f32[8,49] "w") {{
  %0: f32[8,49] = fused(%a: f32[8,49] = %w) {{
    %0: f32[8,49] = constant {{value=[{}]]}}
    %1: f32[8,49] = add %a, %0
    return %1
  }}
  update %w = %0
  return
}}
)",
                                       rows);
  test::check_jit(ir::parse(text), {1});
}

#if defined(__linux__)
/// Returns an array with the same elements that ends at the end of its page: touching a byte past it crashes.
Array at_page_end(const Array& array) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t room = (array.byte_count() + page - 1) / page * page;
  void* const memory = mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  REQUIRE(mprotect(static_cast<std::byte*>(memory) + room, page, PROT_NONE) == 0);
  std::byte* const first = static_cast<std::byte*>(memory) + room - array.byte_count();
  std::memcpy(first, array.bytes(), array.byte_count());
  const std::shared_ptr<void> owner(memory, [room, page](void* start) { munmap(start, room + page); });
  return Array::borrow(array.dtype(), array.sizes(), std::shared_ptr<void>(owner, first));
}

TEST_CASE("nothing past the caller's arrays is accessed") {
  for (const std::int64_t columns : {1, 5, 13, 31, 49, 100}) {
    const std::string n = std::to_string(columns);
    const ir::Graph graph = ir::parse(
        "sluice-ir 1\ngraph @f(%x: f32[B,9], %y: f32[B," + n + "], %w: f32[9," + n + "], %u: u8[" + n +
        "], %d: f64[B," + n + "]) {\n  %0: f32[B," + n + "] = matmul %x, %w\n  %1: f32[9," + n +
        "] = matmul %x, %y {transpose_a=true}\n  %2: f32[B,9] = matmul %y, %w {transpose_b=true}\n  %3: f32[" + n +
        "] = reduce_sum %y {axes=[0]}\n  %4: f32[" + n + "] = cast %u {dtype=f32}\n  %5: f64[" + n + "," + n +
        "] = matmul %d, %d {transpose_a=true}\n  %6: f32[B,9] = exp %x\n  return %0, %1, %2, %3, %4, %5, %6\n}\n");
    for (const std::string& features : test::vector_targets()) {
      CAPTURE(features);
      const auto executable = runtime::Executable::create(graph, {}, {.target_features = features});
      for (const std::int64_t batch_size : {1, 2, 17}) {
        CAPTURE(batch_size);
        const std::vector<Array> inputs = test::random_parameters(graph, batch_size, 3);
        std::vector<Array> ends;
        for (const Array& input : inputs) ends.push_back(at_page_end(input));
        std::vector<Array> outputs(graph.results().size());
        executable->run(ends, outputs);
        const ir::EvalResult expected = ir::evaluate(graph, inputs, {});
        for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(test::distance(outputs[i], expected.results[i]) <= 4e-6);
      }
    }
  }
}
#endif

TEST_CASE("an update that rides on a product's store, with panels that are whole, narrow, or cut within a vector") {
  check(R"((%x: f32[B,R], %d: f32[B,N]) state(%w: f32[R,N] "w", %m: f32[R,N] "m", %v: f32[R,N] "v" {range=[1,2)}) {
  %0: f32[R,N] = matmul %x, %d {transpose_a=true}
  %1: f32[R,N] = add %m, %0
  %2: f32[R,N] = square %0
  %3: f32[R,N] = add %v, %2
  %4: f32[R,N] = div %1, %3
  %5: f32[R,N] = sub %w, %4
  update %w = %5, %m = %1, %v = %3
  return
})",
        {1, 3, 128, 300, 700});
}

TEST_CASE("padding does not leak from products of products") {
  check(R"((%x: f32[B,R], %y: f32[B,N]) state(%w: f32[R,N] "w") {
  %0: f32[B,N] = matmul %x, %w
  %1: f32[B,N] = relu %0
  %2: f32[N,N] = matmul %1, %y {transpose_a=true}
  %3: f32[B,N] = matmul %1, %2
  %4: f32[B,R] = matmul %3, %w {transpose_b=true}
  %5: f32[N] = reduce_sum %3 {axes=[0]}
  %6: f32[B,R] = neg %4
  return %3, %5, %6
})");
}

}  // namespace
}  // namespace sluice
