#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sluice/ir/attributes.h"
#include "sluice/type.h"

namespace sluice::ir {

enum class Op : std::uint8_t {
#define OP(enumerator, ...) enumerator,
#include "sluice/ir/ops.def"
#undef OP
};

inline constexpr int kOpCount = 0
#define OP(...) +1
#include "sluice/ir/ops.def"
#undef OP
    ;

/// The traits of an op in ops.def, as bits.
enum Trait : std::uint32_t {
  kNoTrait = 0,
  kElementwise = 1 << 0,
  kCommutative = 1 << 1,
  kDifferentiable = 1 << 2,
  kInput = 1 << 3,
  kReduction = 1 << 4,
  kMoves = 1 << 5,
  kMakesZeros = 1 << 6,
  kKeepsZeros = 1 << 7,
  kPerElement = 1 << 8,
  kCheap = 1 << 9,
  kCostly = 1 << 10,
  kRounds = 1 << 11,
  kJumps = 1 << 12,
  kOfPositive = 1 << 13,
  kGrows = 1 << 14,
};

/// The dtypes that an op's operands may have (one dtype for all of them), or kMixed where the inference function says.
enum class DTypeSet : std::uint8_t { kNone, kAll, kNumber, kFloat, kBool, kMixed };

struct AttrRule {
  Attr key;
  bool required;
};

/// The input of an inference function.
struct InferContext {
  Op op;
  std::span<const Type> operands;
  const Attributes& attributes;
};
using InferFunction = std::vector<Type> (*)(const InferContext&);

/// A row of ops.def.
struct OpInfo {
  Op op;
  std::string_view name;
  int arity;  ///< -1: any
  DTypeSet dtypes;
  std::uint32_t traits;
  std::span<const AttrRule> attributes;
  InferFunction infer;
  std::string_view meaning;

  bool has(Trait trait) const { return (traits & trait) != 0; }
  /// Returns whether `dtypes` has `dtype`; kMixed has all.
  bool takes(DType dtype) const;
};

const OpInfo& info(Op op);
inline std::string_view to_string(Op op) { return info(op).name; }
std::optional<Op> parse_op(std::string_view name);

/// The result types of `op`, after checking arity, attributes, dtypes and shapes. Throws Error that says what was
/// expected and what came, without a location.
std::vector<Type> infer(Op op, std::span<const Type> operands, const Attributes& attributes);

}  // namespace sluice::ir
