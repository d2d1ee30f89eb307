#pragma once

// A header of the user's whose name one of Sluice's private ones might have.
inline constexpr int kNodes = 3;
