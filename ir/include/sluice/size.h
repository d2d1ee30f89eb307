#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/print.h"

namespace sluice {

/// A named size that a signature leaves open: B, T. Equal names are the same symbol in the whole process.
class Symbol {
 public:
  /// Throws Error unless the name is a letter and then letters, digits and underscores, at most 32 in all.
  static Symbol named(std::string_view name);

  std::string_view name() const { return *name_; }
  constexpr bool operator==(const Symbol&) const = default;

 private:
  friend struct SymbolTable;
  constexpr explicit Symbol(const std::string_view* name) : name_(name) {}

  const std::string_view* name_;  ///< interned
};

extern const Symbol kBatchSymbol;  ///< B

/// The values of a graph's symbols in one call. Copies do not allocate.
class Bindings {
 public:
  static constexpr std::size_t kMost = 8;
  struct Binding {
    Symbol symbol = kBatchSymbol;
    std::int64_t value = 0;
    bool operator==(const Binding&) const = default;
  };

  Bindings() = default;
  Bindings(std::int64_t batch_size) { set(kBatchSymbol, batch_size); }  // NOLINT: a number is the size of B

  /// Throws Error if there are kMost other symbols already.
  void set(Symbol symbol, std::int64_t value);
  std::optional<std::int64_t> find(Symbol symbol) const;
  std::span<const Binding> all() const { return {bindings_.data(), count_}; }
  bool operator==(const Bindings& other) const;  ///< equal values, whatever their order

 private:
  std::array<Binding, kMost> bindings_;
  std::size_t count_ = 0;
};

std::string to_string(const Bindings& bindings);  ///< "B = 64, T = 7"

/// The symbolic part of a size: a polynomial over symbols, with integer coefficients that have no common divisor and of
/// which the first is positive. The size of a static axis has none. Equal polynomials are one object, so copies and
/// comparisons cost as much as those of a pointer.
class Growth {
 public:
  /// A number times a product of symbols, which are sorted by name and may repeat.
  struct Term {
    std::int64_t coefficient = 1;
    std::span<const Symbol> symbols;
  };

  constexpr Growth() = default;

  constexpr explicit operator bool() const { return terms_ != nullptr; }
  constexpr bool operator==(const Growth&) const = default;

  std::span<const Term> terms() const;  ///< higher degrees first; none for a number
  bool is_product() const;              ///< one term: a product of symbols, which is at least 1
  bool has(Symbol symbol) const;
  void add_symbols(std::vector<Symbol>& symbols) const;  ///< adds its symbols that are not in the list
  /// Returns the value, saturated at +-2^62; 1 for a number. Expects all symbols to be bound.
  std::int64_t at(const Bindings& bindings) const;

 private:
  friend struct SymbolTable;
  constexpr explicit Growth(const std::span<const Term>* terms) : terms_(terms) {}

  const std::span<const Term>* terms_ = nullptr;  ///< interned
};

/// The size of one axis: a number, or a polynomial over the symbols of a graph, as in 2*B*T + 3. By Gauss's lemma, a
/// product of sizes has the product of their factors and of their symbolic parts.
struct Dim {
  std::int64_t size = 0;  ///< of a static axis; otherwise the factor of the symbolic part
  Growth batch;           ///< the symbolic part: most often B

  constexpr Dim() = default;
  constexpr Dim(std::int64_t static_size) : size(static_size) {}  // NOLINT: a number is a dimension
  template <std::same_as<bool> T>
  Dim(T) = delete;  // NOLINT: explicit would let Dim(std::int64_t) take a bool
  constexpr Dim(std::int64_t factor, Growth growth) : size(factor), batch(growth) {}
  constexpr bool operator==(const Dim&) const = default;

  std::int64_t at(const Bindings& bindings) const;
  std::int64_t where_all_are(std::int64_t value) const;  ///< the value if every symbol is `value`
  /// Returns whether the size is at least `least` for all values of the symbols, each at least 1, as far as the signs
  /// of coefficients show.
  bool always_at_least(std::int64_t least) const;
  /// Returns whether the size may be at least `least` for some values of the symbols, as far as the signs of
  /// coefficients show.
  bool ever_at_least(std::int64_t least) const;
};

// Throw Error if a number does not fit in 64 bits.
Dim operator+(Dim x, Dim y);
Dim operator-(Dim x, Dim y);
Dim operator*(Dim x, Dim y);
/// Returns the size q for which x = q * y, or nothing if there is none. `y` must not be 0.
std::optional<Dim> divide(Dim x, Dim y);

/// The symbolic dimension B of a signature.
extern const Dim batch;

/// Returns the symbolic dimension of this name, for signatures and shapes: f32(batch, length("T"), 64). Throws Error
/// unless the name is a letter and then letters, digits and underscores. length("B") is batch.
Dim length(std::string_view name);

std::string to_string(Dim dim);  ///< "784", "B", "784*B", "B*T+2*T-1"

template <>
inline constexpr bool prints_by_to_string<Dim> = true;
template <>
inline constexpr bool prints_by_to_string<Bindings> = true;

}  // namespace sluice

template <>
struct fmt::formatter<sluice::Dim> : sluice::ByToString<sluice::Dim> {};
template <>
struct fmt::formatter<sluice::Bindings> : sluice::ByToString<sluice::Bindings> {};
