#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend/attention_scratch.h"
#include "backend/codegen/emitter.h"

namespace sluice::backend {

/// The functions that attention's kernels are made of: each works on a tile of `tile.rows` rows by two vectors, or on a
/// row of such tiles. Those rows of a tile that do not exist repeat the last one and are not stored. Tiles are
/// functions so that nothing but their sums is in registers while they add.
///
/// Scores, here and in scratch, are in units of log 2, so that weights are powers of 2.
class AttentionCode {
 public:
  using Values = Emitter::Values;

  AttentionCode(Emitter& emitter, const ir::AttentionParts& parts, const AttentionTile& tile);

  /// Columns that a tile has at once of an operand's last axis.
  struct Columns {
    std::int64_t first;
    std::int64_t vectors;
    std::int64_t loaded_of_last;  ///< lanes of the last vector that exist
  };
  std::vector<Columns> columns_of(std::int64_t width) const;

  /// Packs `count` rows of `depth`, `stride` apart, times `scale`: f32[panels, depth, columns]. Columns past the last
  /// row repeat it.
  void pack(llvm::Value* from, std::int64_t stride, std::int64_t depth, llvm::Value* count, llvm::Value* to,
            double scale);

  /// Stores the scores of `rows` queries with a panel of packed keys, plus offsets[row] unless that is null, to
  /// `weights`.
  void scores(llvm::Value* q, std::int64_t stride, llvm::Value* panel, llvm::Value* rows, llvm::Value* offsets,
              llvm::Value* weights);

  /// What hides keys from the queries of a tile of scores.
  struct Hidden {
    llvm::Value* keys;        ///< those from the tile's first on
    llvm::Value* past;        ///< those of them that its first query sees, if `causal`
    llvm::Value* mask;        ///< the mask of the first query and key; null: there is none
    llvm::Value* row_stride;  ///< of the mask
    std::int64_t key_stride;  ///< 0 or 1
    bool bools;               ///< else floats, which are added
  };
  /// Sets scores of a tile to -inf where they are hidden.
  void hide(llvm::Value* weights, llvm::Value* rows, const Hidden& hidden);

  /// Makes weights of the scores of a row of `panels` tiles, up to a factor, and stores the factors to `factors` and
  /// the logarithms of the sums, natural ones, of `rows` queries to `logarithms`.
  void softmax(llvm::Value* weights, llvm::Value* panels, llvm::Value* factors, llvm::Value* largest,
               llvm::Value* logarithms, llvm::Value* rows);

  /// Stores for `rows` queries the sums of `count` values with the weights of a row of tiles, times their factors.
  void values(const Columns& columns, llvm::Value* weights, llvm::Value* count, llvm::Value* v, std::int64_t v_stride,
              llvm::Value* factors, llvm::Value* y, std::int64_t y_stride, llvm::Value* rows);

  // Of the gradient, whose weights and slopes are f32[queries, kKeyBlock].

  /// For each of `count` queries: minus the logarithm of its sum in units of log 2, and the inner product of y and dy
  /// times minus the scale.
  void offsets(llvm::Value* y, std::int64_t y_stride, llvm::Value* dy, std::int64_t dy_stride, llvm::Value* logarithms,
               llvm::Value* count, llvm::Value* minus_logarithms, llvm::Value* inner);

  /// Makes weights of a tile of scores, and stores to `slopes` the weights times the products of dy and a panel of
  /// values, plus inner[row].
  void slopes(llvm::Value* dy, std::int64_t stride, llvm::Value* panel, llvm::Value* rows, llvm::Value* inner,
              llvm::Value* weights, llvm::Value* slopes);

  /// A product of a block of slopes or weights with rows of an operand.
  struct Product {
    bool transposed;      ///< of columns of the block, not rows
    llvm::Value* block;   ///< its first row or column
    llvm::Value* count;   ///< of terms
    llvm::Value* from;    ///< the operand's row of the first term
    std::int64_t stride;  ///< of its rows
    llvm::Value* to;
    std::int64_t to_stride;
    llvm::Value* rows;  ///< of the result
    llvm::Value* adds;  ///< i1: to what is there
  };
  void add_product(const Columns& columns, const Product& product);

 private:
  struct Factors {
    Values rows;              ///< the address of each row's first element; if transposed, the first row's alone
    std::int64_t stride = 0;  ///< of the rows if transposed; 0: not transposed
    llvm::Value* rhs = nullptr;
    std::int64_t rhs_stride = 0;
  };
  /// Sums of `count` products of a tile, row by row, and the rhs behind them.
  struct Sums {
    Values sums;
    llvm::Value* rhs;
  };
  Sums add_up(const Columns& columns, const Factors& factors, llvm::Value* count, const Values& sums);
  Values zeros(const Columns& columns) const;

  /// Ends where the code of a function does, and emission goes on with a call.
  using Guard = std::optional<llvm::IRBuilderBase::InsertPointGuard>;
  /// Begins the function of that name; null: it exists already.
  llvm::Function* begin(const std::string& name, const std::vector<llvm::Type*>& parameters);
  llvm::Value* at(llvm::Value* pointer, std::int64_t offset);
  llvm::Value* load(llvm::Value* pointer, std::int64_t offset);  ///< a vector
  void store(llvm::Value* x, llvm::Value* pointer, std::int64_t offset);
  llvm::Value* load_columns(const Columns& columns, std::int64_t vector, llvm::Value* pointer);
  void store_columns(llvm::Value* x, const Columns& columns, std::int64_t vector, llvm::Value* pointer);
  /// All lanes have the float at `pointer` + `offset`.
  llvm::Value* broadcast(llvm::Value* pointer, std::int64_t offset);
  /// Addresses of `rows` rows; the last one again for those of the tile that do not exist.
  Values rows_of(llvm::Value* pointer, std::int64_t stride, llvm::Value* rows);
  llvm::Value* number(double value) const { return llvm::ConstantFP::get(vector_, value); }
  /// 2^t, also of -inf; t is at most 0 unless `may_grow`.
  llvm::Value* power_of_2(llvm::Value* t, bool may_grow);
  llvm::Value* largest(llvm::Value* x, llvm::Value* y);
  /// Folds the lanes of x by halves.
  llvm::Value* fold(llvm::Value* x, bool sums);

  Emitter& e_;
  const ir::AttentionParts& parts_;
  AttentionTile tile_;
  llvm::Type* float_;
  llvm::Type* vector_;
  Columns whole_;            ///< two whole vectors
  std::int64_t row_stride_;  ///< of a tile of weights in scratch
  std::map<std::string, llvm::Function*> functions_;
};

}  // namespace sluice::backend
