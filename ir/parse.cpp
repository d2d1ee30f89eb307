#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <type_traits>
#include <unordered_map>

#include "ir/counted.h"
#include "ir/infer.h"
#include "ir/kernel_kind.h"
#include "ir/lexer.h"
#include "ir/literals.h"
#include "ir/node_error.h"
#include "ir/parse_parts.h"
#include "ir/suggest.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"

// The grammar. White space separates words and means nothing else; // begins a comment.
//   text      = "sluice-ir" number "graph" @name "(" [input {"," input}] ")" ["state" "(" [state {"," state}] ")"] body
//   input     = %name ":" type [range] [places]
//   state     = %name ":" type string [hints] [places]
//   range     = "{" "range" "=" interval "}", interval = "[" number "," number ")"
//   hints     = "{" hint {"," hint} "}", hint = "range" "=" interval | "init" "=" value
//   places    = "loc" "(" [place {"," place}] ")", place = ["gradient"] string ":" number
//   body      = "{" {node} ["update" %state "=" %value {"," ...}] "return" [%value {"," %value}] "}"
//   node      = %name ":" type {"," %name ":" type} "=" (op [%value {"," %value}] [attributes] [places] | fused
//             | custom)
//   fused     = "fused" [kind] "(" [%name ":" type [range] "=" %value {"," ...}] ")" [places] body
//   kind      = "loop" | "matmul" | "reduce" | "rows" | "argsort"
//   custom    = "custom_gradient" "(" %name ":" type [range] ["=" %value] {"," ...} ")" [places] body
//   attributes = "{" [key "=" value {"," key "=" value}] "}"
//   type      = dtype "[" [dim {"," dim}] "]", dim = term {("+" | "-") term}
//   term      = ["-"] (number | symbol) {"*" symbol}

namespace sluice::ir {

namespace {

/// Parses one graph, or one body of a node, which has its own names.
class GraphParser {
 public:
  GraphParser(Lexer& lexer, std::string name, const GraphParser* outer)
      : lexer_(lexer), builder_(std::move(name)), outer_(outer), depth_(outer == nullptr ? 0 : outer->depth_ + 1) {}

  void read_parameter() {
    const Binder binder = read_binder();
    const auto range = read_parameter_hints(lexer_);
    add_parameter(binder, range, read_origins(binder.name));
  }

  /// Reads a parameter of the body of `op` and its operand, which `outer` reads; the parameter gets the operand's
  /// origins. The last parameters of a custom gradient have no operand.
  void read_operand(GraphParser& outer, Op op, std::vector<Value>& operands) {
    const Binder binder = read_binder();
    const auto range = read_parameter_hints(lexer_);
    const Token sign = lexer_.peek();
    if (op == Op::kCustomGradient && !lexer_.take_symbol('=')) {
      add_parameter(binder, range, origin_at(lexer_.location(binder.name.offset)));
      return;
    }
    if (op != Op::kCustomGradient)
      lexer_.expect_symbol('=', fmt::format("and the operand after a parameter of a {} body", to_string(op)));
    if (operands.size() != builder_.graph().parameters().size()) {
      lexer_.fail_at(sign,
                     fmt::format("{} has an operand, which the parameter before it has not", describe(binder.name)));
    }
    operands.push_back(outer.read_value());
    add_parameter(binder, range, outer.builder_.graph().node(operands.back()).origins);
  }

  void read_state() {
    const Binder binder = read_binder();
    const Token variable = lexer_.expect(TokenKind::kString, "the name of a variable as in \"dense_0/w\"");
    Hints hints = read_state_hints(lexer_, binder.type.dtype);
    Origins origins = read_origins(binder.name);
    define(binder.name, checked(binder.name, [&] {
             return builder_.state(lexer_.unquoted(binder.name), lexer_.unquoted(variable), binder.type, hints.range,
                                   std::move(hints.init), std::move(origins));
           }));
  }

