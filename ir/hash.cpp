#include "ir/hash.h"

#include <functional>
#include <string_view>

namespace sluice::ir {

namespace {

/// Adds values to a hash, in order (the step of FNV-1a, over words).
class Hash {
 public:
  Hash& add(std::uint64_t value) {
    state_ = (state_ ^ value) * 0x100000001b3;
    return *this;
  }
  Hash& add(const Value& value) { return add(value.node).add(value.result); }
  Hash& add(const Shape& shape) {
    for (const Dim& dim : shape) add(dim);
    return add(static_cast<std::uint64_t>(shape.rank()));
  }
  Hash& add(const Dim& dim) {
    add(static_cast<std::uint64_t>(dim.size));
    for (const auto& [coefficient, symbols] : dim.batch.terms()) {
      add(static_cast<std::uint64_t>(coefficient)).add(std::uint64_t{symbols.size()});
      for (const Symbol symbol : symbols) add(std::uint64_t{std::hash<std::string_view>()(symbol.name())});
    }
    return *this;
  }
  Hash& add(const Type& type) { return add(static_cast<std::uint64_t>(type.dtype)).add(type.shape); }
  std::size_t value() const { return state_ ^ state_ >> 32; }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325;
};

struct HashOfValue {
  std::size_t operator()(std::int64_t value) const { return static_cast<std::size_t>(value); }
  std::size_t operator()(bool value) const { return value ? 1 : 0; }
  std::size_t operator()(DType value) const { return static_cast<std::size_t>(value); }
  std::size_t operator()(KernelKind value) const { return static_cast<std::size_t>(value); }
  std::size_t operator()(const Shape& value) const { return Hash().add(value).value(); }
  std::size_t operator()(const Dim& value) const { return Hash().add(value).value(); }
  std::size_t operator()(const std::shared_ptr<const Graph>& value) const { return hash_structure(*value); }
  std::size_t operator()(const std::vector<std::int64_t>& value) const {
    Hash hash;
    for (const std::int64_t element : value) hash.add(static_cast<std::uint64_t>(element));
    return hash.value();
  }
  std::size_t operator()(const Array& value) const {
    const std::string_view bits(reinterpret_cast<const char*>(value.bytes()),
                                static_cast<std::size_t>(value.element_count()) * size_of(value.dtype()));
    return Hash().add(static_cast<std::uint64_t>(value.dtype())).add(std::hash<std::string_view>()(bits)).value();
  }
};

}  // namespace

std::size_t hash_of(const Attributes& attributes) {
  Hash hash;
  for (const Attribute& attribute : attributes)
    hash.add(static_cast<std::uint64_t>(attribute.key)).add(std::visit(HashOfValue(), attribute.value));
  return hash.value();
}

std::size_t hash_structure(const Graph& graph) {
  Hash hash;
  for (const Node& node : graph.nodes()) {
    hash.add(static_cast<std::uint64_t>(node.op)).add(hash_of(node.attributes));
    for (const Value operand : node.operands) hash.add(operand);
    for (const Type& type : node.types) hash.add(type);
  }
  for (const Value result : graph.results()) hash.add(result);
  return hash.value();
}

}  // namespace sluice::ir
