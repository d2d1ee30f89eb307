#include "sluice/ir/op.h"

#include <array>

#include "ir/counted.h"
#include "ir/infer.h"
#include "sluice/error.h"

namespace sluice::ir {

namespace {

// The attribute lists of ops.def as arrays, one per op.
#define REQUIRED(key) \
  AttrRule { Attr::key, true }
#define OPTIONAL(key) \
  AttrRule { Attr::key, false }
template <typename... Rules>
constexpr auto rules(Rules... list) {
  return std::array<AttrRule, sizeof...(Rules)>{list...};
}
#define OP(enumerator, name, arity, dtypes, traits, attributes, infer_function, meaning) \
  constexpr auto attributes_of_##enumerator = rules attributes;
#include "sluice/ir/ops.def"
#undef OP

constexpr OpInfo kOps[] = {
#define OP(enumerator, name, arity, dtypes, traits, attributes, infer_function, meaning)                            \
  {Op::enumerator, name,   arity, DTypeSet::dtypes, static_cast<std::uint32_t>(traits), attributes_of_##enumerator, \
   infer_function, meaning},
#include "sluice/ir/ops.def"
#undef OP
};
#undef REQUIRED
#undef OPTIONAL

std::string_view describe(DTypeSet set) {
  switch (set) {
    case DTypeSet::kNumber:
      return "numbers";
    case DTypeSet::kFloat:
      return "floats";
    case DTypeSet::kBool:
      return "bools";
    default:
      return "any element type";
  }
}

bool holds(Attr key, const AttrValue& value) {
  if (const auto* body = std::get_if<std::shared_ptr<const Graph>>(&value); body != nullptr && *body == nullptr) {
    return false;
  }
  switch (key) {
#define ATTRIBUTE(enumerator, name, type) \
  case Attr::enumerator:                  \
    return std::holds_alternative<type>(value);
#include "sluice/ir/attributes.def"
#undef ATTRIBUTE
  }
  return false;
}

void check_attributes(const OpInfo& row, const Attributes& attributes) {
  for (const AttrRule& rule : row.attributes) {
    const AttrValue* const value = attributes.find(rule.key);
    if (value == nullptr && rule.required) fail("{}: attribute '{}' is missing", row.name, to_string(rule.key));
    if (value != nullptr && !holds(rule.key, *value))
      fail("{}: attribute '{}' has a value of the wrong kind", row.name, to_string(rule.key));
  }
  for (const Attribute& attribute : attributes) {
    bool known = false;
    for (const AttrRule& rule : row.attributes) known = known || rule.key == attribute.key;
    if (!known) fail("{}: has no attribute '{}'", row.name, to_string(attribute.key));
  }
}

}  // namespace

bool OpInfo::takes(DType dtype) const {
  switch (dtypes) {
    case DTypeSet::kNone:
      return false;
    case DTypeSet::kNumber:
      return dtype != DType::kBool;
    case DTypeSet::kFloat:
      return is_float(dtype);
    case DTypeSet::kBool:
      return dtype == DType::kBool;
    case DTypeSet::kAll:
    case DTypeSet::kMixed:
      break;
  }
  return true;
}

const OpInfo& info(Op op) { return kOps[static_cast<std::size_t>(op)]; }

std::optional<Op> parse_op(std::string_view name) {
  for (const OpInfo& row : kOps) {
    if (row.name == name) return row.op;
  }
  return std::nullopt;
}

std::vector<Type> infer(Op op, std::span<const Type> operands, const Attributes& attributes) {
  const OpInfo& row = info(op);
  if (row.arity >= 0 && operands.size() != static_cast<std::size_t>(row.arity)) {
    fail("{}: expected {}, got {}", row.name, counted(row.arity, "operand"), operands.size());
  }
  check_attributes(row, attributes);
  for (const Type& type : operands) {
    if (!row.takes(type.dtype)) fail("{}: takes {}, got {}", row.name, describe(row.dtypes), to_string(type));
  }
  return row.infer({op, operands, attributes});
}

}  // namespace sluice::ir
