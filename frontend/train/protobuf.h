#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// The wire format of protocol buffers, as far as event files need it: a message is a string of fields, each of which is
// a key (its number and wire type) and a value.
namespace sluice::detail {

template <typename T>
void append_little_endian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

inline void append_key(std::string& out, int field, Wire wire) {
  append_varint(out, static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

inline void append_integer(std::string& out, int field, std::int64_t value) {
  append_key(out, field, Wire::kVarint);
  append_varint(out, static_cast<std::uint64_t>(value));
}

inline void append_float(std::string& out, int field, float value) {
  append_key(out, field, Wire::kFixed32);
  append_little_endian(out, std::bit_cast<std::uint32_t>(value));
}

inline void append_double(std::string& out, int field, double value) {
  append_key(out, field, Wire::kFixed64);
  append_little_endian(out, std::bit_cast<std::uint64_t>(value));
}

/// A string, or a message inside this one.
inline void append_bytes(std::string& out, int field, std::string_view bytes) {
  append_key(out, field, Wire::kBytes);
  append_varint(out, bytes.size());
  out += bytes;
}

}  // namespace sluice::detail
