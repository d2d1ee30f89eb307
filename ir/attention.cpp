#include "ir/attention.h"

#include <algorithm>
#include <utility>

namespace sluice::ir {

AttentionParts attention_parts(const Graph& graph, const Node& node) {
  const Shape& q = graph.type(node.operands[0]).shape;
  const Shape& v = graph.type(node.operands[2]).shape;
  const int rank = q.rank();
  AttentionParts parts;
  parts.backward = node.op == Op::kAttentionGradient;
  parts.causal = node.attributes.flag(Attr::kCausal);
  parts.scale = std::get<Array>(*node.attributes.find(Attr::kScale)).item<double>();
  parts.queries = q[rank - 2];
  parts.keys = v[rank - 2];
  parts.depth = q[rank - 1].size;
  parts.width = v[rank - 1].size;
  const std::size_t mask = parts.backward ? 6 : 3;
  if (node.operands.size() > mask) parts.mask = mask;
  return parts;
}

namespace {

/// A value inside another one.
struct Strided {
  std::vector<Dim> sizes;
  std::vector<Dim> strides;
  Dim offset = 0;
};
using MaybeStrided = std::optional<Strided>;

Strided dense(const Shape& shape) {
  Strided all{shape.dims(), std::vector<Dim>(shape.dims().size(), Dim(1)), 0};
  Dim stride = 1;
  for (std::size_t axis = all.sizes.size(); axis-- > 0;) {
    all.strides[axis] = stride;
    stride = stride * all.sizes[axis];
  }
  return all;
}

/// An axis is split, or axes are merged between which no elements lie.
MaybeStrided reshaped(const Strided& from, const Shape& to) {
  for (const std::vector<Dim>& sizes : {from.sizes, to.dims()}) {
    if (std::ranges::any_of(sizes, [](Dim size) { return size.size == 0; })) return {};
  }
  Strided result{to.dims(), {}, from.offset};
  std::size_t next = 0;
  Dim rest = 1;  // of the axis of `from` that is being split, and its stride
  Dim stride = 1;
  for (const Dim size : to) {
    Dim need = size;
    std::optional<Dim> outer;  // the stride of the axes that are merged so far
    while (need != Dim(1)) {
      while (rest == Dim(1)) {
        if (next == from.sizes.size()) return {};
        rest = from.sizes[next];
        stride = from.strides[next++];
      }
      const std::optional<Dim> inner = divide(rest, need);
      const std::optional<Dim> more = inner ? Dim(1) : divide(need, rest);
      if (!more) return {};
      const Dim taken = inner ? need : rest;
      rest = inner.value_or(Dim(1));
      const Dim here = stride * rest;
      if (outer && *outer != here * taken) return {};
      outer = here;
      need = *more;
    }
    result.strides.push_back(outer.value_or(Dim(1)));
  }
  for (; next < from.sizes.size() && rest == Dim(1); ++next) rest = from.sizes[next];
  return rest == Dim(1) ? std::optional(result) : std::nullopt;
}

Strided permuted(const Strided& from, const std::vector<std::int64_t>& permutation, bool inverse) {
  Strided result = from;
  for (std::size_t axis = 0; axis < permutation.size(); ++axis) {
    const auto other = static_cast<std::size_t>(permutation[axis]);
    const auto [to, at] = inverse ? std::pair(other, axis) : std::pair(axis, other);
    result.sizes[to] = from.sizes[at];
    result.strides[to] = from.strides[at];
  }
  return result;
}

Strided sliced(Strided from, std::int64_t axis, Dim start, Dim size) {
  const auto at = static_cast<std::size_t>(axis);
  from.offset = from.offset + start * from.strides[at];
  from.sizes[at] = size;
  return from;
}

MaybeStrided strided(const Graph& graph, Value value, Value base) {
  if (value == base) return dense(graph.type(base).shape);
  const Node& node = graph.node(value);
  if (node.op != Op::kReshape && node.op != Op::kTranspose && node.op != Op::kSlice) return {};
  const MaybeStrided from = strided(graph, node.operands[0], base);
  if (!from) return {};
  if (node.op == Op::kReshape) return reshaped(*from, node.types[0].shape);
  if (node.op == Op::kTranspose) return permuted(*from, node.attributes.integers(Attr::kPermutation), false);
  const Dim start = node.attributes.size(Attr::kStart);
  return sliced(*from, node.attributes.integer(Attr::kAxis), start, node.attributes.size(Attr::kLimit) - start);
}

AttentionView as_view(std::size_t place, const Strided& at) { return {place, at.offset, at.strides}; }

/// Returns whether rows of matrices are rows in memory.
bool has_rows(const AttentionView& view) {
  const std::size_t rank = view.strides.size();
  return view.strides[rank - 1] == Dim(1) && !view.strides[rank - 2].batch;
}

/// Finds where the results of an attention lie in those of the body.
class Places {
 public:
  Places(const Graph& body, const Node& attention)
      : body_(body), views_(attention.types.size()), attention_(attention) {}

