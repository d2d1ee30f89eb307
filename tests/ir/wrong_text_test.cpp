// Texts that parse must reject, each with its exact message, location and caret.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tests/support/refusal.h"

namespace {

struct WrongText {
  std::string_view text;
  std::string_view error;  ///< line:column: message
};

struct WrongNode {
  std::string_view inputs;
  std::string_view node;
  std::string_view error;
};

constexpr WrongText kWrongTexts[] = {
    {"", "1:1: expected the first line sluice-ir 1, got the end of the text"},
    {"sluice-ir", "1:10: expected a number of i64, got the end of the text"},
    {"sluice-ir 2\ngraph @f() {\n  return\n}", "1:11: expected text of version 1, got version 2"},
    {"sluice-ir one", "1:11: expected a number of i64, got 'one'"},
    {"graph @f() { return }", "1:1: expected the first line sluice-ir 1, got 'graph'"},
    {"sluice-ir 1\ngrph @f() { return }", "2:1: expected graph, got 'grph'"},
    {"sluice-ir 1\ngraph f() { return }", "2:7: expected the name of the graph as in @step, got 'f'"},
    {"sluice-ir 1\ngraph @() { return }", "2:7: expected a name after '@'"},
    {"sluice-ir 1\ngraph @f { return }", "2:10: expected '(' after the name of the graph, got '{'"},
    {"sluice-ir 1\ngraph @f(%x f32[]) { return }", "2:13: expected ':' and a type after '%x', got 'f32'"},
    {"sluice-ir 1\ngraph @f(%x: f32) { return }", "2:17: expected '[' to begin a shape, got ')'"},
    {"sluice-ir 1\ngraph @f(%x: float32[]) { return }", "2:14: unknown element type 'float32'"},
    {"sluice-ir 1\ngraph @f(%x: f23[]) { return }", "2:14: unknown element type 'f23'; did you mean 'f32'?"},
    {"sluice-ir 1\ngraph @f(%x: f32[B,-T]) { return }", "2:17: shape: [B,-T] has a size that is not valid"},
    {"sluice-ir 1\ngraph @f(%x: f32[B*]) { return }", "2:20: expected a symbol such as B after '*', got ']'"},
    {"sluice-ir 1\ngraph @f(%x: f32[B+]) { return }", "2:20: expected a size as in 3, B, 3*B or B*T-1, got ']'"},
    {"sluice-ir 1\ngraph @f(%x: f32[B*T]) { return }", "2:10: graph @f: no parameter's sizes tell what B is"},
    {"sluice-ir 1\ngraph @f(%x: f32[-3]) { return }", "2:17: shape: [-3] has a size that is not valid"},
    {"sluice-ir 1\ngraph @f(%x: f32[0*B]) { return }", "2:17: shape: [0*B] has a size that is not valid"},
    {"sluice-ir 1\ngraph @f(%x: f32[%n]) { return }", "2:18: expected a size as in 3, B, 3*B or B*T-1, got '%n'"},
    {"sluice-ir 1\ngraph @f(%x: f32[T.1]) { return }",
     "2:18: a symbolic size has a name of 1 to 32 letters, digits and underscores that begins with a letter, got "
     "\"T.1\""},
    {"sluice-ir 1\ngraph @f(%x: f32[9999999999,9999999999]) { return }",
     "2:17: shape: [9999999999,9999999999] has too many elements"},
    {"sluice-ir 1\ngraph @f(%x: f32[99999999999999999999]) { return }",
     "2:18: '99999999999999999999' does not fit i64"},
    {"sluice-ir 1\ngraph @f(%x: f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]) { return }",
     "2:17: shape: expected at most 32 axes, got 33"},
    {"sluice-ir 1\ngraph @f(%x: f32[3 4]) { return }", "2:20: expected ']' or ',' after a size, got '4'"},
    {"sluice-ir 1\ngraph @f(%x: f32[], %x: f32[]) { return }", "2:21: parameter 'x': the name is taken already"},
    {"sluice-ir 1\ngraph @f(%x: f32[] {range=[3,3)}) { return }", "2:27: the range [3,3) is empty"},
    {"sluice-ir 1\ngraph @f(%x: f32[] {range=[0,nan)}) { return }", "2:27: the range [0,nan) is empty"},
    {"sluice-ir 1\ngraph @f(%x: u8[] {range=[0,1000)}) { return }",
     "2:10: parameter 'x': the range [0,1000) reaches beyond u8, [0,256)"},
    {"sluice-ir 1\ngraph @f() state(%n: i32[] \"n\" {range=[-inf,0)}) { return }",
     "2:18: state 'n': the range [-inf,0) reaches beyond i32, [-2147483648,2147483648)"},
    {"sluice-ir 1\ngraph @f(%x: f32[] {range=[0,1]}) { return }",
     "2:31: expected ')' to end a range as in [0,256), got ']'"},
    {"sluice-ir 1\ngraph @f(%x: f32[] {rnge=[0,1)}) { return }",
     "2:21: expected range, the one attribute of an input, got 'rnge'"},
    {"sluice-ir 1\ngraph @f(%x: f32[] {init=0}) { return }",
     "2:21: expected range, the one attribute of an input, got 'init'"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[] \"w\" {}) { return }",
     "2:33: expected range or init, the attributes of a state, got '}'"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[] \"w\" {init=0, init=1}) { return }", "2:41: 'init' is given twice"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[2] \"w\" {init=[0, 0]}) { return }",
     "2:39: expected a number of f32, got '['"},
    {"sluice-ir 1\ngraph @f() state(%n: u8[] \"n\" {init=-1}) { return }", "2:37: '-1' does not fit u8"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[] \"w\" {init=0 range=[0,1)}) { return }",
     "2:40: expected '}' or ',' after an attribute of a state, got 'range'"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[]) { return }",
     "2:27: expected the name of a variable as in \"dense_0/w\", got ')'"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[B] \"w\") { return }",
     "2:18: state: a variable has a static shape, got [B]"},
    {"sluice-ir 1\ngraph @f() state(%v: f32[] \"w\", %w: f32[] \"w\") { return }",
     "2:33: state 'w': variable \"w\" is a state already"},
    {"sluice-ir 1\ngraph @f(%w: f32[]) state(%w: f32[] \"w\") { return }",
     "2:27: state 'w': the name is taken already"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[] \"w", "2:28: the string does not end on its line"},
    {"sluice-ir 1\ngraph @f() state(%w: f32[] \"\\q\") { return }",
     "2:29: unknown escape: expected \\\", \\\\, \\n, \\t or \\x and two hexadecimal digits"},
    {"sluice-ir 1\ngraph @f() { return } graph @g() { return }", "2:23: expected the end of the text, got 'graph'"},
    {"sluice-ir 1\ngraph @f() {\n  retrun\n}", "3:3: expected a node, update or return, got 'retrun'"},
    {"sluice-ir 1\ngraph @f() {\n  return", "3:9: expected '}' after the results, got the end of the text"},
    {"sluice-ir 1\ngraph @f() {\n  %0: f32[B] = iota {axis=0, dtype=f32, shape=[B]}\n  return %0\n}",
     "3:16: iota: f32[B] uses B, which no parameter has"},
    {"sluice-ir 1\ngraph @f() {\n  return %0\n}", "3:10: '%0' is not defined before this line"},
    {"sluice-ir 1\ngraph @f(%x: f32[]) {\n  %0: f32[] = fused(%a: f32[] = %x) {\n    %0: f32[] = neg %x\n    return "
     "%0\n  }\n  return\n}",
     "4:21: '%x' is outside of this fused body, which sees only its own parameters"},
    {"sluice-ir 1\ngraph @f(%x: f32[]) {\n  %0: f32[] = fused(%a: f64[] = %x) {\n    return %a\n  }\n  return\n}",
     "3:15: fused: operand 0 is f32[], the body takes f64[]\n  operand 0, f32[], was made at model.ir:2"},
    {"sluice-ir 1\ngraph @f(%x: f32[]) {\n  %0: f32[] = fused(%a: f32[] = %x) {\n    return\n  }\n  return\n}",
     "3:15: fused: a body has results, got none\n  operand 0, f32[], was made at model.ir:2"},
    {"sluice-ir 1\ngraph @f(%x: f32[]) {\n  %0: f32[] = fused(%a: f32[]) {\n    return %a\n  }\n  return\n}",
     "3:30: expected '=' and the operand after a parameter of a fused body, got ')'"},
    {"sluice-ir 1\ngraph @f(%x: f32[3]) {\n  %0: f32[3] = fused rows(%a: f32[3] = %x) {\n    %0: f32[3] = neg %a\n"
     "    %1: f32[3] = exp %0\n    return %1\n  }\n  return\n}",
     "3:16: graph @f: fused: the kind is rows, but the body is of kind loop"},
    {"sluice-ir 1\ngraph @f(%x: f32[3]) {\n  %0: f32[3] = fused loop(%a: f32[3] = %x) {\n    %0: f32[3] = neg %a\n"
     "    return %0\n  }\n  return\n}",
     "3:16: graph @f: fused: the kind is loop, but the body is no kernel: it has a single node"},
    {"sluice-ir 1\ngraph @f(%x: f32[3]) {\n  %0: f32[3] = fused row(%a: f32[3] = %x) {\n    return %a\n  }\n  "
     "return\n}",
     "3:22: expected a kind of kernel, one of loop, matmul, reduce, rows, argsort, attention, or '(' after 'fused', "
     "got "
     "'row'; did you "
     "mean "
     "'rows'?"},
    {"sluice-ir 1\ngraph @f(%x: f32[3]) {\n  %0: f32[3] = fused scatter_add(%a: f32[3] = %x) {\n    return %a\n  }\n"
     "  return\n}",
     "3:22: expected a kind of kernel, one of loop, matmul, reduce, rows, argsort, attention, or '(' after 'fused', "
     "got "
     "'scatter_add'"},
    {"sluice-ir 1\ngraph @f(%x: f32[]) {\n  %0: f32[] = custom_gradient(%a: f32[] = %x, %b: f32[], %c: f32[] = %x) {\n"
     "    return %c\n  }\n  return\n}",
     "3:68: '%c' has an operand, which the parameter before it has not"},
    {"sluice-ir 1\ngraph @f(%x: f32[]) {\n  %0: f32[] = fused(%a: f32[] = %x) {\n    %0: f32[3] = neg %a\n    return "
     "%0\n  }\n  return\n}",
     "4:9: expected f32[], the type that neg gives, got f32[3]"},
};

