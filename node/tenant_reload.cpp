#include "node/tenant_reload.hpp"

#include <set>

#include <spdlog/spdlog.h>

#include "node/config.hpp"
#include "stages/experiment.hpp"

namespace nsai::node {
namespace {

std::string path_in_words(std::string const& pointer) {
  auto path = pointer.substr(1);
  for (auto& c : path)
    c = c == '/' ? '.' : c;
  return path;
}

/// Values by their path; what is not set is left out.
std::map<std::string, std::string> values_of(tenant_settings const& settings) {
  std::map<std::string, std::string> list;
  auto const flat = write_json(settings).flatten();
  for (auto const& [pointer, value] : flat.items())
    if (!value.is_null() && !value.empty())
      list[path_in_words(pointer)] = value.dump();
  return list;
}

}  // namespace

std::vector<std::string> differences(std::map<std::string, tenant_settings> const& before,
                                     std::map<std::string, tenant_settings> const& after) {
  std::vector<std::string> lines;
  std::set<std::string> names;
  for (auto const* const each : {&before, &after})
    for (auto const& [name, settings] : *each)
      names.insert(name);
  for (auto const& name : names) {
    auto const old = before.find(name);
    auto const now = after.find(name);
    if (old == before.end() || now == after.end())
      lines.push_back(name + (now == after.end() ? ": no settings any more" : ": new settings"));
    auto const was = old == before.end() ? decltype(values_of({})){} : values_of(old->second);
    auto const is = now == after.end() ? decltype(values_of({})){} : values_of(now->second);
    std::set<std::string> paths;
    for (auto const* const each : {&was, &is})
      for (auto const& [path, value] : *each)
        paths.insert(path);
    auto const shown = [](auto const& values, std::string const& path) {
      auto const at = values.find(path);
      return at == values.end() ? std::string{"none"} : at->second;
    };
    for (auto const& path : paths)
      if (auto const a = shown(was, path), b = shown(is, path); a != b)
        lines.push_back(name + ": " + path + " " + a + " -> " + b);
  }
  return lines;
}

void tenant_reload::operator()() {
  node_config fresh;
  std::vector<error_info> faults;
  try {
    faults = read_config(stages::read_document(file_), fresh);
  } catch (shape_error const& fault) {
    faults.push_back(usage_error(fault));
  } catch (std::exception const& fault) {
    faults.push_back(usage_error("config", fault.what(), "a file that can be read"));
  }
  for (auto const& fault : faults)
    spdlog::error("{} is not used, all tenants keep their settings: {}", file_, fault.message);
  if (!faults.empty())
    return;
  auto const changes = differences(current_, fresh.tenants);
  for (auto const& line : changes)
    spdlog::info("{}: tenant {}", file_, line);
  if (changes.empty())
    spdlog::info("{}: nothing has changed for tenants", file_);
  else
    use_(fresh.tenants);
  current_ = std::move(fresh.tenants);
}

}  // namespace nsai::node
