// Functions of one array, by TensorFlow's names: "gelu", "leaky_relu, alpha 0.2", "hard_sigmoid: relu6(x + 3) / 6".
#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <optional>

#include "tests/oracles/functions.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

using Arguments = std::vector<Tensor>;
/// A function by its arguments and options ("alpha"), each with its default.
struct Options {
  std::map<std::string, double> said;

  double operator()(const std::string& name, double otherwise) const {
    const auto found = said.find(name);
    return found == said.end() ? otherwise : found->second;
  }
};
using Function1 = Tensor (*)(const Tensor& x, const Options& options);

const std::map<std::string, Function1, std::less<>>& functions() {
  using T = const Tensor&;
  using O = const Options&;
  static const std::map<std::string, Function1, std::less<>> kFunctions = {
      {"abs", [](T x, O) { return abs(x); }},
      {"acos", [](T x, O) { return acos(x); }},
      {"acosh", [](T x, O) { return acosh(x); }},
      {"asin", [](T x, O) { return asin(x); }},
      {"asinh", [](T x, O) { return asinh(x); }},
      {"atanh", [](T x, O) { return atanh(x); }},
      {"atan", [](T x, O) { return atan(x); }},
      {"ceil", [](T x, O) { return ceil(x); }},
      {"cos", [](T x, O) { return cos(x); }},
      {"cosh", [](T x, O) { return cosh(x); }},
      {"elu", [](T x, O o) { return elu(x, o("alpha", 1)); }},
      {"erf", [](T x, O) { return erf(x); }},
      {"erfc", [](T x, O) { return erfc(x); }},
      {"exp", [](T x, O) { return exp(x); }},
      {"expm1", [](T x, O) { return expm1(x); }},
      {"floor", [](T x, O) { return floor(x); }},
      {"gelu", [](T x, O) { return gelu(x); }},
      {"gelu_tanh", [](T x, O) { return gelu(x, Gelu::kTanh); }},
      {"hard_sigmoid", [](T x, O) { return hard_sigmoid(x); }},
      {"hard_swish", [](T x, O) { return hard_silu(x); }},
      {"hard_tanh", [](T x, O) { return clip_inside(x, -1, 1); }},
      {"leaky_relu", [](T x, O o) { return leaky_relu(x, o("alpha", 0.2)); }},
      {"log", [](T x, O) { return log(x); }},
      {"log10", [](T x, O) { return log10(x); }},
      {"log1p", [](T x, O) { return log1p(x); }},
      {"log2", [](T x, O) { return log2(x); }},
      {"log_sigmoid", [](T x, O) { return log_sigmoid(x); }},
      {"mish", [](T x, O) { return mish(x); }},
      {"negative", [](T x, O) { return -x; }},
      {"reciprocal", [](T x, O) { return reciprocal(x); }},
      {"relu", [](T x, O) { return relu(x); }},
      {"relu6", [](T x, O) { return relu6(x); }},
      {"rint", [](T x, O) { return round(x); }},
      {"round", [](T x, O) { return round(x); }},
      {"rsqrt", [](T x, O) { return rsqrt(x); }},
      {"selu", [](T x, O) { return selu(x); }},
      {"sigmoid", [](T x, O) { return sigmoid(x); }},
      {"sign", [](T x, O) { return sign(x); }},
      {"silu", [](T x, O) { return silu(x); }},
      {"sin", [](T x, O) { return sin(x); }},
      {"sinh", [](T x, O) { return sinh(x); }},
      {"softplus", [](T x, O) { return softplus(x); }},
      {"softsign", [](T x, O) { return softsign(x); }},
      {"sqrt", [](T x, O) { return sqrt(x); }},
      {"square", [](T x, O) { return square(x); }},
      {"swish", [](T x, O) { return silu(x); }},
      {"tan", [](T x, O) { return tan(x); }},
      {"tanh", [](T x, O) { return tanh(x); }},
      {"trunc", [](T x, O) { return trunc(x); }},
  };
  return kFunctions;
}