/// Invalid nodes in a graph with these inputs.
constexpr WrongNode kWrongNodes[] = {
    {"(%x: f32[])", "%0: f32[] = relu %y", "3:20: '%y' is not defined before this line"},
    {"(%images: f32[])", "%0: f32[] = relu %imgaes",
     "3:20: '%imgaes' is not defined before this line; did you mean '%images'?"},
    {"(%x: f32[])", "%0: f32[] = neg %1\n  %1: f32[] = neg %x", "3:19: '%1' is not defined before this line"},
    {"(%x: f32[])", "%0: f32[] = neg %0", "3:19: '%0' is not defined before this line"},
    {"(%x: f32[])", "%0: f32[] = neg %x\n  %0: f32[] = neg %x", "4:3: '%0' is defined already, on line 3"},
    {"(%x: f32[])", "%x: f32[] = neg %x", "3:3: '%x' is defined already, on line 2"},
    {"(%x: f32[])", "%0: f32[] = ngative %x", "3:15: unknown op 'ngative'"},
    {"(%x: f32[])", "%0: f32[] = reluu %x", "3:15: unknown op 'reluu'; did you mean 'relu'?"},
    {"(%x: f32[])", "%0: f32[] = parameter {dtype=f32, shape=[]}",
     "3:15: a parameter stands in the header of the graph, not among its nodes"},
    {"(%x: f32[B,4])", "%0: f32[B,5] = relu %x", "3:7: expected f32[B,4], the type that relu gives, got f32[B,5]"},
    {"(%x: f32[B,4])", "%0: f32[B,4], %1: f32[B,4] = relu %x", "3:32: relu has 1 result, got 2 names"},
    {"(%x: f32[B,4], %y: f32[B])", "%0: f32[B,4] = add %x, %y",
     "3:18: add: operands have different types: f32[B,4] and f32[B]\n  operand 0, f32[B,4], was made at model.ir:2\n  "
     "operand 1, f32[B], was made at model.ir:2"},
    {"(%x: f32[B,4])", "%0: f32[B,4] = add %x",
     "3:18: add: expected 2 operands, got 1\n  operand 0, f32[B,4], was made at model.ir:2"},
    {"(%x: f32[B,4])", "%0: f32[B,4] = add %x %x", "3:25: expected ',' between operands, got '%x'"},
    {"(%x: f32[B,4])", "%0: f64[B,4] = cast %x",
     "3:18: cast: attribute 'dtype' is missing\n  operand 0, f32[B,4], was made at model.ir:2"},
    {"(%x: f32[B,4])", "%0: f64[B,4] = cast %x {dtpe=f64}",
     "3:27: cast has no attribute 'dtpe'; did you mean 'dtype'?"},
    {"(%x: f32[B,4])", "%0: f64[B,4] = cast %x {dtype=f64, dtype=f64}", "3:38: 'dtype' is given twice"},
    {"(%x: f32[B,4])", "%0: f64[B,4] = cast %x {dtype=64}", "3:33: expected an element type, got '64'"},
    {"(%x: f32[B,4])", "%0: f32[4,B] = transpose %x {permutation=[1,0}",
     "3:48: expected ']' or ',' after an integer, got '}'"},
    {"(%x: f32[4,4])", "%0: f32[4,4] = matmul %x, %x {transpose_a=yes}", "3:45: expected true or false, got 'yes'"},
    {"(%x: f32[4,4])", "%0: f32[4] = reduce_sum %x {axes=[1.5]}", "3:37: '1.5' is not a number of i64"},
    {"(%x: f32[4,4])", "%0: f32[4] = reduce_sum %x {axes 1}", "3:36: expected '=' after 'axes', got '1'"},
    {"()", "%0: f32[B] = constant {value=[1]}", "3:32: a constant has a static shape, got f32[B]"},
    {"()", "%0: f32[2] = constant {value=[1]}", "3:34: expected 2 elements, got 1"},
    {"()", "%0: f32[2] = constant {value=[1, 2, 3]}", "3:39: expected 2 elements, got more"},
    {"()", "%0: f32[1000000000] = constant {value=[]}", "3:42: expected 1000000000 elements, got 0"},
    {"()", "%0: f32[2] = constant {value=1}", "3:32: expected '[' to begin a list of elements, got '1'"},
    {"()", "%0: f32[2] = constant {value=[[1], 2]}", "3:33: expected a number of f32, got '['"},
    {"()", "%0: f32[0] = constant {value=[1]}", "3:33: expected ']' of an array without elements, got '1'"},
    {"()", "%0: u8[] = constant {value=256}", "3:30: '256' does not fit u8"},
    {"()", "%0: i32[] = constant {value=1.5}", "3:31: '1.5' is not a number of i32"},
    {"()", "%0: f32[] = constant {value=1e39}", "3:31: '1e39' does not fit f32"},
    {"()", "%0: f32[] = constant {value=true}", "3:31: expected a number of f32, got 'true'"},
    {"()", "%0: f32[] = constant {value=-nan}", "3:31: '-nan' is not a number of f32"},
    {"()", "%0: f32[] = constant {value=nan(0x3f800000)}", "3:35: '0x3f800000' are not the bits of a NaN of f32"},
    {"()", "%0: bool[] = constant {value=1}", "3:32: expected true or false, got '1'"},
    {"(%x: f32[])", "update %x = %x", "3:10: expected a state to update, got '%x'"},
    {"() state(%w: f32[] \"w\")", "%0: f64[] = cast %w {dtype=f64}\n  update %w = %0",
     "4:10: update: variable \"w\" is f32[], its new value is f64[]"},
    {"() state(%w: f32[] \"w\")", "%0: f32[] = neg %w\n  update %w = %0, %w = %0", "4:19: '%w' is updated already"},
    {"(%x: f32[])", "%0: f32[] = fused %x", "3:21: expected '(' after 'fused', got '%x'"},
    {"(%x: f32[])", "%0: f32[] = neg %x;", "3:21: unexpected character ';'"},
    {"(%x: f32[])", "%0: f32[] = neg %", "3:19: expected a name after '%'"},
    {"(%x: i32[])", "%0: i32[] = exp %x",
     "3:15: exp: takes floats, got i32[]\n  operand 0, i32[], was made at model.ir:2"},
    {"(%x: f32[B,4] loc(\"model.cpp\":3), %y: f32[B])",
     "%0: f32[B] = neg %y loc(\"layers.h\":8)\n  %1: f32[B,4] = mul %x, %0 loc(\"model.cpp\":9)",
     "4:18: mul: operands have different types: f32[B,4] and f32[B]\n  made at model.cpp:9\n  operand 0, f32[B,4], was "
     "made at model.cpp:3\n  operand 1, f32[B], was made at layers.h:8"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc", "4:3: expected '(' after 'loc', got 'return'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(model.cpp:3)",
     "3:26: expected a place as in \"model.cpp\":12, got 'model.cpp'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(\"model.cpp\")", "3:37: expected ':' and a line after a file, got ')'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(\"model.cpp\":x)", "3:38: expected a number of i64, got 'x'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(\"model.cpp\":0)", "3:38: expected a line from 1, got '0'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(\"model.cpp\":4294967296)",
     "3:38: expected a line from 1, got '4294967296'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(\"\":1)", "3:26: expected the name of a file, got an empty string"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(\"a\":1 \"b\":2)", "3:32: expected ')' or ',' after a place, got '\"b\"'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(gradients \"a\":1)",
     "3:26: expected a place as in \"model.cpp\":12, got 'gradients'"},
    {"(%x: f32[])", "%0: f32[] = neg %x loc(\"a\":1) {}", "3:33: expected a node, update or return, got '{'"},
    {"(%x: f32[] loc(\"a\":-1))", "return", "2:28: expected a line from 1, got '-1'"},
    {"(%x: f32[] loc(\"a\":1) {range=[0,1)})", "return", "2:31: expected ')' or ',' after a parameter, got '{'"},
};

/// Returns parse's error for `text`, which it must reject.
std::string refusal(std::string_view text) {
  return sluice::test::refusal([&] { sluice::ir::parse(text, "model.ir"); });
}

/// Returns the whole message: the file before the location, and below it the line and a caret under the column.
std::string with_caret(std::string_view text, std::string_view error) {
  const std::size_t colon = error.find(':');
  const int line = std::stoi(std::string(error));
  const auto column = static_cast<std::size_t>(std::stoi(std::string(error.substr(colon + 1))));
  for (int i = 1; i < line; ++i) text.remove_prefix(text.find('\n') + 1);
  return fmt::format("model.ir:{}\n{}\n{}^", error, text.substr(0, text.find('\n')), std::string(column - 1, ' '));
}

}  // namespace

