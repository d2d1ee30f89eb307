// Empty arrays: every op meets them, as operands and as results, alone and fused.
#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

using i64 = std::int64_t;
using Axes = std::vector<i64>;
using Build = std::function<std::vector<Value>(Builder&, DType)>;

/// One case for each of `dtypes`.
void add(Cases& cases, Op op, std::span<const DType> dtypes, const Build& build, std::string_view kind = "empty",
         Agreement agreement = Agreement::kValue) {
  for (const DType dtype : dtypes) {
    cases.push_back({fmt::format("{}/{}/{}", to_string(op), to_string(dtype), kind), op, agreement, Fill::kRandom,
                     [=](Builder& b) { return build(b, dtype); }});
  }
}

std::span<const DType> dtypes_of(DTypeSet set) {
  static constexpr DType kBools[] = {DType::kBool};
  switch (set) {
    case DTypeSet::kNumber:
      return kNumbers;
    case DTypeSet::kFloat:
      return kFloats;
    case DTypeSet::kBool:
      return kBools;
    default:
      return kAllDTypes;
  }
}

void add_elementwise(Cases& cases) {
  const std::vector<Shape> shapes{{0}, {batch, 0}, {0, 17}, {3, 0, batch}};
  for (int i = 0; i < kOpCount; ++i) {
    const OpInfo& row = info(static_cast<Op>(i));
    if (!row.has(kElementwise)) continue;
    add(cases, row.op, dtypes_of(row.dtypes), [=](Builder& b, DType dtype) {
      std::vector<Value> results;
      for (const Shape& shape : shapes) {
        std::vector<Value> operands;
        if (row.op == Op::kSelect) operands.push_back(input(b, {DType::kBool, shape}));
        while (operands.size() < static_cast<std::size_t>(row.arity)) operands.push_back(input(b, {dtype, shape}));
        Attributes attributes;
        if (row.op == Op::kCast) attributes = {{Attr::kDType, dtype == DType::kF32 ? DType::kI64 : DType::kF32}};
        results.push_back(b.add(row.op, operands, attributes));
      }
      return results;
    });
  }
}

void add_moves(Cases& cases) {
  add(cases, Op::kTranspose, kAllDTypes, [](Builder& b, DType dtype) {
    return std::vector{b(Op::kTranspose, {input(b, {dtype, {batch, 0}})}, {{Attr::kPermutation, Axes{1, 0}}}),
                       b(Op::kTranspose, {input(b, {dtype, {3, 0, 5}})}, {{Attr::kPermutation, Axes{2, 0, 1}}})};
  });
  add(cases, Op::kReshape, kAllDTypes, [](Builder& b, DType dtype) {
    return std::vector{b.reshape(input(b, {dtype, {batch, 0}}), {0, batch, 3}),
                       b.reshape(input(b, {dtype, {0, 7}}), {3, 0})};
  });
  add(cases, Op::kBroadcast, kAllDTypes, [](Builder& b, DType dtype) {
    return std::vector{b.broadcast(input(b, {dtype, {1}}), {0}), b.broadcast(input(b, {dtype, {0}}), {batch, 0}),
                       b.broadcast(input(b, {dtype, {}}), {batch, 0}),
                       b.broadcast(input(b, {dtype, {batch, 1}}), {batch, 0})};
  });
  add(cases, Op::kConcat, kAllDTypes, [](Builder& b, DType dtype) {
    const auto concat = [&](i64 axis, const std::vector<Shape>& shapes) {
      std::vector<Value> operands;
      for (const Shape& shape : shapes) operands.push_back(input(b, {dtype, shape}));
      return b.add(Op::kConcat, operands, {{Attr::kAxis, axis}});
    };
    return std::vector{concat(0, {{0}, {0}}),
                       concat(0, {{0}, {3}, {0}}),
                       concat(0, {{3}, {0}}),
                       concat(1, {{batch, 0}, {batch, 17}}),
                       concat(1, {{batch, 2}, {batch, 0}, {batch, 3}}),
                       concat(1, {{batch, 0}, {batch, 0}}),
                       concat(0, {{2, 0}, {3, 0}})};
  });
  add(cases, Op::kSlice, kAllDTypes, [](Builder& b, DType dtype) {
    const auto slice = [&](const Shape& shape, i64 axis) {
      return b(Op::kSlice, {input(b, {dtype, shape})},
               {{Attr::kAxis, axis}, {Attr::kLimit, i64{3}}, {Attr::kStart, i64{1}}});
    };
    return std::vector{slice({0, 5}, 1), slice({batch, 4, 0}, 1)};
  });
  add(cases, Op::kPad, kAllDTypes, [](Builder& b, DType dtype) {
    const auto pad = [&](const Shape& shape, i64 axis, i64 low, i64 high) {
      return b(Op::kPad, {input(b, {dtype, shape})}, {{Attr::kAxis, axis}, {Attr::kHigh, high}, {Attr::kLow, low}});
    };
    return std::vector{pad({0}, 0, 1, 2),        pad({0}, 0, 0, 3),    pad({0}, 0, 0, 0),
                       pad({batch, 0}, 1, 0, 1), pad({0, 5}, 1, 1, 1), pad({batch, 0, 17}, 1, 2, 1)};
  });
}

