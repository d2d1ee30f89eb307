// Symbolic sizes as arithmetic on the shapes of the inputs, and what needs them.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/onnx/writer.h"
#include "sluice/error.h"

namespace sluice::onnx_model {

namespace {

/// Returns the size of one term without its coefficient.
Dim symbols_of(const Growth::Term& term) {
  Dim product = 1;
  for (const Symbol symbol : term.symbols) product = product * length(symbol.name());
  return product;
}

}  // namespace

void Writer::find_symbols() {
  const auto is_found = [&](Symbol symbol) {
    return std::ranges::any_of(axes_, [&](const auto& found) { return found.first == symbol; });
  };
  // An axis gives the one symbol that is not known yet, if it is linear in it, so others may follow.
  for (bool changed = true; changed;) {
    changed = false;
    for (const ir::Parameter& parameter : graph_.parameters()) {
      const Shape& shape = type(parameter.value).shape;
      for (int axis = 0; axis < shape.rank(); ++axis) {
        std::vector<Symbol> symbols;
        shape[axis].batch.add_symbols(symbols);
        std::erase_if(symbols, is_found);
        if (symbols.size() != 1) continue;
        Axis found{parameter.name, axis, 0, 0};
        bool is_linear = true;
        for (const Growth::Term& term : shape[axis].batch.terms()) {
          const Dim product = symbols_of(term) * term.coefficient * shape[axis].size;
          const auto times = std::ranges::count(term.symbols, symbols[0]);
          if (times == 0) found.rest = found.rest + product;
          if (times == 1) found.factor = found.factor + *divide(product, length(symbols[0].name()));
          is_linear = is_linear && times < 2;
        }
        if (!is_linear) continue;
        axes_.emplace_back(symbols[0], found);
        changed = true;
      }
    }
  }
}

Name Writer::symbol(Symbol symbol) {
  const auto found = std::ranges::find_if(axes_, [&](const auto& axis) { return axis.first == symbol; });
  if (found == axes_.end()) {
    if (symbol == kBatchSymbol) return integers({1});  // of a graph without B
    SLUICE_UNREACHABLE("@{}: the sizes of the inputs do not give {}", graph_.name(), symbol.name());
  }
  const Axis& axis = found->second;
  Name size = add("Shape", {axis.input}, {{"start", std::int64_t{axis.axis}}, {"end", std::int64_t{axis.axis + 1}}});
  if (axis.rest != Dim(0)) size = add("Sub", {size, dim(axis.rest)});
  if (axis.factor != Dim(1)) size = add("Div", {size, dim(axis.factor)});
  return size;
}

Name Writer::dim(Dim size) {
  if (!size.batch) return integers({size.size});
  const std::string key = "size " + to_string(size);
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  const auto terms = size.batch.terms();
  Name sum;
  if (size.size == 1 && terms.size() == 1 && terms[0].coefficient == 1 && terms[0].symbols.size() == 1) {
    sum = symbol(terms[0].symbols[0]);
  } else {
    for (const Growth::Term& term : terms) {
      const std::int64_t coefficient = term.coefficient * size.size;
      Name product;
      for (const Symbol factor : term.symbols) {
        const Name value = dim(length(factor.name()));
        product = product.empty() ? value : add("Mul", {product, value});
      }
      if (product.empty()) {
        product = integers({coefficient});
      } else if (coefficient != 1) {
        product = add("Mul", {product, integers({coefficient})});
      }
      sum = sum.empty() ? product : add("Add", {sum, product});
    }
  }
  return known_[key] = sum;
}

Name Writer::sizes(const std::vector<Dim>& dims) {
  Integers numbers;
  std::vector<Name> parts;
  const auto flush = [&] {
    if (!numbers.empty()) parts.push_back(integers(numbers));
    numbers.clear();
  };
  for (const Dim size : dims) {
    if (!size.batch) {
      numbers.push_back(size.size);
      continue;
    }
    flush();
    parts.push_back(dim(size));
  }
  if (parts.empty()) return integers(numbers);
  flush();
  if (parts.size() == 1) return parts[0];
  std::string key = "concat";
  for (const Name& part : parts) key += " " + part;
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  return known_[key] = add("Concat", parts, {{"axis", std::int64_t{0}}});
}

Name Writer::reshape(const Name& x, const Shape& from, const Shape& to) {
  if (from == to) return x;
  const bool has_empty_axis = std::ranges::find(to, Dim(0)) != to.end();
  Integers numbers;
  int inferred = 0;  // as -1
  bool can_infer = true;
  for (int axis = 0; axis < to.rank(); ++axis) {
    if (!to[axis].batch) {
      numbers.push_back(to[axis].size);
    } else if (axis < from.rank() && from[axis] == to[axis]) {
      numbers.push_back(0);  // the input's size
      can_infer = can_infer && to[axis].always_at_least(1);
    } else {
      numbers.push_back(-1);
      ++inferred;
    }
  }
  if (to.is_static()) {
    const std::vector<Setting> settings{{"allowzero", std::int64_t{1}}};
    return add("Reshape", {x, integers(numbers)}, has_empty_axis ? settings : std::vector<Setting>{});
  }
  if (!has_empty_axis && (inferred == 0 || (inferred == 1 && can_infer))) {
    return add("Reshape", {x, integers(numbers)});
  }
  return add("Reshape", {x, sizes(to.dims())}, {{"allowzero", std::int64_t{1}}});
}

Name Writer::expand(const Name& x, const Shape& from, const Shape& to) {
  return from == to ? x : add("Expand", {x, sizes(to.dims())});
}

}  // namespace sluice::onnx_model
