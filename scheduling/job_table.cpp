#include "scheduling/job_table.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

terms_index terms_table::intern(constraints c) {
  c.depends_on.clear();
  if (latest_ != none && entries_[latest_].jobs > 0 && entries_[latest_].value == c)
    return latest_;
  if (free_.empty()) {
    latest_ = static_cast<terms_index>(entries_.size());
    entries_.push_back({std::move(c), 0});
  } else {
    latest_ = free_.back();
    free_.pop_back();
    entries_[latest_] = {std::move(c), 0};
  }
  return latest_;
}

void terms_table::release(terms_index index) {
  auto& entry = entries_[index];
  NSAI_ASSERT(entry.jobs > 0);
  if (--entry.jobs > 0)
    return;
  entry.value = {};
  free_.push_back(index);
  if (latest_ == index)
    latest_ = none;
}

job& job_table::add(job_id id) {
  auto const number = id.value / block_size;
  auto& block = blocks_[number];
  if (!block)
    block = std::make_unique<job_table::block>();
  last_number_ = number;
  last_block_ = block.get();
  auto& slot = block->jobs[id.value % block_size];
  NSAI_ASSERT(id && !slot.id);
  slot = job{};
  slot.id = id;
  ++block->used;
  ++size_;
  return slot;
}

void job_table::erase(job_id id) {
  auto* const found = find(id);
  NSAI_ASSERT(found != nullptr);
  found->id = {};
  --size_;
  if (--last_block_->used == 0) {
    blocks_.erase(last_number_);
    last_number_ = ~std::uint64_t{0};
    last_block_ = nullptr;
  }
}

job* job_table::find(job_id id) {
  auto const number = id.value / block_size;
  if (number != last_number_) {
    auto const at = blocks_.find(number);
    if (at == blocks_.end())
      return nullptr;
    last_number_ = number;
    last_block_ = at->second.get();
  }
  auto& slot = last_block_->jobs[id.value % block_size];
  return slot.id ? &slot : nullptr;
}

std::vector<std::uint64_t> job_table::block_numbers() const {
  std::vector<std::uint64_t> numbers;
  for (auto const& [number, block] : blocks_)
    numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace nsai::scheduling
