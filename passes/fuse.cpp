#include "passes/fuse.h"

#include "passes/fuse_groups.h"

namespace sluice::passes {

void grow_groups(Groups& groups) {
  grow_matmul_groups(groups);  // first: a product can take in most, and saves most by it
  grow_row_groups(groups);     // before reductions, which end where a row could go on
  grow_reduce_groups(groups);  // before loops, which would keep what a reduction could swallow
  grow_loop_groups(groups);
}

ir::Graph fuse(const ir::Graph& graph) {
  const ir::Graph live = inline_other_bodies(graph);
  Groups groups(live);
  grow_groups(groups);
  return emit_groups(groups);
}

}  // namespace sluice::passes
