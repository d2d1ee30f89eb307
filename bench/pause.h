#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace sluice::bench {

/// Tells the core that a thread is waiting for another.
inline void pause() {
#if defined(__SSE2__)
  _mm_pause();
#endif
}

}  // namespace sluice::bench
