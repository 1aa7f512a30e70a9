#include "scheduling/job_table.hpp"

#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

namespace {

// By what differs between jobs; what is seldom told is left to the comparison.
std::size_t hash_of(constraints const& c) {
  std::size_t h = 0;
  for (std::int64_t const part :
       {std::int64_t{c.max_retries.value_or(-1)}, std::int64_t{c.max_infra_retries},
        c.retry_backoff_ms, c.timeout_ms.value_or(-1), c.grace_ms, c.deadline.ms, c.not_before.ms,
        c.estimated_duration_ms, c.max_cost_usd.value_or(micro{-1}).value})
    h = (h ^ static_cast<std::size_t>(part)) * 0x9e3779b97f4a7c15ULL + (h >> 29);
  return h;
}

}  // namespace

terms_index terms_table::find(constraints const& c, std::size_t hash) const {
  auto const [first, last] = by_hash_.equal_range(hash);
  for (auto at = first; at != last; ++at)
    if (entries_[at->second].value == c)
      return at->second;
  return none;
}

terms_index terms_table::intern(constraints const& c) {
  if (dependencies_of(c) > 0) {
    auto without = c;
    without.depends_on.clear();
    without.after_any.clear();
    return intern(without);
  }
  auto const hash = hash_of(c);
  auto index = find(c, hash);
  if (index != none)
    return index;
  if (free_.empty()) {
    index = static_cast<terms_index>(entries_.size());
    entries_.push_back({c, 0});
  } else {
    index = free_.back();
    free_.pop_back();
    entries_[index] = {c, 0};
  }
  by_hash_.emplace(hash, index);
  return index;
}

void terms_table::release(terms_index index) {
  auto& entry = entries_[index];
  NSAI_ASSERT(entry.jobs > 0);
  if (--entry.jobs > 0)
    return;
  auto const [first, last] = by_hash_.equal_range(hash_of(entry.value));
  by_hash_.erase(std::find_if(first, last, [&](auto const& e) { return e.second == index; }));
  entry.value = {};
  free_.push_back(index);
}

job_table::job_table(job_table const& other) : job_table() {
  blocks_.reserve(other.blocks_.size());
  for (auto const* const each : other.blocks_)
    blocks_.push_back(each == nullptr ? nullptr : new (block_memory()) block(*each));
  used_ = other.used_;
  first_ = other.first_;
  gone_ = other.gone_;
  size_ = other.size_;
}

void* job_table::block_memory() {
  if (spare_.empty()) {
    constexpr std::size_t largest_chunk = (std::size_t{2} << 20) / sizeof(block);
    // Twice as many as there are, so that a small table is small.
    std::size_t count = chunks_.empty() ? 1 : std::min(2 * chunks_.back().count, largest_chunk);
    chunks_.reserve(chunks_.size() + 1);
    auto all = count;
    for (auto const& each : chunks_)
      all += each.count;
    spare_.reserve(all);  // `erase` needs no memory then
    auto* const first = static_cast<block*>(memory_->allocate(count * sizeof(block)));
    chunks_.push_back({first, count});
    while (count > 0)
      spare_.push_back(first + --count);
  }
  auto* const next = spare_.back();
  spare_.pop_back();
  return next;
}

void job_table::give_back() {
  static_assert(std::is_trivially_destructible_v<job>);
  for (auto const& each : chunks_)
    memory_->deallocate(each.first, each.count * sizeof(block));
  chunks_.clear();
  spare_.clear();
}

job& job_table::add(job_id id) {
  auto const number = id.value / block_size;
  if (size_ == 0) {
    blocks_.clear();
    used_.clear();
    first_ = number;
    gone_ = 0;
  }
  if (number < first_) {
    auto const more = static_cast<std::ptrdiff_t>(first_ - number);
    blocks_.resize(blocks_.size() + (first_ - number));
    std::rotate(blocks_.begin(), blocks_.end() - more, blocks_.end());
    used_.insert(used_.begin(), first_ - number, 0);
    first_ = number;
  }
  auto const at = number - first_;
  if (blocks_.size() <= at) {
    blocks_.resize(at + 1);
    used_.resize(at + 1);
  }
  gone_ = std::min<std::size_t>(gone_, at);
  if (blocks_[at] == nullptr)
    blocks_[at] = new (block_memory()) block{};
  auto& slot = (*blocks_[at])[id.value % block_size];
  NSAI_ASSERT(id && !slot.id);
  slot = job{};
  slot.id = id;
  ++used_[at];
  ++size_;
  return slot;
}

void job_table::erase(job_id id) {
  auto* const found = find(id);
  NSAI_ASSERT(found != nullptr);
  found->id = {};
  --size_;
  auto const at = id.value / block_size - first_;
  if (--used_[at] > 0)
    return;
  spare_.push_back(std::exchange(blocks_[at], nullptr));
  if (size_ == 0)
    give_back();
  while (gone_ < blocks_.size() && !blocks_[gone_])
    ++gone_;
  while (!blocks_.empty() && !blocks_.back())
    blocks_.pop_back();
  used_.resize(blocks_.size());
  gone_ = std::min(gone_, blocks_.size());
  if (2 * gone_ < blocks_.size() || gone_ == 0)
    return;
  // As many go as stay at most: each entry is moved a few times in its life.
  auto const gone = static_cast<std::ptrdiff_t>(gone_);
  blocks_.erase(blocks_.begin(), blocks_.begin() + gone);
  used_.erase(used_.begin(), used_.begin() + gone);
  first_ += gone_;
  gone_ = 0;
}

job* job_table::find(job_id id) {
  auto* const block = block_of(id);
  if (block == nullptr)
    return nullptr;
  auto& slot = (*block)[id.value % block_size];
  return slot.id ? &slot : nullptr;
}

}  // namespace nsai::scheduling
