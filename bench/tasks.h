#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::bench {

/// Work that other frameworks do too, on random numbers: a training step of a model, an operation with its gradients, a
/// function of arrays.
struct Task {
  std::function<double()> work;  ///< returns a loss, or 0 if there is none
  double operations = 0;         ///< multiplications and additions of its products; 0: not counted
};

/// A kind of task: what is compared, by its sizes and a batch size.
struct TaskKind {
  std::string_view name;
  std::string_view sizes;  ///< the names of its sizes: "height-width-channels"
  Task (*make)(const std::vector<int>& sizes, int batch);
};

/// models.cpp: convnet, transformer.
std::span<const TaskKind> model_tasks();
/// operations.cpp: conv, conv_all, depthwise_all, max_pool_all, avg_pool_all, attention, attention_all,
/// causal_attention_all, layer_norm, layer_norm_all.
std::span<const TaskKind> operation_tasks();
/// functions.cpp: exp, gelu, sum, cumsum, sort, top_k, gather, scatter_add, ...
std::span<const TaskKind> function_tasks();

/// Returns the kind of that name, or null.
const TaskKind* find_task(std::string_view name);

}  // namespace sluice::bench