  /// Parses from the opening to the closing brace.
  Graph read_body() && {
    lexer_.expect_symbol('{', "to begin the nodes");
    while (lexer_.peek().kind == TokenKind::kValue) read_node();
    if (lexer_.peek().is(TokenKind::kName, "update")) read_updates();
    const Token word = lexer_.take();
    if (!word.is(TokenKind::kName, "return")) {
      lexer_.fail_at(word, fmt::format("expected a node, update or return, got {}", describe(word)));
    }
    std::vector<Value> results;
    if (lexer_.peek().kind == TokenKind::kValue) {
      do {
        results.push_back(read_value());
      } while (lexer_.take_symbol(','));
    }
    builder_.set_results(std::move(results));
    lexer_.expect_symbol('}', "after the results");
    return std::move(builder_).finish();
  }

 private:
  /// Calls `f`, which calls the builder; an error gets this position in the text.
  template <typename F>
  std::invoke_result_t<F> checked(const Token& place, F f) {
    try {
      return f();
    } catch (const Error& error) {
      lexer_.fail_at(place, error.message());
    }
  }

  struct Binder {
    Token name;
    Type type;
    std::size_t type_offset = 0;
  };
  struct Definition {
    Value value;
    std::uint32_t line = 0;
  };

  void add_parameter(const Binder& binder, const std::optional<Range>& range, Origins origins) {
    define(binder.name, checked(binder.name, [&] {
             return builder_.parameter(lexer_.unquoted(binder.name), binder.type, range, std::move(origins));
           }));
  }

  /// Returns the origins of the node or input that starts at `token`: the lines that the text names here, or else its
  /// position in the text.
  Origins read_origins(const Token& token) {
    const Location here = lexer_.location(token.offset);
    if (!lexer_.peek().is(TokenKind::kName, "loc")) return origin_at(here);
    lexer_.take();
    lexer_.expect_symbol('(', "after 'loc'");
    Origins origins;
    const auto from = [&](CallStack stack, bool gradient) {
      origins.push_back({std::make_shared<const CallStack>(std::move(stack)), gradient});
    };
    lexer_.read_list(')', "a place", [&] {
      const bool gradient = lexer_.peek().is(TokenKind::kName, "gradient");
      if (gradient) lexer_.take();
      from({{here, read_place(lexer_)}, 1}, gradient);
    });
    if (origins.empty()) from({{here}, 1}, false);  // not a user's line
    return origins;
  }

  /// Quoted and plain spellings of a name are one name, but "0" in quotes is not the number 0.
  std::string key(const Token& token) const {
    const std::string name = lexer_.unquoted(token);
    const bool number = token.text[1] >= '0' && token.text[1] <= '9';
    return (number ? '#' : '%') + name;
  }

  void define(const Token& token, Value value) {
    const auto [place, fresh] = values_.try_emplace(key(token), value, lexer_.location(token.offset).line);
    if (!fresh) {
      lexer_.fail_at(token, fmt::format("{} is defined already, on line {}", describe(token), place->second.line));
    }
  }

  Binder read_binder() {
    const Token name = lexer_.expect(TokenKind::kValue, "a value as in %x");
    lexer_.expect_symbol(':', fmt::format("and a type after {}", describe(name)));
    const std::size_t type_offset = lexer_.peek().offset;
    return {name, read_type(lexer_), type_offset};
  }

  Value read_value() {
    const Token token = lexer_.expect(TokenKind::kValue, "a value as in %x");
    const std::string name = key(token);
    if (const auto found = values_.find(name); found != values_.end()) return found->second.value;
    for (const GraphParser* outer = outer_; outer != nullptr; outer = outer->outer_) {
      if (!outer->values_.contains(name)) continue;
      lexer_.fail_at(token, fmt::format("{} is outside of this {} body, which sees only its own parameters",
                                        describe(token), builder_.graph().name()));
    }
    std::vector<std::string_view> names;
    for (const auto& [known, definition] : values_) {
      if (known[0] == '%') names.push_back(std::string_view(known).substr(1));
    }
    std::sort(names.begin(), names.end());
    const auto near = nearest(lexer_.unquoted(token), names);
    lexer_.fail_at(token, fmt::format("{} is not defined before this line{}", describe(token),
                                      near ? fmt::format("; did you mean '%{}'?", *near) : ""));
  }

