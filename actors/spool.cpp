#include "actors/spool.hpp"

#include <charconv>
#include <fstream>

#include <spdlog/spdlog.h>

#include "messages/bounded_json.hpp"

namespace nsai::actors {

namespace fs = std::filesystem;

spool::spool(fs::path directory) : directory_(std::move(directory)) {
  std::error_code none;
  fs::create_directories(directory_, none);
  for (auto const& each : fs::directory_iterator(directory_, none)) {
    if (each.path().extension() != ".cbor")
      continue;
    try {
      read(each.path());
    } catch (std::exception const& e) {
      spdlog::warn("spool: {} cannot be read and is left out: {}", each.path().string(), e.what());
    }
  }
}

void spool::read(fs::path const& path) {
  auto const name = path.stem().string();
  std::uint64_t file = 0;
  auto const [end, fault] = std::from_chars(name.data(), name.data() + name.size(), file);
  if (fault != std::errc{} || end != name.data() + name.size() || file == 0)
    throw shape_error("name", name + " is not allowed", "a number from 1");
  last_file_ = std::max(last_file_, file);
  std::ifstream in{path, std::ios::binary};
  for (auto& outcome : read_spooled({std::istreambuf_iterator<char>{in}, {}})) {
    auto const ref = outcome.ref;
    if (entries_.try_emplace(ref, entry{std::move(outcome), 0, file}).second) {
      ++files_[file];
      late_.push_back(ref);
    }
  }
}

std::vector<attempt_outcome> read_spooled(std::string const& bytes) {
  std::vector<attempt_outcome> list;
  read_json(read_cbor(bytes), list);
  return list;
}

void spool::add(attempt_outcome outcome) {
  auto const ref = outcome.ref;
  auto& slot = entries_[ref];
  slot.outcome = std::move(outcome);
  slot.beat = beat_;
  fresh_.push_back(ref);
}

void spool::confirm(attempt_ref ref) {
  auto const found = entries_.find(ref);
  if (found == entries_.end())
    return;
  if (auto const file = files_.find(found->second.file);
      file != files_.end() && --file->second == 0) {
    std::error_code none;
    fs::remove(path_of(file->first), none);
    files_.erase(file);
  }
  entries_.erase(found);
}

std::vector<attempt_outcome> spool::all() const {
  std::vector<attempt_outcome> list;
  for (auto const& [ref, each] : entries_)
    list.push_back(each.outcome);
  return list;
}

std::vector<attempt_outcome> spool::some(std::vector<attempt_ref> const& refs) const {
  std::vector<attempt_outcome> list;
  list.reserve(refs.size());
  for (auto const& ref : refs)
    if (auto const found = entries_.find(ref); found != entries_.end())
      list.push_back(found->second.outcome);
  return list;
}

std::vector<attempt_ref> spool::overdue(std::size_t most) {
  std::erase_if(late_, [this](attempt_ref ref) { return !entries_.contains(ref); });
  std::vector<entry*> unsaved;
  for (auto const ref : late_)
    if (auto& each = entries_.at(ref); each.file == 0)
      unsaved.push_back(&each);
  write(unsaved);
  auto const told = late_;
  // What was added since the last beat is overdue at the next one.
  for (auto const ref : std::exchange(fresh_, {}))
    if (auto const found = entries_.find(ref);
        found != entries_.end() && std::exchange(found->second.beat, 0) == beat_)
      late_.push_back(ref);
  ++beat_;
  return {told.begin(), told.begin() + static_cast<std::ptrdiff_t>(std::min(most, told.size()))};
}

void spool::save() {
  std::vector<entry*> unsaved;
  for (auto& [ref, each] : entries_)
    if (each.file == 0)
      unsaved.push_back(&each);
  write(unsaved);
}

void spool::write(std::vector<entry*> const& list) {
  if (list.empty())
    return;
  json outcomes = json::array();
  for (auto const* each : list)
    outcomes.push_back(each->outcome);
  auto const bytes = json::to_cbor(outcomes);
  auto const number = ++last_file_;
  auto const draft = path_of(number).string() + ".new";
  std::ofstream out{draft, std::ios::binary};
  out.write(reinterpret_cast<char const*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code failed;
  if (out)
    fs::rename(draft, path_of(number), failed);
  if (!out || failed) {
    spdlog::warn("spool: {} outcomes cannot be kept on disk; they stay in memory", list.size());
    fs::remove(draft, failed);
    return;
  }
  for (auto* each : list)
    each->file = number;
  files_[number] = list.size();
}

fs::path spool::path_of(std::uint64_t file) const {
  return directory_ / (std::to_string(file) + ".cbor");
}

}  // namespace nsai::actors
