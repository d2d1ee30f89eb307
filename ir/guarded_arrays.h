#pragma once

namespace sluice {

/// During its lifetime, arrays created by its thread are followed, after their readable bytes, by inaccessible memory,
/// and these bytes must still be zero when the array is freed: how `check` confines kernels to their buffers. Only on
/// Linux; does nothing elsewhere.
class GuardedArrays {
 public:
  GuardedArrays();
  ~GuardedArrays();
  GuardedArrays(const GuardedArrays&) = delete;
  GuardedArrays& operator=(const GuardedArrays&) = delete;
};

}  // namespace sluice
