// nsai simulate: the commands that need no cluster
#include "node/simulate.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "messages/suggest.hpp"

namespace nsai::node {
namespace {

std::vector<command> simulate_commands() {
  std::vector<command> list{simulate_run_command(), simulate_placement_command(),
                            simulate_faults_command()};
  for (auto& each : simulate_import_commands())
    list.push_back(std::move(each));
  return list;
}

}  // namespace

std::string read_text(std::string const& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  if (in)
    text << in.rdbuf();
  if (!in || std::filesystem::is_directory(file))
    throw shape_error(file, "the file cannot be read", "a file of text");
  return std::move(text).str();
}

void write_text(std::string const& file, std::string const& text) {
  std::ofstream out{file, std::ios::binary | std::ios::trunc};
  out << text << std::flush;
  if (!out)
    throw shape_error(file, "the file cannot be written", "a file in a folder that exists");
}

scheduling::placement_policy policy_named(std::string const& name) {
  if (auto const policy = scheduling::placement_policy_named(name))
    return *policy;
  std::vector<std::string> const names(scheduling::placement_policy_names.begin(),
                                       scheduling::placement_policy_names.end());
  auto const near = nearest(name, names);
  throw shape_error("policy", "\"" + name.substr(0, 40) + "\" is not allowed",
                    near.empty() ? "one of " + joined(names) : near + " (did you mean that?)");
}

command simulate_command() {
  return {"simulate", "play in virtual time what would happen, without a cluster",
          "nsai simulate run --cluster examples/simulation/cluster.json "
          "--workload examples/simulation/workload.jsonl --add a100:4",
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
