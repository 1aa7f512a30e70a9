#include "stages/artifacts.hpp"

#include <algorithm>
#include <map>

#include "stages/sha256.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

/// Regular files below the folder, by path.
std::map<std::string, std::uintmax_t> files_in(fs::path const& folder) {
  std::map<std::string, std::uintmax_t> files;
  std::error_code fault;
  fs::recursive_directory_iterator each{folder, fault};
  for (; !fault && each != fs::recursive_directory_iterator{}; each.increment(fault)) {
    std::error_code gone;
    bool const is_file = each->symlink_status(gone).type() == fs::file_type::regular;
    auto const bytes = is_file ? each->file_size(gone) : 0;
    if (is_file && !gone)
      files.emplace(each->path().lexically_normal().string(), bytes);
  }
  return files;
}

json hash_of(std::string const& path, std::uintmax_t bytes, std::uintmax_t& left) {
  if (bytes > left)
    return {};
  left -= bytes;
  try {
    return sha256_of_file(path, "artifacts");
  } catch (shape_error const&) {
    return {};
  }
}

}  // namespace

json complete_artifacts(json const& listed, fs::path const& folder, std::uint64_t job,
                        std::stop_token const& stop, std::uintmax_t most_hashed) {
  json all = listed.is_array() ? listed : json::array();
  auto files = files_in(folder);
  auto const describe = [&](json& entry, std::string const& path, std::uintmax_t bytes) {
    entry["bytes"] = bytes;
    entry["sha256"] = stop.stop_requested() ? json{} : hash_of(path, bytes, most_hashed);
    entry["job"] = job;
  };
  for (auto& entry : all) {
    if (!entry.is_object() || !entry.contains("path") || !entry.at("path").is_string())
      continue;
    auto const path = fs::path{entry.at("path").get<std::string>()}.lexically_normal().string();
    auto const found = files.find(path);
    if (found == files.end())
      continue;
    describe(entry, path, found->second);
    files.erase(found);
  }
  std::size_t added = 0;
  for (auto const& [path, bytes] : files) {
    if (++added > most_listed_files) {
      all.push_back({{"name", "further files"},
                     {"kind", "omitted"},
                     {"path", folder.string()},
                     {"files", files.size() - most_listed_files}});
      break;
    }
    json entry{{"name", fs::path{path}.lexically_relative(folder.lexically_normal()).string()},
               {"kind", "file"},
               {"path", path}};
    describe(entry, path, bytes);
    all.push_back(std::move(entry));
  }
  return all;
}

}  // namespace nsai::stages
