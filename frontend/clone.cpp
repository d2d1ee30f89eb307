#include "sluice/detail/clone.h"

#include <map>
#include <utility>

namespace sluice::detail {

namespace {

using Copies = std::map<const void*, std::shared_ptr<void>>;

thread_local Copies* copies = nullptr;

}  // namespace

Cloning::Cloning() {
  SLUICE_CHECK(copies == nullptr, "a clone within a clone");
  copies = new Copies;
}

Cloning::~Cloning() { delete std::exchange(copies, nullptr); }

std::shared_ptr<void> Cloning::copy_of(const std::shared_ptr<void>& old,
                                       const std::function<std::shared_ptr<void>()>& make) {
  if (copies == nullptr || old == nullptr) return old;
  if (const auto found = copies->find(old.get()); found != copies->end()) return found->second;
  std::shared_ptr<void> copy = make();  // which may copy what `old` holds
  // A copy may be copied again before the clone is complete, when the new module is built from a temporary.
  copies->emplace(copy.get(), copy);
  copies->emplace(old.get(), copy);
  return copy;
}

std::shared_ptr<runtime::VariableStorage> clone_of(const runtime::VariableStorage& storage) {
  auto copy =
      std::make_shared<runtime::VariableStorage>(storage.name(), storage.value(), storage.is_weight(), storage.range());
  copy->set_trainable(storage.trainable());
  return copy;
}

}  // namespace sluice::detail
