#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace sluice::bench {

/// The guide's training step as one would write it by hand over a library's matrix product. The interface knows nothing
/// of the library, whose headers are compiled with flags of their own.
class Peer {
 public:
  virtual ~Peer() = default;

  /// Gathers the examples `rows`, trains on them and returns their mean loss. No more rows than `max_batch`.
  virtual double step(std::span<const std::uint32_t> rows) = 0;
};

/// What a peer trains on and with. The examples must outlive it.
struct PeerOptions {
  const float* images;  ///< 784 numbers from 0 to 1 an example
  const std::uint8_t* labels;
  int threads;
  int max_batch;
};

#if defined(__GNUC__)
#define SLUICE_PEER_API __attribute__((visibility("default")))
#else
#define SLUICE_PEER_API
#endif

SLUICE_PEER_API std::unique_ptr<Peer> make_eigen_peer(const PeerOptions& options);
SLUICE_PEER_API std::unique_ptr<Peer> make_onednn_peer(const PeerOptions& options);

}  // namespace sluice::bench