  void read_node() {
    std::vector<Binder> binders;
    do {
      binders.push_back(read_binder());
    } while (lexer_.take_symbol(','));
    lexer_.expect_symbol('=', "between a type and an op");
    const Token word = lexer_.expect(TokenKind::kName, "an op");
    const Op op = find_op(word);
    std::vector<Value> operands;
    Attributes attributes;
    Origins origins;
    if (op == Op::kFused || op == Op::kCustomGradient) {
      read_bound_body(op, word, operands, attributes, origins);
    } else {
      if (lexer_.peek().kind == TokenKind::kValue && !lexer_.followed_by(':')) {
        do {
          operands.push_back(read_value());
        } while (lexer_.take_symbol(','));
        if (lexer_.peek().kind == TokenKind::kValue && !lexer_.followed_by(':')) {
          lexer_.fail_at(lexer_.peek(), fmt::format("expected ',' between operands, got {}", describe(lexer_.peek())));
        }
      }
      if (lexer_.take_symbol('{')) read_attributes(op, binders[0].type, attributes);
      origins = read_origins(word);
    }
    const Value value = checked(word, [&] {
      try {
        return builder_.add(op, operands, std::move(attributes), std::move(origins));
      } catch (const Error& error) {
        throw Error(error.message() + notes(operands));
      }
    });
    check_results(word, binders, value);
  }

  /// Returns where operands were created, for an error about them.
  std::string notes(const std::vector<Value>& operands) const {
    std::string out;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      out += operand_note(i, builder_.graph().node(operands[i]), operands[i].result);
    }
    return out;
  }

  /// Compares the types of a node's results in the text with inference.
  void check_results(const Token& op, const std::vector<Binder>& binders, Value value) {
    const auto& types = builder_.graph().node(value).types;
    if (types.size() != binders.size()) {
      lexer_.fail_at(op, fmt::format("{} has {}, got {}", op.text, counted(types.size(), "result"),
                                     counted(binders.size(), "name")));
    }
    for (std::uint32_t i = 0; i < binders.size(); ++i) {
      if (binders[i].type != types[i]) {
        lexer_.fail_at(binders[i].type_offset, fmt::format("expected {}, the type that {} gives, got {}",
                                                           to_string(types[i]), op.text, to_string(binders[i].type)));
      }
      define(binders[i].name, {value.node, i});
    }
  }

  Op find_op(const Token& word) {
    const auto op = parse_op(word.text);
    if (!op) {
      std::vector<std::string_view> names;
      for (int i = 0; i < kOpCount; ++i) names.push_back(to_string(static_cast<Op>(i)));
      lexer_.fail_at(word, fmt::format("unknown op {}{}", describe(word), did_you_mean(word.text, names)));
    }
    if (info(*op).has(kInput)) {
      lexer_.fail_at(word, fmt::format("a {} stands in the header of the graph, not among its nodes", word.text));
    }
    return *op;
  }

  void read_attributes(Op op, const Type& type, Attributes& attributes) {
    lexer_.read_list('}', "an attribute", [&] {
      const Token name = lexer_.expect(TokenKind::kName, "an attribute");
      const auto attr = parse_attr(name.text);
      std::vector<std::string_view> names;
      bool known = false;
      for (const AttrRule& rule : info(op).attributes) {
        names.push_back(to_string(rule.key));
        known = known || rule.key == attr;
      }
      if (!known) {
        lexer_.fail_at(name, fmt::format("{} has no attribute {}{}", to_string(op), describe(name),
                                         did_you_mean(name.text, names)));
      }
      if (attributes.find(*attr) != nullptr) lexer_.fail_at(name, fmt::format("{} is given twice", describe(name)));
      lexer_.expect_symbol('=', fmt::format("after {}", describe(name)));
      attributes.set(*attr, read_attribute(lexer_, *attr, type));
    });
  }

