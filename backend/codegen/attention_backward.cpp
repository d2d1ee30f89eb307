#include <numbers>

#include "backend/codegen/attention_matrices.h"

namespace sluice::backend {

namespace {

/// The gradient of one matrix of queries: for each block of keys, for each block of queries, tile by tile the weights
/// and the derivatives by the scores and what these add to the derivative by the queries; then what both add to those
/// by the keys and the values of the block. Blocks of keys are outermost, since then only one result is added to.
class Backward {
 public:
  Backward(AttentionFrame& frame, llvm::Value* unit)
      : f_(frame),
        e_(frame.e),
        blocks_(unit_blocks(frame.frame, unit)),
        mask_(frame.mask(blocks_)),
        ahead_(frame.ahead(unit, {0, 1, 2, 3, 5})) {
    for (const Bytes* begin : {&f_.scratch.keys, &f_.scratch.values, &f_.scratch.weights, &f_.scratch.slopes,
                               &f_.scratch.sums, &f_.scratch.offsets})
      parts_.push_back(f_.part(*begin));
    for (std::size_t i = 0; i < 6; ++i) operands_.push_back(f_.operand(i, blocks_));
    for (std::size_t i = 0; i < 3; ++i) results_.push_back(f_.result(i, blocks_));
  }

  void emit() {
    auto& b = e_.b;
    f_.code.offsets(y().pointer, y().stride, dy().pointer, dy().stride, operands_[4].pointer, f_.queries,
                    minus_logarithms(), inner());
    // No query, no key that is seen.
    llvm::Value* const keys = b.CreateSelect(b.CreateICmpEQ(f_.queries, e_.i64(0)), e_.i64(0), f_.keys);
    e_.loop(e_.i64(0), keys, kKeyBlock, [&](llvm::Value* key) { emit_keys(key); });
    clear(results_[0], f_.parts.depth, b.CreateSelect(b.CreateICmpEQ(keys, e_.i64(0)), e_.i64(0), f_.queries),
          f_.queries);
    clear(results_[1], f_.parts.depth, keys, e_.size(f_.parts.keys));
    clear(results_[2], f_.parts.width, keys, e_.size(f_.parts.keys));
  }

 private:
  using Matrix = AttentionFrame::Matrix;

  const Matrix& q() const { return operands_[0]; }
  const Matrix& k() const { return operands_[1]; }
  const Matrix& v() const { return operands_[2]; }
  const Matrix& y() const { return operands_[3]; }
  const Matrix& dy() const { return operands_[5]; }
  llvm::Value* packed_keys() const { return parts_[0]; }
  llvm::Value* packed_values() const { return parts_[1]; }
  llvm::Value* weights() const { return parts_[2]; }
  llvm::Value* slopes() const { return parts_[3]; }
  llvm::Value* minus_logarithms() const { return parts_[4]; }
  llvm::Value* inner() const { return parts_[5]; }

  llvm::Value* times(llvm::Value* x, std::int64_t y) { return e_.b.CreateMul(x, e_.i64(y)); }
  llvm::Value* plus(llvm::Value* x, llvm::Value* y) { return e_.b.CreateAdd(x, y); }
  llvm::Value* minus(llvm::Value* x, llvm::Value* y) { return e_.b.CreateSub(x, y); }

