// nsai submit --cron, nsai recurring
#include <memory>

#include "node/cli.hpp"

namespace nsai::node {
namespace {

int show_recurring(std::vector<std::string> const& words, global_options const& global) {
  session connection{global};
  if (!words.empty() && words.front() == "cancel") {
    if (words.size() < 2)
      throw shape_error("recurring", "no name was given", "nsai recurring cancel NAME...");
    want_done(connection->cancel_recurring({words.begin() + 1, words.end()}));
    if (global.out.as_json)
      global.out.document({{"canceled", json(std::vector(words.begin() + 1, words.end()))}});
    return exit_done;
  }
  if (words.size() > 1 || (words.size() == 1 && words.front() != "list"))
    throw shape_error("recurring", "\"" + words.front().substr(0, 60) + "\" is not allowed",
                      "list, or cancel NAME...");
  auto const all = value_of(connection->recurrences());
  if (global.out.as_json) {
    global.out.document(write_json(all));
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{{"NAME", "CRON", "STAGE", "NEXT", "LAST JOB", ""}};
  for (auto const& r : all)
    rows.push_back({r.name, r.cron, r.request.stage, to_rfc3339(r.next_at),
                    r.last_job ? std::to_string(r.last_job.value) : "-",
                    r.last_error ? escaped(r.last_error->message) : ""});
  global.out.table(rows);
  return exit_done;
}

}  // namespace

int submit_recurring(session& connection, global_options const& global,
                     add_recurrence const& wish) {
  auto const made = value_of(connection->recur(wish));
  if (global.out.as_json)
    global.out.document(json(made));
  else
    global.out.say(made.name + ": first at " + to_rfc3339(made.next_at));
  return exit_done;
}

command recurring_command() {
  return {"recurring", "what recurs (submit --cron): list, or cancel NAME...",
          "nsai recurring cancel nightly",
          [](CLI::App& app, global_options& global) -> command_body {
            auto words = std::make_shared<std::vector<std::string>>();
            app.add_option("words", *words, "list (default), or cancel and names");
            return [words, &global] { return show_recurring(*words, global); };
          }};
}

}  // namespace nsai::node
