#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

struct Heads {
  Shape matrices;
  Dim queries;
  Dim keys;
  std::int64_t depth;
  std::int64_t width;
};

Value rows(Builder& b, const Heads& heads, Dim count, std::int64_t width) {
  Shape shape = heads.matrices;
  shape.push_back(count);
  shape.push_back(width);
  return input(b, {DType::kF32, shape}, Range{-1, 1});
}

std::vector<Value> attend(Builder& b, const Heads& heads, bool causal, std::optional<DType> mask, Op op) {
  const Attributes attributes{{Attr::kCausal, causal}, {Attr::kScale, Array::scalar(0.5)}};
  std::vector<Value> operands{rows(b, heads, heads.queries, heads.depth), rows(b, heads, heads.keys, heads.depth),
                              rows(b, heads, heads.keys, heads.width)};
  std::optional<Value> masked;
  if (mask) {
    Shape shape(std::vector<Dim>(static_cast<std::size_t>(heads.matrices.rank()), Dim(1)));
    shape.push_back(heads.queries);
    shape.push_back(heads.keys);
    masked = input(b, {*mask, shape});
    operands.push_back(*masked);
  }
  const Value y = b.add(Op::kAttention, operands, attributes);
  if (op == Op::kAttention) return {y, {y.node, 1}};
  operands = {operands[0], operands[1], operands[2], y, {y.node, 1}, rows(b, heads, heads.queries, heads.width)};
  if (masked) operands.push_back(*masked);
  const Value by_q = b.add(op, operands, attributes);
  return {by_q, {by_q.node, 1}, {by_q.node, 2}};
}

}  // namespace

void add_attention_cases(Cases& cases) {
  const std::vector<Heads> list{{{batch, 2}, 9, 9, 8, 8}, {{2}, batch, batch, 5, 17}, {{}, 4, batch, 3, 3}};
  const std::vector<Heads> empty{{{batch}, 0, 3, 2, 2}, {{batch}, 3, 0, 2, 2}, {{0, batch}, 3, 3, 2, 2}};
  for (const Op op : {Op::kAttention, Op::kAttentionGradient}) {
    const auto add = [&](std::string_view kind, const std::vector<Heads>& all, bool causal, std::optional<DType> mask) {
      cases.push_back(
          {fmt::format("{}/f32/{}", info(op).name, kind), op, Agreement::kSummed, Fill::kRandom, [=](Builder& b) {
             std::vector<Value> results;
             for (const Heads& heads : all) {
               for (const Value result : attend(b, heads, causal, mask, op)) results.push_back(result);
             }
             return results;
           }});
    };
    add("all", list, false, {});
    add("causal", list, true, {});
    add("bool_mask", list, false, DType::kBool);
    add("float_mask", list, true, DType::kF32);
    add("empty", empty, false, {});
  }
}

}  // namespace sluice::test
