#include "sluice/array.h"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "ir/guarded_arrays.h"
#include "ir/plain_nan.h"

namespace sluice {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::size_t kReadableTail = 64;  // allows loading a whole vector at the last element

thread_local int guards = 0;  // that live in this thread

std::size_t rounded_up(std::size_t bytes, std::size_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

#if defined(__linux__)
/// Returns zeros, `bytes` of them plus the readable tail, which end at the start of an inaccessible page; nullptr if
/// there is not enough memory.
std::shared_ptr<std::byte> allocate_guarded(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t used = rounded_up(bytes + kReadableTail, kAlignment);
  const std::size_t room = rounded_up(used, page) + page;
  void* const memory = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  std::byte* const guard = static_cast<std::byte*>(memory) + (room - page);
  if (mprotect(guard, page, PROT_NONE) != 0) {
    munmap(memory, room);
    return nullptr;
  }
  return {guard - used, [=](std::byte* first) {
            const bool kept = std::all_of(first + bytes, guard, [](std::byte b) { return b == std::byte{0}; });
            SLUICE_CHECK(kept, "something was written behind the last of the {} bytes of an array", bytes);
            munmap(memory, room);
          }};
}
#endif

std::shared_ptr<std::byte> allocate(DType dtype, const std::vector<std::int64_t>& sizes, std::size_t bytes) {
#if defined(__linux__)
  if (guards > 0) {
    if (std::shared_ptr<std::byte> guarded = allocate_guarded(bytes)) return guarded;
    fail("array: not enough memory for {}, {} bytes", to_string(Type{dtype, Shape::of(sizes)}), bytes);
  }
#endif
  // Kernels go down columns, whose elements are each on their own small page. The last huge page is at least half used.
  const std::size_t huge_pages = (bytes + kReadableTail + kHugePage / 2) / kHugePage;
  const std::size_t rounded = std::max(rounded_up(bytes + kReadableTail, kAlignment), huge_pages * kHugePage);
  // Not aligned_alloc, which only accepts multiples of the alignment.
  void* memory = nullptr;
  if (posix_memalign(&memory, huge_pages > 0 ? kHugePage : kAlignment, rounded) != 0) {
    fail("array: not enough memory for {}, {} bytes", to_string(Type{dtype, Shape::of(sizes)}), bytes);
  }
#if defined(__linux__)
  if (huge_pages > 0) madvise(memory, huge_pages * kHugePage, MADV_HUGEPAGE);  // only a hint: failing does no harm
#endif
  std::memset(memory, 0, rounded);
  return {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
}

std::int64_t count_elements(DType dtype, const std::vector<std::int64_t>& sizes) {
  for (const std::int64_t size : sizes) {
    if (size < 0) fail("array: a size is negative: {}", to_string(Shape::of(sizes)));
  }
  if (std::ranges::find(sizes, 0) != sizes.end()) return 0;  // whatever the other sizes are
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) {
    const auto limit = std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(size_of(dtype)) / 2;
    if (size > limit / count) fail("array: {} is too large", to_string(Type{dtype, Shape::of(sizes)}));
    count *= size;
  }
  return count;
}

constexpr std::int64_t kShownPerAxis = 8;

template <typename T>
void print_axis(std::string& out, const Array& array, std::span<const T> values, Shown shown, int axis,
                std::int64_t first) {
  if (axis == array.rank()) {
    out += fmt::format("{}", plain_nan(values[static_cast<std::size_t>(first)]));
    return;
  }
  const auto& sizes = array.sizes();
  std::int64_t stride = 1;
  for (int a = axis + 1; a < array.rank(); ++a) stride *= sizes[static_cast<std::size_t>(a)];
  const std::int64_t size = sizes[static_cast<std::size_t>(axis)];
  const bool last = axis + 1 == array.rank();
  const std::string separator = last ? ", " : ",\n" + std::string(static_cast<std::size_t>(axis) + 1, ' ');
  out += '[';
  for (std::int64_t i = 0; i < size; ++i) {
    if (i > 0) out += separator;
    if (shown == Shown::kEnds && size > kShownPerAxis && i == kShownPerAxis / 2) {
      out += "..." + separator;
      i = size - kShownPerAxis / 2;
    }
    print_axis(out, array, values, shown, axis + 1, first + i * stride);
  }
  out += ']';
}

}  // namespace

GuardedArrays::GuardedArrays() { ++guards; }

GuardedArrays::~GuardedArrays() { --guards; }

Array::Array() : Array(DType::kF32, {}) {}

Array::Array(DType dtype, std::vector<std::int64_t> sizes)
    : dtype_(dtype),
      sizes_(std::move(sizes)),
      count_(count_elements(dtype, sizes_)),
      data_(allocate(dtype, sizes_, byte_count())) {}

Array::Array(const std::vector<bool>& values, std::vector<std::int64_t> sizes) : Array(DType::kBool, std::move(sizes)) {
  check_count(values.size());
  std::ranges::copy(values, data<bool>().begin());
}

Array Array::borrow(DType dtype, std::vector<std::int64_t> sizes, std::shared_ptr<void> elements) {
  Array array(dtype, {0});
  array.count_ = count_elements(dtype, sizes);
  array.sizes_ = std::move(sizes);
  array.data_ = std::static_pointer_cast<std::byte>(std::move(elements));
  return array;
}

Array Array::clone() const {
  Array copy(dtype_, sizes_);
  if (byte_count() > 0) std::memcpy(copy.bytes(), bytes(), byte_count());
  return copy;
}

Array Array::reshaped(std::vector<std::int64_t> sizes) const {
  if (count_elements(dtype_, sizes) != count_) {
    fail("reshape: {} has {} elements, {} would have {}", to_string(type()), count_, to_string(Shape::of(sizes)),
         count_elements(dtype_, sizes));
  }
  Array view = *this;
  view.sizes_ = std::move(sizes);
  return view;
}

bool Array::operator==(const Array& other) const {
  if (dtype_ != other.dtype_ || sizes_ != other.sizes_) return false;
  return count_ == 0 || std::memcmp(bytes(), other.bytes(), byte_count()) == 0;
}

void Array::check_count(std::size_t given) const {
  if (given != static_cast<std::size_t>(count_))
    fail("array: {} takes {} values, got {}", to_string(type()), count_, given);
}

void detail::fail_at(const std::source_location& where, const std::string& message) {
  throw Error(message, {intern_file(where.file_name()), static_cast<std::uint32_t>(where.line()), 0});
}

static std::string cannot_view(const Array& array, DType wanted) {
  return fmt::format("array: the elements of {} cannot be viewed as {}", to_string(array.type()), to_string(wanted));
}

void Array::check_dtype(DType wanted) const {
  if (wanted != dtype_) throw Error(cannot_view(*this, wanted));
}

void Array::check_dtype(DType wanted, const std::source_location& where) const {
  if (wanted != dtype_) detail::fail_at(where, cannot_view(*this, wanted));
}

void Array::check_single(const std::source_location& where) const {
  if (count_ == 1) return;
  detail::fail_at(where, fmt::format("item: expected an array of one element, got {}", to_string(type())));
}

std::size_t Array::position(std::initializer_list<std::int64_t> indices, const std::source_location& where) const {
  if (indices.size() != sizes_.size()) {
    detail::fail_at(
        where, fmt::format("array: expected {} indices for {}, got {}", rank(), to_string(type()), indices.size()));
  }
  std::int64_t position = 0;
  for (std::size_t axis = 0; const std::int64_t index : indices) {
    const std::int64_t size = sizes_[axis];
    if (index < -size || index >= size) {
      detail::fail_at(where,
                      fmt::format("array: the index {} is outside of axis {} of {}", index, axis, to_string(type())));
    }
    position = position * size + (index < 0 ? index + size : index);
    ++axis;
  }
  return static_cast<std::size_t>(position);
}

double Array::number_at(std::size_t position, const std::source_location& where) const {
  return visit_dtype(dtype_, [&](auto zero) {
    const auto value = data<decltype(zero)>()[position];
    const auto number = static_cast<double>(value);
    if constexpr (std::is_same_v<decltype(zero), std::int64_t>) {
      if (!detail::fits<std::int64_t>(number) || static_cast<std::int64_t>(number) != value)
        detail::fail_at(where, fmt::format("array: a double cannot hold {}; use at<std::int64_t>", value));
    }
    return number;
  });
}

std::string to_string(const Array& array) { return to_string(array, Shown::kEnds); }

std::string to_string(const Array& array, Shown shown) {
  if (array.element_count() == 0) return "[] " + to_string(array.type());
  std::string out;
  visit_dtype(array.dtype(), [&](auto zero) { print_axis(out, array, array.data<decltype(zero)>(), shown, 0, 0); });
  return out + " " + to_string(array.type());
}

}  // namespace sluice
