#pragma once

namespace sluice {

// The names of MNIST's files, wherever they come from; compressed ones end with ".gz".
inline constexpr char kTrainImages[] = "train-images-idx3-ubyte";
inline constexpr char kTrainLabels[] = "train-labels-idx1-ubyte";
inline constexpr char kTestImages[] = "t10k-images-idx3-ubyte";
inline constexpr char kTestLabels[] = "t10k-labels-idx1-ubyte";

}  // namespace sluice
