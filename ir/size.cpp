#include "sluice/size.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>

#include "sluice/error.h"

namespace sluice {

namespace {

constexpr std::size_t kMostTerms = 64;
constexpr std::size_t kLongestSymbol = 32;
constexpr std::int64_t kMostValue = std::int64_t{1} << 62;

using Term = Growth::Term;
__extension__ typedef __int128 Wide;  // NOLINT: a using cannot be marked as an extension

/// Orders terms by their symbols, higher degrees first.
struct HigherFirst {
  bool operator()(const std::vector<Symbol>& x, const std::vector<Symbol>& y) const {
    if (x.size() != y.size()) return x.size() > y.size();
    return std::ranges::lexicographical_compare(x, y, {}, &Symbol::name, &Symbol::name);
  }
};
using Polynomial = std::map<std::vector<Symbol>, std::int64_t, HigherFirst>;

std::int64_t sum(std::int64_t x, std::int64_t y) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(x, y, &result)) fail("a size has a number beyond 64 bits");
  return result;
}

std::int64_t product(std::int64_t x, std::int64_t y) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(x, y, &result)) fail("a size has a number beyond 64 bits");
  return result;
}

Polynomial polynomial_of(Dim dim) {
  Polynomial terms;
  if (dim.size == 0) return terms;
  if (!dim.batch) terms[{}] = dim.size;
  for (const Term& term : dim.batch.terms())
    terms[{term.symbols.begin(), term.symbols.end()}] = product(dim.size, term.coefficient);
  return terms;
}

void add_to(Polynomial& terms, const std::vector<Symbol>& symbols, std::int64_t coefficient) {
  const auto at = terms.try_emplace(symbols, 0).first;
  at->second = sum(at->second, coefficient);
  if (at->second == 0) terms.erase(at);
}

std::vector<Symbol> joined(const std::vector<Symbol>& x, const std::vector<Symbol>& y) {
  std::vector<Symbol> symbols;
  std::ranges::merge(x, y, std::back_inserter(symbols), {}, &Symbol::name, &Symbol::name);
  return symbols;
}

}  // namespace

/// The symbols and polynomials of the process. They are never freed, because kernels and graphs refer to them.
struct SymbolTable {
  static constexpr std::string_view kBatchName = "B";
  static constexpr Symbol kBatch{&kBatchName};
  static constexpr Term kBatchTerm{1, {&kBatch, 1}};
  static constexpr std::span<const Term> kBatchTerms{&kBatchTerm, 1};
  static constexpr Growth kBatchGrowth{&kBatchTerms};

  struct Kept {
    std::vector<std::vector<Symbol>> symbols;
    std::vector<Term> terms;
    std::span<const Term> span;
  };

  std::mutex mutex;
  std::map<std::string, std::unique_ptr<const std::string_view>, std::less<>> names;
  std::map<std::vector<std::pair<std::int64_t, std::vector<const void*>>>, std::unique_ptr<const Kept>> kept;

  static SymbolTable& instance() {
    static auto& table = *new SymbolTable;
    return table;
  }

  Symbol symbol(std::string_view name) {
    if (name == kBatchName) return kBatch;
    const std::lock_guard lock(mutex);
    auto found = names.find(name);
    if (found == names.end()) {
      found = names.emplace(std::string(name), nullptr).first;
      found->second = std::make_unique<const std::string_view>(found->first);
    }
    return Symbol(found->second.get());
  }

  /// Returns the size that is the sum of `terms`.
  Dim size(const Polynomial& terms) {
    if (terms.empty()) return 0;
    if (terms.size() > kMostTerms) fail("a size has more than {} terms", kMostTerms);
    std::int64_t content = 0;
    for (const auto& [symbols, coefficient] : terms) {
      if (coefficient == std::numeric_limits<std::int64_t>::min()) fail("a size has a number beyond 64 bits");
      content = std::gcd(content, coefficient);
    }
    const auto& [highest, leading] = *terms.begin();
    if (highest.empty()) return leading;
    if (leading < 0) content = -content;
    if (terms.size() == 1 && highest.size() == 1 && highest[0] == kBatch) return {content, kBatchGrowth};
    std::vector<std::pair<std::int64_t, std::vector<const void*>>> key;
    for (const auto& [symbols, coefficient] : terms) {
      key.push_back({coefficient / content, {}});
      for (const Symbol symbol : symbols) key.back().second.push_back(symbol.name_);
    }
    const std::lock_guard lock(mutex);
    auto& found = kept[key];
    if (found == nullptr) {
      auto made = std::make_unique<Kept>();
      made->symbols.reserve(terms.size());
      for (const auto& [symbols, coefficient] : terms) {
        made->symbols.push_back(symbols);
        made->terms.push_back({coefficient / content, made->symbols.back()});
      }
      made->span = made->terms;
      found = std::move(made);
    }
    return {content, Growth(&found->span)};
  }
};