void add_indexing(Cases& cases) {
  constexpr DType kFrom = DType::kI32;
  add(cases, Op::kOneHot, kAllDTypes, [](Builder& b, DType dtype) {
    std::vector<Value> results;
    for (const Shape& shape : {Shape{0}, Shape{batch, 0}}) {
      results.push_back(
          b(Op::kOneHot, {input(b, {kFrom, shape}, Range{0, 10})}, {{Attr::kDepth, i64{10}}, {Attr::kDType, dtype}}));
    }
    return results;
  });
  struct Lookup {
    Shape table, indices, rows;
  };
  const std::vector<Lookup> lookups{{{10}, {0}, {0}},
                                    {{10, 17}, {0}, {0, 17}},
                                    {{10, 17}, {batch, 0}, {batch, 0, 17}},
                                    {{10, 0}, {batch}, {batch, 0}},
                                    {{batch, 3}, {0}, {0, 3}},
                                    {{10, 0, 4}, {}, {0, 4}}};
  const auto index = [](Builder& b, const Shape& shape) { return input(b, {kFrom, shape}, Range{-1, 12}); };
  add(cases, Op::kGather, kAllDTypes, [=](Builder& b, DType dtype) {
    std::vector<Value> results;
    for (const Lookup& l : lookups)
      results.push_back(b(Op::kGather, {input(b, {dtype, l.table}), index(b, l.indices)}));
    return results;
  });
  for (const Op op : {Op::kScatterAdd, Op::kScatter}) {
    add(cases, op, dtypes_of(op == Op::kScatterAdd ? DTypeSet::kNumber : DTypeSet::kMixed),
        [=](Builder& b, DType dtype) {
          std::vector<Value> results;
          for (const Lookup& l : lookups)
            results.push_back(b(op, {input(b, {dtype, l.table}), index(b, l.indices), input(b, {dtype, l.rows})}));
          return results;
        });
  }
}

