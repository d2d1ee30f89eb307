#pragma once

#include <filesystem>

#include "sluice/safetensors.h"

namespace sluice {

/// Returns the arrays in a safetensors file without reading them: the operating system reads their pages when elements
/// are used, so the file need not fit in memory. Elements that are written change in memory only; the file must not be
/// changed while an array exists (see sluice/memmap.h). Throws Error as read_safetensors does, but a checksum is not
/// verified, since that would read all; also if the elements of an array are not aligned to their type, as those of
/// files that Sluice writes are. Arrays of bools are read once, to check them.
SafeTensors memmap_safetensors(const std::filesystem::path& path);

}  // namespace sluice