constinit const Symbol kBatchSymbol = SymbolTable::kBatch;
constinit const Dim batch{1, SymbolTable::kBatchGrowth};

namespace {

Dim size_of(const Polynomial& terms) { return SymbolTable::instance().size(terms); }

/// Returns x + factor * y.
Dim added(Dim x, std::int64_t factor, Dim y) {
  Polynomial terms = polynomial_of(x);
  for (const auto& [symbols, coefficient] : polynomial_of(y)) add_to(terms, symbols, product(factor, coefficient));
  return size_of(terms);
}

}  // namespace

Symbol Symbol::named(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_word = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > kLongestSymbol || !is_letter(name[0]) || !std::ranges::all_of(name, is_word))
    fail("a symbolic size has a name of 1 to {} letters, digits and underscores that begins with a letter, got \"{}\"",
         kLongestSymbol, name);
  return SymbolTable::instance().symbol(name);
}

void Bindings::set(Symbol symbol, std::int64_t value) {
  const auto same = [&](const Binding& binding) { return binding.symbol == symbol; };
  auto* const found = std::find_if(bindings_.begin(), bindings_.begin() + count_, same);
  if (found == bindings_.begin() + kMost) fail("a graph has at most {} symbolic sizes", kMost);
  if (found == bindings_.begin() + count_) ++count_;
  *found = {symbol, value};
}

std::optional<std::int64_t> Bindings::find(Symbol symbol) const {
  for (const Binding& binding : all()) {
    if (binding.symbol == symbol) return binding.value;
  }
  return std::nullopt;
}

bool Bindings::operator==(const Bindings& other) const {
  return count_ == other.count_ &&
         std::ranges::all_of(all(), [&](const Binding& x) { return other.find(x.symbol) == x.value; });
}

std::string to_string(const Bindings& bindings) {
  std::string text;
  for (const auto& [symbol, value] : bindings.all())
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", symbol.name(), value);
  return text;
}

std::span<const Growth::Term> Growth::terms() const { return terms_ == nullptr ? std::span<const Term>() : *terms_; }

bool Growth::is_product() const { return terms_ != nullptr && terms_->size() == 1; }

bool Growth::has(Symbol symbol) const {
  return std::ranges::any_of(
      terms(), [&](const Term& term) { return std::ranges::find(term.symbols, symbol) != term.symbols.end(); });
}

void Growth::add_symbols(std::vector<Symbol>& symbols) const {
  for (const Term& term : terms()) {
    for (const Symbol symbol : term.symbols) {
      if (std::ranges::find(symbols, symbol) == symbols.end()) symbols.push_back(symbol);
    }
  }
}

namespace {

std::int64_t cut(Wide value) { return static_cast<std::int64_t>(std::clamp<Wide>(value, -kMostValue, kMostValue)); }

}  // namespace

std::int64_t Growth::at(const Bindings& bindings) const {
  if (terms_ == nullptr) return 1;
  std::int64_t value = 0;
  for (const Term& term : *terms_) {
    std::int64_t part = term.coefficient;
    for (const Symbol symbol : term.symbols) {
      const std::optional<std::int64_t> bound = bindings.find(symbol);
      SLUICE_CHECK(bound, "the size {} is not bound", symbol.name());
      part = cut(static_cast<Wide>(part) * *bound);
    }
    value = cut(static_cast<Wide>(value) + part);
  }
  return value;
}

std::int64_t Dim::at(const Bindings& bindings) const {
  return batch ? cut(static_cast<Wide>(size) * batch.at(bindings)) : size;
}

