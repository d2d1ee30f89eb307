#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "sluice/array.h"

namespace sluice::ir {

class Graph;

enum class Attr : std::uint8_t {
#define ATTRIBUTE(enumerator, name, type) enumerator,
#include "sluice/ir/attributes.def"
#undef ATTRIBUTE
};

/// The code generators for kernels.
enum class KernelKind : std::uint8_t {
  kLoop,        ///< every result's element is computed on its own
  kMatmul,      ///< one matmul and a loop over its result, riding on the product's store
  kReduce,      ///< reductions over the same axes of elementwise expressions of one shape
  kRows,        ///< row by row, reductions along the last axis and what is computed of them
  kScatter,     ///< one scatter or scatter_add: no fused node is of this kind
  kArgsort,     ///< one argsort, perhaps with the slice of its first places
  kRecurrence,  ///< one cumsum or linear_recurrence, as scatter
  kAttention,   ///< one attention or attention_gradient, perhaps with views of its operands and results
};

/// "loop", "matmul", "reduce", "rows", "scatter", "argsort", "recurrence", "attention"
std::string_view to_string(KernelKind kind);

using AttrValue = std::variant<std::int64_t, bool, DType, std::vector<std::int64_t>, Shape, Array, KernelKind,
                               std::shared_ptr<const Graph>, Dim>;

std::string_view to_string(Attr attr);
std::optional<Attr> parse_attr(std::string_view name);

struct Attribute {
  Attr key;
  AttrValue value;
};

/// The attributes of a node, in the order of `Attr`. A false bool equals an absent one, so it is never stored. An op's
/// row in ops.def says which attributes it has, and which are required.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<Attribute> attributes);

  /// An integer for a key of sizes is the static size.
  void set(Attr key, AttrValue value);
  const AttrValue* find(Attr key) const;
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  std::size_t size() const { return list_.size(); }

  // Returns the value of a key that the op's row requires; an internal error if it is absent.
  std::int64_t integer(Attr key) const { return std::get<std::int64_t>(at(key)); }
  Dim size(Attr key) const { return std::get<Dim>(at(key)); }
  bool flag(Attr key) const;  ///< false if absent
  DType dtype() const { return std::get<DType>(at(Attr::kDType)); }
  const std::vector<std::int64_t>& integers(Attr key) const { return std::get<std::vector<std::int64_t>>(at(key)); }
  const Shape& shape() const { return std::get<Shape>(at(Attr::kShape)); }
  const Array& array() const { return std::get<Array>(at(Attr::kValue)); }
  /// The kind of a `fused` node; nothing if its body is none that the backend makes one kernel of.
  std::optional<KernelKind> kernel_kind() const;
  const Graph& body() const { return *std::get<std::shared_ptr<const Graph>>(at(Attr::kBody)); }
  std::shared_ptr<const Graph> shared_body() const { return std::get<std::shared_ptr<const Graph>>(at(Attr::kBody)); }

  /// Equal keys and values; arrays by bits, bodies by structure (`equal_structure` in graph.h).
  bool operator==(const Attributes& other) const;

 private:
  const AttrValue& at(Attr key) const;

  std::vector<Attribute> list_;
};

}  // namespace sluice::ir
