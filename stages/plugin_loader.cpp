#include "stages/plugin_loader.hpp"

#include <stdexcept>

#include <dlfcn.h>

#include "stages/plugin.hpp"

namespace nsai::stages {
namespace {

class collector final : public stage_sink {
 public:
  void add(std::unique_ptr<stage> s) override {
    if (!s)
      throw std::invalid_argument("a null pointer was registered as a stage");
    stages.push_back(std::move(s));
  }
  std::vector<std::unique_ptr<stage>> stages;
};

plugin_entry const& entry_of(void* library) {
  auto const* entry = static_cast<plugin_entry const*>(::dlsym(library, "nsai_stage_plugin"));
  if (entry == nullptr)
    throw std::runtime_error(
        "it has no symbol nsai_stage_plugin (the macro NSAI_STAGE_PLUGIN of stages/plugin.hpp)");
  if (entry->abi != plugin_abi)
    throw std::runtime_error("it was built for version " + std::to_string(entry->abi) +
                             " of the plugin interface; this node has " +
                             std::to_string(plugin_abi));
  if (entry->env_bytes != sizeof(stage_env) || entry->context_bytes != sizeof(context) ||
      entry->register_stages == nullptr)
    throw std::runtime_error("it was built with other headers than this node");
  return *entry;
}

}  // namespace

void load_plugin(std::string const& library, registry& to) {
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    char const* const why = ::dlerror();
    throw std::runtime_error(why != nullptr ? why : "it cannot be loaded");
  }
  collector found;
  entry_of(handle).register_stages(found);
  if (found.stages.empty())
    throw std::runtime_error("it registers no stage");
  for (auto& each : found.stages)
    to.add(std::move(each));
}

plugin_description describe_plugin(std::string const& library) {
  plugin_description told;
  try {
    registry stages;
    load_plugin(library, stages);
    told.stages = stages.descriptions();
  } catch (std::exception const& e) {
    told.fault = e.what();
  } catch (...) {
    told.fault = "it threw something that is no std::exception";
  }
  return told;
}

}  // namespace nsai::stages