std::int64_t Dim::where_all_are(std::int64_t value) const {
  std::vector<Symbol> symbols;
  batch.add_symbols(symbols);
  Bindings bindings;
  for (const Symbol symbol : symbols) bindings.set(symbol, value);
  return at(bindings);
}

namespace {

Wide coefficient_of(Dim dim, const Term& term) { return static_cast<Wide>(dim.size) * term.coefficient; }

/// Returns whether a term with symbols has a coefficient of this sign, 1 or -1.
bool has_sign(Dim dim, int sign) {
  return std::ranges::any_of(dim.batch.terms(), [&](const Term& term) {
    return !term.symbols.empty() && coefficient_of(dim, term) * sign > 0;
  });
}

/// Returns the size if all symbols are 1.
std::int64_t at_ones(Dim dim) {
  if (!dim.batch) return dim.size;
  std::int64_t value = 0;
  for (const Term& term : dim.batch.terms()) value = cut(value + coefficient_of(dim, term));
  return value;
}

}  // namespace

bool Dim::always_at_least(std::int64_t least) const {
  // Without negative coefficients, the size is smallest where all symbols are 1.
  return !has_sign(*this, -1) && at_ones(*this) >= least;
}

bool Dim::ever_at_least(std::int64_t least) const { return has_sign(*this, 1) || at_ones(*this) >= least; }

Dim operator+(Dim x, Dim y) {
  if (!x.batch && !y.batch) return sum(x.size, y.size);
  return added(x, 1, y);
}

Dim operator-(Dim x, Dim y) {
  if (!x.batch && !y.batch) return sum(x.size, product(-1, y.size));
  return added(x, -1, y);
}

Dim operator*(Dim x, Dim y) {
  const std::int64_t size = product(x.size, y.size);
  if (size == 0) return 0;
  if (!x.batch || !y.batch) return {size, x.batch ? x.batch : y.batch};
  Polynomial terms;
  const Polynomial of_y = polynomial_of(y);
  for (const auto& [x_symbols, x_coefficient] : polynomial_of(x)) {
    for (const auto& [y_symbols, y_coefficient] : of_y)
      add_to(terms, joined(x_symbols, y_symbols), product(x_coefficient, y_coefficient));
  }
  return size_of(terms);
}

std::optional<Dim> divide(Dim x, Dim y) {
  SLUICE_CHECK(y.size != 0, "division of a size by 0");
  if (!y.batch) return x.size % y.size == 0 ? std::optional(Dim(x.size / y.size, x.batch)) : std::nullopt;
  if (x.batch == y.batch) return divide(Dim(x.size), Dim(y.size));
  // Long division: the quotient's first term is that of the two first terms.
  const Polynomial by = polynomial_of(y);
  const auto& [divisor, coefficient] = *by.begin();
  Dim quotient = 0;
  while (x.size != 0) {
    const Polynomial rest = polynomial_of(x);
    const auto& [symbols, number] = *rest.begin();
    if (number % coefficient != 0 || !std::ranges::includes(symbols, divisor, {}, &Symbol::name, &Symbol::name))
      return std::nullopt;
    std::vector<Symbol> left;
    std::ranges::set_difference(symbols, divisor, std::back_inserter(left), {}, &Symbol::name, &Symbol::name);
    const Dim part = size_of({{left, number / coefficient}});
    quotient = quotient + part;
    x = x - part * y;
  }
  return quotient;
}

Dim length(std::string_view name) { return size_of({{{Symbol::named(name)}, 1}}); }

std::string to_string(Dim dim) {
  if (!dim.batch) return fmt::format("{}", dim.size);
  if (dim.size == 0) return "0*" + to_string(Dim(1, dim.batch));
  std::string text;
  for (const auto& [symbols, coefficient] : polynomial_of(dim)) {
    if (!text.empty() && coefficient > 0) text += '+';
    if (symbols.empty() || (coefficient != 1 && coefficient != -1)) {
      text += fmt::format("{}", coefficient);
      if (!symbols.empty()) text += '*';
    } else if (coefficient == -1) {
      text += '-';
    }
    for (std::size_t i = 0; i < symbols.size(); ++i) text += fmt::format("{}{}", i > 0 ? "*" : "", symbols[i].name());
  }
  return text;
}

}  // namespace sluice
