#pragma once

// A user's header with the name of a private header of Sluice.
inline constexpr int kNodes = 3;
