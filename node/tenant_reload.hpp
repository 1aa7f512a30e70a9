#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "messages/tenant.hpp"

namespace nsai::node {

/// What differs between two settings of tenants, a line each: "lab: quota.gpus 4 -> 8".
std::vector<std::string> differences(std::map<std::string, tenant_settings> const& before,
                                     std::map<std::string, tenant_settings> const& after);

/// What SIGHUP means to a node, if it does not mean to stop.
using on_hangup = std::function<void()>;

/// The tenants of a config file that may be read again while the node runs.
class tenant_reload {
 public:
  using settings = std::map<std::string, tenant_settings>;
  /// `use` hears of settings that are different and sound.
  tenant_reload(std::string file, settings current, std::function<void(settings const&)> use)
      : file_(std::move(file)), current_(std::move(current)), use_(std::move(use)) {}

  /// Reads the file. The whole of it has to be sound; else the settings stay, and the log says
  /// why. Of a sound one the tenants are used, the rest counts from the node's next start on.
  void operator()();

 private:
  std::string file_;
  settings current_;
  std::function<void(settings const&)> use_;
};

}  // namespace nsai::node