  bool find() {
    for (std::size_t i = 0; i < body_.results().size(); ++i) {
      const Value result = body_.results()[i];
      if (!place(i, result, dense(body_.type(result).shape))) return false;
    }
    return std::ranges::all_of(views_, [](const auto& view) { return view.has_value(); });
  }

  std::vector<AttentionView> views() const {
    std::vector<AttentionView> all;
    for (const auto& view : views_) all.push_back(*view);
    return all;
  }

 private:
  bool place(std::size_t result, Value value, const Strided& at) {
    const Node& node = body_.node(value);
    if (&node == &attention_) {
      std::optional<AttentionView>& view = views_[value.result];
      if (view) return false;  // it is stored once
      view = as_view(result, at);
      return node.types[value.result].shape.rank() == static_cast<int>(at.sizes.size());
    }
    switch (node.op) {
      case Op::kReshape: {
        const MaybeStrided inner = reshaped(at, body_.type(node.operands[0]).shape);
        return inner && place(result, node.operands[0], *inner);
      }
      case Op::kTranspose:
        return place(result, node.operands[0], permuted(at, node.attributes.integers(Attr::kPermutation), true));
      case Op::kConcat:
        return place_parts(result, node, at);
      case Op::kAdd:
        return place_sum(result, value, at);
      default:
        return false;
    }
  }

  bool place_parts(std::size_t result, const Node& node, const Strided& at) {
    const std::int64_t axis = node.attributes.integer(Attr::kAxis);
    Dim start = 0;
    for (const Value operand : node.operands) {
      const Dim size = body_.type(operand).shape[static_cast<int>(axis)];
      if (!place(result, operand, sliced(at, axis, start, size))) return false;
      start = start + size;
    }
    return true;
  }

  void add_terms(Value value, std::vector<const Node*>& terms) const {
    const Node& node = body_.node(value);
    if (node.op != Op::kAdd) return terms.push_back(&node);
    for (const Value operand : node.operands) add_terms(operand, terms);
  }

  /// Terms that are padded along one axis so that where one has its elements all others are 0.
  bool place_sum(std::size_t result, Value sum, const Strided& at) {
    std::vector<const Node*> terms;
    add_terms(sum, terms);
    if (std::ranges::any_of(terms, [](const Node* term) { return term->op != Op::kPad; })) return false;
    const std::int64_t axis = terms[0]->attributes.integer(Attr::kAxis);
    std::ranges::stable_sort(terms, {}, [](const Node* term) { return term->attributes.size(Attr::kLow).size; });
    Dim start = 0;
    for (const Node* term : terms) {
      if (term->attributes.integer(Attr::kAxis) != axis || term->attributes.size(Attr::kLow) != start) return false;
      const Dim size = body_.type(term->operands[0]).shape[static_cast<int>(axis)];
      if (!place(result, term->operands[0], sliced(at, axis, start, size))) return false;
      start = start + size;
    }
    return start == at.sizes[static_cast<std::size_t>(axis)];
  }

  const Graph& body_;
  std::vector<std::optional<AttentionView>> views_;
  const Node& attention_;
};

}  // namespace

std::optional<AttentionView> view_of(const Graph& graph, Value value, Value base) {
  const MaybeStrided found = strided(graph, value, base);
  return found ? std::optional(as_view(0, *found)) : std::nullopt;
}

std::optional<AttentionBody> attention_body(const Graph& body) {
  const auto found = std::ranges::find_if(body.nodes(), is_attention);
  if (found == body.nodes().end() || std::ranges::count_if(body.nodes(), is_attention) > 1) return {};
  AttentionBody result{&*found, {}, {}};
  const AttentionParts parts = attention_parts(body, *found);
  for (std::size_t i = 0; i < found->operands.size(); ++i) {
    Value base = found->operands[i];
    while (!body.node(base).operands.empty() && !is_attention(body.node(base))) base = body.node(base).operands[0];
    const auto parameters = body.parameters();
    const auto parameter = std::ranges::find(parameters, base, &Parameter::value);
    std::optional<AttentionView> view = view_of(body, found->operands[i], base);
    if (parameter == parameters.end() || !view) return {};
    const bool is_plain = i == parts.mask || (parts.backward && i == 4);
    if (is_plain ? base != found->operands[i] : !has_rows(*view)) return {};
    view->place = static_cast<std::size_t>(parameter - parameters.begin());
    result.operands.push_back(*std::move(view));
  }
  Places places(body, *found);
  if (!places.find()) return {};
  result.results = places.views();
  for (std::size_t r = 0; r < result.results.size(); ++r) {
    const bool is_plain = !parts.backward && r == 1;
    const AttentionView& view = result.results[r];
    if (is_plain ? body.results()[view.place] != Value{static_cast<std::uint32_t>(found - body.nodes().begin()), 1}
                 : !has_rows(view))
      return {};
  }
  return result;
}

}  // namespace sluice::ir