  void emit_keys(llvm::Value* key) {
    llvm::Value* const count = e_.min(minus(f_.keys, key), e_.i64(kKeyBlock));
    f_.code.pack(k().row(e_, key), k().stride, f_.parts.depth, count, packed_keys(),
                 f_.parts.scale * std::numbers::log2e);
    f_.code.pack(v().row(e_, key), v().stride, f_.parts.width, count, packed_values(), f_.parts.scale);
    llvm::Value* const first_query = f_.parts.causal ? key : static_cast<llvm::Value*>(e_.i64(0));
    e_.loop(first_query, f_.queries, kQueryBlock, [&](llvm::Value* query) {
      llvm::Value* const queries = e_.min(minus(f_.queries, query), e_.i64(kQueryBlock));
      e_.loop(e_.i64(0), queries, f_.tile.rows, [&](llvm::Value* row) {
        f_.prefetch(ahead_, key, kKeyBlock, minus(plus(query, row), first_query), f_.tile.rows,
                    minus(f_.queries, first_query));
        emit_queries(key, count, plus(query, row), row, e_.min(minus(queries, row), e_.i64(f_.tile.rows)));
      });
      e_.loop(e_.i64(0), count, f_.tile.rows, [&](llvm::Value* column) {
        // Queries before the tile's first key do not see it.
        llvm::Value* first = e_.i64(0);
        if (f_.parts.causal) first = e_.min(e_.max(minus(plus(key, column), query), e_.i64(0)), queries);
        llvm::Value* const rows = e_.min(minus(count, column), e_.i64(f_.tile.rows));
        llvm::Value* const start = plus(times(first, kKeyBlock), column);
        llvm::Value* const adds = e_.b.CreateICmpSGT(query, first_query);
        const auto add = [&](llvm::Value* block, const Matrix& from, const Matrix& to, std::int64_t width) {
          for (const AttentionCode::Columns& columns : f_.code.columns_of(width)) {
            f_.code.add_product(columns,
                                {true, f_.floats(block, start), minus(queries, first), from.row(e_, plus(query, first)),
                                 from.stride, to.row(e_, plus(key, column)), to.stride, rows, adds});
          }
        };
        add(weights(), dy(), results_[2], f_.parts.width);
        add(slopes(), q(), results_[1], f_.parts.depth);
      });
    });
  }

  /// A tile of queries, the first one of which is `query` and row `row` of the block.
  void emit_queries(llvm::Value* key, llvm::Value* count, llvm::Value* query, llvm::Value* row, llvm::Value* rows) {
    auto& b = e_.b;
    const std::int64_t columns = f_.tile.columns();
    llvm::Value* const end = e_.min(count, minus(f_.keys_before(plus(query, rows)), key));
    llvm::Value* const seen_by_all = minus(f_.keys_before(plus(query, e_.i64(1))), key);
    e_.loop(e_.i64(0), end, columns, [&](llvm::Value* column) {
      llvm::Value* const offset = plus(times(row, kKeyBlock), column);
      llvm::Value* const scores = f_.floats(weights(), offset);
      f_.code.scores(q().row(e_, query), q().stride, f_.floats(packed_keys(), times(column, f_.parts.depth)), rows,
                     f_.floats(minus_logarithms(), query), scores);
      llvm::Value* const partly =
          mask_ != nullptr ? b.getTrue() : b.CreateICmpSGT(plus(column, e_.i64(columns)), seen_by_all);
      e_.if_then(partly, [&] { f_.hide(scores, query, rows, plus(key, column), mask_); });
      f_.code.slopes(dy().row(e_, query), dy().stride, f_.floats(packed_values(), times(column, f_.parts.width)), rows,
                     f_.floats(inner(), query), scores, f_.floats(slopes(), offset));
    });
    for (const AttentionCode::Columns& of : f_.code.columns_of(f_.parts.depth)) {
      f_.code.add_product(of, {false, f_.floats(slopes(), times(row, kKeyBlock)), end, k().row(e_, key), k().stride,
                               results_[0].row(e_, query), results_[0].stride, rows, b.CreateICmpSGT(key, e_.i64(0))});
    }
  }

  /// Stores zeros to the rows first <= row < last.
  void clear(const Matrix& matrix, std::int64_t width, llvm::Value* first, llvm::Value* last) {
    llvm::Value* const zero = llvm::ConstantFP::get(e_.b.getFloatTy(), 0);
    e_.loop(first, last, 1, [&](llvm::Value* row) {
      llvm::Value* const to = matrix.row(e_, row);
      e_.loop(e_.i64(0), e_.i64(width), 1,
              [&](llvm::Value* i) { e_.b.CreateAlignedStore(zero, f_.floats(to, i), llvm::Align(4)); });
    });
  }

  AttentionFrame& f_;
  Emitter& e_;
  std::vector<llvm::Value*> blocks_;
  llvm::Value* mask_;
  AttentionFrame::Ahead ahead_;
  std::vector<llvm::Value*> parts_;  ///< of scratch
  std::vector<Matrix> operands_;
  std::vector<Matrix> results_;
};

}  // namespace

void emit_attention_backward(AttentionFrame& frame, llvm::Value* unit) { Backward(frame, unit).emit(); }

}  // namespace sluice::backend
