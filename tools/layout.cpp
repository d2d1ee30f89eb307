#include "tools/layout.h"

#include <algorithm>
#include <numeric>

#include "sluice/error.h"

namespace sluice::tools {

namespace {

constexpr double kGapX = 16;
constexpr double kGapY = 34;
constexpr double kLineWidth = 6;  // the space of a line in a layer that it crosses
constexpr int kOrderSweeps = 12;
constexpr int kPlaceSweeps = 12;

/// A box, or the point where a long link crosses a layer.
struct Slot {
  double width = 0;
  double height = 0;
  std::size_t layer = 0;
  std::vector<std::size_t> above;
  std::vector<std::size_t> below;
  double center = 0;
};

class Layers {
 public:
  Layers(const std::vector<Size>& boxes, const std::vector<Link>& links) : boxes_(boxes), links_(links) {
    for (const Size& box : boxes) slots_.push_back({box.width, box.height, 0, {}, {}, 0});
    choose_layers();
    split_links();
    order();
    place();
  }

  Layout finish() const {
    Layout layout;
    std::vector<double> tops;
    double top = 0;
    for (const auto& layer : layers_) {
      tops.push_back(top);
      top += height_of(layer) + kGapY;
    }
    double left = 0;
    double right = 0;
    for (const Slot& slot : slots_) {
      left = std::min(left, slot.center - slot.width / 2);
      right = std::max(right, slot.center + slot.width / 2);
    }
    for (std::size_t b = 0; b < boxes_.size(); ++b) {
      layout.corners.push_back({slots_[b].center - slots_[b].width / 2 - left, tops[slots_[b].layer]});
    }
    for (std::size_t l = 0; l < links_.size(); ++l) {
      const Slot& from = slots_[links_[l].from];
      const Slot& to = slots_[links_[l].to];
      std::vector<Point> line{{from.center - left, tops[from.layer] + from.height}};
      for (const std::size_t crossing : crossings_[l]) {
        const Slot& slot = slots_[crossing];
        line.push_back({slot.center - left, tops[slot.layer]});
        line.push_back({slot.center - left, tops[slot.layer] + height_of(layers_[slot.layer])});
      }
      line.push_back({to.center - left, tops[to.layer]});
      layout.lines.push_back(std::move(line));
    }
    layout.size = {right - left, std::max(0.0, top - kGapY)};
    return layout;
  }

 private:
  double height_of(const std::vector<std::size_t>& layer) const {
    double height = 0;
    for (const std::size_t slot : layer) height = std::max(height, slots_[slot].height);
    return height;
  }

  /// Places each box as high as its operands allow; then moves boxes without operands down to their first reader.
  void choose_layers() {
    std::vector<bool> reads(boxes_.size());
    std::vector<std::size_t> first_reader(boxes_.size(), boxes_.size());
    std::vector<std::vector<std::size_t>> readers(boxes_.size());
    for (const Link& link : links_) {
      SLUICE_CHECK(link.from < link.to && link.to < boxes_.size(), "link {} to {}", link.from, link.to);
      readers[link.from].push_back(link.to);
      reads[link.to] = true;
    }
    for (std::size_t b = 0; b < boxes_.size(); ++b) {
      for (const std::size_t reader : readers[b])
        slots_[reader].layer = std::max(slots_[reader].layer, slots_[b].layer + 1);
    }
    for (std::size_t b = boxes_.size(); b-- > 0;) {
      if (reads[b] || readers[b].empty()) continue;
      std::size_t nearest = slots_[readers[b][0]].layer;
      for (const std::size_t reader : readers[b]) nearest = std::min(nearest, slots_[reader].layer);
      slots_[b].layer = nearest - 1;
    }
  }

  void connect(std::size_t above, std::size_t below) {
    slots_[above].below.push_back(below);
    slots_[below].above.push_back(above);
  }

  void split_links() {
    for (const Link& link : links_) {
      std::vector<std::size_t>& crossings = crossings_.emplace_back();
      std::size_t above = link.from;
      for (std::size_t layer = slots_[link.from].layer + 1; layer < slots_[link.to].layer; ++layer) {
        slots_.push_back({kLineWidth, 0, layer, {}, {}, 0});
        crossings.push_back(slots_.size() - 1);
        connect(above, slots_.size() - 1);
        above = slots_.size() - 1;
      }
      connect(above, link.to);
    }
  }

