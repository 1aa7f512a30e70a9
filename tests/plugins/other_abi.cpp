// Built for another version of the interface.
#include "stages/plugin.hpp"

static void register_nothing(nsai::stages::stage_sink&) {}

extern "C" __attribute__((visibility("default")))
nsai::stages::plugin_entry const nsai_stage_plugin{999, 0, 0, register_nothing};