void add_reductions(Cases& cases) {
  const auto reduce = [](Builder& b, Op op, const Type& type, const Axes& axes) {
    return b(op, {input(b, type)}, {{Attr::kAxes, axes}});
  };
  add(cases, Op::kReduceSum, kNumbers, [=](Builder& b, DType dtype) {
    std::vector<Value> results{
        reduce(b, Op::kReduceSum, {dtype, {0}}, {0}), reduce(b, Op::kReduceSum, {dtype, {0, 17}}, {0}),
        reduce(b, Op::kReduceSum, {dtype, {batch, 0}}, {1}), reduce(b, Op::kReduceSum, {dtype, {0, batch}}, {0})};
    for (const Axes& axes : {Axes{}, Axes{0}, Axes{1}, Axes{2}, Axes{0, 1}, Axes{0, 2}, Axes{1, 2}, Axes{0, 1, 2}})
      results.push_back(reduce(b, Op::kReduceSum, {dtype, {batch, 0, 5}}, axes));
    return results;
  });
  // The reduced axes have elements: there is no maximum of nothing.
  for (const Op op : {Op::kReduceMax, Op::kReduceMin}) {
    add(cases, op, kNumbers, [=](Builder& b, DType dtype) {
      return std::vector{reduce(b, op, {dtype, {0}}, {}), reduce(b, op, {dtype, {batch, 0}}, {0}),
                         reduce(b, op, {dtype, {0, 7}}, {1}), reduce(b, op, {dtype, {batch, 0, 5}}, {0, 2})};
    });
  }
  add(cases, Op::kArgsort, kNumbers, [](Builder& b, DType dtype) {
    return std::vector{b(Op::kArgsort, {input(b, {dtype, {batch, 0}})}), b(Op::kArgsort, {input(b, {dtype, {0, 7}})}),
                       b(Op::kArgsort, {input(b, {dtype, {0}})})};
  });
  for (const Op op : {Op::kCumsum, Op::kLinearRecurrence}) {
    add(cases, op, kNumbers, [=](Builder& b, DType dtype) {
      std::vector<Value> results;
      for (const auto& [shape, axis] : {std::pair<Shape, i64>{{batch, 0}, 0}, {{batch, 0}, 1}, {{0}, 0}, {{0, 7}, 0}}) {
        const Value x = input(b, {dtype, shape});
        const Value last = input(b, {dtype, shape});
        results.push_back(op == Op::kCumsum ? b(op, {x}, {{Attr::kAxis, axis}})
                                            : b(op, {x, last}, {{Attr::kAxis, axis}}));
      }
      return results;
    });
  }
  add(cases, Op::kArgmax, kNumbers, [](Builder& b, DType dtype) {
    return std::vector{b(Op::kArgmax, {input(b, {dtype, {batch, 0}})}, {{Attr::kAxis, i64{0}}}),
                       b(Op::kArgmax, {input(b, {dtype, {0, 7}})}, {{Attr::kAxis, i64{1}}})};
  });
}

void add_sources(Cases& cases) {
  const std::vector<Shape> shapes{{0}, {batch, 0}, {0, 5}};
  add(cases, Op::kConstant, kAllDTypes, [](Builder& b, DType dtype) {
    return std::vector{b.constant(Array(dtype, {0})), b.constant(Array(dtype, {3, 0}))};
  });
  add(cases, Op::kIota, kNumbers, [=](Builder& b, DType dtype) {
    input(b, {DType::kF32, {batch}});
    std::vector<Value> results;
    for (const Shape& shape : shapes) {
      results.push_back(b(Op::kIota, {}, {{Attr::kAxis, i64{0}}, {Attr::kDType, dtype}, {Attr::kShape, shape}}));
    }
    return results;
  });
  for (const Op op : {Op::kRandomUniform, Op::kRandomNormal}) {
    add(cases, op, kFloats, [=](Builder& b, DType dtype) {
      input(b, {DType::kF32, {batch}});
      const Value key = input(b, {DType::kI64, {}});
      std::vector<Value> results;
      for (const Shape& shape : shapes)
        results.push_back(b(op, {key, key}, {{Attr::kDType, dtype}, {Attr::kShape, shape}}));
      return results;
    });
  }
}

Value product(Builder& b, Value x, Value y, bool transpose_a, bool transpose_b) {
  return b(Op::kMatmul, {x, y}, {{Attr::kTransposeA, transpose_a}, {Attr::kTransposeB, transpose_b}});
}

