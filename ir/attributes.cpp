#include "sluice/ir/attributes.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "sluice/ir/graph.h"

namespace sluice::ir {

namespace {
struct AttrRow {
  Attr attr;
  std::string_view name;
};
constexpr AttrRow kAttrs[] = {
#define ATTRIBUTE(enumerator, name, type) {Attr::enumerator, name},
#include "sluice/ir/attributes.def"
#undef ATTRIBUTE
};

bool is_size(Attr key) {
  switch (key) {
#define ATTRIBUTE(enumerator, name, type) \
  case Attr::enumerator:                  \
    return std::is_same_v<type, Dim>;
#include "sluice/ir/attributes.def"
#undef ATTRIBUTE
  }
  return false;
}

bool equal_values(const AttrValue& a, const AttrValue& b) {
  using Body = std::shared_ptr<const Graph>;
  if (std::holds_alternative<Body>(a) && std::holds_alternative<Body>(b)) {
    return equal_structure(*std::get<Body>(a), *std::get<Body>(b));
  }
  return a == b;
}
}  // namespace

std::string_view to_string(Attr attr) { return kAttrs[static_cast<std::size_t>(attr)].name; }

std::string_view to_string(KernelKind kind) {
  constexpr std::array<std::string_view, 8> kKinds{"loop",    "matmul",  "reduce",     "rows",
                                                   "scatter", "argsort", "recurrence", "attention"};
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<Attr> parse_attr(std::string_view name) {
  for (const AttrRow& row : kAttrs) {
    if (row.name == name) return row.attr;
  }
  return std::nullopt;
}

Attributes::Attributes(std::initializer_list<Attribute> attributes) {
  for (const Attribute& attribute : attributes) set(attribute.key, attribute.value);
}

void Attributes::set(Attr key, AttrValue value) {
  if (const auto* number = std::get_if<std::int64_t>(&value); number != nullptr && is_size(key)) value = Dim(*number);
  const auto place =
      std::lower_bound(list_.begin(), list_.end(), key, [](const Attribute& a, Attr k) { return a.key < k; });
  const bool present = place != list_.end() && place->key == key;
  if (const bool* flag = std::get_if<bool>(&value); flag != nullptr && !*flag) {
    if (present) list_.erase(place);
    return;
  }
  if (present) {
    place->value = std::move(value);
  } else {
    list_.insert(place, {key, std::move(value)});
  }
}

const AttrValue* Attributes::find(Attr key) const {
  for (const Attribute& attribute : list_) {
    if (attribute.key == key) return &attribute.value;
  }
  return nullptr;
}

bool Attributes::flag(Attr key) const { return find(key) != nullptr; }

std::optional<KernelKind> Attributes::kernel_kind() const {
  const AttrValue* const value = find(Attr::kKind);
  return value == nullptr ? std::nullopt : std::optional(std::get<KernelKind>(*value));
}

const AttrValue& Attributes::at(Attr key) const {
  const AttrValue* const value = find(key);
  SLUICE_CHECK(value != nullptr, "attribute {} is missing", to_string(key));
  return *value;
}

bool Attributes::operator==(const Attributes& other) const {
  return std::equal(
      list_.begin(), list_.end(), other.list_.begin(), other.list_.end(),
      [](const Attribute& a, const Attribute& b) { return a.key == b.key && equal_values(a.value, b.value); });
}

}  // namespace sluice::ir