  /// Orders each layer by the positions of its neighbors, layer by layer, down and up again.
  void order() {
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      layers_.resize(std::max(layers_.size(), slots_[s].layer + 1));
      layers_[slots_[s].layer].push_back(s);
    }
    std::vector<double> position(slots_.size());
    const auto number = [&](const std::vector<std::size_t>& layer) {
      for (std::size_t i = 0; i < layer.size(); ++i) position[layer[i]] = static_cast<double>(i);
    };
    const auto sort_by = [&](std::vector<std::size_t>& layer, auto neighbours) {
      std::vector<double> key(slots_.size());
      for (const std::size_t slot : layer) {
        const std::vector<std::size_t>& others = slots_[slot].*neighbours;
        double sum = 0;
        for (const std::size_t other : others) sum += position[other];
        key[slot] = others.empty() ? position[slot] : sum / static_cast<double>(others.size());
      }
      std::ranges::stable_sort(layer, {}, [&](std::size_t slot) { return key[slot]; });
      number(layer);
    };
    for (const auto& layer : layers_) number(layer);
    for (int sweep = 0; sweep < kOrderSweeps; ++sweep) {
      for (std::size_t l = 1; l < layers_.size(); ++l) sort_by(layers_[l], &Slot::above);
      for (std::size_t l = layers_.size(); l-- > 1;) sort_by(layers_[l - 1], &Slot::below);
    }
  }

  /// Moves each slot as close as possible to the middle of its neighbors.
  void place() {
    for (const auto& layer : layers_) {
      double x = 0;
      for (const std::size_t slot : layer) {
        slots_[slot].center = x + slots_[slot].width / 2;
        x += slots_[slot].width + kGapX;
      }
    }
    for (int sweep = 0; sweep < kPlaceSweeps; ++sweep) {
      for (std::size_t l = 1; l < layers_.size(); ++l) settle(layers_[l], &Slot::above);
      for (std::size_t l = layers_.size(); l-- > 1;) settle(layers_[l - 1], &Slot::below);
    }
  }

  /// Moves a layer's slots to their desired positions without changing their order: the closest positions by least
  /// squares, merging neighbors that would overlap into blocks (isotonic regression).
  void settle(const std::vector<std::size_t>& layer, std::vector<std::size_t> Slot::*neighbours) {
    struct Block {
      double sum = 0;  // of its slots' desired positions, minus their offsets
      double count = 0;
      std::size_t slots = 0;
      double mean() const { return sum / count; }
    };
    std::vector<Block> blocks;
    std::vector<double> offsets;
    double offset = 0;
    for (std::size_t i = 0; i < layer.size(); ++i) {
      const Slot& slot = slots_[layer[i]];
      if (i > 0) offset += slots_[layer[i - 1]].width / 2 + kGapX + slot.width / 2;
      offsets.push_back(offset);
      const auto& others = slot.*neighbours;
      double wanted = slot.center;
      if (!others.empty()) {
        wanted = 0;
        for (const std::size_t other : others) wanted += slots_[other].center / static_cast<double>(others.size());
      }
      blocks.push_back({wanted - offset, 1, 1});
      while (blocks.size() > 1 && blocks[blocks.size() - 2].mean() > blocks.back().mean()) {
        const Block last = blocks.back();
        blocks.pop_back();
        blocks.back().sum += last.sum;
        blocks.back().count += last.count;
        blocks.back().slots += last.slots;
      }
    }
    std::size_t next = 0;
    for (const Block& block : blocks) {
      for (std::size_t i = 0; i < block.slots; ++i, ++next) slots_[layer[next]].center = block.mean() + offsets[next];
    }
  }

  const std::vector<Size>& boxes_;
  const std::vector<Link>& links_;
  std::vector<Slot> slots_;  ///< the boxes, then the crossings
  std::vector<std::vector<std::size_t>> crossings_;
  std::vector<std::vector<std::size_t>> layers_;
};

}  // namespace

Layout lay_out(const std::vector<Size>& boxes, const std::vector<Link>& links) { return Layers(boxes, links).finish(); }

}  // namespace sluice::tools
