#pragma once

namespace sluice {

/// For as long as one lives, arrays that its thread makes are followed, behind their readable bytes, by memory that
/// nobody may touch, and these bytes must still be zeros when the array goes: how `check` holds kernels to their
/// buffers. Only on Linux; elsewhere it does nothing.
class GuardedArrays {
 public:
  GuardedArrays();
  ~GuardedArrays();
  GuardedArrays(const GuardedArrays&) = delete;
  GuardedArrays& operator=(const GuardedArrays&) = delete;
};

}  // namespace sluice
