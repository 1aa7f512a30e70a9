#include "stages/plugin_check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "messages/job.hpp"
#include "messages/suggest.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

/// Group and others may not write it; in a directory with the sticky bit they cannot replace what
/// is not theirs.
bool others_write(struct stat const& about) {
  bool const sticky = S_ISDIR(about.st_mode) && (about.st_mode & S_ISVTX) != 0;
  return (about.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky;
}

std::string fault_of_description(stage_description const& told, registry const& built_in) {
  static std::vector<std::string> const types{"string", "integer", "number", "boolean",
                                              "array",  "object",  "any"};
  if (!is_name(told.name))
    return "\"" + told.name.substr(0, 80) +
           "\" is not allowed as the name of a stage; expected 1 to 64 of A-Z a-z 0-9 . _ -, "
           "beginning with a letter or a digit";
  if (built_in.find(told.name) != nullptr)
    return "its stage " + told.name + " has the name of a built-in one";
  for (auto const& option : told.options)
    if (std::find(types.begin(), types.end(), option.type) == types.end() || option.name.empty())
      return "its stage " + told.name + " describes the option \"" + option.name.substr(0, 80) +
             "\" with the type \"" + option.type.substr(0, 80) + "\"; expected one of " +
             joined(types);
  return {};
}

}  // namespace

std::string plugin_file_fault(std::string const& library) {
  fs::path const path = library;
  if (!path.is_absolute())
    return "the path is not absolute";
  std::error_code fault;
  auto const real = fs::canonical(path, fault);
  if (fault)
    return fault.message();
  struct stat about {};
  if (::stat(real.c_str(), &about) != 0)
    return std::strerror(errno);
  if (!S_ISREG(about.st_mode))
    return "it is no file";
  for (auto place = real;; place = place.parent_path()) {
    if (::stat(place.c_str(), &about) != 0)
      return place.string() + ": " + std::strerror(errno);
    if (others_write(about))
      return place.string() + " can be written by group or others";
    if (about.st_uid != 0 && about.st_uid != ::geteuid())
      return place.string() + " belongs to another user";
    if (place == place.root_path())
      return {};
  }
}

std::string check_plugin_description(plugin_description& told, registry const& built_in,
                                     std::vector<std::string> const& wanted) {
  if (!told.fault.empty())
    return told.fault;
  if (told.stages.empty())
    return "it registers no stage";
  std::vector<std::string> names;
  for (auto& each : told.stages) {
    if (auto fault = fault_of_description(each, built_in); !fault.empty())
      return fault;
    each.backend = "stage_host";
    each.unavailable.clear();
    names.push_back(each.name);
  }
  for (auto const& name : wanted)
    if (std::find(names.begin(), names.end(), name) == names.end())
      return "it has no stage " + name + ", which the config expects; it has " + joined(names);
  for (auto const& name : names)
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end())
      return "its stage " + name + " is not among those that the config names";
  return {};
}

}  // namespace nsai::stages
