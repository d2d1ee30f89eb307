#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/contest.h"

namespace sluice::bench {

/// A perceptron of PyTorch in a process of its own, which waits while others have their turns.
struct TorchOptions {
  std::vector<std::string> command;  ///< runs torch_peer.py
  std::vector<int> sizes;
  int batch;
  int threads;
  bool training;               ///< else inference
  std::filesystem::path data;  ///< the folder of MNIST's files
};

/// Throws Error if the process does not come up.
Contestant torch_contestant(const TorchOptions& options);

}  // namespace sluice::bench
