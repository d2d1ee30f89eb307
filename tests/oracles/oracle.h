#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/array.h"

// Files with results computed by other frameworks: tests/oracles/data/README.md describes the format.
namespace sluice::oracles {

using Arrays = std::map<std::string, Array, std::less<>>;

/// Thrown by a builder for a case that the DSL cannot express. The message is the reason.
class CannotSay : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The attributes of a case. Records which were read, so that an attribute that no builder knows is not ignored.
class Attributes {
 public:
  Attributes() = default;
  explicit Attributes(nlohmann::json object) : object_(std::move(object)) {}

  bool has(std::string_view key) const { return object_.contains(key); }
  std::string text(std::string_view key, std::string_view otherwise = "") const;
  double number(std::string_view key, double otherwise = 0) const;
  bool flag(std::string_view key, bool otherwise = false) const;
  std::vector<std::int64_t> integers(std::string_view key, std::vector<std::int64_t> otherwise = {}) const;
  /// Returns a list of pairs; empty if the value is none.
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs(std::string_view key) const;
  Attributes object(std::string_view key) const;
  /// Throws CannotSay if there is an attribute that was not read and is neither null nor false.
  void check_all_read() const;

 private:
  const nlohmann::json* find(std::string_view key) const;

  nlohmann::json object_ = nlohmann::json::object();
  mutable std::set<std::string, std::less<>> read_;
};

struct Oracle {
  std::string name;  ///< of the file
  std::string op;
  std::string by;  ///< the framework
  Attributes attributes;
  Arrays arrays;

  bool has(std::string_view array) const { return arrays.find(array) != arrays.end(); }
  /// Throws CannotSay if there is no such array.
  const Array& at(std::string_view array) const;
  /// Returns the arrays whose names start with `prefix`, by the rest of their names.
  Arrays with_prefix(std::string_view prefix) const;
};

/// Throws CannotSay unless the attribute `key` has these words, which define what the case computes.
void expect_words(const Oracle& oracle, std::string_view key, std::string_view known);

Oracle read_oracle(const std::filesystem::path& file);

/// Returns what must be computed: every "out." and "grad.".
Arrays expected_of(const Oracle& oracle);

/// Returns |got - expected| / |expected| over all elements, in double. Infinite or NaN elements must be identical,
/// otherwise it is infinite. Integers and bools must be equal.
double distance(const Array& got, const Array& expected);

/// Returns the largest acceptable distance for the tensor `name`.
double tolerance(const Oracle& oracle, std::string_view name);

}  // namespace sluice::oracles
