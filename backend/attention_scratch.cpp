#include "backend/attention_scratch.h"

#include "backend/layout.h"

namespace sluice::backend {

AttentionTile attention_tile(const Target& target) {
  // Two vectors a row, the columns of the other operand and a broadcast element: 19 or 11 registers.
  return {target.vector_registers >= 32 ? 8 : 4, target.lanes(4)};
}

AttentionScratch attention_scratch(const ir::AttentionParts& parts, const AttentionTile& tile) {
  AttentionScratch scratch;
  Bytes end = 0;
  const auto add = [&](Bytes& begin, Bytes elements) {
    begin = end;
    end = end + 4 * elements + kLine;
  };
  const Dim keys = parts.backward ? Dim(kKeyBlock) : parts.keys + tile.columns();
  const Dim rows = parts.backward ? parts.queries + tile.rows : Dim(tile.rows);
  const Dim weights = parts.backward ? Dim(kQueryBlock * kKeyBlock) : keys * tile.rows;
  add(scratch.keys, keys * parts.depth);
  add(scratch.values, parts.backward ? keys * parts.width : Dim(0));
  add(scratch.weights, weights);
  add(scratch.slopes, parts.backward ? weights : Dim(0));
  add(scratch.sums, rows);
  add(scratch.offsets, rows);
  scratch.end = end;
  return scratch;
}

}  // namespace sluice::backend