  /// Parses the kind after `fused`; returns nothing if it is left out.
  std::optional<KernelKind> read_kernel_kind() {
    if (lexer_.peek().kind != TokenKind::kName) return std::nullopt;
    const Token word = lexer_.take();
    const auto kind = parse_body_kind(word.text);
    if (!kind) {
      std::vector<std::string_view> names;
      for (const KernelKind known : kBodyKinds) names.push_back(to_string(known));
      lexer_.fail_at(word, fmt::format("expected a kind of kernel, one of {}, or '(' after 'fused', got {}{}",
                                       fmt::join(names, ", "), describe(word), did_you_mean(word.text, names)));
    }
    return kind;
  }

  void read_bound_body(Op op, const Token& word, std::vector<Value>& operands, Attributes& attributes,
                       Origins& origins) {
    std::optional<KernelKind> kind = op == Op::kFused ? read_kernel_kind() : std::nullopt;
    const Token opening = lexer_.expect_symbol('(', fmt::format("after '{}'", to_string(op)));
    if (depth_ == kMaxBodyDepth) {
      lexer_.fail_at(opening, fmt::format("{} bodies are nested deeper than {}", to_string(op), kMaxBodyDepth));
    }
    GraphParser body(lexer_, std::string(to_string(op)), this);
    lexer_.read_list(')', "an operand", [&] { body.read_operand(*this, op, operands); });
    origins = read_origins(word);
    const auto whole = std::make_shared<const Graph>(std::move(body).read_body());
    // `verify` checks a kind in the text against the body.
    if (op == Op::kFused && !kind) kind = find_body_kind(*whole);
    if (kind) attributes.set(Attr::kKind, *kind);
    attributes.set(Attr::kBody, whole);
  }

  void read_updates() {
    lexer_.take();
    do {
      const Token place = lexer_.peek();
      const Value state = read_value();
      if (builder_.graph().node(state).op != Op::kState) {
        lexer_.fail_at(place, fmt::format("expected a state to update, got {}", describe(place)));
      }
      lexer_.expect_symbol('=', "after a state to update");
      const Value value = read_value();
      checked(place, [&] { builder_.set_update(state, value); });
      if (!updated_.insert(state.node).second) {
        lexer_.fail_at(place, fmt::format("{} is updated already", describe(place)));
      }
    } while (lexer_.take_symbol(','));
  }

  Lexer& lexer_;
  Builder builder_;
  const GraphParser* outer_;
  int depth_;
  std::unordered_map<std::string, Definition> values_;
  std::set<std::uint32_t> updated_;
};

Graph read_graph(Lexer& lexer) {
  const Token word = lexer.take();
  const bool versioned = word.is(TokenKind::kName, "sluice-ir");
  if (!versioned) {
    lexer.fail_at(word, fmt::format("expected the first line sluice-ir {}, got {}", kTextVersion, describe(word)));
  }
  const Token version = lexer.peek();
  if (const std::int64_t number = read_integer(lexer); number != kTextVersion) {
    lexer.fail_at(version, fmt::format("expected text of version {}, got version {}", kTextVersion, number));
  }
  const Token graph = lexer.take();
  if (!graph.is(TokenKind::kName, "graph"))
    lexer.fail_at(graph, fmt::format("expected graph, got {}", describe(graph)));
  const Token name = lexer.expect(TokenKind::kGraph, "the name of the graph as in @step");
  GraphParser parser(lexer, lexer.unquoted(name), nullptr);
  lexer.expect_symbol('(', "after the name of the graph");
  lexer.read_list(')', "a parameter", [&] { parser.read_parameter(); });
  if (lexer.peek().is(TokenKind::kName, "state")) {
    lexer.take();
    lexer.expect_symbol('(', "after 'state'");
    lexer.read_list(')', "a state", [&] { parser.read_state(); });
  }
  Graph read = std::move(parser).read_body();
  lexer.expect(TokenKind::kEnd, "the end of the text");
  try {
    verify(read);
  } catch (const Error& error) {
    lexer.fail_at(error.location().known() ? lexer.offset(error.location()) : name.offset, error.message());
  }
  return read;
}

}  // namespace

Graph parse(std::string_view text, std::string_view file) {
  Lexer lexer(without_byte_order_mark(text), file);
  return read_graph(lexer);
}

}  // namespace sluice::ir
