#pragma once

#include <cstdint>

/// How often operator new was called in this program, which counting_new.cpp replaces.
std::int64_t allocation_count();
