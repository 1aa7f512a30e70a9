// nsai simulate: the commands that need no cluster
#include "node/simulate.hpp"

namespace nsai::node {
namespace {

std::vector<command> simulate_commands() {
  std::vector<command> list{simulate_faults_command()};
  for (char const* name : {"run", "placement"})
    list.push_back({name, "not in this version", "nsai simulate --help",
                    [name](CLI::App& app, global_options&) -> command_body {
                      app.allow_extras();
                      return [name]() -> int {
                        throw command_error(error_of("usage", "unsupported",
                                                     std::string{"nsai simulate "} + name +
                                                         " is not supported by this version"));
                      };
                    }});
  return list;
}

}  // namespace

command simulate_command() {
  return {"simulate", "play in virtual time what would happen, without a cluster",
          "nsai simulate faults --seeds 1-1000",
          [](CLI::App& app, global_options& global) -> command_body {
            auto chosen = std::make_shared<command_body>();
            app.require_subcommand(1);
            for (auto const& each : simulate_commands()) {
              auto* const sub = app.add_subcommand(each.name, each.summary);
              sub->footer(std::string{"example: "} + each.example);
              auto body = each.add(*sub, global);
              sub->callback([chosen, body] { *chosen = body; });
            }
            return [chosen] { return (*chosen)(); };
          }};
}

}  // namespace nsai::node