/// M, N and K, of which at least one is 0; with K = 0 the result is zeros. Relu produces zeros that a product may skip.
void add_products(Cases& cases) {
  const std::vector<Shape> extents{{batch, 64, 0}, {batch, 0, 17}, {0, 64, batch}, {0, 17, 33},
                                   {64, 100, 0},   {1, 1, 0},      {33, 0, batch}, {3, batch, 0},
                                   {0, batch, 5},  {3, 0, 0},      {batch, 0, 0},  {0, 0, 0}};
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      const std::string kind = fmt::format("{}{}/empty", transpose_a ? "t" : "n", transpose_b ? "t" : "n");
      add(
          cases, Op::kMatmul, kFloats,
          [=](Builder& b, DType dtype) {
            std::vector<Value> results;
            for (const Shape& e : extents) {
              const Value x = input(b, {dtype, transpose_a ? Shape{e[2], e[0]} : Shape{e[0], e[2]}});
              const Value y = input(b, {dtype, transpose_b ? Shape{e[1], e[2]} : Shape{e[2], e[1]}});
              results.push_back(product(b, x, y, transpose_a, transpose_b));
              results.push_back(product(b, b(Op::kRelu, {x}), y, transpose_a, transpose_b));
            }
            return results;
          },
          kind);
    }
  }
  add(
      cases, Op::kMatmul, kFloats,
      [](Builder& b, DType dtype) {
        std::vector<Value> results;
        // A layer without inputs: the epilogue sees zeros.
        for (const Dim rows : {batch, Dim(17)}) {
          const Value x = input(b, {dtype, {rows, 0}});
          const Value layer = product(b, x, input(b, {dtype, {0, 64}}), false, false);
          const Value bias = b.broadcast(input(b, {dtype, {64}}), {rows, 64});
          results.push_back(b(Op::kRelu, {b(Op::kAdd, {layer, bias})}));
          results.push_back(b(Op::kTanh, {b(Op::kMul, {b(Op::kAdd, {layer, bias}), input(b, {dtype, {rows, 64}})})}));
        }
        // The sums of the rhs's columns next to products with M, N or K = 0.
        for (const Shape& e : {Shape{0, 64, 4}, Shape{0, 64, batch}, Shape{5, 0, batch}, Shape{5, 64, 0}}) {
          const Value y = input(b, {dtype, {e[2], e[1]}});
          results.push_back(product(b, input(b, {dtype, {e[2], e[0]}}), y, true, false));
          results.push_back(b.reduce_sum(y, {0}));
        }
        return results;
      },
      "around/empty", Agreement::kSummed);
}

/// Rows that are normalized: none of them, and rows without columns.
void add_rows(Cases& cases) {
  add(
      cases, Op::kReduceSum, kFloats,
      [](Builder& b, DType dtype) {
        std::vector<Value> results;
        for (const Shape& shape : {Shape{0, 10}, Shape{batch, 0}, Shape{0, 0}, Shape{3, 0, 5}, Shape{2, batch, 0}}) {
          const i64 last = shape.rank() - 1;
          Shape column = shape;
          column[static_cast<int>(last)] = 1;
          const Value grown = b(Op::kExp, {input(b, {dtype, shape})});
          const Value sums = b.reduce_sum(grown, {last});
          results.push_back(b(Op::kDiv, {grown, b.broadcast(b.reshape(sums, column), shape)}));
          results.push_back(b(Op::kSqrt, {b(Op::kAdd, {sums, b.full(b.type(sums), 4)})}));
        }
        return results;
      },
      "rows/empty", Agreement::kRounded);
}

/// Empty arrays in the middle of a loop over others.
void add_inside_of_loops(Cases& cases) {
  add(
      cases, Op::kPad, kFloats,
      [](Builder& b, DType dtype) {
        const Value x = input(b, {dtype, {batch, 7}});
        const Value none = input(b, {dtype, {batch, 0}});
        const Value padded =
            b(Op::kPad, {b(Op::kNeg, {none})}, {{Attr::kAxis, i64{1}}, {Attr::kHigh, i64{7}}, {Attr::kLow, i64{0}}});
        const Value joined = b(Op::kConcat, {b(Op::kNeg, {none}), b(Op::kNeg, {x})}, {{Attr::kAxis, i64{1}}});
        return std::vector{b(Op::kAdd, {x, padded}), b(Op::kMul, {joined, b(Op::kAdd, {x, padded})})};
      },
      "loop/empty");
}

}  // namespace

void add_empty_cases(Cases& cases) {
  add_elementwise(cases);
  add_moves(cases);
  add_indexing(cases);
  add_reductions(cases);
  add_sources(cases);
  add_products(cases);
  add_rows(cases);
  add_inside_of_loops(cases);
}

}  // namespace sluice::test
