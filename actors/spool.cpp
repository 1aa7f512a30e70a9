#include "actors/spool.hpp"

#include <fstream>

#include <spdlog/spdlog.h>

#include "messages/bounded_json.hpp"

namespace nsai::actors {

namespace fs = std::filesystem;

spool::spool(fs::path directory) : directory_(std::move(directory)) {
  std::error_code none;
  fs::create_directories(directory_, none);
  for (auto const& entry : fs::directory_iterator(directory_, none)) {
    if (entry.path().extension() != ".cbor")
      continue;
    try {
      std::ifstream in{entry.path(), std::ios::binary};
      auto outcome = read_spooled({std::istreambuf_iterator<char>{in}, {}});
      on_disk_[outcome.ref] = true;
      outcomes_[outcome.ref] = std::move(outcome);
    } catch (std::exception const& e) {
      spdlog::warn("spool: {} cannot be read and is left out: {}", entry.path().string(), e.what());
    }
  }
}

attempt_outcome read_spooled(std::string const& bytes) {
  return read_cbor(bytes).get<attempt_outcome>();
}

void spool::add(attempt_outcome outcome) {
  auto const ref = outcome.ref;
  outcomes_[ref] = std::move(outcome);
}

void spool::confirm(attempt_ref ref) {
  outcomes_.erase(ref);
  if (on_disk_.erase(ref) > 0) {
    std::error_code none;
    fs::remove(file_of(ref), none);
  }
}

std::vector<attempt_outcome> spool::all() const {
  std::vector<attempt_outcome> list;
  for (auto const& [ref, outcome] : outcomes_)
    list.push_back(outcome);
  return list;
}

std::vector<attempt_outcome> spool::some(std::vector<attempt_ref> const& refs) const {
  std::vector<attempt_outcome> list;
  for (auto const& ref : refs)
    if (auto const found = outcomes_.find(ref); found != outcomes_.end())
      list.push_back(found->second);
  return list;
}

void spool::save() {
  for (auto const& [ref, outcome] : outcomes_) {
    if (on_disk_.contains(ref))
      continue;
    auto const file = file_of(ref);
    auto const draft = file.string() + ".new";
    auto const bytes = json::to_cbor(json(outcome));
    std::ofstream out{draft, std::ios::binary};
    out.write(reinterpret_cast<char const*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    out.close();
    std::error_code failed;
    if (out)
      fs::rename(draft, file, failed);
    if (!out || failed) {
      spdlog::warn("spool: the outcome of job {} cannot be kept on disk; it stays in memory",
                   ref.job.value);
      return;
    }
    on_disk_[ref] = true;
  }
}

fs::path spool::file_of(attempt_ref ref) const {
  return directory_ / (std::to_string(ref.job.value) + "-" + std::to_string(ref.attempt) + ".cbor");
}

}  // namespace nsai::actors