Tensor call(const std::string& name, const Arguments& arguments, const Options& options) {
  if (arguments.size() == 3 && (name == "clip" || name == "clip_by_value"))
    return clip_by_value(arguments[0], arguments[1], arguments[2]);
  if (arguments.size() == 2 && name == "maximum") return maximum(arguments[0], arguments[1]);
  if (arguments.size() == 2 && name == "minimum") return minimum(arguments[0], arguments[1]);
  if (arguments.size() == 2 && name == "atan2") return atan2(arguments[0], arguments[1]);
  if (arguments.size() == 2 && (name == "mod" || name == "floormod")) return mod(arguments[0], arguments[1]);
  if (arguments.size() == 2 && name == "pow") return pow(arguments[0], arguments[1]);
  const auto found = functions().find(name);
  if (arguments.size() != 1 || found == functions().end()) throw CannotSay(fmt::format("no function {}", name));
  return found->second(arguments[0], options);
}

/// Parses and traces an expression of x: numbers, + - * /, parentheses and calls.
class Expression {
 public:
  Expression(std::string text, Tensor x) : text_(std::move(text)), x_(std::move(x)) {}

  Tensor whole() {
    const Tensor value = sum();
    skip_blanks();
    if (at_ != text_.size()) fail_here();
    return value;
  }

 private:
  Tensor sum() {
    Tensor value = product();
    while (true) {
      if (take('+')) {
        value = value + product();
      } else if (take('-')) {
        value = value - product();
      } else {
        return value;
      }
    }
  }

  Tensor product() {
    Tensor value = factor();
    while (true) {
      if (take('*')) {
        value = value * factor();
      } else if (take('/')) {
        value = value / factor();
      } else {
        return value;
      }
    }
  }

  Tensor factor() {
    if (take('-')) return -factor();
    if (take('(')) {
      const Tensor value = sum();
      if (!take(')')) fail_here();
      return value;
    }
    skip_blanks();
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) {
      char* end = nullptr;
      const double number = std::strtod(text_.c_str() + at_, &end);
      at_ = static_cast<std::size_t>(end - text_.c_str());
      return full(x_.shape(), number);
    }
    std::string name;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      name += text_[at_++];
    if (name == "x") return x_;
    if (name.empty() || !take('(')) fail_here();
    Arguments arguments{sum()};
    while (take(',')) arguments.push_back(sum());
    if (!take(')')) fail_here();
    return call(name, arguments, {});
  }

  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char wanted) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void fail_here() const { throw CannotSay(fmt::format("no function {}", text_)); }

  std::string text_;
  Tensor x_;
  std::size_t at_ = 0;
};

/// "leaky_relu, alpha 0.2": the name, then options.
Tensor named_function(std::string_view text, const Tensor& x) {
  const std::string name(text.substr(0, text.find(',')));
  Options options;
  std::string rest = name.size() < text.size() ? std::string(text.substr(name.size() + 1)) : "";
  bool tanh_form = name == "gelu" && rest.find("tanh") != std::string::npos;
  tanh_form |= name == "gelu" && rest.find("approximat") != std::string::npos;
  if (tanh_form) return gelu(x, Gelu::kTanh);
  std::string word;
  for (std::size_t at = 0; at < rest.size();) {
    const std::size_t end = std::min(rest.find_first_of(" ,=", at), rest.size());
    const std::string piece = rest.substr(at, end - at);
    at = end + 1;
    if (piece.empty()) continue;
    char* stop = nullptr;
    const double number = std::strtod(piece.c_str(), &stop);
    if (*stop == '\0') {
      options.said[word] = number;
    } else {
      word = piece;
    }
  }
  for (const auto& [option, value] : options.said) {
    if (option != "alpha") throw CannotSay(fmt::format("option {} of {}", option, name));
  }
  return call(name, {x}, options);
}

Program elementwise(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    std::string text = oracle.attributes.text("function");
    const std::size_t colon = text.find(':');
    if (colon != std::string::npos) text = text.substr(colon + 1);
    const std::size_t operation = text.find_first_of("(+*/");
    if (operation != std::string::npos && text.find(',') > operation) return Expression(text, in["x"]).whole();
    return named_function(text, in["x"]);
  });
}

}  // namespace

void add_elementwise(Builders& builders) { builders["elementwise"] = elementwise; }

}  // namespace sluice::oracles
