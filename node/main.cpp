#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "messages/suggest.hpp"
#include "node/cli.hpp"
#include "node/version.hpp"

namespace {

using namespace nsai;
using namespace nsai::node;

void add_globals(CLI::App& app, global_options& global) {
  app.add_option("--scheduler", global.scheduler, "HOST:PORT of the scheduler")
      ->envname("NSAI_SCHEDULER");
  app.add_option("--tenant", global.tenant, "whose jobs")->envname("NSAI_TENANT");
  app.add_option("--secret-file", global.secret_file,
                 "file with the cluster's secret (NSAI_SECRET_FILE)");
  app.add_flag("--json", global.out.as_json, "one JSON document on stdout");
  app.add_flag("--quiet", global.out.quiet, "results only");
  app.add_flag("--no-color", global.no_color, "no colour");
}

/// The command that was read, as far as it was.
CLI::App& read_command(CLI::App& app) {
  auto* command = &app;
  while (!command->get_subcommands().empty())
    command = command->get_subcommands().front();
  return *command;
}

std::vector<CLI::App const*> commands_of(CLI::App const& command) {
  return command.get_subcommands([](CLI::App const*) { return true; });
}

/// What may come next: options, the global ones among them, and commands.
std::vector<std::string> known_words(CLI::App& app, CLI::App& command) {
  std::vector<std::string> known;
  for (auto const* const each : commands_of(command))
    known.push_back(each->get_name());
  for (auto* const at : {&app, &command})
    for (auto const* const option : at->get_options())
      for (auto const& name : option->get_lnames())
        known.push_back("--" + name);
  return known;
}

/// "--cpus" is --cpu, and "--retries" --max-retries.
std::string meant_by(std::string const& word, std::vector<std::string> const& known) {
  auto const close = nearest(word, known);
  if (!close.empty() || !word.starts_with("--"))
    return close;
  auto const longer = std::find_if(known.begin(), known.end(), [&](std::string const& each) {
    return each.ends_with(word.substr(1));
  });
  return longer == known.end() ? std::string{} : *longer;
}

/// What CLI11 could not read, and what was probably meant. It names everything behind that, too.
std::string unknown_word(CLI::App& app) {
  auto& command = read_command(app);
  auto const left = app.remaining(true);
  if (left.empty())
    return "a command is missing";
  auto const& word = left.front();
  auto const name = &command == &app ? "nsai" : "nsai " + command.get_name();
  auto const meant = meant_by(word, known_words(app, command));
  return "\"" + word + "\" was not expected after " + name +
         (meant.empty() ? std::string{} : "; did you mean " + meant + "?");
}

/// What CLI11 refused, in the project's own form. Help and version are no errors.
int show_parse_error(CLI::App& app, CLI::ParseError const& e, global_options const& global) {
  if (e.get_exit_code() == 0)
    return app.exit(e);
  bool const lacks_command = dynamic_cast<CLI::RequiredError const*>(&e) != nullptr &&
                             !commands_of(read_command(app)).empty();
  bool const is_unknown = lacks_command || dynamic_cast<CLI::ExtrasError const*>(&e) != nullptr;
  auto const fault = is_unknown ? unknown_word(app) : std::string{e.what()};
  global.out.errors({error_of("usage", "usage", fault + " (see nsai --help)")});
  return exit_usage;
}

int run_chosen(command_body const& body, global_options const& global) {
  try {
    return body();
  } catch (command_error const& e) {
    global.out.errors(e.faults());
    return exit_code_of(e.faults().front());
  } catch (shape_error const& e) {
    global.out.errors({usage_error(e)});
    return exit_usage;
  } catch (std::exception const& e) {
    global.out.errors({error_of("internal", "internal", e.what())});
    return exit_job_failed;
  }
}

/// CLI11 tells of a bad option before it has read a later --json; the answer has the form that was
/// asked for.
bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view{argv[i]} == "--")
      return false;
    if (std::string_view{argv[i]} == "--json")
      return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("nsai"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  spdlog::set_level(spdlog::level::warn);
  CLI::App app{"nsai: a job runtime for machine-learning research groups", "nsai"};
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.fallthrough();
  global_options global;
  add_globals(app, global);
  app.footer("example: nsai node &  nsai submit --stage echo --set text=hi --wait");

  std::vector<command> commands{node_command(), submit_command(), await_command(),
                                recurring_command(), simulate_command()};
  for (auto& more : {experiment_commands(), job_commands(), cluster_commands()})
    commands.insert(commands.end(), more.begin(), more.end());
  command_body chosen;
  for (auto const& each : commands) {
    auto* sub = app.add_subcommand(each.name, each.summary);
    sub->footer(std::string{"example: "} + each.example);
    auto body = each.add(*sub, global);
    sub->callback([&chosen, body] { chosen = body; });
  }
  global.out.as_json = wants_json(argc, argv);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    return show_parse_error(app, e, global);
  }
  global.out.color = !global.no_color && ::isatty(STDOUT_FILENO) == 1;
  return run_chosen(chosen, global);
}
