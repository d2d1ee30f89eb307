// Rules that move elements or change the order in which they are folded, on all small graphs of their kind.
#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "passes/rewrite.h"
#include "sluice/ir/text.h"
#include "tests/passes/meaning.h"

namespace {

using namespace sluice;
using ir::Attr;
using ir::Op;
using ir::Value;
using Axes = std::vector<std::int64_t>;

void check_rewrites(ir::Builder& b, Value result) {
  b.set_results({result});
  const ir::Graph graph = std::move(b).finish();
  const ir::Graph rewritten = passes::canonicalize(graph);
  CHECK_MESSAGE(test::keeps_meaning(graph, rewritten, passes::Exactness::kNanBits), ir::print(graph));
}

std::vector<Axes> permutations(std::size_t rank) {
  Axes axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  std::vector<Axes> all;
  do {
    all.push_back(axes);
  } while (std::ranges::next_permutation(axes).found);
  return all;
}

std::vector<Axes> sets_of_axes(std::int64_t rank) {
  std::vector<Axes> all;
  for (std::int64_t bits = 0; bits < 1 << rank; ++bits) {
    Axes axes;
    for (std::int64_t axis = 0; axis < rank; ++axis) {
      if ((bits >> axis & 1) != 0) axes.push_back(axis);
    }
    all.push_back(std::move(axes));
  }
  return all;
}

TEST_CASE("two transposes") {
  for (const Shape& shape : {Shape{2, batch, 1}, Shape{1, 2, 3}, Shape{2, 1, 1}}) {
    for (const Axes& first : permutations(3)) {
      for (const Axes& second : permutations(3)) {
        ir::Builder b("transposes");
        const Value x = b.parameter("x", {DType::kF32, shape});
        const Value once = b(Op::kTranspose, {x}, {{Attr::kPermutation, first}});
        check_rewrites(b, b(Op::kTranspose, {once}, {{Attr::kPermutation, second}}));
      }
    }
  }
}

TEST_CASE("two reductions over any axes") {
  for (const Op op : {Op::kReduceSum, Op::kReduceMax, Op::kReduceMin}) {
    for (const DType dtype : {DType::kF32, DType::kI32, DType::kU8}) {
      for (const Axes& inner : sets_of_axes(3)) {
        for (const Axes& outer : sets_of_axes(3 - static_cast<std::int64_t>(inner.size()))) {
          ir::Builder b("reductions");
          const Value x = b.parameter("x", {dtype, {3, 1, batch}});
          const Value once = b(op, {x}, {{Attr::kAxes, inner}});
          check_rewrites(b, b(op, {once}, {{Attr::kAxes, outer}}));
        }
      }
    }
  }
}

TEST_CASE("two slices along one axis") {
  for (std::int64_t start = 0; start < 4; ++start) {
    for (std::int64_t limit = start + 1; limit <= 4; ++limit) {
      for (std::int64_t begin = 0; begin < limit - start; ++begin) {
        for (std::int64_t end = begin + 1; end <= limit - start; ++end) {
          ir::Builder b("slices");
          const Value x = b.parameter("x", {DType::kF32, {2, 4}});
          const auto slice = [&](Value of, std::int64_t from, std::int64_t to) {
            return b(Op::kSlice, {of}, {{Attr::kAxis, std::int64_t{1}}, {Attr::kStart, from}, {Attr::kLimit, to}});
          };
          check_rewrites(b, slice(slice(x, start, limit), begin, end));
        }
      }
    }
  }
}

TEST_CASE("products with transposes around them") {
  const Axes exchange{1, 0};
  for (int bits = 0; bits < 32; ++bits) {
    const auto bit = [&](int i) { return (bits >> i & 1) != 0; };
    ir::Builder b("products");
    const auto operand = [&](const char* name, Shape shape, bool transposed, bool flag) {
      if (transposed != flag) shape = {shape[1], shape[0]};
      const Value x = b.parameter(name, {DType::kF32, shape});
      return transposed ? b(Op::kTranspose, {x}, {{Attr::kPermutation, exchange}}) : x;
    };
    const Value x = operand("x", {batch, 2}, bit(0), bit(1));
    const Value y = operand("y", {2, 4}, bit(2), bit(3));
    const Value product = b(Op::kMatmul, {x, y}, {{Attr::kTransposeA, bit(1)}, {Attr::kTransposeB, bit(3)}});
    check_rewrites(b, bit(4) ? b(Op::kTranspose, {product}, {{Attr::kPermutation, exchange}}) : product);
  }
}

TEST_CASE("two casts between any dtypes") {
  const DType dtypes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool};
  for (const DType from : dtypes) {
    for (const DType between : dtypes) {
      for (const DType to : dtypes) {
        ir::Builder b("casts");
        const Value x = b.parameter("x", {from, {4}});
        const auto cast = [&](Value of, DType dtype) { return b(Op::kCast, {of}, {{Attr::kDType, dtype}}); };
        check_rewrites(b, cast(cast(x, between), to));
      }
    }
  }
}

TEST_CASE("broadcasts of reshapes and broadcasts, and ops on them") {
  const std::vector<std::vector<Shape>> chains{
      {{3}, {1, 3}, {2, 3}},       {{3}, {3, 1}, {3, 2}},    {{1, 3}, {2, 3}, {4, 2, 3}},
      {{2, 1}, {2, 3}, {2, 2, 3}}, {{}, {1}, {2, 3}},        {{batch}, {1, batch}, {2, batch}},
      {{1, 1}, {1}, {batch, 4}},   {{4}, {2, 2}, {3, 2, 2}}, {{1, 2}, {2}, {batch, 2}},
  };
  for (const std::vector<Shape>& chain : chains) {
    ir::Builder b("broadcasts");
    Value x = b.parameter("x", {DType::kF32, chain[0]});
    const bool reshapes = Shape(chain[0]).element_count() == chain[1].element_count();
    x = reshapes ? b.reshape(x, chain[1]) : b.broadcast(x, chain[1]);
    x = b.broadcast(x, chain[2]);
    check_rewrites(b, b(Op::kMul, {b(Op::kExp, {x}), b.full(b.type(x), 3)}));
  }
}

}  // namespace
