#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/ir/graph.h"

// The ONNX graph that the rules of rules.h write to.
namespace sluice::onnx_model {

using Name = std::string;
using Integers = std::vector<std::int64_t>;

/// An attribute of an ONNX node, of the only kind that is set. GCC 12 warns of a variant in its place.
struct Setting {
  Setting(const char* key, std::int64_t value) : name(key), integer(value) {}
  Setting(const char* key, float value) : name(key), number(value) {}
  Setting(const char* key, Integers values) : name(key), list(std::move(values)) {}
  Setting(const char* key, const char* value) : name(key), text(value) {}

  const char* name;
  std::optional<std::int64_t> integer;
  std::optional<float> number;
  Integers list;
  std::string text;
};

onnx::TensorProto::DataType code_of(DType dtype);

/// A value of the ONNX graph of which one of the model's is a reshape, or a broadcast.
struct Source {
  Name name;
  Shape shape;
  bool is_images = false;  ///< the result of a convolution, with the elementwise ops that follow it
};

/// Writes the nodes of a graph in order. Nodes that nothing reads are left out by finish(), so a rule may write what
/// only some readers need.
class Writer {
 public:
  /// Declares the inputs and, with `weights`, the initializers. Throws Error if names are not unique.
  Writer(const ir::Graph& graph, const std::vector<Array>& weights, const std::vector<std::string>& output_names);

  const ir::Graph& graph() const { return graph_; }
  const Type& type(ir::Value value) const { return graph_.type(value); }

  // ---- values of the graph
  void set(ir::Value value, Name name) { at(value).name = std::move(name); }
  /// Also names a value that broadcasts to this one by NumPy's rule.
  void set_narrow(ir::Value value, Source narrow) { at(value).narrow = std::move(narrow); }
  /// Also names the value that this one is a reshape of.
  void set_source(ir::Value value, Source source) { at(value).source = std::move(source); }
  const Name& operator[](ir::Value value) { return at(value).name; }
  /// Returns a value that broadcasts to this one: itself if nothing is known.
  Source narrow(ir::Value value) {
    return at(value).narrow ? *at(value).narrow : Source{at(value).name, type(value).shape};
  }
  bool is_narrow(ir::Value value) { return at(value).narrow.has_value(); }
  /// Returns the value of which this one is a reshape: itself if nothing is known.
  Source source(ir::Value value);

  // ---- nodes
  /// Appends a node and returns the name of its last output.
  Name add(std::string_view op_type, const std::vector<Name>& inputs, const std::vector<Setting>& settings = {},
           int outputs = 1);
  Name cast(const Name& x, DType dtype);
  /// Reshapes by constants where the sizes allow it, else by a computed shape.
  Name reshape(const Name& x, const Shape& from, const Shape& to);
  Name expand(const Name& x, const Shape& from, const Shape& to);
  /// Transposes, unless `permutation` changes nothing.
  Name transpose(const Name& x, const Integers& permutation);

  // ---- constants, each written once
  Name constant(const Array& array);
  Name scalar(DType dtype, double value);
  Name integers(const Integers& values);  ///< i64[n]
  /// Returns `dims` as i64[n], computed from the sizes of the inputs where they are symbolic.
  Name sizes(const std::vector<Dim>& dims);

  /// Takes out what no output needs and gives the outputs their names.
  onnx::GraphProto finish();

 private:
  struct Entry {
    Name name;
    std::optional<Source> narrow;
    std::optional<Source> source;
  };
  /// A symbol as an axis of an input, of size factor * symbol + rest.
  struct Axis {
    Name input;
    int axis;
    Dim factor;
    Dim rest;
  };

  Entry& at(ir::Value value) { return entries_[value.node][value.result]; }
  Name fresh(std::string_view stem);
  void take(const std::string& name, std::string_view what);
  void declare(const Name& name, const Type& type, onnx::ValueInfoProto& info) const;
  void add_initializer(const Name& name, const Array& array);
  void find_symbols();
  Name symbol(Symbol symbol);
  Name dim(Dim dim);
  void remove_unread();
  void name_outputs();

  const ir::Graph& graph_;
  std::vector<std::string> output_names_;
  onnx::GraphProto proto_;
  std::vector<std::vector<Entry>> entries_;
  std::set<std::string> taken_;
  std::map<std::string, std::string> kinds_;  // input, variable or output, by name
  std::map<std::string, Name> known_;         // constants and sizes, by what they are
  std::vector<std::pair<Symbol, Axis>> axes_;
  std::size_t count_ = 0;
};

}  // namespace sluice::onnx_model
