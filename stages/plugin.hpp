#pragma once

#include <cstdint>
#include <memory>

#include "stages/stage.hpp"

/// A stage library: a shared object that a node names under `stage_plugins` and that is loaded in
/// stage hosts only. It is built with the headers and the static libraries of this version and
/// exports one symbol:
///
///   class my_stage final : public nsai::stages::stage { ... };
///   NSAI_STAGE_PLUGIN(to) {
///     to.add(std::make_unique<my_stage>());
///   }
///
/// Its stages always run in a host, whatever `backend` their descriptions name. A host runs one
/// attempt at a time.
namespace nsai::stages {

/// Takes the stages of a library; `add` throws std::invalid_argument for a description that is not
/// sound.
class stage_sink {
 public:
  virtual void add(std::unique_ptr<stage> s) = 0;

 protected:
  ~stage_sink() = default;
};

/// Grows whenever `stage`, what it is given or what it gives changes its layout or its meaning.
inline constexpr std::uint32_t plugin_abi = 1;

/// What the symbol `nsai_stage_plugin` is: looked at before anything of the library is called.
struct plugin_entry {
  std::uint32_t abi = plugin_abi;
  std::uint32_t env_bytes = sizeof(stage_env);  // finds a library built against other headers
  std::uint32_t context_bytes = sizeof(context);
  void (*register_stages)(stage_sink& to) = nullptr;
};

}  // namespace nsai::stages

#define NSAI_STAGE_PLUGIN(to)                                                                   \
  static void nsai_register_stages(nsai::stages::stage_sink& to);                               \
  extern "C" __attribute__((visibility("default")))                                             \
  nsai::stages::plugin_entry const nsai_stage_plugin{                                           \
      nsai::stages::plugin_abi, sizeof(nsai::stages::stage_env), sizeof(nsai::stages::context), \
      nsai_register_stages};                                                                    \
  static void nsai_register_stages(nsai::stages::stage_sink& to)
