#pragma once

#include <cstdint>

/// Returns how often operator new was called in this program; counting_new.cpp replaces it.
std::int64_t allocation_count();