TEST_CASE("malformed texts are rejected at their location") {
  for (const auto& [text, error] : kWrongTexts) CHECK(refusal(text) == with_caret(text, error));
}

TEST_CASE("malformed nodes are rejected at their location") {
  for (const auto& [inputs, node, error] : kWrongNodes) {
    const std::string text = fmt::format("sluice-ir 1\ngraph @f{} {{\n  {}\n  return\n}}", inputs, node);
    CHECK(refusal(text) == with_caret(text, error));
  }
}

TEST_CASE("of a long line, only the part around the column is shown") {
  std::string text = "sluice-ir 1\ngraph @f() { %0: f32[500] = constant {value=[";
  for (int i = 0; i < 300; ++i) text += "0, ";
  text += "x";
  const std::string message = refusal(text);
  CHECK(message.substr(0, message.find('\n')) == "model.ir:2:946: expected a number of f32, got 'x'");
  CHECK(message.size() < 300);
  const std::size_t caret_line = message.rfind('\n');
  const std::string shown = message.substr(message.find('\n') + 1, caret_line - message.find('\n') - 1);
  CHECK(shown[message.size() - caret_line - 2] == 'x');
}

TEST_CASE("nesting has a limit") {
  std::string text = "sluice-ir 1\ngraph @f(%x: f32[]) {\n";
  for (int i = 0; i < 100'000; ++i) text += "%0: f32[] = fused(%x: f32[] = %x) {";
  CHECK(refusal(text).find("fused bodies are nested deeper than 16") != std::string::npos);
}

TEST_CASE("bytes that are not text are rejected") {
  CHECK(refusal(std::string_view("sluice-ir 1\n\0", 13)) ==
        std::string("model.ir:2:1: unexpected byte 0x00\n\\x00\n^"));
  CHECK(refusal("sluice-ir 1\n\xff") == std::string("model.ir:2:1: unexpected byte 0xff\n\\xff\n^"));
}
